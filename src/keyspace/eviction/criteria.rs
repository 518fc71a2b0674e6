//! Which units may be evicted, and how urgently.

use super::Unit;
use crate::eviction::{Life, Score};
use crate::keyspace::{Entry, Lfu, Policy, Scope, ValueRef};
use crate::vector_set::EvictionCriteria;

/// By what is decided what is evicted, at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Criteria {
    pub(super) policy: Policy,
    pub(super) unit: Unit,
    pub(super) lfu: Lfu,
    pub(super) now_ms: i64,
    /// See [`EvictionCriteria`].
    pub(super) demotes: bool,
    pub(super) spares_warm: bool,
    /// Sets let elements of their files go; which sets, they know.
    pub(super) lets_lent_go: bool,
}

impl Criteria {
    /// True if candidates that were found by the other criteria need not be discarded.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let spared = |criteria: &Self| (criteria.spares_warm, criteria.lets_lent_go);
        (self.policy, self.unit, spared(self)) == (other.policy, other.unit, spared(other))
    }

    /// The score of a key that is evicted as a whole; none if it is not to be evicted. A set that
    /// is in a file takes no memory that is worth it.
    pub(super) fn of_key(&self, entry: &Entry) -> Option<Score> {
        let is_in_scope = self.policy.scope == Scope::All || entry.deadline().unix_ms().is_some();
        let is_cold = matches!(entry.value(), ValueRef::ColdSet(_));
        if entry.is_blessed() || !is_in_scope || is_cold || self.is_taken_apart(entry) {
            return None;
        }
        self.policy.rule.score(&KeyLife { entry, criteria: self })
    }

    /// The criteria for the elements of a vector set, if they are evicted one by one.
    pub(super) fn of_elements(&self, entry: &Entry) -> Option<EvictionCriteria> {
        let may_be_evicted = self.is_taken_apart(entry) && !entry.is_blessed();
        may_be_evicted.then(|| EvictionCriteria {
            rule: self.policy.rule,
            only_expiring: self.policy.scope == Scope::Volatile,
            demotes: self.demotes,
            spares_warm: self.spares_warm,
            spares_lent: true,
            set_deadline_ms: entry.deadline().unix_ms(),
        })
    }

    /// True for a vector set whose elements are evicted one by one.
    fn is_taken_apart(&self, entry: &Entry) -> bool {
        self.unit == Unit::Element && matches!(entry.value(), ValueRef::VectorSet(_))
    }
}

struct KeyLife<'e> {
    entry: &'e Entry,
    criteria: &'e Criteria,
}

impl Life for KeyLife<'_> {
    /// Uses of keys are stored in seconds: this is the beginning of that second.
    fn used_ms(&self) -> i64 {
        let now_ms = self.criteria.now_ms;
        (now_ms.div_euclid(1000) - i64::from(self.entry.idle_s(now_ms))) * 1000
    }

    fn frequency(&self) -> u8 {
        self.entry.frequency(self.criteria.now_ms, self.criteria.lfu)
    }

    fn deadline_ms(&self) -> Option<i64> {
        self.entry.deadline().unix_ms()
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
        let criteria = Criteria {
            policy,
            unit: Unit::Element,
            lfu: Lfu::default(),
            now_ms: NOW_MS + after_ms,
            demotes: false,
            spares_warm: false,
            lets_lent_go: false,
        };
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
                assert!(after >= before, "{policy} after {after_ms} ms");
            }
            entry.mark_used(NOW_MS + 2_000, Lfu::default());
            let after = score(policy, &entry, 2_000).expect("it is still a candidate");
            assert_eq!(after >= before, policy.ends_with("ttl"), "{policy}");
        }
    }
}
