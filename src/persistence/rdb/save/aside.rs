//! Keys that cannot be written where they belong yet: in memory up to a bound, and then in the
//! spill.

use std::io::{self, Write};

use super::Form;
use super::keys::{Keys, UseFigures};
use crate::keyspace::KeyAtCut;
use crate::persistence::rdb::writer::Writer;
use crate::vector_set::{Place, Spill};

/// Bytes in memory.
const LIMIT: usize = 1024 * 1024;

/// Such keys, as they will be in the file.
pub(super) struct Aside {
    keys: Keys<Vec<u8>>,
    spilled: Vec<Place>,
}

impl Aside {
    pub(super) fn new(form: Form, uses: UseFigures) -> Self {
        // Compressed as nothing: there is no time to lose while writers wait. Its bytes go under
        // the checksum later.
        let out = Writer::new(Vec::new(), false, false);
        Self { keys: Keys::new(out, form, uses, Vec::new()), spilled: Vec::new() }
    }

    /// Adds a key with a small value.
    pub(super) fn key(&mut self, old: &KeyAtCut, spill: &mut dyn Spill) -> io::Result<()> {
        self.keys.key(old)?;
        if self.keys.untaken() > LIMIT {
            let bytes = self.keys.take()?;
            self.spilled.push(spill.append(&bytes)?);
        }
        Ok(())
    }

    /// Writes all keys into the file, and has none then.
    pub(super) fn write_to<W: Write>(&mut self, keys: &mut Keys<W>, spill: &mut dyn Spill) -> io::Result<()> {
        let mut bytes = Vec::new();
        for place in self.spilled.drain(..) {
            bytes.clear();
            spill.read(place, &mut bytes)?;
            keys.written(&bytes)?;
        }
        let rest = self.keys.take()?;
        if rest.is_empty() { Ok(()) } else { keys.written(&rest) }
    }
}
