//! A task waits for a condition, which another thread makes true.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize as Count;
use std::task::{Context, Wake};

use loom::sync::atomic::{AtomicBool, Ordering};

use crate::wake::{Waiter, WakeList};

/// The condition, and the tasks that wait for it.
#[derive(Default)]
pub struct Signal {
    list: Arc<WakeList>,
    is_true: AtomicBool,
}

/// Faults that the model must be able to find.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// None: the protocol as it is.
    None,
    /// The task does not look at the condition again after it has registered.
    NoSecondLook,
    /// The task looks again before it registers.
    LookFirst,
    /// The other thread wakes tasks before it makes the condition true.
    WakeFirst,
}

/// A task that waits.
pub struct Task {
    waiter: Waiter,
    wakes: Arc<Wakes>,
}

#[derive(Default)]
struct Wakes(Count);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Signal {
    /// Makes the condition true, and wakes tasks.
    pub fn raise(&self, fault: Fault) {
        if fault == Fault::WakeFirst {
            self.list.wake_all();
        }
        self.is_true.store(true, Ordering::Relaxed);
        if fault != Fault::WakeFirst {
            self.list.wake_if(1, || self.is_true.load(Ordering::Relaxed));
        }
    }

    /// A task that registers, looks, and is polled once if it has to wait. Nothing if it need not
    /// wait.
    pub fn wait(&self, fault: Fault) -> Option<Task> {
        if fault == Fault::LookFirst && self.is_true.load(Ordering::Relaxed) {
            return None;
        }
        let mut waiter = self.list.register();
        let looks = matches!(fault, Fault::None | Fault::WakeFirst);
        if looks && self.is_true.load(Ordering::Relaxed) {
            return None;
        }
        let wakes = Arc::new(Wakes::default());
        let waker = Arc::clone(&wakes).into();
        let poll = Pin::new(&mut waiter).poll(&mut Context::from_waker(&waker));
        poll.is_pending().then_some(Task { waiter, wakes })
    }
}

impl Task {
    /// True if it was woken and its waker called, once.
    pub fn is_woken(&self) -> bool {
        let wakes = self.wakes.0.load(Ordering::Relaxed);
        assert!(wakes <= 1, "a task is woken once");
        self.waiter.is_woken() && wakes == 1
    }
}
