//! The value of `maxmemory-clients`.

use std::fmt;

use super::kind::{InvalidValue, memory};

/// The least limit there is: with less, no client could lift it. As in Redis.
const LEAST: u64 = 128 * 1024;

/// How much memory all clients together may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientMemory {
    /// So many bytes; 0 is no limit.
    Bytes(u64),
    /// So many percent of `maxmemory`, at least 1.
    Percent(u64),
}

impl Default for ClientMemory {
    fn default() -> Self {
        Self::Bytes(0)
    }
}

impl ClientMemory {
    /// `5%`, or a number of bytes with or without a unit.
    pub(super) fn parse(text: &str) -> Result<Self, InvalidValue> {
        let Some(digits) = text.strip_suffix('%') else {
            return memory(text).map(Self::Bytes).ok_or(InvalidValue::NotMemoryOrPercent);
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidValue::NotMemoryOrPercent);
        }
        match digits.parse() {
            Ok(0) => Ok(Self::Bytes(0)),
            Ok(percent) if percent <= 100 => Ok(Self::Percent(percent)),
            _ => Err(InvalidValue::PercentTooLarge),
        }
    }

    /// The limit in bytes, if there is one, where `maxmemory` is so much; 0 is none.
    pub fn limit(self, maxmemory: u64) -> Option<u64> {
        let bytes = match self {
            Self::Bytes(bytes) => bytes,
            Self::Percent(percent) => (u128::from(maxmemory) * u128::from(percent) / 100) as u64,
        };
        (bytes > 0).then_some(bytes.max(LEAST))
    }
}

/// As it is read back.
impl fmt::Display for ClientMemory {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(out, "{bytes}"),
            Self::Percent(percent) => write!(out, "{percent}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Redis 8.6.2 answers.
    #[test]
    fn bytes_and_percentages_are_told_apart() {
        for (text, value, shown) in [
            ("0", ClientMemory::Bytes(0), "0"),
            ("0%", ClientMemory::Bytes(0), "0"),
            ("10%", ClientMemory::Percent(10), "10%"),
            ("100%", ClientMemory::Percent(100), "100%"),
            ("1mb", ClientMemory::Bytes(1 << 20), "1048576"),
        ] {
            assert_eq!(ClientMemory::parse(text), Ok(value), "{text}");
            assert_eq!(value.to_string(), shown);
        }
        assert_eq!(ClientMemory::parse("101%"), Err(InvalidValue::PercentTooLarge));
        for text in ["-5%", "-5", "1x", "1.5%", "%", "auto"] {
            assert_eq!(ClientMemory::parse(text), Err(InvalidValue::NotMemoryOrPercent), "{text}");
        }
    }

    #[test]
    fn a_percentage_is_one_of_maxmemory_and_no_limit_is_tiny() {
        assert_eq!(ClientMemory::Bytes(0).limit(1 << 30), None);
        assert_eq!(ClientMemory::Percent(10).limit(0), None);
        assert_eq!(ClientMemory::Percent(10).limit(10 << 30), Some(1 << 30));
        assert_eq!(ClientMemory::Bytes(1).limit(0), Some(LEAST));
    }
}
