//! Which snapshots have a sealed set as a value too, and what they need to pass over it.
//!
//! A snapshot that is loaded need not be read where it has a set that lies here: but for its
//! checksum, which is that of all bytes. So the files know for each snapshot, by a *token* that it
//! has beside the value, how long the value is and what its bytes add to the checksum. Snapshots
//! that come later may name the same files, as long as the set has not changed.
//!
//! ```text
//! entry   token: u64   bytes: u64   sum: u64   checksum: u64 of those three
//! ```

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

/// Bytes of an entry.
const ENTRY: usize = 32;
/// A file with so many entries begins anew: snapshots made before are read like any other's.
const MOST: u64 = 4096;

/// A value of a snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ValueSpan {
    /// How long it is.
    pub bytes: u64,
    /// The checksum of its bytes alone.
    pub sum: u64,
}

/// Adds what is known of the snapshot of this token.
pub(super) fn add(path: &Path, token: u64, span: ValueSpan) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|file| file.len() >= MOST * ENTRY as u64) {
        fs::remove_file(path)?;
    }
    let mut file = File::options().create(true).append(true).open(path)?;
    file.write_all(&entry(token, span))?;
    file.sync_all()
}

/// What is known of the snapshot of this token.
pub(super) fn find(path: &Path, token: u64) -> Option<ValueSpan> {
    let entries = fs::read(path).ok()?;
    let number =
        |entry: &[u8], at: usize| u64::from_le_bytes(entry[at * 8..][..8].try_into().expect("eight bytes"));
    let entries = entries
        .chunks_exact(ENTRY)
        .rev()
        .map(|entry| (entry, number(entry, 0), ValueSpan { bytes: number(entry, 1), sum: number(entry, 2) }));
    let is_it = |&(bytes, of, span): &(&[u8], u64, ValueSpan)| of == token && bytes == entry(of, span);
    entries.into_iter().find(is_it).map(|(_, _, span)| span)
}

fn entry(token: u64, span: ValueSpan) -> [u8; ENTRY] {
    let mut entry = [0; ENTRY];
    let numbers = [token, span.bytes, span.sum];
    for (place, number) in entry.chunks_exact_mut(8).zip(numbers) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    let checksum = xxh3_64(&entry[..24]);
    entry[24..].copy_from_slice(&checksum.to_le_bytes());
    entry
}
