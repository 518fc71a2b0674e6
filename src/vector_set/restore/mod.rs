//! A set made of stored elements, with the graph as it was: no distance is computed, no
//! neighbour looked for.
//!
//! Elements come in any order, each with an id, its codes and its links, which are ids of others.
//! Memory stays at what the set will take: links lie in their places from the beginning, as labels
//! of ids, until all elements are there and the labels are turned into slots. Beside the set there
//! are 8 bytes for each element (16 to 30 if ids lie far apart), 16 more while names are sorted at
//! the end, and a few batches of 256 KiB on their way from the thread that reads to those that
//! write.
//!
//! # What is refused
//!
//! Codes of another size or with numbers that are not finite, a name twice, an id twice, a link to
//! an id that no element has, to the element itself, to an element that does not reach the layer,
//! and the same link twice. [`Invalid`] names the element.
//!
//! # What is repaired
//!
//! * *Links that go one way.* The graph is directed, so they are links like others.
//! * *A list that is longer than the graph's lists may be* keeps its nearest links.
//! * *Layers above the highest that the graph has* are dropped; the node ends there.

mod batch;
mod invalid;
mod labels;
mod lists;
mod parts;
mod pipeline;

use std::sync::Arc;

pub use self::invalid::{Fault, Invalid};
use self::labels::{Labels, Slots};
pub use self::lists::Lists;
use self::parts::{LongList, Parts};
use self::pipeline::Pipeline;
use super::elements::Elements;
use super::entries::Entries;
use super::{CacheOutline, Params, Residence, SetOptions, Tier, VectorSet};
use crate::quantization::{Code, Codebook, Format};
use crate::vector_index::Builder;

/// The longest name or attribute.
const MAX_TEXT: usize = 1 << 30;
/// The most elements, as the graph has it.
const MAX_ELEMENTS: usize = (1 << 31) - 2;

/// What is known of a set before its elements.
pub struct Outline<'o> {
    /// What was fixed of its vectors when it was made.
    pub params: Params,
    /// What was fixed besides.
    pub options: SetOptions,
    /// What decides the levels of new elements.
    pub seed: u64,
    /// What it has learnt; none if it has not, or does not learn. It says what the best codes are.
    pub codebook: Option<Arc<Codebook>>,
    /// The matrix of its projection, float32 little-endian, row by row; none if it is the one that
    /// `REDUCE` makes.
    pub matrix: Option<&'o [u8]>,
    /// Where its large parts are to lie.
    pub residence: Residence,
    /// Where its finer codes are to be, if there is a choice.
    pub tier: Tier,
    /// Of a cache.
    pub cache: Option<CacheOutline>,
}

/// An element as it was stored.
pub struct Kept<'e> {
    /// By which others link to it.
    pub id: u64,
    /// Its name.
    pub name: &'e [u8],
    /// Empty: it has none.
    pub attribute: &'e [u8],
    /// When it expires, in milliseconds since 1970, if it does.
    pub deadline_ms: Option<i64>,
    /// It is not to be evicted.
    pub is_pinned: bool,
    /// Of a cache: what it has as an entry. Empty: nothing.
    pub entry: &'e [u8],
    /// The finest of its codes.
    pub best: Code<'e>,
    /// The coarse one, of a set that has both; it is made of the best if it is not there.
    pub coarse: Option<Code<'e>>,
    /// Ids of its neighbours, a list for each layer that it reaches.
    pub links: &'e Lists,
}

/// A set in the making.
pub struct Restored {
    options: SetOptions,
    best: Format,
    /// If there are two codes of each vector.
    coarse: Option<Format>,
    labels: Labels,
    /// By slot.
    own_labels: Vec<u32>,
    long: Vec<LongList>,
    /// The labels of the current list.
    list: Vec<u32>,
    pipeline: Pipeline,
}

impl Restored {
    /// A set without elements.
    pub fn new(outline: Outline) -> Result<Self, Invalid> {
        let Outline { params, options, seed, codebook, matrix, residence, tier, cache } = outline;
        let entries = cache.map(|cache| Entries::restored(cache).ok_or(Invalid::set(Fault::Learning)));
        let vectors = Builder::new(params, seed, codebook, matrix, (residence, tier))
            .map_err(|part| Invalid::set(part.into()))?;
        let (best, coarse) = vectors.formats();
        let parts = Parts::new(vectors, entries.transpose()?);
        Ok(Self {
            options,
            best,
            coarse,
            labels: Labels::default(),
            own_labels: Vec::new(),
            long: Vec::new(),
            list: Vec::new(),
            pipeline: Pipeline::new(parts),
        })
    }

    /// What the best codes of its elements must be.
    pub fn best_format(&self) -> &Format {
        &self.best
    }

    /// What the coarse ones must be, if it has such besides.
    pub fn coarse_format(&self) -> Option<&Format> {
        self.coarse.as_ref()
    }

    /// Elements added so far.
    pub fn len(&self) -> usize {
        self.own_labels.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.own_labels.is_empty()
    }

    /// Takes an element. Its error may be returned later, by the call for another, or at the end.
    pub fn add(&mut self, element: &Kept) -> Result<(), Invalid> {
        self.take(element).map_err(|fault| Invalid::element(element.name, fault))?;
        self.pipeline.pass_on()
    }

    fn take(&mut self, element: &Kept) -> Result<(), Fault> {
        let sizes = (element.best.head.len(), element.best.body.len());
        if sizes != (self.best.head_bytes(), self.best.body_bytes()) {
            return Err(Fault::Code);
        }
        if element.coarse.is_some() && self.coarse.is_none() {
            return Err(Fault::Codes);
        }
        let level = element.links.len().checked_sub(1).ok_or(Fault::Lists)?;
        if !element.entry.is_empty() && self.pipeline.parts().entries.is_none() {
            return Err(Fault::Entry);
        }
        let texts = [element.name, element.attribute, element.entry];
        let long_text = texts.iter().any(|text| text.len() > MAX_TEXT);
        if long_text || self.own_labels.len() == MAX_ELEMENTS {
            return Err(Fault::TooMany);
        }
        self.own_labels.push(self.labels.of(element.id).ok_or(Fault::TooMany)?);
        let slot = self.pipeline.parts().reserve(level);
        self.pipeline.parts().begin(slot, element.deadline_ms, element.is_pinned);
        let batch = self.pipeline.filling();
        batch.push(slot, texts, element.best, element.coarse);
        element.links.iter().enumerate().try_for_each(|(layer, ids)| self.take_list(slot, layer, ids))
    }

    fn take_list(&mut self, slot: u32, layer: usize, ids: &[u64]) -> Result<(), Fault> {
        self.list.clear();
        for &id in ids {
            self.list.push(self.labels.of(id).ok_or(Fault::TooMany)?);
        }
        let vectors = &self.pipeline.parts().vectors;
        if layer < vectors.layers(slot) && ids.len() > vectors.capacity(layer) {
            self.long.push(LongList { slot, layer, labels: self.list.clone() });
            self.list.clear();
        }
        self.pipeline.filling().push_list(&self.list);
        Ok(())
    }

    /// The set. `reserved`: how many slots its elements had been given in their life, updates
    /// included.
    pub fn finish(self, reserved: u64) -> Result<VectorSet, Invalid> {
        let mut parts = self.pipeline.finish()?;
        let slots = Slots::new(&self.own_labels).map_err(|slot| parts.invalid(slot, Fault::Id))?;
        drop(self.own_labels);
        parts.resolve(&slots, &self.long)?;
        drop((slots, self.labels, self.long));
        let elements = Elements::of_all(parts.vectors.end(), &parts.names);
        let elements = elements.map_err(|slot| parts.invalid(slot, Fault::Name))?;
        Ok(VectorSet::of_parts(parts, elements, self.options, reserved))
    }
}

impl VectorSet {
    fn of_parts(parts: Parts, elements: Elements, options: SetOptions, reserved: u64) -> Self {
        let Parts { vectors, names, attributes, deadlines, uses, entries, .. } = parts;
        let mut set = Self::of(vectors.finish(reserved), options);
        (set.names, set.attributes) = (names, attributes);
        (set.deadlines, set.uses) = (deadlines, uses);
        *set.elements.get_mut() = elements;
        set.with_entries(entries)
    }
}

/// Threads that can run at the same time.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests;
