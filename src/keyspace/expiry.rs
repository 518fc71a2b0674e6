//! When keys and fields expire: the deadline of one, and the order in which many are due.

use crate::memory::{Blocks, Category};
use crate::splitmix::SplitMix64;

/// When a key or a field expires, in milliseconds since 1970; most never do.
///
/// The one value that means "never" is `i64::MIN`: a deadline so long past that no command stores
/// it (it removes the key instead), so eight bytes are enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(i64);

impl Deadline {
    /// The key stays until it is removed.
    pub const NEVER: Self = Self(i64::MIN);

    /// The key exists up to and including `unix_ms`. `i64::MIN` is [`Self::NEVER`].
    pub const fn at(unix_ms: i64) -> Self {
        Self(unix_ms)
    }

    /// The last millisecond at which the key exists, if it expires.
    pub fn unix_ms(self) -> Option<i64> {
        (self != Self::NEVER).then_some(self.0)
    }

    /// True from the millisecond after the deadline on, as in Redis (`now > when`).
    pub fn is_past(self, now_ms: i64) -> bool {
        self.0 < now_ms && self != Self::NEVER
    }

    /// The form in memory.
    pub(super) fn to_bytes(self) -> [u8; 8] {
        self.0.to_ne_bytes()
    }

    /// The deadline that [`Self::to_bytes`] encoded.
    pub(super) fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(i64::from_ne_bytes(bytes))
    }
}

/// The most deadlines in a run: adding one moves half of them, 1.5 KiB, and a full run has the size
/// of one of the allocator's classes.
const MAX_RUN: usize = 256;

/// Runs that together have no more than this are joined.
const MERGED_RUN: usize = MAX_RUN / 2;

/// Numbered things with deadlines, the first deadline first: the entries of a table, or the fields
/// of a hash.
///
/// A list of sorted runs. It takes 12 bytes for each deadline when they come in order, as those of
/// keys with the same lifetime do, and 17 when they come in any; a `BTreeSet` takes 32 and 24.
#[derive(Clone, Debug)]
pub(super) struct Deadlines {
    /// In order, none empty.
    runs: Blocks<Due>,
    len: usize,
    /// Sum of all deadlines, so that their mean needs no walk.
    sum_ms: i128,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { runs: Blocks::none(Category::Expiry), len: 0, sum_ms: 0 }
    }
}

/// The deadline in two words that have the same order, and the number. Words instead of an `i64`,
/// so that it takes 12 bytes and not 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due([u32; 3]);

impl Due {
    fn new(at_ms: i64, id: u32) -> Self {
        let ordered = at_ms as u64 ^ 1 << 63;
        Self([(ordered >> 32) as u32, ordered as u32, id])
    }

    fn at_ms(self) -> i64 {
        let ordered = u64::from(self.0[0]) << 32 | u64::from(self.0[1]);
        (ordered ^ 1 << 63) as i64
    }
}

impl Deadlines {
    pub(super) fn add(&mut self, deadline: Deadline, id: u32) {
        let Some(at_ms) = deadline.unix_ms() else { return };
        let due = Due::new(at_ms, id);
        let number = self.run_of(due);
        self.runs.change(number..number + 1, |runs| put(runs, due, number));
        self.len += 1;
        self.sum_ms += i128::from(at_ms);
    }

    pub(super) fn remove(&mut self, deadline: Deadline, id: u32) {
        let Some(at_ms) = deadline.unix_ms() else { return };
        let due = Due::new(at_ms, id);
        let number = self.run_of(due);
        let Some(run) = self.runs.get(number) else { return };
        let Ok(place) = run.binary_search(&due) else { return };
        self.runs.change(number.saturating_sub(1)..number + 2, |runs| {
            runs[number].remove(place);
            tidy(runs, number);
        });
        self.len -= 1;
        self.sum_ms -= i128::from(at_ms);
    }

    /// The one that expired first, if any has.
    pub(super) fn first_due(&self, now_ms: i64) -> Option<u32> {
        self.runs.first().map(|run| run[0]).filter(|due| due.at_ms() < now_ms).map(|due| due.0[2])
    }

    /// A random one, each with the same probability.
    pub(super) fn any(&self, random: &mut SplitMix64) -> Option<u32> {
        // Where a run is not long enough for the place, both are drawn again. Two neighbours
        // together are at least a quarter full, so a few draws are enough.
        let places = if let [only] = &*self.runs { only.len() } else { MAX_RUN };
        loop {
            let run = self.runs.get(random.next().checked_rem(self.runs.len() as u64)? as usize)?;
            if let Some(due) = run.get(random.below(places as u64) as usize) {
                return Some(due.0[2]);
            }
        }
    }

    /// The deadline that comes first; `NEVER` if there is none.
    pub(super) fn first(&self) -> Deadline {
        self.runs.first().map_or(Deadline::NEVER, |run| Deadline::at(run[0].at_ms()))
    }

    /// How many have expired and were not removed yet.
    pub(super) fn count_due(&self, now_ms: i64) -> usize {
        let now = Due::new(now_ms, 0);
        let whole = self.runs.iter().take_while(|run| run.last().is_some_and(|due| *due < now)).count();
        let partial = self.runs.get(whole).map_or(0, |run| run.partition_point(|due| *due < now));
        self.runs[..whole].iter().map(Vec::len).sum::<usize>() + partial
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn sum_ms(&self) -> i128 {
        self.sum_ms
    }

    /// Bytes that the allocator gives for them.
    pub(super) fn heap_bytes(&self) -> usize {
        self.runs.heap_bytes()
    }

    /// The run that contains `due`, or into which it belongs: the last one that does not begin
    /// after it.
    fn run_of(&self, due: Due) -> usize {
        self.runs.partition_point(|run| run[0] <= due).saturating_sub(1)
    }
}

/// Adds a deadline to the run to which it belongs.
fn put(runs: &mut Vec<Vec<Due>>, due: Due, number: usize) {
    let Some(run) = runs.get_mut(number) else {
        return runs.push(vec![due]);
    };
    let place = run.partition_point(|other| *other < due);
    if run.len() < MAX_RUN {
        run.insert(place, due);
    } else if place == MAX_RUN {
        // The next deadlines are probably later still: they fill a run of their own.
        runs.insert(number + 1, vec![due]);
    } else {
        let mut upper = run.split_off(MAX_RUN / 2);
        run.shrink_to_fit();
        let (half, place) = if place <= run.len() { (run, place) } else { (&mut upper, place - MAX_RUN / 2) };
        half.insert(place, due);
        runs.insert(number + 1, upper);
    }
}

/// Frees a run that is empty, and joins one that has become small with a neighbour.
fn tidy(runs: &mut Vec<Vec<Due>>, number: usize) {
    if runs[number].is_empty() {
        runs.remove(number);
        if runs.is_empty() {
            *runs = Vec::new();
        }
        return;
    }
    for first in [number, number.saturating_sub(1)] {
        let [run, next, ..] = &mut runs[first..] else { continue };
        if run.len() + next.len() <= MERGED_RUN {
            run.append(next);
            runs.remove(first + 1);
            return;
        }
    }
}

/// What a deadline costs in a [`Deadlines`], about: see there.
pub(super) const HEAP_BYTES_EACH: usize = 14;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_exists_in_its_last_millisecond() {
        let deadline = Deadline::at(10);
        assert!(!deadline.is_past(10));
        assert!(deadline.is_past(11));
        assert!(!Deadline::NEVER.is_past(i64::MAX));
    }

    #[test]
    fn due_entries_come_soonest_first() {
        let mut deadlines = Deadlines::default();
        deadlines.add(Deadline::at(20), 1);
        deadlines.add(Deadline::at(10), 2);
        deadlines.add(Deadline::NEVER, 3);
        assert_eq!(deadlines.len(), 2);
        assert_eq!(deadlines.sum_ms(), 30);
        assert_eq!(deadlines.first_due(10), None);
        assert_eq!(deadlines.first_due(100), Some(2));
        assert_eq!(deadlines.first(), Deadline::at(10));
        assert_eq!(deadlines.count_due(20), 1);
        deadlines.remove(Deadline::at(10), 2);
        assert_eq!(deadlines.first_due(100), Some(1));
    }

    #[test]
    fn deadlines_in_order_fill_their_runs() {
        let mut deadlines = Deadlines::default();
        (0..10 * MAX_RUN as u32).for_each(|id| deadlines.add(Deadline::at(i64::from(id / 3)), id));
        assert!(deadlines.runs.iter().all(|run| run.len() == MAX_RUN));
    }

    #[test]
    fn runs_that_lose_most_of_their_deadlines_are_joined() {
        let mut deadlines = Deadlines::default();
        let all = 0..20 * MAX_RUN as u32;
        all.clone().for_each(|id| deadlines.add(Deadline::at(i64::from(id)), id));
        all.filter(|id| id % 64 != 0).for_each(|id| deadlines.remove(Deadline::at(i64::from(id)), id));
        assert_eq!(deadlines.len(), 80);
        assert!(deadlines.runs.len() <= 2 * 80 / MERGED_RUN + 1, "{}", deadlines.runs.len());
    }

    proptest! {
        #[test]
        fn they_are_the_set_that_they_replace(changes in prop::collection::vec((-40..40_i64, 0..20_u32, any::<bool>()), 1..3000)) {
            let mut deadlines = Deadlines::default();
            let mut set = BTreeSet::new();
            for (at_ms, id, adds) in changes {
                // Spread over both words, and on both sides of zero.
                let at_ms = at_ms << 27;
                if adds && set.insert((at_ms, id)) {
                    deadlines.add(Deadline::at(at_ms), id);
                } else if !adds {
                    set.remove(&(at_ms, id));
                    deadlines.remove(Deadline::at(at_ms), id);
                }
            }
            let held: Vec<_> = deadlines.runs.iter().flatten().map(|due| (due.at_ms(), due.0[2])).collect();
            prop_assert_eq!(&held, &set.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(deadlines.len(), set.len());
            prop_assert_eq!(deadlines.heap_bytes(), deadlines.runs.computed_bytes());
            prop_assert_eq!(deadlines.sum_ms(), set.iter().map(|(at_ms, _)| i128::from(*at_ms)).sum::<i128>());
            prop_assert_eq!(deadlines.count_due(1 << 27), set.iter().filter(|(at_ms, _)| *at_ms < 1 << 27).count());
        }
    }
}
