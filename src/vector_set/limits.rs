//! What bounds one set, so that the users of one do not evict elements of another: how long its
//! elements live unless a writer says otherwise, how many there may be, how many bytes they may
//! take, and which of them make room.

use parking_lot::{Mutex, RwLock};

use super::Share;
use super::room::Chooser;
use crate::eviction::Rule;
use crate::tier::Tier;

/// The longest default lifetime, in milliseconds: 1,115 years.
pub const MAX_TTL_MS: u64 = 1 << 45;

/// What bounds a set. May be changed at any time.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Limits {
    /// How long an element lives that is added or updated without a lifetime of its own, in
    /// milliseconds, at most [`MAX_TTL_MS`]. It is applied by the writer of the command, not by the
    /// set: a log has absolute times.
    pub ttl_ms: Option<u64>,
    /// How many elements there may be.
    pub max_elements: Option<u64>,
    /// How many bytes they may take, by the estimate of
    /// [`element_bytes_in_all`](super::VectorSet::element_bytes_in_all).
    pub max_bytes: Option<u64>,
    /// Which elements make room.
    pub policy: SetPolicy,
    /// Where finer codes are to be, if there is a choice. Hot: as the directory's policy has it.
    pub tier: Tier,
}

impl Limits {
    /// True if neither elements nor bytes are limited.
    pub fn is_boundless(&self) -> bool {
        self.max_elements.is_none() && self.max_bytes.is_none()
    }

    /// These with a change.
    pub fn changed(self, change: &LimitsChange) -> Self {
        Self {
            ttl_ms: change.ttl_ms.unwrap_or(self.ttl_ms),
            max_elements: change.max_elements.unwrap_or(self.max_elements),
            max_bytes: change.max_bytes.unwrap_or(self.max_bytes),
            policy: change.policy.unwrap_or(self.policy),
            tier: change.tier.unwrap_or(self.tier),
        }
    }
}

/// What is to be changed of [`Limits`]: outside none, what stays; inside none, what is not limited
/// any more.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct LimitsChange {
    /// Of [`Limits::ttl_ms`].
    pub ttl_ms: Option<Option<u64>>,
    /// Of [`Limits::max_elements`].
    pub max_elements: Option<Option<u64>>,
    /// Of [`Limits::max_bytes`].
    pub max_bytes: Option<Option<u64>>,
    /// Of [`Limits::policy`].
    pub policy: Option<SetPolicy>,
    /// Of a cache: [`CacheRules::max_error`](super::CacheRules::max_error).
    pub max_error: Option<Option<Share>>,
    /// Of [`Limits::tier`].
    pub tier: Option<Tier>,
}

impl LimitsChange {
    /// True if all stays as it is.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Which elements of a set make room for others. Pinned ones never do.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum SetPolicy {
    /// Those that were not used for the longest time.
    #[default]
    Lru,
    /// Those that are used least frequently.
    Lfu,
    /// Those with the nearest deadline, and no others.
    Ttl,
    /// Those that are worth least: cost, by use, for each byte.
    Cost,
    /// Of a cache: those in whose place another entry would be served; then those that were not
    /// used for the longest time. See `entries::serving`.
    Coverage,
    /// Any.
    Random,
    /// None: what would exceed the limit is refused.
    None,
}

impl SetPolicy {
    /// All, with their names in commands and files.
    pub const ALL: [(&str, Self); 7] = [
        ("lru", Self::Lru),
        ("lfu", Self::Lfu),
        ("ttl", Self::Ttl),
        ("cost", Self::Cost),
        ("coverage", Self::Coverage),
        ("random", Self::Random),
        ("none", Self::None),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, policy)| *policy == self).map_or("", |(name, _)| name)
    }

    /// What is evicted first.
    pub(super) fn rule(self) -> Rule {
        match self {
            Self::Lru => Rule::Lru,
            Self::Lfu => Rule::Lfu,
            Self::Ttl => Rule::Ttl,
            Self::Cost => Rule::Cost,
            Self::Coverage => Rule::Coverage,
            Self::Random => Rule::Random,
            Self::None => Rule::None,
        }
    }
}

/// A limit that a change would exceed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Full {
    /// [`Limits::max_elements`].
    Elements,
    /// [`Limits::max_bytes`].
    Bytes,
}

/// The limits of a set, and what is kept for keeping them.
#[derive(Default)]
pub(super) struct Bounds {
    limits: RwLock<Limits>,
    /// Locked under the set's lock only.
    pub(super) chooser: Mutex<Chooser>,
}

impl Bounds {
    /// Those of a new set.
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits: RwLock::new(limits), ..Self::default() }
    }

    pub(super) fn get(&self) -> Limits {
        *self.limits.read()
    }

    pub(super) fn set(&self, limits: Limits) {
        *self.limits.write() = limits;
    }
}
