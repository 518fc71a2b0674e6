//! A search that overlaps updates of an element finds it exactly once.
#![cfg(loom)]

use std::collections::BTreeSet;
use std::sync::Mutex;

use loom::sync::Arc;
use loom::thread;

use nearhit_loom::update::{Element, Fault, Linked, Way};

/// So often a thread is interrupted where it would not have to wait. Without this bound two updates
/// take minutes.
const PREEMPTIONS: usize = 3;

/// How often the element is found, in every interleaving of a writer that moves it through its
/// slots and a search that meets them in this order.
fn found(order: &'static [u32], linked: Linked, way: Way, fault: Fault) -> BTreeSet<usize> {
    // Noted, not asserted in the model: loom cannot unwind out of every interleaving.
    let found = std::sync::Arc::new(Mutex::new(BTreeSet::new()));
    let noted = std::sync::Arc::clone(&found);
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(PREEMPTIONS);
    model.check(move || {
        let element = Arc::new(Element::new(order.len(), linked));
        let writer = Arc::clone(&element);
        let thread =
            thread::spawn(move || (1..order.len() as u32).for_each(|slot| writer.update(slot - 1, fault)));
        let times = element.search(order, way, fault);
        noted.lock().expect("no panic").insert(times);
        thread.join().expect("no panic");
    });
    found.lock().expect("no panic").clone()
}

const WAYS: [(Linked, Way); 4] = [
    (Linked::Early, Way::Scan),
    (Linked::Early, Way::Walk),
    (Linked::Late, Way::Scan),
    (Linked::Late, Way::Walk),
];

fn assert_found_once(order: &'static [u32]) {
    for (linked, way) in WAYS {
        let found = found(order, linked, way, Fault::None);
        assert_eq!(found, BTreeSet::from([1]), "{way:?} in the order {order:?}, linked {linked:?}");
    }
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

/// Each of the steps is needed: without it, loom finds a search that returns the element twice or
/// not at all.
mod faults {
    use super::*;

    fn is_found_out(order: &'static [u32], fault: Fault, times: usize) -> bool {
        WAYS.into_iter().all(|(linked, way)| found(order, linked, way, fault).contains(&times))
    }

    #[test]
    fn reading_the_deaths_first() {
        assert!(is_found_out(&[0, 1], Fault::DeathsFirst, 2));
    }

    #[test]
    fn killing_first() {
        assert!(is_found_out(&[0, 1], Fault::KillFirst, 0) || is_found_out(&[1, 0], Fault::KillFirst, 0));
    }

    #[test]
    fn keeping_what_is_not_an_element_yet() {
        assert!(is_found_out(&[1, 0], Fault::KeepLinking, 2));
    }

    #[test]
    fn counting_late() {
        assert!(is_found_out(&[0, 1], Fault::CountLate, 2));
    }
}
