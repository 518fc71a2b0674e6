//! What are the bytes of an RDB file, and of a dumped value? Redis' format, read and written as a
//! stream.
//!
//! Knows no folder and no key's place: the owner of a file walks it with these parts.
//!
//! ```text
//! format.rs    the drawing: opcodes, types, lengths
//! writer.rs    items → bytes, with the checksum
//! reader.rs    bytes → items, with limits, the checksum and the offset
//! fault.rs     what is wrong with a file, and where
//! value.rs     values ⇄ items
//! string.rs    strings
//! hash.rs      the forms of hashes
//! templates.rs field names that hashes of a file share
//! packed/      small collections in one string
//! vector_set/  vector sets: Redis' form and our own
//! save/        a snapshot of the keyspace → a whole file
//! skip.rs      values of types that are not known here
//! walk.rs      a whole file, part by part
//! load.rs      a whole file → keys
//! check.rs     a whole file → what is in it
//! dump.rs      one value with a footer, as DUMP gives it
//! crc64.rs     the checksum
//! lzf.rs       the compression of strings
//! ```

pub mod check;
mod crc64;
pub mod dump;
mod fault;
pub mod format;
mod hash;
pub mod load;
mod lzf;
mod packed;
mod reader;
pub mod save;
pub mod skip;
mod string;
mod templates;
pub mod value;
pub mod vector_set;
pub mod walk;
mod writer;

pub use self::fault::{Fault, ReadError};
pub use self::reader::{Checksum, Reader};
pub use self::value::Making;
pub use self::writer::Writer;

#[cfg(test)]
mod tests;
