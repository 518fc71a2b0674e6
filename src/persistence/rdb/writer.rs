//! Values → bytes: what is written goes through one buffer, where the checksum takes it in.

use std::io::{self, Write};

use super::crc64::{Crc64, of_last};
use super::format::{self, length, module, opcode, string};
use super::lzf::Compressor;
use crate::keyspace::{Deadline, canonical_integer};
use crate::vector_set::ValueSpan;

/// Bytes that are gathered before they are passed on.
const BUFFER_LEN: usize = 64 * 1024;

/// Shorter strings are not compressed (Redis: `len > 20`).
const MIN_COMPRESSED_LEN: usize = 21;

/// What compression must save at least (Redis' `lzf_compress` gets `len - 4` bytes of room).
const MIN_SAVING: usize = 4;

/// Longer strings are written as they are: positions in them are 32 bits wide for the compression.
const MAX_COMPRESSED_LEN: usize = u32::MAX as usize;

/// Writes items of the format one after the other.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    buffer: Vec<u8>,
    /// Bytes that went to `out`.
    passed_on: u64,
    /// None without checksums.
    crc: Option<Crc64>,
    /// None if strings are to be written as they are.
    compressor: Option<Compressor>,
    compressed: Vec<u8>,
}

/// A place in what was written.
#[derive(Debug)]
pub struct Mark {
    position: u64,
    /// The checksum up to there.
    sum: u64,
}

impl Writer<Vec<u8>> {
    /// Bytes that [`take`](Self::take) would give.
    pub(super) fn untaken(&self) -> usize {
        self.out.len() + self.buffer.len()
    }

    /// Takes what was written since this was called last.
    pub(super) fn take(&mut self) -> io::Result<Vec<u8>> {
        self.pass_on()?;
        Ok(std::mem::take(&mut self.out))
    }
}

impl<W: Write> Writer<W> {
    /// Writes to `out`. It may compress strings, and may end with a checksum, or with one of 0,
    /// which is none.
    pub fn new(out: W, compress: bool, checksum: bool) -> Self {
        Self {
            out,
            buffer: Vec::new(),
            passed_on: 0,
            crc: checksum.then(Crc64::new),
            compressor: compress.then(Compressor::default),
            compressed: Vec::new(),
        }
    }

    /// Bytes written so far.
    pub fn position(&self) -> u64 {
        self.passed_on + self.buffer.len() as u64
    }

    /// A place from which on a [span](Self::span_since) is to be known.
    pub fn mark(&mut self) -> io::Result<Mark> {
        self.pass_on()?;
        Ok(Mark { position: self.passed_on, sum: self.sum() })
    }

    /// What was written since that place.
    pub fn span_since(&mut self, mark: &Mark) -> io::Result<ValueSpan> {
        self.pass_on()?;
        let bytes = self.passed_on - mark.position;
        Ok(ValueSpan { bytes, sum: of_last(mark.sum, self.sum(), bytes) })
    }

    fn sum(&self) -> u64 {
        self.crc.as_ref().map_or(0, Crc64::value)
    }

    /// Where the bytes go; those of the buffer are not there yet.
    pub fn get_ref(&self) -> &W {
        &self.out
    }

    /// Passes on what is in the buffer.
    pub fn flush(&mut self) -> io::Result<()> {
        self.pass_on()?;
        self.out.flush()
    }

    /// The bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.buffer.len() + bytes.len() > BUFFER_LEN {
            self.pass_on()?;
        }
        if bytes.len() < BUFFER_LEN {
            self.buffer.extend_from_slice(bytes);
            return Ok(());
        }
        if let Some(crc) = &mut self.crc {
            crc.update(bytes);
        }
        self.passed_on += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    /// One byte: an opcode, or the type of a value.
    pub fn u8(&mut self, byte: u8) -> io::Result<()> {
        self.raw(&[byte])
    }

    /// A length, a count, or any number that is often small.
    pub fn length(&mut self, len: u64) -> io::Result<()> {
        if len < 1 << 6 {
            self.u8(length::BITS_6 << 6 | len as u8)
        } else if len < 1 << 14 {
            self.raw(&[length::BITS_14 << 6 | (len >> 8) as u8, len as u8])
        } else if let Ok(len) = u32::try_from(len) {
            self.u8(length::BITS_32)?;
            self.raw(&len.to_be_bytes())
        } else {
            self.u8(length::BITS_64)?;
            self.raw(&len.to_be_bytes())
        }
    }

    /// A string in its shortest form: as an integer if it is the text of one, compressed if that
    /// saves something.
    pub fn string(&mut self, text: &[u8]) -> io::Result<()> {
        if let Some(number) = canonical_integer(text).and_then(|number| i32::try_from(number).ok()) {
            return self.integer(number);
        }
        if self.compress(text) {
            return self.compressed_string(text.len());
        }
        self.blob(text)
    }

    /// A string whose bytes are as good as random: they are not looked at.
    pub fn blob(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.length(bytes.len() as u64)?;
        self.raw(bytes)
    }

    /// An unsigned integer of a module's value.
    pub fn uint(&mut self, number: u64) -> io::Result<()> {
        self.length(module::UINT)?;
        self.length(number)
    }

    /// A string of a module's value.
    pub fn module_string(&mut self, text: &[u8]) -> io::Result<()> {
        self.length(module::STRING)?;
        self.string(text)
    }

    /// A string of a module's value whose bytes are as good as random.
    pub fn module_blob(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.length(module::STRING)?;
        self.blob(bytes)
    }

    /// A float of a module's value.
    pub fn module_float(&mut self, number: f32) -> io::Result<()> {
        self.length(module::FLOAT)?;
        self.raw(&number.to_le_bytes())
    }

    /// A double of a module's value.
    pub fn module_double(&mut self, number: f64) -> io::Result<()> {
        self.length(module::DOUBLE)?;
        self.raw(&number.to_le_bytes())
    }

    /// The end of a module's value.
    pub fn module_end(&mut self) -> io::Result<()> {
        self.length(module::END)
    }

    /// What a file begins with.
    pub fn header(&mut self) -> io::Result<()> {
        self.raw(format::MAGIC)?;
        self.raw(format!("{:04}", format::VERSION).as_bytes())
    }

    /// A name and a value that describe the file.
    pub fn aux(&mut self, name: &[u8], value: &[u8]) -> io::Result<()> {
        self.u8(opcode::AUX)?;
        self.string(name)?;
        self.string(value)
    }

    /// To which database the next keys belong.
    pub fn select_db(&mut self, number: u64) -> io::Result<()> {
        self.u8(opcode::SELECTDB)?;
        self.length(number)
    }

    /// How many keys the database has, and how many of them expire.
    pub fn resize_db(&mut self, keys: u64, ending: u64) -> io::Result<()> {
        self.u8(opcode::RESIZEDB)?;
        self.length(keys)?;
        self.length(ending)
    }

    /// When the next key expires; nothing for one that never does.
    pub fn deadline(&mut self, deadline: Deadline) -> io::Result<()> {
        let Some(unix_ms) = deadline.unix_ms() else { return Ok(()) };
        self.u8(opcode::EXPIRETIME_MS)?;
        self.raw(&unix_ms.to_le_bytes())
    }

    /// The end of a file. Everything has gone to `out`, which comes back.
    pub fn finish(mut self) -> io::Result<W> {
        self.u8(opcode::EOF)?;
        self.seal()
    }

    /// The checksum of everything before. Everything has gone to `out`, which comes back.
    pub(super) fn seal(mut self) -> io::Result<W> {
        self.pass_on()?;
        let checksum = self.crc.as_ref().map_or(0, Crc64::value);
        self.out.write_all(&checksum.to_le_bytes())?;
        self.out.flush()?;
        Ok(self.out)
    }

    /// What was written, with nothing behind it.
    pub(super) fn end(mut self) -> io::Result<W> {
        self.flush()?;
        Ok(self.out)
    }

    fn integer(&mut self, number: i32) -> io::Result<()> {
        if let Ok(number) = i8::try_from(number) {
            self.u8(string::INT8)?;
            self.raw(&number.to_le_bytes())
        } else if let Ok(number) = i16::try_from(number) {
            self.u8(string::INT16)?;
            self.raw(&number.to_le_bytes())
        } else {
            self.u8(string::INT32)?;
            self.raw(&number.to_le_bytes())
        }
    }

    /// Leaves the compressed text in `compressed`; false if it is not worth it.
    fn compress(&mut self, text: &[u8]) -> bool {
        (MIN_COMPRESSED_LEN..=MAX_COMPRESSED_LEN).contains(&text.len())
            && self.compressor.as_mut().is_some_and(|compressor| {
                compressor.compress(text, text.len() - MIN_SAVING, &mut self.compressed)
            })
    }

    fn compressed_string(&mut self, text_len: usize) -> io::Result<()> {
        self.u8(string::LZF)?;
        self.length(self.compressed.len() as u64)?;
        self.length(text_len as u64)?;
        let compressed = std::mem::take(&mut self.compressed);
        let outcome = self.raw(&compressed);
        self.compressed = compressed;
        outcome
    }

    fn pass_on(&mut self) -> io::Result<()> {
        if let Some(crc) = &mut self.crc {
            crc.update(&self.buffer);
        }
        self.passed_on += self.buffer.len() as u64;
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}
