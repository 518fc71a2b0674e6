//! From the chance that an answer is right to a decision.

use std::sync::atomic::{AtomicU64, Ordering};

/// Among what the share of errors is to be kept.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Per {
    /// Among the answers served: each is served only if the bound of its chance allows it.
    #[default]
    Hit,
    /// Among all requests: an answer is served with the probability that its chance allows (the
    /// rule of vCache). Random.
    Request,
    /// Among the answers served, taken together: one may be less sure than what is accepted, if
    /// those before it were surer. See [`Account`].
    Average,
}

impl Per {
    /// All, with their words.
    pub const ALL: [(&str, Self); 3] =
        [("HIT", Self::Hit), ("REQUEST", Self::Request), ("AVERAGE", Self::Average)];

    /// Its word.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, per)| *per == self).map_or("", |(name, _)| name)
    }

    /// The probability with which an answer may be served that is right with at least this chance,
    /// if errors among all requests are to be no more than `accepted`. Never if it is more likely
    /// wrong than right: most requests that have no answer would spend their errors on nothing.
    pub fn share_served(chance: f64, accepted: f64) -> f64 {
        if chance < LEAST_CHANCE {
            return 0.0;
        }
        (accepted / (1.0 - chance).max(f64::MIN_POSITIVE)).min(1.0)
    }
}

/// The least chance of an answer that may be drawn to be served.
const LEAST_CHANCE: f64 = 0.5;

/// The errors that are expected among the answers served so far, for [`Per::Average`].
#[derive(Debug, Default)]
pub struct Account {
    served: AtomicU64,
    /// In billionths.
    expected_errors: AtomicU64,
}

/// The least chance of an answer that may be served on account of others: errors this many times as
/// likely as what is accepted.
const MOST_TIMES: f64 = 3.0;
const UNIT: f64 = 1e9;

impl Account {
    /// Whether an answer may be served that is wrong with this chance; if so, it is counted. Of
    /// decisions made at the same moment, each may overlook the others.
    pub fn admits(&self, error: f64, accepted: f64) -> bool {
        let served = self.served.load(Ordering::Relaxed) as f64;
        let expected = self.expected_errors.load(Ordering::Relaxed) as f64 / UNIT;
        let admits = error <= MOST_TIMES * accepted && expected + error <= accepted * (served + 1.0);
        if admits {
            self.served.fetch_add(1, Ordering::Relaxed);
            self.expected_errors.fetch_add((error * UNIT) as u64, Ordering::Relaxed);
        }
        admits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_never_overdrawn() {
        let account = Account::default();
        assert!(!account.admits(0.02, 0.01), "nothing was saved yet");
        (0..100).for_each(|_| assert!(account.admits(0.005, 0.01)));
        assert!(!account.admits(0.04, 0.01), "too unsure by itself");
        let admitted = (0..1000).filter(|_| account.admits(0.02, 0.01)).count();
        assert!((49..=51).contains(&admitted), "{admitted}");
    }

    #[test]
    fn a_surer_answer_is_served_more_often() {
        assert_eq!(Per::share_served(1.0, 0.01), 1.0);
        assert_eq!(Per::share_served(0.99, 0.02), 1.0);
        assert!((Per::share_served(0.9, 0.01) - 0.1).abs() < 1e-12);
        assert!(Per::share_served(0.5, 0.01) > 0.0);
        assert_eq!(Per::share_served(0.49, 0.4), 0.0);
    }
}
