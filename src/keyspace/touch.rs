//! Whether lookups make keys less idle. They do, but for clients that asked not to be noticed.

use std::cell::Cell;

thread_local! {
    /// Of the thread and not of the guards: a command works on one thread, and every kind of lookup asks.
    static TOUCHES: Cell<bool> = const { Cell::new(true) };
}

/// Runs `work`; keys that it looks up count as used only if `touch` says so.
pub fn touching<R>(touch: bool, work: impl FnOnce() -> R) -> R {
    let _before = Before(TOUCHES.replace(touch));
    work()
}

pub(super) fn is_touching() -> bool {
    TOUCHES.get()
}

/// What was so before, restored also if the work panics.
struct Before(bool);

impl Drop for Before {
    fn drop(&mut self) {
        TOUCHES.set(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inner_wish_counts_and_ends_with_its_work() {
        assert!(is_touching());
        touching(false, || {
            assert!(!is_touching());
            assert!(touching(true, is_touching));
            assert!(!is_touching());
        });
        assert!(is_touching());
    }

    #[test]
    fn a_panic_does_not_leave_the_thread_inattentive() {
        let panicked = std::panic::catch_unwind(|| touching(false, || panic!("in a command")));
        assert!(panicked.is_err() && is_touching());
    }
}
