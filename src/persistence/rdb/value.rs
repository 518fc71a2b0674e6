//! Values of keys ⇄ their types and bytes.

use std::io::{self, Read, Write};
use std::sync::Arc;

use super::fault::ReadError;
use super::format::{MAX_STRING_LEN, ValueType, module};
use super::hash;
use super::reader::Reader;
use super::skip::{skip_module_fields, skip_value};
use super::templates::Templates;
use super::vector_set;
use super::writer::Writer;
use crate::keyspace::{PackedLimits, StringValue, Value, ValueRef};

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

/// As which type a value is written.
pub fn type_of(value: ValueRef<'_>) -> ValueType {
    match value {
        ValueRef::String(_) => ValueType::String,
        ValueRef::Hash(hash) => hash::type_of(hash.view(i64::MIN)),
        ValueRef::VectorSet(_) => ValueType::Module2,
    }
}

/// Writes a value, without its type; hashes with the fields that have ended.
pub fn write_value<W: Write>(out: &mut Writer<W>, value: ValueRef<'_>) -> io::Result<()> {
    match value {
        ValueRef::String(string) => out.string(&string.text()),
        ValueRef::Hash(hash) => hash::write(out, hash.view(i64::MIN)),
        ValueRef::VectorSet(set) => {
            let linked = vector_set::linked(set.params());
            vector_set::write(out, &mut set.freeze_now(linked), &mut Vec::new(), &mut |_| Ok(()))
        }
    }
}

/// Reads a value of this type. Hashes are packed within the limits; the templates are those of the
/// file.
pub fn read_value<R: Read>(
    input: &mut Reader<R>,
    kind: ValueType,
    limits: PackedLimits,
    templates: &Templates,
) -> Result<Decoded, ReadError> {
    match kind {
        ValueType::String => read_string(input).map(|string| Decoded::Value(Value::String(string))),
        kind if kind.family() == "hash" => {
            let hash = hash::read(input, kind, limits, templates)?;
            Ok(if hash.is_empty() { Decoded::Empty } else { Decoded::Value(Value::Hash(Box::new(hash))) })
        }
        ValueType::Module2 => read_module(input),
        kind => skip_value(input, kind, templates).map(Decoded::Unknown),
    }
}

fn read_module<R: Read>(input: &mut Reader<R>) -> Result<Decoded, ReadError> {
    let id = input.length()?;
    if let Some(set) = vector_set::read(input, id)? {
        return Ok(Decoded::Value(Value::VectorSet(Arc::new(set))));
    }
    skip_module_fields(input)?;
    Ok(Decoded::Unknown(module::name(id)))
}

fn read_string<R: Read>(input: &mut Reader<R>) -> Result<StringValue, ReadError> {
    let mut text = input.string(MAX_STRING_LEN)?;
    text.shrink_to_fit();
    Ok(StringValue::of_vec(text))
}
