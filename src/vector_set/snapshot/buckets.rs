//! Records about slots that a snapshot comes to later, by stretches of slots: in memory up to a
//! bound, then in the spill.

use std::io;

use super::spill::{Place, Spill};

/// Slots of a bucket, at least: what is claimed at once lies in one.
pub(super) const SMALLEST: u32 = 256;
/// Slots of a bucket, if there is no reason for fewer.
const USUAL: u32 = if cfg!(test) { SMALLEST } else { 4096 };
/// Bytes of a bucket that is fetched, about, if a smaller one has to be preferred.
const FETCHED: usize = 2 << 20;
/// Buckets at most: each goes to the spill as one run, and short runs are slow to read.
const MOST: u32 = 512;

/// Bytes by stretches of slots.
pub(super) struct Buckets {
    span: u32,
    buckets: Vec<Bucket>,
    held: usize,
    /// Bytes held in memory at most.
    limit: usize,
}

#[derive(Default)]
struct Bucket {
    held: Vec<u8>,
    spilled: Vec<Place>,
}

impl Buckets {
    /// For slots `0 .. end`, with up to so many bytes each.
    pub(super) fn new(end: u32, bytes: usize, limit: usize) -> Self {
        let fitting = u32::try_from(FETCHED / bytes).unwrap_or(u32::MAX).clamp(SMALLEST, USUAL);
        let span = fitting.max(end / MOST).next_power_of_two();
        let buckets = (0..end.div_ceil(span)).map(|_| Bucket::default()).collect();
        Self { span, buckets, held: 0, limit }
    }

    /// The bucket that a slot belongs to.
    pub(super) fn of(&self, slot: u32) -> usize {
        (slot / self.span) as usize
    }

    /// The slots of a bucket.
    pub(super) fn slots(&self, bucket: usize) -> std::ops::Range<u32> {
        let first = bucket as u32 * self.span;
        first..first.saturating_add(self.span)
    }

    /// Adds a record to the bucket of a slot.
    pub(super) fn push(&mut self, slot: u32, record: &[u8], spill: &mut dyn Spill) -> io::Result<()> {
        let bucket = self.of(slot);
        self.buckets[bucket].held.extend_from_slice(record);
        self.held += record.len();
        if self.held > self.limit { self.empty(spill) } else { Ok(()) }
    }

    fn empty(&mut self, spill: &mut dyn Spill) -> io::Result<()> {
        for bucket in self.buckets.iter_mut().filter(|bucket| !bucket.held.is_empty()) {
            bucket.spilled.push(spill.append(&bucket.held)?);
            bucket.held = Vec::new();
        }
        self.held = 0;
        Ok(())
    }

    /// All records of a bucket, which is empty then.
    pub(super) fn take(&mut self, bucket: usize, spill: &mut dyn Spill) -> io::Result<Vec<u8>> {
        let Some(bucket) = self.buckets.get_mut(bucket) else { return Ok(Vec::new()) };
        let mut records = std::mem::take(&mut bucket.held);
        self.held -= records.len();
        for place in std::mem::take(&mut bucket.spilled) {
            spill.read(place, &mut records)?;
        }
        Ok(records)
    }

    /// Bytes held in memory.
    pub(super) fn heap_bytes(&self) -> usize {
        let places: usize = self.buckets.iter().map(|bucket| bucket.spilled.capacity()).sum();
        let held: usize = self.buckets.iter().map(|bucket| bucket.held.capacity()).sum();
        held + places * size_of::<Place>() + self.buckets.capacity() * size_of::<Bucket>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_pushed_is_taken_whether_it_was_spilled_or_not() {
        for limit in [0, 100, 1 << 20] {
            let mut buckets = Buckets::new(3 * SMALLEST, 4, limit);
            let mut spill = Vec::new();
            for n in 0..300u32 {
                buckets.push(n * 41 % (3 * SMALLEST), &n.to_le_bytes(), &mut spill).expect("memory");
                assert!(buckets.held <= limit);
            }
            assert_eq!(spill.is_empty(), limit > 300 * 4);
            for bucket in 0..3 {
                let records = buckets.take(bucket, &mut spill).expect("memory");
                let mut taken: Vec<u32> =
                    records.as_chunks::<4>().0.iter().map(|n| u32::from_le_bytes(*n)).collect();
                taken.sort_unstable();
                let own = (0..300).filter(|n| buckets.slots(bucket).contains(&(n * 41 % (3 * SMALLEST))));
                assert_eq!(taken, own.collect::<Vec<u32>>());
                assert!(buckets.take(bucket, &mut spill).expect("memory").is_empty());
            }
        }
    }

    #[test]
    fn large_sets_have_no_more_buckets() {
        let buckets = Buckets::new(1 << 30, 4, 0);
        assert_eq!(buckets.buckets.len(), MOST as usize);
        assert_eq!(buckets.of((1 << 30) - 1), MOST as usize - 1);
        assert!(Buckets::new(0, 1 << 20, 0).buckets.is_empty());
    }
}
