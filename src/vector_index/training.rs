//! How a kind of code that learns comes into use.
//!
//! An index of such a kind begins with plain codes, those of its finer copy or `Int8`. The writer
//! that brings it to [`SAMPLE`] slots learns from them, outside of every lock, and leads the index
//! through its phases; searches and other writers go on meanwhile, and none of them waits.
//!
//! | phase | searches walk on | writers write | ends when |
//! |---|---|---|---|
//! | `Plain` | plain codes | plain codes | the coarse store is made: it grows with the index from now on |
//! | `Doubled` | plain codes | both | all writers of `Plain` are done, every slot has its coarse code, and there is no [`PhaseHold`] |
//! | `Switched` | coarse codes | both | all readers of `Doubled`, who walk on plain codes, are done |
//! | `Settled` | coarse codes, and plain ones if they are the finer copy | the same | never |
//!
//! *Which phase does a thread see?* Each pins first and then reads the phase, once
//! (`Stores::view`). A phase that was entered (release) before the epoch was noted is seen by all
//! that pin after the grace period; so after it none is left in an earlier one. Each end in the
//! table but the first waits for such a grace period.
//!
//! *Which thread writes a coarse code?* Writers in `Doubled` and later those of their own slots,
//! while these are `Free`. The trainer, after the grace period in `Doubled`, those of all slots
//! that are not: it is pinned, and checks for each slot whether a search that begins now could
//! return it. Such a slot was written before it became visible (release, seen with acquire), and
//! will not be reserved again while the trainer is pinned, so no writer is at its code; and coarse
//! codes are not read before `Switched`. A code that a writer of `Doubled` has written already is
//! written once more, and is the same. Slots that died earlier keep a code of zeros, a vector
//! without direction, for the walks that pass through them until they are swept.
//!
//! *When are plain codes freed?* If they are not the finer copy: after the grace period in
//! `Switched` no search walks on them, and after another no writer is left that also wrote them.
//!
//! *Waiting.* The trainer holds no lock that others wait for, and polls a bounded number of times
//! for the end of each grace period. If a long search prevents it, the writers after it poll, each
//! once: the index stays in its phase meanwhile. Learning happens once; an index that shrinks, or
//! comes to hold other vectors, keeps its codebook.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::VectorIndex;
use super::store::Store;
use super::stores::Phase;
use crate::epoch::{grace_over, now, pin};
use crate::index::State;
use crate::memory::{Category, Held};
use crate::quantization::{Codebook, SAMPLE};
use crate::tier::{Residence, Tier};

/// How often the writer that began polls for the end of a grace period, yielding in between.
const LOOKS: usize = 32;
/// Writers that may be under way while another decides where it runs.
const UNDER_WAY: usize = 64;

/// Where an index is on its way.
pub(super) struct Training {
    seed: u64,
    /// False once there is nothing left to do.
    due: AtomicBool,
    step: Mutex<Step>,
    /// How many [`PhaseHold`]s there are. The lock is held while searches are switched to coarse
    /// codes.
    holds: Arc<Mutex<usize>>,
}

/// While it lives, searches of the index do not switch to other codes: for a snapshot, which has
/// decided which codes it has.
pub struct PhaseHold(Arc<Mutex<usize>>);

impl Drop for PhaseHold {
    fn drop(&mut self) {
        *self.0.lock() -= 1;
    }
}

/// What is waited for. The numbers are epochs after which a phase was entered.
enum Step {
    Gathering,
    Doubled(u64),
    Switched(u64),
    Freeing,
}

/// What came of a step.
enum Outcome {
    Next(Step),
    Waiting,
    Done,
}

impl Training {
    pub(super) fn new(learns: bool, seed: u64) -> Self {
        Self { seed, due: AtomicBool::new(learns), step: Mutex::new(Step::Gathering), holds: Arc::default() }
    }

    /// For an index that has learnt all it will.
    pub(super) fn end(&mut self) {
        *self.due.get_mut() = false;
    }

    /// True if there is something left to do.
    pub(super) fn is_due(&self) -> bool {
        self.due.load(Ordering::Acquire)
    }
}

impl VectorIndex {
    /// Keeps searches on the codes that they walk on now.
    pub fn hold_phase(&self) -> PhaseHold {
        *self.training.holds.lock() += 1;
        PhaseHold(Arc::clone(&self.training.holds))
    }

    /// True if the next writer may have to learn from the vectors, or to finish what another began:
    /// a matter of a second.
    pub fn may_train(&self) -> bool {
        self.training.is_due() && self.graph.slots().live() + UNDER_WAY >= SAMPLE
    }

    /// After a change: does what is due for the coarse codes, unless another thread is at it.
    pub fn train(&self) {
        if !self.training.is_due() {
            return;
        }
        let Some(mut step) = self.training.step.try_lock() else { return };
        let mut looks = if matches!(*step, Step::Gathering) { LOOKS } else { 1 };
        while looks > 0 {
            match self.train_on(&mut step) {
                Outcome::Next(next) => *step = next,
                Outcome::Waiting if matches!(*step, Step::Gathering) => return,
                Outcome::Waiting => {
                    looks -= 1;
                    std::thread::yield_now();
                }
                Outcome::Done => return self.training.due.store(false, Ordering::Release),
            }
        }
    }

    fn train_on(&self, step: &mut Step) -> Outcome {
        match step {
            Step::Gathering => self.learn().map_or(Outcome::Waiting, Outcome::Next),
            Step::Doubled(since) if *self.training.holds.lock() == 0 && grace_over(*since) => {
                self.encode_coarsely();
                let reranks = self.params.rerank().is_some();
                if !self.walk_coarsely(if reranks { Phase::Settled } else { Phase::Switched }) {
                    return Outcome::Waiting;
                }
                if reranks { Outcome::Done } else { Outcome::Next(Step::Switched(now())) }
            }
            Step::Switched(since) if grace_over(*since) => {
                self.stores.enter(Phase::Settled);
                self.stores.retire_plain();
                Outcome::Next(Step::Freeing)
            }
            Step::Freeing if self.stores.reclaim_plain() => {
                self.weigh();
                Outcome::Done
            }
            _ => Outcome::Waiting,
        }
    }

    /// Enters a phase in which searches walk on coarse codes; false if the phase is held.
    fn walk_coarsely(&self, phase: Phase) -> bool {
        let holds = self.training.holds.lock();
        let is_free = *holds == 0;
        if is_free {
            self.stores.enter(phase);
        }
        is_free
    }

    /// Learns, if there is enough to learn from, and enters `Doubled`.
    fn learn(&self) -> Option<Step> {
        let (sample, _held) = self.sample().filter(|(sample, _)| !sample.is_empty())?;
        let codebook = Codebook::of(sample, self.params.dim(), self.training.seed);
        let format = self.params.coarse_format()?.with_codebook(Arc::new(codebook));
        let store = self.stores.set_coarse(Store::new(format, &Residence::Memory));
        self.graph.slots().with_end(|end| {
            store.grow_to(end);
            self.stores.enter(Phase::Doubled);
        });
        self.weigh();
        Some(Step::Doubled(now()))
    }

    /// The vectors of the first live slots, if there are enough, and the memory that they hold.
    fn sample(&self) -> Option<(Vec<f32>, Held)> {
        let slots = self.graph.slots();
        if slots.live() < SAMPLE {
            return None;
        }
        let pin = pin();
        let plain = self.stores.view(&pin).walk;
        let (dim, elements) = (self.params.dim(), Codebook::sample_of(self.params.dim()));
        let held = Held::new(Category::Training, elements * dim * size_of::<f32>());
        let live = (0..slots.end()).filter(|&slot| slots.state(slot) == State::Live);
        let mut sample = Vec::with_capacity(elements * dim);
        live.take(elements).for_each(|slot| sample.extend(plain.format().decode(plain.code(slot))));
        Some((sample, held))
    }

    /// Writes the coarse code of every slot that is in use.
    fn encode_coarsely(&self) {
        let pin = pin();
        let slots = self.graph.slots();
        let view = self.stores.view(&pin);
        let Some(coarse) = self.stores.coarse() else { return };
        let start = slots.moment();
        for slot in (0..slots.end()).filter(|&slot| slots.admits(slot, start)) {
            let code = coarse.format().encode(&view.walk.format().decode(view.walk.code(slot)));
            // SAFETY: no thread reads this store yet, no writer is at this slot (see the module),
            // and there is one trainer.
            unsafe { coarse.write(slot, Tier::Hot, code.as_code()) };
        }
    }
}
