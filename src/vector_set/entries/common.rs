//! What a cache keeps beside its entries: what was learnt of all of them, and what was counted.
//!
//! When a set takes the place of another since it lies elsewhere (see
//! [`crate::vector_set::sealed`]), both have one of these, so that no observation and no count is
//! lost, of whichever of them it is.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};

use super::figures::ScoreHistogram;
use super::forecast::Forecasting;
use super::serving::LastServed;
use super::state::{read_learning, write_learning};
use super::{CacheFigures, CacheOutline, CacheRules, Share};
use crate::certainty::{Account, Fit, Learner, Observation};
use crate::memory::{Category, Held, allocated_bytes};

/// Of a cache, not by slot.
pub(super) struct Common {
    pub(super) rules: CacheRules,
    /// The share of errors that is accepted where a search says nothing, in billionths; 0: none.
    max_error: AtomicU64,
    pub(super) last_served: LastServed,
    pub(super) forecasting: Forecasting,
    learning: Mutex<Learning>,
    pub(super) fit: RwLock<Option<Fit>>,
    pub(super) account: Account,
    pub(super) figures: CacheFigures,
    /// Searches by the score of the nearest entry: hits, and others.
    pub(super) histograms: [ScoreHistogram; 2],
    _fixed: Held,
}

struct Learning {
    learner: Learner,
    held: Held,
}

impl Common {
    pub(super) fn new(rules: CacheRules) -> Self {
        let max_error = AtomicU64::new(rules.max_error.map_or(0, |share| share.billionths().into()));
        let held = Held::nothing(Category::Payloads);
        Self {
            rules,
            max_error,
            last_served: LastServed::default(),
            forecasting: Forecasting::default(),
            learning: Mutex::new(Learning { learner: Learner::default(), held }),
            fit: RwLock::new(None),
            account: Account::default(),
            figures: CacheFigures::default(),
            histograms: Default::default(),
            _fixed: Held::new(Category::Payloads, allocated_bytes(size_of::<Self>())),
        }
    }

    /// What is fixed, with what may be changed of it as it is now.
    pub(super) fn rules(&self) -> CacheRules {
        CacheRules { max_error: self.max_error(), ..self.rules.clone() }
    }

    pub(super) fn max_error(&self) -> Option<Share> {
        Share::from_billionths(self.max_error.load(Ordering::Relaxed))
    }

    pub(super) fn set_max_error(&self, share: Option<Share>) {
        self.max_error.store(share.map_or(0, |share| share.billionths().into()), Ordering::Relaxed);
    }

    /// What was learnt, as it is stored.
    pub(super) fn learning(&self) -> Vec<u8> {
        // The lock of the learner is held, so that the fit is not one of later observations.
        let learning = self.learning.lock();
        write_learning(&learning.learner, *self.fit.read())
    }

    /// That of a cache that is being loaded. None if what was learnt is none.
    pub(super) fn restored(outline: CacheOutline) -> Option<Self> {
        let (learner, fit) = read_learning(&outline.learning)?;
        let mut common = Self { fit: RwLock::new(fit), ..Self::new(outline.rules) };
        let learning = common.learning.get_mut();
        learning.learner = learner;
        learning.count();
        Some(common)
    }

    /// Adds an observation of the entry of this number. True if all are to be fitted now.
    pub(super) fn add(&self, entry: u32, observation: Observation) -> bool {
        let mut learning = self.learning.lock();
        let is_due = learning.learner.add(entry, observation);
        learning.count();
        is_due
    }

    /// Looks at the last observations.
    pub(super) fn with_learner<R>(&self, look: impl FnOnce(&Learner) -> R) -> R {
        look(&self.learning.lock().learner)
    }

    /// Bytes held.
    pub(super) fn heap_bytes(&self) -> usize {
        self._fixed.bytes() + self.learning.lock().held.bytes() + self.forecasting.heap_bytes()
    }
}

impl Learning {
    fn count(&mut self) {
        let bytes = allocated_bytes(self.learner.heap_bytes());
        if bytes != self.held.bytes() {
            self.held.set(bytes);
        }
    }
}
