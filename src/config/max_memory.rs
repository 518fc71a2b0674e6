//! The value of `maxmemory`.

use std::fmt;

use super::kind::{InvalidValue, memory};

/// How much memory the server may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MaxMemory {
    /// `maxmemory-ratio` of the memory that there is.
    #[default]
    Auto,
    /// So many percent of the memory that there is.
    Percent(u64),
    /// So many bytes; 0 is no limit.
    Bytes(u64),
}

impl MaxMemory {
    /// `auto`, `80%`, or a number of bytes with or without a unit.
    pub(super) fn parse(text: &str) -> Result<Self, InvalidValue> {
        if text.eq_ignore_ascii_case("auto") {
            return Ok(Self::Auto);
        }
        let Some(digits) = text.strip_suffix('%') else {
            return memory(text).map(Self::Bytes).ok_or(InvalidValue::NotMemory);
        };
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let percent = digits.parse().ok().filter(|percent| is_number && (1..=100).contains(percent));
        percent.map(Self::Percent).ok_or(InvalidValue::NotAPercentage)
    }
}

/// As it is read back.
impl fmt::Display for MaxMemory {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => out.write_str("auto"),
            Self::Percent(percent) => write!(out, "{percent}%"),
            Self::Bytes(bytes) => write!(out, "{bytes}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_percentages_and_auto_are_told_apart() {
        for (text, value, shown) in [
            ("auto", MaxMemory::Auto, "auto"),
            ("AUTO", MaxMemory::Auto, "auto"),
            ("1%", MaxMemory::Percent(1), "1%"),
            ("100%", MaxMemory::Percent(100), "100%"),
            ("0", MaxMemory::Bytes(0), "0"),
            ("2mb", MaxMemory::Bytes(2 << 20), "2097152"),
            ("", MaxMemory::Bytes(0), "0"),
        ] {
            assert_eq!(MaxMemory::parse(text), Ok(value), "{text}");
            assert_eq!(value.to_string(), shown);
        }
        for text in ["x", "-1", "1.5gb", "automatic", "99999999999gb"] {
            assert_eq!(MaxMemory::parse(text), Err(InvalidValue::NotMemory), "{text}");
        }
        for text in ["0%", "101%", "-1%", "+5%", "%", "1.5%", "x%", " 5%"] {
            assert_eq!(MaxMemory::parse(text), Err(InvalidValue::NotAPercentage), "{text}");
        }
    }
}
