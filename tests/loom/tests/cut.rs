//! A closer that finds a turnstile empty is alone until it opens it.
#![cfg(loom)]

use std::collections::BTreeSet;
use std::sync::Mutex;

use loom::sync::Arc;
use loom::thread;

use nearhit_loom::cut::{Fault, Guarded};

/// So often a thread is interrupted where it would not have to wait.
const PREEMPTIONS: usize = 3;

/// What the closer found, in every interleaving of it with two writers on these stripes; nothing if
/// a writer was inside.
fn cuts(stripes: [usize; 2], fault: Fault) -> BTreeSet<Option<Vec<u32>>> {
    let found = std::sync::Arc::new(Mutex::new(BTreeSet::new()));
    let noted = std::sync::Arc::clone(&found);
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(PREEMPTIONS);
    model.check(move || {
        let guarded = Arc::new(Guarded::new(2));
        let threads: Vec<_> = (0..2)
            .map(|writer| {
                let guarded = Arc::clone(&guarded);
                thread::spawn(move || guarded.write(writer, stripes[writer], fault))
            })
            .collect();
        let cut = guarded.cut(fault);
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
        assert!(guarded.is_empty(), "a writer is still counted");
        // What the closer found was doubled, and what came later was added: no writer is lost, and
        // none came between.
        let end = guarded.double();
        for (at, &datum) in end.iter().enumerate() {
            let before = cut.as_ref().map_or(0, |cut| cut[at]);
            assert_eq!(datum, 1 + before, "of {end:?}, cut at {cut:?}");
        }
        noted.lock().expect("no panic").insert(cut);
    });
    found.lock().expect("no panic").clone()
}

fn assert_cut(stripes: [usize; 2]) {
    let some = |data: [u32; 2]| Some(data.to_vec());
    let all = [None, some([0, 0]), some([0, 1]), some([1, 0]), some([1, 1])];
    assert_eq!(cuts(stripes, Fault::None), BTreeSet::from(all));
}

#[test]
fn two_writers_on_two_stripes() {
    assert_cut([0, 1]);
}

#[test]
fn two_writers_on_one_stripe() {
    assert_cut([0, 0]);
}

/// Each of the steps is needed: without it, loom finds a closer and a writer at the same datum.
mod faults {
    use super::*;

    #[test]
    #[should_panic(expected = "Causality violation")]
    fn looking_before_closing() {
        cuts([0, 1], Fault::LookFirst);
    }

    #[test]
    #[should_panic(expected = "Causality violation")]
    fn opening_early() {
        cuts([0, 1], Fault::OpenEarly);
    }

    #[test]
    #[should_panic(expected = "Causality violation")]
    fn leaving_early() {
        cuts([0, 1], Fault::LeaveEarly);
    }
}
