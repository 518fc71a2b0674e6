//! Bytes as hexadecimal digits, and back.

/// Two digits for each byte, in lower case.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The byte of two digits, in either case.
pub(crate) fn byte(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// The bytes of so many digits, in either case; none if there is anything else.
pub(crate) fn decode(digits: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_chunks::<2>();
    pairs.iter().map(|&[high, low]| byte(high, low)).collect::<Option<_>>().filter(|_| rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_are_written_and_read() {
        let all: Vec<u8> = (0..=255).collect();
        let digits = encode(&all);
        assert!(digits.starts_with("000102") && digits.ends_with("fdfeff"), "{digits}");
        assert_eq!(decode(digits.as_bytes()), Some(all.clone()));
        assert_eq!(decode(digits.to_uppercase().as_bytes()), Some(all));
        assert_eq!((decode(b""), byte(b'7', b'F')), (Some(Vec::new()), Some(0x7f)));
    }

    #[test]
    fn what_is_not_digits_is_refused() {
        for text in [&b"0"[..], b"000", b"0g", b"g0", b"+f", b" 1", b"\xc3\xa4"] {
            assert_eq!(decode(text), None);
        }
    }
}
