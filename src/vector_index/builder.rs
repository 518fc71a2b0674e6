//! An index made of codes and links that were stored: no distance is computed, no neighbour
//! searched.
//!
//! | step | by |
//! |---|---|
//! | slots are taken in order ([`Builder::reserve`]) | one thread |
//! | each slot gets its codes and its links, as labels ([`Builder::write_codes`], [`Builder::note_links`]) | one thread for each slot, any number in all |
//! | labels become slots ([`Builder::resolve`]) | any number of threads, when the step before is done |
//! | the index is complete ([`Builder::finish`]) | one thread |

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::projection::Projection;
use super::scorer::PairScorer;
use super::stores::Stores;
use super::{Params, VectorIndex, residence_of};
use crate::arena::Words;
use crate::epoch::pin;
use crate::index::{Assembly, BadLink};
use crate::memory::Category;
use crate::quantization::{Code, Codebook, Format};
use crate::tier::{Residence, Tier};

/// A part of a stored index that cannot be right.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InvalidPart {
    /// A code of another size, or with a number that is not finite.
    Code,
    /// A projection of another size, or with a number that is not finite or greater than 1.
    Projection,
    /// A codebook where nothing is learnt.
    Codebook,
}

/// An index under construction.
pub struct Builder {
    params: Params,
    seed: u64,
    projection: Option<Projection>,
    /// It is of a kind that learns, and has not learnt yet.
    learns: bool,
    assembly: Assembly,
    stores: Stores,
    residence: Residence,
    wanted: Tier,
    /// A bit for each slot whose codes were written: they are written once, by one thread.
    written: Words,
}

impl Builder {
    /// Without slots. `codebook`: what the index has learnt; none if it has not, or does not learn.
    /// `matrix`: of its projection, float32 little-endian, row by row; none if it is the one that
    /// `REDUCE` makes. `residence`: see [`VectorIndex::new_in`]; `wanted`: where finer codes are to
    /// be, if there is a choice.
    pub fn new(
        params: Params,
        seed: u64,
        codebook: Option<Arc<Codebook>>,
        matrix: Option<&[u8]>,
        (residence, wanted): (Residence, Tier),
    ) -> Result<Self, InvalidPart> {
        let projection = Projection::restored(&params, matrix).ok_or(InvalidPart::Projection)?;
        if codebook.is_some() && !params.kind().learns() {
            return Err(InvalidPart::Codebook);
        }
        let learns = params.kind().learns() && codebook.is_none();
        let residence = residence_of(&params, residence);
        let assembly = Assembly::new(params.m(), seed, residence.files().cloned());
        let stores = Stores::restored(&params, codebook, &residence);
        Ok(Self {
            params,
            seed,
            projection,
            learns,
            assembly,
            stores,
            residence,
            wanted,
            written: Words::new(1, Category::Graph),
        })
    }

    /// The formats of the best codes, and of the coarse ones if there are such besides.
    pub fn formats(&self) -> (Format, Option<Format>) {
        let pin = pin();
        let (best, coarse) = self.stores.view(&pin).persistent();
        (best.format().clone(), coarse.map(|store| store.format().clone()))
    }

    /// Takes the next slot, which reaches up to `level`. `grow` as in [`VectorIndex::prepare`]. One
    /// caller at a time.
    pub fn reserve(&self, level: usize, grow: impl FnOnce(u32)) -> u32 {
        let pin = pin();
        let view = self.stores.view(&pin);
        self.assembly.reserve(level, |len| {
            self.stores.grow_to(len, &view);
            self.written.grow_to(len.div_ceil(u32::BITS));
            grow(len);
        })
    }

    /// Writes the codes of a reserved slot, once. A coarse code that is needed and not given is
    /// made of the best.
    ///
    /// # Panics
    /// If the slot is not reserved, or its codes were written.
    pub fn write_codes(&self, slot: u32, best: Code, coarse: Option<Code>) -> Result<(), InvalidPart> {
        assert!(slot < self.end(), "the slot is reserved");
        let (word, bit) = (&self.written.block(slot / u32::BITS)[0], 1 << (slot % u32::BITS));
        let before = word.fetch_or(bit, Ordering::Relaxed);
        assert_eq!(before & bit, 0, "codes are written once");
        let pin = pin();
        let view = self.stores.view(&pin);
        let tier = match self.wanted {
            _ if self.learns => Tier::Hot,
            Tier::Hot => self.residence.tier_of_new(),
            Tier::Warm => Tier::Warm,
        };
        for store in view.written() {
            let made;
            let code = match coarse {
                _ if std::ptr::eq(store, view.best()) => best,
                Some(coarse) => coarse,
                None => {
                    made = store.format().encode(&view.best().format().decode(best));
                    made.as_code()
                }
            };
            if !store.format().admits(code) {
                return Err(InvalidPart::Code);
            }
            // SAFETY: the bit makes this the only call that writes the slot, and codes are read by
            // `resolve_nearest` and `finish`, which no other call overlaps.
            unsafe { store.write(slot, tier, code) };
        }
        Ok(())
    }

    /// Notes a list of links, as labels, of a slot and a layer that the graph has. For the thread
    /// that writes the slot's codes.
    pub fn note_links(&self, slot: u32, layer: usize, labels: &[u32]) {
        self.assembly.note(slot, layer, labels);
    }

    /// Links that a list of this layer can hold.
    pub fn capacity(&self, layer: usize) -> usize {
        self.assembly.capacity(layer)
    }

    /// Layers of a slot that the graph has.
    pub fn layers(&self, slot: u32) -> usize {
        self.assembly.layers(slot)
    }

    /// Slots reserved.
    pub fn end(&self) -> u32 {
        self.assembly.end()
    }

    /// Turns the labels of a slot's lists into links.
    pub fn resolve(&self, slot: u32, slot_of: &impl Fn(u32) -> Option<u32>) -> Result<(), BadLink> {
        self.assembly.resolve(slot, slot_of)
    }

    /// Gives a slot, on one layer, the nearest of more labels than the list can hold. When all
    /// codes are written.
    pub fn resolve_nearest(
        &mut self,
        place: (u32, usize),
        labels: &[u32],
        slot_of: &impl Fn(u32) -> Option<u32>,
    ) -> Result<(), BadLink> {
        self.assembly.resolve_nearest(place, labels, slot_of, &PairScorer(&self.stores))
    }

    /// The index, with all slots live. `reserved`: how many slots were given out in its life,
    /// updates included.
    pub fn finish(self, reserved: u64) -> VectorIndex {
        let mut index = VectorIndex::new(self.params, self.seed);
        index.projection = self.projection;
        index.graph = self.assembly.finish(reserved);
        index.stores = self.stores;
        index.residence = self.residence;
        if !self.learns {
            index.training.end();
        }
        index.weigh();
        index
    }
}
