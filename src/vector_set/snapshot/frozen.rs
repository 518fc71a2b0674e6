//! The snapshot thread's side: claims slots, sorts in the before-images, and yields all elements
//! slot by slot.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::before_image::{BeforeImage, Parts};
use super::buckets::{Buckets, SMALLEST};
use super::links::{Reader, keep_members, tidy};
use super::members::{Members, Ranks};
use super::reciprocal::Reciprocal;
use super::running::{Running, Taken};
use super::spill::Spill;
use super::{Element, Links};
use crate::compressed::Stored;
use crate::epoch::{Pin, pin};
use crate::index::State;
use crate::journal::Journal;
use crate::vector_set::entries::Saved;
use crate::vector_set::{CacheOutline, Changed, Codebook, Kind, VectorSet};

/// Slots claimed at once: a few microseconds of the set's lock, which writers wait for.
const CLAIM: u32 = SMALLEST;
/// Slots looked at at once to learn which are members.
const LOOK: u32 = 4096;
/// Bytes held in memory of before-images whose turn has not come.
const LIMIT: usize = if cfg!(test) { 4096 } else { 4 << 20 };

/// Which links elements are given with, and in which order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Linked {
    /// Those of the graph, as far as they lead to members. Slots rise.
    AsTheyAre,
    /// Such that each link has its counterpart, and that all members are connected. Slots fall.
    Reciprocal,
}

/// A set as it was at one moment, to be read once.
pub struct Frozen {
    set: Arc<VectorSet>,
    running: Arc<Running>,
    linked: Linked,
    /// Where before-images are counted.
    journal: Option<Arc<Journal>>,
    /// From the first block on.
    course: Option<Course>,
    given: usize,
}

/// State between blocks.
struct Course {
    members: Members,
    /// BeforeImage over, in buckets that the snapshot has not come to.
    later: Buckets,
    /// The bucket that it is in.
    bucket: Option<usize>,
    /// If slots fall: those from here on were given.
    written: u32,
    /// Of its slots, the before-images.
    here: BTreeMap<u32, Box<[u8]>>,
    reciprocal: Option<Reciprocal>,
}

/// Slots to be given next.
struct Batch<'p> {
    slots: Range<u32>,
    /// Those whose elements are read where they are.
    claims: Vec<Claim<'p>>,
    /// Holds them until they are read.
    pin: &'p Pin,
}

/// What is noted of an element that is read where it is, since it may change afterwards.
struct Claim<'p> {
    slot: u32,
    attribute: Option<Stored<'p>>,
    deadline_ms: Option<i64>,
    is_pinned: bool,
    entry: Option<Saved<'p>>,
}

impl Frozen {
    pub(super) fn new(
        set: Arc<VectorSet>,
        running: Arc<Running>,
        linked: Linked,
        journal: Option<Arc<Journal>>,
    ) -> Self {
        Self { set, running, linked, journal, course: None, given: 0 }
    }

    /// How many elements it gives.
    pub fn len(&self) -> usize {
        self.running.len
    }

    /// Which links its elements are given with.
    pub fn linked(&self) -> Linked {
        self.linked
    }

    /// True if it gives none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The set that it is a state of.
    pub fn set(&self) -> &VectorSet {
        &self.set
    }

    /// The kind of every element's best code: the set's own, or that of its finer copy, or a plain
    /// one while it has not learnt.
    pub fn best(&self) -> Kind {
        self.set.vectors.codes(&pin()).best().format().kind()
    }

    /// True if elements have a coarse code besides.
    pub fn has_coarse(&self) -> bool {
        self.set.vectors.codes(&pin()).persistent().1.is_some()
    }

    /// Bytes of the bodies of best codes, and of coarse ones if there are such.
    pub(in crate::vector_set) fn body_bytes(&self) -> (usize, Option<usize>) {
        let pin = pin();
        let (best, coarse) = self.set.vectors.codes(&pin).persistent();
        (best.format().body_bytes(), coarse.map(|coarse| coarse.format().body_bytes()))
    }

    /// What the set has learnt, if it walks on it.
    pub fn codebook(&self) -> Option<&Codebook> {
        self.set.vectors.codebook()
    }

    /// Of a cache: what a copy of it begins with.
    pub fn cache(&self) -> Option<CacheOutline> {
        let rules = self.set.cache_rules()?;
        Some(CacheOutline { rules, learning: self.running.at_cut.learning.clone() })
    }

    /// Of a cache: what it has learnt, as it is stored.
    pub fn learning(&self) -> &[u8] {
        &self.running.at_cut.learning
    }

    /// Elements that have changed since its cut, if that is noted.
    pub fn changed(&self) -> Option<&Arc<Changed>> {
        self.running.at_cut.changed.as_ref()
    }

    /// Changes of the set before its cut (see [`VectorSet::changes`]).
    pub fn changes(&self) -> u64 {
        self.running.at_cut.changes
    }

    /// Which number each of its elements has, in the order of slots.
    pub(in crate::vector_set) fn ranks(&mut self, spill: &mut dyn Spill) -> io::Result<Ranks> {
        if self.course.is_none() {
            self.course = Some(self.begin(spill)?);
        }
        Ok(self.course.as_ref().map(|course| course.members.ranks()).expect("it was begun"))
    }

    /// Bytes held.
    pub fn heap_bytes(&self) -> usize {
        self.course.as_ref().map_or(0, Course::heap_bytes)
    }

    /// Gives the next elements; false if there are no more. The caller's thread is pinned
    /// meanwhile, so `visit` should not be long about it.
    pub fn next_block(
        &mut self,
        spill: &mut dyn Spill,
        visit: &mut dyn FnMut(Element<'_>) -> io::Result<()>,
    ) -> io::Result<bool> {
        let mut course = match self.course.take() {
            Some(course) => course,
            None => self.begin(spill)?,
        };
        let slots = self.next_slots();
        if !slots.is_empty() {
            let pin = pin();
            self.set().vectors.fetch(self.soon(&slots), &pin);
            course.turn_to(&slots, spill)?;
            let (batch, taken) = self.claim(slots, &pin);
            // If it was given up before the claim, slots may be gone that it knows of.
            self.check()?;
            self.receive(taken, &mut course, spill)?;
            self.given += self.give(batch, &mut course, spill, visit)?;
        }
        self.course = Some(course);
        if self.set().is_damaged() {
            return Err(io::Error::other("a vector set is damaged: bytes in tier-dir could not be read"));
        }
        self.check_end()?;
        Ok(!self.running.ahead().is_empty())
    }

    /// The slots to be claimed next, which lie in one bucket.
    fn next_slots(&self) -> Range<u32> {
        let ahead = self.running.ahead();
        match self.linked {
            Linked::AsTheyAre => ahead.start..ahead.end.min(ahead.start + CLAIM),
            Linked::Reciprocal => ahead.end.saturating_sub(1) / CLAIM * CLAIM..ahead.end,
        }
    }

    /// These slots, and those that come after them.
    fn soon(&self, slots: &Range<u32>) -> Range<u32> {
        let ahead = self.running.ahead();
        match self.linked {
            Linked::AsTheyAre => slots.start..ahead.end.min(slots.end + CLAIM),
            Linked::Reciprocal => ahead.start.max(slots.start.saturating_sub(CLAIM))..slots.end,
        }
    }

    /// Slots, rising or falling as they are given.
    fn in_order(&self, slots: &Range<u32>) -> impl Iterator<Item = u32> + use<> {
        let mirror = (self.linked == Linked::Reciprocal).then_some(slots.start + slots.end);
        slots.clone().map(move |slot| mirror.map_or(slot, |mirror| mirror - 1 - slot))
    }

    /// Learns the members: slots that are waiting, and those of which there is a before-image.
    fn begin(&self, spill: &mut dyn Spill) -> io::Result<Course> {
        let end = self.running.end;
        let mut course = Course::new(end, self.linked, self.set.vectors.graph().capacity(0));
        for first in (0..end).step_by(LOOK as usize) {
            let _no_changes = self.set.elements.read();
            for slot in (first..end.min(first + LOOK)).filter(|&slot| self.is_waiting(slot)) {
                course.members.add(slot, self.set.vectors.graph().level(slot));
            }
        }
        // A member that was not waiting when it was looked at had been copied by then.
        self.receive(self.running.take(), &mut course, spill)?;
        if let Some(reciprocal) = &mut course.reciprocal {
            reciprocal.begin(&course.members);
        }
        Ok(course)
    }

    /// Under the set's lock. Never true of a snapshot that was given up: slots may be gone since.
    fn is_waiting(&self, slot: u32) -> bool {
        !self.running.is_given_up()
            && !self.running.is_settled(slot)
            && self.set.vectors.graph().slots().state(slot) == State::Live
    }

    /// Claims the slots among these whose members are waiting, and takes the before-images so far.
    fn claim<'p>(&'p self, slots: Range<u32>, pin: &'p Pin) -> (Batch<'p>, Taken) {
        let _no_changes = self.set.elements.read();
        let ahead = self.running.ahead();
        self.running.leave_ahead(match self.linked {
            Linked::AsTheyAre => slots.end..ahead.end,
            Linked::Reciprocal => ahead.start..slots.start,
        });
        let waiting = self.in_order(&slots).filter(|&slot| self.is_waiting(slot));
        let claim = |slot| Claim {
            slot,
            attribute: self.set.attributes.get(slot, pin),
            deadline_ms: self.set.deadlines.get(slot),
            is_pinned: self.set.uses.is_pinned(slot),
            entry: self.set.entries.as_ref().map(|entries| entries.saved(slot, pin)),
        };
        let claims = waiting.map(claim).collect();
        (Batch { slots, claims, pin }, self.running.take())
    }

    fn receive(&self, taken: Taken, course: &mut Course, spill: &mut dyn Spill) -> io::Result<()> {
        if let Some(journal) = &self.journal {
            journal.remove_before_images(taken.bytes());
        }
        for place in taken.spilled {
            let mut bytes = Vec::with_capacity(place.len);
            spill.read(place, &mut bytes)?;
            course.receive(&bytes, spill)?;
        }
        taken.images.iter().try_for_each(|element| course.receive(element.as_bytes(), spill))
    }

    /// Yields the members of a batch, and returns how many they were.
    fn give(
        &self,
        Batch { slots, claims, pin }: Batch,
        course: &mut Course,
        spill: &mut dyn Spill,
        visit: &mut dyn FnMut(Element<'_>) -> io::Result<()>,
    ) -> io::Result<usize> {
        let reader = Reader { index: self.set.vectors.graph(), running: &self.running };
        let (best, coarse) = self.set.vectors.codes(pin).persistent();
        let mut claims = claims.into_iter().peekable();
        let mut lists = Vec::new();
        let mut given = 0;
        for slot in self.in_order(&slots) {
            if let Some(block) = course.here.remove(&slot) {
                let mut parts = BeforeImage::read(&mut &*block)?;
                parts.links.iter_mut().for_each(|links| tidy(slot, links));
                course.link(slot, &mut parts.links, &reader, spill)?;
                visit(parts.element())?;
            } else if let Some(Claim { attribute, deadline_ms, is_pinned, entry, .. }) =
                claims.next_if(|claim| claim.slot == slot)
            {
                reader.read(slot, &mut lists);
                course.link(slot, &mut lists, &reader, spill)?;
                let name = self.set.names.get(slot, pin);
                let attribute = attribute.map(Stored::text).unwrap_or_default();
                let entry = entry.map_or_else(Vec::new, |entry| entry.bytes());
                let best = best.code(slot);
                let coarse = coarse.map(|coarse| coarse.code(slot));
                visit(Element {
                    slot,
                    name,
                    attribute: &attribute,
                    deadline_ms,
                    is_pinned,
                    entry: &entry,
                    best,
                    coarse,
                    links: &lists,
                })?;
            } else {
                continue;
            }
            given += 1;
        }
        Ok(given)
    }

    /// Checks that it was not given up.
    fn check(&self) -> io::Result<()> {
        if self.running.is_given_up() {
            return Err(io::Error::other("the cut of the snapshot has ended"));
        }
        Ok(())
    }

    /// Checks that the snapshot is complete, if it has come to its end.
    fn check_end(&self) -> io::Result<()> {
        self.check()?;
        if self.running.ahead().is_empty() && self.given != self.len() {
            let given = self.given;
            let len = self.len();
            return Err(io::Error::other(format!("{given} elements of {len} were found")));
        }
        Ok(())
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.set.snapshots.end(&self.running);
    }
}

impl Course {
    /// `capacity`: links of a slot on layer 0.
    fn new(end: u32, linked: Linked, capacity: usize) -> Self {
        Self {
            members: Members::new(end),
            later: Buckets::new(end, 1, LIMIT),
            bucket: None,
            written: end,
            here: BTreeMap::new(),
            reciprocal: (linked == Linked::Reciprocal).then(|| Reciprocal::new(end, capacity)),
        }
    }

    /// Sorts in one or several before-images.
    fn receive(&mut self, mut blocks: &[u8], spill: &mut dyn Spill) -> io::Result<()> {
        while !blocks.is_empty() {
            let from_here = blocks;
            let Parts { slot, links, .. } = BeforeImage::read(&mut blocks)?;
            self.members.add(slot, links.len() as u32 - 1);
            if let Some(reciprocal) = &mut self.reciprocal {
                reciprocal.propose(slot, &links, self.written, spill)?;
            }
            self.keep(slot, &from_here[..from_here.len() - blocks.len()], spill)?;
        }
        Ok(())
    }

    fn keep(&mut self, slot: u32, block: &[u8], spill: &mut dyn Spill) -> io::Result<()> {
        if self.bucket == Some(self.later.of(slot)) {
            self.here.insert(slot, block.into());
            return Ok(());
        }
        self.later.push(slot, block, spill)
    }

    /// The snapshot comes to these slots: fetches what is known of them, and of those around.
    fn turn_to(&mut self, slots: &Range<u32>, spill: &mut dyn Spill) -> io::Result<()> {
        self.written = slots.end;
        let bucket = self.later.of(slots.start);
        if self.bucket != Some(bucket) {
            self.bucket = Some(bucket);
            let blocks = self.later.take(bucket, spill)?;
            let mut rest = &blocks[..];
            while !rest.is_empty() {
                let from_here = rest;
                let slot = BeforeImage::read(&mut rest)?.slot;
                self.here.insert(slot, from_here[..from_here.len() - rest.len()].into());
            }
        }
        self.reciprocal.as_mut().map_or(Ok(()), |reciprocal| reciprocal.turn_to(slots.start, spill))
    }

    /// Makes of a member's links those that it is given with.
    fn link(
        &mut self,
        slot: u32,
        lists: &mut [Links],
        reader: &Reader,
        spill: &mut dyn Spill,
    ) -> io::Result<()> {
        let Some(reciprocal) = &mut self.reciprocal else {
            keep_members(lists, &self.members);
            return Ok(());
        };
        for (layer, links) in (0..).zip(lists) {
            reciprocal.decide(slot, layer, links, (&self.members, reader), spill)?;
        }
        Ok(())
    }

    fn heap_bytes(&self) -> usize {
        let here: usize = self.here.values().map(|block| block.len()).sum();
        let reciprocal = self.reciprocal.as_ref().map_or(0, Reciprocal::heap_bytes);
        self.members.heap_bytes() + self.later.heap_bytes() + here + reciprocal
    }
}
