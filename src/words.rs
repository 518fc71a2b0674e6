//! A line of redis.conf, or of a manifest, as words: separated by blanks, or held together by
//! quotes. Also the reverse: a word in quotes.

use crate::hex;

/// Why a line cannot be split.
#[derive(Debug, PartialEq, Eq)]
pub enum NotWords {
    /// Quotes that do not close, or a closing quote with no blank after it.
    UnbalancedQuotes,
    /// Its escapes form bytes that are not UTF-8.
    NotText,
}

impl std::fmt::Display for NotWords {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::UnbalancedQuotes => "Unbalanced quotes in configuration line",
            Self::NotText => "values must be UTF-8",
        })
    }
}

/// Splits as Redis does (`sdssplitargs`): `"…"` knows `\n \r \t \b \a \xHH`, `'…'` only `\'`.
/// Quotes may begin inside a word, but only a blank may follow where they end.
///
/// # Errors
/// The quotes are unbalanced, or a word is not text.
pub(crate) fn split(line: &str) -> Result<Vec<String>, NotWords> {
    let mut words = Vec::new();
    let mut rest = line.as_bytes().trim_ascii_start();
    while !rest.is_empty() {
        let (word, after) = take_word(rest)?;
        words.push(String::from_utf8(word).map_err(|_| NotWords::NotText)?);
        rest = after.trim_ascii_start();
    }
    Ok(words)
}

fn take_word(mut rest: &[u8]) -> Result<(Vec<u8>, &[u8]), NotWords> {
    let mut word = Vec::new();
    while let Some((&byte, after)) = rest.split_first() {
        match byte {
            b'"' | b'\'' => {
                rest = take_quoted(byte, after, &mut word)?;
                if rest.first().is_some_and(|byte| !byte.is_ascii_whitespace()) {
                    return Err(NotWords::UnbalancedQuotes);
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
    Ok((word, rest))
}

fn take_quoted<'t>(quote: u8, mut rest: &'t [u8], word: &mut Vec<u8>) -> Result<&'t [u8], NotWords> {
    loop {
        let (&byte, after) = rest.split_first().ok_or(NotWords::UnbalancedQuotes)?;
        rest = after;
        match (byte, after) {
            (b'\\', [b'x', high, low, after @ ..]) if quote == b'"' && hex::byte(*high, *low).is_some() => {
                word.extend(hex::byte(*high, *low));
                rest = after;
            }
            (b'\\', [escaped, after @ ..]) if quote == b'"' => {
                word.push(unescape(*escaped));
                rest = after;
            }
            (b'\\', [b'\'', after @ ..]) if quote == b'\'' => {
                word.push(b'\'');
                rest = after;
            }
            (byte, _) if byte == quote => return Ok(rest),
            (byte, _) => word.push(byte),
        }
    }
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

/// A word in quotes, such that [`split`] gives it back; bytes beyond ASCII are escaped, as Redis
/// does.
pub(crate) fn quote(word: &str) -> String {
    let mut quoted = String::from("\"");
    for byte in word.bytes() {
        match byte {
            b'\\' | b'"' => quoted.extend(['\\', char::from(byte)]),
            b'\n' => quoted.push_str("\\n"),
            b'\r' => quoted.push_str("\\r"),
            b'\t' => quoted.push_str("\\t"),
            7 => quoted.push_str("\\a"),
            8 => quoted.push_str("\\b"),
            b' '..=b'~' => quoted.push(char::from(byte)),
            other => quoted.push_str(&format!("\\x{other:02x}")),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_separate_and_quotes_hold_together() {
        assert_eq!(split("  a  b\tc ").unwrap(), ["a", "b", "c"]);
        assert_eq!(split(r#"x "a b" 'c d' "" ''"#).unwrap(), ["x", "a b", "c d", "", ""]);
        assert_eq!(split(r#""\x41\n\"\q" 'it\'s\n'"#).unwrap(), ["A\n\"q", "it's\\n"]);
        assert_eq!(split(r#"a"b c" größe \x41"#).unwrap(), ["ab c", "größe", "\\x41"]);
        assert_eq!(split(r#""it\'s" "\xzz""#).unwrap(), ["it's", "xzz"]);
    }

    #[test]
    fn unbalanced_quotes_are_refused() {
        for line in [r#"""#, "'", r#""a"b"#, r#""a\"#, r#"x 'a\'"#] {
            assert_eq!(split(line), Err(NotWords::UnbalancedQuotes), "{line}");
        }
        assert_eq!(split(r#""\xff""#), Err(NotWords::NotText));
    }

    #[test]
    fn what_is_quoted_is_read_back() {
        for word in ["", "a b", "a\"b\\c", "\n\r\t\u{7}\u{8}\u{1b}", "größe", "'", "#"] {
            assert_eq!(split(&quote(word)).unwrap(), [word]);
        }
    }
}
