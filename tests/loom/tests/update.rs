//! A search that overlaps updates of an element finds it exactly once.
#![cfg(loom)]

use std::collections::BTreeSet;
use std::sync::Mutex;

use loom::sync::Arc;
use loom::thread;

use nearhit_loom::update::{Element, Fault};

/// So often a thread is interrupted where it would not have to wait. Without this bound two updates take minutes.
const PREEMPTIONS: usize = 3;

/// How often the element is found, in every interleaving of a writer that moves it through its slots and a search that
/// meets them in this order.
fn found(order: &'static [usize], fault: Fault) -> BTreeSet<usize> {
    // Noted, not asserted in the model: loom cannot unwind out of every interleaving.
    let found = std::sync::Arc::new(Mutex::new(BTreeSet::new()));
    let noted = std::sync::Arc::clone(&found);
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(PREEMPTIONS);
    model.check(move || {
        let element = Arc::new(Element::new(order.len()));
        let writer = Arc::clone(&element);
        let thread = thread::spawn(move || (1..order.len()).for_each(|slot| writer.update(slot - 1, fault)));
        let times = element.search(order, fault);
        noted.lock().expect("no panic").insert(times);
        thread.join().expect("no panic");
    });
    found.lock().expect("no panic").clone()
}

fn assert_found_once(order: &'static [usize]) {
    assert_eq!(found(order, Fault::None), BTreeSet::from([1]), "slots met in the order {order:?}");
}

#[test]
fn one_update() {
    assert_found_once(&[0, 1]);
    assert_found_once(&[1, 0]);
}

#[test]
fn two_updates() {
    assert_found_once(&[0, 1, 2]);
    assert_found_once(&[0, 2, 1]);
    assert_found_once(&[1, 0, 2]);
    assert_found_once(&[1, 2, 0]);
    assert_found_once(&[2, 0, 1]);
    assert_found_once(&[2, 1, 0]);
}

/// Each of the steps is needed: without it, loom finds a search that returns the element twice or not at all.
mod faults {
    use super::*;

    #[test]
    fn reading_the_deaths_first() {
        assert!(found(&[0, 1], Fault::DeathsFirst).contains(&2));
    }

    #[test]
    fn killing_first() {
        assert!(
            found(&[0, 1], Fault::KillFirst).contains(&0) || found(&[1, 0], Fault::KillFirst).contains(&0)
        );
    }

    #[test]
    fn keeping_what_is_not_an_element_yet() {
        assert!(found(&[1, 0], Fault::KeepLinking).contains(&2));
    }

    #[test]
    fn counting_once() {
        assert!(found(&[0, 1], Fault::CountOnce).contains(&2));
    }
}
