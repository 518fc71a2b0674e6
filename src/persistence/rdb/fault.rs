//! What is wrong with a file, and where.

use std::borrow::Cow;
use std::fmt;
use std::io;

/// Why a file, or a dumped value, cannot be read.
#[derive(Debug)]
pub struct ReadError {
    /// Bytes from the start to the item that is wrong.
    pub offset: u64,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What can be wrong.
#[derive(Debug)]
pub enum Fault {
    /// The operating system could not read.
    Io(io::Error),
    /// The bytes end in the middle of an item.
    Truncated,
    /// A length, or a count, is greater than it may be.
    TooLong {
        /// What the file says.
        len: u64,
        /// The most that is accepted.
        max: u64,
    },
    /// The checksum is not that of the bytes.
    Checksum {
        /// What the file says.
        stored: u64,
        /// What the bytes have.
        computed: u64,
    },
    /// The bytes do not mean anything that may stand there; the words say what was found.
    Invalid(Cow<'static, str>),
}

impl ReadError {
    /// The bytes at `offset` do not mean anything that may stand there.
    pub fn invalid(offset: u64, words: impl Into<Cow<'static, str>>) -> Self {
        Self { offset, fault: Fault::Invalid(words.into()) }
    }

    /// True if more bytes could make it right: the file was cut off.
    pub fn is_truncation(&self) -> bool {
        matches!(self.fault, Fault::Truncated)
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at offset {}: {}", self.offset, self.fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "cannot read: {error}"),
            Self::Truncated => f.write_str("the bytes end in the middle of an item"),
            Self::TooLong { len, max } => write!(f, "a length of {len} where at most {max} is accepted"),
            Self::Checksum { stored, computed } => {
                write!(f, "wrong checksum: the file says {stored:016x}, its bytes have {computed:016x}")
            }
            Self::Invalid(words) => f.write_str(words),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.fault {
            Fault::Io(error) => Some(error),
            _ => None,
        }
    }
}
