//! Hashes, in all forms that Redis has given them; written in the form that Redis 8.6 would choose.
//!
//! ```text
//! hash                   fields: length, (name: string, value: string) …
//! hash, metadata         soonest: 8, fields: length, (ends: length, name: string, value: string) …
//!                        ends: 0 for never, else 1 + ms after the soonest
//! the same, pre-release  without the soonest; ends: unix ms, or 0
//! hash, listpack         string: listpack of name, value …
//! hash, listpack ex      soonest: 8 (a hint), string: listpack of name, value, ends: unix ms or 0 …
//! the same, pre-release  without the soonest
//! hash, ziplist          string: ziplist of name, value …
//! hash, zipmap           string: zipmap
//! hash of Valkey         fields: length, (name: string, value: string, ends: 8, unix ms or -1) …
//! hash, template         names, string: listpack of any integer, value …
//! hash, template array   names, value: string …
//! the same, references   string: listpack of template id, value …     or: template id: length, value: string …
//! names                  0: length, string: listpack of name …        or: 1: length, fields: length, name: string …
//! ```

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::{self, Read, Write};

use ahash::RandomState;

use super::fault::ReadError;
use super::format::{MAX_STRING_LEN, ValueType};
use super::packed::{Corrupt, Item, Listpack, ListpackBuilder, Ziplist, Zipmap};
use super::reader::Reader;
use super::save::commands;
use super::templates::{Names, Templates, check_names, read_names};
use super::value::Written;
use super::writer::Writer;
use crate::keyspace::{Deadline, FieldAtCut, FrozenFields, Hash, HashRef, HashView, PackedLimits};

/// The last moment at which a field can expire (Redis' `EB_EXPIRE_TIME_INVALID`).
const MAX_FIELD_DEADLINE_MS: i64 = (1 << 48) - 1;

/// As of a moment at which no field has expired.
const EARLIEST_MS: i64 = i64::MIN;

/// As which type a hash is written.
pub(super) fn type_of(hash: HashView<'_>) -> ValueType {
    match hash.encoding() {
        "listpack" => ValueType::HashListpack,
        "listpackex" => ValueType::HashListpackEx,
        _ if soonest(hash).is_some() => ValueType::HashMetadata,
        _ => ValueType::Hash,
    }
}

impl Written for HashRef<'_> {
    fn value_type(self) -> ValueType {
        type_of(self.view(EARLIEST_MS))
    }

    fn write<W: Write>(self, out: &mut Writer<W>) -> io::Result<()> {
        write(out, self.view(EARLIEST_MS))
    }

    fn write_commands<W: Write>(self, out: &mut Writer<W>, key: &[u8], deadline: Deadline) -> io::Result<()> {
        let fields = self.view(EARLIEST_MS).iter();
        let fields: Vec<_> = fields.map(|(name, value, deadline)| (name, value.text(), deadline)).collect();
        commands::fields(out, key, &fields)?;
        commands::end(out, key, deadline)
    }
}

/// Writes a hash as [`type_of`] says; with the expired fields, if the view is of a moment before
/// that.
pub(super) fn write<W: Write>(out: &mut Writer<W>, hash: HashView<'_>) -> io::Result<()> {
    match type_of(hash) {
        ValueType::HashListpack => out.string(&listpack(hash, false)),
        ValueType::HashListpackEx => {
            out.raw(&soonest(hash).unwrap_or(0).to_le_bytes())?;
            out.string(&listpack(hash, true))
        }
        ValueType::HashMetadata => write_timed_fields(out, hash),
        _ => write_fields(out, hash),
    }
}

fn soonest(hash: HashView<'_>) -> Option<i64> {
    hash.iter().filter_map(|(_, _, deadline)| deadline.unix_ms()).min()
}

fn listpack(hash: HashView<'_>, timed: bool) -> Vec<u8> {
    let mut items = ListpackBuilder::new();
    for (name, value, deadline) in hash.iter() {
        items.push_text(name);
        items.push_text(&value.text());
        if timed {
            items.push_integer(deadline.unix_ms().unwrap_or(0));
        }
    }
    items.finish()
}

/// As which type the fields of a large hash are written.
pub(super) fn type_of_frozen(fields: &FrozenFields) -> ValueType {
    if fields.soonest() == Deadline::NEVER { ValueType::Hash } else { ValueType::HashMetadata }
}

/// What is in front of the fields of a large hash.
pub(super) fn begin_frozen<W: Write>(out: &mut Writer<W>, fields: &FrozenFields) -> io::Result<()> {
    if let Some(soonest) = fields.soonest().unix_ms() {
        out.raw(&soonest.to_le_bytes())?;
    }
    out.length(fields.len() as u64)
}

/// One field of a large hash, whose first field to expire does so at `soonest`.
pub(super) fn write_old<W: Write>(
    out: &mut Writer<W>,
    field: &FieldAtCut,
    soonest: Deadline,
) -> io::Result<()> {
    if let Some(soonest) = soonest.unix_ms() {
        write_end(out, field.deadline(), soonest)?;
    }
    out.string(field.name())?;
    out.string(&field.value())
}

fn write_end<W: Write>(out: &mut Writer<W>, deadline: Deadline, soonest: i64) -> io::Result<()> {
    out.length(deadline.unix_ms().map_or(0, |unix_ms| 1 + unix_ms.abs_diff(soonest)))
}

fn write_fields<W: Write>(out: &mut Writer<W>, hash: HashView<'_>) -> io::Result<()> {
    out.length(hash.len() as u64)?;
    hash.iter().try_for_each(|(name, value, _)| {
        out.string(name)?;
        out.string(&value.text())
    })
}

fn write_timed_fields<W: Write>(out: &mut Writer<W>, hash: HashView<'_>) -> io::Result<()> {
    let soonest = soonest(hash).unwrap_or(0);
    out.raw(&soonest.to_le_bytes())?;
    out.length(hash.len() as u64)?;
    hash.iter().try_for_each(|(name, value, deadline)| {
        write_end(out, deadline, soonest)?;
        out.string(name)?;
        out.string(&value.text())
    })
}

/// Reads a hash of a type whose family is `hash`; one without fields is nothing that a key could
/// have.
pub(super) fn read<R: Read>(
    input: &mut Reader<R>,
    kind: ValueType,
    limits: PackedLimits,
    templates: &Templates,
) -> Result<Hash, ReadError> {
    let mut fields = Fields { offset: input.offset(), hash: Hash::within(limits), added: 0 };
    match kind {
        ValueType::Hash => fields.read_plain(input)?,
        ValueType::HashMetadataPreGa | ValueType::HashMetadata => fields.read_timed(input, kind)?,
        ValueType::ValkeyHash => fields.read_of_valkey(input)?,
        ValueType::HashTemplateListpack | ValueType::HashTemplateListpackRef => {
            fields.read_template_listpack(input, kind, templates)?;
        }
        ValueType::HashTemplateArray | ValueType::HashTemplateArrayRef => {
            fields.read_template_array(input, kind, templates)?;
        }
        ValueType::HashZipmap => fields.read_zipmap(&input.string(MAX_STRING_LEN)?)?,
        _ => fields.read_packed(input, kind)?,
    }
    fields.finish()
}

/// A hash that is being read.
struct Fields {
    /// Where its value begins.
    offset: u64,
    hash: Hash,
    added: usize,
}

impl Fields {
    fn read_plain<R: Read>(&mut self, input: &mut Reader<R>) -> Result<(), ReadError> {
        let mut name = Vec::new();
        let mut value = Vec::new();
        for _ in 0..input.length()? {
            input.string_into(MAX_STRING_LEN, &mut name)?;
            input.string_into(MAX_STRING_LEN, &mut value)?;
            self.add(&name, &value, Deadline::NEVER);
        }
        Ok(())
    }

    fn read_timed<R: Read>(&mut self, input: &mut Reader<R>, kind: ValueType) -> Result<(), ReadError> {
        self.hash.make_timed();
        // So that 1 is the soonest, and the numbers of the pre-release are what they say.
        let zero = if kind == ValueType::HashMetadata { i64::from_le_bytes(input.array()?) } else { 1 };
        let mut name = Vec::new();
        let mut value = Vec::new();
        for _ in 0..input.length()? {
            let deadline = match input.length()? {
                0 => Deadline::NEVER,
                // As in Redis, one that is before the soonest wraps around.
                ends => self.deadline(Some((ends - 1).cast_signed().wrapping_add(zero)))?,
            };
            input.string_into(MAX_STRING_LEN, &mut name)?;
            input.string_into(MAX_STRING_LEN, &mut value)?;
            self.add(&name, &value, deadline);
        }
        Ok(())
    }

    fn read_of_valkey<R: Read>(&mut self, input: &mut Reader<R>) -> Result<(), ReadError> {
        const NEVER: i64 = -1;
        self.hash.make_timed();
        let mut name = Vec::new();
        let mut value = Vec::new();
        for _ in 0..input.length()? {
            input.string_into(MAX_STRING_LEN, &mut name)?;
            input.string_into(MAX_STRING_LEN, &mut value)?;
            let deadline = match i64::from_le_bytes(input.array()?) {
                NEVER => Deadline::NEVER,
                // There a field may end later than any can here.
                unix_ms => self.deadline(Some(unix_ms.min(MAX_FIELD_DEADLINE_MS)))?,
            };
            self.add(&name, &value, deadline);
        }
        Ok(())
    }

    /// The names in a value that brings its own.
    fn read_own_names<R: Read>(&self, input: &mut Reader<R>) -> Result<Names, ReadError> {
        match input.length()? {
            0 => {
                let packed = input.string(MAX_STRING_LEN)?;
                let items = self.checked(Listpack::new(&packed))?;
                let names = items.map(|name| self.checked(name).map(|name| name.text().into_owned()));
                let names = names.collect::<Result<Names, _>>()?;
                check_names(&names).map_err(|words| self.invalid(words))?;
                Ok(names)
            }
            1 => read_names(input),
            form => Err(self.invalid(format!("a hash template of form {form}"))),
        }
    }

    fn read_template_listpack<R: Read>(
        &mut self,
        input: &mut Reader<R>,
        kind: ValueType,
        templates: &Templates,
    ) -> Result<(), ReadError> {
        let is_reference = kind == ValueType::HashTemplateListpackRef;
        let own = if is_reference { Names::new() } else { self.read_own_names(input)? };
        let packed = input.string(MAX_STRING_LEN)?;
        let mut values = self.checked(Listpack::new(&packed))?;
        let Item::Integer(id) = self.next_item(&mut values)? else {
            return Err(self.invalid("a hash template whose number is none"));
        };
        let id = u64::try_from(id).ok();
        let names = if is_reference { self.template(id, templates)? } else { &own };
        for name in names {
            let value = self.next_item(&mut values)?.text();
            self.add(name, &value, Deadline::NEVER);
        }
        let more = values.next().is_some();
        if more { Err(self.invalid("a hash with more values than its template has fields")) } else { Ok(()) }
    }

    fn read_template_array<R: Read>(
        &mut self,
        input: &mut Reader<R>,
        kind: ValueType,
        templates: &Templates,
    ) -> Result<(), ReadError> {
        let own;
        let names = if kind == ValueType::HashTemplateArrayRef {
            let id = input.length()?;
            self.template(Some(id), templates)?
        } else {
            own = self.read_own_names(input)?;
            &own
        };
        let mut value = Vec::new();
        for name in names {
            input.string_into(MAX_STRING_LEN, &mut value)?;
            self.add(name, &value, Deadline::NEVER);
        }
        Ok(())
    }

    fn template<'t>(&self, id: Option<u64>, templates: &'t Templates) -> Result<&'t Names, ReadError> {
        let names = id.and_then(|id| templates.names(id));
        names.ok_or_else(|| self.invalid("a hash of a template that is not in the file"))
    }

    fn read_packed<R: Read>(&mut self, input: &mut Reader<R>, kind: ValueType) -> Result<(), ReadError> {
        if kind == ValueType::HashListpackEx {
            input.array::<8>()?;
        }
        let packed = input.string(MAX_STRING_LEN)?;
        match kind {
            ValueType::HashZiplist => self.add_items(self.checked(Ziplist::new(&packed))?, false),
            ValueType::HashListpack => self.add_items(self.checked(Listpack::new(&packed))?, false),
            _ => {
                self.hash.make_timed();
                self.add_items(self.checked(Listpack::new(&packed))?, true)
            }
        }
    }

    fn read_zipmap(&mut self, packed: &[u8]) -> Result<(), ReadError> {
        for field in self.checked(Zipmap::new(packed))? {
            let (name, value) = self.checked(field)?;
            self.add(name, value, Deadline::NEVER);
        }
        Ok(())
    }

    fn add_items<'p>(
        &mut self,
        mut items: impl Iterator<Item = Result<Item<'p>, Corrupt>>,
        timed: bool,
    ) -> Result<(), ReadError> {
        let mut last_ms = i64::MIN;
        while let Some(name) = items.next() {
            let name = self.checked(name)?.text();
            let value = self.next_item(&mut items)?.text();
            let deadline = if timed { self.item_deadline(&mut items)? } else { Deadline::NEVER };
            // Those that never end stand last.
            let ends_ms = deadline.unix_ms().unwrap_or(i64::MAX);
            if ends_ms < last_ms {
                return Err(self.invalid("a hash whose fields are not in the order in which they end"));
            }
            last_ms = ends_ms;
            self.add(&name, &value, deadline);
        }
        Ok(())
    }

    fn next_item<'p>(
        &self,
        items: &mut impl Iterator<Item = Result<Item<'p>, Corrupt>>,
    ) -> Result<Item<'p>, ReadError> {
        items.next().map_or_else(
            || Err(self.invalid("a hash with a field that is not whole")),
            |item| self.checked(item),
        )
    }

    fn item_deadline<'p>(
        &self,
        items: &mut impl Iterator<Item = Result<Item<'p>, Corrupt>>,
    ) -> Result<Deadline, ReadError> {
        match self.next_item(items)? {
            Item::Integer(0) => Ok(Deadline::NEVER),
            Item::Integer(unix_ms) => self.deadline(Some(unix_ms)),
            Item::Text(_) => self.deadline(None),
        }
    }

    fn add(&mut self, name: &[u8], value: &[u8], deadline: Deadline) {
        self.hash.add(name, value, deadline);
        self.added += 1;
    }

    /// The hash, if no field came twice: tables have noticed, and packed hashes are looked through
    /// once.
    fn finish(self) -> Result<Hash, ReadError> {
        let view = self.hash.view(i64::MIN);
        if view.len() == self.added && (view.encoding() == "hashtable" || all_names_differ(view)) {
            return Ok(self.hash);
        }
        Err(self.invalid("a hash with the same field twice"))
    }

    fn deadline(&self, unix_ms: Option<i64>) -> Result<Deadline, ReadError> {
        let unix_ms = unix_ms.filter(|unix_ms| (1..=MAX_FIELD_DEADLINE_MS).contains(unix_ms));
        unix_ms.map(Deadline::at).ok_or_else(|| self.invalid("a field that ends at no possible time"))
    }

    fn checked<T>(&self, outcome: Result<T, Corrupt>) -> Result<T, ReadError> {
        outcome.map_err(|corrupt| self.invalid(corrupt.0))
    }

    fn invalid(&self, words: impl Into<Cow<'static, str>>) -> ReadError {
        ReadError::invalid(self.offset, words)
    }
}

fn all_names_differ(hash: HashView<'_>) -> bool {
    let mut names = HashSet::with_capacity_and_hasher(hash.len(), RandomState::new());
    hash.iter().all(|(name, ..)| names.insert(name))
}
