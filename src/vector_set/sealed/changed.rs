//! Which elements have changed since the moment that files have a set of.
//!
//! A large set takes minutes to write, and its writers do not wait for that. So the files have the
//! set of a moment, and the names of what changes meanwhile are noted: the set that the files make
//! is brought up to date by them before it takes the place of this one (see [`super::follow`]).

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::memory::{Category, Held};
use crate::vector_set::commit::Exclusive;

/// Bytes of names that are noted at most, with what the table takes for each.
const MOST_BYTES: usize = 64 << 20;
/// Bytes that the table takes for a name, approximately.
const BESIDE: usize = 40;

/// Names of elements that were added, changed or removed.
#[derive(Debug)]
pub struct Changed(Mutex<Noted>);

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
        Self(Mutex::new(Noted { names: HashSet::new(), held, overflowed: false }))
    }
}

impl Changed {
    /// The names since the last call, in any order. None if they were too many to note all.
    pub fn take(&self) -> Option<Vec<Box<[u8]>>> {
        let mut noted = self.0.lock();
        noted.held.set(0);
        let names = std::mem::take(&mut noted.names);
        (!noted.overflowed).then(|| names.into_iter().collect())
    }

    /// How many [`take`](Self::take) would return.
    pub fn len(&self) -> usize {
        self.0.lock().names.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn note(&self, name: &[u8]) {
        let mut noted = self.0.lock();
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

/// Those of a set to whom somebody refers still.
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

    /// True if somebody refers to some still.
    pub(in crate::vector_set) fn are_used(&self) -> bool {
        self.any() && self.all.lock().iter().any(|changed| changed.strong_count() > 0)
    }
}
