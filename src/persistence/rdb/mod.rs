//! What are the bytes of an RDB file, and of a dumped value? Redis' format, read and written as a stream.
//!
//! Knows no folder and no key's place: whoever owns the file walks it with these parts.
//!
//! ```text
//! format.rs    the drawing: opcodes, types, lengths
//! writer.rs    items → bytes, with the checksum
//! reader.rs    bytes → items, with limits, the checksum and the offset
//! fault.rs     what is wrong with a file, and where
//! value.rs     values ⇄ items
//! hash.rs      the forms of hashes
//! packed/      small collections in one string
//! skip.rs      values of types that are not known here
//! dump.rs      one value with a footer, as DUMP gives it
//! crc64.rs     the checksum
//! lzf.rs       the compression of strings
//! ```

mod crc64;
pub mod dump;
mod fault;
pub mod format;
mod hash;
mod lzf;
mod packed;
mod reader;
pub mod skip;
pub mod value;
mod writer;

pub use self::fault::{Fault, ReadError};
pub use self::reader::{Checksum, Reader};
pub use self::writer::Writer;

#[cfg(test)]
mod tests;
