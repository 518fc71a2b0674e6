//! Which elements are there? Their names, vectors and attributes, and the searches over them.
//! Knows no key, no command and no client; it can serve as a library.
//!
//! All parts of a set are indexed by the same dense slots: an element is a slot's code, name and attribute, and its
//! lists in the [`Index`]. The set may be used by any number of threads at once.
//!
//! # How it stays right
//!
//! *Prepare outside, commit inside.* A writer encodes its vectors and connects their slots to the graph without holding
//! the set's lock; then, in one short critical section on [`VectorSet::elements`], it makes them elements: tables,
//! slot states, attributes and the [`Record`] of the change move together. That section is where a write takes
//! place for every observer, so writes to one set are linearizable, and the log has their order.
//!
//! Reads of names and attributes take the lock for reading, shortly. Searches take no lock: they are pinned (see
//! [`crate::epoch`]), so what they met stays readable, and the slot states tell them what was an element while they
//! looked. A search sees every element that was there from its beginning to its end, none that was not there at any
//! moment between, and none twice.
//!
//! A kind of code that learns comes into use while all this goes on: see [`training`]. And the set as it was at one moment
//! can be given away while it changes: see [`snapshot`].
//!
//! *Lock order:* the gate of the journal → a shard of the keyspace → `elements` → `limbo`, or the lists of `snapshots`; the
//! index's own locks are taken inside any of these, and nothing is taken inside them.

mod digest;
mod elements;
pub mod filter;
mod footprint;
mod params;
mod projection;
mod read;
pub mod restore;
mod scorer;
mod search;
mod snapshot;
mod store;
mod stores;
mod training;
mod write;

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

pub use self::digest::{add as add_digest, mix as mix_digest};
pub use self::elements::Bound;
pub use self::params::{InvalidParams, MAX_DIM, MAX_EF, MAX_M, MIN_M, Params, RERANK_KINDS};
pub use self::read::{Description, NeighbourLists};
pub use self::restore::Restored;
pub use self::scorer::Probe;
pub use self::search::{Hit, Hits, QueryError, Search};
pub use self::snapshot::{Element, Frozen, Linked, Links, Place, Spill};
pub use self::write::{Hold, Put, Refused, Upserted};
pub use crate::quantization::{
    Bits, CODECS, Code, Codebook, Codec, Format, Kind, MEASURED, Measured, Metric, SAMPLE, is_storable,
};

use self::elements::{Elements, Names};
use self::projection::Projection;
use self::snapshot::Snapshots;
use self::stores::Stores;
use self::training::Training;
use crate::arena::Blobs;
use crate::index::Index;

/// Says that a set is still what a key meant when it was looked up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Binding(u64);

/// Elements with vectors of one format, and the graph over them.
pub struct VectorSet {
    params: Params,
    projection: Option<Projection>,
    index: Index,
    stores: Stores,
    training: Training,
    names: Names,
    attributes: Blobs,
    elements: RwLock<Elements>,
    /// How often a key stopped meaning this set. Changed, and compared by writers, under `elements`.
    unbound: AtomicU64,
    /// Odd while an element has two slots: moved before the new one is published and after the old one is killed. A
    /// search that can have met both sees it odd, or moved.
    updates: AtomicU64,
    /// Changes committed so far, also those that leave all as it was. Moved under `elements`.
    changes: AtomicU64,
    /// Those that are taken of it. Begun, and told of changes, under `elements`.
    snapshots: Snapshots,
    uid: u64,
}

/// Sets made in this process so far.
static SETS: AtomicU64 = AtomicU64::new(0);

impl VectorSet {
    /// An empty set. `seed` decides the levels of its graph, and what a kind that learns begins with.
    pub fn new(params: Params, seed: u64) -> Self {
        Self {
            projection: params.input_dim.map(|input| Projection::new(input, params.dim)),
            index: Index::new(params.m, seed),
            stores: Stores::new(&params),
            training: Training::new(params.kind.learns(), seed),
            names: Names::default(),
            attributes: Blobs::new(),
            elements: RwLock::default(),
            unbound: AtomicU64::new(0),
            updates: AtomicU64::new(0),
            changes: AtomicU64::new(0),
            snapshots: Snapshots::default(),
            uid: SETS.fetch_add(1, Ordering::Relaxed),
            params,
        }
    }

    /// What was fixed when it was made.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// How many elements it has. A change of several elements is counted whole or not at all.
    pub fn len(&self) -> usize {
        self.elements.read().len()
    }

    /// True if it has no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many changes were made to its elements and attributes: the same number means the same set (WATCH).
    pub fn changes(&self) -> u64 {
        // Under the lock: a change that somebody has seen is counted.
        let _elements = self.elements.read();
        self.changes.load(Ordering::Relaxed)
    }

    /// What a writer notes when it looks the set up.
    pub fn binding(&self) -> Binding {
        Binding(self.unbound.load(Ordering::Acquire))
    }

    /// Tells writers under way that the key which they looked up no longer means this set: they look it up again.
    ///
    /// Waits for a commit that is under way, a matter of microseconds, so that it is over when this returns.
    pub fn unbind(&self) {
        let _commit = self.elements.write();
        self.unbound.fetch_add(1, Ordering::Release);
    }

    /// [`VectorSet::unbind`] if it has no element and is not one that may be empty: in one step, so that no writer can
    /// add an element between the look and the removal of the key. True if it was done.
    pub fn unbind_if_spent(&self) -> bool {
        let elements = self.elements.write();
        let spent = elements.len() == 0 && !self.params.kept();
        if spent {
            self.unbound.fetch_add(1, Ordering::Release);
        }
        spent
    }

    /// Bytes held, by all parts.
    pub fn heap_bytes(&self) -> usize {
        self.index.heap_bytes()
            + self.stores.heap_bytes()
            + self.names.heap_bytes()
            + self.attributes.heap_bytes()
            + self.elements.read().heap_bytes()
            + self.projection.as_ref().map_or(0, Projection::heap_bytes)
            + self.snapshots.heap_bytes()
            + size_of::<Self>()
    }
}

#[cfg(test)]
mod tests;
