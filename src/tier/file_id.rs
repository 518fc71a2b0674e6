//! By which the files of one vector set are told from others.

use std::fmt;
use std::io;
use std::str::FromStr;

use xxhash_rust::xxh3::xxh3_64;

use crate::hex;

/// Identifies a file: random, so that no two servers' files are taken for each other.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FileId(pub(super) [u8; 16]);

impl FileId {
    /// A new one.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub(super) fn new() -> io::Result<Self> {
        let mut bytes = [0; 16];
        crate::system::fill_with_random(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// A number that cannot be known before the files are there: a key for tables in them.
    pub fn key(self) -> u64 {
        xxh3_64(&self.0)
    }

    /// The seed of a block's checksum.
    pub(super) fn seed(self, block: u64) -> u64 {
        self.key().wrapping_add(block)
    }
}

/// 32 hexadecimal digits.
impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl FromStr for FileId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let bytes = hex::decode(text.as_bytes()).and_then(|bytes| bytes.try_into().ok());
        // Digits of upper case are none of ours.
        bytes.map(Self).filter(|id| id.to_string() == text).ok_or(())
    }
}
