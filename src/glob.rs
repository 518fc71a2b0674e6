//! The glob patterns of Redis: `*`, `?`, `[a-z]`, `[^…]`, `\x`. Time is bounded by the product of
//! both lengths.

/// True if all of `text` fits the pattern. A mismatch goes back to the last `*` only, so that many
/// stars do not multiply; there is no recursion.
///
/// As in Redis, an empty text fits no pattern but the empty one and `*` itself.
pub(crate) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    if text.is_empty() {
        return matches!(pattern, b"" | b"*");
    }
    let mut rest = pattern;
    let mut unread = text;
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        if let [b'*', after @ ..] = rest {
            star = Some((after, unread));
            rest = after;
        } else if let Some(after) = unread.first().and_then(|&byte| step(rest, byte)) {
            rest = after;
            unread = &unread[1..];
        } else if rest.is_empty() && unread.is_empty() {
            return true;
        } else {
            let Some((after, [_, shorter @ ..])) = star else { return false };
            star = Some((after, shorter));
            rest = after;
            unread = shorter;
        }
    }
}

/// The pattern after its first element, if that takes this byte.
fn step(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    match pattern {
        [] => None,
        [b'?', after @ ..] => Some(after),
        [b'[', class @ ..] => class_takes(class, byte),
        [b'\\', literal, after @ ..] | [literal, after @ ..] => (*literal == byte).then_some(after),
    }
}

/// `class` begins after the bracket. One that does not end reaches to the end of the pattern, as in
/// Redis.
fn class_takes(class: &[u8], byte: u8) -> Option<&[u8]> {
    let (negated, mut rest) = match class {
        [b'^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut found = false;
    loop {
        rest = match rest {
            [] => break,
            [b']', after @ ..] => {
                rest = after;
                break;
            }
            [b'\\', literal, after @ ..] => {
                found |= *literal == byte;
                after
            }
            [low, b'-', high, after @ ..] => {
                found |= (*low.min(high)..=*low.max(high)).contains(&byte);
                after
            }
            [literal, after @ ..] => {
                found |= *literal == byte;
                after
            }
        };
    }
    (found != negated).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_marks_classes_and_escapes() {
        let fits = |pattern: &str, text: &str| matches(pattern.as_bytes(), text.as_bytes());
        for (pattern, text) in [
            ("*", ""),
            ("a*c", "abbc"),
            ("h?llo", "hello"),
            ("h[ae]llo", "hallo"),
            ("[^a]", "b"),
            ("[c-a]x", "bx"),
            (r"\*", "*"),
            (r"[\]]", "]"),
            ("a**b", "ab"),
            ("[ab", "b"),
            ("*a*b", "xaxxb"),
        ] {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("", "a"), ("?", ""), ("**", ""), ("a*c", "ab"), ("[^a]", "a"), ("abc", "ab"), ("h[ae]", "hi")]
        {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_do_not_multiply() {
        let pattern = "a*".repeat(50) + "b";
        assert!(!matches(pattern.as_bytes(), &[b'a'; 2000]));
    }
}
