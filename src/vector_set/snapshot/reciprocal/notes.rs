//! Notes for slots that are still to be written: which slots promised them a link, and which
//! propose one.
//!
//! ```text
//! [slot: u32][from: u32][layer: u8]          from has its top bit set for a proposal
//! ```

use std::collections::BTreeMap;
use std::io;

use super::super::buckets::Buckets;
use super::super::spill::Spill;
use super::Links;

/// Set in the sender of a proposal; slots are below it.
pub(super) const PROPOSAL: u32 = 1 << 31;
/// Bytes of notes held in memory, of those for slots that lie far ahead.
const LIMIT: usize = if cfg!(test) { 4096 } else { 4 << 20 };
const NOTE: usize = 9;

/// The notes for slots of one set.
pub(super) struct Notes {
    later: Buckets,
    /// The bucket that the snapshot is in.
    bucket: Option<usize>,
    first: u32,
    /// For each slot of it, the notes on layer 0. Lists keep their room from bucket to bucket.
    base: Vec<Links>,
    /// By slot and layer, those above.
    upper: BTreeMap<(u32, u32), Links>,
}

impl Notes {
    /// For slots `0 .. end`, each with notes of about `capacity` links.
    pub(super) fn new(end: u32, capacity: usize) -> Self {
        let later = Buckets::new(end, capacity * size_of::<u32>(), LIMIT);
        Self { later, bucket: None, first: 0, base: Vec::new(), upper: BTreeMap::new() }
    }

    /// Leaves a note for a slot that is not written yet.
    pub(super) fn leave(
        &mut self,
        slot: u32,
        layer: u32,
        from: u32,
        spill: &mut dyn Spill,
    ) -> io::Result<()> {
        if self.bucket == Some(self.later.of(slot)) {
            self.put(slot, layer, from);
            return Ok(());
        }
        let mut note = [layer as u8; NOTE];
        note[..4].copy_from_slice(&slot.to_le_bytes());
        note[4..8].copy_from_slice(&from.to_le_bytes());
        self.later.push(slot, &note, spill)
    }

    fn put(&mut self, slot: u32, layer: u32, from: u32) {
        match layer {
            0 => self.base[(slot - self.first) as usize].push(from),
            _ => self.upper.entry((slot, layer)).or_default().push(from),
        }
    }

    /// The snapshot comes to this slot: fetches the notes for the slots around it.
    pub(super) fn turn_to(&mut self, slot: u32, spill: &mut dyn Spill) -> io::Result<()> {
        let bucket = self.later.of(slot);
        if self.bucket == Some(bucket) {
            return Ok(());
        }
        let slots = self.later.slots(bucket);
        self.bucket = Some(bucket);
        self.first = slots.start;
        self.base.resize_with(slots.len(), Links::new);
        self.base.iter_mut().for_each(Links::clear);
        self.upper.clear();
        for [a, b, c, d, e, f, g, h, layer] in self.later.take(bucket, spill)?.as_chunks::<NOTE>().0 {
            let slot = u32::from_le_bytes([*a, *b, *c, *d]);
            let from = u32::from_le_bytes([*e, *f, *g, *h]);
            if slots.contains(&slot) {
                self.put(slot, *layer as u32, from);
            }
        }
        Ok(())
    }

    /// The notes of a slot that the snapshot has come to: the slots that promised it a link, and
    /// those that propose one.
    pub(super) fn take(&self, slot: u32, layer: u32, promised: &mut Links, proposed: &mut Links) {
        let notes = match layer {
            0 => Some(&self.base[(slot - self.first) as usize]),
            _ => self.upper.get(&(slot, layer)),
        };
        for from in notes.into_iter().flatten() {
            match from & PROPOSAL {
                0 => promised.push(*from),
                _ => proposed.push(from & !PROPOSAL),
            }
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let here = self.base.iter().chain(self.upper.values()).map(|notes| notes.capacity());
        self.later.heap_bytes()
            + here.sum::<usize>() * size_of::<u32>()
            + self.base.capacity() * size_of::<Links>()
    }
}
