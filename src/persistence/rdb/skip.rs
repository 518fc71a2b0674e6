//! Walks over values that have no place here, by their type alone: lists, sets, sorted sets,
//! streams, and modules' values.
//!
//! ```text
//! list                members: length, string …                  quicklist: the strings are ziplists
//! list, quicklist 2   nodes: length, (container: length, string) …
//! set                 members: length, string …
//! zset                members: length, (string, score as text: 1 + its length, or 253 … 255) …
//! zset 2              members: length, (string, score: 8) …
//! packed forms        string
//! stream              nodes: length, (string, string) …
//!                     items, last ms, last seq: lengths
//!                     from 2 on: first ms, first seq, deleted ms, deleted seq, added: lengths
//!                     groups: length, group …
//!                     from 4 on: duration, most entries: lengths, producers: length, producer …, added, duplicates: lengths
//! group               name: string, last ms, last seq: lengths, from 2 on: entries read: length
//!                     pending: length, (id: 16, delivered ms: 8, deliveries: length) …
//!                     consumers: length, consumer …
//!                     from 5 on: given back: length, id: 16 …
//! consumer            name: string, seen: 8, from 3 on: active: 8, pending: length, id: 16 …
//! producer            id: string, entries: length, (iid: string, ms, seq: lengths) …
//! array               items: length, has cursor: length (0 or 1), cursor: length if so, item …
//! item                index: length, kind: 1, string (kinds 0 and 3), or 8 bytes (1: integer, 2: double)
//! ```

use std::io::Read;

use super::fault::ReadError;
use super::format::{ValueType, module};
use super::hash;
use super::reader::Reader;
use super::templates::Templates;
use crate::keyspace::PackedLimits;

/// The length of a score's text that is not one but says that the score is no number, or infinite.
const FIRST_SPECIAL_SCORE: u8 = 253;

const SCORE_LEN: u64 = 8;
const STREAM_ID_LEN: u64 = 16;
const TIME_LEN: u64 = 8;

/// Passes over a value. Returns what TYPE would say of it, or the name of the module type.
pub fn skip_value<R: Read>(
    input: &mut Reader<R>,
    kind: ValueType,
    templates: &Templates,
) -> Result<String, ReadError> {
    use ValueType as Kind;
    match kind {
        Kind::Module2 => return skip_module_value(input),
        Kind::ModulePreGa => {
            return Err(ReadError::invalid(input.offset(), "a module's value in a form before its release"));
        }
        Kind::List | Kind::Set | Kind::ListQuicklist => repeat(input, Reader::skip_string)?,
        Kind::ListQuicklist2 => repeat(input, |input| {
            input.length()?;
            input.skip_string()
        })?,
        Kind::Zset => repeat(input, |input| {
            input.skip_string()?;
            skip_score(input)
        })?,
        Kind::Zset2 => repeat(input, |input| {
            input.skip_string()?;
            input.skip(SCORE_LEN)
        })?,
        Kind::Hash => repeat(input, skip_field)?,
        Kind::HashMetadata | Kind::HashMetadataPreGa => skip_timed_fields(input, kind)?,
        Kind::StreamListpacks => skip_stream(input, 1)?,
        Kind::StreamListpacks2 => skip_stream(input, 2)?,
        Kind::StreamListpacks3 => skip_stream(input, 3)?,
        Kind::StreamListpacks4 => skip_stream(input, 4)?,
        Kind::StreamListpacks5 => skip_stream(input, 5)?,
        Kind::Array => skip_array(input)?,
        // How many strings follow is known from the names alone.
        Kind::HashTemplateListpack | Kind::HashTemplateArray | Kind::HashTemplateArrayRef => {
            hash::read(input, kind, PackedLimits::default(), templates).map(drop)?;
        }
        Kind::ValkeyHash => repeat(input, |input| {
            skip_field(input)?;
            input.skip(TIME_LEN)
        })?,
        Kind::HashListpackEx => {
            input.skip(TIME_LEN)?;
            input.skip_string()?;
        }
        Kind::String | Kind::HashZipmap | Kind::HashZiplist | Kind::HashListpack => input.skip_string()?,
        Kind::HashListpackExPreGa | Kind::ListZiplist => input.skip_string()?,
        Kind::HashTemplateListpackRef => input.skip_string()?,
        Kind::SetIntset | Kind::SetListpack => input.skip_string()?,
        Kind::ZsetZiplist | Kind::ZsetListpack => input.skip_string()?,
    }
    Ok(kind.family().into())
}

/// Passes over the fields of a module up to their end.
pub fn skip_module_fields<R: Read>(input: &mut Reader<R>) -> Result<(), ReadError> {
    loop {
        let offset = input.offset();
        match input.length()? {
            module::END => return Ok(()),
            module::SINT | module::UINT => _ = input.length()?,
            module::FLOAT => input.skip(4)?,
            module::DOUBLE => input.skip(8)?,
            module::STRING => input.skip_string()?,
            unknown => {
                return Err(ReadError::invalid(offset, format!("no module field begins with {unknown}")));
            }
        }
    }
}

/// Passes over the metadata that modules attached to a key.
pub fn skip_key_metadata<R: Read>(input: &mut Reader<R>) -> Result<(), ReadError> {
    const CLASS_LEN: u64 = 4;
    repeat(input, |input| {
        input.skip(CLASS_LEN)?;
        skip_module_fields(input)
    })
}

fn skip_module_value<R: Read>(input: &mut Reader<R>) -> Result<String, ReadError> {
    let id = input.length()?;
    skip_module_fields(input)?;
    Ok(module::name(id))
}

/// A count, and so many items.
fn repeat<R: Read>(
    input: &mut Reader<R>,
    mut skip: impl FnMut(&mut Reader<R>) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    (0..input.length()?).try_for_each(|_| skip(input))
}

fn skip_lengths<R: Read>(input: &mut Reader<R>, count: usize) -> Result<(), ReadError> {
    (0..count).try_for_each(|_| input.length().map(drop))
}

fn skip_score<R: Read>(input: &mut Reader<R>) -> Result<(), ReadError> {
    match input.u8()? {
        FIRST_SPECIAL_SCORE.. => Ok(()),
        len => input.skip(len.into()),
    }
}

fn skip_field<R: Read>(input: &mut Reader<R>) -> Result<(), ReadError> {
    input.skip_string()?;
    input.skip_string()
}

fn skip_timed_fields<R: Read>(input: &mut Reader<R>, kind: ValueType) -> Result<(), ReadError> {
    if kind == ValueType::HashMetadata {
        input.skip(TIME_LEN)?;
    }
    repeat(input, |input| {
        input.length()?;
        skip_field(input)
    })
}

fn skip_stream<R: Read>(input: &mut Reader<R>, form: u8) -> Result<(), ReadError> {
    repeat(input, skip_field)?;
    skip_lengths(input, if form >= 2 { 8 } else { 3 })?;
    repeat(input, |input| skip_group(input, form))?;
    if form >= 4 {
        skip_lengths(input, 2)?;
        repeat(input, skip_producer)?;
        skip_lengths(input, 2)?;
    }
    Ok(())
}

fn skip_group<R: Read>(input: &mut Reader<R>, form: u8) -> Result<(), ReadError> {
    input.skip_string()?;
    skip_lengths(input, if form >= 2 { 3 } else { 2 })?;
    repeat(input, |input| {
        input.skip(STREAM_ID_LEN + TIME_LEN)?;
        input.length().map(drop)
    })?;
    repeat(input, |input| {
        input.skip_string()?;
        input.skip(if form >= 3 { 2 * TIME_LEN } else { TIME_LEN })?;
        repeat(input, |input| input.skip(STREAM_ID_LEN))
    })?;
    if form >= 5 {
        repeat(input, |input| input.skip(STREAM_ID_LEN))?;
    }
    Ok(())
}

fn skip_array<R: Read>(input: &mut Reader<R>) -> Result<(), ReadError> {
    let items = input.length()?;
    if input.length()? != 0 {
        input.length()?;
    }
    (0..items).try_for_each(|_| {
        input.length()?;
        let offset = input.offset();
        match input.u8()? {
            0 | 3 => input.skip_string(),
            1 | 2 => input.skip(8),
            kind => Err(ReadError::invalid(offset, format!("no item of an array is of kind {kind}"))),
        }
    })
}

fn skip_producer<R: Read>(input: &mut Reader<R>) -> Result<(), ReadError> {
    input.skip_string()?;
    repeat(input, |input| {
        input.skip_string()?;
        skip_lengths(input, 2)
    })
}
