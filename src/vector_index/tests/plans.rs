//! Every plan of a filtered search, against reading all slots.

use std::sync::LazyLock;

use super::*;
use crate::index::SlotSet;

const SLOTS: usize = 4000;

/// Vectors in 16 clusters; slot `n` is in cluster `n % 16`.
fn clustered(n: usize) -> Vec<f32> {
    let centre = direction(n % 16 * 7919);
    let noise = direction(n + 100_000);
    centre.iter().zip(noise).map(|(centre, noise)| centre + 0.3 * noise).collect()
}

/// Made once for all tests.
static CLUSTERS: LazyLock<VectorIndex> = LazyLock::new(|| {
    let index = index(Kind::Int8);
    for n in 0..SLOTS {
        let Prepared::New(slot) = index.prepare(&clustered(n), None, 50, |_| (), |_| ()) else {
            continue;
        };
        index.publish(slot);
    }
    index
});

struct Answer {
    slots: Vec<u32>,
    trace: Trace,
}

fn search(index: &VectorIndex, vector: &[f32], known: Known<'_>, plan: Option<Plan>) -> Answer {
    let query = index.query(vector).expect("of the index's dimension");
    let selection = Selection { start: index.moment(), known, plan };
    let matches = |slot| match known {
        Known::Among { slots, .. } => slots.contains(slot),
        Known::Share(_) => slot.is_multiple_of(10),
    };
    let (found, trace) = index.search_known(&query, &REACH, &pin(), selection, matches);
    let slots = found.candidates.iter().take(REACH.count).map(|candidate| candidate.slot()).collect();
    Answer { slots, trace }
}

/// The exact answer, by a search that knows nothing.
fn exact(index: &VectorIndex, vector: &[f32], matches: impl Fn(u32) -> bool) -> Vec<u32> {
    let query = index.query(vector).expect("of the index's dimension");
    let found = index.search(&query, &Reach { exhaustive: true, ..REACH }, &pin(), matches);
    found.candidates.iter().take(REACH.count).map(|candidate| candidate.slot()).collect()
}

fn common(a: &[u32], b: &[u32]) -> usize {
    a.iter().filter(|slot| b.contains(slot)).count()
}

const PLANS: [Option<Plan>; 4] = [None, Some(Plan::Scan), Some(Plan::Walk), Some(Plan::Bridges)];

#[test]
fn each_plan_finds_what_matches() {
    let index = &*CLUSTERS;
    for stride in [1, 2, 5, 20, 100, 1000] {
        let among = SlotSet::of((0..SLOTS as u32).step_by(stride), index.end());
        let known = Known::Among { slots: &among, matching: among.len() };
        for plan in PLANS {
            let mut hits = 0;
            let mut wanted = 0;
            for n in 0..20 {
                let vector = clustered(n * 31 + 1);
                let expected = exact(index, &vector, |slot| among.contains(slot));
                let Answer { slots, trace } = search(index, &vector, known, plan);
                assert!(slots.iter().all(|&slot| among.contains(slot)));
                assert_eq!(slots.len(), expected.len(), "{stride} {plan:?} {trace:?}");
                let last = trace.steps.last().expect("there is a step");
                assert!(last.is_last);
                if last.plan == Plan::Scan {
                    assert_eq!(slots, expected, "{stride}");
                }
                hits += common(&slots, &expected);
                wanted += expected.len();
            }
            assert!(hits * 100 >= wanted * 97, "{stride} {plan:?}: {hits} of {wanted}");
        }
    }
}

#[test]
fn what_lies_far_from_the_query_is_found() {
    let index = &*CLUSTERS;
    for cluster in 0..16 {
        let among = SlotSet::of((cluster..SLOTS as u32).step_by(16), index.end());
        let known = Known::Among { slots: &among, matching: among.len() };
        for plan in PLANS {
            let vector: Vec<f32> = clustered(cluster as usize).iter().map(|component| -component).collect();
            let expected = exact(index, &vector, |slot| among.contains(slot));
            let Answer { slots, trace } = search(index, &vector, known, plan);
            assert!(common(&slots, &expected) >= 9, "{cluster} {plan:?} {trace:?}");
        }
    }
}

#[test]
fn nothing_and_less_than_wanted_are_found_whatever_the_plan() {
    let index = &*CLUSTERS;
    for few in [&[][..], &[17], &[3, 9, 3999]] {
        let among = SlotSet::of(few.iter().copied(), index.end());
        for plan in PLANS {
            // The estimate is wrong.
            let known = Known::Among { slots: &among, matching: 2000 };
            let Answer { mut slots, .. } = search(index, &direction(1), known, plan);
            slots.sort_unstable();
            assert_eq!(slots, few, "{plan:?}");
        }
    }
}

#[test]
fn an_estimate_is_enough() {
    let index = &*CLUSTERS;
    for share in [0.1, 0.9, 1e-6] {
        for plan in [None, Some(Plan::Scan), Some(Plan::Walk)] {
            let vector = clustered(77);
            let expected = exact(index, &vector, |slot| slot.is_multiple_of(10));
            let Answer { slots, trace } = search(index, &vector, Known::Share(share), plan);
            assert!(common(&slots, &expected) >= 9, "{share} {plan:?} {trace:?}");
        }
    }
}

#[test]
fn a_walk_that_goes_astray_is_given_up() {
    let index = &*CLUSTERS;
    let among = SlotSet::of((3..SLOTS as u32).step_by(16), index.end());
    // All match, it is said, so that the walk looks cheap.
    let known = Known::Among { slots: &among, matching: SLOTS };
    let far: Vec<f32> = clustered(3).iter().map(|component| -component).collect();
    let Answer { trace, .. } = search(index, &far, known, Some(Plan::Walk));
    assert!(trace.steps.len() >= 2 && !trace.steps[0].is_last, "{trace:?}");
}

#[test]
fn a_query_that_leads_away_from_what_matches_is_noticed() {
    let index = &*CLUSTERS;
    // Half of the clusters; the query is in the middle of another one.
    let slots: Vec<u32> = (0..SLOTS as u32).filter(|slot| slot % 16 < 8).collect();
    let among = SlotSet::of(slots.iter().copied(), index.end());
    let known = Known::Among { slots: &among, matching: among.len() };
    let mut noticed = 0;
    for n in 0..20 {
        let vector = clustered(n * 16 + 12);
        let expected = exact(index, &vector, |slot| among.contains(slot));
        let Answer { slots, trace } = search(index, &vector, known, None);
        noticed += usize::from(trace.near_share.is_some_and(|share| share < 0.125));
        assert!(common(&slots, &expected) >= 9, "{trace:?}");
    }
    // A scan looks at nothing before, and may be chosen by what it costs here.
    println!("{noticed} of 20");
}
