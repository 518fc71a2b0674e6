//! The field names that hashes of a file share: Redis 8.10 writes them once, before all keys, each
//! list under a number.
//!
//! ```text
//! template   HASH_TEMPLATE   id: length   fields: length   name: string …
//! ```
//!
//! The names of a template are all different, since they stand in order: shorter ones first, and
//! those of the same length by their bytes.

use std::collections::HashMap;
use std::io::Read;

use super::fault::ReadError;
use super::format::MAX_STRING_LEN;
use super::reader::Reader;

/// The templates of a file, as far as it was read.
#[derive(Debug, Default)]
pub struct Templates(HashMap<u64, Names>);

/// The names of a template.
pub(super) type Names = Vec<Vec<u8>>;

impl Templates {
    /// Reads a template, behind its opcode.
    pub(super) fn read<R: Read>(&mut self, input: &mut Reader<R>) -> Result<(), ReadError> {
        let offset = input.offset();
        let id = input.length()?;
        let names = read_names(input)?;
        if self.0.insert(id, names).is_some() {
            return Err(ReadError::invalid(offset, format!("the hash template {id} again")));
        }
        Ok(())
    }

    /// The names of this template.
    pub(super) fn names(&self, id: u64) -> Option<&Names> {
        self.0.get(&id)
    }
}

/// A count, and so many names.
pub(super) fn read_names<R: Read>(input: &mut Reader<R>) -> Result<Names, ReadError> {
    let offset = input.offset();
    let count = input.length()?;
    let mut names = Names::new();
    for _ in 0..count {
        names.push(input.string(MAX_STRING_LEN)?);
    }
    check_names(&names).map_err(|words| ReadError::invalid(offset, words))?;
    Ok(names)
}

/// Says what is wrong with the names, if they are none of a template.
pub(super) fn check_names(names: &Names) -> Result<(), &'static str> {
    if names.is_empty() {
        return Err("a hash template without fields");
    }
    let is_before = |pair: &[Vec<u8>]| (pair[0].len(), &pair[0]) < (pair[1].len(), &pair[1]);
    if names.windows(2).all(is_before) {
        Ok(())
    } else {
        Err("a hash template whose fields are not in order")
    }
}
