//! What the entries of a set have in common.

use super::doubt::{self, Doubt, PARAMETERS, Parameters, Units};
use super::{Lead, Observation, log_logistic, logistic};

/// How the chance that an answer is right depends on its score and its lead, for an entry about
/// which nothing else is known.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Prior {
    /// How fast the chance rises with the score. Positive.
    pub slope: f64,
    /// The mean of the thresholds.
    pub center: f64,
    /// Their standard deviation. Positive.
    pub spread: f64,
    /// What a lead of 1 is worth beside none, in scores. Not negative.
    pub lead: f64,
    /// How much all of that may be wrong.
    pub doubt: Doubt,
}

/// Places at which the normal distribution of thresholds is summed up, in standard deviations:
/// equal steps, whose error for a normal distribution is below 1 in 10,000.
pub(super) const NODES: usize = 11;
const NODE_STEP: f64 = 0.7;
/// Steps of expectation and maximisation.
const ROUNDS: usize = 14;
/// The longest step of a parameter, in units of the standard deviations of scores and leads.
const LONGEST: f64 = 1.0;
/// The least slope and spread, in the same units; a larger lead makes no answer less sure.
const LEAST: Parameters = [0.2, 0.0, f64::NEG_INFINITY, 0.05];
/// Where the parameters begin.
const FIRST: Parameters = [2.0, 0.0, 0.0, 1.0];
/// Where they are drawn to, and how strongly: as one observation would, or less.
const DRAWN_TO: Parameters = [3.0, 0.0, 0.0, 1.0];
const PRECISION: Parameters = [1.0 / 25.0, 1.0 / 25.0, 1.0 / 100.0, 1.0 / 9.0];
/// The least standard deviation of scores, and of leads.
const LEAST_DEVIATION: f64 = 1e-4;
/// The least share of observations whose lead is known: with fewer, leads are left out.
const LEAST_KNOWN: f64 = 0.5;

/// One observation with the number of its entry.
struct Point {
    entry: usize,
    /// Score and lead, in standard deviations from their means.
    x: f64,
    lead: f64,
    is_right: bool,
    weight: f64,
}

impl Point {
    /// The logit of its chance is linear in the parameters: `a x + l lead + b - c z`, for a
    /// threshold that is `z` standard deviations above the center.
    fn logit(&self, [a, l, b, c]: &Parameters, z: f64) -> f64 {
        a * self.x + l * self.lead + b - c * z
    }

    fn along(&self, z: f64) -> Parameters {
        [self.x, self.lead, 1.0, -z]
    }
}

/// Numbers in which a prior is stored.
const WORDS: usize = 4 + doubt::WORDS;

impl Prior {
    /// Bytes of [`to_bytes`](Self::to_bytes).
    pub const BYTES: usize = WORDS * size_of::<f64>();

    /// One of which there is no doubt, and without leads.
    pub fn plain(slope: f64, center: f64, spread: f64) -> Self {
        Self { slope, center, spread, lead: 0.0, doubt: Doubt::none() }
    }

    /// Fits observations of entries, each entry being any number that is its own. None if there are
    /// no observations. The same observations in the same order give the same result.
    pub fn fit(seen: &[(u32, Observation)]) -> Option<Self> {
        if seen.is_empty() {
            return None;
        }
        let units = units(seen);
        let (points, entries) = points(seen, &units);
        let ([a, l, b, c], covariance) = maximise(&points, entries);
        let deviation = units.score_deviation;
        let lead = if units.lead_deviation > 0.0 { l / a * deviation / units.lead_deviation } else { 0.0 };
        Some(Self {
            slope: a / deviation,
            center: units.score - b / a * deviation,
            spread: c / a * deviation,
            lead,
            doubt: Doubt { units, covariance },
        })
    }

    /// The score that an answer with a usual lead would need to be as sure.
    pub fn score_with(&self, score: f64, lead: Lead) -> f64 {
        let Units { lead: usual, lead_deviation, .. } = self.doubt.units;
        let known = lead.get().filter(|_| lead_deviation > 0.0);
        score + self.lead * (known.unwrap_or(usual) - usual)
    }

    /// As it is stored: slope, center, spread, lead, and the doubt, float64 each.
    pub fn to_bytes(&self) -> Vec<u8> {
        let words = [self.slope, self.center, self.spread, self.lead];
        words.iter().chain(&self.doubt.to_words()).flat_map(|word| word.to_le_bytes()).collect()
    }

    /// As it was stored; none if the bytes are none of that.
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        let mut words = [0.0; WORDS];
        let (chunks, _) = bytes.as_chunks();
        words.iter_mut().zip(chunks).for_each(|(word, chunk)| *word = f64::from_le_bytes(*chunk));
        let [slope, center, spread, lead, doubt @ ..] = words;
        let is_valid = [slope, center, spread, lead].iter().all(|word| word.is_finite())
            && slope > 0.0
            && spread > 0.0
            && lead >= 0.0;
        let doubt = Doubt::from_words(&doubt)?;
        is_valid.then_some(Self { slope, center, spread, lead, doubt })
    }
}

/// Mean and standard deviation of numbers with weights.
fn mean_and_deviation(numbers: impl Iterator<Item = (f64, f64)> + Clone) -> (f64, f64) {
    let weights: f64 = numbers.clone().map(|(_, weight)| weight).sum();
    let mean = numbers.clone().map(|(number, weight)| weight * number).sum::<f64>() / weights;
    let square = |(number, weight): (f64, f64)| weight * (number - mean).powi(2);
    let variance = numbers.map(square).sum::<f64>() / weights;
    (mean, variance.sqrt().max(LEAST_DEVIATION))
}

fn units(seen: &[(u32, Observation)]) -> Units {
    let scores = seen.iter().map(|(_, one)| (one.score(), one.weight()));
    let (score, score_deviation) = mean_and_deviation(scores);
    let leads = seen.iter().filter_map(|(_, one)| Some((one.lead().get()?, one.weight())));
    let is_known = leads.clone().count() as f64 >= LEAST_KNOWN * seen.len() as f64;
    let (lead, lead_deviation) = if is_known { mean_and_deviation(leads) } else { (0.0, 0.0) };
    Units { score, score_deviation, lead, lead_deviation }
}

fn points(seen: &[(u32, Observation)], units: &Units) -> (Vec<Point>, usize) {
    let mut sorted: Vec<&(u32, Observation)> = seen.iter().collect();
    // Stable, so that sums are made in one order.
    sorted.sort_by_key(|(entry, _)| *entry);
    let mut points: Vec<Point> = Vec::with_capacity(sorted.len());
    let mut entry = 0;
    for (place, (id, one)) in sorted.iter().enumerate() {
        entry += usize::from(place > 0 && sorted[place - 1].0 != *id);
        let (x, lead) = (units.score(one.score()), units.lead(one.lead()));
        points.push(Point { entry, x, lead, is_right: one.is_right(), weight: one.weight() });
    }
    (points, entry + 1)
}

/// Node and logarithm of its share of the normal distribution.
pub(super) fn nodes() -> [(f64, f64); NODES] {
    let at = |node: usize| (node as f64 - (NODES / 2) as f64) * NODE_STEP;
    let total: f64 = (0..NODES).map(|node| (-at(node).powi(2) / 2.0).exp()).sum();
    std::array::from_fn(|node| (at(node), -at(node).powi(2) / 2.0 - total.ln()))
}

/// The parameters, and their covariance: the inverse of the curvature where the search ended.
fn maximise(points: &[Point], entries: usize) -> (Parameters, [Parameters; PARAMETERS]) {
    let nodes = nodes();
    let mut parameters = FIRST;
    let mut curvature = [[0.0; PARAMETERS]; PARAMETERS];
    for _ in 0..ROUNDS {
        let shares = expect(points, entries, &nodes, &parameters);
        curvature = step(points, &shares, &nodes, &mut parameters);
    }
    let unit = |i: usize| std::array::from_fn(|j| if i == j { 1.0 } else { 0.0 });
    (parameters, std::array::from_fn(|i| solve(curvature, unit(i))))
}

/// For each entry, how likely its threshold is at each of the nodes.
fn expect(
    points: &[Point],
    entries: usize,
    nodes: &[(f64, f64); NODES],
    parameters: &Parameters,
) -> Vec<[f64; NODES]> {
    let mut shares = vec![nodes.map(|(_, share)| share); entries];
    for point in points {
        let sign = if point.is_right { 1.0 } else { -1.0 };
        for (share, (z, _)) in shares[point.entry].iter_mut().zip(nodes) {
            *share += point.weight * log_logistic(sign * point.logit(parameters, *z));
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

/// One step of Newton's method for the parameters, with these shares. Returns the curvature.
fn step(
    points: &[Point],
    shares: &[[f64; NODES]],
    nodes: &[(f64, f64); NODES],
    parameters: &mut Parameters,
) -> [Parameters; PARAMETERS] {
    let mut gradient: Parameters = std::array::from_fn(|i| -PRECISION[i] * (parameters[i] - DRAWN_TO[i]));
    let mut curvature = [[0.0; PARAMETERS]; PARAMETERS];
    (0..PARAMETERS).for_each(|i| curvature[i][i] = PRECISION[i]);
    for point in points {
        let outcome = if point.is_right { 1.0 } else { 0.0 };
        for (&share, (z, _)) in shares[point.entry].iter().zip(nodes) {
            let chance = logistic(point.logit(parameters, *z));
            let weight = point.weight * share;
            let slope = weight * (outcome - chance);
            let bend = weight * chance * (1.0 - chance);
            let along = point.along(*z);
            for i in 0..PARAMETERS {
                gradient[i] += slope * along[i];
                (0..PARAMETERS).for_each(|j| curvature[i][j] += bend * along[i] * along[j]);
            }
        }
    }
    for (i, by) in solve(curvature, gradient).into_iter().enumerate() {
        parameters[i] = (parameters[i] + by.clamp(-LONGEST, LONGEST)).max(LEAST[i]);
    }
    curvature
}

/// Solves a system with a positive definite matrix, by elimination.
fn solve(mut matrix: [Parameters; PARAMETERS], mut right: Parameters) -> Parameters {
    for i in 0..PARAMETERS {
        for j in i + 1..PARAMETERS {
            let factor = matrix[j][i] / matrix[i][i];
            (i..PARAMETERS).for_each(|k| matrix[j][k] -= factor * matrix[i][k]);
            right[j] -= factor * right[i];
        }
    }
    for i in (0..PARAMETERS).rev() {
        let known: f64 = (i + 1..PARAMETERS).map(|k| matrix[i][k] * right[k]).sum();
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
                let lead = Lead::new(uniform(&mut random));
                let shifted = score + prior.lead * (lead.get().expect("known") - 0.5);
                let is_right = uniform(&mut random) < logistic(prior.slope * (shifted - threshold));
                let one = Observation::new(score as f32, lead, is_right, 1.0);
                seen.push((entry.wrapping_mul(0x9E37_79B9), one));
            }
        }
        seen
    }

    /// The logarithm of the penalised likelihood, by another sum over thresholds: plain, and in 401
    /// steps.
    fn likelihood(seen: &[(u32, Observation)], [a, l, b, c]: &Parameters, units: &Units) -> f64 {
        let (points, entries) = points(seen, units);
        let steps = 401;
        let mut total = 0.0;
        for entry in 0..entries {
            let mut sum = 0.0;
            for step in 0..steps {
                let z = (f64::from(step) - 200.0) * 0.02;
                let mut term = (-z * z / 2.0).exp() * 0.02 / (2.0 * std::f64::consts::PI).sqrt();
                for point in points.iter().filter(|point| point.entry == entry) {
                    let chance = 1.0 / (1.0 + (-(a * point.x + l * point.lead + b - c * z)).exp());
                    let chance = if point.is_right { chance } else { 1.0 - chance };
                    term *= chance.powf(point.weight);
                }
                sum += term;
            }
            total += sum.ln();
        }
        let penalty = |i: usize, p: f64| PRECISION[i] * (p - DRAWN_TO[i]).powi(2) / 2.0;
        total - penalty(0, *a) - penalty(1, *l) - penalty(2, *b) - penalty(3, *c)
    }

    #[test]
    fn what_observations_were_drawn_from_is_found_again() {
        for lead in [0.0, 0.2] {
            let truth = Prior { lead, ..Prior::plain(40.0, 0.78, 0.05) };
            let found = Prior::fit(&drawn(&truth, 300, 12, 7)).expect("there are some");
            assert!((found.center - truth.center).abs() < 0.015, "{found:?}");
            assert!((found.slope / truth.slope - 1.0).abs() < 0.25, "{found:?}");
            assert!((found.spread / truth.spread - 1.0).abs() < 0.35, "{found:?}");
            assert!((found.lead - truth.lead).abs() < 0.03, "{found:?}");
        }
    }

    #[test]
    fn it_is_about_where_the_likelihood_is_greatest() {
        let truth = Prior { lead: 0.1, ..Prior::plain(30.0, 0.8, 0.06) };
        let seen = drawn(&truth, 60, 5, 3);
        let units = units(&seen);
        let found = Prior::fit(&seen).expect("there are some");
        let a = found.slope * units.score_deviation;
        let l = found.lead * found.slope * units.lead_deviation;
        let at = [a, l, (units.score - found.center) * found.slope, found.spread * found.slope];
        let best = likelihood(&seen, &at, &units);
        for i in 0..PARAMETERS {
            for by in [-0.5, 0.5] {
                let mut other = at;
                other[i] += by;
                let there = likelihood(&seen, &other, &units);
                assert!(there < best, "{found:?}: parameter {i} moved by {by} gives {there}, not {best}");
            }
        }
    }

    #[test]
    fn leads_are_left_out_where_few_are_known() {
        let truth = Prior { lead: 0.2, ..Prior::plain(40.0, 0.78, 0.05) };
        let mut seen = drawn(&truth, 50, 6, 5);
        for (n, (_, one)) in seen.iter_mut().enumerate() {
            if n % 3 > 0 {
                *one = Observation::new(one.score() as f32, Lead::UNKNOWN, one.is_right(), one.weight());
            }
        }
        let found = Prior::fit(&seen).expect("there are some");
        assert_eq!(found.lead, 0.0);
        assert_eq!(found.score_with(0.8, Lead::MOST), 0.8);
        let usual = found.doubt.variance(0.8, Lead::UNKNOWN, 0.0);
        assert_eq!(found.doubt.variance(0.8, Lead::MOST, 0.0), usual);
        seen.iter_mut().for_each(|(_, one)| {
            *one = Observation::new(one.score() as f32, Lead::UNKNOWN, one.is_right(), one.weight());
        });
        assert_eq!(Prior::fit(&seen).map(|fit| fit.lead), Some(0.0));
    }

    #[test]
    fn more_observations_leave_less_doubt() {
        let truth = Prior { lead: 0.1, ..Prior::plain(40.0, 0.78, 0.05) };
        let doubt = |entries| {
            let fit = Prior::fit(&drawn(&truth, entries, 6, 11)).expect("there are some");
            fit.doubt.variance(0.8, Lead::new(0.5), 0.0)
        };
        assert!(doubt(200) < doubt(20) && doubt(20) < doubt(2) && doubt(200) > 0.0);
    }

    #[test]
    fn it_reads_as_it_was_stored() {
        let fit = Prior::fit(&drawn(&Prior::plain(40.0, 0.78, 0.05), 20, 6, 1)).expect("there are some");
        let bytes: [u8; Prior::BYTES] = fit.to_bytes().try_into().expect("so many");
        let close = Prior::from_bytes(&bytes).expect("whole");
        assert_eq!(close.to_bytes(), bytes);
        assert!(
            (close.slope, close.center, close.spread, close.lead)
                == (fit.slope, fit.center, fit.spread, fit.lead)
        );
        for (at, bad) in [(0, 0.0), (0, f64::NAN), (2, -1.0), (3, -1.0), (5, 0.0), (9, f64::INFINITY)] {
            let mut other = bytes;
            other[8 * at..8 * at + 8].copy_from_slice(&f64::to_le_bytes(bad));
            assert!(Prior::from_bytes(&other).is_none(), "{at}: {bad}");
        }
    }

    proptest! {
        #[test]
        fn any_observations_have_a_finite_fit(
            seen in prop::collection::vec((0..6_u32, any::<[u8; 5]>()), 1..60),
        ) {
            let seen: Vec<_> = seen.into_iter().map(|(entry, bytes)| {
                // Scores of any metric: those of float32 whose squares are numbers.
                let one = Observation::from_bytes(bytes);
                let score = one.score().clamp(-1e9, 1e9) as f32;
                (entry, Observation::new(score, one.lead(), one.is_right(), one.weight()))
            }).collect();
            let found = Prior::fit(&seen).expect("there are some");
            prop_assert!(found.slope.is_finite() && found.slope > 0.0);
            prop_assert!(found.center.is_finite() && found.spread.is_finite() && found.spread > 0.0);
            prop_assert!(found.lead.is_finite() && found.lead >= 0.0);
            // What is stored of it is taken back.
            let bytes: [u8; Prior::BYTES] = found.to_bytes().try_into().expect("so many");
            prop_assert!(Prior::from_bytes(&bytes).is_some(), "{found:?}");
        }

        #[test]
        fn separated_classes_have_a_finite_slope(gap in 0.01_f32..0.4, count in 1..40_u32) {
            let seen: Vec<_> = (0..2 * count)
                .map(|n| (n, Observation::new(0.5 + if n % 2 == 1 { gap } else { 0.0 }, Lead::UNKNOWN, n % 2 == 1, 1.0)))
                .collect();
            let found = Prior::fit(&seen).expect("there are some");
            prop_assert!(found.slope.is_finite());
            prop_assert!(found.center > 0.5 && found.center < 0.5 + f64::from(gap), "{found:?}");
        }
    }
}
