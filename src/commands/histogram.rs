//! A histogram of the durations of one command's calls.

use crate::counters::Counter;

/// Each power of two is divided into so many ranges, so a reported duration is at most a sixteenth
/// too high.
const PARTS: usize = 16;
const PART_BITS: u32 = PARTS.trailing_zeros();
/// Ranges in all. The last one has no upper bound: it begins above half a minute.
const RANGES: usize = 512;
const LAST: usize = RANGES - 1;

/// The first boundary of `LATENCY HISTOGRAM` in nanoseconds; the others double.
const FIRST_BOUNDARY_NANOS: u64 = 1024;
/// The resolution of Redis' histograms. Its labels are the longest durations in the same range as a
/// boundary.
const REDIS_PARTS: u64 = 128;

/// One command's calls on one thread. It takes a page of memory, so it is made when the command is
/// first used.
#[derive(Debug)]
pub(super) struct Histogram([Counter; RANGES]);

impl Default for Histogram {
    fn default() -> Self {
        Self([const { Counter::new() }; RANGES])
    }
}

impl Histogram {
    pub(super) fn add(&self, nanos: u64) {
        self.0[range_of(nanos)].add(1);
    }

    pub(super) fn reset(&self) {
        self.0.iter().for_each(Counter::reset);
    }
}

/// Times below [`PARTS`] have a range each; above, a range is a part of a power of two.
fn range_of(nanos: u64) -> usize {
    if nanos < PARTS as u64 {
        return nanos as usize;
    }
    let shift = nanos.ilog2() - PART_BITS;
    let part = (nanos >> shift) as usize - PARTS;
    ((shift as usize + 1) * PARTS + part).min(LAST)
}

/// The longest time of a range.
fn end_of(range: usize) -> u64 {
    if range < PARTS {
        return range as u64;
    }
    let shift = range / PARTS - 1;
    (((PARTS + range % PARTS + 1) as u64) << shift) - 1
}

/// The sum of all threads' histograms.
#[derive(Clone, Debug)]
pub struct Distribution {
    counts: [u64; RANGES],
}

impl Default for Distribution {
    fn default() -> Self {
        Self::NONE
    }
}

impl Distribution {
    /// Without calls.
    pub const NONE: Self = Self { counts: [0; RANGES] };

    pub(super) fn add(&mut self, histogram: &Histogram) {
        self.counts.iter_mut().zip(&histogram.0).for_each(|(sum, count)| *sum += count.get());
    }

    /// Adds the calls of another one.
    pub fn merge(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(sum, count)| *sum += count);
    }

    /// The calls since `before`. All of them if there are fewer than before: then the counts were
    /// set to zero meanwhile.
    pub fn since(&self, before: &Self) -> Self {
        let more = self.counts.iter().zip(&before.counts).map(|(now, before)| now.checked_sub(*before));
        let mut since = Self::NONE;
        for (place, more) in since.counts.iter_mut().zip(more) {
            match more {
                Some(more) => *place = more,
                None => return self.clone(),
            }
        }
        since
    }

    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The duration that so many percent of the calls did not exceed, in microseconds.
    pub fn percentile_micros(&self, percent: f64) -> f64 {
        let rank = (percent / 100.0 * self.calls() as f64).round().max(1.0) as u64;
        let mut seen = 0;
        let range = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        range.map_or(0.0, |range| end_of(range) as f64 / 1000.0)
    }

    /// Durations in microseconds, and how many calls did not exceed them: at each doubling with
    /// more calls than the one before.
    pub fn doublings(&self) -> Vec<(u64, u64)> {
        let mut shown = Vec::new();
        let mut seen = 0;
        let mut begin = 0;
        let mut boundary = FIRST_BOUNDARY_NANOS;
        while begin < RANGES {
            let end = match range_of(boundary) {
                LAST => RANGES,
                end => end,
            };
            let more: u64 = self.counts[begin..end].iter().sum();
            if more > 0 {
                seen += more;
                shown.push(((boundary + boundary / REDIS_PARTS - 1) / 1000, seen));
            }
            begin = end;
            boundary *= 2;
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(times: &[u64]) -> Distribution {
        let histogram = Histogram::default();
        times.iter().for_each(|nanos| histogram.add(*nanos));
        let mut distribution = Distribution::default();
        distribution.add(&histogram);
        distribution
    }

    #[test]
    fn every_time_lies_in_its_range_and_ranges_are_narrow() {
        for nanos in (0..64).flat_map(|bit| [1u64 << bit, (1 << bit) - 1, (1 << bit) + (1 << bit) / 3]) {
            let range = range_of(nanos);
            if (1..LAST).contains(&range) {
                let before = end_of(range - 1);
                assert!(nanos <= end_of(range) && nanos > before, "{nanos}");
                assert!(end_of(range) - before <= 1.max(nanos / PARTS as u64), "{nanos}");
            }
        }
        assert_eq!((range_of(0), range_of(u64::MAX)), (0, LAST));
    }

    #[test]
    fn percentiles_are_upper_bounds_of_ranges() {
        let times = of(&[1000, 1000, 1000, 1_000_000]);
        assert_eq!(times.calls(), 4);
        assert_eq!(times.percentile_micros(50.0), 1.023);
        assert_eq!(times.percentile_micros(100.0), 1015.807);
        assert_eq!(times.percentile_micros(0.0), 1.023);
        assert_eq!(Distribution::default().percentile_micros(50.0), 0.0);
    }

    #[test]
    fn the_calls_of_a_time_are_the_difference() {
        let (before, mut now) = (of(&[500, 3000]), of(&[500, 3000, 3000]));
        assert_eq!(now.since(&before).calls(), 1);
        assert_eq!(now.since(&before).percentile_micros(50.0), 3.071);
        assert_eq!(before.since(&now).calls(), 2);
        now.merge(&before);
        assert_eq!(now.calls(), 5);
    }

    #[test]
    fn doublings_are_labelled_as_redis_does_and_count_up() {
        assert_eq!(of(&[500, 900, 3000, 20_000, 50_000]).doublings(), [(1, 2), (4, 3), (33, 4), (66, 5)]);
        assert_eq!(of(&[2_000_000]).doublings(), [(2113, 1)]);
        assert_eq!(of(&[]).doublings(), []);
        let rest = of(&[1, u64::MAX]).doublings();
        assert_eq!((rest.len(), rest[1].1), (2, 2));
    }
}
