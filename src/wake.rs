//! Tasks that wait until a condition may have changed, without looking at it again and again.
//!
//! | step | a task that waits | code that changes the condition |
//! |---|---|---|
//! | 1 | [registers](WakeList::register) | changes it |
//! | 2 | looks at the condition once more | [wakes](WakeList::wake_if) registered tasks |
//! | 3 | awaits its [`Waiter`], or goes on | |
//!
//! Both sides have a SeqCst fence between steps 1 and 2, and one of the two fences comes first:
//! either the task sees the condition changed, or the other side sees the task registered. So no
//! change is missed. While nothing is registered, a change costs a fence and a load.
//!
//! Knows no runtime: a waiter is a future of the standard library. `tests/loom` checks this file.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
#[cfg(not(loom))]
use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::task::{Context, Poll, Waker};

#[cfg(loom)]
use loom::sync::atomic::{AtomicUsize, Ordering, fence};
use parking_lot::Mutex;

/// The tasks that wait for one condition.
#[derive(Debug, Default)]
pub(crate) struct WakeList {
    /// Tasks that are registered, for those who do not lock.
    registered: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next_id: u64,
    /// The tasks that are registered, in the order in which they came; without a waker until they
    /// are polled. A task that is woken is taken out.
    wakers: BTreeMap<u64, Option<Waker>>,
}

impl WakeList {
    /// Registers a task: it is woken by what happens from now on. The condition is to be looked at
    /// once more after this, and before the waiter is awaited.
    pub(crate) fn register(self: &Arc<Self>) -> Waiter {
        let mut state = self.state.lock();
        state.next_id += 1;
        let id = state.next_id;
        state.wakers.insert(id, None);
        self.registered.store(state.wakers.len(), Ordering::Relaxed);
        drop(state);
        fence(Ordering::SeqCst);
        Waiter { list: Arc::clone(self), id }
    }

    /// Wakes up to `most` tasks that are registered, those first that came first, if `condition`
    /// holds. To be called after what may have changed it; it is not looked at while nothing is
    /// registered.
    pub(crate) fn wake_if(&self, most: usize, condition: impl FnOnce() -> bool) {
        fence(Ordering::SeqCst);
        if self.registered.load(Ordering::Relaxed) > 0 && condition() {
            self.wake(most);
        }
    }

    /// Wakes all tasks that are registered.
    pub(crate) fn wake_all(&self) {
        self.wake_if(usize::MAX, || true);
    }

    #[cold]
    fn wake(&self, most: usize) {
        let mut state = self.state.lock();
        let first = std::iter::from_fn(|| state.wakers.pop_first()).take(most);
        let woken: Vec<Waker> = first.filter_map(|(_, waker)| waker).collect();
        self.registered.store(state.wakers.len(), Ordering::Relaxed);
        drop(state);
        woken.into_iter().for_each(Waker::wake);
    }
}

/// A task that is registered until it is woken, or dropped. Ready once it was woken.
#[derive(Debug)]
#[must_use = "a task that is registered is to be awaited"]
pub struct Waiter {
    list: Arc<WakeList>,
    id: u64,
}

impl Waiter {
    /// True if it was woken.
    pub fn is_woken(&self) -> bool {
        !self.list.state.lock().wakers.contains_key(&self.id)
    }
}

impl Future for Waiter {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.list.state.lock().wakers.get_mut(&self.id) {
            None => Poll::Ready(()),
            Some(waker) => {
                *waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut state = self.list.state.lock();
        state.wakers.remove(&self.id);
        self.list.registered.store(state.wakers.len(), Ordering::Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn is_ready(waiter: &mut Waiter, counted: &Arc<Counted>) -> bool {
        let waker = Arc::clone(counted).into();
        Pin::new(waiter).poll(&mut Context::from_waker(&waker)).is_ready()
    }

    #[test]
    fn a_change_before_the_first_poll_is_not_missed() {
        let list = Arc::new(WakeList::default());
        let counted = Arc::default();
        let mut waiter = list.register();
        list.wake_all();
        assert!(is_ready(&mut waiter, &counted));
        let mut next = list.register();
        assert!(!is_ready(&mut next, &counted), "it came after the change");
    }

    #[test]
    fn a_task_is_woken_once_for_a_change_however_often_it_was_polled() {
        let list = Arc::new(WakeList::default());
        let counted = Arc::<Counted>::default();
        let mut waiter = list.register();
        assert!((0..3).all(|_| !is_ready(&mut waiter, &counted)));
        list.wake_if(1, || false);
        assert!(!is_ready(&mut waiter, &counted) && !waiter.is_woken());
        list.wake_all();
        list.wake_all();
        assert_eq!(counted.0.load(Ordering::Relaxed), 1);
        assert!(is_ready(&mut waiter, &counted));
    }

    #[test]
    fn those_are_woken_first_that_came_first() {
        let list = Arc::new(WakeList::default());
        let waiters = [(); 4].map(|()| list.register());
        let woken = || waiters.iter().map(Waiter::is_woken).collect::<Vec<_>>();
        list.wake_if(3, || true);
        assert_eq!(woken(), [true, true, true, false]);
        list.wake_all();
        assert_eq!(woken(), [true; 4]);
    }

    #[test]
    fn a_waiter_that_is_dropped_leaves_nothing_behind() {
        let list = Arc::new(WakeList::default());
        let counted = Arc::<Counted>::default();
        let mut waiter = list.register();
        assert!(!is_ready(&mut waiter, &counted));
        drop(waiter);
        list.wake_if(1, || panic!("nothing is registered"));
        assert_eq!(counted.0.load(Ordering::Relaxed), 0);
        assert!(list.state.lock().wakers.is_empty());
    }

    /// A condition that becomes true again and again, and is looked at as the protocol says.
    #[test]
    fn no_change_is_missed_however_the_two_sides_meet() {
        const ROUNDS: usize = if cfg!(miri) { 20 } else { 20_000 };
        let list = Arc::new(WakeList::default());
        let open = AtomicBool::new(false);
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    open.store(true, Ordering::Relaxed);
                    list.wake_if(1, || open.load(Ordering::Relaxed));
                    while open.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                }
            });
            for _ in 0..ROUNDS {
                while !open.swap(false, Ordering::Relaxed) {
                    let waiter = list.register();
                    if !open.load(Ordering::Relaxed) {
                        runtime.block_on(waiter);
                    }
                }
            }
        });
    }
}
