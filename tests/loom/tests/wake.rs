//! A task that waits for a condition sees it become true, or is woken.
#![cfg(loom)]

use std::sync::Mutex;

use loom::sync::Arc;
use loom::thread;

use nearhit_loom::signal::{Fault, Signal};

/// What became of the tasks, in every interleaving.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Outcomes {
    /// Some task did not wait.
    saw_it: bool,
    /// Some task waited and was woken.
    woken: bool,
    /// Some task waited and was not woken, though it was alone.
    missed: bool,
}

/// A thread makes the condition true, while `tasks` wait for it; one of them is to be woken.
fn outcomes(tasks: usize, fault: Fault) -> Outcomes {
    // Noted, not asserted in the model: loom cannot unwind out of every interleaving.
    let outcomes = std::sync::Arc::new(Mutex::new(Outcomes::default()));
    let noted = std::sync::Arc::clone(&outcomes);
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(move || {
        let signal = Arc::new(Signal::default());
        let threads: Vec<_> = (0..tasks)
            .map(|_| {
                let signal = Arc::clone(&signal);
                thread::spawn(move || signal.wait(fault))
            })
            .collect();
        signal.raise(fault);
        let waiting: Vec<_> = threads.into_iter().map(|thread| thread.join().expect("no panic")).collect();
        let woken = waiting.iter().flatten().filter(|task| task.is_woken()).count();
        let mut noted = noted.lock().expect("no panic");
        noted.saw_it |= waiting.iter().any(Option::is_none);
        noted.woken |= woken > 0;
        noted.missed |= woken == 0 && waiting.iter().all(Option::is_some);
    });
    *outcomes.lock().expect("no panic")
}

const NONE_MISSED: Outcomes = Outcomes { saw_it: true, woken: true, missed: false };

#[test]
fn one_task() {
    assert_eq!(outcomes(1, Fault::None), NONE_MISSED);
}

/// One change is for one task: either one of the two sees it, or one is woken.
#[test]
fn two_tasks() {
    assert_eq!(outcomes(2, Fault::None), NONE_MISSED);
}

/// Each of the steps is needed: without it, loom finds a task that misses the change.
mod faults {
    use super::*;

    #[test]
    fn not_looking_again() {
        assert!(outcomes(1, Fault::NoSecondLook).missed);
    }

    #[test]
    fn looking_before_registering() {
        assert!(outcomes(1, Fault::LookFirst).missed);
    }

    #[test]
    fn waking_before_the_change() {
        assert!(outcomes(1, Fault::WakeFirst).missed);
    }
}
