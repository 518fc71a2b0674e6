//! What is known of the threshold of one entry.

use super::{Lead, Observation, Prior, log_logistic, logistic};

/// Observations of an entry that are kept: the last ones.
pub const KEPT: usize = 16;
/// What an observation counts beside the next newer one: the oldest that is kept, two thirds of the
/// newest.
const FADING: f64 = 31.0 / 32.0;
/// Places at which the distribution is summed up, and their distance in standard deviations of the
/// prior: six to each side, as observations may contradict it.
const NODES: usize = 61;
const NODE_STEP: f64 = 0.2;
/// Standard deviations between the mean and the bound: 90 % of a normal distribution lie below it.
///
/// By replays of 15 streams of questions: with 84 % (1.0) hits are up to a sixth more, and errors
/// reach the accepted share in the worst of them; with 95 % (1.645) hits are a quarter fewer where
/// few errors are accepted, and fewer than those of the best static threshold with as few errors.
const BOUND: f64 = 1.2816;

/// The threshold of an entry, about which as much is known as a normal distribution says.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Threshold {
    mean: f32,
    deviation: f32,
}

impl Threshold {
    /// Of an entry of which there are no observations.
    pub fn of_prior(prior: &Prior) -> Self {
        Self { mean: prior.center as f32, deviation: prior.spread as f32 }
    }

    /// Of one with observations, the newest last: mean and deviation of the product of the prior
    /// and the likelihood.
    pub fn new(prior: &Prior, seen: impl DoubleEndedIterator<Item = Observation>) -> Self {
        let at = |node: usize| (node as f64 - (NODES / 2) as f64) * NODE_STEP;
        let mut shares: [f64; NODES] = std::array::from_fn(|node| -at(node).powi(2) / 2.0);
        let mut fading = 1.0;
        for one in seen.rev().take(KEPT) {
            let sign = if one.is_right() { 1.0 } else { -1.0 };
            let from_center = prior.score_with(one.score(), one.lead()) - prior.center;
            for (node, share) in shares.iter_mut().enumerate() {
                let distance = from_center - prior.spread * at(node);
                *share += fading * one.weight() * log_logistic(sign * prior.slope * distance);
            }
            fading *= FADING;
        }
        let most = shares.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        shares.iter_mut().for_each(|share| *share = (*share - most).exp());
        let total: f64 = shares.iter().sum();
        let moment = |power| (0..NODES).map(|node| shares[node] * at(node).powi(power)).sum::<f64>() / total;
        let (mean, square) = (moment(1), moment(2));
        let deviation = (square - mean * mean).max(0.0).sqrt();
        Self {
            mean: (prior.center + prior.spread * mean) as f32,
            deviation: (prior.spread * deviation) as f32,
        }
    }

    /// Its mean.
    pub fn mean(&self) -> f64 {
        self.mean.into()
    }

    /// Its standard deviation.
    pub fn deviation(&self) -> f64 {
        self.deviation.into()
    }

    /// The chance that the entry's answer is right at a score and with a lead.
    ///
    /// The mean over thresholds, by MacKay's approximation, which is a little lower than the mean
    /// itself where chances are high.
    pub fn chance(&self, prior: &Prior, score: f64, lead: Lead) -> f64 {
        self.most(prior, score, lead, |logit| logistic(logit.shrunk(logit.score.min(logit.best_shrunk()))))
    }

    /// Its bound: with 90 % probability the chance is not below it.
    pub fn least_chance(&self, prior: &Prior, score: f64, lead: Lead) -> f64 {
        self.most(prior, score, lead, |logit| logistic(logit.bound(logit.score.min(logit.best_bound()))))
    }

    /// What `of` says with this lead, or with a usual one if that is smaller and says more.
    fn most(&self, prior: &Prior, score: f64, lead: Lead, of: impl Fn(&Logit) -> f64) -> f64 {
        let units = &prior.doubt.units;
        let usual = Lead::new(units.lead);
        let known = of(&Logit::new(self, prior, score, lead));
        let is_unusual = units.lead(lead) > units.lead(usual);
        if is_unusual { known.max(of(&Logit::new(self, prior, score, usual))) } else { known }
    }

    /// In 64 bits, with the number of the fit that the prior is from: not 0.
    ///
    /// ```text
    /// bits  0 … 31   mean, float32
    /// bits 32 … 47   deviation: the upper half of a float32, rounded up
    /// bits 48 … 63   the fit
    /// ```
    pub fn pack(self, fit: u16) -> u64 {
        let deviation = (self.deviation.to_bits() + 0xffff) >> 16;
        u64::from(self.mean.to_bits()) | u64::from(deviation) << 32 | u64::from(fit) << 48
    }

    /// What was packed, if it is of this fit.
    pub fn unpack(bits: u64, fit: u16) -> Option<Self> {
        let mean = f32::from_bits(bits as u32);
        let deviation = f32::from_bits((bits >> 32) as u32 & 0xffff).to_bits();
        let deviation = f32::from_bits(deviation << 16);
        (bits >> 48 == u64::from(fit)).then_some(Self { mean, deviation })
    }
}

/// The logit of the chance of an entry with one lead, by the score: its mean `a + b x`, and its
/// variance `p + q x + r x²`, of the threshold and of the set's doubt. `x` is the score in the
/// units of that doubt.
///
/// Chances do not fall with the score, nor with the lead: the fit allows no other parameters. The
/// normal distribution around it does, and so it doubts most what lies farthest from all that was
/// observed: a question in the very words of another would be less sure than one in similar words.
/// What is certain of a smaller score is certain of a larger one: bounds are those of the score at
/// which they are highest, if that is smaller. The same holds for leads.
struct Logit {
    score: f64,
    mean: [f64; 2],
    variance: [f64; 3],
}

/// MacKay's: by how much a variance shrinks a mean.
const SHRINKS: f64 = std::f64::consts::PI / 8.0;

impl Logit {
    fn new(threshold: &Threshold, prior: &Prior, score: f64, lead: Lead) -> Self {
        let units = &prior.doubt.units;
        let above_center = (threshold.mean() - prior.center) / prior.spread;
        let [mut p, q, r] = prior.doubt.variance_by_score(lead, above_center);
        p += (prior.slope * threshold.deviation()).powi(2);
        let at_usual = prior.slope * (prior.score_with(units.score, lead) - threshold.mean());
        let mean = [at_usual, prior.slope * units.score_deviation];
        Self { score: units.score(score), mean, variance: [p, q, r] }
    }

    fn mean_at(&self, x: f64) -> f64 {
        self.mean[0] + self.mean[1] * x
    }

    fn variance_at(&self, x: f64) -> f64 {
        let [p, q, r] = self.variance;
        (p + x * (q + x * r)).max(0.0)
    }

    fn bound(&self, x: f64) -> f64 {
        self.mean_at(x) - BOUND * self.variance_at(x).sqrt()
    }

    /// Where the bound is highest: a line minus the square root of a parabola is concave.
    fn best_bound(&self) -> f64 {
        let ([_, b], [p, q, r]) = (self.mean, self.variance);
        let steepness = r * (BOUND * BOUND * r - b * b);
        if steepness <= 0.0 {
            return f64::INFINITY;
        }
        let least = (p - q * q / (4.0 * r)).max(0.0);
        -q / (2.0 * r) + b * least.sqrt() / steepness.sqrt()
    }

    /// The mean, as the variance shrinks it.
    fn shrunk(&self, x: f64) -> f64 {
        self.mean_at(x) / (1.0 + SHRINKS * self.variance_at(x)).sqrt()
    }

    /// Where that is highest, if it falls anywhere behind. Its slope has the sign of a line.
    fn best_shrunk(&self) -> f64 {
        let ([a, b], [p, q, r]) = (self.mean, self.variance);
        let rises = b + SHRINKS * (b * p - a * q / 2.0);
        let falls = SHRINKS * (a * r - b * q / 2.0);
        if falls > 0.0 { rises / falls } else { f64::INFINITY }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::certainty::Doubt;
    use crate::certainty::doubt::Units;

    /// A lead of 1 counts as much as 0.05, beside one of 0.
    fn prior() -> Prior {
        let plain = Prior::plain(40.0, 0.8, 0.06);
        let units = Units { lead: 0.5, lead_deviation: 0.2, ..plain.doubt.units };
        Prior { lead: 0.05, doubt: Doubt { units, ..plain.doubt }, ..plain }
    }

    fn at(score: f32, is_right: bool) -> Observation {
        Observation::new(score, Lead::UNKNOWN, is_right, 1.0)
    }

    /// Mean and deviation by a plain sum of products over 8001 thresholds.
    fn reference(seen: &[Observation]) -> (f64, f64) {
        let (mut total, mut mean, mut square) = (0.0, 0.0, 0.0);
        let prior = prior();
        for node in -8000..=8000 {
            let z = f64::from(node) / 1000.0;
            let threshold = prior.center + prior.spread * z;
            let mut share = (-z * z / 2.0).exp();
            for (age, one) in seen.iter().rev().take(KEPT).enumerate() {
                let lead = one.lead().get().unwrap_or(0.5);
                let score = one.score() + 0.05 * (lead - 0.5);
                let right = 1.0 / (1.0 + (-prior.slope * (score - threshold)).exp());
                let chance = if one.is_right() { right } else { 1.0 - right };
                share *= chance.powf(one.weight() * FADING.powi(age as i32));
            }
            total += share;
            mean += share * threshold;
            square += share * threshold * threshold;
        }
        let mean = mean / total;
        (mean, (square / total - mean * mean).sqrt())
    }

    fn observation() -> impl Strategy<Value = Observation> {
        let parts = (0.5_f32..1.0, any::<u8>(), any::<bool>(), 0.01..1.0_f64);
        parts.prop_map(|(s, lead, right, w)| Observation::new(s, Lead::from_byte(lead), right, w))
    }

    proptest! {
        #[test]
        fn it_is_what_a_plain_sum_finds(seen in prop::collection::vec(observation(), 0..24)) {
            let found = Threshold::new(&prior(), seen.iter().copied());
            let (mean, deviation) = reference(&seen);
            prop_assert!((found.mean() - mean).abs() < 0.03 * 0.06, "{found:?}, {mean}");
            prop_assert!((found.deviation() / deviation - 1.0).abs() < 0.05, "{found:?}, {deviation}");
        }

        #[test]
        fn a_right_answer_raises_chances_and_a_wrong_one_lowers_them(
            seen in prop::collection::vec(observation(), 0..KEPT - 1), score in 0.5_f32..1.0,
        ) {
            let chance = |more: Option<bool>| {
                // The new one is the oldest, so that the others do not fade by it.
                let all = more.map(|right| at(score, right)).into_iter().chain(seen.iter().copied());
                Threshold::new(&prior(), all.collect::<Vec<_>>().into_iter()).least_chance(&prior(), 0.9, Lead::UNKNOWN)
            };
            prop_assert!(chance(Some(true)) >= chance(Some(false)));
        }

        /// A question in the words of another is not less sure than one in other words.
        #[test]
        fn chances_do_not_fall_with_score_or_lead(
            mean in 0.6_f32..0.95, deviation in 0.001_f32..0.1,
            factors in prop::array::uniform4(prop::array::uniform4(-1.5..1.5_f64)),
            mut scores in prop::array::uniform2(0.3..1.0_f64), mut leads in prop::array::uniform2(0..255_u8),
        ) {
            scores.sort_by(f64::total_cmp);
            leads.sort_unstable();
            let mut prior = prior();
            prior.doubt.units = Units { score: 0.8, score_deviation: 0.05, ..prior.doubt.units };
            // A matrix times its transpose is a covariance.
            for (i, row) in prior.doubt.covariance.iter_mut().enumerate() {
                for (j, to) in row.iter_mut().enumerate() {
                    *to = factors[i].iter().zip(factors[j]).map(|(a, b)| a * b).sum();
                }
            }
            let found = Threshold { mean, deviation };
            for of in [Threshold::chance, Threshold::least_chance] {
                let [low, high] = scores.map(|score| of(&found, &prior, score, Lead::from_byte(leads[0])));
                // Below a half, doubt makes chances larger.
                prop_assert!(low <= high + 1e-9 || low < 0.5, "{low} {high}");
            }
            let usual = Lead::new(prior.doubt.units.lead);
            let least = |lead| found.least_chance(&prior, scores[1], lead);
            prop_assert!(least(usual) <= least(Lead::from_byte(leads[1].max(usual.to_byte()))) + 1e-9);
        }

        #[test]
        fn chances_are_those_of_a_plain_sum(
            mean in 0.6_f32..0.95, deviation in 0.001_f32..0.1, doubt in 0.0..2.0_f64,
            score in 0.5..1.0_f64, lead in any::<u8>(),
        ) {
            let mut prior = prior();
            // Of the place at which chances are even, whatever the score.
            prior.doubt.covariance[2][2] = doubt;
            let (found, lead) = (Threshold { mean, deviation }, Lead::from_byte(lead));
            let (mut total, mut chance, mut at_least) = (0.0, 0.0, 0.0);
            let least = found.least_chance(&prior, score, lead);
            let spread = (prior.slope * f64::from(deviation)).hypot(doubt.sqrt());
            for node in -8000..=8000 {
                let z = f64::from(node) / 1000.0;
                let share = (-z * z / 2.0).exp();
                let shifted = score + 0.05 * (lead.get().unwrap_or(0.5) - 0.5);
                let there = 1.0 / (1.0 + (-prior.slope * (shifted - f64::from(mean)) - z * spread).exp());
                total += share;
                chance += share * there;
                at_least += if there >= least { share } else { 0.0 };
            }
            let expected = chance / total;
            let seen = found.chance(&prior, score, lead);
            prop_assert!((seen - expected).abs() < 0.02, "{seen}, {expected}");
            prop_assert!(expected < 0.9 || seen <= expected + 1e-6, "{seen} is surer than {expected}");
            prop_assert!((at_least / total - 0.9).abs() < 0.001, "{}", at_least / total);
        }

        #[test]
        fn packing_keeps_it_and_never_makes_it_surer(mean in -2.0_f32..2.0, deviation in 1e-6_f32..1.0) {
            let threshold = Threshold { mean, deviation };
            let packed = threshold.pack(7);
            let seen = Threshold::unpack(packed, 7).expect("of this fit");
            prop_assert!(seen.mean == mean && seen.deviation >= deviation && seen.deviation <= 1.01 * deviation);
            prop_assert_eq!(Threshold::unpack(packed, 8), None);
        }
    }

    #[test]
    fn old_observations_fade_and_end() {
        let wrong_first: Vec<_> = (0..KEPT).map(|n| at(0.85, n >= KEPT / 2)).collect();
        let right_first: Vec<_> = (0..KEPT).map(|n| at(0.85, n < KEPT / 2)).collect();
        let mean = |seen: &[Observation]| Threshold::new(&prior(), seen.iter().copied()).mean();
        assert!(mean(&wrong_first) < mean(&right_first));
        let long_ago: Vec<_> = [at(0.99, false); 40].into_iter().chain([at(0.85, true); KEPT]).collect();
        assert_eq!(mean(&long_ago), mean(&[at(0.85, true); KEPT]));
    }

    #[test]
    fn no_single_observation_makes_an_entry_sure() {
        let unknown = Threshold::of_prior(&prior());
        let once = Threshold::new(&prior(), [at(0.82, true)].into_iter());
        assert!(
            once.least_chance(&prior(), 0.82, Lead::UNKNOWN)
                > unknown.least_chance(&prior(), 0.82, Lead::UNKNOWN)
        );
        assert!(once.least_chance(&prior(), 0.82, Lead::UNKNOWN) < 0.9);
    }
}
