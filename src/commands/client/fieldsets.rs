//! Fieldsets, made by `HIMPORT PREPARE`: lists of field names, each under a name, for one
//! connection.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::ClientInfo;
use crate::resp::Error;

/// Bytes counted for a name of a field or of a fieldset, besides its text.
const NAME_OVERHEAD: usize = 32;

/// The fieldsets of a connection, until DISCARD, RESET, or until it closes.
pub(in crate::commands) struct Fieldsets {
    sets: HashMap<Box<[u8]>, Fieldset>,
    bytes: usize,
    info: Arc<ClientInfo>,
}

/// Names of fields in the order that hashes made from them have: shorter names first, then by their
/// bytes.
pub(in crate::commands) struct Fieldset {
    fields: Vec<Field>,
    bytes: usize,
}

/// A field, and the position of its value in a request.
struct Field {
    name: Box<[u8]>,
    position: usize,
}

/// A name occurs twice.
pub(in crate::commands) struct Duplicate;

impl Fieldset {
    pub(in crate::commands) fn new(names: &[&[u8]]) -> Result<Self, Duplicate> {
        let mut order: Vec<usize> = (0..names.len()).collect();
        order.sort_unstable_by_key(|position| (names[*position].len(), names[*position]));
        if order.windows(2).any(|pair| names[pair[0]] == names[pair[1]]) {
            return Err(Duplicate);
        }
        let bytes = names.iter().map(|name| name.len() + NAME_OVERHEAD).sum();
        let field = |position: usize| Field { name: names[position].into(), position };
        Ok(Self { fields: order.into_iter().map(field).collect(), bytes })
    }

    pub(in crate::commands) fn len(&self) -> usize {
        self.fields.len()
    }

    /// The names with their values. There must be as many values as names.
    pub(in crate::commands) fn pairs<'s>(
        &'s self,
        values: &'s [&'s [u8]],
    ) -> impl Iterator<Item = (&'s [u8], &'s [u8])> {
        self.fields.iter().map(|field| (&*field.name, values[field.position]))
    }
}

impl Fieldsets {
    /// None.
    pub(in crate::commands) fn new(info: &Arc<ClientInfo>) -> Self {
        Self { sets: HashMap::new(), bytes: 0, info: Arc::clone(info) }
    }

    pub(in crate::commands) fn get(&self, name: &[u8]) -> Option<&Fieldset> {
        self.sets.get(name)
    }

    /// Adds a fieldset, or replaces the one of the same name.
    ///
    /// # Errors
    /// The fieldsets of the connection would exceed their limit.
    pub(in crate::commands) fn keep(
        &mut self,
        name: &[u8],
        set: Fieldset,
        max_bytes: u64,
    ) -> Result<(), Error> {
        let before = self.sets.get(name).map_or(0, |set| cost(name, set));
        let bytes = self.bytes - before + cost(name, &set);
        if bytes as u64 > max_bytes {
            return Err(Error::new("ERR too many fieldsets: they exceed client-query-buffer-limit"));
        }
        self.sets.insert(name.into(), set);
        self.show(bytes);
        Ok(())
    }

    /// Removes a fieldset; false if there is none of this name.
    pub(in crate::commands) fn discard(&mut self, name: &[u8]) -> bool {
        let Some(set) = self.sets.remove(name) else { return false };
        self.show(self.bytes - cost(name, &set));
        true
    }

    /// Removes all of them, and returns how many there were.
    pub(in crate::commands) fn discard_all(&mut self) -> usize {
        let count = self.sets.len();
        self.sets = HashMap::new();
        self.show(0);
        count
    }

    fn show(&mut self, bytes: usize) {
        self.bytes = bytes;
        self.info.fieldset_bytes.store(bytes, Ordering::Relaxed);
    }
}

impl Drop for Fieldsets {
    fn drop(&mut self) {
        self.info.fieldset_bytes.store(0, Ordering::Relaxed);
    }
}

fn cost(name: &[u8], set: &Fieldset) -> usize {
    name.len() + NAME_OVERHEAD + size_of::<Fieldset>() + set.bytes
}
