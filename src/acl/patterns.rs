//! Patterns of keys and channels.

use super::RuleError;
use crate::glob;

/// What is done with a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Its value is returned, copied or looked at.
    pub reads: bool,
    /// Its value changes.
    pub writes: bool,
}

impl Access {
    /// Both.
    pub const ALL: Self = Self { reads: true, writes: true };

    /// True if this allows all of `other`.
    fn covers(self, other: Self) -> bool {
        (self.reads || !other.reads) && (self.writes || !other.writes)
    }
}

/// Keys that a user may use, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyPattern {
    pub(super) pattern: Box<[u8]>,
    pub(super) access: Access,
}

impl KeyPattern {
    /// From `~pattern`, or `%R~pattern`, `%W~pattern`, `%RW~pattern`.
    pub(super) fn parse(rule: &[u8]) -> Result<Self, RuleError> {
        let (access, pattern) = match rule {
            [b'~', pattern @ ..] => (Access::ALL, pattern),
            [b'%', rest @ ..] => restricted(rest)?,
            _ => return Err(RuleError::Syntax),
        };
        Ok(Self { pattern: checked(pattern)?.into(), access })
    }

    pub(super) fn allows(&self, key: &[u8], access: Access) -> bool {
        self.access.covers(access) && matches(&self.pattern, key)
    }

    /// The rule that makes it.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(match self.access {
            Access { reads: true, writes: false } => b"%R~",
            Access { reads: false, writes: true } => b"%W~",
            _ => b"~",
        });
        out.extend_from_slice(&self.pattern);
    }
}

/// True if the name of a key or channel matches. As in Redis an empty name matches only an empty
/// pattern, not `*`.
pub(super) fn matches(pattern: &[u8], name: &[u8]) -> bool {
    if name.is_empty() { pattern.is_empty() } else { glob::matches(pattern, name) }
}

/// The letters of `%RW~pattern`, each at most once, and the pattern. As in Redis the letters may
/// end the rule; then the pattern is empty.
fn restricted(rule: &[u8]) -> Result<(Access, &[u8]), RuleError> {
    let mut access = Access::default();
    let mut rest = rule;
    while let [letter, after @ ..] = rest {
        match letter.to_ascii_uppercase() {
            b'R' if !access.reads => access.reads = true,
            b'W' if !access.writes => access.writes = true,
            b'~' if access != Access::default() => return Ok((access, after)),
            _ => return Err(RuleError::Syntax),
        }
        rest = after;
    }
    if access == Access::default() { Err(RuleError::Syntax) } else { Ok((access, rest)) }
}

/// A pattern without white space and NUL, so that rules can be written in a line.
pub(super) fn checked(pattern: &[u8]) -> Result<&[u8], RuleError> {
    if pattern.iter().any(|byte| is_blank(*byte)) { Err(RuleError::Syntax) } else { Ok(pattern) }
}

/// White space as C has it, or NUL.
pub(super) fn is_blank(byte: u8) -> bool {
    byte == 0 || byte == 0x0b || byte.is_ascii_whitespace()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(rule: &str) -> Option<String> {
        let pattern = KeyPattern::parse(rule.as_bytes()).ok()?;
        let mut text = Vec::new();
        pattern.write(&mut text);
        String::from_utf8(text).ok()
    }

    #[test]
    fn rules_about_keys() {
        for (rule, expected) in [
            ("~a*", Some("~a*")),
            ("~", Some("~")),
            ("%R~a", Some("%R~a")),
            ("%w~a", Some("%W~a")),
            ("%wR~a", Some("~a")),
            ("%R", Some("%R~")),
            ("%R~a%W~b", Some("%R~a%W~b")),
            ("%", None),
            ("%~a", None),
            ("%RR~a", None),
            ("%X~a", None),
            ("~a b", None),
            ("~a\0", None),
        ] {
            assert_eq!(written(rule).as_deref(), expected, "{rule}");
        }
    }

    #[test]
    fn a_pattern_allows_what_its_letters_say() {
        let read = Access { reads: true, writes: false };
        let write = Access { reads: false, writes: true };
        for (rule, allowed) in
            [("~a", [true; 4]), ("%R~a", [true, true, false, false]), ("%W~a", [true, false, true, false])]
        {
            let pattern = KeyPattern::parse(rule.as_bytes()).expect("a rule");
            let found =
                [Access::default(), read, write, Access::ALL].map(|access| pattern.allows(b"a", access));
            assert_eq!(found, allowed, "{rule}");
            assert!(!pattern.allows(b"b", Access::default()));
        }
        let all_names = KeyPattern::parse(b"%R~*").expect("a rule");
        assert!(all_names.allows(b"a", read) && !all_names.allows(b"", read), "as in Redis");
    }
}
