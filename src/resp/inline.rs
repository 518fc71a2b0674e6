//! Inline commands: a line of words with optional quotes, as typed into telnet (Redis'
//! `sdssplitargs`).

use crate::hex;

/// The words of a line; None if a quote does not end or is followed by anything but a blank.
pub(super) fn split_words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        rest = skip_blanks(rest);
        if rest.is_empty() {
            return Some(words);
        }
        let (word, tail) = take_word(rest)?;
        words.push(word);
        rest = tail;
    }
}

/// C's `isspace`.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn skip_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|&&byte| is_blank(byte)).count();
    &text[blanks..]
}

/// A word ends at fewer kinds of blank than are skipped between words, as in Redis.
fn take_word(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut word = Vec::new();
    let mut rest = text;
    while let [byte, tail @ ..] = rest {
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' => break,
            b'"' => return close_quote(take_double_quoted(tail, &mut word)?, word),
            b'\'' => return close_quote(take_single_quoted(tail, &mut word)?, word),
            other => word.push(*other),
        }
        rest = tail;
    }
    Some((word, rest))
}

fn close_quote(rest: &[u8], word: Vec<u8>) -> Option<(Vec<u8>, &[u8])> {
    rest.first().is_none_or(|&byte| is_blank(byte)).then_some((word, rest))
}

/// What follows the closing `"`. Inside stand `\xHH`, `\n`, `\r`, `\t`, `\b`, `\a`, and `\` before
/// any other byte.
fn take_double_quoted<'t>(mut text: &'t [u8], word: &mut Vec<u8>) -> Option<&'t [u8]> {
    loop {
        let (byte, tail) = match text {
            [b'"', tail @ ..] => return Some(tail),
            [b'\\', escaped, tail @ ..] => match (escaped, tail) {
                (b'x', [high, low, after @ ..]) if let Some(byte) = hex::byte(*high, *low) => (byte, after),
                _ => (unescape(*escaped), tail),
            },
            [byte, tail @ ..] => (*byte, tail),
            [] => return None,
        };
        word.push(byte);
        text = tail;
    }
}

/// What follows the closing `'`. Inside stands `\'`.
fn take_single_quoted<'t>(mut text: &'t [u8], word: &mut Vec<u8>) -> Option<&'t [u8]> {
    loop {
        let (byte, tail) = match text {
            [b'\'', tail @ ..] => return Some(tail),
            [b'\\', b'\'', tail @ ..] => (b'\'', tail),
            [byte, tail @ ..] => (*byte, tail),
            [] => return None,
        };
        word.push(byte);
        text = tail;
    }
}

fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(line: &str) -> Option<Vec<String>> {
        let words = split_words(line.as_bytes())?;
        Some(words.into_iter().map(|word| String::from_utf8(word).unwrap()).collect())
    }

    /// As Redis 8.6.2 reads them.
    #[test]
    fn words_quotes_and_escapes() {
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            ("  \t ", &[]),
            ("  PING  ", &["PING"]),
            ("SET a b", &["SET", "a", "b"]),
            (r#"ECHO """#, &["ECHO", ""]),
            (r#"ECHO ab"cd""#, &["ECHO", "abcd"]),
            (r#"E "\x41\n\r\t\b\a\q\\\"\xzz""#, &["E", "A\n\r\t\x08\x07q\\\"xzz"]),
            (r#"E "\x4""#, &["E", "x4"]),
            (r"E 'a\'b\n'", &["E", r"a'b\n"]),
            ("E\x0ba \x0bb", &["E\x0ba", "b"]),
            ("E a\rb", &["E", "a", "b"]),
        ];
        for (line, expected) in cases {
            assert_eq!(words(line).unwrap(), *expected, "{line:?}");
        }
    }

    #[test]
    fn quotes_must_balance() {
        for line in [r#"a "b"#, "a 'b", r#"a "b"c"#, "a 'b'c", r#"ab"cd ef"gh"#, r#"a "\"#] {
            assert_eq!(words(line), None, "{line:?}");
        }
    }

    proptest! {
        #[test]
        fn no_line_panics(line: Vec<u8>) {
            split_words(&line);
        }
    }
}
