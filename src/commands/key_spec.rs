//! The positions of a command's keys among its words: Redis' key specs, as far as the commands here
//! need them.

use crate::resp::parse_integer;

/// One or several keys among the words of a request; the command's name is word 0.
#[derive(Clone, Copy, Debug)]
pub struct Keys {
    /// Where the search begins.
    pub begin: Begin,
    /// Which of the words from there on are keys.
    pub find: Find,
    /// Flags of the key spec, the access (`RO`, `RW`, `OW`, `RM`) first.
    pub access: &'static [&'static str],
    /// What `access` is for the words of a request, if that depends on them.
    pub varies: Option<AccessOf>,
    /// The note that Redis has about it, or nothing.
    pub note: &'static str,
}

/// Flags of a key spec.
pub type KeyAccess = &'static [&'static str];

/// What is done with keys in a request of these words.
pub type AccessOf = fn(&[&[u8]]) -> KeyAccess;

/// Where the search for keys begins.
#[derive(Clone, Copy, Debug)]
pub enum Begin {
    /// At this word.
    At(u8),
    /// After this word in any case, which is searched from a word on. Without it there are no such
    /// keys.
    Behind(&'static str, u8),
}

/// Which words are keys, seen from where the search begins.
#[derive(Clone, Copy, Debug)]
pub enum Find {
    /// Each `step`th up to `last`; a negative one counts from the end of the request (-1 is the
    /// last word).
    Range {
        /// The last word that may be a key.
        last: i8,
        /// Distance from key to key.
        step: u8,
    },
    /// The first word is their number; each `step`th word after it is a key.
    Counted {
        /// Distance from key to key.
        step: u8,
    },
}

/// The number of keys in a request is not a number, or some keys are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidCount;

impl Keys {
    /// One key, at this word.
    pub const fn at(begin: u8, access: &'static [&'static str]) -> Self {
        Self {
            begin: Begin::At(begin),
            find: Find::Range { last: 0, step: 1 },
            access,
            varies: None,
            note: "",
        }
    }

    /// All words from this one on.
    pub const fn from(begin: u8, access: &'static [&'static str]) -> Self {
        Self { find: Find::Range { last: -1, step: 1 }, ..Self::at(begin, access) }
    }

    /// This word is the number of keys, which follow it.
    pub const fn counted(begin: u8, access: &'static [&'static str]) -> Self {
        Self { find: Find::Counted { step: 1 }, ..Self::at(begin, access) }
    }

    /// The same, but only after a keyword, which is searched from word `from` on.
    pub const fn counted_behind(keyword: &'static str, from: u8, access: &'static [&'static str]) -> Self {
        Self { begin: Begin::Behind(keyword, from), ..Self::counted(from, access) }
    }

    /// The same, up to `last` words further on.
    pub const fn up_to(mut self, last: i8) -> Self {
        if let Find::Range { step, .. } = self.find {
            self.find = Find::Range { last, step };
        }
        self
    }

    /// The same, but only each `step`th word is a key.
    pub const fn every(mut self, step: u8) -> Self {
        self.find = match self.find {
            Find::Range { last, .. } => Find::Range { last, step },
            Find::Counted { .. } => Find::Counted { step },
        };
        self
    }

    /// False if the words are no keys, but are sent to the same server as a key of this name: shard
    /// channels.
    pub fn are_keys(&self) -> bool {
        !self.access.contains(&"not_key")
    }

    /// The same, but the access depends on the words of the request.
    pub const fn varying(mut self, access: AccessOf) -> Self {
        self.varies = Some(access);
        self
    }

    /// The same, with a note.
    pub const fn noted(mut self, note: &'static str) -> Self {
        self.note = note;
        self
    }

    /// First word, last and step, if the keys are at fixed positions. This is what `COMMAND INFO`
    /// had before key specs.
    pub const fn fixed(&self) -> Option<(u8, i8, u8)> {
        match (self.begin, self.find) {
            (Begin::At(begin), Find::Range { last, step }) => Some((begin, last, step)),
            _ => None,
        }
    }

    /// Which of `words`, the whole request, are keys.
    ///
    /// # Errors
    /// If the request has a count of keys, and it is wrong.
    pub fn positions(&self, words: &[&[u8]]) -> Result<Vec<usize>, InvalidCount> {
        let Some(begin) = self.begin(words) else { return Ok(Vec::new()) };
        match self.find {
            Find::Range { last, step } => {
                let end = match last {
                    0.. => begin + usize::from(last.unsigned_abs()) + 1,
                    _ => (words.len() + 1).saturating_sub(usize::from(last.unsigned_abs())),
                };
                Ok((begin..end.min(words.len())).step_by(usize::from(step.max(1))).collect())
            }
            Find::Counted { step } => counted(words, begin, usize::from(step.max(1))),
        }
    }

    /// The same for checks of permissions: all words that could be keys, whatever the command makes
    /// of the words before them. A keyword that is found first may be the name of an element, so
    /// each place where it stands counts. Empty if the request has one count of keys, and it is
    /// wrong.
    pub fn all_positions(&self, words: &[&[u8]]) -> Vec<usize> {
        let (Begin::Behind(keyword, from), Find::Counted { step }) = (self.begin, self.find) else {
            return self.positions(words).unwrap_or_default();
        };
        let is_keyword = |at: &usize| words[*at].eq_ignore_ascii_case(keyword.as_bytes());
        let mut found = Vec::new();
        // The lists may overlap; each word is taken once, so that this stays linear.
        let mut next = 0;
        for at in (usize::from(from)..words.len()).filter(is_keyword) {
            let Ok(count) = count(words, at + 1, usize::from(step.max(1))) else { continue };
            let end = (at + 2 + count * usize::from(step.max(1))).min(words.len());
            found.extend(next.max(at + 2)..end);
            next = next.max(end);
        }
        found
    }

    /// The flags of `access` for these words.
    pub fn access_in(&self, words: &[&[u8]]) -> KeyAccess {
        self.varies.map_or(self.access, |access| access(words))
    }

    fn begin(&self, words: &[&[u8]]) -> Option<usize> {
        match self.begin {
            Begin::At(begin) => Some(usize::from(begin)),
            Begin::Behind(keyword, from) => {
                let tail = words.get(usize::from(from)..)?;
                let at = tail.iter().position(|word| word.eq_ignore_ascii_case(keyword.as_bytes()))?;
                Some(usize::from(from) + at + 1)
            }
        }
    }
}

fn counted(words: &[&[u8]], begin: usize, step: usize) -> Result<Vec<usize>, InvalidCount> {
    Ok((begin + 1..).step_by(step).take(count(words, begin, step)?).collect())
}

/// The number of keys that the word at `begin` says, all of which are there.
fn count(words: &[&[u8]], begin: usize, step: usize) -> Result<usize, InvalidCount> {
    let count = words.get(begin).and_then(|word| parse_integer(word)).ok_or(InvalidCount)?;
    let count = usize::try_from(count).map_err(|_| InvalidCount)?;
    let there = (words.len() - begin - 1).div_ceil(step);
    if count == 0 || count > there { Err(InvalidCount) } else { Ok(count) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions(keys: Keys, words: &str) -> Result<Vec<usize>, InvalidCount> {
        let words: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
        keys.positions(&words)
    }

    #[test]
    fn fixed_keys_follow_begin_last_and_step() {
        assert_eq!(positions(Keys::at(1, &["RO"]), "GET a b"), Ok(vec![1]));
        assert_eq!(positions(Keys::at(1, &["RO"]).up_to(1), "LCS a b c"), Ok(vec![1, 2]));
        assert_eq!(positions(Keys::from(1, &["RO"]), "MGET a b c"), Ok(vec![1, 2, 3]));
        assert_eq!(positions(Keys::from(1, &["OW"]).every(2), "MSET a 1 b 2"), Ok(vec![1, 3]));
        assert_eq!(positions(Keys::at(2, &["RO"]), "OBJECT ENCODING"), Ok(vec![]));
    }

    #[test]
    fn counted_keys_must_all_be_there() {
        let pairs = Keys::counted(1, &["OW"]).every(2);
        assert_eq!(positions(pairs, "MSETEX 2 a 1 b 2 NX"), Ok(vec![2, 4]));
        for words in ["MSETEX", "MSETEX x a 1", "MSETEX 0 a 1", "MSETEX -1 a 1", "MSETEX 2 a 1"] {
            assert_eq!(positions(pairs, words), Err(InvalidCount), "{words}");
        }
    }

    #[test]
    fn a_keyword_may_be_left_out() {
        let also = Keys::counted_behind("ALSO", 3, &["RO"]);
        assert_eq!(positions(also, "VSEARCH k ELE a also 2 l m TRUTH"), Ok(vec![6, 7]));
        assert_eq!(positions(also, "VSEARCH k ELE a"), Ok(vec![]));
        assert_eq!(positions(also, "VSEARCH also"), Ok(vec![]));
        assert_eq!(positions(also, "VSEARCH k ELE also"), Err(InvalidCount));
    }
}
