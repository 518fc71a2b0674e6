//! How a kind of code that learns comes into use.
//!
//! A set of such a kind begins with plain codes, those of its finer copy or `Int8`. The writer that brings it to [`SAMPLE`]
//! elements learns from them, outside of every lock, and leads the set through its phases; searches and other writers
//! go on meanwhile, and none of them waits.
//!
//! | phase | searches walk on | writers write | ends when |
//! |---|---|---|---|
//! | `Plain` | plain codes | plain codes | the coarse store is made: it grows with the set from now on |
//! | `Doubled` | plain codes | both | all writers of `Plain` are done, every slot has its coarse code, and no snapshot is being taken |
//! | `Switched` | coarse codes | both | nobody of `Doubled` is left who walks on plain codes |
//! | `Settled` | coarse codes, and plain ones if they are the finer copy | the same | never |
//!
//! *Who is in which phase?* Everybody pins first and then reads the phase, once ([`Stores::view`]). A phase that was
//! entered (release) before the epoch was noted is seen by all who pin after the grace period; so after it nobody is
//! left in an earlier one. Each end in the table but the first waits for such a grace period.
//!
//! *Who writes a coarse code?* Writers in `Doubled` and later those of their own slots, while these are `Free`. The trainer,
//! after the grace period in `Doubled`, those of all slots that are not: it is pinned and asks for each slot whether a
//! search that begins now could be given it. Such a slot was written, before it became visible (release, seen with
//! acquire), and will not be reserved again while the trainer is pinned, so no writer is at its code; and nobody
//! reads coarse codes before `Switched`. A code that a writer of `Doubled` has written already is
//! written once more, and is the same.
//! Slots that died earlier keep a code of zeros, a vector without direction, for the walks that pass through them
//! until they are swept.
//!
//! *When are plain codes freed?* If they are not the finer copy: after the grace period in `Switched` nobody walks on them,
//! and after another nobody who wrote them besides is left.
//!
//! *Waiting.* The trainer holds no lock that others wait for, and looks a while for the end of each grace period. If a
//! long search does not let it end, the writers after it look on, each once: the set stays in its phase meanwhile. Learning
//! happens once; a set that shrinks, or comes to hold other vectors, keeps its codebook.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::VectorSet;
use super::store::Store;
use super::stores::Phase;
use crate::epoch::{grace_over, now, pin};
use crate::index::State;
use crate::quantization::{Codebook, SAMPLE};

/// How often the writer that began looks for the end of a grace period, giving way to others in between.
const LOOKS: usize = 32;
/// Writers that may be under way while another decides where it runs.
const UNDER_WAY: usize = 64;

/// Where a set is on its way.
pub(super) struct Training {
    seed: u64,
    /// False once there is nothing left to do.
    due: AtomicBool,
    step: Mutex<Step>,
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
        Self { seed, due: AtomicBool::new(learns), step: Mutex::new(Step::Gathering) }
    }

    /// Of a set that has learnt all it will.
    pub(super) fn end(&mut self) {
        *self.due.get_mut() = false;
    }

    /// True if there is something left to do.
    pub(super) fn is_due(&self) -> bool {
        self.due.load(Ordering::Acquire)
    }
}

impl VectorSet {
    /// True if the next writer may have to learn from the set's vectors, or to finish what another began: a matter of a
    /// second.
    pub fn may_train(&self) -> bool {
        self.training.is_due() && self.index.slots().live() + UNDER_WAY >= SAMPLE
    }

    /// After a change: does what the set owes to its coarse codes, if no other thread is at it.
    pub(super) fn train(&self) {
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
            // Whoever takes a snapshot has decided which codes it gives, and goes by the phase.
            Step::Doubled(since) if !self.snapshots.any() && grace_over(*since) => {
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
            Step::Freeing if self.stores.reclaim_plain() => Outcome::Done,
            _ => Outcome::Waiting,
        }
    }

    /// Enters a phase in which searches walk on coarse codes; false if a snapshot has begun that gives plain ones.
    fn walk_coarsely(&self, phase: Phase) -> bool {
        // Snapshots begin under this lock.
        let _none_begins = self.elements.read();
        let may = !self.snapshots.any();
        if may {
            self.stores.enter(phase);
        }
        may
    }

    /// Learns, if there is enough to learn from, and enters `Doubled`.
    fn learn(&self) -> Option<Step> {
        let sample = self.sample().filter(|sample| !sample.is_empty())?;
        let codebook = Codebook::of(sample, self.params.dim(), self.training.seed);
        let format = self.params.coarse_format()?.with_codebook(Arc::new(codebook));
        let store = self.stores.set_coarse(Store::new(format));
        self.index.slots().with_end(|end| {
            store.grow_to(end);
            self.stores.enter(Phase::Doubled);
        });
        Some(Step::Doubled(now()))
    }

    /// The vectors of the first elements by slot, if there are enough.
    fn sample(&self) -> Option<Vec<f32>> {
        let slots = self.index.slots();
        if slots.live() < SAMPLE {
            return None;
        }
        let pin = pin();
        let plain = self.stores.view(&pin).walk;
        let elements = (0..slots.end()).filter(|&slot| slots.state(slot) == State::Live);
        let sample = elements.take(Codebook::sample_of(self.params.dim()));
        Some(sample.flat_map(|slot| plain.format().decode(plain.code(slot))).collect())
    }

    /// Writes the coarse code of every slot that is in use.
    fn encode_coarsely(&self) {
        let pin = pin();
        let (slots, view) = (self.index.slots(), self.stores.view(&pin));
        let Some(coarse) = self.stores.coarse() else { return };
        let start = slots.moment();
        for slot in (0..slots.end()).filter(|&slot| slots.admits(slot, start)) {
            let code = coarse.format().encode(&view.walk.format().decode(view.walk.code(slot)));
            // SAFETY: nobody reads this store yet, no writer is at this slot (see the module), and there is one trainer.
            unsafe { coarse.write(slot, code.as_code()) };
        }
    }
}

#[cfg(test)]
mod tests;
