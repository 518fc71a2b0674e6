//! An element as it was before a writer changed it: copied into one block of bytes.
//!
//! ```text
//! [slot: u32] [deadline: u64, 0: none] [pinned: u32, 0 or 1]
//! [length: u32][name] [length: u32][attribute] [length: u32][entry]
//! [length: u32][head of the best code] [length: u32][its body]     the same of the coarse code; empty: none
//! [layers: u32] per layer [count: u32][link: u32 …]
//! ```
//!
//! The block goes through the spill as it is, and never into a file that lasts.

use std::io;

use super::{Element, Links};
use crate::quantization::Code;

/// Such an element.
pub(super) struct BeforeImage(Box<[u8]>);

/// Its parts.
#[derive(Debug, PartialEq)]
pub(super) struct Parts<'h> {
    pub(super) slot: u32,
    pub(super) name: &'h [u8],
    pub(super) attribute: &'h [u8],
    pub(super) deadline_ms: Option<i64>,
    pub(super) is_pinned: bool,
    pub(super) entry: &'h [u8],
    pub(super) best: Code<'h>,
    pub(super) coarse: Option<Code<'h>>,
    pub(super) links: Vec<Links>,
}

impl Parts<'_> {
    pub(super) fn element(&self) -> Element<'_> {
        let Self { slot, name, attribute, deadline_ms, is_pinned, entry, best, coarse, ref links } = *self;
        Element { slot, name, attribute, deadline_ms, is_pinned, entry, best, coarse, links }
    }
}

impl BeforeImage {
    pub(super) fn new(parts: &Parts) -> Self {
        let coarse = parts.coarse.unwrap_or(Code { head: &[], body: &[] });
        let Code { head, body } = parts.best;
        let fields = [parts.name, parts.attribute, parts.entry, head, body, coarse.head, coarse.body];
        let words = 5 + fields.len() + parts.links.iter().map(|links| 1 + links.len()).sum::<usize>();
        let bytes = fields.iter().map(|field| field.len()).sum::<usize>();
        let mut block = Vec::with_capacity(bytes + words * size_of::<u32>());
        put(&mut block, parts.slot);
        block.extend_from_slice(&parts.deadline_ms.unwrap_or(0).to_le_bytes());
        put(&mut block, parts.is_pinned.into());
        for field in fields {
            put(&mut block, field.len() as u32);
            block.extend_from_slice(field);
        }
        put(&mut block, parts.links.len() as u32);
        for links in &parts.links {
            put(&mut block, links.len() as u32);
            links.iter().for_each(|&link| put(&mut block, link));
        }
        Self(block.into())
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads the block that `bytes` begin with, and moves them behind it.
    pub(super) fn read<'h>(bytes: &mut &'h [u8]) -> io::Result<Parts<'h>> {
        let slot = word(bytes)?;
        let deadline_ms = Some(long(bytes)?).filter(|&at_ms| at_ms != 0);
        let is_pinned = word(bytes)? != 0;
        let name = field(bytes)?;
        let attribute = field(bytes)?;
        let entry = field(bytes)?;
        let best = Code { head: field(bytes)?, body: field(bytes)? };
        let coarse = Code { head: field(bytes)?, body: field(bytes)? };
        let layers = word(bytes)?;
        let links = (0..layers).map(|_| links(bytes)).collect::<io::Result<_>>()?;
        let coarse = (!coarse.body.is_empty()).then_some(coarse);
        Ok(Parts { slot, name, attribute, deadline_ms, is_pinned, entry, best, coarse, links })
    }
}

fn put(block: &mut Vec<u8>, word: u32) {
    block.extend_from_slice(&word.to_le_bytes());
}

fn word(bytes: &mut &[u8]) -> io::Result<u32> {
    let (word, rest) = bytes.split_first_chunk().ok_or(io::ErrorKind::UnexpectedEof)?;
    *bytes = rest;
    Ok(u32::from_le_bytes(*word))
}

fn long(bytes: &mut &[u8]) -> io::Result<i64> {
    let (long, rest) = bytes.split_first_chunk().ok_or(io::ErrorKind::UnexpectedEof)?;
    *bytes = rest;
    Ok(i64::from_le_bytes(*long))
}

fn field<'h>(bytes: &mut &'h [u8]) -> io::Result<&'h [u8]> {
    let len = word(bytes)? as usize;
    Ok(bytes.split_off(..len).ok_or(io::ErrorKind::UnexpectedEof)?)
}

fn links(bytes: &mut &[u8]) -> io::Result<Links> {
    let count = word(bytes)? as usize;
    let words = bytes.split_off(..count * size_of::<u32>()).ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok(words.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_as_it_was_and_short_ones_are_refused() {
        let best = Code { head: &[1, 2, 3, 4], body: &[5; 9] };
        for coarse in [None, Some(Code { head: &[], body: &[6; 3] })] {
            let links = vec![vec![1, 2, 3], vec![], vec![9]];
            let deadline_ms = coarse.map(|_| 1_795_000_000_000);
            let is_pinned = coarse.is_some();
            let (name, entry) = (b"name", b"entry");
            let attribute = b"";
            let parts =
                Parts { slot: 7, name, attribute, deadline_ms, is_pinned, entry, best, coarse, links };
            let image = BeforeImage::new(&parts);
            let twice = [image.as_bytes(), image.as_bytes()].concat();
            let mut rest = &twice[..];
            assert_eq!(BeforeImage::read(&mut rest).expect("whole"), parts);
            assert_eq!(rest, image.as_bytes());
            for len in 0..image.as_bytes().len() {
                assert!(BeforeImage::read(&mut &image.as_bytes()[..len]).is_err());
            }
        }
    }
}
