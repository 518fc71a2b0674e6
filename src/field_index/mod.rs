//! Which slots have this value in a field? Indexes of the values of one field, by dense slots.
//!
//! Knows no vector set, no document, no command and no language of filters: the owner of the slots
//! reads values out of its attributes and says what is asked. One writer at a time, and readers
//! beside one another: the owner's lock sees to it.
//!
//! ```text
//! FieldIndex ─┬ keyword  Dictionary of scalars, of items   column: id of a key, or a list of ids
//!             ├ numeric  SortedSlots by number             column: number
//!             ├ text     Dictionary of words (tokens)      column: list of ids
//!             └ geo      SortedSlots by cell               column: place
//! Dictionary: key → Postings.  All: Presence (which slots have a value, null, another type)
//! ```
//!
//! Each index keeps a column of what each slot has. So a slot is removed without its value, and
//! what is read once when it is written is never read again.

mod any;
mod bitmap;
mod builder;
mod column;
mod dictionary;
pub mod geo;
mod id_list;
mod key;
mod keyword;
mod numeric;
mod postings;
mod presence;
mod slab;
mod sorted;
#[cfg(test)]
mod testing;
mod text;
pub mod tokens;
mod value;

pub use any::FieldIndex;
pub use builder::Builder;
pub use geo::{GeoIndex, Place};
pub use key::Key;
pub use keyword::{KeywordIndex, KeywordValue, MAX_ITEMS, MAX_KEY_BYTES};
pub use numeric::NumericIndex;
pub use postings::Postings;
pub use presence::Presence;
pub use text::TextIndex;
pub use value::{Kind, Value};
