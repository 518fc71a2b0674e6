//! The format against bytes of Redis, and against bytes that no server should have written.

mod dumps;
mod foreign;
mod items;

use super::format::{VERSION, ValueType};
use super::templates::Templates;
use super::value::read_value;
use super::{ReadError, Reader};

/// The bytes of hexadecimal digits, with blanks between them or not.
fn bytes_of(digits: &str) -> Vec<u8> {
    let digits: Vec<u32> = digits.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

/// Reads a type and a value; returns where it ended.
fn read_all(body: &[u8]) -> Result<usize, ReadError> {
    let mut input = Reader::with_total(body, body.len() as u64);
    let kind = ValueType::from_byte(input.u8()?, VERSION).ok_or_else(|| ReadError::invalid(0, "no type"))?;
    read_value(&mut input, kind, super::Making::default(), &Templates::default())?;
    Ok(input.offset() as usize)
}

/// The first bytes of `bytes`, with some of them changed.
fn mutated(bytes: &[u8], changes: &[(usize, u8)], len: usize) -> Vec<u8> {
    let mut bytes = bytes[..len % bytes.len() + 1].to_vec();
    let len = bytes.len();
    changes.iter().for_each(|(at, change)| bytes[at % len] ^= change);
    bytes
}
