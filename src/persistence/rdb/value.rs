//! Values of keys ⇄ their types and bytes.
//!
//! To add a type of values: a file that implements `Written`, and its line in [`read_value`].

use std::io::{self, Read, Write};
use std::sync::Arc;

use super::fault::ReadError;
use super::format::{ValueType, module};
use super::reader::Reader;
use super::save::commands;
use super::skip::{skip_module_fields, skip_value};
use super::templates::Templates;
use super::writer::Writer;
use super::{dump, hash, string, vector_set};
use crate::keyspace::{Deadline, Keyspace, PackedLimits, Value, ValueRef, by_type};
use crate::vector_set::TierDir;

/// What the bytes of a value are here.
#[derive(Debug)]
pub enum Decoded {
    /// A value that a key can have.
    Value(Value),
    /// A collection of nothing: no key means one.
    Empty,
    /// A value of a type that is not known here: what TYPE says, or the name of the module type.
    Unknown(String),
}

/// How values of one type are written: the part of a [`ValueRef`].
pub(super) trait Written: Copy {
    /// As which type of the format.
    fn value_type(self) -> ValueType;

    /// Writes the value, without its type; hashes with the fields that have expired.
    fn write<W: Write>(self, out: &mut Writer<W>) -> io::Result<()>;

    /// Writes commands that make the key. By default it is restored from a dump.
    fn write_commands<W: Write>(self, out: &mut Writer<W>, key: &[u8], deadline: Deadline) -> io::Result<()> {
        commands::restore(out, key, deadline, &dump::dump_part(self)?)
    }
}

/// As which type a value is written.
pub fn type_of(value: ValueRef<'_>) -> ValueType {
    by_type!(ValueRef, value, part => part.value_type())
}

/// Writes a value, without its type; hashes with the fields that have expired.
pub fn write_value<W: Write>(out: &mut Writer<W>, value: ValueRef<'_>) -> io::Result<()> {
    by_type!(ValueRef, value, part => part.write(out))
}

/// Writes commands that make the key.
pub(super) fn write_commands<W: Write>(
    out: &mut Writer<W>,
    key: &[u8],
    value: ValueRef<'_>,
    deadline: Deadline,
) -> io::Result<()> {
    by_type!(ValueRef, value, part => part.write_commands(out, key, deadline))
}

/// How values that are read are made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Making<'m> {
    /// Up to which hashes are packed.
    pub limits: PackedLimits,
    /// For the files of warm vector sets; without it, those lie in memory.
    pub tier: Option<&'m Arc<TierDir>>,
}

impl<'m> Making<'m> {
    /// For values of this keyspace.
    pub fn of(keyspace: &'m Keyspace) -> Self {
        Self { limits: keyspace.packed_limits(), tier: keyspace.tier() }
    }
}

/// Reads a value of this type. The templates are those of the file.
pub fn read_value<R: Read>(
    input: &mut Reader<R>,
    kind: ValueType,
    making: Making<'_>,
    templates: &Templates,
) -> Result<Decoded, ReadError> {
    match kind {
        ValueType::String => string::read(input).map(|string| Decoded::Value(Value::String(string))),
        kind if kind.family() == "hash" => {
            let hash = hash::read(input, kind, making.limits, templates)?;
            Ok(if hash.is_empty() { Decoded::Empty } else { Decoded::Value(Value::Hash(Box::new(hash))) })
        }
        ValueType::Module2 => read_module(input, making),
        kind => skip_value(input, kind, templates).map(Decoded::Unknown),
    }
}

fn read_module<R: Read>(input: &mut Reader<R>, making: Making<'_>) -> Result<Decoded, ReadError> {
    let id = input.length()?;
    if let Some(set) = vector_set::read(input, id, making.tier)? {
        return Ok(Decoded::Value(Value::VectorSet(Arc::new(set))));
    }
    skip_module_fields(input)?;
    Ok(Decoded::Unknown(module::name(id)))
}
