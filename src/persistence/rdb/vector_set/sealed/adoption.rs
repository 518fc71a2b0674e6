//! The set that files make takes the place of the one in memory, whose names and attributes then
//! take no memory any more.
//!
//! Writers go on while files are written. So the set of the files is brought up to date before:
//! elements that have changed since the cut are made in it what they are, in rounds of which each
//! has what has changed during the one before, until so few are left that they are done while the
//! key is held. Where writers are faster than that, the set stays as it is.

use std::sync::Arc;

use super::{Place, open};
use crate::keyspace::{Keyspace, NotExchanged};
use crate::vector_set::{Changed, NamedBy, Ranks, Sealed, VectorSet};

/// Elements that are brought up to date while the key is held, which takes some milliseconds.
const FEW: usize = 8;
/// Rounds that leave no less than the one before, until writers are said to be too fast.
const MOST_IN_VAIN: usize = 4;

/// Files that are complete: to be kept once the snapshot has its name.
pub struct Adoption {
    pub(super) set: Arc<VectorSet>,
    pub(super) sealed: Arc<Sealed>,
    /// The slot that each element had. None: files of an earlier snapshot have the set.
    pub(super) ranks: Option<Ranks>,
    pub(super) changes: u64,
    pub(super) changed: Option<Arc<Changed>>,
    pub(super) place: Place,
}

impl std::fmt::Debug for Adoption {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Adoption of {}", self.sealed.path().display())
    }
}

impl Adoption {
    /// The snapshot that names them is there.
    pub fn adopt(&self, by: NamedBy) {
        self.set.keep_sealed(by, Arc::clone(&self.sealed), self.changes);
    }

    /// Lets the key mean the mapped set from now on. That is no change: there is no event of it,
    /// and no line in the log. `goes_on` is asked now and then; it may take long. False if the key
    /// means what it meant.
    pub fn exchange(self, keyspace: &Keyspace, goes_on: &dyn Fn() -> bool) -> bool {
        let Self { set, sealed, changed, .. } = &self;
        let is_it =
            set.space().and_then(|space| space.sealed()).is_some_and(|base| Arc::ptr_eq(base, sealed));
        let is_known = changed.is_some() || set.changes() == self.changes;
        if is_it || !is_known || set.is_damaged() {
            return false;
        }
        let mapped = match open(sealed) {
            Ok(mapped) => Arc::new(mapped),
            Err(why) => {
                tracing::warn!("a warm vector set goes on as it is: {why}");
                return false;
            }
        };
        if self.ranks.is_some() || set.changes() == self.changes {
            mapped.use_as(set, self.ranks.as_ref());
        }
        let counters = &sealed.dir().sealed().counters;
        let outcome = self.follow_and_exchange(keyspace, &mapped, goes_on);
        match outcome {
            Ok(()) => counters.exchanged.add(1),
            Err(NotExchanged::Changed) => counters.outrun.add(1),
            Err(NotExchanged::Replaced) => {}
        }
        outcome.is_ok()
    }

    fn follow_and_exchange(
        &self,
        keyspace: &Keyspace,
        mapped: &Arc<VectorSet>,
        goes_on: &dyn Fn() -> bool,
    ) -> Result<(), NotExchanged> {
        let Self { set, changed, place: Place { db, key }, .. } = self;
        let Some(changed) = changed else {
            let is_same = || set.changes() == self.changes;
            return keyspace.db(*db).exchange_set(key, set, mapped, is_same);
        };
        let mut left = usize::MAX;
        let mut in_vain = 0;
        while in_vain < MOST_IN_VAIN {
            let names = changed.take().ok_or(NotExchanged::Changed)?;
            if !mapped.follow(set, &names, goes_on) {
                return Err(NotExchanged::Replaced);
            }
            in_vain += usize::from(names.len() > FEW && names.len() >= left);
            left = names.len();
            if changed.len() > FEW {
                continue;
            }
            let mut are_few = true;
            let follow_last = || {
                are_few = changed.len() <= FEW;
                let names = if are_few { changed.take() } else { None };
                names.is_some_and(|names| mapped.follow(set, &names, &|| true)) && mapped.is_like(set)
            };
            match keyspace.db(*db).exchange_set(key, set, mapped, follow_last) {
                Err(NotExchanged::Changed) if !are_few => in_vain += 1,
                outcome => return outcome,
            }
        }
        Err(NotExchanged::Changed)
    }
}
