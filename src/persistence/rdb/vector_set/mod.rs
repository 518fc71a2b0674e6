//! Vector sets ⇄ module values: which form does a set have in a file, and how is it written and
//! read?
//!
//! | form | module type | for |
//! |---|---|---|
//! | Redis' | `vectorset` | sets that use only what Redis has |
//! | our own | `nearhitvs` | all others: Redis refuses the file with the name of the type, and tools skip the value |
//!
//! Both are made of module fields only, so every reader of the format can pass over them. Elements
//! go one by one from the set to the file, and from the file into the set, with the graph as it is:
//! no vector is indexed again.

pub mod cold;
mod own;
mod redis;
pub mod sealed;

use std::io::{self, Read, Write};
use std::sync::Arc;

use super::fault::ReadError;
use super::format::{MAX_STRING_LEN, ValueType};
use super::reader::Reader;
use super::value::Written;
use super::writer::Writer;
use crate::vector_set::restore::{Invalid, Kept, Lists};
use crate::vector_set::{Code, Kind, Limits, Metric, Params, SetOptions, TierDir, VectorSet};
use crate::vector_set::{Element, Frozen, Linked, Spill};

/// The kinds of Redis, by its numbers for them.
const REDIS_KINDS: [Kind; 3] = [Kind::Float32, Kind::Int8, Kind::Binary];

/// Bytes of a name that messages show.
const SHOWN: usize = 64;

/// True if a set like this is written in Redis' form, which has a place for all that there is to
/// say of it. A set that has had deadlines or pins is in ours for the rest of its life: a snapshot
/// of an earlier moment, at which it had some, may still be running. One with limits or indexes of
/// fields is in ours as long as it has some, and a cache always.
pub fn is_redis_form(set: &VectorSet) -> bool {
    let params = set.params();
    REDIS_KINDS.contains(&params.kind())
        && params.metric() == Metric::Cosine
        && params.ef_construction() == Params::DEFAULT_EF
        && params.rerank().is_none()
        && set.options() == SetOptions::default()
        && set.limits() == Limits::default()
        && set.field_specs().is_empty()
        && !set.is_cache()
        && !set.has_had_deadlines()
        && !set.has_had_pins()
}

/// Which links the form of such a set needs: how to freeze it.
pub fn linked(set: &VectorSet) -> Linked {
    if is_redis_form(set) { Linked::Reciprocal } else { Linked::AsTheyAre }
}

impl Written for &Arc<VectorSet> {
    fn value_type(self) -> ValueType {
        ValueType::Module2
    }

    fn write<W: Write>(self, out: &mut Writer<W>) -> io::Result<()> {
        let linked = linked(self);
        write(out, &mut self.freeze_now(linked), &mut Vec::new(), &mut |_| Ok(()))
    }
}

/// What is done between two blocks of elements: a large set takes long.
pub type Between<'b> = dyn FnMut(&mut dyn Spill) -> io::Result<()> + 'b;

/// Writes a set that was frozen with such links as [`linked`] says: the id of its module type, the
/// fields, their end.
pub fn write<W: Write>(
    out: &mut Writer<W>,
    frozen: &mut Frozen,
    spill: &mut dyn Spill,
    between: &mut Between<'_>,
) -> io::Result<()> {
    if frozen.linked() == Linked::Reciprocal {
        out.length(redis::ID)?;
        redis::write_head(out, frozen.set(), frozen.len())?;
        write_elements(out, frozen, spill, between, redis::write_element)?;
    } else {
        out.length(own::ID)?;
        let form = own::write_head(out, frozen, frozen.set().options())?;
        write_elements(out, frozen, spill, between, |out, _, element| form.write_element(out, element))?;
    }
    out.module_end()
}

fn write_elements<W: Write>(
    out: &mut Writer<W>,
    frozen: &mut Frozen,
    spill: &mut dyn Spill,
    between: &mut Between<'_>,
    mut write: impl FnMut(&mut Writer<W>, &Params, &Element) -> io::Result<()>,
) -> io::Result<()> {
    let params = frozen.set().params().clone();
    while frozen.next_block(spill, &mut |element| write(out, &params, &element))? {
        between(spill)?;
    }
    Ok(())
}

/// Reads a set, behind the id of its module type and up to its end. None if that is not the type of
/// a vector set: then nothing has been read.
/// `tier`: for the files of a warm set; without it, the set lies in memory.
pub fn read<R: Read>(
    input: &mut Reader<R>,
    id: u64,
    tier: Option<&Arc<TierDir>>,
) -> Result<Option<VectorSet>, ReadError> {
    let set = match id {
        redis::ID => redis::read(input)?,
        own::ID => own::read(input, tier)?,
        _ => return Ok(None),
    };
    input.module_end()?;
    Ok(Some(set))
}

/// An element that was read, whose memory is used for the next one too.
#[derive(Default)]
struct Hand {
    id: u64,
    name: Vec<u8>,
    attribute: Vec<u8>,
    deadline_ms: Option<i64>,
    is_pinned: bool,
    entry: Vec<u8>,
    links: Lists,
}

impl Hand {
    fn read_name<R: Read>(&mut self, input: &mut Reader<R>) -> Result<(), ReadError> {
        input.module_string_into(MAX_STRING_LEN, &mut self.name)
    }

    fn read_attribute<R: Read>(&mut self, input: &mut Reader<R>) -> Result<(), ReadError> {
        input.module_string_into(MAX_STRING_LEN, &mut self.attribute)
    }

    fn kept<'h>(&'h self, best: Code<'h>, coarse: Option<Code<'h>>) -> Kept<'h> {
        let Self { id, name, attribute, deadline_ms, is_pinned, entry, links } = self;
        let (id, deadline_ms, is_pinned) = (*id, *deadline_ms, *is_pinned);
        Kept { id, name, attribute, deadline_ms, is_pinned, entry, best, coarse, links }
    }

    /// The error of this element, whose item at `offset` is wrong.
    fn invalid(&self, offset: u64, words: &str) -> ReadError {
        let name = self.name[..self.name.len().min(SHOWN)].escape_ascii();
        ReadError::invalid(offset, format!("vector set, element \"{name}\": {words}"))
    }
}

/// The error of what was read last.
fn invalid<R: Read>(input: &Reader<R>, why: &Invalid) -> ReadError {
    ReadError::invalid(input.offset(), why.to_string())
}

/// A number of the head that must be one of these, so that nothing is made of it that would be too
/// large.
fn number<R: Read>(
    input: &mut Reader<R>,
    what: &str,
    range: std::ops::RangeInclusive<usize>,
) -> Result<usize, ReadError> {
    let offset = input.offset();
    let number = input.uint()?;
    let known = usize::try_from(number).ok().filter(|number| range.contains(number));
    known.ok_or_else(|| {
        let least = range.start();
        let most = range.end();
        let words = format!("vector set: {what} is {number}, where {least} to {most} are accepted");
        ReadError::invalid(offset, words)
    })
}

#[cfg(test)]
mod tests;
