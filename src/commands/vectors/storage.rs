//! Options on the storage of vectors, shared by VADD and VCREATE. The kinds are those of
//! [`CODECS`].

use crate::resp::{Args, Error};
use crate::vector_set::{CODECS, Kind, RERANK_KINDS};

/// Lets [`choose`](super::quant_auto::choose) take the kind.
pub(super) const AUTO: &str = "AUTO";

/// The kind named by the next word.
pub(super) fn kind(args: &mut Args) -> Option<Kind> {
    args.keyword_of(&CODECS.map(|codec| (codec.keyword, codec.kind)))
}

/// The kind after `QUANT`.
pub(super) fn quant(args: &mut Args) -> Result<Kind, Error> {
    kind(args).ok_or_else(|| must_be("QUANT", keywords()))
}

/// The same, or none for [`AUTO`].
pub(super) fn quant_or_auto(args: &mut Args) -> Result<Option<Kind>, Error> {
    match kind(args) {
        None if args.keyword(AUTO) => Ok(None),
        None => Err(must_be("QUANT", keywords().chain([AUTO]))),
        known => Ok(known),
    }
}

/// The kind after `RERANK`.
pub(super) fn rerank(args: &mut Args) -> Result<Kind, Error> {
    let kind = kind(args).filter(|kind| RERANK_KINDS.contains(kind));
    kind.ok_or_else(|| must_be("RERANK", RERANK_KINDS.iter().map(|kind| kind.codec().keyword)))
}

fn keywords() -> impl Iterator<Item = &'static str> {
    CODECS.iter().map(|codec| codec.keyword)
}

fn must_be(word: &str, choices: impl Iterator<Item = &'static str>) -> Error {
    let choices: Vec<_> = choices.collect();
    let (last, others) = choices.split_last().expect("there is something to choose");
    Error::from(format!("ERR invalid {word}, it must be {} or {last}", others.join(", ")))
}
