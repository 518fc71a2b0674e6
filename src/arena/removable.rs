//! One value that may be taken away while readers use it.

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};

use parking_lot::Mutex;

use crate::epoch::{Limbo, Pin};

/// A value on the heap, until it is retired. A reader that is pinned may go on reading one that has
/// just been retired.
///
/// An `Arc`, though there is one owner: moving a `Box` claims that nothing else points to its
/// value, and readers do until the grace period is over (Miri finds it).
///
/// As in [`Blobs`](super::Blobs), the retired value stays in here until its grace period is over,
/// and what [`Removable::get`] returns borrows both the pin and the place.
///
/// ```compile_fail,E0505
/// # use nearhit::{arena::Removable, epoch::pin};
/// let (removable, pin) = (Removable::new(Some(7)), pin());
/// let value = removable.get(&pin);
/// drop(removable); // frees what `value` borrows
/// println!("{value:?}");
/// ```
pub struct Removable<T: Send + Sync> {
    pointer: AtomicPtr<T>,
    limbo: Mutex<Limbo<Arc<T>>>,
}

impl<T: Send + Sync> Removable<T> {
    /// With a value, or without.
    pub fn new(value: Option<T>) -> Self {
        let pointer = value.map_or(ptr::null_mut(), |value| Arc::into_raw(Arc::new(value)).cast_mut());
        Self { pointer: AtomicPtr::new(pointer), limbo: Mutex::new(Limbo::new()) }
    }

    /// The value, if it is there. What is returned stays readable as long as the reader stays
    /// pinned.
    #[inline]
    pub fn get<'p>(&'p self, _pin: &'p Pin) -> Option<&'p T> {
        // SAFETY: the pointer is null or from `Arc::into_raw`. What `retire` takes out stays in the
        // limbo for a grace period, which cannot end while this reader is pinned, since it was
        // pinned before it read the pointer. The limbo is dropped with `self`, which is borrowed.
        unsafe { self.pointer.load(Ordering::Acquire).as_ref() }
    }

    /// Takes the value out of sight for readers that pin themselves later.
    pub fn retire(&self) {
        if let Some(value) = self.take() {
            self.limbo.lock().push(value);
        }
    }

    /// Frees the retired value if its grace period is over. True if there is none any more.
    pub fn reclaim(&self) -> bool {
        let mut limbo = self.limbo.lock();
        let freed = limbo.pop();
        let none_left = limbo.is_empty();
        drop(limbo);
        drop(freed);
        none_left
    }

    fn take(&self) -> Option<Arc<T>> {
        let pointer = self.pointer.swap(ptr::null_mut(), Ordering::AcqRel);
        // SAFETY: it is from `Arc::into_raw`, and the swap gave it to no other caller.
        (!pointer.is_null()).then(|| unsafe { Arc::from_raw(pointer) })
    }
}

impl<T: Send + Sync> Drop for Removable<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch::pin;

    #[test]
    fn what_was_retired_is_gone_for_later_readers_only() {
        let removable = Removable::new(Some(7));
        let reader = pin();
        let seen = removable.get(&reader);
        removable.retire();
        assert!(!removable.reclaim(), "a reader is pinned");
        assert_eq!((seen, removable.get(&reader)), (Some(&7), None));
        drop(reader);
        // Tests beside this one may be pinned for a while.
        while !removable.reclaim() {
            std::thread::yield_now();
        }
        assert!(Removable::<i32>::new(None).reclaim());
    }
}
