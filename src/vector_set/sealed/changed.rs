//! Which elements have changed since the moment that files have a set of.
//!
//! A large set takes minutes to write, and its writers do not wait for that. So the files have the
//! set of a moment, and the names of what changes meanwhile are noted: the set that the files make
//! is brought up to date by them before it takes the place of this one (see [`super::follow`]).
//!
//! Where writers are faster than the thread that does this, they *help*: behind each change, its
//! writer brings two elements up to date, so that what is left becomes less and less.
//!
//! *Locks*, in this order: a set's `elements` → `noted`. A helper holds `follower` for reading and
//! then a stripe while it brings an element up to date, and no lock of the leader but shortly.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, MutexGuard, RwLock};
use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64;

use crate::memory::{Category, Held};
use crate::vector_set::VectorSet;
use crate::vector_set::commit::Exclusive;

/// Bytes of names that are noted at most, with what the table takes for each.
const MOST_BYTES: usize = 64 << 20;
/// Bytes that the table takes for a name, approximately.
const BESIDE: usize = 40;

/// Elements that a writer brings up to date behind a change of its own.
const HELPED: usize = 2;
/// Elements whose names fall into different stripes are brought up to date at the same time.
const STRIPES: usize = 64;

/// Names of elements that were added, changed or removed.
pub struct Changed {
    noted: Mutex<Noted>,
    /// The set that writers are to help to bring up to date, while they are. Held for reading from
    /// when a helper has taken a name until the element is up to date.
    follower: RwLock<Option<Arc<VectorSet>>>,
    /// Held from before an element is read here until it is so in the follower: what was read
    /// later is written later.
    stripes: [Mutex<()>; STRIPES],
}

#[derive(Debug)]
struct Noted {
    names: HashSet<Box<[u8]>>,
    held: Held,
    /// There were more than fit.
    overflowed: bool,
}

impl Default for Changed {
    fn default() -> Self {
        let held = Held::nothing(Category::Snapshot);
        Self {
            noted: Mutex::new(Noted { names: HashSet::new(), held, overflowed: false }),
            follower: RwLock::default(),
            stripes: std::array::from_fn(|_| Mutex::new(())),
        }
    }
}

impl Changed {
    /// The names since the last call, in any order. None if they were too many to note all.
    pub fn take(&self) -> Option<Vec<Box<[u8]>>> {
        let mut noted = self.noted.lock();
        noted.held.set(0);
        let names = std::mem::take(&mut noted.names);
        (!noted.overflowed).then(|| names.into_iter().collect())
    }

    /// How many [`take`](Self::take) would return.
    pub fn len(&self) -> usize {
        self.noted.lock().names.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lets writers help to bring a set up to date from now on, or no more: then those that were
    /// about it have done so when this returns.
    pub fn be_helped(&self, follower: Option<&Arc<VectorSet>>) {
        *self.follower.write() = follower.map(Arc::clone);
    }

    /// To be held while an element is brought up to date.
    pub(super) fn turn_of(&self, name: &[u8]) -> MutexGuard<'_, ()> {
        self.stripes[xxh3_64(name) as usize % STRIPES].lock()
    }

    /// Brings some elements up to date, if writers are to do so.
    fn help(&self, leader: &VectorSet) {
        // One that is about to take the help away is not waited for.
        let Some(follower) = self.follower.try_read() else { return };
        let Some(follower) = follower.as_ref() else { return };
        for _ in 0..HELPED {
            let name = {
                let mut noted = self.noted.lock();
                let Some(name) = noted.names.iter().next().cloned() else { return };
                noted.names.remove(&name);
                noted.held.shrink(name.len() + BESIDE);
                name
            };
            follower.follow(leader, self, &[name], &|| true);
        }
    }

    fn note(&self, name: &[u8]) {
        let mut noted = self.noted.lock();
        if noted.overflowed || noted.names.contains(name) {
            return;
        }
        noted.held.grow(name.len() + BESIDE);
        noted.names.insert(name.into());
        if noted.held.bytes() > MOST_BYTES {
            noted.names = HashSet::new();
            noted.held.set(0);
            noted.overflowed = true;
        }
    }
}

/// All [`Changed`] of a set that have not been dropped.
#[derive(Default)]
pub(in crate::vector_set) struct Notes {
    /// Writers look at this alone while there are none.
    count: AtomicUsize,
    all: Mutex<Vec<Weak<Changed>>>,
}

impl Notes {
    /// From now on names are noted, as long as the result is there.
    pub(in crate::vector_set) fn begin(&self, _: &Exclusive) -> Arc<Changed> {
        let changed = Arc::<Changed>::default();
        let mut all = self.all.lock();
        all.push(Arc::downgrade(&changed));
        self.count.store(all.len(), Ordering::Relaxed);
        changed
    }

    /// True if names are noted, or were a moment ago.
    #[inline]
    pub(in crate::vector_set) fn any(&self) -> bool {
        self.count.load(Ordering::Relaxed) != 0
    }

    /// The element of this name is changed, in the same hold of the set's lock.
    #[inline]
    pub(in crate::vector_set) fn note(&self, name: &[u8], _: &Exclusive) {
        if self.any() {
            self.note_in_all(name);
        }
    }

    #[cold]
    fn note_in_all(&self, name: &[u8]) {
        let mut all = self.all.lock();
        all.retain(|changed| {
            changed.upgrade().is_some_and(|changed| {
                changed.note(name);
                true
            })
        });
        self.count.store(all.len(), Ordering::Relaxed);
    }

    /// To be called behind a change of the set, without a lock of it.
    #[inline]
    pub(in crate::vector_set) fn help(&self, set: &VectorSet) {
        if self.any() {
            self.help_all(set);
        }
    }

    #[cold]
    fn help_all(&self, set: &VectorSet) {
        let all: SmallVec<[Arc<Changed>; 2]> = self.all.lock().iter().filter_map(Weak::upgrade).collect();
        all.iter().for_each(|changed| changed.help(set));
    }

    /// True if there are some.
    pub(in crate::vector_set) fn are_used(&self) -> bool {
        self.any() && self.all.lock().iter().any(|changed| changed.strong_count() > 0)
    }
}
