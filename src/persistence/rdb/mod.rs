//! What are the bytes of an RDB file, and of a dumped value? Redis' format, read and written as a stream.
//!
//! Knows no folder and no key's place: whoever owns the file walks it with these parts.
//!
//! ```text
//! format.rs    the drawing: opcodes, types, lengths
//! writer.rs    values → bytes, with the checksum
//! reader.rs    bytes → values, with limits, the checksum and the offset
//! fault.rs     what is wrong with a file, and where
//! crc64.rs     the checksum
//! lzf.rs       the compression of strings
//! ```

mod crc64;
mod fault;
pub mod format;
mod lzf;
mod reader;
mod writer;

pub use self::fault::{Fault, ReadError};
pub use self::reader::{Checksum, Reader};
pub use self::writer::Writer;

#[cfg(test)]
mod tests;
