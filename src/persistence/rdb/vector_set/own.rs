//! Our own form of a vector set: module type `nearhitvs`, version 0. It says what Redis' form
//! cannot.
//!
//! ```text
//! set       UINT dimension                               after projection
//!           UINT input dimension                         0: no projection
//!           STRING kind                                  the words that commands use: Q8, F16, RQ2, PQ …
//!           STRING kind of the finer copy                empty: none
//!           STRING metric                                COSINE, L2, IP
//!           UINT M   UINT EF
//!           UINT flags                                   1: may be empty (VCREATE)
//!                                                        2: kind chosen by memory
//!                                                        4: elements have a coarse code besides
//!                                                        8: codebook              16: matrix
//!                                                        32: elements have deadlines
//!                                                        64: limits
//!                                                        128: elements have flags
//!                                                        256: indexes of fields   512: warm
//!                                                        1024: a cache
//!           UINT seed                                    what the levels of new elements come from
//!           UINT slots given to elements in its life
//!           UINT elements
//!           [UINT lifetime]                              of new elements, in milliseconds; 0: no end
//!           [UINT most elements   UINT most bytes]       0: no limit
//!           [STRING policy]                              which elements make room: lru, lfu, ttl …
//!           [UINT indexes]                               then for each:
//!             [STRING field   STRING kind                KEYWORD, NUMERIC, TEXT, GEO
//!              STRING language]                          of its words; empty: they are not stemmed
//!           [UINT fields   STRING field …              of the scope of a cache
//!            STRING secret                             for tokens, 16 bytes
//!            UINT accepted share of errors             in billionths; 0: none
//!            STRING what was learnt]                   see `vector_set::entries::state`
//!           [STRING codebook]                            see `Codebook::to_bytes`
//!           [STRING matrix]                              float32 …, row by row; none: the one that REDUCE makes
//!           element …
//! element   UINT slot                                    rising
//!           STRING name
//!           STRING attribute                             empty: none
//!           [UINT deadline]                              in milliseconds since 1970; 0: none
//!           [UINT flags]                                 1: pinned, not to be evicted
//!           [STRING entry]                               of a cache; see `vector_set::entries::state`
//!           STRING best code                             head, components (see `crate::quantization`)
//!           [STRING coarse code]
//!           STRING links                                 for each layer from 0 on: [links][slot …]
//! ```
//!
//! The best code is of the finer copy's kind, if there is one; else of the set's own kind; but of a
//! kind that learns and has not (no codebook), it is what such a set keeps meanwhile, Q8. Slots may
//! have gaps.
//!
//! *Links* are directed, and rise in each list: the first slot, and then the distance from one to
//! the next. All numbers in that string have seven bits in each byte, the lowest first, the eighth
//! bit set in all but the last (LEB128).
//!
//! *Limits* and *indexes* are those at the time of writing, which may be later than the moment that
//! the elements are of: the log behind that moment has the change anyway. What indexes have is read
//! from the attributes again.
//!
//! What is added to this drawing gets a flag of its own, and unknown flags are refused. Whatever
//! else changes gets another version of the module type.

use std::io::{self, Read, Write};
use std::sync::Arc;

use super::redis::{read_matrix, write_matrix};
use super::{Hand, invalid, number};
use crate::persistence::rdb::fault::ReadError;
use crate::persistence::rdb::format::{MAX_STRING_LEN, module};
use crate::persistence::rdb::reader::Reader;
use crate::persistence::rdb::writer::Writer;
use crate::vector_set::filter::{MAX_PATH_BYTES, Path};
use crate::vector_set::restore::{Lists, Outline, Restored};
use crate::vector_set::{
    CODECS, Code, Codebook, Format, InvalidParams, Kind, Limits, MAX_DEADLINE_MS, MAX_DIM, MAX_EF, MAX_M,
    MAX_TTL_MS, MIN_M, Metric, Params, Residence, SetOptions, SetPolicy, Tier, TierDir, VectorSet,
};
use crate::vector_set::{CacheOutline, CacheRules, MAX_SCOPE, MOST_LEARNING_BYTES, Share};
use crate::vector_set::{Element, Frozen, Links};
use crate::vector_set::{FieldKind, FieldSpec, Language, MAX_FIELDS};

/// Of the module type.
pub(super) const ID: u64 = module::id(b"nearhitvs", 0);

const KEPT: u64 = 1;
const CHOSEN_BY_MEMORY: u64 = 2;
const COARSE: u64 = 4;
const CODEBOOK: u64 = 8;
const MATRIX: u64 = 16;
const DEADLINES: u64 = 32;
const LIMITS: u64 = 64;
const ELEMENT_FLAGS: u64 = 128;
const FIELDS: u64 = 256;
const WARM: u64 = 512;
const CACHE: u64 = 1024;
/// Finer codes of all elements are to lie in files.
const STAYS_WARM: u64 = 2048;
/// It lies in files until there is memory for it.
const DEMOTED: u64 = 4096;
const FLAGS: u64 = KEPT
    | CHOSEN_BY_MEMORY
    | COARSE
    | CODEBOOK
    | MATRIX
    | DEADLINES
    | LIMITS
    | ELEMENT_FLAGS
    | FIELDS
    | WARM
    | CACHE
    | STAYS_WARM
    | DEMOTED;
/// The longest name of an indexed field: two paths.
const MAX_FIELD: usize = 2 * MAX_PATH_BYTES + 2;
/// The only flag of an element.
const PINNED: u64 = 1;
/// Of a secret.
const SECRET_BYTES: usize = 16;
/// The longest word.
const MAX_WORD: usize = 16;
/// The highest limit: it is shown as a signed number.
const MAX_LIMIT: u64 = i64::MAX as u64;

/// What the elements of a file have, as its head says.
pub(super) struct Form {
    has_deadlines: bool,
    has_flags: bool,
    is_cache: bool,
}

/// What is before the elements, with these options of the set.
pub(super) fn write_head<W: Write>(
    out: &mut Writer<W>,
    frozen: &Frozen,
    options: SetOptions,
) -> io::Result<Form> {
    let set = frozen.set();
    let params = frozen.set().params();
    let codebook = frozen.codebook();
    let limits = set.limits();
    let has_limits = limits != Limits { tier: limits.tier, ..Limits::default() };
    let fields = set.field_specs();
    let has_matrix = set.has_matrix();
    let rules = set.cache_rules();
    let form = Form {
        has_deadlines: set.has_had_deadlines(),
        has_flags: set.has_had_pins(),
        is_cache: rules.is_some(),
    };
    let flag = |is_set, flag| if is_set { flag } else { 0 };
    out.uint(params.dim() as u64)?;
    out.uint(params.input_dim().unwrap_or(0) as u64)?;
    out.module_string(params.kind().codec().keyword.as_bytes())?;
    out.module_string(params.rerank().map_or("", |kind| kind.codec().keyword).as_bytes())?;
    out.module_string(params.metric().name().as_bytes())?;
    out.uint(params.m() as u64)?;
    out.uint(params.ef_construction() as u64)?;
    out.uint(
        flag(options.may_be_empty, KEPT)
            | flag(options.has_chosen_kind, CHOSEN_BY_MEMORY)
            | flag(frozen.has_coarse(), COARSE)
            | flag(codebook.is_some(), CODEBOOK)
            | flag(has_matrix, MATRIX)
            | flag(form.has_deadlines, DEADLINES)
            | flag(has_limits, LIMITS)
            | flag(form.has_flags, ELEMENT_FLAGS)
            | flag(!fields.is_empty(), FIELDS)
            | flag(options.is_warm, WARM)
            | flag(options.is_demoted, DEMOTED)
            | flag(form.is_cache, CACHE)
            | flag(limits.tier == Tier::Warm, STAYS_WARM),
    )?;
    out.uint(set.seed())?;
    out.uint(set.reserved())?;
    out.uint(frozen.len() as u64)?;
    if has_limits {
        write_limits(out, &limits)?;
    }
    if !fields.is_empty() {
        write_fields(out, &fields)?;
    }
    if let Some(rules) = rules {
        write_cache(out, &rules, frozen.learning())?;
    }
    if let Some(codebook) = codebook {
        out.module_blob(&codebook.to_bytes())?;
    }
    if let Some(input_dim) = params.input_dim().filter(|_| has_matrix) {
        write_matrix(out, set, input_dim * params.dim() * size_of::<f32>())?;
    }
    Ok(form)
}

fn write_fields<W: Write>(out: &mut Writer<W>, fields: &[FieldSpec]) -> io::Result<()> {
    out.uint(fields.len() as u64)?;
    for field in fields {
        out.module_string(&field.name)?;
        out.module_string(field.kind.name().as_bytes())?;
        out.module_string(field.language.map_or("", Language::name).as_bytes())?;
    }
    Ok(())
}

fn write_cache<W: Write>(out: &mut Writer<W>, rules: &CacheRules, learning: &[u8]) -> io::Result<()> {
    out.uint(rules.scope.len() as u64)?;
    rules.scope.iter().try_for_each(|field| out.module_string(field.as_bytes()))?;
    out.module_string(&rules.secret)?;
    out.uint(rules.max_error.map_or(0, |share| share.billionths().into()))?;
    out.module_blob(learning)
}

fn write_limits<W: Write>(out: &mut Writer<W>, limits: &Limits) -> io::Result<()> {
    for limit in [limits.ttl_ms, limits.max_elements, limits.max_bytes] {
        out.uint(limit.unwrap_or(0))?;
    }
    out.module_string(limits.policy.name().as_bytes())
}

impl Form {
    pub(super) fn write_element<W: Write>(&self, out: &mut Writer<W>, element: &Element) -> io::Result<()> {
        out.uint(element.slot.into())?;
        out.module_string(element.name)?;
        out.module_string(element.attribute)?;
        if self.has_deadlines {
            out.uint(element.deadline_ms.unwrap_or(0) as u64)?;
        }
        if self.has_flags {
            out.uint(if element.is_pinned { PINNED } else { 0 })?;
        }
        if self.is_cache {
            out.module_string(element.entry)?;
        }
        write_code(out, element.best)?;
        element.coarse.map_or(Ok(()), |code| write_code(out, code))?;
        out.module_blob(&packed(element.links))
    }
}

fn write_code<W: Write>(out: &mut Writer<W>, Code { head, body }: Code) -> io::Result<()> {
    out.length(module::STRING)?;
    out.length((head.len() + body.len()) as u64)?;
    out.raw(head)?;
    out.raw(body)
}

fn packed(links: &[Links]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for links in links {
        put(&mut bytes, links.len() as u64);
        let mut before = 0;
        for &link in links {
            put(&mut bytes, u64::from(link - before));
            before = link;
        }
    }
    bytes
}

fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// None if these are no lists. An empty string is no list at all.
fn unpack(mut bytes: &[u8], lists: &mut Lists) -> Option<()> {
    lists.clear();
    while !bytes.is_empty() {
        lists.begin();
        let len = take(&mut bytes)?;
        let mut slot = 0u64;
        for place in 0..len {
            let step = take(&mut bytes)?;
            slot = slot.checked_add(step).filter(|_| place == 0 || step > 0)?;
            lists.push(slot);
        }
    }
    Some(())
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        number |= bits.checked_shl(shift).filter(|shifted| shifted >> shift == bits)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// What is before the elements.
pub(super) struct Head {
    pub(super) params: Params,
    flags: u64,
    pub(super) options: SetOptions,
    pub(super) seed: u64,
    pub(super) reserved: u64,
    len: usize,
    pub(super) limits: Limits,
    pub(super) fields: Vec<FieldSpec>,
    pub(super) cache: Option<CacheOutline>,
    pub(super) codebook: Option<Arc<Codebook>>,
    pub(super) matrix: Option<Vec<u8>>,
}

/// Reads up to the elements.
pub(super) fn read_head<R: Read>(input: &mut Reader<R>) -> Result<Head, ReadError> {
    let params = read_params(input)?;
    let flags = read_flags(input)?;
    let options = SetOptions {
        may_be_empty: flags & KEPT != 0,
        has_chosen_kind: flags & CHOSEN_BY_MEMORY != 0,
        is_warm: flags & WARM != 0,
        is_demoted: flags & DEMOTED != 0,
    };
    let seed = input.uint()?;
    let reserved = input.uint()?;
    let least = if options.may_be_empty { 0 } else { 1 };
    let len = number(input, "its number of elements", least..=usize::MAX)?;
    let limits = if flags & LIMITS == 0 { Limits::default() } else { read_limits(input)? };
    let wanted = if flags & STAYS_WARM == 0 { Tier::Hot } else { Tier::Warm };
    let limits = Limits { tier: wanted, ..limits };
    let fields = if flags & FIELDS == 0 { Vec::new() } else { read_fields(input)? };
    let cache = if flags & CACHE == 0 { None } else { Some(read_cache(input)?) };
    let codebook = if flags & CODEBOOK == 0 { None } else { Some(Arc::new(read_codebook(input, &params)?)) };
    let matrix = if flags & MATRIX == 0 { None } else { read_matrix(input, &params)? };
    Ok(Head { params, flags, options, seed, reserved, len, limits, fields, cache, codebook, matrix })
}

/// Reads a set up to the end of its elements.
/// `tier`: for the files of a warm one.
pub(super) fn read<R: Read>(
    input: &mut Reader<R>,
    tier: Option<&Arc<TierDir>>,
) -> Result<VectorSet, ReadError> {
    let head = read_head(input)?;
    let Head { params, flags, options, seed, reserved, len, limits, fields, cache, codebook, matrix } = head;
    let is_cache = cache.is_some();
    let residence = Residence::of(tier, options.is_warm);
    let matrix_bytes = matrix.as_deref();
    let wanted = limits.tier;
    let outline =
        Outline { params, options, seed, codebook, matrix: matrix_bytes, residence, tier: wanted, cache };
    let mut restored = Restored::new(outline).map_err(|why| invalid(input, &why))?;
    drop(matrix);
    let best = restored.best_format().clone();
    let coarse = restored.coarse_format().filter(|_| flags & COARSE != 0).cloned();
    let mut hand = Hand::default();
    let mut links = Vec::new();
    let mut best_code = Vec::new();
    let mut coarse_code = Vec::new();
    for _ in 0..len {
        hand.id = input.uint()?;
        hand.read_name(input)?;
        hand.read_attribute(input)?;
        hand.deadline_ms = if flags & DEADLINES == 0 { None } else { read_deadline(input, &hand)? };
        hand.is_pinned = flags & ELEMENT_FLAGS != 0 && read_is_pinned(input, &hand)?;
        if is_cache {
            input.module_string_into(MAX_STRING_LEN, &mut hand.entry)?;
        }
        let best = read_code(input, &best, &mut best_code, &hand)?;
        let coarse =
            coarse.as_ref().map(|format| read_code(input, format, &mut coarse_code, &hand)).transpose()?;
        read_links(input, &mut links, &mut hand)?;
        restored.add(&hand.kept(best, coarse)).map_err(|why| invalid(input, &why))?;
    }
    let set = restored.finish(reserved).map_err(|why| invalid(input, &why))?;
    Ok(set.with_limits(limits).with_fields(fields))
}

fn read_fields<R: Read>(input: &mut Reader<R>) -> Result<Vec<FieldSpec>, ReadError> {
    let count = number(input, "its number of indexes", 1..=MAX_FIELDS)?;
    let mut fields: Vec<FieldSpec> = Vec::with_capacity(count);
    for _ in 0..count {
        let offset = input.offset();
        let name = input.module_string(MAX_FIELD)?;
        let kind = FieldKind::parse(&input.module_string(MAX_WORD)?);
        let language = input.module_string(MAX_WORD)?;
        let unknown = || ReadError::invalid(offset, "vector set: an index of a field that cannot be had");
        let stemming =
            if language.is_empty() { None } else { Some(Language::parse(&language).ok_or_else(unknown)?) };
        let field = FieldSpec::new(&name, kind.ok_or_else(unknown)?, stemming).map_err(|_| unknown())?;
        if fields.iter().any(|other| other.name == field.name) {
            return Err(unknown());
        }
        fields.push(field);
    }
    Ok(fields)
}

fn read_cache<R: Read>(input: &mut Reader<R>) -> Result<CacheOutline, ReadError> {
    let count = number(input, "its number of fields of a scope", 0..=MAX_SCOPE)?;
    let offset = input.offset();
    let wrong = || ReadError::invalid(offset, "vector set: what it is as a cache is none");
    let mut scope = Vec::with_capacity(count);
    for _ in 0..count {
        let field = input.module_string(MAX_PATH_BYTES)?;
        scope.push(Path::parse(&field).map_err(|_| wrong())?);
    }
    let secret = input.module_string(SECRET_BYTES)?;
    let secret = <[u8; SECRET_BYTES]>::try_from(&secret[..]).map_err(|_| wrong())?;
    let share = input.uint()?;
    let max_error = Share::from_billionths(share);
    if share != 0 && max_error.is_none() {
        return Err(wrong());
    }
    let learning = input.module_string(MOST_LEARNING_BYTES)?;
    Ok(CacheOutline { rules: CacheRules { scope, secret, max_error }, learning })
}

fn read_limits<R: Read>(input: &mut Reader<R>) -> Result<Limits, ReadError> {
    let offset = input.offset();
    let limits = [input.uint()?, input.uint()?, input.uint()?];
    let [ttl_ms, max_elements, max_bytes] = limits.map(|limit| Some(limit).filter(|&limit| limit != 0));
    let word = input.module_string(MAX_WORD)?;
    let policy = SetPolicy::ALL.iter().find(|(name, _)| name.as_bytes() == word).map(|(_, policy)| *policy);
    let policy = policy.filter(|_| limits[0] <= MAX_TTL_MS && limits[1..].iter().all(|&n| n <= MAX_LIMIT));
    let policy = policy.ok_or_else(|| ReadError::invalid(offset, "vector set: its limits are none"))?;
    Ok(Limits { ttl_ms, max_elements, max_bytes, policy, tier: Tier::Hot })
}

fn read_params<R: Read>(input: &mut Reader<R>) -> Result<Params, ReadError> {
    let dim = number(input, "its dimension", 1..=MAX_DIM)?;
    let input_dim = number(input, "its dimension before projection", 0..=MAX_DIM)?;
    let offset = input.offset();
    let words =
        [input.module_string(MAX_WORD)?, input.module_string(MAX_WORD)?, input.module_string(MAX_WORD)?];
    let m = number(input, "M", MIN_M..=MAX_M)?;
    let ef = number(input, "EF", 1..=MAX_EF)?;
    let unknown =
        || ReadError::invalid(offset, "vector set: a kind or a metric that is not known, or cannot be had");
    let [kind, rerank, metric] = words;
    let kind = kind_of(&kind).ok_or_else(unknown)?;
    let rerank = if rerank.is_empty() { None } else { Some(kind_of(&rerank).ok_or_else(unknown)?) };
    let metric = Metric::ALL.iter().find(|(_, name)| name.as_bytes() == metric).ok_or_else(unknown)?.0;
    let params = || -> Result<Params, InvalidParams> {
        let params = Params::new(dim)?.with_format(kind, metric)?.with_m(m)?.with_ef(ef)?;
        let params = rerank.map_or(Ok(params.clone()), |rerank| params.with_rerank(rerank))?;
        if input_dim == 0 { Ok(params) } else { params.with_projection(input_dim) }
    };
    params().map_err(|_| unknown())
}

fn kind_of(word: &[u8]) -> Option<Kind> {
    CODECS.iter().find(|codec| codec.keyword.as_bytes() == word).map(|codec| codec.kind)
}

fn read_flags<R: Read>(input: &mut Reader<R>) -> Result<u64, ReadError> {
    let offset = input.offset();
    let flags = input.uint()?;
    if flags & !FLAGS != 0 {
        return Err(ReadError::invalid(
            offset,
            format!("vector set: flags {flags:#x}, of which some are unknown"),
        ));
    }
    Ok(flags)
}

fn read_codebook<R: Read>(input: &mut Reader<R>, params: &Params) -> Result<Codebook, ReadError> {
    let offset = input.offset();
    let bytes = input.module_string(Codebook::most_bytes(params.dim()))?;
    let codebook = Codebook::from_bytes(params.dim(), &bytes);
    codebook.ok_or_else(|| ReadError::invalid(offset, "vector set: its codebook is none"))
}

fn read_deadline<R: Read>(input: &mut Reader<R>, hand: &Hand) -> Result<Option<i64>, ReadError> {
    let offset = input.offset();
    let at_ms = i64::try_from(input.uint()?).ok().filter(|&at_ms| at_ms <= MAX_DEADLINE_MS);
    let at_ms = at_ms.ok_or_else(|| hand.invalid(offset, "a deadline that is too late"))?;
    Ok(Some(at_ms).filter(|&at_ms| at_ms != 0))
}

fn read_is_pinned<R: Read>(input: &mut Reader<R>, hand: &Hand) -> Result<bool, ReadError> {
    let offset = input.offset();
    match input.uint()? {
        0 => Ok(false),
        PINNED => Ok(true),
        _ => Err(hand.invalid(offset, "flags of which some are unknown")),
    }
}

/// A code of this format, in `bytes`.
fn read_code<'c, R: Read>(
    input: &mut Reader<R>,
    format: &Format,
    bytes: &'c mut Vec<u8>,
    hand: &Hand,
) -> Result<Code<'c>, ReadError> {
    let offset = input.offset();
    input.module_string_into(format.code_bytes(), bytes)?;
    if bytes.len() < format.code_bytes() {
        return Err(hand.invalid(offset, "a vector of another size"));
    }
    let (head, body) = bytes.split_at(format.head_bytes());
    Ok(Code { head, body })
}

fn read_links<R: Read>(input: &mut Reader<R>, bytes: &mut Vec<u8>, hand: &mut Hand) -> Result<(), ReadError> {
    let offset = input.offset();
    input.module_string_into(MAX_STRING_LEN, bytes)?;
    unpack(bytes, &mut hand.links).ok_or_else(|| hand.invalid(offset, "its lists of links are none"))
}
