//! Counters that many threads may add to at once: each thread adds in a place of its own, reading
//! sums them up.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Places of a sharded counter: beyond this many threads, some share one. A power of two.
const MAX_SHARDS: usize = 128;

/// A number that is only ever added to, or set back to zero.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// A counter at zero.
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds `amount`.
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// Takes `amount` back, for figures that go up and down.
    pub fn subtract(&self, amount: u64) {
        self.0.fetch_sub(amount, Ordering::Relaxed);
    }

    /// The count now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Sets it to zero.
    pub fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// Keeps its content on cache lines of its own: two lines, since processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Padded<T>(T);

/// One `T` for each thread, as far as there are places, so that counting never moves a cache line
/// between cores.
#[derive(Debug)]
pub struct Sharded<T> {
    shards: Box<[Padded<T>]>,
}

impl<T> Sharded<T> {
    /// Makes a place for each of the cores of this machine (twice as many: network and compute
    /// threads).
    pub fn new(make: impl Fn() -> T) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let shards = (2 * cores).next_power_of_two().min(MAX_SHARDS);
        Self { shards: (0..shards).map(|_| Padded(make())).collect() }
    }

    /// The place of the calling thread.
    pub fn mine(&self) -> &T {
        &self.shards[thread_number() & (self.shards.len() - 1)].0
    }

    /// All places, to sum them up.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.shards.iter().map(|padded| &padded.0)
    }
}

/// A small number for the calling thread, given out at its first use.
///
/// In a thread-local for speed, and because it is only a hint: a thread counts at one place, which
/// stays in the cache of its core, and any other place would be correct too.
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static MINE: Cell<usize> = const { Cell::new(usize::MAX) });
    MINE.with(|mine| {
        if mine.get() == usize::MAX {
            mine.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        mine.get()
    })
}

/// Declares a struct of `Counter`s that can be reset and listed by name.
#[macro_export]
macro_rules! counters {
    ($(#[$doc:meta])* $vis:vis struct $name:ident { $($(#[$field_doc:meta])* $field:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        $vis struct $name { $($(#[$field_doc])* $vis $field: $crate::counters::Counter,)* }

        impl $name {
            /// Name and value of each counter, in the order of declaration.
            $vis fn list(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($field), self.$field.get()),)*].into_iter()
            }

            /// Adds the counts of another.
            #[allow(dead_code, reason = "few are added up")]
            $vis fn add(&self, other: &Self) {
                $(self.$field.add(other.$field.get());)*
            }

            /// Sets all to zero.
            $vis fn reset(&self) {
                $(self.$field.reset();)*
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    counters! {
        /// For the test.
        struct Pair { /// One.
            first, /// Two.
            second, }
    }

    #[test]
    fn sharded_counters_sum_what_all_threads_added() {
        let counters = Sharded::new(Counter::new);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..1000).for_each(|_| counters.mine().add(1)));
            }
        });
        assert_eq!(counters.iter().map(Counter::get).sum::<u64>(), 8000);
    }

    #[test]
    fn declared_counters_are_listed_by_name_and_reset() {
        let pair = Pair::default();
        pair.second.add(3);
        assert_eq!(pair.list().collect::<Vec<_>>(), [("first", 0), ("second", 3)]);
        pair.reset();
        assert_eq!(pair.second.get(), 0);
    }
}
