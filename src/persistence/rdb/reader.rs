//! Bytes → values: what is read goes through one buffer, with its checksum, its offset and its
//! limits.
//!
//! No memory is taken because of a length alone: a string grows as its bytes arrive, or has its
//! size at once where the length of the whole input is known and has room for it.

use std::io::{self, Cursor, Read, Seek};

use super::crc64::Crc64;
use super::fault::{Fault, ReadError};
use super::format::{self, CHECKSUM_LEN, length, module, string};
use super::lzf;
use crate::vector_set::ValueSpan;

/// Bytes that are read at once.
const BUFFER_LEN: usize = 256 * 1024;

/// By how much a string grows at least before its bytes have arrived, where the length of the input
/// is not known; at most it doubles.
const GROWTH: usize = 64 * 1024;

/// Reads items of the format one after the other. An error ends it: what follows has no meaning.
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    buffer: Box<[u8]>,
    /// The part of the buffer that has been filled and not yet read.
    start: usize,
    end: usize,
    /// Up to where the checksum has taken in the buffer.
    summed: usize,
    /// Bytes before the buffer.
    passed: u64,
    /// Bytes of the whole input, if that is known.
    total: Option<u64>,
    /// None without checksums.
    crc: Option<Crc64>,
    /// The last compressed string.
    compressed: Vec<u8>,
    /// Passes over bytes of the source without reading them, if it can.
    leap: Option<fn(&mut R, u64) -> io::Result<()>>,
}

/// What a checksum in the input said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// It is that of the bytes before it.
    Verified,
    /// It is 0: the writer did not compute one; or the reader does not check it.
    Unchecked,
}

/// What stands where a length, or a string, is expected.
enum Head {
    Length(u64),
    Special(u8),
}

impl<R: Read> Reader<R> {
    /// Reads from `source`, whose length is not known.
    pub fn new(source: R) -> Self {
        Self::with_buffer(source, None, BUFFER_LEN)
    }

    /// Reads from `source`, which has `total` bytes.
    pub fn with_total(source: R, total: u64) -> Self {
        let buffer_len = usize::try_from(total).unwrap_or(BUFFER_LEN).min(BUFFER_LEN);
        Self::with_buffer(source, Some(total), buffer_len)
    }

    fn with_buffer(source: R, total: Option<u64>, buffer_len: usize) -> Self {
        Self {
            source,
            buffer: vec![0; buffer_len.max(1)].into_boxed_slice(),
            start: 0,
            end: 0,
            summed: 0,
            passed: 0,
            total,
            crc: Some(Crc64::new()),
            compressed: Vec::new(),
            leap: None,
        }
    }

    /// The same, which need not read what it passes over.
    pub fn seekable(self) -> Self
    where
        R: Seek,
    {
        let leap = |source: &mut R, bytes| match i64::try_from(bytes) {
            Ok(bytes) => source.seek_relative(bytes),
            Err(_) => Err(io::ErrorKind::InvalidInput.into()),
        };
        Self { leap: Some(leap), ..self }
    }

    /// The same without a look at checksums.
    pub fn without_checksum(self) -> Self {
        Self { crc: None, ..self }
    }

    /// Bytes read so far.
    pub fn offset(&self) -> u64 {
        self.passed + self.start as u64
    }

    /// Bytes of the whole input, if that is known.
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// Bytes that are still to come, if that is known.
    pub fn remaining(&self) -> Option<u64> {
        self.total.map(|total| total.saturating_sub(self.offset()))
    }

    /// Bytes, as many as the array has.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let mut array = [0; N];
        match self.buffer[self.start..self.end].first_chunk() {
            Some(chunk) => {
                array = *chunk;
                self.start += N;
            }
            None => self.fill_slice(&mut array)?,
        }
        Ok(array)
    }

    /// One byte: an opcode, or the type of a value.
    pub fn u8(&mut self) -> Result<u8, ReadError> {
        self.array().map(|[byte]| byte)
    }

    /// A length, a count, or any number that is often small. It is not checked yet: a loop up to it
    /// reads an item each time, and before room is made for it, [`Self::count`] is to be used.
    pub fn length(&mut self) -> Result<u64, ReadError> {
        let offset = self.offset();
        match self.head()? {
            Head::Length(len) => Ok(len),
            Head::Special(_) => Err(ReadError::invalid(offset, "a string where a length is expected")),
        }
    }

    /// How many items follow, each of at least `item_len` bytes: no more than `max`, and than the
    /// input has room for.
    pub fn count(&mut self, max: u64, item_len: u64) -> Result<u64, ReadError> {
        let offset = self.offset();
        let count = self.length()?;
        let room = self.remaining().map_or(u64::MAX, |remaining| remaining / item_len.max(1));
        if count > max.min(room) {
            return Err(ReadError { offset, fault: Fault::TooLong { len: count, max: max.min(room) } });
        }
        Ok(count)
    }

    /// A string of at most `max` bytes.
    pub fn string(&mut self, max: usize) -> Result<Vec<u8>, ReadError> {
        let mut text = Vec::new();
        self.string_into(max, &mut text)?;
        Ok(text)
    }

    /// A string of at most `max` bytes, in the place of what `text` held.
    pub fn string_into(&mut self, max: usize, text: &mut Vec<u8>) -> Result<(), ReadError> {
        let offset = self.offset();
        text.clear();
        match self.head()? {
            Head::Length(len) => self.bytes_into(offset, len, max, text),
            Head::Special(string::LZF) => self.decompress_into(offset, max, text),
            Head::Special(form) => {
                let number = self.integer(offset, form)?;
                text.extend_from_slice(number.to_string().as_bytes());
                Ok(())
            }
        }
    }

    /// Passes over a string, without a look at what is in it.
    pub fn skip_string(&mut self) -> Result<(), ReadError> {
        let offset = self.offset();
        match self.head()? {
            Head::Length(len) => self.skip(len),
            Head::Special(string::LZF) => {
                let len = self.length()?;
                self.length()?;
                self.skip(len)
            }
            Head::Special(form) => self.integer(offset, form).map(drop),
        }
    }

    /// Passes over bytes.
    pub fn skip(&mut self, mut len: u64) -> Result<(), ReadError> {
        while len > 0 {
            let step = usize::try_from(len).unwrap_or(usize::MAX).min(self.buffered()?.len());
            self.start += step;
            len -= step as u64;
        }
        Ok(())
    }

    /// Passes over bytes of which the checksum is known, if it can without reading them.
    pub fn skip_span(&mut self, ValueSpan { bytes, sum }: ValueSpan) -> Result<(), ReadError> {
        let offset = self.offset();
        if self.remaining().is_some_and(|remaining| remaining < bytes) {
            return Err(ReadError { offset, fault: Fault::Truncated });
        }
        let beyond = bytes.checked_sub((self.end - self.start) as u64);
        let (Some(leap), Some(beyond)) = (self.leap, beyond) else { return self.skip(bytes) };
        self.sum();
        if let Some(crc) = &mut self.crc {
            crc.append(bytes, sum);
        }
        leap(&mut self.source, beyond).map_err(|error| ReadError { offset, fault: Fault::Io(error) })?;
        self.passed += self.end as u64 + beyond;
        (self.start, self.end, self.summed) = (0, 0, 0);
        Ok(())
    }

    /// An unsigned integer of a module's value.
    pub fn uint(&mut self) -> Result<u64, ReadError> {
        self.module_field(module::UINT)?;
        self.length()
    }

    /// A string of a module's value, of at most `max` bytes.
    pub fn module_string(&mut self, max: usize) -> Result<Vec<u8>, ReadError> {
        self.module_field(module::STRING)?;
        self.string(max)
    }

    /// A string of a module's value, of at most `max` bytes, in the place of what `text` held.
    pub fn module_string_into(&mut self, max: usize, text: &mut Vec<u8>) -> Result<(), ReadError> {
        self.module_field(module::STRING)?;
        self.string_into(max, text)
    }

    /// A float of a module's value.
    pub fn module_float(&mut self) -> Result<f32, ReadError> {
        self.module_field(module::FLOAT)?;
        self.array().map(f32::from_le_bytes)
    }

    /// A double of a module's value.
    pub fn module_double(&mut self) -> Result<f64, ReadError> {
        self.module_field(module::DOUBLE)?;
        self.array().map(f64::from_le_bytes)
    }

    /// The end of a module's value.
    pub fn module_end(&mut self) -> Result<(), ReadError> {
        self.module_field(module::END)
    }

    /// What a file begins with; returns its version, which is one that can be read.
    pub fn header(&mut self) -> Result<u16, ReadError> {
        let magic = self.array::<5>()?;
        let is_valkey = magic == format::VALKEY_MAGIC[..5];
        if magic != *format::MAGIC && !is_valkey {
            return Err(ReadError::invalid(0, "no RDB file: it begins neither with REDIS nor with VALKEY"));
        }
        let offset = self.offset();
        // Those of Valkey are the last letter of the word, and three digits.
        let digits = self.array::<4>()?;
        let digits = if is_valkey { digits.strip_prefix(b"Y").unwrap_or_default() } else { &digits };
        let version = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
        match version {
            Some(version) if is_read(version, is_valkey) => Ok(version),
            Some(version) => Err(ReadError::invalid(offset, refused_version(version, is_valkey))),
            None => Err(ReadError::invalid(offset, "the RDB version is no number")),
        }
    }

    /// A checksum of everything before it.
    pub fn checksum(&mut self) -> Result<Checksum, ReadError> {
        let offset = self.offset();
        self.sum();
        let computed = self.crc.as_ref().map(Crc64::value);
        let stored = u64::from_le_bytes(self.array::<CHECKSUM_LEN>()?);
        match computed {
            Some(computed) if stored != 0 && computed != stored => {
                Err(ReadError { offset, fault: Fault::Checksum { stored, computed } })
            }
            Some(_) if stored != 0 => Ok(Checksum::Verified),
            _ => Ok(Checksum::Unchecked),
        }
    }

    /// What has not been read.
    pub fn into_rest(self) -> impl Read {
        let unread = self.buffer[self.start..self.end].to_vec();
        Cursor::new(unread).chain(self.source)
    }

    fn head(&mut self) -> Result<Head, ReadError> {
        let offset = self.offset();
        let first = self.u8()?;
        let low = first & 0x3f;
        Ok(match (first >> 6, first) {
            (length::BITS_6, _) => Head::Length(u64::from(low)),
            (length::BITS_14, _) => Head::Length(u64::from(low) << 8 | u64::from(self.u8()?)),
            (length::SPECIAL, _) => Head::Special(first),
            (_, length::BITS_32) => Head::Length(u64::from(u32::from_be_bytes(self.array()?))),
            (_, length::BITS_64) => Head::Length(u64::from_be_bytes(self.array()?)),
            _ => return Err(ReadError::invalid(offset, format!("no length begins with {first:#04x}"))),
        })
    }

    fn integer(&mut self, offset: u64, form: u8) -> Result<i32, ReadError> {
        Ok(match form {
            string::INT8 => i8::from_le_bytes(self.array()?).into(),
            string::INT16 => i16::from_le_bytes(self.array()?).into(),
            string::INT32 => i32::from_le_bytes(self.array()?),
            _ => return Err(ReadError::invalid(offset, format!("no string begins with {form:#04x}"))),
        })
    }

    fn module_field(&mut self, expected: u64) -> Result<(), ReadError> {
        let offset = self.offset();
        let found = self.length()?;
        if found != expected {
            let words = format!("module field {found} where field {expected} is expected");
            return Err(ReadError::invalid(offset, words));
        }
        Ok(())
    }

    /// Adds `len` bytes to `bytes`, which belong to the item that began at `offset`.
    fn bytes_into(
        &mut self,
        offset: u64,
        len: u64,
        max: usize,
        bytes: &mut Vec<u8>,
    ) -> Result<(), ReadError> {
        let len = checked(offset, len, max)?;
        if self.remaining().is_some_and(|remaining| len as u64 > remaining) {
            return Err(ReadError { offset, fault: Fault::Truncated });
        }
        while bytes.len() < len {
            let growth = if self.total.is_some() { len } else { bytes.len().max(GROWTH) };
            let step = (len - bytes.len()).min(growth);
            bytes.reserve_exact(step);
            self.read_step(step, bytes)?;
        }
        Ok(())
    }

    fn read_step(&mut self, mut step: usize, bytes: &mut Vec<u8>) -> Result<(), ReadError> {
        while step > 0 {
            let buffered = self.buffered()?;
            let part = &buffered[..buffered.len().min(step)];
            bytes.extend_from_slice(part);
            step -= part.len();
            self.start += part.len();
        }
        Ok(())
    }

    fn decompress_into(&mut self, offset: u64, max: usize, text: &mut Vec<u8>) -> Result<(), ReadError> {
        let compressed_len = self.length()?;
        let text_len = self.length()?;
        let len = checked(offset, text_len, max)?;
        if !lzf::is_possible(compressed_len, text_len) {
            let words = format!("{compressed_len} compressed bytes cannot have been {text_len}");
            return Err(ReadError::invalid(offset, words));
        }
        let mut compressed = std::mem::take(&mut self.compressed);
        compressed.clear();
        self.bytes_into(offset, compressed_len, max, &mut compressed)?;
        let outcome = lzf::decompress(&compressed, len, text);
        self.compressed = compressed;
        outcome.map_err(|lzf::Corrupt| ReadError::invalid(offset, "a string that cannot be decompressed"))
    }

    fn fill_slice(&mut self, mut slice: &mut [u8]) -> Result<(), ReadError> {
        while !slice.is_empty() {
            let buffered = self.buffered()?;
            let (now, later) = slice.split_at_mut(buffered.len().min(slice.len()));
            now.copy_from_slice(&buffered[..now.len()]);
            self.start += now.len();
            slice = later;
        }
        Ok(())
    }

    /// What is in the buffer; at least a byte.
    fn buffered(&mut self) -> Result<&[u8], ReadError> {
        if self.start == self.end {
            self.refill()?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn refill(&mut self) -> Result<(), ReadError> {
        self.sum();
        self.passed += self.end as u64;
        self.start = 0;
        self.end = 0;
        self.summed = 0;
        let offset = self.offset();
        self.end = loop {
            match self.source.read(&mut self.buffer) {
                Ok(0) => return Err(ReadError { offset, fault: Fault::Truncated }),
                Ok(len) => break len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(ReadError { offset, fault: Fault::Io(error) }),
            }
        };
        Ok(())
    }

    /// Takes what has been read into the checksum.
    fn sum(&mut self) {
        if let Some(crc) = &mut self.crc {
            crc.update(&self.buffer[self.summed..self.start]);
        }
        self.summed = self.start;
    }
}

fn checked(offset: u64, len: u64, max: usize) -> Result<usize, ReadError> {
    let fits = usize::try_from(len).ok().filter(|len| *len <= max);
    fits.ok_or(ReadError { offset, fault: Fault::TooLong { len, max: max as u64 } })
}

fn is_read(version: u16, is_valkey: bool) -> bool {
    if is_valkey {
        version == format::VALKEY_VERSION
    } else {
        (1..=format::LAST_REDIS_VERSION).contains(&version)
    }
}

fn refused_version(version: u16, is_valkey: bool) -> String {
    if is_valkey {
        return format!("RDB version {version} of Valkey, where {} can be read", format::VALKEY_VERSION);
    }
    format!("RDB version {version}, where at most {} can be read", format::LAST_REDIS_VERSION)
}
