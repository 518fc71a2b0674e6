//! One value that may be taken away while readers use it.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::epoch::Pin;

/// A value on the heap, until it is taken. A reader that is pinned may go on reading one that has just been taken.
pub struct Removable<T: Send + Sync> {
    pointer: AtomicPtr<T>,
}

impl<T: Send + Sync> Removable<T> {
    /// With a value, or without.
    pub fn new(value: Option<T>) -> Self {
        let pointer = value.map_or(ptr::null_mut(), |value| Box::into_raw(Box::new(value)));
        Self { pointer: AtomicPtr::new(pointer) }
    }

    /// The value, if it is there. What is returned stays readable as long as the reader stays pinned.
    #[inline]
    pub fn get<'p>(&'p self, _pin: &'p Pin<'_>) -> Option<&'p T> {
        // SAFETY: the pointer is null or from `Box::into_raw`. What `take` takes out is dropped only after a grace period
        // (its callers promise that), and this reader was pinned before it read the pointer.
        unsafe { self.pointer.load(Ordering::Acquire).as_ref() }
    }

    /// Takes the value out of sight.
    ///
    /// The caller must keep it until a grace period has passed, since pinned readers may be reading it.
    #[must_use = "pinned readers may still read it: keep it until they have gone"]
    pub fn take(&self) -> Option<Box<T>> {
        let pointer = self.pointer.swap(ptr::null_mut(), Ordering::AcqRel);
        // SAFETY: it is from `Box::into_raw`, and the swap gave it to nobody else.
        (!pointer.is_null()).then(|| unsafe { Box::from_raw(pointer) })
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
    fn what_was_taken_is_gone_for_later_readers() {
        let removable = Removable::new(Some(7));
        let pin = pin();
        let seen = removable.get(&pin);
        let taken = removable.take();
        assert_eq!((seen, taken.as_deref(), removable.get(&pin)), (Some(&7), Some(&7), None));
        assert!(removable.take().is_none());
        assert!(Removable::<i32>::new(None).get(&pin).is_none());
    }
}
