//! Connecting a slot: find its neighbours on each of its layers, choose some that lie in different
//! directions, and offer oneself to them.
//!
//! Any number of threads insert at once. The search for neighbours takes no lock; each list is
//! changed under its own. Algorithms 1 and 4 of Malkov and Yashunin (2016).

use super::{Entry, Index};
use crate::index::hnsw::Walk;
use crate::index::hnsw::graph::Links;
use crate::index::hnsw::visited::with_scratch;
use crate::index::{Candidate, Scorer, State};

/// Of candidates for `M` links, so many times `M` are made ready, where that takes long.
const REFINED: usize = 4;

impl Index {
    /// Connects a reserved slot. The caller is pinned, has written the slot's code, and `scorer`'s
    /// query is that code.
    ///
    /// `ef`: candidates explored on each layer (the paper's `efConstruction`).
    pub fn link(&self, slot: u32, ef: usize, scorer: &impl Scorer) {
        let level = self.graph.level(slot);
        self.graph.slots.begin_linking(slot);
        // Slots that would become the entry point do so one at a time, so that two tall slots do
        // not miss each other.
        let mut entry = self.entry();
        let _alone = entry.is_none_or(|entry| level > entry.level).then(|| {
            let alone = self.entry_lock.lock();
            entry = self.entry();
            alone
        });
        let Some(entry) = entry else {
            self.set_entry(Some(Entry { slot, level }));
            return;
        };
        let lonely = self.link_below(slot, level, entry, ef, scorer);
        if level > entry.level {
            self.set_entry(Some(Entry { slot, level }));
        } else if lonely {
            self.adopt_as_entry(slot, level);
        }
    }

    /// Connects a slot on the layers that exist. True if it found no neighbour on layer 0.
    ///
    /// Neighbours are looked for from the top down, and linked from the bottom up: a search that
    /// comes down to this slot from a higher layer must find its lists below complete.
    fn link_below(&self, slot: u32, level: u32, entry: Entry, ef: usize, scorer: &impl Scorer) -> bool {
        let top = level.min(entry.level);
        let mut starts = vec![self.descend(scorer, entry.slot, entry.level, top)];
        let mut neighbours = Vec::with_capacity(top as usize + 1);
        let mut waits = false;
        for layer in (0..=top).rev() {
            let admit = |other| {
                other != slot && matches!(self.graph.word(other).state(), State::Live | State::Linking)
            };
            let mut found = self.search_layer(scorer, &starts, layer, Walk::new(ef), admit);
            waits |= self.graph.is_in_files() && with_scratch(|scratch| scratch.pulse.has_waited());
            scorer.refine(&mut found, REFINED * self.graph.m());
            neighbours.push(choose_full(&found, self.graph.m(), |a, b| scorer.between_refined(a, b)));
            if !found.is_empty() {
                starts = found;
            }
        }
        for (layer, neighbours) in neighbours.iter().rev().enumerate() {
            self.write_own_list(slot, layer as u32, neighbours);
            if waits {
                self.fetch_for_offers(neighbours, layer as u32, scorer);
            }
            for &neighbour in neighbours {
                self.offer(neighbour, layer as u32, slot, scorer);
            }
        }
        neighbours.last().is_none_or(Vec::is_empty)
    }

    /// Asks the disk for what offers to these neighbours will read: their lists, and of those that
    /// are full, the codes of all that they lead to, which are hundreds.
    #[cold]
    fn fetch_for_offers(&self, neighbours: &[Candidate], layer: u32, scorer: &impl Scorer) {
        self.graph.fetch_lists(neighbours.iter().map(|neighbour| neighbour.slot()), layer);
        let lists = neighbours.iter().map(|neighbour| self.graph.links(neighbour.slot(), layer));
        let full = lists.filter(|links| links.len() == self.graph.capacity(layer));
        scorer.fetch_between(&full.flatten().collect::<Vec<u32>>());
    }

    /// Another inserter may have linked to this slot while it was on a higher layer: its own list
    /// is taken under lock.
    fn write_own_list(&self, slot: u32, layer: u32, neighbours: &[Candidate]) {
        let _list = self.graph.lock(slot);
        let mut links: Links = neighbours.iter().map(|c| c.slot()).collect();
        for earlier in self.graph.links(slot, layer) {
            if links.len() < self.graph.capacity(layer) && !links.contains(&earlier) {
                links.push(earlier);
            }
        }
        self.graph.replace(slot, layer, &links);
    }

    /// Puts `candidate` into the list of its neighbour; a full list is chosen anew.
    pub(super) fn offer(&self, neighbour: Candidate, layer: u32, candidate: u32, scorer: &impl Scorer) {
        let to = neighbour.slot();
        let list = self.graph.lock(to);
        if self.graph.slots.is_dead(to)
            && let Some(heir) = self.heir(to)
        {
            drop(list);
            if heir != candidate {
                self.offer(Candidate::new(neighbour.distance(), heir), layer, candidate, scorer);
            }
            return;
        }
        let links = self.graph.links(to, layer);
        if links.contains(&candidate) || layer > self.graph.level(to) {
            return;
        }
        if links.len() < self.graph.capacity(layer) {
            return self.graph.append(to, layer, links.len(), candidate);
        }
        let mut all: Vec<_> =
            links.iter().map(|&link| Candidate::new(scorer.between(to, link), link)).collect();
        all.push(Candidate::new(neighbour.distance(), candidate));
        all.sort_unstable();
        let chosen: Links = choose(&all, self.graph.capacity(layer), |a, b| scorer.between(a, b))
            .iter()
            .map(|c| c.slot())
            .collect();
        self.graph.replace(to, layer, &chosen);
    }

    /// A slot that found no neighbour starts a new walk, if the entry point leads nowhere.
    fn adopt_as_entry(&self, slot: u32, level: u32) {
        let _alone = self.entry_lock.lock();
        if self.entry().is_none_or(|entry| self.graph.word(entry.slot).state() == State::Dead) {
            self.set_entry(Some(Entry { slot, level }));
        }
    }
}

/// Of candidates sorted by distance, at most `most` that lie in different directions: each is
/// nearer to the base than to any chosen before it.
pub(super) fn choose(
    candidates: &[Candidate],
    most: usize,
    between: impl Fn(u32, u32) -> f32,
) -> Vec<Candidate> {
    let mut chosen: Vec<Candidate> = Vec::with_capacity(most);
    for &candidate in candidates {
        if chosen.len() == most {
            break;
        }
        let apart = |other: &Candidate| between(candidate.slot(), other.slot()) >= candidate.distance();
        if chosen.iter().all(apart) {
            chosen.push(candidate);
        }
    }
    chosen
}

/// [`choose`], filled up with the nearest of the others: the paper's `keepPrunedConnections`. Where
/// lengths differ, few vectors lie in directions of their own, and an insertion that links to these
/// alone is soon forgotten by all.
fn choose_full(candidates: &[Candidate], most: usize, between: impl Fn(u32, u32) -> f32) -> Vec<Candidate> {
    let mut chosen = choose(candidates, most, between);
    for &candidate in candidates {
        if chosen.len() == most {
            break;
        }
        if !chosen.contains(&candidate) {
            chosen.push(candidate);
        }
    }
    chosen
}
