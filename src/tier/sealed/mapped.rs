//! A part of a sealed set, read where it lies.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use memmap2::{MmapOptions, MmapRaw};

use super::checks::Checks;
use crate::tier::faults;
use crate::tier::kept::damaged;

/// The bytes of a part. Pages that cannot be read hold zeros: see `tier::faults`.
#[derive(Debug)]
pub struct Mapped {
    // Dropped in this order: the addresses leave the handler's table before they are unmapped.
    _watched: Option<faults::Watched>,
    /// None of no bytes.
    mapping: Option<MmapRaw>,
    /// None of what is being written.
    checks: Option<Checks>,
}

impl Mapped {
    /// `is_damaged` is set when a page cannot be read.
    ///
    /// # Errors
    /// The file has another length, or cannot be mapped.
    pub(super) fn new(
        path: &Path,
        bytes: u64,
        is_damaged: &Arc<AtomicBool>,
        checks: Option<Checks>,
    ) -> io::Result<Self> {
        let file = File::open(path)?;
        if file.metadata()?.len() != bytes {
            return Err(damaged(path, "it has another length than its head says"));
        }
        if bytes == 0 {
            return Ok(Self { _watched: None, mapping: None, checks });
        }
        let mapping = MmapOptions::new().map_raw_read_only(&file)?;
        #[cfg(unix)]
        let _ = mapping.advise(memmap2::Advice::Random);
        let start = mapping.as_ptr() as usize;
        let watched = faults::Watched::new(start..start + mapping.len(), is_damaged);
        let watched = watched.ok_or(io::ErrorKind::QuotaExceeded)?;
        Ok(Self { _watched: Some(watched), mapping: Some(mapping), checks })
    }

    /// How many bytes it has.
    #[inline]
    pub fn len(&self) -> usize {
        self.mapping.as_ref().map_or(0, MmapRaw::len)
    }

    /// True if it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Some of its bytes, if it has them.
    #[inline]
    pub fn get(&self, bytes: Range<usize>) -> Option<&[u8]> {
        let mapping = self.mapping.as_ref().filter(|mapping| bytes.end <= mapping.len())?;
        let len = bytes.end.checked_sub(bytes.start)?;
        if let Some(checks) = &self.checks {
            checks.see(bytes.clone());
        }
        // SAFETY: the bytes are within the mapping, which lives as long as `self`, and this process
        // never writes to the files of a sealed set. Another that does breaks what it is told in
        // the documentation; what is read then is some bytes, whose meaning is checked wherever it
        // could lead out of bounds.
        Some(unsafe { std::slice::from_raw_parts(mapping.as_ptr().add(bytes.start), len) })
    }

    /// The addresses that the disk is to be asked for before these bytes are read; none if it has
    /// no such bytes.
    pub fn to_read(&self, bytes: Range<usize>) -> Option<Range<usize>> {
        let mapping = self.mapping.as_ref().filter(|mapping| bytes.end <= mapping.len())?;
        let to_compare = self.checks.as_ref().and_then(|checks| checks.to_read(bytes.clone()));
        let (start, read) = (mapping.as_ptr() as usize, to_compare.unwrap_or(bytes));
        Some(start + read.start..start + read.end)
    }

    /// All of its bytes.
    pub fn all(&self) -> &[u8] {
        self.get(0..self.len()).unwrap_or_default()
    }

    /// How many words it has, if it is made of such.
    #[inline]
    pub fn words(&self) -> usize {
        self.len() / size_of::<u32>()
    }

    /// A word.
    ///
    /// # Panics
    /// If there is none at this place.
    #[inline]
    pub fn word(&self, place: usize) -> u32 {
        let at = place * size_of::<u32>();
        let bytes = self.get(at..at + size_of::<u32>()).and_then(|bytes| bytes.first_chunk());
        u32::from_ne_bytes(*bytes.expect("a place below `words`"))
    }
}
