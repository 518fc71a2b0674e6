//! Redis' form of a vector set: module type `vectorset`, version 0.
//!
//! ```text
//! set       UINT dimension                               after projection
//!           UINT elements
//!           UINT kind | M << 8                           kind: 0 float32, 1 int8, 2 binary; M 0: 16
//!           UINT flags                                   1: projection, 2: attributes
//!           [UINT input dimension
//!            STRING matrix]                              float32 …, row by row
//!           element …
//! element   STRING name
//!           [STRING attribute]                           empty: none
//!           STRING components                            float32 …, int8 …, or words of 64 bits
//!           UINT n   n × UINT:                           n: how many follow
//!              id                                        by which others link to it
//!              layout << 24 | level                      layout 1, or 0
//!              for each layer from 0 on:
//!                 links   maximum of links   id …
//!                 [worst distance as bits of a float32 << 32 | its place]        in layout 1
//!              range as bits of a float32 << 32 | norm as bits of a float32
//! ```
//!
//! All that is read is in the range that Redis has, or it is refused; see
//! [`crate::vector_set::restore`] for what is checked of elements and links. Redis also refuses
//! links that go one way only; here they are taken, as the graph is directed. What is written:
//! always flag 2, layout 0 (so Redis finds the worst links itself), a range of 0 where the kind has
//! none, and links that go both ways.

use std::io::{self, Read, Write};

use super::{Hand, REDIS_KINDS, invalid, number};
use crate::persistence::rdb::fault::ReadError;
use crate::persistence::rdb::format::module;
use crate::persistence::rdb::reader::Reader;
use crate::persistence::rdb::writer::Writer;
use crate::vector_set::Element;
use crate::vector_set::restore::{Outline, Restored};
use crate::vector_set::{
    Code, MAX_DIM, MAX_M, MIN_M, Metric, Params, Residence, SetOptions, Tier, VectorSet,
};

/// Of the module type.
pub(super) const ID: u64 = module::id(b"vectorset", 0);

const PROJECTION: u64 = 1;
const ATTRIBUTES: u64 = 2;
/// The most links of a list in a file, as Redis has it.
const MOST_LINKS: u64 = 16_384;
/// The highest level of an element in a file, as Redis has it.
const HIGHEST_LEVEL: u64 = 15;
/// Longer matrices are not compressed.
const COMPRESSED_MATRIX: usize = 4 << 20;
/// What new elements' levels begin with: files do not say.
const SEED: u64 = 0;

/// What is before the elements.
pub(super) fn write_head<W: Write>(out: &mut Writer<W>, set: &VectorSet, len: usize) -> io::Result<()> {
    let params = set.params();
    let kind =
        REDIS_KINDS.iter().position(|&kind| kind == params.kind()).ok_or(io::ErrorKind::InvalidInput)?;
    out.uint(params.dim() as u64)?;
    out.uint(len as u64)?;
    out.uint(kind as u64 | (params.m() as u64) << 8)?;
    let Some(input_dim) = params.input_dim() else { return out.uint(ATTRIBUTES) };
    out.uint(PROJECTION | ATTRIBUTES)?;
    out.uint(input_dim as u64)?;
    write_matrix(out, set, input_dim * params.dim() * size_of::<f32>())
}

/// The matrix of a set's projection, as one string of so many bytes.
pub(super) fn write_matrix<W: Write>(out: &mut Writer<W>, set: &VectorSet, len: usize) -> io::Result<()> {
    let bytes = |row: &[f32]| row.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    let rows = (0..set.params().dim()).filter_map(|i| set.projection_row(i));
    if len <= COMPRESSED_MATRIX {
        return out.module_string(&rows.flat_map(|row| bytes(&row)).collect::<Vec<u8>>());
    }
    out.length(module::STRING)?;
    out.length(len as u64)?;
    rows.map(|row| bytes(&row)).try_for_each(|row| out.raw(&row))
}

pub(super) fn write_element<W: Write>(
    out: &mut Writer<W>,
    params: &Params,
    element: &Element,
) -> io::Result<()> {
    out.module_string(element.name)?;
    out.module_string(element.attribute)?;
    out.module_blob(element.best.body)?;
    let links: usize = element.links.iter().map(|links| 2 + links.len()).sum();
    out.uint(2 + links as u64 + 1)?;
    out.uint(id(element.slot))?;
    out.uint(element.links.len() as u64 - 1)?;
    for (layer, links) in element.links.iter().enumerate() {
        out.uint(links.len() as u64)?;
        out.uint(if layer == 0 { 2 * params.m() } else { params.m() } as u64)?;
        links.iter().try_for_each(|&link| out.uint(id(link)))?;
    }
    let bits = |at: usize| element.best.head.get(at..at + 4).map_or(0, le_bits);
    out.uint(bits(4) << 32 | bits(0))
}

/// Of a slot.
fn id(slot: u32) -> u64 {
    u64::from(slot) + 1
}

fn le_bits(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |bits, &byte| bits << 8 | u64::from(byte))
}

/// Reads a set up to the end of its elements.
pub(super) fn read<R: Read>(input: &mut Reader<R>) -> Result<VectorSet, ReadError> {
    let (params, len, flags) = read_params(input)?;
    let matrix = read_matrix(input, &params)?;
    let options = SetOptions::default();
    let outline = Outline {
        params,
        options,
        seed: SEED,
        codebook: None,
        matrix: matrix.as_deref(),
        residence: Residence::Memory,
        tier: Tier::Hot,
        cache: None,
    };
    let mut restored = Restored::new(outline).map_err(|why| invalid(input, &why))?;
    let format = restored.best_format().clone();
    let mut hand = Hand::default();
    let mut body = Vec::new();
    let mut last_id = 0;
    for _ in 0..len {
        hand.read_name(input)?;
        if flags & ATTRIBUTES != 0 {
            hand.read_attribute(input)?;
        }
        input.module_string_into(format.body_bytes(), &mut body)?;
        let (norm, range) = read_numbers(input, &mut hand)?;
        let head = format.head(norm, range);
        last_id = last_id.max(hand.id);
        let kept = hand.kept(Code { head: &head, body: &body }, None);
        restored.add(&kept).map_err(|why| invalid(input, &why))?;
    }
    restored.finish(last_id).map_err(|why| invalid(input, &why))
}

/// Also how many elements there are, and the flags.
fn read_params<R: Read>(input: &mut Reader<R>) -> Result<(Params, usize, u64), ReadError> {
    let dim = number(input, "its dimension", 1..=MAX_DIM)?;
    let len = number(input, "its number of elements", 1..=usize::MAX)?;
    let offset = input.offset();
    let word = input.uint()?;
    let kind = usize::try_from(word & 0xff).ok().and_then(|kind| REDIS_KINDS.get(kind)).copied();
    let kind = kind.ok_or_else(|| ReadError::invalid(offset, "vector set: an unknown quantisation"))?;
    let m = if word >> 8 == 0 { Params::DEFAULT_M as u64 } else { word >> 8 };
    let params = usize::try_from(m).ok().and_then(|m| {
        Params::new(dim).and_then(|params| params.with_format(kind, Metric::Cosine)?.with_m(m)).ok()
    });
    let params = params.ok_or_else(|| {
        let words = format!("vector set: M is {m}, where {MIN_M} to {MAX_M} are accepted");
        ReadError::invalid(offset, words)
    })?;
    let flags = input.uint()?;
    if flags & PROJECTION == 0 {
        return Ok((params, len, flags));
    }
    let input_dim = number(input, "its dimension before projection", 1..=MAX_DIM)?;
    let params = params.with_projection(input_dim).expect("a dimension in range");
    Ok((params, len, flags))
}

/// The bytes of the matrix, if there is a projection.
pub(super) fn read_matrix<R: Read>(
    input: &mut Reader<R>,
    params: &Params,
) -> Result<Option<Vec<u8>>, ReadError> {
    let Some(input_dim) = params.input_dim() else { return Ok(None) };
    input.module_string(input_dim * params.dim() * size_of::<f32>()).map(Some)
}

/// The numbers of an element: id and links into the hand; norm and range are returned.
fn read_numbers<R: Read>(input: &mut Reader<R>, hand: &mut Hand) -> Result<(f32, f32), ReadError> {
    let offset = input.offset();
    let left = input.uint()?;
    let mut numbers = Numbers { input, left, offset };
    hand.id = numbers.next()?;
    let word = numbers.next()?;
    let layout = word >> 24;
    let level = word & 0xff;
    if layout > 1 {
        return Err(hand.invalid(offset, "a layout that is not known"));
    }
    if hand.id == 0 {
        return Err(hand.invalid(offset, "an id of 0, which is that of no element"));
    }
    if level > HIGHEST_LEVEL {
        return Err(hand.invalid(offset, "a level that no element has"));
    }
    hand.links.clear();
    for _ in 0..=level {
        read_list(&mut numbers, layout == 1, hand)?;
    }
    let word = numbers.next()?;
    while numbers.left > 0 {
        numbers.next()?;
    }
    Ok((f32::from_bits(word as u32), f32::from_bits((word >> 32) as u32)))
}

fn read_list<R: Read>(numbers: &mut Numbers<R>, has_worst: bool, hand: &mut Hand) -> Result<(), ReadError> {
    let len = numbers.next()?;
    let most = numbers.next()?;
    if len > most || most > MOST_LINKS {
        return Err(hand.invalid(numbers.offset, "a list of more links than it may have"));
    }
    hand.links.begin();
    for _ in 0..len {
        hand.links.push(numbers.next()?);
    }
    if has_worst && u64::from(numbers.next()? as u32) >= len.max(1) {
        return Err(hand.invalid(numbers.offset, "the worst of its links is none of them"));
    }
    Ok(())
}

/// Numbers of which so many are left.
struct Numbers<'r, R> {
    input: &'r mut Reader<R>,
    left: u64,
    offset: u64,
}

impl<R: Read> Numbers<'_, R> {
    fn next(&mut self) -> Result<u64, ReadError> {
        let left = self.left.checked_sub(1);
        self.left = left.ok_or_else(|| ReadError::invalid(self.offset, "vector set: too few numbers"))?;
        self.input.uint()
    }
}
