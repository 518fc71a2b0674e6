//! What the entries of a set have in common.

use super::{Observation, log_logistic, logistic};

/// How the chance that an answer is right depends on its score, for an entry about which nothing
/// else is known.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Prior {
    /// How fast the chance rises with the score. Positive.
    pub slope: f64,
    /// The mean of the thresholds.
    pub center: f64,
    /// Their standard deviation. Positive.
    pub spread: f64,
}

/// Places at which the normal distribution of thresholds is summed up, in standard deviations:
/// equal steps, whose error for a normal distribution is below 1 in 10,000.
pub(super) const NODES: usize = 11;
const NODE_STEP: f64 = 0.7;
/// Steps of expectation and maximisation.
const ROUNDS: usize = 14;
/// The longest step of a parameter, in units of the standard deviation of scores.
const LONGEST: f64 = 1.0;
/// The least slope and spread, in the same units.
const LEAST: [f64; 3] = [0.2, f64::NEG_INFINITY, 0.05];
/// Where the parameters are drawn to, and how strongly: as one observation would, or less.
const DRAWN_TO: [f64; 3] = [3.0, 0.0, 1.0];
const PRECISION: [f64; 3] = [1.0 / 25.0, 1.0 / 100.0, 1.0 / 9.0];
/// The least standard deviation of scores.
const LEAST_DEVIATION: f64 = 1e-4;

/// One observation with the number of its entry.
struct Point {
    entry: usize,
    /// The score, in standard deviations from the mean.
    x: f64,
    is_right: bool,
    weight: f64,
}

/// The parameters in which the model is linear: the chance is the logistic function of
/// `a x + b - c z`, for a threshold that is `z` standard deviations above the center.
type Parameters = [f64; 3];

impl Prior {
    /// Fits observations of entries, each entry being any number that is its own. None if there are
    /// no observations. The same observations in the same order give the same result.
    pub fn fit(seen: &[(u32, Observation)]) -> Option<Self> {
        if seen.is_empty() {
            return None;
        }
        let weights: f64 = seen.iter().map(|(_, one)| one.weight()).sum();
        let mean = seen.iter().map(|(_, one)| one.weight() * one.score()).sum::<f64>() / weights;
        let square = |one: &Observation| one.weight() * (one.score() - mean).powi(2);
        let variance = seen.iter().map(|(_, one)| square(one)).sum::<f64>() / weights;
        let deviation = variance.sqrt().max(LEAST_DEVIATION);
        let (points, entries) = points(seen, mean, deviation);
        let [a, b, c] = maximise(&points, entries);
        Some(Self { slope: a / deviation, center: mean - b / a * deviation, spread: c / a * deviation })
    }
}

fn points(seen: &[(u32, Observation)], mean: f64, deviation: f64) -> (Vec<Point>, usize) {
    let mut sorted: Vec<&(u32, Observation)> = seen.iter().collect();
    // Stable, so that sums are made in one order.
    sorted.sort_by_key(|(entry, _)| *entry);
    let mut points: Vec<Point> = Vec::with_capacity(sorted.len());
    let mut entry = 0;
    for (place, (id, one)) in sorted.iter().enumerate() {
        entry += usize::from(place > 0 && sorted[place - 1].0 != *id);
        let x = (one.score() - mean) / deviation;
        points.push(Point { entry, x, is_right: one.is_right(), weight: one.weight() });
    }
    (points, entry + 1)
}

/// Node and logarithm of its share of the normal distribution.
pub(super) fn nodes() -> [(f64, f64); NODES] {
    let at = |node: usize| (node as f64 - (NODES / 2) as f64) * NODE_STEP;
    let total: f64 = (0..NODES).map(|node| (-at(node).powi(2) / 2.0).exp()).sum();
    std::array::from_fn(|node| (at(node), -at(node).powi(2) / 2.0 - total.ln()))
}

fn maximise(points: &[Point], entries: usize) -> Parameters {
    let nodes = nodes();
    let mut parameters = [2.0, 0.0, 1.0];
    for _ in 0..ROUNDS {
        let shares = expect(points, entries, &nodes, &parameters);
        step(points, &shares, &nodes, &mut parameters);
    }
    parameters
}

/// For each entry, how likely its threshold is at each of the nodes.
fn expect(
    points: &[Point],
    entries: usize,
    nodes: &[(f64, f64); NODES],
    [a, b, c]: &Parameters,
) -> Vec<[f64; NODES]> {
    let mut shares = vec![nodes.map(|(_, share)| share); entries];
    for point in points {
        let sign = if point.is_right { 1.0 } else { -1.0 };
        for (share, (z, _)) in shares[point.entry].iter_mut().zip(nodes) {
            *share += point.weight * log_logistic(sign * (a * point.x + b - c * z));
        }
    }
    for shares in &mut shares {
        let most = shares.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        shares.iter_mut().for_each(|share| *share = (*share - most).exp());
        let total: f64 = shares.iter().sum();
        shares.iter_mut().for_each(|share| *share /= total);
    }
    shares
}

/// One step of Newton's method for the parameters, with these shares.
fn step(points: &[Point], shares: &[[f64; NODES]], nodes: &[(f64, f64); NODES], parameters: &mut Parameters) {
    let mut gradient: Parameters = std::array::from_fn(|i| -PRECISION[i] * (parameters[i] - DRAWN_TO[i]));
    let mut curvature = [[0.0; 3]; 3];
    (0..3).for_each(|i| curvature[i][i] = PRECISION[i]);
    let [a, b, c] = *parameters;
    for point in points {
        let outcome = if point.is_right { 1.0 } else { 0.0 };
        for (&share, (z, _)) in shares[point.entry].iter().zip(nodes) {
            let chance = logistic(a * point.x + b - c * z);
            let weight = point.weight * share;
            let slope = weight * (outcome - chance);
            let bend = weight * chance * (1.0 - chance);
            let along = [point.x, 1.0, -z];
            for i in 0..3 {
                gradient[i] += slope * along[i];
                (0..3).for_each(|j| curvature[i][j] += bend * along[i] * along[j]);
            }
        }
    }
    for (i, by) in solve(curvature, gradient).into_iter().enumerate() {
        parameters[i] = (parameters[i] + by.clamp(-LONGEST, LONGEST)).max(LEAST[i]);
    }
}

/// Solves a system with a positive definite matrix, by elimination.
fn solve(mut matrix: [[f64; 3]; 3], mut right: Parameters) -> Parameters {
    for i in 0..3 {
        for j in i + 1..3 {
            let factor = matrix[j][i] / matrix[i][i];
            (i..3).for_each(|k| matrix[j][k] -= factor * matrix[i][k]);
            right[j] -= factor * right[i];
        }
    }
    for i in (0..3).rev() {
        let known: f64 = (i + 1..3).map(|k| matrix[i][k] * right[k]).sum();
        right[i] = (right[i] - known) / matrix[i][i];
    }
    right
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::splitmix::SplitMix64;

    fn uniform(random: &mut SplitMix64) -> f64 {
        (random.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(random: &mut SplitMix64) -> f64 {
        (0..12).map(|_| uniform(random)).sum::<f64>() - 6.0
    }

    /// Observations of entries with thresholds drawn from a prior.
    fn drawn(prior: &Prior, entries: u32, each: u32, seed: u64) -> Vec<(u32, Observation)> {
        let mut random = SplitMix64::new(seed);
        let mut seen = Vec::new();
        for entry in 0..entries {
            let threshold = prior.center + prior.spread * normal(&mut random);
            for _ in 0..each {
                let score = 0.5 + 0.5 * uniform(&mut random);
                let is_right = uniform(&mut random) < logistic(prior.slope * (score - threshold));
                seen.push((entry.wrapping_mul(0x9E37_79B9), Observation::new(score as f32, is_right, 1.0)));
            }
        }
        seen
    }

    /// The logarithm of the penalised likelihood, by another sum over thresholds: plain, and in 401
    /// steps.
    fn likelihood(seen: &[(u32, Observation)], [a, b, c]: &Parameters, mean: f64, deviation: f64) -> f64 {
        let (points, entries) = points(seen, mean, deviation);
        let steps = 401;
        let mut total = 0.0;
        for entry in 0..entries {
            let mut sum = 0.0;
            for step in 0..steps {
                let z = (f64::from(step) - 200.0) * 0.02;
                let mut term = (-z * z / 2.0).exp() * 0.02 / (2.0 * std::f64::consts::PI).sqrt();
                for point in points.iter().filter(|point| point.entry == entry) {
                    let chance = logistic(a * point.x + b - c * z);
                    let chance = if point.is_right { chance } else { 1.0 - chance };
                    term *= chance.powf(point.weight);
                }
                sum += term;
            }
            total += sum.ln();
        }
        let penalty = |i: usize, p: f64| PRECISION[i] * (p - DRAWN_TO[i]).powi(2) / 2.0;
        total - penalty(0, *a) - penalty(1, *b) - penalty(2, *c)
    }

    #[test]
    fn what_observations_were_drawn_from_is_found_again() {
        let truth = Prior { slope: 40.0, center: 0.78, spread: 0.05 };
        let seen = drawn(&truth, 300, 12, 7);
        let found = Prior::fit(&seen).expect("there are some");
        assert!((found.center - truth.center).abs() < 0.015, "{found:?}");
        assert!((found.slope / truth.slope - 1.0).abs() < 0.25, "{found:?}");
        assert!((found.spread / truth.spread - 1.0).abs() < 0.35, "{found:?}");
    }

    #[test]
    fn it_is_about_where_the_likelihood_is_greatest() {
        let truth = Prior { slope: 30.0, center: 0.8, spread: 0.06 };
        let seen = drawn(&truth, 60, 5, 3);
        let count = seen.len() as f64;
        let mean = seen.iter().map(|(_, one)| one.score()).sum::<f64>() / count;
        let variance = seen.iter().map(|(_, one)| (one.score() - mean).powi(2)).sum::<f64>() / count;
        let deviation = variance.sqrt();
        let found = Prior::fit(&seen).expect("there are some");
        let a = found.slope * deviation;
        let at = [a, (mean - found.center) / deviation * a, found.spread / deviation * a];
        let best = likelihood(&seen, &at, mean, deviation);
        for i in 0..3 {
            for by in [-0.5, 0.5] {
                let mut other = at;
                other[i] += by;
                let there = likelihood(&seen, &other, mean, deviation);
                assert!(there < best, "{found:?}: parameter {i} moved by {by} gives {there}, not {best}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_observations_have_a_finite_fit(
            seen in prop::collection::vec((0..6_u32, any::<u32>()), 1..60),
        ) {
            let seen: Vec<_> = seen.into_iter().map(|(entry, bits)| {
                // Scores of any metric: those of float32 whose squares are numbers.
                let one = Observation::from_bits(bits);
                let score = one.score().clamp(-1e9, 1e9) as f32;
                (entry, Observation::new(score, one.is_right(), one.weight()))
            }).collect();
            let found = Prior::fit(&seen).expect("there are some");
            prop_assert!(found.slope.is_finite() && found.slope > 0.0);
            prop_assert!(found.center.is_finite() && found.spread.is_finite() && found.spread > 0.0);
        }

        #[test]
        fn separated_classes_have_a_finite_slope(gap in 0.01_f32..0.4, count in 1..40_u32) {
            let seen: Vec<_> = (0..2 * count)
                .map(|n| (n, Observation::new(0.5 + if n % 2 == 1 { gap } else { 0.0 }, n % 2 == 1, 1.0)))
                .collect();
            let found = Prior::fit(&seen).expect("there are some");
            prop_assert!(found.slope.is_finite());
            prop_assert!(found.center > 0.5 && found.center < 0.5 + f64::from(gap), "{found:?}");
        }
    }
}
