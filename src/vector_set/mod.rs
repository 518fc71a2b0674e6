//! Which elements are there? Their names, vectors and attributes, and the searches over them.
//! Knows no key, no command and no client; it can serve as a library.
//!
//! All parts of a set are indexed by the same dense slots: an element is a slot of the
//! [`VectorIndex`] with a name and perhaps an attribute. The set may be used by any number of
//! threads at once.
//!
//! # Consistency
//!
//! *Prepare outside, commit inside.* A writer encodes its vectors and connects their slots to the
//! graph without holding the set's lock; then, in one short critical section, a
//! `Commit`, it makes them elements: tables, slot states, attributes and the
//! [`Record`](crate::journal::Record) of the change move together. That section is where a write
//! takes place for every observer, so writes to one set are linearizable, and the log has their
//! order.
//!
//! Reads of names and attributes take the lock for reading, shortly. Searches take no lock: they
//! are pinned (see [`crate::epoch`]), so what they met stays readable, and the slot states say what
//! was an element meanwhile. A search sees every element that was there from its beginning to its
//! end, none that was not there at any moment between, and none twice.
//!
//! What bounds a set, and what is evicted for it: see `limits` and `room`.
//!
//! Elements' finer codes may lie in files: see `tiers`.
//!
//! Elements may move to other slots without any change of the set: see `compaction`.
//!
//! The set as it was at one moment can be read while it changes: see `snapshot`.
//!
//! *Lock order:* `compaction` → the gate of the journal → a shard of the keyspace → `elements` →
//! the lists of `snapshots`, the holds of the index's phase, or a limbo; the graph's own locks are
//! taken inside any of these, and inside them, while slots are added or given back, those of
//! arenas.

mod attributes;
mod commit;
mod compaction;
mod copy;
mod deadlines;
mod digest;
mod elements;
mod entries;
mod eviction;
mod expiry;
mod fields;
mod figures;
pub mod filter;
mod footprint;
mod limits;
mod present;
mod read;
pub mod restore;
mod room;
mod sealed;
mod search;
mod snapshot;
mod tiers;
mod updates;
mod usage;
mod uses;
mod write;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};

pub use self::compaction::{Progress, Urgency};
pub use self::copy::SetCopy;
pub use self::deadlines::MAX_DEADLINE_MS;
pub use self::digest::{add as add_digest, mix as mix_digest};
pub use self::elements::Bound;
pub use self::entries::{
    About, Aliased, Asked, Cache, CacheFigures, CacheOutline, CacheRules, Certainty, Curve, EntryFigures,
    EntryHit, MAX_ALIASES, MAX_SCOPE, MOST_LEARNING_BYTES, NewEntry, Served, Share, StoreOptions,
    StoredEntry, Unless, Verdict,
};
pub use self::eviction::{EvictedElement, EvictionCriteria};
pub use self::expiry::Reschedule;
pub use self::fields::{
    FacetValue, FieldSpec, FieldState, InvalidField, Knowledge, MAX_FIELDS, NotAdded, Removed, Scanned,
    TooManyValues, build_in_background, values_of,
};
pub use self::figures::{Figures, SCORE_BUCKETS, SearchFigures};
pub use self::footprint::{SetMemory, bytes_per_element};
pub use self::limits::{Full, Limits, LimitsChange, MAX_TTL_MS, SetPolicy};
pub use self::present::{Now, Present};
pub use self::read::{Description, NeighbourLists};
pub use self::restore::Restored;
pub use self::sealed::{Changed, EndedSet, NamedBy, SetWriter};
pub use self::search::{Explanation, FILTER_EF_PER_RESULT, Hit, Hits, Search};
pub use self::snapshot::{Element, Frozen, Linked, Links, Place, Ranks, Spill};
pub use self::usage::{ElementUse, LOOKED_AT};
pub use self::write::{Bounded, Hold, Lifetime, Put, Refused, Upserted};
pub use crate::field_index::Kind as FieldKind;
pub use crate::field_index::tokens::Language;
pub use crate::frequency::Lfu;
pub use crate::quantization::{
    Bits, CODECS, Code, Codebook, Codec, Format, Kind, MEASURED, Measured, Metric, SAMPLE, is_storable,
};
pub use crate::vector_index::{
    InvalidParams, LentIndex, MAX_DIM, MAX_EF, MAX_M, MIN_M, Params, Plan, Probe, QueryError, RERANK_KINDS,
    Step, Trace,
};

use self::attributes::Attributes;
use self::commit::Commit;
use self::compaction::Compaction;
use self::deadlines::Deadlines;
use self::elements::{Elements, Names};
use self::entries::Entries;
use self::fields::FieldIndexes;
use self::limits::Bounds;
use self::sealed::{Copies, Notes};
use self::snapshot::Snapshots;
use self::tiers::Moves;
use self::updates::Updates;
use self::uses::Uses;
use crate::compressed::Savings;
use crate::memory::{Category, Held};
pub use crate::tier::{
    Balance, ColdFile, ColdFiles, ColdReader, ColdWriter, FileId, Haste, Outline as ColdOutline, Pace,
    Residence, Sealed, SealedSets, SealedWriter, Space, Tier, TierDir, TierPolicy, ValueSpan, check_sealed,
    files_in as cold_files_in, sealed_in,
};
use crate::vector_index::VectorIndex;

/// Identifies the state in which a key meant this set: it changes when the key stops meaning it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Binding(u64);

/// What a set is besides its vectors. Fixed when it is made.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct SetOptions {
    /// It was made by `VCREATE`: it may be empty, and its writers need not repeat its parameters.
    pub may_be_empty: bool,
    /// The kind of its codes was chosen by the memory that was left, not by its maker.
    pub has_chosen_kind: bool,
    /// Its large parts are to lie in files, where there is a directory for them.
    pub is_warm: bool,
    /// They do since memory was scarce, and come back when there is room.
    pub is_demoted: bool,
}

/// Named vectors with attributes.
pub struct VectorSet {
    options: SetOptions,
    bounds: Bounds,
    vectors: VectorIndex,
    names: Names,
    attributes: Attributes,
    fields: FieldIndexes,
    deadlines: Deadlines,
    uses: Uses,
    /// Of a cache only.
    entries: Option<Box<Entries>>,
    elements: RwLock<Elements>,
    /// How often a key stopped meaning this set.
    unbound: AtomicU64,
    updates: Updates,
    /// Changes committed so far, also those that leave all as it was.
    changes: AtomicU64,
    /// Those that are being taken of it.
    snapshots: Snapshots,
    compaction: Mutex<Compaction>,
    moves: Moves,
    /// Files that have it as it was at the last snapshots.
    copies: Copies,
    /// Where the names of elements that change are noted.
    notes: Notes,
    /// Memory is short, and elements that lie in files may be evicted for it.
    lets_lent_go: AtomicBool,
    figures: Figures,
    /// What the set takes when it is empty.
    fixed: Held,
    uid: u64,
}

/// Sets made in this process so far.
static SETS: AtomicU64 = AtomicU64::new(0);

impl VectorSet {
    /// An empty set. `seed` decides the levels of its graph, and what a kind that learns begins
    /// with.
    pub fn new(params: Params, seed: u64) -> Self {
        Self::new_in(params, seed, Residence::Memory)
    }

    /// The same, with its large parts where [`VectorIndex::new_in`] says.
    pub fn new_in(params: Params, seed: u64, residence: Residence) -> Self {
        Self::of(VectorIndex::new_in(params, seed, residence), SetOptions::default())
    }

    /// The files in which parts of it lie, or may.
    pub fn space(&self) -> Option<&Arc<Space>> {
        self.vectors.space()
    }

    /// True if what is read or written of it may have to come from a disk.
    pub fn may_wait_for_disk(&self) -> bool {
        self.vectors.may_wait_for_disk()
    }

    /// True if some of its bytes could not be read from the disk: what is read of it may be wrong.
    pub fn is_damaged(&self) -> bool {
        self.space().is_some_and(|space| space.is_damaged())
    }

    /// A set of these vectors, which have no names yet.
    fn of(vectors: VectorIndex, options: SetOptions) -> Self {
        vectors.weigh_slots(footprint::BESIDE);
        Self {
            options,
            bounds: Bounds::default(),
            vectors,
            names: Names::default(),
            attributes: Attributes::default(),
            fields: FieldIndexes::default(),
            deadlines: Deadlines::default(),
            uses: Uses::default(),
            entries: None,
            elements: RwLock::default(),
            unbound: AtomicU64::new(0),
            updates: Updates::new(),
            changes: AtomicU64::new(0),
            snapshots: Snapshots::default(),
            compaction: Mutex::default(),
            moves: Moves::default(),
            copies: Copies::default(),
            notes: Notes::default(),
            lets_lent_go: AtomicBool::new(false),
            figures: Figures::default(),
            fixed: Held::new(Category::Graph, footprint::empty_set_bytes()),
            uid: SETS.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// The same set with other options.
    pub fn with_options(self, options: SetOptions) -> Self {
        Self { options, ..self }
    }

    /// The same set, bounded by these limits.
    pub fn with_limits(self, limits: Limits) -> Self {
        let set = Self { bounds: Bounds::new(limits), ..self };
        set.follow_tier();
        set
    }

    /// What was fixed of its vectors when it was made.
    pub fn params(&self) -> &Params {
        self.vectors.params()
    }

    /// What was fixed besides.
    pub fn options(&self) -> SetOptions {
        self.options
    }

    /// How many elements it has, also those that have expired and were not removed yet. A change of
    /// several elements is counted whole or not at all.
    pub fn len(&self) -> usize {
        self.elements.read().len()
    }

    /// True if it has no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many changes were made to its elements and attributes: the same number means the same
    /// set (WATCH).
    pub fn changes(&self) -> u64 {
        // Under the lock: a change that is visible is counted.
        let _elements = self.elements.read();
        self.changes.load(Ordering::Relaxed)
    }

    /// What a writer notes when it looks the set up.
    pub fn binding(&self) -> Binding {
        Binding(self.unbound.load(Ordering::Acquire))
    }

    /// The key no longer means this set: writers under way look it up again.
    ///
    /// Waits for a commit that is under way, a matter of microseconds, so that it is over when this
    /// returns.
    pub fn unbind(&self) {
        Commit::lock(self).unbind();
    }

    /// [`VectorSet::unbind`] if it has no element and is not one that may be empty: in one step, so
    /// that no writer can add an element between the look and the removal of the key. True if it
    /// was done.
    pub fn unbind_if_spent(&self) -> bool {
        Commit::lock(self).unbind_if_spent()
    }

    /// Of the bytes held, those of free slots, which will be used again.
    pub fn reusable_bytes(&self) -> usize {
        let (free, bytes_each) = self.vectors.graph().slots().free();
        free * bytes_each
    }

    /// What compression of attributes and payloads saves.
    pub fn savings(&self) -> Savings {
        let payloads = self.entries.as_ref().map(|entries| entries.savings());
        self.attributes.savings() + payloads.unwrap_or_default()
    }

    /// Bytes of memory that the set takes, by purpose.
    pub fn memory(&self) -> SetMemory {
        SetMemory {
            vectors: self.vectors.code_bytes(),
            graph: self.vectors.link_bytes() + self.fixed.bytes(),
            names: self.names.heap_bytes() + self.elements.read().heap_bytes(),
            attributes: self.attributes.heap_bytes(),
            payloads: self.entries.as_ref().map_or(0, |entries| entries.heap_bytes()),
            fields: self.fields.heap_bytes(),
            expiry: self.deadlines.heap_bytes() + self.uses.heap_bytes(),
            snapshot: self.snapshots.heap_bytes(),
        }
    }

    /// Bytes of memory that the set takes, by all parts.
    pub fn heap_bytes(&self) -> usize {
        self.memory().total()
    }
}

#[cfg(test)]
mod tests;
