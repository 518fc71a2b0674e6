//! Which slots have this value in a field? Indexes of the values of one field, by dense slots.
//!
//! Knows no vector set, no document, no command and no language of filters: the owner of the slots
//! reads values out of its attributes and says what is asked.

pub mod geo;
pub mod tokens;
