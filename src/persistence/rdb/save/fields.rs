//! The fields of one large hash, while it changes.

use std::io::{self, Write};

use crate::keyspace::{Deadline, Old, OldField};
use crate::persistence::rdb::hash;
use crate::persistence::rdb::writer::Writer;
use crate::vector_set::{Place, Spill};

/// A large value that waits for another one to be written, with what had to be put aside of it.
pub(super) struct Waiting {
    pub(super) old: Old,
    spilled: Vec<Place>,
}

impl Waiting {
    pub(super) fn new(old: Old) -> Self {
        Self { old, spilled: Vec::new() }
    }

    /// Puts the fields aside that writers have handed over.
    pub(super) fn relieve(&mut self, spill: &mut dyn Spill) -> io::Result<()> {
        let Some(fields) = &mut self.old.fields else { return Ok(()) };
        let mut handed = Vec::new();
        fields.take_handed(&mut handed);
        if handed.is_empty() {
            return Ok(());
        }
        // Compressed as nothing, like what is in `aside.rs`.
        let mut out = Writer::new(Vec::new(), false, false);
        write_all(&mut out, &handed, fields.soonest())?;
        self.spilled.push(spill.append(&out.take()?)?);
        fields.given_is_written();
        Ok(())
    }

    /// Writes all fields behind the key. `look_around` is called again and again.
    pub(super) fn write<W: Write>(
        self,
        out: &mut Writer<W>,
        spill: &mut dyn Spill,
        look_around: &mut dyn FnMut(&mut dyn Spill) -> io::Result<()>,
    ) -> io::Result<()> {
        let Some(mut fields) = self.old.fields else { return Ok(()) };
        hash::begin_frozen(out, &fields)?;
        let mut bytes = Vec::new();
        for place in self.spilled {
            bytes.clear();
            spill.read(place, &mut bytes)?;
            out.raw(&bytes)?;
        }
        let mut batch = Vec::new();
        while fields.next(&mut batch) {
            write_all(out, &batch, fields.soonest())?;
            batch.clear();
            look_around(spill)?;
        }
        Ok(())
    }
}

fn write_all<W: Write>(out: &mut Writer<W>, fields: &[OldField], soonest: Deadline) -> io::Result<()> {
    fields.iter().try_for_each(|field| hash::write_old(out, field, soonest))
}
