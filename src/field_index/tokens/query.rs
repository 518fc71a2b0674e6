//! Does a text contain all words of a query?

use std::ops::ControlFlow;

use smallvec::SmallVec;

use super::Tokenizer;

/// The words of a query, made once and compared with many texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordQuery {
    /// In order, each once.
    words: Vec<Box<str>>,
}

impl WordQuery {
    /// Of a text.
    pub fn new(tokenizer: &Tokenizer, query: &[u8]) -> Self {
        let mut words: Vec<Box<str>> = Vec::new();
        let all = tokenizer.words(query, |word| {
            words.push(word.into());
            ControlFlow::<()>::Continue(())
        });
        debug_assert!(all.is_continue());
        words.sort_unstable();
        words.dedup();
        Self { words }
    }

    /// Its words in order, each once.
    pub fn words(&self) -> &[Box<str>] {
        &self.words
    }

    /// True if it has no word. Such a query matches no text: what consists of punctuation only
    /// would otherwise find everything.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether a text contains all words, in any order, each at least once. `tokenizer` has the
    /// language with which the query was made. Reads the text up to the last word that is needed.
    pub fn matches(&self, tokenizer: &Tokenizer, text: &[u8]) -> bool {
        let mut is_found: SmallVec<[bool; 32]> = SmallVec::from_elem(false, self.words.len());
        let mut missing = self.words.len();
        let found_all = tokenizer.words(text, |word| {
            if let Ok(place) = self.words.binary_search_by(|known| (**known).cmp(word)) {
                missing -= usize::from(!std::mem::replace(&mut is_found[place], true));
            }
            if missing == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        found_all.is_break() && !self.is_empty()
    }
}
