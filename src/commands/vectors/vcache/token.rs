//! Tokens: which answer a report is about.
//!
//! ```text
//! [slot: u32][number of the element: u32][score: f32][lead: u8][was a hit: u8][mark: u64]
//! ```
//!
//! In hexadecimal digits, 44 of them. The number is a hash of the element's name, so that another
//! element in the same slot is not taken for it. The mark is made of the rest, of the key's name
//! and of the secret of the set, which is saved with it. So a token of before a restart, of an
//! element that was removed, or that was moved to another slot, is *stale*: the report counts
//! nothing, and that is the reply. A token that this set has not given, under this key, is an
//! error.

use sha1::{Digest, Sha1};

use crate::certainty::Lead;
use crate::resp::Error;
use crate::vector_set::CacheRules;

/// What a token says.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Token {
    pub(super) slot: u32,
    pub(super) number: u32,
    pub(super) score: f32,
    pub(super) lead: Lead,
    /// The answer was decided to be a hit.
    pub(super) is_of_hit: bool,
}

const CONTENT: usize = 14;
const MARK: usize = 8;
const BYTES: usize = CONTENT + MARK;

pub(super) const FORGED: &str = "ERR the token is none that VCACHE.GET has given for this key";

impl Token {
    /// Its text for a key with these rules.
    pub(super) fn text(&self, key: &[u8], rules: &CacheRules) -> Vec<u8> {
        let content = self.content();
        let bytes = [&content[..], &mark(&content, key, rules)].concat();
        bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
    }

    /// The token of a text.
    pub(super) fn parse(text: &[u8], key: &[u8], rules: &CacheRules) -> Result<Self, Error> {
        let bytes = bytes(text).ok_or(Error::new(FORGED))?;
        let (content, given) = bytes.split_at(CONTENT);
        // Compared as a whole, in the same time wherever they differ.
        let difference = given.iter().zip(mark(content, key, rules)).fold(0, |all, (a, b)| all | (a ^ b));
        if difference != 0 {
            return Err(Error::new(FORGED));
        }
        let word = |at: usize| [content[at], content[at + 1], content[at + 2], content[at + 3]];
        Ok(Self {
            slot: u32::from_le_bytes(word(0)),
            number: u32::from_le_bytes(word(4)),
            score: f32::from_le_bytes(word(8)),
            lead: Lead::from_byte(content[12]),
            is_of_hit: content[13] != 0,
        })
    }

    fn content(&self) -> [u8; CONTENT] {
        let mut content = [0; CONTENT];
        content[..4].copy_from_slice(&self.slot.to_le_bytes());
        content[4..8].copy_from_slice(&self.number.to_le_bytes());
        content[8..12].copy_from_slice(&self.score.to_le_bytes());
        content[12] = self.lead.to_byte();
        content[13] = self.is_of_hit.into();
        content
    }
}

/// The content has one length and the mark is short, so it cannot be made for a longer text.
fn mark(content: &[u8], key: &[u8], rules: &CacheRules) -> [u8; MARK] {
    let hash = Sha1::new().chain_update(rules.secret).chain_update(content).chain_update(key).finalize();
    let mut mark = [0; MARK];
    mark.copy_from_slice(&hash[..MARK]);
    mark
}

fn digit(value: u8) -> u8 {
    b"0123456789abcdef"[usize::from(value)]
}

fn bytes(text: &[u8]) -> Option<[u8; BYTES]> {
    let (pairs, rest) = text.as_chunks::<2>();
    if !rest.is_empty() || pairs.len() != BYTES {
        return None;
    }
    let mut bytes = [0; BYTES];
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        let [high, low] = pair.map(|digit| (digit as char).to_digit(16));
        *byte = (high? << 4 | low?) as u8;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(secret: u8) -> CacheRules {
        CacheRules { scope: Vec::new(), secret: [secret; 16], max_error: None }
    }

    #[test]
    fn it_is_taken_back_for_its_key_and_set_alone() {
        let token =
            Token { slot: 7, number: 0xdead_beef, score: 0.875, lead: Lead::new(0.5), is_of_hit: true };
        let text = token.text(b"key", &rules(1));
        assert_eq!(text.len(), 2 * BYTES);
        assert_eq!(Token::parse(&text, b"key", &rules(1)), Ok(token));
        assert!(Token::parse(&text, b"keys", &rules(1)).is_err());
        assert!(Token::parse(&text, b"key", &rules(2)).is_err());
        for at in 0..text.len() {
            let mut other = text.clone();
            other[at] = if other[at] == b'0' { b'1' } else { b'0' };
            assert!(Token::parse(&other, b"key", &rules(1)).is_err(), "{at}");
            assert!(Token::parse(&text[..at], b"key", &rules(1)).is_err());
        }
        assert!(Token::parse("ä".repeat(BYTES).as_bytes(), b"key", &rules(1)).is_err());
    }
}
