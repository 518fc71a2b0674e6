//! A few short fields, one after the other: the form of most hashes.
//!
//! ```text
//! hash   [timed: 1][count: 2] field …
//! field  [name length: 1-5][name][value length: 1-5][value]
//! timed  [0], or [1][deadline: 8], in front of each field
//! ```
//!
//! The values of these short fields are not compressed.
//!
//! Fields are in the order of their first insertion. Once one of them has had a deadline, they are
//! in the order of their deadlines, those without one last, as in Redis' `listpackex`: so the
//! expired fields are the first ones.

use smallvec::SmallVec;

use super::Field;
use crate::compressed::Stored;
use crate::keyspace::Deadline;

/// Bytes of a hash that is being edited, on the stack unless they are many.
const STACK_LEN: usize = 256;

const COUNT: std::ops::Range<usize> = 1..3;
const HEADER_LEN: usize = COUNT.end;

/// The fields of a hash, in place.
#[derive(Clone, Copy, Debug)]
pub(in crate::keyspace) struct PackedRef<'h>(&'h [u8]);

/// The fields of a hash, to be changed.
#[derive(Clone, Debug)]
pub(in crate::keyspace) struct Packed(SmallVec<[u8; STACK_LEN]>);

/// A field and its bytes.
struct Place<'h> {
    start: usize,
    /// Where the value's length begins, which the value follows.
    value_start: usize,
    end: usize,
    field: Field<'h>,
}

impl<'h> PackedRef<'h> {
    /// The fields in the bytes that [`Packed::as_bytes`] returned.
    pub(in crate::keyspace) fn new(bytes: &'h [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_timed(self) -> bool {
        self.0[0] != 0
    }

    /// How many fields there are, expired ones included.
    pub(super) fn len(self) -> usize {
        usize::from(u16::from_le_bytes([self.0[1], self.0[2]]))
    }

    pub(super) fn bytes(self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Field<'h>> {
        self.places().map(|place| place.field)
    }

    pub(super) fn find(self, name: &[u8]) -> Option<Field<'h>> {
        self.iter().find(|field| field.name == name)
    }

    /// How many fields have expired: they are the first ones.
    pub(super) fn count_due(self, now_ms: i64) -> usize {
        if !self.is_timed() {
            return 0;
        }
        self.iter().take_while(|field| field.deadline.is_past(now_ms)).count()
    }

    pub(super) fn next_deadline(self) -> Deadline {
        if !self.is_timed() {
            return Deadline::NEVER;
        }
        self.iter().next().map_or(Deadline::NEVER, |field| field.deadline)
    }

    fn places(self) -> impl Iterator<Item = Place<'h>> {
        let timed = self.is_timed();
        let mut rest = &self.0[HEADER_LEN..];
        std::iter::from_fn(move || {
            let start = self.0.len() - rest.len();
            rest.first()?;
            let deadline = if timed { take_deadline(&mut rest) } else { Deadline::NEVER };
            let name = take_text(&mut rest);
            let value_start = self.0.len() - rest.len();
            let value = Stored::Plain(take_text(&mut rest));
            let end = self.0.len() - rest.len();
            Some(Place { start, value_start, end, field: Field { name, value, deadline } })
        })
    }
}

impl Packed {
    pub(super) fn new() -> Self {
        Self(SmallVec::from_slice(&[0; HEADER_LEN]))
    }

    /// A copy, to be changed.
    pub(super) fn of(packed: PackedRef<'_>) -> Self {
        Self(SmallVec::from_slice(packed.0))
    }

    pub(super) fn view(&self) -> PackedRef<'_> {
        PackedRef(&self.0)
    }

    /// The form in which they are stored.
    pub(in crate::keyspace) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Gives a field this value and this deadline; true if the field is new.
    pub(super) fn set(&mut self, field: Field<'_>) -> bool {
        let Some(place) = self.place(field.name) else {
            self.insert(field);
            return true;
        };
        if place.field.deadline == field.deadline {
            let Place { value_start: start, end, .. } = place;
            let value = field.value.text();
            self.splice(start, end, &[&length(&value), &value]);
        } else {
            let Place { start, end, .. } = place;
            self.cut(start, end);
            self.insert(field);
        }
        false
    }

    /// Sets the deadline of a field; false if there is no such field. The field is then the first
    /// of those with this deadline, also if it had it before.
    pub(super) fn set_deadline(&mut self, name: &[u8], deadline: Deadline) -> bool {
        let Some(Place { start, end, field, .. }) = self.place(name) else { return false };
        if deadline != Deadline::NEVER || field.deadline != deadline {
            let value = field.value.text().into_owned();
            self.cut(start, end);
            self.insert(Field { name, value: Stored::Plain(&value), deadline });
        }
        true
    }

    /// Removes a field; false if there was none.
    pub(super) fn remove(&mut self, name: &[u8]) -> bool {
        let place = self.place(name).map(|place| (place.start, place.end));
        place.is_some_and(|(start, end)| {
            self.cut(start, end);
            true
        })
    }

    /// Removes the expired fields, and calls `on_removed` with their names; returns how many.
    pub(super) fn remove_due(&mut self, now_ms: i64, mut on_removed: impl FnMut(&[u8])) -> usize {
        let due = self.view().count_due(now_ms);
        self.view().iter().take(due).for_each(|field| on_removed(field.name));
        let end = self.view().places().take(due).last().map_or(HEADER_LEN, |place| place.end);
        self.set_len(self.view().len() - due);
        self.splice(HEADER_LEN, end, &[]);
        due
    }

    /// Adds a new field: after those with earlier deadlines.
    pub(super) fn insert(&mut self, field: Field<'_>) {
        let deadline = field.deadline;
        if deadline != Deadline::NEVER {
            self.make_timed();
        }
        let at = if deadline == Deadline::NEVER { self.0.len() } else { self.place_by(deadline) };
        self.set_len(self.view().len() + 1);
        let has_deadline: &[u8] = match (self.view().is_timed(), deadline) {
            (false, _) => &[],
            (true, Deadline::NEVER) => &[0],
            (true, _) => &[1],
        };
        let unix_ms = deadline.to_bytes();
        let unix_ms = if deadline == Deadline::NEVER { &[][..] } else { &unix_ms };
        let value = field.value.text();
        let parts = [has_deadline, unix_ms, &length(field.name), field.name, &length(&value), &value];
        self.splice(at, at, &parts);
    }

    fn place_by(&self, deadline: Deadline) -> usize {
        let ends_before = |other: Deadline| other != Deadline::NEVER && other.unix_ms() < deadline.unix_ms();
        let behind = self.view().places().find(|place| !ends_before(place.field.deadline));
        behind.map_or(self.0.len(), |place| place.start)
    }

    /// Adds room for a deadline to each field.
    pub(super) fn make_timed(&mut self) {
        if self.view().is_timed() {
            return;
        }
        let mut timed = Self::new();
        timed.0[0] = 1;
        self.view().iter().for_each(|field| timed.insert(field));
        *self = timed;
    }

    fn place(&self, name: &[u8]) -> Option<Place<'_>> {
        self.view().places().find(|place| place.field.name == name)
    }

    fn cut(&mut self, start: usize, end: usize) {
        self.set_len(self.view().len() - 1);
        self.splice(start, end, &[]);
    }

    fn set_len(&mut self, len: usize) {
        let len = u16::try_from(len).expect("hashes with more fields are tables");
        self.0[COUNT].copy_from_slice(&len.to_le_bytes());
    }

    /// Replaces the bytes from `start` to `end` by `parts`.
    fn splice(&mut self, start: usize, end: usize, parts: &[&[u8]]) {
        let before = self.0.len();
        let inserted = parts.iter().map(|part| part.len()).sum::<usize>();
        let after = before - (end - start) + inserted;
        self.0.resize(before.max(after), 0);
        self.0.copy_within(end..before, start + inserted);
        self.0.truncate(after);
        let mut at = start;
        for part in parts {
            self.0[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
    }
}

/// Seven bits in each byte, the lowest first; the top bit is set if more bytes follow.
fn length(text: &[u8]) -> SmallVec<[u8; 8]> {
    let mut bytes = SmallVec::new();
    let mut rest = text.len();
    while rest > 0x7f {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

fn take_length(bytes: &mut &[u8]) -> usize {
    let mut len = 0;
    let mut shift = 0;
    loop {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        len |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte <= 0x7f {
            return len;
        }
    }
}

fn take_text<'h>(bytes: &mut &'h [u8]) -> &'h [u8] {
    let len = take_length(bytes);
    let (text, rest) = bytes.split_at(len);
    *bytes = rest;
    text
}

fn take_deadline(bytes: &mut &[u8]) -> Deadline {
    let has_deadline = bytes[0] != 0;
    let rest = &bytes[1..];
    let (deadline, rest) = match rest.split_first_chunk() {
        Some((unix_ms, rest)) if has_deadline => (Deadline::from_bytes(*unix_ms), rest),
        _ => (Deadline::NEVER, rest),
    };
    *bytes = rest;
    deadline
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field<'f>(name: &'f str, value: &'f str, deadline: Deadline) -> Field<'f> {
        Field { name: name.as_bytes(), value: Stored::Plain(value.as_bytes()), deadline }
    }

    fn names(packed: &Packed) -> String {
        packed.view().iter().map(|field| String::from_utf8_lossy(field.name)).collect()
    }

    #[test]
    fn fields_without_deadlines_keep_their_order_and_cost_their_bytes() {
        let mut packed = Packed::new();
        for name in ["a", "b", "c"] {
            assert!(packed.set(field(name, "value", Deadline::NEVER)));
        }
        assert!(!packed.set(field("b", &"long".repeat(100), Deadline::NEVER)));
        assert_eq!(names(&packed), "abc");
        assert_eq!(packed.view().find(b"b").map(|field| field.value.len()), Some(400));
        assert_eq!(packed.view().find(b"c").map(|field| field.value), Some(Stored::Plain(b"value")));
        assert_eq!(packed.as_bytes().len(), HEADER_LEN + 2 * 8 + (1 + 1 + 2 + 400));
        assert!(packed.remove(b"b") && !packed.remove(b"b"));
        assert_eq!((names(&packed), packed.view().len()), ("ac".into(), 2));
    }

    #[test]
    fn fields_with_deadlines_come_first_and_soonest_first() {
        let mut packed = Packed::new();
        for name in ["a", "b", "c", "d"] {
            packed.set(field(name, name, Deadline::NEVER));
        }
        assert!(packed.set_deadline(b"d", Deadline::at(20)) && !packed.set_deadline(b"e", Deadline::at(20)));
        packed.set_deadline(b"b", Deadline::at(10));
        packed.set(field("e", "e", Deadline::at(20)));
        assert_eq!(names(&packed), "bedac");
        assert_eq!(packed.view().next_deadline(), Deadline::at(10));
        packed.set_deadline(b"d", Deadline::NEVER);
        assert_eq!(names(&packed), "beacd");
        assert_eq!((packed.remove_due(10, |_| ()), packed.remove_due(11, |_| ())), (0, 1));
        let mut gone = Vec::new();
        assert_eq!(packed.remove_due(i64::MAX, |name| gone.push(name.to_vec())), 1);
        assert_eq!((gone, names(&packed)), (vec![b"e".to_vec()], "acd".into()));
        assert!(packed.view().is_timed(), "once timed, always timed");
        assert_eq!(packed.view().len(), 3);
    }

    #[test]
    fn lengths_of_any_size_come_back() {
        for len in [0, 1, 127, 128, 16_383, 16_384, 3_000_000] {
            let encoded = length(&vec![0; len]);
            let mut bytes = &encoded[..];
            assert_eq!((take_length(&mut bytes), bytes.len()), (len, 0));
        }
    }
}
