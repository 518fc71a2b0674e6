//! Bounds of a share that was counted.

/// With which the bounds hold.
pub const CONFIDENCE: f64 = 0.95;

/// The bounds between which the true share lies, if `count` of `of` were counted, with at least
/// this confidence (Clopper and Pearson). 0 and 1 if nothing was counted.
pub fn clopper_pearson(count: u64, of: u64, confidence: f64) -> (f64, f64) {
    let count = count.min(of);
    let tail = (1.0 - confidence) / 2.0;
    let (k, n) = (count as f64, of as f64);
    let lower = if count == 0 { 0.0 } else { quantile(k, n - k + 1.0, tail) };
    let upper = if count == of { 1.0 } else { quantile(k + 1.0, n - k, 1.0 - tail) };
    (lower, upper)
}

/// Where the distribution function of a beta distribution has this value: by bisection.
fn quantile(a: f64, b: f64, value: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if beta(a, b, middle) < value { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

/// The regularised incomplete beta function.
fn beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    // The fraction converges fast on this side of the mean; on the other, the complement does.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - beta_by_fraction(b, a, 1.0 - x);
    }
    beta_by_fraction(a, b, x)
}

/// By the continued fraction, evaluated from its beginning (Lentz).
fn beta_by_fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    const MOST_TERMS: u32 = 100_000;
    let front = a * x.ln() + b * (-x).ln_1p() + log_gamma(a + b) - log_gamma(a) - log_gamma(b);
    let not_zero = |number: f64| if number.abs() < TINY { TINY } else { number };
    let mut c = 1.0;
    let mut d = not_zero(1.0 - (a + b) * x / (a + 1.0)).recip();
    let mut fraction = d;
    for term in 1..MOST_TERMS {
        let m = f64::from(term);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let before = fraction;
        for step in [even, odd] {
            d = not_zero(1.0 + step * d).recip();
            c = not_zero(1.0 + step / c);
            fraction *= c * d;
        }
        if (fraction / before - 1.0).abs() < 1e-15 {
            break;
        }
    }
    (front.exp() * fraction / a).clamp(0.0, 1.0)
}

/// The logarithm of the gamma function, for positive numbers: Stirling's series, above 10.
fn log_gamma(x: f64) -> f64 {
    let mut shifted = x;
    let mut product = 1.0;
    while shifted < 10.0 {
        product *= shifted;
        shifted += 1.0;
    }
    let inverse = shifted.recip();
    let square = inverse * inverse;
    let series = inverse * (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square / 1680.0)));
    (shifted - 0.5) * shifted.ln() - shifted + 0.5 * (2.0 * std::f64::consts::PI).ln() + series - product.ln()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The chance of at most `k` of `n`, term by term, in logarithms.
    fn at_most(k: u64, n: u64, share: f64) -> f64 {
        let mut term = n as f64 * (-share).ln_1p();
        let mut sum = term.exp();
        for i in 1..=k {
            term += ((n - i + 1) as f64 / i as f64 * share / (1.0 - share)).ln();
            sum += term.exp();
        }
        sum
    }

    proptest! {
        #[test]
        fn the_bounds_are_where_the_tails_of_the_binomial_distribution_are(n in 1_u64..400, k in 0_u64..400) {
            let k = k % (n + 1);
            let (lower, upper) = clopper_pearson(k, n, CONFIDENCE);
            prop_assert!(lower <= k as f64 / n as f64 && k as f64 / n as f64 <= upper);
            if k < n {
                prop_assert!((at_most(k, n, upper) - 0.025).abs() < 1e-6, "{upper}");
            }
            if k > 0 {
                prop_assert!((1.0 - at_most(k - 1, n, lower) - 0.025).abs() < 1e-6, "{lower}");
            }
        }
    }

    #[test]
    fn large_and_empty_counts_have_bounds() {
        assert_eq!(clopper_pearson(0, 0, CONFIDENCE), (0.0, 1.0));
        let (lower, upper) = clopper_pearson(5_000, 1_000_000, CONFIDENCE);
        assert!(
            lower > 0.004_86 && lower < 0.004_87 && upper > 0.005_13 && upper < 0.005_15,
            "{lower} {upper}"
        );
        let (lower, upper) = clopper_pearson(u64::MAX, u64::MAX, CONFIDENCE);
        assert!(lower > 0.999 && upper == 1.0);
    }
}
