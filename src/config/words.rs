//! A line of redis.conf as words: blanks separate, quotes hold together.

/// Quotes that do not close, or a closing quote with no blank after it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UnbalancedQuotes;

impl std::fmt::Display for UnbalancedQuotes {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("unbalanced quotes")
    }
}

/// Splits as Redis does: `"…"` knows `\n \r \t \b \a \xHH`, `'…'` only `\'`.
///
/// # Errors
/// The quotes are unbalanced.
pub(super) fn split(line: &str) -> Result<Vec<String>, UnbalancedQuotes> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let (word, after) = take_word(rest)?;
        words.push(word);
        rest = after.trim_start();
    }
    Ok(words)
}

fn take_word(text: &str) -> Result<(String, &str), UnbalancedQuotes> {
    let mut word = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        match byte {
            b'"' | b'\'' => {
                rest = take_quoted(byte, after, &mut word)?;
                if rest.first().is_some_and(|byte| !byte.is_ascii_whitespace()) {
                    return Err(UnbalancedQuotes);
                }
                break;
            }
            byte if byte.is_ascii_whitespace() => break,
            byte => {
                word.push(byte);
                rest = after;
            }
        }
    }
    let word = String::from_utf8_lossy(&word).into_owned();
    Ok((word, &text[text.len() - rest.len()..]))
}

fn take_quoted<'t>(quote: u8, mut rest: &'t [u8], word: &mut Vec<u8>) -> Result<&'t [u8], UnbalancedQuotes> {
    loop {
        let (&byte, after) = rest.split_first().ok_or(UnbalancedQuotes)?;
        rest = after;
        match (byte, after) {
            (b'\\', [b'x', high, low, after @ ..]) if quote == b'"' && hex(*high, *low).is_some() => {
                word.extend(hex(*high, *low));
                rest = after;
            }
            (b'\\', [escaped, after @ ..]) if quote == b'"' => {
                word.push(unescape(*escaped));
                rest = after;
            }
            (b'\\', [b'\'', after @ ..]) => {
                word.push(b'\'');
                rest = after;
            }
            (byte, _) if byte == quote => return Ok(rest),
            (byte, _) => word.push(byte),
        }
    }
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'a' => 7,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_separate_and_quotes_hold_together() {
        assert_eq!(split("  a  b\tc ").unwrap(), ["a", "b", "c"]);
        assert_eq!(split(r#"x "a b" 'c d' "" ''"#).unwrap(), ["x", "a b", "c d", "", ""]);
        assert_eq!(split(r#""\x41\n\"" 'it\'s'"#).unwrap(), ["A\n\"", "it's"]);
        assert_eq!(split("größe").unwrap(), ["größe"]);
    }

    #[test]
    fn unbalanced_quotes_are_refused() {
        for line in [r#"""#, "'", r#""a"b"#, r#""a\"#, r#"x 'a\'"#] {
            assert_eq!(split(line), Err(UnbalancedQuotes), "{line}");
        }
    }
}
