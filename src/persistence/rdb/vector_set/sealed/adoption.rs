//! The set that files make takes the place of the one in memory, whose names and attributes then
//! take no memory any more.

use std::sync::Arc;

use super::{Place, open};
use crate::keyspace::{Keyspace, NotExchanged};
use crate::vector_set::{Changed, NamedBy, Ranks, Sealed, VectorSet};

/// Files that are complete: to be kept once the snapshot has its name.
pub struct Adoption {
    pub(super) set: Arc<VectorSet>,
    pub(super) sealed: Arc<Sealed>,
    /// The slot that each element had. None: files of an earlier snapshot have the set.
    pub(super) ranks: Option<Arc<Ranks>>,
    /// Changes of the set before it was written.
    pub(super) changes: u64,
    /// Its elements that have changed since.
    pub(super) changed: Arc<Changed>,
    pub(super) place: Place,
    /// Which kind of snapshot names them, if one does.
    pub(super) by: Option<NamedBy>,
}

impl std::fmt::Debug for Adoption {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Adoption of {}", self.sealed.path().display())
    }
}

impl Adoption {
    /// The snapshot that names them is there.
    pub fn adopt(&mut self, by: NamedBy) {
        self.set.keep_sealed(by, Arc::clone(&self.sealed), Some(self.changes));
        self.by = Some(by);
    }

    /// If another set has taken the place of theirs meanwhile, that keeps the files that a snapshot
    /// names. Who takes its place from now on takes them over from it.
    fn hand_over(&self, keyspace: &Keyspace) {
        let Place { db, key } = &self.place;
        let present = keyspace.db(*db).vector_set_in_memory(key);
        let successor = present.filter(|handle| !Arc::ptr_eq(&handle.set, &self.set));
        if let (Some(handle), Some(by)) = (successor, self.by) {
            handle.set.keep_sealed(by, Arc::clone(&self.sealed), None);
        }
    }

    /// Lets the key mean the mapped set from now on, with all that has changed since. That is no
    /// change: there is no event of it, and no line in the log. `goes_on` is asked now and then; it
    /// may take long. False if the key means what it meant.
    pub fn exchange(self, keyspace: &Keyspace, goes_on: &dyn Fn() -> bool) -> bool {
        let is_exchanged = self.try_exchange(keyspace, goes_on);
        if !is_exchanged {
            self.hand_over(keyspace);
        }
        is_exchanged
    }

    fn try_exchange(&self, keyspace: &Keyspace, goes_on: &dyn Fn() -> bool) -> bool {
        let Self { set, sealed, ranks, changes, changed, place: Place { db, key }, .. } = self;
        let is_it =
            set.space().and_then(|space| space.sealed()).is_some_and(|base| Arc::ptr_eq(base, sealed));
        let db = keyspace.db(*db);
        // For clients that watch it would be a change.
        if is_it || set.is_damaged() || db.is_watched() {
            return false;
        }
        let mut mapped = match open(sealed) {
            Ok(mapped) => mapped,
            Err(why) => {
                tracing::warn!("a vector set goes on as it is: {why}");
                return false;
            }
        };
        mapped.succeed(set, ranks.as_ref());
        if ranks.is_some() || set.changes() == *changes {
            mapped.use_as(set, ranks.as_deref());
        }
        let mapped = Arc::new(mapped);
        let counters = &sealed.dir().sealed().counters;
        let outcome = db.exchange_set(key, set, &mapped, changed, goes_on);
        match outcome {
            Ok(()) => counters.exchanged.add(1),
            Err(NotExchanged::Changed) => counters.outrun.add(1),
            Err(NotExchanged::Replaced) => {}
        }
        outcome.is_ok()
    }
}
