//! The walk from one slot that may be a result to the next, over slots that may not as bridges
//! only.
//!
//! Where few slots may be results, a plain walk spends nearly all of its distances on others. This
//! one computes none for them: of a place's links, those that belong are candidates, and the others
//! are *bridges*, whose own links are looked through for such that belong (the two-hop neighbours
//! of Patel et al., *ACORN*, arXiv 2403.04871). Bridges are crossed until the place has as many
//! candidates as a node has links, in strides over its list, since neighbours in a list that stand
//! beside each other were often added together and lead to the same.
//!
//! The slots that belong may lie far from the query, where a walk towards it never meets one, or
//! beside it, while most of them are elsewhere. So the walk begins at the nearest of a sample of
//! them, and at the slots nearest to the query, which a short plain walk has found.

use super::Index;
use super::search::{Walk, Walked};
use super::visited::{Scratch, with_scratch};
use crate::index::{Candidate, Scorer};

/// Of the sample, so many that are nearest are walked on from.
const STARTS: usize = 8;
/// Bridges are crossed at this distance in the list, and then those between.
const STRIDE: usize = 5;

impl Index {
    /// The nearest slots that `belongs` and `admit` accept, nearest first, at most `walk.ef`. The
    /// caller is pinned. `near`: the slots nearest to the query, as a short walk finds them.
    /// `seeds`: some slots that belong.
    ///
    /// `belongs` is asked for each link that is met, and has to be cheap; `admit` for each slot
    /// that belongs and is near enough to be a result.
    pub fn search_bridges(
        &self,
        scorer: &impl Scorer,
        walk: Walk,
        near: &[Candidate],
        seeds: &[u32],
        belongs: impl Fn(u32) -> bool,
        mut admit: impl FnMut(u32) -> bool,
    ) -> Walked {
        let mut starts = Vec::with_capacity(seeds.len() + near.len());
        scorer.nearer(seeds, f32::INFINITY, &mut starts);
        starts.sort_unstable();
        starts.truncate(STARTS);
        starts.extend(near);
        starts.sort_unstable();
        starts.dedup();
        let mut walked = with_scratch(|scratch| {
            scratch.begin(self.graph.slots.end(), walk.ef, &starts);
            let admit = |slot| belongs(slot) && admit(slot);
            scratch.walk(scorer, walk, admit, |slot, scratch| {
                self.meet_bridged(scorer, slot, &belongs, scratch);
            })
        });
        walked.effort.scored += seeds.len();
        walked
    }

    /// Collects the unvisited slots that belong among a place's links, and behind the others.
    #[inline(always)]
    fn meet_bridged(
        &self,
        scorer: &impl Scorer,
        slot: u32,
        belongs: &impl Fn(u32) -> bool,
        scratch: &mut Scratch,
    ) {
        let Scratch { visited, results, fresh, bridges, pulse, .. } = scratch;
        let waits = self.graph.is_in_files() && pulse.waits();
        fresh.clear();
        bridges.clear();
        self.graph.for_each_link(slot, 0, |link| {
            if !visited.insert(link) {
                return;
            }
            if belongs(link) {
                fresh.push(link);
            } else {
                self.graph.prefetch(link, 0);
                bridges.push(link);
            }
        });
        if waits {
            self.graph.fetch_lists(bridges.iter().copied(), 0);
        }
        let enough = self.graph.capacity(0);
        for &bridge in (0..STRIDE).flat_map(|first| bridges.iter().skip(first).step_by(STRIDE)) {
            if fresh.len() >= enough {
                break;
            }
            self.graph.for_each_link(bridge, 0, |link| {
                if belongs(link) && visited.insert(link) {
                    fresh.push(link);
                }
            });
        }
        if self.graph.is_in_files() {
            scorer.fetch(fresh, waits);
        }
        fresh.iter().for_each(|&link| scorer.prefetch(link));
        if let Some(next) = results.peek() {
            self.graph.prefetch(next.slot(), 0);
        }
    }
}
