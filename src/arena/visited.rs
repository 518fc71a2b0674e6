//! A value with one owner, which another thread may look at between the owner's changes.

use std::cell::UnsafeCell;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

/// The owner's side: reads as a `Box` does, without a lock, and locks visitors out for a change.
///
/// An `Arc<RwLock<T>>` would make the owner lock for every access, and return guards where
/// references are needed.
pub struct Visited<T>(Arc<Shared<T>>);

/// The other side: looks at the value as it is between two changes. The value is there for as long
/// as the visitor, also when its owner has dropped it.
pub struct Visitor<T>(Arc<Shared<T>>);

/// The value while its owner changes it.
pub struct Change<'v, T> {
    value: &'v UnsafeCell<T>,
    _no_visit: MutexGuard<'v, ()>,
}

struct Shared<T> {
    /// Held for a visit and for a change.
    busy: Mutex<()>,
    value: UnsafeCell<T>,
}

// SAFETY: several threads may have `&T` at the same time (the owner's and a visitor's), hence `T:
// Sync`; the value may be changed and dropped by another thread than the one that made it, hence
// `T: Send`. A `&mut T` comes from a `Change` only, which borrows the only owner for a change, so
// that the owner gives out nothing else, and holds the lock, without which visitors have no `&T`.
unsafe impl<T: Send + Sync> Sync for Shared<T> {}

impl<T> Visited<T> {
    /// A value without a visitor.
    pub fn new(value: T) -> Self {
        Self(Arc::new(Shared { busy: Mutex::new(()), value: UnsafeCell::new(value) }))
    }

    /// Lets the value be changed until the guard is dropped. Waits for a visitor's look to end.
    pub fn change(&mut self) -> Change<'_, T> {
        Change { value: &self.0.value, _no_visit: self.0.busy.lock() }
    }

    /// Another that may look at the value.
    pub fn visitor(&self) -> Visitor<T> {
        Visitor(Arc::clone(&self.0))
    }

    /// Bytes beside the value in its block.
    pub const fn overhead() -> usize {
        size_of::<Shared<T>>() - size_of::<T>() + 2 * size_of::<usize>()
    }
}

impl<T> Deref for Visited<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: changes need `&mut self`, and visitors only read.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> Visitor<T> {
    /// What `look` says of the value. It should be quick: the owner waits for it before a change.
    /// An owner that waits comes next, also before a visitor that looks again at once.
    pub fn look<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        let no_change = self.0.busy.lock();
        // SAFETY: changes hold the lock.
        let outcome = look(unsafe { &*self.0.value.get() });
        MutexGuard::unlock_fair(no_change);
        outcome
    }
}

impl<T> Deref for Change<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: only this guard gives out a `&mut T`, and not while it is borrowed here.
        unsafe { &*self.value.get() }
    }
}

impl<T> DerefMut for Change<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard has the owner borrowed for a change and keeps visitors out (see `Sync`
        // above).
        unsafe { &mut *self.value.get() }
    }
}

/// A value of its own, without a visitor.
impl<T: Clone> Clone for Visited<T> {
    fn clone(&self) -> Self {
        Self::new(T::clone(self))
    }
}

impl<T: fmt::Debug> fmt::Debug for Visited<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        T::fmt(self, f)
    }
}

impl<T> fmt::Debug for Visitor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Visitor")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visitor_sees_each_change_whole_and_the_value_after_its_owner_has_gone() {
        let mut pair = Visited::new([0_u64; 64]);
        let visitor = pair.visitor();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let all_alike = |numbers: &[u64; 64]| numbers.iter().all(|number| *number == numbers[0]);
                while visitor.look(|numbers| {
                    assert!(all_alike(numbers));
                    numbers[0] < 10_000
                }) {
                    std::hint::spin_loop();
                }
            });
            for round in 1..=10_000 {
                pair.change().iter_mut().for_each(|number| *number = round);
                assert_eq!(pair[63], round);
            }
        });
        let copy = pair.clone();
        drop(pair);
        assert_eq!((visitor.look(|numbers| numbers[7]), copy[7]), (10_000, 10_000));
    }
}
