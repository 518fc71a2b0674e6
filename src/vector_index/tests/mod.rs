//! The index alone, as an index over the fields of hashes or a library would use it: slots without
//! names.

use super::*;
use crate::epoch::pin;
use crate::quantization::{Kind, Metric, SAMPLE};
use crate::tier::Tier;

const DIM: usize = 8;
const REACH: Reach = Reach { count: 10, ef: 100, expansions: None, exhaustive: false, deadline: None };

fn index(kind: Kind) -> VectorIndex {
    let params = Params::new(DIM).and_then(|params| params.with_format(kind, Metric::Cosine));
    VectorIndex::new(params.expect("valid"), 1)
}

fn direction(n: usize) -> Vec<f32> {
    (0..DIM).map(|i| ((n * 31 + i * 17) as f32 * 0.731).sin()).collect()
}

fn insert(index: &VectorIndex, n: usize) -> u32 {
    let Prepared::New(slot) = index.prepare(&direction(n), None, 50, |_| (), |_| ()) else {
        panic!("there is no slot that it could be the same as")
    };
    index.publish(slot);
    slot
}

fn nearest(index: &VectorIndex, n: usize, reach: &Reach) -> Vec<u32> {
    let query = index.query(&direction(n)).expect("of the index's dimension");
    let found = index.search(&query, reach, &pin(), |_| true);
    found.candidates.iter().take(reach.count).map(|candidate| candidate.slot()).collect()
}

#[test]
fn what_was_published_is_found_until_it_is_killed() {
    let index = index(Kind::Float32);
    let slots: Vec<u32> = (0..3000).map(|n| insert(&index, n)).collect();
    for n in (0..3000).step_by(100) {
        assert_eq!(nearest(&index, n, &REACH)[0], slots[n]);
        index.kill(slots[n]);
        assert!(!nearest(&index, n, &REACH).contains(&slots[n]));
        assert!(!nearest(&index, n, &Reach { exhaustive: true, ..REACH }).contains(&slots[n]));
    }
}

#[test]
fn a_prepared_slot_is_invisible_and_the_same_vector_needs_no_other() {
    let index = index(Kind::Int8);
    // Made once: Miri's `sin` differs from call to call.
    let vector = direction(1);
    let Prepared::New(first) = index.prepare(&vector, None, 50, |_| (), |_| ()) else { panic!("it is new") };
    index.publish(first);
    let mut described = None;
    let prepared = index.prepare(&direction(2), None, 50, |_| (), |slot| described = Some(slot));
    assert_eq!(described.map(Prepared::New), Some(prepared));
    assert_eq!(nearest(&index, 2, &REACH), [first]);
    let same = index.prepare(&vector, Some(first), 50, |_| (), |_| panic!("no slot is taken"));
    assert_eq!(same, Prepared::Same(first));
    assert!(matches!(index.prepare(&direction(3), Some(first), 50, |_| (), |_| ()), Prepared::New(_)));
}

#[test]
fn slots_are_used_again_after_a_sweep() {
    let index = index(Kind::Int8);
    let mut freed = Vec::new();
    // Other tests may be pinned, and put off the end of a grace period.
    for n in 0..100_000 {
        let slot = insert(&index, n);
        if freed.contains(&slot) {
            return;
        }
        index.kill(slot);
        index.sweep(1, |slot| freed.push(slot));
    }
    panic!("{} slots were freed, and none was used again", freed.len());
}

#[test]
fn a_held_phase_keeps_the_codes_that_searches_walk_on() {
    let index = index(Kind::Product);
    let hold = index.hold_phase();
    for n in 0..SAMPLE + 100 {
        insert(&index, n);
        index.train();
    }
    assert_eq!((index.phase(), index.codebook().is_some()), (Phase::Doubled, false));
    drop(hold);
    // Other tests may be pinned, and put off the end of a phase.
    while index.is_training() {
        index.train();
    }
    assert_eq!((index.phase(), index.codebook().is_some()), (Phase::Settled, true));
}

#[test]
fn one_built_of_codes_and_links_finds_the_same() {
    let index = index(Kind::Int8);
    (0..2000).for_each(|n| _ = insert(&index, n));
    let pin = pin();
    let best = index.codes(&pin).best();
    let builder =
        Builder::new(index.params().clone(), 1, None, None, (Residence::Memory, Tier::Hot)).expect("valid");
    for slot in 0..2000 {
        let links = index.graph().links(slot);
        assert_eq!(builder.reserve(links.len() - 1, |_| ()), slot);
        builder.write_codes(slot, best.code(slot), None).expect("its own codes");
        links.iter().enumerate().for_each(|(layer, list)| builder.note_links(slot, layer, list));
    }
    (0..2000).for_each(|slot| builder.resolve(slot, &Some).expect("its own links"));
    let built = builder.finish(2000);
    for n in 0..100 {
        assert_eq!(nearest(&built, n * 7, &REACH), nearest(&index, n * 7, &REACH));
    }
}

#[test]
fn parts_of_another_index_are_refused() {
    let params = || Params::new(DIM).expect("valid");
    let refused =
        |matrix: &[u8]| Builder::new(params(), 1, None, Some(matrix), (Residence::Memory, Tier::Hot)).err();
    assert_eq!(refused(&[0; 4]), Some(InvalidPart::Projection));
    let builder = Builder::new(params(), 1, None, None, (Residence::Memory, Tier::Hot)).expect("valid");
    let slot = builder.reserve(0, |_| ());
    let code = crate::quantization::Code { head: &[], body: &[0; DIM] };
    assert_eq!(builder.write_codes(slot, code, None), Err(InvalidPart::Code));
}

mod plans;
mod tiers;
