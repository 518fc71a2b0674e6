//! How much the parameters of a set may be wrong.

use super::Lead;

/// Parameters of a set that are fitted: what score, lead and the threshold of an entry count, and
/// where the chance is even. See [`Prior::fit`](super::Prior::fit).
pub(super) const PARAMETERS: usize = 4;
/// A number for each of them.
pub(super) type Parameters = [f64; PARAMETERS];

/// The normal distribution of the parameters, around what was fitted (Laplace's approximation), and
/// the units in which they are.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Doubt {
    pub(super) units: Units,
    /// Symmetric.
    pub(super) covariance: [Parameters; PARAMETERS],
}

/// Mean and standard deviation of the scores and leads of observations.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Units {
    pub(super) score: f64,
    pub(super) score_deviation: f64,
    pub(super) lead: f64,
    /// 0: leads are not known.
    pub(super) lead_deviation: f64,
}

/// Numbers in which a doubt is stored.
pub(super) const WORDS: usize = 4 + PARAMETERS * (PARAMETERS + 1) / 2;

impl Units {
    pub(super) fn score(&self, score: f64) -> f64 {
        (score - self.score) / self.score_deviation
    }

    /// A lead that is not known is taken as a usual one.
    pub(super) fn lead(&self, lead: Lead) -> f64 {
        let lead = lead.get().filter(|_| self.lead_deviation > 0.0);
        lead.map_or(0.0, |lead| (lead - self.lead) / self.lead_deviation)
    }
}

impl Doubt {
    /// None at all.
    pub fn none() -> Self {
        let units = Units { score: 0.0, score_deviation: 1.0, lead: 0.0, lead_deviation: 0.0 };
        Self { units, covariance: [[0.0; PARAMETERS]; PARAMETERS] }
    }

    /// The variance of the logit of the chance: see [`variance_by_score`](Self::variance_by_score).
    #[cfg(test)]
    pub(super) fn variance(&self, score: f64, lead: Lead, threshold: f64) -> f64 {
        let [p, q, r] = self.variance_by_score(lead, threshold);
        let x = self.units.score(score);
        p + x * (q + x * r)
    }

    /// The variance of the logit of the chance, for an entry whose threshold is so many standard
    /// deviations above the center: the coefficients of a polynomial of the score in its unit, the
    /// constant first.
    pub(super) fn variance_by_score(&self, lead: Lead, threshold: f64) -> [f64; 3] {
        let others = [self.units.lead(lead), 1.0, -threshold];
        let [of_score, rest @ ..] = &self.covariance;
        let with = |row: &[f64]| row.iter().zip(others).map(|(a, b)| a * b).sum::<f64>();
        let constant = rest.iter().zip(others).map(|(row, a)| a * with(&row[1..])).sum();
        [constant, 2.0 * with(&of_score[1..]), of_score[0]]
    }

    /// As it is stored: the units, and the covariances on the diagonal and behind it, row by row.
    pub(super) fn to_words(self) -> [f64; WORDS] {
        let Units { score, score_deviation, lead, lead_deviation } = self.units;
        let units = [score, score_deviation, lead, lead_deviation];
        let upper = self.covariance.iter().enumerate().flat_map(|(i, row)| &row[i..]);
        let mut words = [0.0; WORDS];
        words.iter_mut().zip(units.iter().chain(upper)).for_each(|(word, number)| *word = *number);
        words
    }

    /// As it was stored; none if the numbers are none of that.
    pub(super) fn from_words(words: &[f64; WORDS]) -> Option<Self> {
        let [score, score_deviation, lead, lead_deviation, upper @ ..] = words;
        let mut covariance = [[0.0; PARAMETERS]; PARAMETERS];
        let places = (0..PARAMETERS).flat_map(|i| (i..PARAMETERS).map(move |j| (i, j)));
        for ((i, j), number) in places.zip(upper) {
            (covariance[i][j], covariance[j][i]) = (*number, *number);
        }
        let units = Units {
            score: *score,
            score_deviation: *score_deviation,
            lead: *lead,
            lead_deviation: *lead_deviation,
        };
        let is_valid =
            words.iter().all(|word| word.is_finite()) && *score_deviation > 0.0 && *lead_deviation >= 0.0;
        is_valid.then_some(Self { units, covariance })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubt() -> Doubt {
        let units = Units { score: 0.8, score_deviation: 0.1, lead: 0.5, lead_deviation: 0.25 };
        let covariance = std::array::from_fn(|i| {
            std::array::from_fn(|j| if i == j { 1.0 + i as f64 } else { 0.1 * (i + j) as f64 })
        });
        Doubt { units, covariance }
    }

    #[test]
    fn it_reads_as_it_was_stored() {
        let words = doubt().to_words();
        assert_eq!(Doubt::from_words(&words), Some(doubt()));
        for (at, bad) in [(0, f64::NAN), (1, 0.0), (1, -1.0), (3, -0.1), (WORDS - 1, f64::INFINITY)] {
            let mut other = words;
            other[at] = bad;
            assert_eq!(Doubt::from_words(&other), None, "{at}, {bad}");
        }
    }

    #[test]
    fn its_variance_is_the_quadratic_form() {
        let lead = Lead::new(0.25);
        let along = [1.0, (lead.get().expect("known") - 0.5) / 0.25, 1.0, -2.0];
        let mut expected = 0.0;
        for i in 0..4 {
            (0..4).for_each(|j| expected += along[i] * doubt().covariance[i][j] * along[j]);
        }
        let seen = doubt().variance(0.9, lead, 2.0);
        assert!((seen - expected).abs() < 1e-9, "{seen}, {expected}");
        assert_eq!(Doubt::none().variance(0.9, Lead::MOST, 2.0), 0.0);
        // A lead that is not known, or that none was known of, is a usual one.
        assert_eq!(doubt().units.lead(Lead::UNKNOWN), 0.0);
        assert_eq!(Doubt::none().units.lead(Lead::MOST), 0.0);
    }
}
