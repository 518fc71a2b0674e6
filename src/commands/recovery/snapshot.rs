//! An RDB file → data.

use std::io::Read;
use std::path::Path;

use super::{Failed, Server, open};
use crate::persistence::rdb::load::{How, Loaded, load};
use crate::persistence::rdb::{Checksum, Reader};

/// Loads a file whose keys end as any others do.
pub(super) fn load(server: &Server, path: &Path) -> Result<(), Failed> {
    let file = open(path)?;
    let input = match file.metadata() {
        Ok(known) => Reader::with_total(server.loading.watch(file), known.len()),
        Err(_) => Reader::new(server.loading.watch(file)),
    };
    load_from(server, path, input, false).map(drop)
}
