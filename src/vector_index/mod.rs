//! Which slots hold the vectors nearest to a query? Codes, links, training and search, by slot.
//! Knows no names, no attributes, no records and no keys.
//!
//! A [`VectorIndex`] is what a vector set, an index over the fields of hashes, or a program that
//! uses this crate as a library stores its vectors in. Its user gives each slot a meaning: a slot
//! is reserved and linked by [`VectorIndex::prepare`] without a lock, and made visible or dead
//! inside the user's own critical section, by [`publish`](VectorIndex::publish) and
//! [`kill`](VectorIndex::kill), so that the two worlds change together.
//!
//! ```text
//! params.rs      what is fixed when an index is made
//! store.rs       the codes of all slots in one format
//! stores.rs      all stores of an index, and which of them searches and writers use
//! scorer.rs      distances between codes: the `Scorer`s that the graph is walked with
//! write.rs       prepare, publish, kill, sweep
//! search.rs      queries, and the nearest slots to one
//! run.rs         the steps of a search: scans and walks
//! plan.rs        which way a filtered search takes
//! costs.rs       what its steps cost, measured
//! tries.rs       how a search begins where finer codes are in files
//! training.rs    how a kind of code that learns comes into use
//! tiers.rs       finer codes that are in memory or in files
//! relocate.rs    lower slots for what high ones hold, and memory of the last ones given back
//! builder.rs     an index made of codes and links that were stored, without computing a distance
//! projection.rs  REDUCE: vectors of one dimension made into another
//! footprint.rs   bytes that a slot takes
//! ```
//!
//! Readers hold a [`Pin`] for as long as they use slots that a search returned:
//! what they met stays readable until the pin is dropped.

mod builder;
mod costs;
mod footprint;
mod params;
mod plan;
mod projection;
mod relocate;
mod run;
mod scorer;
mod search;
mod store;
mod stores;
mod tiers;
mod training;
mod tries;
mod write;

use std::borrow::Cow;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

pub use self::builder::{Builder, InvalidPart};
pub use self::params::{InvalidParams, MAX_DIM, MAX_EF, MAX_M, MIN_M, Params, RERANK_KINDS};
pub use self::plan::{Known, Plan, Step, Trace};
pub use self::scorer::Probe;
pub use self::search::{Found, QueryError, Reach, Selection};
pub use self::store::{Store, stride};
#[cfg(test)]
pub(crate) use self::stores::Phase;
pub use self::stores::View;
pub use self::training::PhaseHold;
pub use self::write::Prepared;

use self::costs::Costs;
use self::projection::Projection;
use self::stores::Stores;
use self::training::Training;
use self::tries::Tries;
use crate::epoch::Pin;
use crate::index::Index;
use crate::memory::allocated_bytes;
use crate::quantization::Codebook;
use crate::tier::{Part, Residence, Space};

/// Vectors of one format by slot, and the graph over them. Any number of threads may use it at
/// once.
pub struct VectorIndex {
    params: Params,
    projection: Option<Projection>,
    graph: Index,
    stores: Stores,
    residence: Residence,
    wants_warm: AtomicBool,
    training: Training,
    /// Bytes of a slot in arenas of the user.
    beside: AtomicUsize,
    costs: Costs,
    tries: Tries,
}

/// What is known of the index of a sealed set beside its parts.
pub struct LentIndex<'k> {
    /// What decides the levels of new slots.
    pub seed: u64,
    /// What a kind that learns has learnt.
    pub codebook: Option<Arc<Codebook>>,
    /// As for [`Builder::new`].
    pub matrix: Option<&'k [u8]>,
    /// How many slots were given out in its life, updates included.
    pub reserved: u64,
}

impl VectorIndex {
    /// An empty index. `seed` decides the levels of its graph, and the start of a kind that learns.
    pub fn new(params: Params, seed: u64) -> Self {
        Self::new_in(params, seed, Residence::Memory)
    }

    /// The same, with its large parts elsewhere. In files are the links of layer 0 and all codes
    /// but coarse ones; the small first segments of each are in memory, as is what there is no room
    /// for.
    pub fn new_in(params: Params, seed: u64, residence: Residence) -> Self {
        let residence = residence_of(&params, residence);
        let index = Self {
            projection: params.input_dim().map(|input| Projection::new(input, params.dim())),
            graph: Index::new_in(params.m(), seed, residence.files().cloned()),
            stores: Stores::new(&params, &residence),
            residence,
            wants_warm: AtomicBool::new(false),
            training: Training::new(params.kind().learns(), seed),
            params,
            beside: AtomicUsize::new(0),
            costs: Costs::default(),
            tries: Tries::default(),
        };
        index.weigh();
        index
    }

    /// The index of a sealed set, with all slots live, where the set of `space` has its files.
    ///
    /// # Errors
    /// The files do not have the parts of such an index.
    pub fn lent(params: Params, space: &Arc<Space>, kept: LentIndex<'_>) -> io::Result<Self> {
        let LentIndex { seed, codebook, matrix, reserved } = kept;
        let sealed = space.sealed().ok_or(io::ErrorKind::NotFound)?;
        let levels = sealed.map(Part::Levels)?;
        let invalid = || io::Error::from(io::ErrorKind::InvalidData);
        let mut index = Self::new_in(params, seed, Residence::Files(Arc::clone(space)));
        index.projection = Projection::restored(&index.params, matrix).ok_or_else(invalid)?;
        if index.params.kind().learns() != codebook.is_some() {
            return Err(invalid());
        }
        index.training.end();
        index.graph = Index::lent(index.params.m(), seed, space, levels.all(), reserved)?;
        index.stores = Stores::lent(&index.params, codebook, space)?;
        let end = index.graph.slots().end();
        if index.stores.lent_slots() != Some(end) {
            return Err(invalid());
        }
        index.weigh();
        Ok(index)
    }

    /// True if it has learnt what it will, so that its codes stay what they are.
    pub fn is_settled(&self) -> bool {
        !self.training.is_due()
    }

    /// What was fixed when it was made.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// Where its large parts lie.
    pub fn residence(&self) -> &Residence {
        &self.residence
    }

    /// The files in which parts of it lie, or may.
    pub fn space(&self) -> Option<&Arc<Space>> {
        self.residence.space()
    }

    /// The links and the states of slots.
    pub fn graph(&self) -> &Index {
        &self.graph
    }

    /// The codes of all slots, for as long as the caller is pinned.
    pub fn codes<'p>(&'p self, pin: &'p Pin) -> View<'p> {
        self.stores.view(pin)
    }

    /// Asks the disk for what it has of slots that will be read soon, all at once. For reads of a
    /// whole set: page by page they take minutes, and a disk serves dozens of requests as fast as
    /// one.
    pub fn fetch(&self, slots: Range<u32>, pin: &Pin) {
        if self.residence.files().is_some() {
            let slots: Vec<u32> = slots.collect();
            let view = self.codes(pin);
            self.graph.fetch_lists(slots.iter().copied());
            view.walk.fetch(&slots);
            view.fine.iter().for_each(|fine| fine.fetch(&slots));
        }
    }

    /// What searches walk by, if it was learnt.
    pub fn codebook(&self) -> Option<&Codebook> {
        let coarse = self.stores.coarse().filter(|_| self.stores.phase().walks_coarse());
        coarse.and_then(|store| store.format().codebook())
    }

    /// True if it has a projection whose matrix is not the one that follows from its dimensions.
    pub fn has_matrix(&self) -> bool {
        self.projection.as_ref().is_some_and(|projection| projection.heap_bytes() > 0)
    }

    /// A row of the matrix of its projection, below its dimension; none if it has no projection.
    pub fn projection_row(&self, i: usize) -> Option<Cow<'_, [f32]>> {
        self.projection.as_ref().map(|projection| projection.row(i))
    }

    /// Bytes that an index without slots takes beside itself: its locks, and its store of codes.
    pub fn fixed_bytes() -> usize {
        let store = 2 * size_of::<usize>() + size_of::<Store>();
        allocated_bytes(Index::FIXED_BYTES) + allocated_bytes(store)
    }

    /// Bytes of memory of codes, and of what they are made with.
    pub fn code_bytes(&self) -> usize {
        self.stores.heap_bytes() + self.projection.as_ref().map_or(0, Projection::heap_bytes)
    }

    /// Bytes of memory of links and of the states of slots.
    pub fn link_bytes(&self) -> usize {
        self.graph.heap_bytes()
    }

    /// Bytes of memory held.
    pub fn heap_bytes(&self) -> usize {
        self.code_bytes() + self.link_bytes()
    }
}

/// Where the parts of such an index lie: without finer codes beside coarse ones, none of it is in
/// either.
fn residence_of(params: &Params, wanted: Residence) -> Residence {
    match wanted {
        Residence::Either(_) if params.rerank().is_none() => Residence::Memory,
        wanted => wanted,
    }
}

#[cfg(test)]
impl VectorIndex {
    /// Which codes are in use.
    pub(crate) fn phase(&self) -> Phase {
        self.stores.phase()
    }

    /// True while a kind that learns is not settled.
    pub(crate) fn is_training(&self) -> bool {
        self.training.is_due()
    }
}

#[cfg(test)]
mod tests;
