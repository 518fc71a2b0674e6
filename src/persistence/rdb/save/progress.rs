//! How far the writing of a file has come, for other threads.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Figures that change while a file is written, and whether it is cancelled.
#[derive(Debug, Default)]
pub struct Progress {
    keys: AtomicU64,
    keys_in_all: AtomicU64,
    peak_bytes: AtomicUsize,
    is_cancelled: AtomicBool,
    pulse: AtomicU64,
}

impl Progress {
    /// A file with about so many keys is begun.
    pub fn begin(&self, keys: u64) {
        self.keys.store(0, Ordering::Relaxed);
        self.keys_in_all.store(keys, Ordering::Relaxed);
        self.peak_bytes.store(0, Ordering::Relaxed);
        self.is_cancelled.store(false, Ordering::Relaxed);
    }

    /// Keys written, and about how many there will be.
    pub fn keys(&self) -> (u64, u64) {
        (self.keys.load(Ordering::Relaxed), self.keys_in_all.load(Ordering::Relaxed))
    }

    /// The most bytes of before-images that were in memory at a time.
    pub fn peak_bytes(&self) -> usize {
        self.peak_bytes.load(Ordering::Relaxed)
    }

    /// Lets the writing fail as soon as it can.
    pub fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
    }

    /// A number that changes as long as the writing gets further.
    pub fn pulse(&self) -> u64 {
        self.pulse.load(Ordering::Relaxed)
    }

    pub(super) fn count_key(&self) {
        self.keys.fetch_add(1, Ordering::Relaxed);
    }

    /// So many bytes are in memory now. An error if the writing is to end.
    pub(super) fn note(&self, before_image_bytes: usize) -> io::Result<()> {
        self.pulse.fetch_add(1, Ordering::Relaxed);
        self.peak_bytes.fetch_max(before_image_bytes, Ordering::Relaxed);
        match self.is_cancelled.load(Ordering::Relaxed) {
            true => Err(io::Error::new(io::ErrorKind::Interrupted, "the snapshot was given up")),
            false => Ok(()),
        }
    }
}
