//! Which keys may be evicted at the limit of memory, and which of them first.

use crate::eviction::Rule;

/// An eviction policy: the value of `maxmemory-policy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// The keys that may be evicted.
    pub scope: Scope,
    /// Which of them is evicted first.
    pub rule: Rule,
}

/// The keys that may be evicted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// All but the blessed ones.
    #[default]
    All,
    /// Of these only those that have a deadline.
    Volatile,
}

/// Every policy with its name, in the order in which Redis lists them.
const NAMED: [(&str, Policy); 10] = [
    ("volatile-lru", Policy { scope: Scope::Volatile, rule: Rule::Lru }),
    ("volatile-lfu", Policy { scope: Scope::Volatile, rule: Rule::Lfu }),
    ("volatile-random", Policy { scope: Scope::Volatile, rule: Rule::Random }),
    ("volatile-ttl", Policy { scope: Scope::Volatile, rule: Rule::Ttl }),
    ("volatile-lrm", Policy { scope: Scope::Volatile, rule: Rule::Lrm }),
    ("allkeys-lru", Policy { scope: Scope::All, rule: Rule::Lru }),
    ("allkeys-lfu", Policy { scope: Scope::All, rule: Rule::Lfu }),
    ("allkeys-random", Policy { scope: Scope::All, rule: Rule::Random }),
    ("allkeys-lrm", Policy { scope: Scope::All, rule: Rule::Lrm }),
    ("noeviction", Policy { scope: Scope::All, rule: Rule::None }),
];

impl Policy {
    /// Nothing is evicted.
    pub const NONE: Self = Self { scope: Scope::All, rule: Rule::None };

    /// Every policy.
    pub fn all() -> impl Iterator<Item = Self> {
        NAMED.iter().map(|(_, policy)| *policy)
    }

    /// The policy of a name, in the spelling of the option's values.
    pub fn named(name: &str) -> Option<Self> {
        NAMED.iter().find(|(known, _)| *known == name).map(|(_, policy)| *policy)
    }

    /// The name of the policy.
    pub fn name(self) -> &'static str {
        NAMED[self.index()].0
    }

    /// The position in the list of all policies.
    pub(super) fn index(self) -> usize {
        let at = NAMED.iter().position(|(_, policy)| *policy == self);
        at.unwrap_or(NAMED.len() - 1)
    }

    /// The policy at a position in the list of all policies; the last one for greater numbers.
    pub(super) fn at(index: usize) -> Self {
        NAMED[index.min(NAMED.len() - 1)].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_policy_has_a_name_and_a_position() {
        for (index, policy) in Policy::all().enumerate() {
            assert_eq!(Policy::named(policy.name()), Some(policy));
            assert_eq!((policy.index(), Policy::at(index)), (index, policy));
        }
        assert_eq!(Policy::all().count(), 10);
        assert_eq!(Policy::named("allkeys-ttl"), None);
        assert_eq!((Policy::default(), Policy::NONE.name()), (Policy::NONE, "noeviction"));
    }
}
