//! A hash: fields with values, of which each may end on its own.

use super::Deadline;

/// Fields and their values, in the order of their first insertion while there are few.
///
/// Readers see it through a [`HashView`], to which fields that have ended are absent.
#[derive(Clone, Debug, Default)]
pub struct Hash {
    fields: Vec<Field>,
}

#[derive(Clone, Debug)]
struct Field {
    name: Box<[u8]>,
    value: Box<[u8]>,
    deadline: Deadline,
}

/// The hash of a key, where it lies.
#[derive(Clone, Copy, Debug)]
pub struct HashRef<'h>(&'h Hash);

/// A hash as it is at one moment.
#[derive(Clone, Copy, Debug)]
pub struct HashView<'h> {
    hash: &'h Hash,
    now_ms: i64,
}

impl Hash {
    /// A hash without fields; no key may mean one.
    pub fn new() -> Self {
        Self::default()
    }

    /// What a reader sees at this moment.
    pub fn view(&self, now_ms: i64) -> HashView<'_> {
        HashView { hash: self, now_ms }
    }

    /// Gives a field this value and this deadline, whatever it had before; true if the field is new.
    pub fn set(&mut self, field: &[u8], value: &[u8], deadline: Deadline) -> bool {
        let new = Field { name: field.into(), value: value.into(), deadline };
        match self.position(field) {
            Some(position) => self.fields[position] = new,
            None => {
                self.fields.push(new);
                return true;
            }
        }
        false
    }

    /// Sets when a field ends; false if there is no such field.
    pub fn set_deadline(&mut self, field: &[u8], deadline: Deadline) -> bool {
        let position = self.position(field);
        if let Some(position) = position {
            self.fields[position].deadline = deadline;
        }
        position.is_some()
    }

    /// Removes a field; false if there was none.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        self.position(field).map(|position| self.fields.remove(position)).is_some()
    }

    /// Removes the fields that have ended; returns how many.
    pub fn remove_due(&mut self, now_ms: i64) -> usize {
        let before = self.fields.len();
        self.fields.retain(|field| !field.deadline.is_past(now_ms));
        before - self.fields.len()
    }

    /// When the first field ends; `NEVER` if none does.
    pub fn next_deadline(&self) -> Deadline {
        let soonest = self.fields.iter().filter_map(|field| field.deadline.unix_ms()).min();
        soonest.map_or(Deadline::NEVER, Deadline::at)
    }

    /// True if no field is left, not even one that has ended.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Bytes behind the value, beyond its own size.
    pub fn heap_bytes(&self) -> usize {
        let bytes = |field: &Field| size_of::<Field>() + field.name.len() + field.value.len();
        self.fields.iter().map(bytes).sum()
    }

    fn position(&self, name: &[u8]) -> Option<usize> {
        self.fields.iter().position(|field| *field.name == *name)
    }
}

impl<'h> HashRef<'h> {
    pub(super) fn new(hash: &'h Hash) -> Self {
        Self(hash)
    }

    /// What a reader sees at this moment.
    pub fn view(self, now_ms: i64) -> HashView<'h> {
        self.0.view(now_ms)
    }

    /// A hash of its own.
    pub fn to_hash(self) -> Hash {
        self.0.clone()
    }
}

impl<'h> HashView<'h> {
    /// How many fields there are.
    pub fn len(self) -> usize {
        self.iter().count()
    }

    /// True if there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The value of a field.
    pub fn get(self, field: &[u8]) -> Option<&'h [u8]> {
        self.find(field).map(|field| &*field.value)
    }

    /// When a field ends; none if there is no such field.
    pub fn deadline(self, field: &[u8]) -> Option<Deadline> {
        self.find(field).map(|field| field.deadline)
    }

    /// Names, values and deadlines of all fields.
    pub fn iter(self) -> impl Iterator<Item = (&'h [u8], &'h [u8], Deadline)> {
        let alive = self.hash.fields.iter().filter(move |field| !field.deadline.is_past(self.now_ms));
        alive.map(|field| (&*field.name, &*field.value, field.deadline))
    }

    /// The field at a position below [`len`](Self::len), in the order of [`iter`](Self::iter): for random choices.
    pub fn nth(self, position: usize) -> Option<(&'h [u8], &'h [u8])> {
        self.iter().nth(position).map(|(name, value, _)| (name, value))
    }

    /// Shows `visit` about `count` fields from `cursor` on, and returns where to go on: 0 at the start, and again at the
    /// end. A field that stays from the first call to the last is seen. Small hashes are seen whole.
    pub fn scan(self, _cursor: u64, _count: usize, mut visit: impl FnMut(&'h [u8], &'h [u8])) -> u64 {
        self.iter().for_each(|(name, value, _)| visit(name, value));
        0
    }

    /// What OBJECT ENCODING says.
    pub fn encoding(self) -> &'static str {
        "listpack"
    }

    fn find(self, name: &[u8]) -> Option<&'h Field> {
        let found = self.hash.fields.iter().find(|field| *field.name == *name);
        found.filter(|field| !field.deadline.is_past(self.now_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_there_until_they_end() {
        let mut hash = Hash::new();
        assert!(hash.set(b"a", b"1", Deadline::NEVER));
        assert!(hash.set(b"b", b"2", Deadline::at(10)));
        assert!(!hash.set(b"a", b"3", Deadline::NEVER));
        assert_eq!(hash.view(10).get(b"b"), Some(&b"2"[..]));
        assert_eq!(hash.view(11).get(b"b"), None);
        assert_eq!((hash.view(10).len(), hash.view(11).len()), (2, 1));
        assert_eq!(hash.next_deadline(), Deadline::at(10));
        assert_eq!(hash.remove_due(11), 1);
        assert!(hash.remove(b"a") && !hash.remove(b"a"));
        assert!(hash.is_empty());
    }
}
