//! Vector sets that went into files since memory was scarce come back when there is room, if they
//! are used: see `crate::tier`'s balance.

use std::io;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::Server;
use crate::thread_signal::ThreadSignal;
use crate::vector_set::{Haste, Pace, Tier, TierDir, VectorSet};

/// A set that was used before so many looks in a row, a second apart as the caller has it, is used
/// often enough to be read as a whole.
const LOOKS: u32 = 5;

/// A set counts as used if that was no longer ago, in seconds, which is what keys know of it.
const LATELY_S: u32 = 1;

/// Without a try after one that came to nothing, or after which a set had to go into files again:
/// at first, and at most.
const PAUSES: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(60 * 60));

/// Which sets are used, and when the next may come.
#[derive(Default)]
pub(super) struct Comebacks {
    /// Before how many looks in a row each was used.
    used: Vec<(Weak<VectorSet>, u32)>,
    /// When a set came back last, and how many had gone into files by then.
    last: Option<(Instant, u64)>,
    /// The last pause, and when it ends.
    pause: Duration,
    not_before: Option<Instant>,
}

/// A database, a key in it, and its set.
type Named = (usize, Box<[u8]>, Arc<VectorSet>);

impl Comebacks {
    fn is_due(&self) -> bool {
        self.not_before.is_none_or(|not_before| Instant::now() >= not_before)
    }

    /// Notes that these were used before this look. Returns those that may come back.
    fn look(&mut self, used: Vec<Named>) -> Vec<Named> {
        let before = std::mem::take(&mut self.used);
        let mut due = Vec::new();
        for named in used {
            let set = &named.2;
            let is_it = |(other, _): &&(Weak<VectorSet>, u32)| Weak::as_ptr(other) == Arc::as_ptr(set);
            let looks = before.iter().find(is_it).map_or(0, |(_, looks)| *looks) + 1;
            self.used.push((Arc::downgrade(set), looks));
            if looks >= LOOKS {
                due.push(named);
            }
        }
        due
    }

    /// A set came back, or did not, after so many had gone into files. If one had to go again soon
    /// after the last one came, or if it was in vain, the next waits twice as long.
    fn end(&mut self, is_raised: bool, demoted: u64) {
        let now = Instant::now();
        let last = self.last.filter(|(at, _)| now - *at < PAUSES.1);
        let was_in_vain = !is_raised || last.is_some_and(|(_, before)| before != demoted);
        let longer = if was_in_vain { self.pause * 2 } else { Duration::ZERO };
        self.pause = longer.clamp(PAUSES.0, PAUSES.1);
        self.not_before = Some(now + self.pause);
        if is_raised {
            self.last = Some((now, demoted));
        }
    }
}

impl Server {
    /// Brings a set back, if one is due. For the thread of sealed sets.
    pub(super) fn raise_a_set(&self, dir: &Arc<TierDir>, comebacks: &mut Comebacks, signal: &ThreadSignal) {
        if !comebacks.is_due() {
            return;
        }
        let room = dir.balance().room_for_sets();
        let finer = |set: &Arc<VectorSet>| {
            let tiers: &[Tier] =
                if set.params().rerank().is_some() { &[Tier::Hot, Tier::Warm] } else { &[Tier::Hot] };
            tiers.iter().copied().find(|tier| set.bytes_to_come_up(*tier) <= room)
        };
        let due = comebacks.look(self.keyspace.sets_to_raise(LATELY_S));
        let mut fitting = due.into_iter().filter(|(.., set)| !set.is_damaged());
        let next = fitting.find_map(|named| finer(&named.2).map(|finer| (named, finer)));
        let Some((named, finer)) = next else { return };
        let is_raised = self.raise(&named, finer, dir, signal);
        let counters = &dir.sealed().counters;
        counters.raised.add(is_raised.into());
        comebacks.end(is_raised, counters.demoted.get());
    }

    fn raise(
        &self,
        (number, key, set): &Named,
        finer: Tier,
        dir: &Arc<TierDir>,
        signal: &ThreadSignal,
    ) -> bool {
        let is_wanted = || self.is_wanted((*number, key, set), signal) && !dir.balance().demotes_sets();
        let mut pace = Pace::new(Haste::Background);
        let tend = &mut |bytes| {
            pace.keep(bytes, dir, || signal.is_stopped());
            if is_wanted() { Ok(()) } else { Err(io::ErrorKind::Interrupted.into()) }
        };
        let raised = set.raised(dir, finer, tend);
        let is_raised = raised.is_ok_and(|(other, changed)| {
            self.keyspace.db(*number).exchange_set(key, set, &Arc::new(other), &changed, &is_wanted).is_ok()
        });
        if is_raised {
            tracing::info!("a vector set that had gone into files is in memory again");
        }
        is_raised
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector_set::Params;

    fn named() -> Named {
        let params = Params::new(4).expect("valid");
        (0, Box::from(*b"key"), Arc::new(VectorSet::new(params, 1)))
    }

    #[test]
    fn a_set_is_due_that_was_used_before_each_of_some_looks() {
        let (a, b) = (named(), named());
        let mut comebacks = Comebacks::default();
        let mut look = |sets: &[&Named]| {
            let used = sets.iter().map(|(number, key, set)| (*number, key.clone(), Arc::clone(set)));
            comebacks.look(used.collect()).len()
        };
        (1..LOOKS).for_each(|_| assert_eq!(look(&[&a, &b]), 0));
        assert_eq!(look(&[&a]), 1);
        assert_eq!(look(&[&b, &a]), 1, "one was not used for a while");
        assert_eq!(look(&[]), 0);
        assert_eq!(look(&[&a, &b]), 0);
    }

    #[test]
    fn what_has_to_go_again_makes_the_next_wait_longer() {
        let mut comebacks = Comebacks::default();
        let pauses = [(true, 3), (true, 3), (true, 4), (false, 4), (true, 4), (true, 4)].map(
            |(is_raised, demoted)| {
                comebacks.end(is_raised, demoted);
                assert!(!comebacks.is_due());
                comebacks.pause.as_secs()
            },
        );
        assert_eq!(pauses, [10, 10, 20, 40, 10, 10]);
        (0..20).for_each(|_| comebacks.end(false, 4));
        assert_eq!(comebacks.pause, PAUSES.1);
    }
}
