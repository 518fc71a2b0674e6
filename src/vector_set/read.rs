//! Looking at elements without searching.

use std::borrow::Cow;

use super::elements::Elements;
use super::{Bound, Code, Codebook, Format, Present, VectorSet};
use crate::epoch::{Pin, pin};

/// The neighbours of an element on each layer, layer 0 first, with distances as codes compare.
pub type NeighbourLists = Vec<Vec<(Vec<u8>, f32)>>;

/// What `VINFO` shows beyond the parameters.
#[derive(Clone, Copy, Debug)]
pub struct Description {
    /// Elements.
    pub size: usize,
    /// The highest layer of the graph that is in use.
    pub max_level: u32,
    /// Elements with an attribute.
    pub attributes: usize,
    /// Sets made in this process before this one.
    pub uid: u64,
    /// Slots given to elements so far, updates included.
    pub last_node: u64,
    /// Of a kind that learns: the sub-spaces of what it has learnt, once searches walk on it.
    pub subspaces: Option<usize>,
}

impl VectorSet {
    /// Slots given to elements so far, updates included.
    pub fn reserved(&self) -> u64 {
        self.vectors.graph().reserved()
    }

    /// What the levels of new elements come from.
    pub fn seed(&self) -> u64 {
        self.vectors.graph().seed()
    }

    /// True if it has a projection whose matrix is not the one that follows from its size.
    pub fn has_matrix(&self) -> bool {
        self.vectors.has_matrix()
    }

    /// A row of the matrix of its projection, below its dimension; none if it has no projection.
    pub fn projection_row(&self, i: usize) -> Option<Cow<'_, [f32]>> {
        self.vectors.projection_row(i)
    }
}

impl VectorSet {
    /// The names of all elements, expired ones included, in no order.
    pub fn all_names(&self) -> Vec<Box<[u8]>> {
        let elements = self.elements.read();
        let pin = pin();
        elements.slots().map(|slot| self.names.get(slot, &pin).into()).collect()
    }
}

impl Present<'_> {
    /// What `VINFO` shows beyond the parameters.
    pub fn describe(&self) -> Description {
        Description {
            size: self.len(),
            max_level: self.vectors.graph().max_level(),
            attributes: self.attributes.len(),
            uid: self.uid,
            last_node: self.reserved(),
            subspaces: self.vectors.codebook().map(Codebook::subspaces),
        }
    }

    pub(super) fn slot(&self, element: &[u8]) -> Option<u32> {
        self.slot_in(&self.elements.read(), element)
    }

    pub(super) fn slot_in(&self, elements: &Elements, name: &[u8]) -> Option<u32> {
        elements.slot(name, &self.names).filter(|&slot| self.is_live(slot))
    }

    /// The slot of an element that is read.
    fn used_slot(&self, elements: &Elements, name: &[u8]) -> Option<u32> {
        self.slot_in(elements, name).inspect(|&slot| self.count_use(slot))
    }

    /// True if there is such an element.
    pub fn contains(&self, element: &[u8]) -> bool {
        self.slot(element).is_some()
    }

    /// True for each name that is an element, all at one moment.
    pub fn contains_each(&self, names: &[&[u8]]) -> Vec<bool> {
        let elements = self.elements.read();
        names.iter().map(|name| self.slot_in(&elements, name).is_some()).collect()
    }

    /// The attributes of elements, all at one moment.
    pub fn attributes(&self, names: &[&[u8]]) -> Vec<Option<Vec<u8>>> {
        let pin = pin();
        let elements = self.elements.read();
        let attribute = |name: &&[u8]| self.attributes.get(self.used_slot(&elements, name)?, &pin);
        let found: Vec<_> = names.iter().map(attribute).collect();
        drop(elements);
        found.into_iter().map(|found| found.map(|stored| stored.text().into_owned())).collect()
    }

    /// Lets `look` see the best code of an element, with the format that reads it.
    pub fn with_code<R>(&self, element: &[u8], look: impl FnOnce(&Format, Code) -> R) -> Option<R> {
        let pin = pin();
        let view = self.vectors.codes(&pin);
        let slot = self.used_slot(&self.elements.read(), element);
        slot.map(|slot| look(view.best().format(), view.best().code(slot)))
    }

    /// As [`Present::with_code`], for several elements as they are at one moment.
    pub fn with_codes<R>(&self, names: &[&[u8]], mut look: impl FnMut(&Format, Code) -> R) -> Vec<Option<R>> {
        let pin = pin();
        let view = self.vectors.codes(&pin);
        let best = view.best();
        let elements = self.elements.read();
        let slots: Vec<_> = names.iter().map(|name| self.used_slot(&elements, name)).collect();
        drop(elements);
        slots.into_iter().map(|slot| slot.map(|slot| look(best.format(), best.code(slot)))).collect()
    }

    /// The links of an element.
    pub fn neighbours(&self, element: &[u8]) -> Option<NeighbourLists> {
        let pin = pin();
        let slot = self.slot(element)?;
        let view = self.vectors.codes(&pin);
        let best = view.best();
        let distance = |link| best.format().between(best.code(slot), best.code(link));
        let neighbour = |&link: &u32| (self.names.get(link, &pin).to_vec(), distance(link));
        let living = |link: &&u32| {
            self.vectors.graph().slots().state(**link) == crate::index::State::Live && self.is_live(**link)
        };
        Some(
            self.vectors
                .graph()
                .links(slot)
                .iter()
                .map(|list| list.iter().filter(living).map(neighbour).collect())
                .collect(),
        )
    }

    /// Elements between two names in byte order, at most `count`.
    pub fn range(&self, start: Bound, end: Bound, count: usize) -> Vec<Vec<u8>> {
        let pin = pin();
        let elements = self.elements.read();
        let live = |slot: &u32| self.is_live(*slot);
        // As many as have expired may be in the way.
        let looked_at = count.saturating_add(self.count_due());
        let slots = elements.range(start, end, looked_at, &self.names);
        drop(elements);
        let slots: Vec<u32> = slots.into_iter().filter(live).take(count).collect();
        self.named(&slots, &pin)
    }

    /// `count` elements, each drawn from all, so that one may come twice. Empty if the set is.
    /// `draw(n)`: below `n`.
    pub fn random(&self, count: usize, mut draw: impl FnMut(usize) -> usize) -> Vec<Vec<u8>> {
        let pin = pin();
        let elements = self.elements.read();
        let due = self.count_due();
        if elements.len() == due {
            return Vec::new();
        }
        let slots = if due == 0 {
            let ranks: Vec<_> = (0..count).map(|_| draw(elements.len())).collect();
            elements.at_ranks(&ranks)
        } else {
            let live: Vec<u32> = elements.slots().filter(|&slot| self.is_live(slot)).collect();
            (0..count).map(|_| live[draw(live.len())]).collect()
        };
        drop(elements);
        self.named(&slots, &pin)
    }

    /// `count` different elements in random order, or all if there are fewer.
    pub fn random_distinct(&self, count: usize, mut draw: impl FnMut(usize) -> usize) -> Vec<Vec<u8>> {
        let pin = pin();
        let elements = self.elements.read();
        // Of so many different ones, at least `count` have not expired, and each equally likely.
        let drawn = count.saturating_add(self.count_due());
        let ranks = distinct_below(elements.len(), drawn, &mut draw);
        let slots = elements.at_ranks(&ranks);
        drop(elements);
        let slots: Vec<u32> = slots.into_iter().filter(|&slot| self.is_live(slot)).take(count).collect();
        self.named(&slots, &pin)
    }

    fn named(&self, slots: &[u32], pin: &Pin) -> Vec<Vec<u8>> {
        slots.iter().map(|&slot| self.names.get(slot, pin).to_vec()).collect()
    }
}

/// `count` different numbers below `n`, or all: Floyd's algorithm, shuffled.
fn distinct_below(n: usize, count: usize, draw: &mut impl FnMut(usize) -> usize) -> Vec<usize> {
    let mut seen = std::collections::HashSet::new();
    let mut drawn: Vec<usize> = (n.saturating_sub(count)..n)
        .map(|last| {
            let number = draw(last + 1);
            let number = if seen.contains(&number) { last } else { number };
            seen.insert(number);
            number
        })
        .collect();
    for i in (1..drawn.len()).rev() {
        drawn.swap(i, draw(i + 1));
    }
    drawn
}
