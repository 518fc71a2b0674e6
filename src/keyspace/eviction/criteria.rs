//! Which units may be evicted, and how urgently.

use super::Unit;
use crate::keyspace::{Entry, Lfu, Policy, Rule, Scope, ValueRef};

/// By what is decided what is evicted, at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Criteria {
    pub(super) policy: Policy,
    pub(super) unit: Unit,
    pub(super) lfu: Lfu,
    pub(super) now_ms: i64,
}

/// How urgently a unit should be evicted: more for higher ones. Scores of keys and of elements can
/// be compared.
///
/// | rule | score |
/// |---|---|
/// | `lru`, `lrm` | the earlier the last use, the higher |
/// | `lfu` | the rarer the use, the higher; among equals, the earlier the last use |
/// | `ttl` | the earlier the deadline, the higher |
/// | `random` | the same for all |
///
/// The score of a unit that is not used falls never: times of uses and deadlines stay, and the
/// counter of uses only decays. So a unit that scores less than before was used meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Score(u64);

/// Bits for a time in milliseconds, below a frequency.
const TIME_BITS: u32 = 56;

/// By how much the time of a last use may seem to be later than a moment ago without a use: it is
/// computed from an idle time that is not counted in milliseconds.
const TIME_SCATTER_MS: u64 = 64;

impl Score {
    /// A score of a test.
    #[cfg(test)]
    pub(super) fn of(number: u64) -> Self {
        Self(number)
    }

    /// True if the unit was not used since it had this score, or scores as much all the same.
    pub(super) fn is_at_least(self, before: Self) -> bool {
        self.0 >= before.0 || before.0 - self.0 <= TIME_SCATTER_MS
    }
}

impl Criteria {
    /// True if candidates that were found by the other criteria need not be discarded.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        (self.policy, self.unit) == (other.policy, other.unit)
    }

    /// The score of a key; none if it is not to be evicted.
    pub(super) fn of_key(&self, entry: &Entry) -> Option<Score> {
        let deadline_ms = entry.deadline().unix_ms();
        let is_in_scope = self.policy.scope == Scope::All || deadline_ms.is_some();
        if entry.is_blessed() || !is_in_scope || self.is_taken_apart(entry) {
            return None;
        }
        // Uses of keys are stored in seconds. This is the beginning of that second, whatever the
        // time is now.
        let idle_ms = || u64::from(entry.idle_s(self.now_ms)) * 1000 + self.now_ms.rem_euclid(1000) as u64;
        self.score(idle_ms, || entry.frequency(self.now_ms, self.lfu), deadline_ms)
    }

    /// True for a vector set whose elements are evicted one by one.
    pub(super) fn is_taken_apart(&self, entry: &Entry) -> bool {
        // Until elements have uses, sets are evicted whole.
        const ELEMENTS_HAVE_USES: bool = false;
        ELEMENTS_HAVE_USES && self.unit == Unit::Element && matches!(entry.value(), ValueRef::VectorSet(_))
    }

    fn score(
        &self,
        idle_ms: impl Fn() -> u64,
        frequency: impl Fn() -> u8,
        deadline_ms: Option<i64>,
    ) -> Option<Score> {
        let earliness = |at_ms: u64| (1 << TIME_BITS) - 1 - at_ms.min((1 << TIME_BITS) - 1);
        let now_ms = u64::try_from(self.now_ms).unwrap_or(0);
        let used_earliness = || earliness(now_ms.saturating_sub(idle_ms()));
        match self.policy.rule {
            Rule::None => None,
            Rule::Lru | Rule::Lrm => Some(used_earliness()),
            Rule::Lfu => Some(u64::from(u8::MAX - frequency()) << TIME_BITS | used_earliness()),
            Rule::Ttl => deadline_ms.map(|at_ms| earliness(u64::try_from(at_ms).unwrap_or(0))),
            Rule::Random => Some(0),
        }
        .map(Score)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::{Deadline, StringValue, Value};

    const NOW_MS: i64 = 1_795_000_000_000;

    fn entry(deadline: Deadline, idle_s: u32, frequency: u8) -> Entry {
        let entry = Entry::new(b"k", Value::String(StringValue::new(b"v")), deadline, NOW_MS);
        entry.set_frequency(frequency, NOW_MS);
        entry.set_idle_s(idle_s, NOW_MS);
        entry
    }

    fn score(policy: &str, entry: &Entry, after_ms: i64) -> Option<Score> {
        let policy = Policy::named(policy).expect("it is a policy");
        let criteria =
            Criteria { policy, unit: Unit::Element, lfu: Lfu::default(), now_ms: NOW_MS + after_ms };
        criteria.of_key(entry)
    }

    #[test]
    fn the_colder_of_two_scores_more() {
        let soon = Deadline::at(NOW_MS + 10_000);
        let late = Deadline::at(NOW_MS + 20_000);
        for (policy, cold, warm) in [
            ("allkeys-lru", entry(Deadline::NEVER, 3, 9), entry(Deadline::NEVER, 2, 5)),
            ("allkeys-lrm", entry(Deadline::NEVER, 3, 9), entry(Deadline::NEVER, 2, 5)),
            ("allkeys-lfu", entry(Deadline::NEVER, 2, 5), entry(Deadline::NEVER, 3, 9)),
            ("allkeys-lfu", entry(Deadline::NEVER, 3, 5), entry(Deadline::NEVER, 2, 5)),
            ("volatile-lru", entry(late, 3, 9), entry(soon, 2, 5)),
            ("volatile-lfu", entry(late, 2, 5), entry(soon, 3, 9)),
            ("volatile-ttl", entry(soon, 0, 9), entry(late, 100, 0)),
        ] {
            assert!(score(policy, &cold, 0) > score(policy, &warm, 0), "{policy}");
            assert!(score(policy, &warm, 0).is_some(), "{policy}");
        }
    }

    #[test]
    fn what_is_out_of_scope_or_blessed_has_no_score() {
        let mut both = [entry(Deadline::NEVER, 1, 1), entry(Deadline::at(NOW_MS + 5), 1, 1)];
        for policy in Policy::all().map(Policy::name) {
            let scores = both.each_ref().map(|entry| score(policy, entry, 0).is_some());
            assert_eq!(scores, [policy.starts_with("allkeys"), policy != "noeviction"], "{policy}");
        }
        both.iter_mut().for_each(|entry| entry.set_blessed(true));
        for policy in Policy::all().map(Policy::name) {
            assert!(both.iter().all(|entry| score(policy, entry, 0).is_none()), "{policy}");
        }
    }

    #[test]
    fn a_score_falls_by_use_and_not_by_time() {
        for policy in Policy::all().map(Policy::name).filter(|policy| !policy.ends_with("random")) {
            let entry = entry(Deadline::at(NOW_MS + 1_000_000), 3, 9);
            let Some(before) = score(policy, &entry, 0) else { continue };
            for after_ms in [1, 999, 1_000, 59_000, 600_000] {
                let after = score(policy, &entry, after_ms).expect("it is still a candidate");
                assert!(after.is_at_least(before), "{policy} after {after_ms} ms");
            }
            entry.mark_used(NOW_MS + 2_000, Lfu::default());
            let after = score(policy, &entry, 2_000).expect("it is still a candidate");
            assert_eq!(after.is_at_least(before), policy.ends_with("ttl"), "{policy}");
        }
    }
}
