//! Bitmaps of slots in the form in which a search asks them.

use roaring::RoaringBitmap;

use crate::index::SlotSet;

/// The slots of a bitmap, all below `end`.
pub(super) fn slot_set(bitmap: &RoaringBitmap, end: u32) -> SlotSet {
    let len = bitmap.len() as usize;
    if SlotSet::are_few(len, end) {
        return SlotSet::Few(bitmap.iter().collect());
    }
    SlotSet::Many { words: words(bitmap, end), len }
}

/// Slots that a container of a bitmap covers.
const CONTAINER: usize = 1 << 16;
/// A container with more slots than this is written as bits.
const MOST_LISTED: u64 = 4096;

/// The bits of a bitmap, 64 slots a word.
///
/// Walking over a bitmap takes some 20 ns a slot where it is dense. Its serialised form has the
/// words of dense containers, which are copied: 50 times faster for half of a million slots. (The
/// form is *Roaring Format Spec* 1.0.)
fn words(bitmap: &RoaringBitmap, end: u32) -> Vec<u64> {
    let mut words = vec![0; (end as usize).div_ceil(64)];
    for key in 0..(end as usize).div_ceil(CONTAINER) {
        let first = (key * CONTAINER) as u32;
        let last = first + (CONTAINER as u32 - 1);
        let len = bitmap.range_cardinality(first..=last);
        if len > MOST_LISTED {
            continue;
        }
        for slot in bitmap.range(first..=last) {
            set(&mut words, slot);
        }
    }
    if bitmap.len() > MOST_LISTED {
        let mut bytes = Vec::with_capacity(bitmap.serialized_size());
        if bitmap.serialize_into(&mut bytes).is_err() || copy_dense(&bytes, &mut words).is_none() {
            bitmap.iter().for_each(|slot| set(&mut words, slot));
        }
    }
    words
}

fn set(words: &mut [u64], slot: u32) {
    if let Some(word) = words.get_mut(slot as usize / 64) {
        *word |= 1 << (slot % 64);
    }
}

/// Copies what a serialised bitmap has as bits or as runs. None if it cannot be read.
fn copy_dense(bytes: &[u8], words: &mut [u64]) -> Option<()> {
    const WITHOUT_RUNS: u32 = 12346;
    const WITH_RUNS: u32 = 12347;
    const OFFSETS_FROM: usize = 4;
    let mut rest = bytes;
    let cookie = u32::from_le_bytes(take(&mut rest)?);
    let (count, runs) = match cookie & 0xffff {
        WITH_RUNS => {
            let count = (cookie >> 16) as usize + 1;
            let (runs, behind) = rest.split_at_checked(count.div_ceil(8))?;
            rest = behind;
            (count, Some(runs))
        }
        _ if cookie == WITHOUT_RUNS => (u32::from_le_bytes(take(&mut rest)?) as usize, None),
        _ => return None,
    };
    let (heads, behind) = rest.split_at_checked(count * 4)?;
    let has_offsets = runs.is_none() || count >= OFFSETS_FROM;
    rest = if has_offsets { behind.get(count * 4..)? } else { behind };
    for (number, head) in heads.as_chunks::<4>().0.iter().enumerate() {
        let first = usize::from(u16::from_le_bytes([head[0], head[1]])) * CONTAINER;
        let len = usize::from(u16::from_le_bytes([head[2], head[3]])) + 1;
        let is_run = runs.is_some_and(|runs| runs[number / 8] >> (number % 8) & 1 == 1);
        if is_run {
            for _ in 0..u16::from_le_bytes(take(&mut rest)?) {
                let from = usize::from(u16::from_le_bytes(take(&mut rest)?));
                let more = usize::from(u16::from_le_bytes(take(&mut rest)?));
                (from..=from + more).for_each(|at| set(words, (first + at) as u32));
            }
        } else if len as u64 > MOST_LISTED {
            let (bits, behind) = rest.split_at_checked(CONTAINER / 8)?;
            rest = behind;
            for (to, from) in words.get_mut(first / 64..)?.iter_mut().zip(bits.as_chunks::<8>().0) {
                *to = u64::from_le_bytes(*from);
            }
        } else {
            rest = rest.get(len * 2..)?;
        }
    }
    Some(())
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_have_the_slots_of_the_bitmap() {
        let end = 300_000;
        let mut mixed: RoaringBitmap = (0..60_000).step_by(2).collect();
        mixed.extend((70_000..130_000).step_by(50));
        mixed.insert_range(140_000..200_000);
        mixed.insert(299_999);
        let mut with_runs = mixed.clone();
        with_runs.optimize();
        let bitmaps =
            [mixed, with_runs, RoaringBitmap::new(), (0..end).collect(), (5..end).step_by(1000).collect()];
        for bitmap in &bitmaps {
            let set = slot_set(bitmap, end);
            assert_eq!(set.len() as u64, bitmap.len());
            assert!(set.iter().eq(bitmap.iter()));
        }
    }
}
