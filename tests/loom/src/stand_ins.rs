//! What the product's files find here instead of the crates and modules that they name.

use std::ops::{Deref, DerefMut};

/// In the place of `parking_lot::Mutex`: loom's, which knows of its threads.
#[derive(Debug, Default)]
pub struct Mutex<T>(loom::sync::Mutex<T>);

impl<T> Mutex<T> {
    /// Holds this value.
    pub fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    /// Locks it.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(Some(self.0.lock().expect("loom poisons no lock")))
    }
}

/// While it lives, its lock is held.
pub struct MutexGuard<'m, T>(Option<loom::sync::MutexGuard<'m, T>>);

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("the lock is held")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("the lock is held")
    }
}

/// In the place of `parking_lot::Condvar`.
#[derive(Debug, Default)]
pub struct Condvar(loom::sync::Condvar);

impl Condvar {
    /// No thread waits for it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Unlocks, waits, locks.
    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let held = guard.0.take().expect("the lock is held");
        guard.0 = Some(self.0.wait(held).expect("loom poisons no lock"));
    }

    /// Wakes all threads that wait.
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// In the place of the product's counts of memory: nothing is counted.
pub mod memory {
    /// What memory is for.
    pub enum Category {
        /// The states of slots.
        Graph,
        /// Free slots.
        Reusable,
    }

    /// Bytes that are not counted.
    pub struct Held;

    impl Held {
        /// None.
        pub fn nothing(_: Category) -> Self {
            Self
        }

        /// Not counted.
        pub fn set(&mut self, _: usize) {}
    }
}

/// In the place of the product's arenas.
pub mod arena {
    use loom::sync::atomic::AtomicU32;

    use super::memory::Category;
    pub(crate) use crate::lowest::Lowest;

    /// Slots of a model.
    const SLOTS: usize = 3;

    /// Words for a few slots, which are there from the beginning: how an arena grows is not part of
    /// the models.
    pub struct Words(Vec<Vec<AtomicU32>>);

    impl Words {
        /// `per_block`: words per slot.
        pub fn new(per_block: usize, _: Category) -> Self {
            let block = || (0..per_block).map(|_| AtomicU32::new(0)).collect();
            Self((0..SLOTS).map(|_| block()).collect())
        }

        /// The words of a slot.
        pub fn block(&self, slot: u32) -> &[AtomicU32] {
            &self.0[slot as usize]
        }

        /// There are no more.
        pub fn grow_to(&self, len: u32) {
            assert!(len as usize <= SLOTS, "a model has few slots");
        }

        /// They stay.
        ///
        /// # Safety
        /// As of the product's.
        pub unsafe fn shrink_to(&self, _: u32) {}

        /// Not counted.
        pub fn heap_bytes(&self) -> usize {
            0
        }
    }
}
