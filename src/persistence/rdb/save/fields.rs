//! The fields of one large hash, while it changes.

use std::io::{self, Write};

use super::{Form, commands};
use crate::keyspace::{Deadline, FieldAtCut, KeyAtCut};
use crate::persistence::rdb::hash;
use crate::persistence::rdb::writer::Writer;
use crate::vector_set::{Place, Spill};

/// A large value that waits for another one to be written, with what had to be put aside of it.
pub(super) struct Waiting {
    pub(super) old: KeyAtCut,
    spilled: Vec<Place>,
}

impl Waiting {
    pub(super) fn new(old: KeyAtCut) -> Self {
        Self { old, spilled: Vec::new() }
    }

    /// Puts the before-images of fields aside.
    pub(super) fn relieve(&mut self, form: Form, spill: &mut dyn Spill) -> io::Result<()> {
        let Some(fields) = &mut self.old.fields else { return Ok(()) };
        let mut handed = Vec::new();
        fields.take_before_images(&mut handed);
        if handed.is_empty() {
            return Ok(());
        }
        // Compressed as nothing, like what is in `aside.rs`.
        let mut out = Writer::new(Vec::new(), false, false);
        let key = self.old.entry.key();
        write_all(&mut out, form, key, &handed, fields.soonest())?;
        self.spilled.push(spill.append(&out.take()?)?);
        fields.acknowledge_given();
        Ok(())
    }

    /// Writes all fields behind the key. `look_around` is called again and again.
    pub(super) fn write<W: Write>(
        self,
        form: Form,
        out: &mut Writer<W>,
        spill: &mut dyn Spill,
        look_around: &mut dyn FnMut(&mut dyn Spill) -> io::Result<()>,
    ) -> io::Result<()> {
        let Some(mut fields) = self.old.fields else { return Ok(()) };
        if form == Form::Snapshot {
            hash::begin_frozen(out, &fields)?;
        }
        let entry = &self.old.entry;
        let mut bytes = Vec::new();
        for place in self.spilled {
            bytes.clear();
            spill.read(place, &mut bytes)?;
            out.raw(&bytes)?;
        }
        let mut batch = Vec::new();
        while fields.next(&mut batch) {
            write_all(out, form, entry.key(), &batch, fields.soonest())?;
            batch.clear();
            look_around(spill)?;
        }
        match form {
            Form::Snapshot => Ok(()),
            Form::Commands { .. } => {
                commands::end(out, entry.key(), entry.deadline())?;
                commands::blessing(out, entry)
            }
        }
    }
}

fn write_all<W: Write>(
    out: &mut Writer<W>,
    form: Form,
    key: &[u8],
    fields: &[FieldAtCut],
    soonest: Deadline,
) -> io::Result<()> {
    if form != Form::Snapshot {
        let fields: Vec<_> =
            fields.iter().map(|field| (field.name(), field.value(), field.deadline())).collect();
        return commands::fields(out, key, &fields);
    }
    fields.iter().try_for_each(|field| hash::write_old(out, field, soonest))
}
