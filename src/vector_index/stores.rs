//! The codes of an index: plain ones, or coarse ones to walk on, with or without a finer copy; and
//! the transition from the first to the second, which a kind that learns makes once (see
//! [`super::training`]).

use std::io;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

use super::params::Params;
use super::store::{Store, bytes_per_slot};
use crate::arena::{Removable, TieredCodes};
use crate::epoch::{Pin, pin};
use crate::quantization::{CodeBuf, Codebook, Format};
use crate::tier::{Part, Residence, Space};

/// The progress of an index's coarse codes. An index whose kind has none stays in the first phase,
/// and one whose kind need not learn begins in the last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub(crate) enum Phase {
    /// There are plain codes only.
    Plain = 0,
    /// Searches walk on plain codes; writers write both.
    Doubled = 1,
    /// Searches walk on coarse codes; writers still write both, for searches that began earlier.
    Switched = 2,
    /// The plain codes are the finer copy, or are gone.
    Settled = 3,
}

impl Phase {
    /// True if searches walk on coarse codes.
    pub(super) fn walks_coarse(self) -> bool {
        self >= Phase::Switched
    }
}

/// Where a code is that may lie in a file.
const PLACE: usize = 4;

/// The stores of a set.
pub(super) struct Stores {
    plain: Removable<Store>,
    coarse: OnceLock<Store>,
    phase: AtomicU8,
    reranks: bool,
    /// Of a kind that learns: the format that vectors pass through before they are encoded
    /// coarsely.
    passed: Option<Format>,
}

/// The stores as one search or one writer uses them while it is pinned.
#[derive(Clone, Copy)]
pub struct View<'p> {
    pub(super) phase: Phase,
    /// What is walked on.
    pub(super) walk: &'p Store,
    /// The finer copy.
    pub(super) fine: Option<&'p Store>,
    /// What is to be written besides.
    also: Option<&'p Store>,
}

impl<'p> View<'p> {
    /// The store of the best codes.
    pub fn best(&self) -> &'p Store {
        self.fine.unwrap_or(self.walk)
    }

    /// The store besides the best, if there is one.
    #[cfg(test)]
    pub(crate) fn coarse(&self) -> Option<&Store> {
        self.written().find(|store| !std::ptr::eq(*store, self.best()))
    }

    /// The store of the finer copies, if there are any.
    #[cfg(test)]
    pub(crate) fn fine(&self) -> Option<&'p Store> {
        self.fine
    }

    /// What a snapshot has of each vector: the best code, and the coarse one if searches walk on
    /// it.
    pub fn persistent(&self) -> (&'p Store, Option<&'p Store>) {
        (self.best(), self.fine.map(|_| self.walk))
    }

    /// All that a writer writes.
    pub(super) fn written(&self) -> impl Iterator<Item = &Store> {
        [Some(self.walk), self.fine, self.also].into_iter().flatten()
    }
}

impl Stores {
    /// `residence`: where all codes lie but coarse ones.
    pub(super) fn new(params: &Params, residence: &Residence) -> Self {
        let coarse = OnceLock::new();
        let (plain, phase) = match params.coarse_format() {
            Some(_) if params.kind().learns() => (Some(params.plain_format()), Phase::Plain),
            Some(format) => {
                coarse.get_or_init(|| Store::new(format, &Residence::Memory));
                (params.rerank().map(|_| params.plain_format()), Phase::Settled)
            }
            None => (Some(params.plain_format()), Phase::Plain),
        };
        Self {
            plain: Removable::new(plain.map(|format| Store::new(format, residence))),
            coarse,
            phase: AtomicU8::new(phase as u8),
            reranks: params.rerank().is_some(),
            passed: params.kind().learns().then(|| params.plain_format()),
        }
    }

    /// The stores of an index that is loaded: of a kind that learns, with its codebook, or as they
    /// are before it has one.
    pub(super) fn restored(params: &Params, codebook: Option<Arc<Codebook>>, residence: &Residence) -> Self {
        let stores = Self::new(params, residence);
        let (Some(codebook), Some(format)) = (codebook, params.coarse_format()) else { return stores };
        stores.set_coarse(Store::new(format.with_codebook(codebook), &Residence::Memory));
        stores.enter(Phase::Settled);
        let plain = Removable::new(params.rerank().map(|_| Store::new(params.plain_format(), residence)));
        Self { plain, ..stores }
    }

    /// The stores of a sealed set, which has learnt what it will.
    pub(super) fn lent(
        params: &Params,
        codebook: Option<Arc<Codebook>>,
        space: &Arc<Space>,
    ) -> io::Result<Self> {
        const BEST: (Part, Part) = (Part::BestHeads, Part::BestBodies);
        const COARSE: (Part, Part) = (Part::CoarseHeads, Part::CoarseBodies);
        let reranks = params.rerank().is_some();
        let coarse = params.coarse_format().map(|format| match codebook {
            Some(codebook) => format.with_codebook(codebook),
            None => format,
        });
        let has_plain = coarse.is_none() || reranks;
        let plain = has_plain.then(|| Store::over(params.plain_format(), space, BEST)).transpose()?;
        let coarse = coarse.map(|format| Store::over(format, space, if reranks { COARSE } else { BEST }));
        let phase = if coarse.is_some() { Phase::Settled } else { Phase::Plain };
        Ok(Self {
            plain: Removable::new(plain),
            coarse: coarse.transpose()?.map_or_else(OnceLock::new, OnceLock::from),
            phase: AtomicU8::new(phase as u8),
            reranks,
            passed: params.kind().learns().then(|| params.plain_format()),
        })
    }

    /// Slots of a set that was just made of files; none if the stores do not agree.
    pub(super) fn lent_slots(&self) -> Option<u32> {
        let pin = pin();
        let mut lens = self.each(&pin).map(Store::len);
        lens.next().filter(|&first| lens.all(|len| len == first))
    }

    /// The caller was pinned before, and uses the view no longer than its pin lasts.
    #[inline]
    pub(super) fn view<'p>(&'p self, pin: &'p Pin) -> View<'p> {
        let phase = self.phase();
        let plain = || self.plain.get(pin);
        // Set before the phases that need it, and `plain` is there until no reader is in a phase
        // that needs that.
        let coarse = || self.coarse.get().expect("set before it is used");
        let certain = || plain().expect("removed when it is used no more");
        let (walk, fine, also) = match phase {
            Phase::Plain => (certain(), None, None),
            Phase::Doubled => (certain(), None, Some(coarse())),
            Phase::Switched => (coarse(), None, plain()),
            Phase::Settled => (coarse(), plain().filter(|_| self.reranks), None),
        };
        View { phase, walk, fine, also }
    }

    /// Acquire: partner of the release in [`Stores::enter`].
    #[inline]
    pub(super) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Plain,
            1 => Phase::Doubled,
            2 => Phase::Switched,
            _ => Phase::Settled,
        }
    }

    /// One caller at a time, in the order of phases.
    pub(super) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Release);
    }

    /// The code of a vector in one of the stores. Coarse codes of a kind that learns are made of
    /// what plain codes leave of a vector: so they are the same whether its writer or the trainer
    /// makes them.
    pub(super) fn encode(&self, store: &Store, vector: &[f32]) -> CodeBuf {
        let passed = self.passed.as_ref().filter(|passed| passed.kind() != store.format().kind());
        match passed {
            Some(passed) => store.format().encode(&passed.decode(passed.encode(vector).as_code())),
            None => store.format().encode(vector),
        }
    }

    /// Makes slots `0 .. len` available to the holder of a view, and to all that walk on coarse
    /// codes later. One caller at a time.
    pub(super) fn grow_to(&self, len: u32, view: &View) {
        view.written().chain(self.coarse()).for_each(|store| store.grow_to(len));
    }

    /// The stores that there are.
    fn each<'p>(&'p self, pin: &'p Pin) -> impl Iterator<Item = &'p Store> {
        [self.plain.get(pin), self.coarse()].into_iter().flatten()
    }

    /// Takes the slots from `len` on back, and returns their memory.
    ///
    /// # Safety
    /// As [`Store::shrink_to`].
    pub(super) unsafe fn shrink_to(&self, len: u32) {
        // SAFETY: the caller guarantees it.
        self.each(&pin()).for_each(|store| unsafe { store.shrink_to(len) });
    }

    /// Takes away what a slot has for itself alone in any store.
    ///
    /// # Safety
    /// As [`Store::release`].
    pub(super) unsafe fn release(&self, slot: u32) {
        // SAFETY: the caller guarantees it.
        self.each(&pin()).for_each(|store| unsafe { store.release(slot) });
    }

    /// The bodies of finer codes, if each is in memory or in a file.
    pub(super) fn tiers<'p>(&'p self, pin: &'p Pin) -> Option<&'p TieredCodes> {
        self.plain.get(pin)?.tiers()
    }

    /// Gives a set that learns its coarse store, once.
    pub(super) fn set_coarse(&self, store: Store) -> &Store {
        self.coarse.get_or_init(|| store)
    }

    /// The coarse store, once there is one.
    pub(super) fn coarse(&self) -> Option<&Store> {
        self.coarse.get()
    }

    /// Takes the plain codes out of sight for readers that pin themselves later.
    pub(super) fn retire_plain(&self) {
        self.plain.retire();
    }

    /// Frees retired plain codes if no reader is left that could be reading them. True if there are
    /// none any more.
    pub(super) fn reclaim_plain(&self) -> bool {
        self.plain.reclaim()
    }

    /// Bytes of memory that the stores which there are take for each slot, without codes that may
    /// lie in files.
    pub(super) fn memory_per_slot(&self, residence: &Residence) -> usize {
        let pin = pin();
        let plain = self.plain.get(&pin).map(|store| match residence {
            Residence::Memory => bytes_per_slot(store.format()),
            Residence::Files(_) => 0,
            Residence::Either(_) => store.format().head_bytes() + PLACE,
        });
        let coarse = self.coarse().filter(|store| !store.is_in_files());
        plain.unwrap_or(0) + coarse.map_or(0, |store| bytes_per_slot(store.format()))
    }

    /// Bytes held.
    pub(super) fn heap_bytes(&self) -> usize {
        self.each(&pin()).map(Store::heap_bytes).sum()
    }
}
