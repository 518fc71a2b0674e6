//! Which slots have a string with these words?

use std::ops::ControlFlow;

use roaring::RoaringBitmap;
use smallvec::SmallVec;

use super::Value;
use super::column::Column;
use super::dictionary::Dictionary;
use super::id_list::IdList;
use super::key::Key;
use super::postings::Postings;
use super::presence::{Presence, State};
use super::tokens::{Language, Tokenizer, WordQuery};
use crate::memory::{Category, Held};

/// Words of strings and the slots that have them. Everything else than a string or null is
/// [`others`](super::Presence::others).
pub struct TextIndex {
    tokenizer: Tokenizer,
    words: Dictionary,
    /// Ids of words by slot.
    column: Column<Option<IdList>, 1024>,
    /// Bytes on the heap of those.
    list_bytes: Held,
    presence: Presence,
}

impl TextIndex {
    /// An empty one, of words that are stemmed in this language, if in any.
    pub fn new(language: Option<Language>) -> Self {
        let category = Category::AttributeIndexes;
        Self {
            tokenizer: Tokenizer::new(language),
            words: Dictionary::new(),
            column: Column::new(category),
            list_bytes: Held::nothing(category),
            presence: Presence::new(),
        }
    }

    /// What makes its words. Queries are to be made with it.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Stores what a slot has; what it had before is removed. Slots are below 2³¹. Takes some 0.3
    /// µs for each word of a string, and twice that with stemming.
    pub fn insert(&mut self, slot: u32, value: Value) {
        self.remove(slot);
        let state = match value {
            Value::Text(text) => {
                self.insert_text(slot, text);
                State::Indexed
            }
            Value::Null => State::Null,
            _ => State::Other,
        };
        self.presence.insert(slot, state);
    }

    fn insert_text(&mut self, slot: u32, text: &[u8]) {
        let mut ids: SmallVec<[u32; 64]> = SmallVec::new();
        let all = self.tokenizer.words(text, |word| {
            ids.push(self.words.insert(Key::Text(word.as_bytes()), slot));
            ControlFlow::<()>::Continue(())
        });
        debug_assert!(all.is_continue());
        ids.sort_unstable();
        ids.dedup();
        let list = IdList::new(&ids);
        self.list_bytes.grow(list.heap_bytes());
        self.column.put(slot, Some(list));
    }

    /// Forgets what a slot has, if anything.
    pub fn remove(&mut self, slot: u32) {
        if self.presence.remove(slot) != State::Indexed {
            return;
        }
        if let Some(list) = self.column.take(slot).flatten() {
            self.list_bytes.shrink(list.heap_bytes());
            list.iter().for_each(|id| self.words.remove(id, slot));
        }
    }

    /// Which slots have a value, and which of them one that is not held here.
    pub fn presence(&self) -> &Presence {
        &self.presence
    }

    /// Slots whose string has all words of a query that was made with this
    /// [`tokenizer`](Self::tokenizer): exact, the same as [`WordQuery::matches`] of the strings.
    /// The rarest word comes first.
    pub fn matching(&self, query: &WordQuery) -> RoaringBitmap {
        let postings = self.rarest_first(query).unwrap_or_default();
        let Some((rarest, rest)) = postings.split_first() else { return RoaringBitmap::new() };
        let mut slots = rarest.to_bitmap();
        rest.iter().for_each(|postings| postings.intersect_into(&mut slots));
        slots
    }

    /// At most so many slots have all words of a query: how many have its rarest. Takes 0.1 µs for
    /// each word.
    pub fn estimate(&self, query: &WordQuery) -> usize {
        let rarest = self.rarest_first(query).and_then(|postings| postings.first().map(|first| first.len()));
        rarest.unwrap_or(0)
    }

    /// The slots of each word; `None` if no string has one of them.
    fn rarest_first(&self, query: &WordQuery) -> Option<SmallVec<[&Postings; 8]>> {
        let postings = query.words().iter().map(|word| self.word(word));
        let mut postings: SmallVec<[&Postings; 8]> = postings.collect::<Option<_>>()?;
        postings.sort_unstable_by_key(|postings| postings.len());
        Some(postings)
    }

    /// Slots whose string has a word, which is as the tokenizer makes it.
    pub fn word(&self, word: &str) -> Option<&Postings> {
        self.words.get(Key::Text(word.as_bytes()))
    }

    /// Whether the string of a slot has all words of a query: exact. Takes some 0.1 µs for each
    /// word of the query.
    pub fn slot_matches(&self, slot: u32, query: &WordQuery) -> bool {
        let has = |word: &str| self.word(word).is_some_and(|postings| postings.contains(slot));
        !query.is_empty() && query.words().iter().all(|word| has(word))
    }

    /// How many different words.
    pub fn cardinality(&self) -> usize {
        self.words.len()
    }

    /// How many pairs of a word and a slot.
    pub fn entries(&self) -> usize {
        self.words.postings()
    }

    /// Bytes that it takes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.words.heap_bytes()
            + self.column.heap_bytes()
            + self.list_bytes.bytes()
            + self.presence.heap_bytes()
    }
}

#[cfg(test)]
mod tests;
