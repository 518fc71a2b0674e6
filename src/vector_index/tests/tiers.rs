//! Searches and insertions while finer codes move between memory and files.

use super::super::run::Run;
use super::*;
use crate::index::{Candidate, End, Scorer, Walk};
use crate::persistence::files::testing::Folder;
use crate::quantization::Bits;
use crate::splitmix::SplitMix64;
use crate::tier::TierDir;

const SLOTS: u32 = 1_000;
const WIDE: usize = 64;
const COUNT: usize = 10;
const KEPT: usize = 200;

/// In all directions, unlike [`direction`]'s.
fn vector(n: u32) -> Vec<f32> {
    let mut random = SplitMix64::new(u64::from(n));
    (0..WIDE).map(|_| (random.next() >> 40) as f32 / (1 << 24) as f32 - 0.5).collect()
}

fn tiered(folder: &Folder) -> VectorIndex {
    let dir = TierDir::open(folder.path()).expect("it can be used");
    let params = Params::new(WIDE)
        .and_then(|params| params.with_format(Kind::RaBitQ(Bits::One), Metric::Cosine))
        .and_then(|params| params.with_rerank(Kind::Float16));
    let index = VectorIndex::new_in(params.expect("valid"), 1, Residence::of(Some(&dir), false));
    for n in 0..SLOTS {
        let prepared = index.prepare(&vector(n), None, 50, |_| (), |_| ());
        assert_eq!(prepared, Prepared::New(n));
        index.publish(n);
    }
    index
}

/// Moves the finer codes of all slots but the last, which stays in a file.
fn move_all(index: &VectorIndex, tier: Tier) {
    let pin = pin();
    (0..SLOTS - 1).for_each(|slot| _ = index.move_to(slot, tier, &pin));
    index.move_to(SLOTS - 1, Tier::Warm, &pin);
    let warm = if tier == Tier::Warm { SLOTS } else { 1 };
    assert_eq!(index.tier_counts(), Some(((SLOTS - warm) as usize, warm as usize)));
}

fn assert_exact(index: &VectorIndex, query: &Probe, found: &[Candidate]) {
    let pin = pin();
    let exact = index.codes(&pin).best_scorer(query);
    assert!(found.is_sorted());
    for candidate in found {
        assert_eq!(candidate.distance(), exact.distance(candidate.slot()), "slot {}", candidate.slot());
    }
}

#[test]
fn distances_are_exact_if_all_codes_move_before_a_search_is_settled() {
    let folder = Folder::new();
    let index = tiered(&folder);
    let pin = pin();
    let query = index.query(&vector(1_000_003)).expect("of the index's dimension");
    for (before, after) in [(Tier::Warm, Tier::Hot), (Tier::Hot, Tier::Warm)] {
        let scan = |run: &Run<'_>| run.scan_all(KEPT, |_| true).found;
        let walk = |run: &Run<'_>| run.walk(Walk::new(KEPT), |_| true).found;
        for step in [&scan as &dyn Fn(&Run<'_>) -> Vec<Candidate>, &walk] {
            move_all(&index, before);
            let run = Run::new(&index, index.codes(&pin), &query, index.moment(), None);
            let candidates = step(&run);
            move_all(&index, after);
            let found = run.finish(candidates, (KEPT, COUNT), End::Converged).candidates;
            assert!(found.len() >= COUNT);
            assert_exact(&index, &query, &found);
        }
    }
}

#[test]
fn neighbours_are_chosen_by_exact_distances_if_all_codes_move_before() {
    let folder = Folder::new();
    let index = tiered(&folder);
    let pin = pin();
    let query = index.query(&vector(1_000_003)).expect("of the index's dimension");
    for (before, after) in [(Tier::Warm, Tier::Hot), (Tier::Hot, Tier::Warm)] {
        move_all(&index, before);
        let scorer = index.codes(&pin).estimating_scorer(&query).expect("some codes are in files");
        let mut found = vec![Candidate::new(scorer.distance(0), 0)];
        scorer.nearer(&(1..SLOTS).collect::<Vec<u32>>(), f32::INFINITY, &mut found);
        found.sort_unstable();
        move_all(&index, after);
        scorer.refine(&mut found, KEPT);
        assert_eq!(found.len(), KEPT);
        assert_exact(&index, &query, &found);
    }
}
