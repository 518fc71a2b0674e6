//! Parts of values that expire by themselves, fields of hashes and elements of vector sets: what
//! their commands have in common.
//!
//! ```text
//! deadline.rs  the bounds of a deadline, conditions on the present one, and its seconds
//! names.rs     a word, a count and so many names
//! options.rs   the arguments of commands that set deadlines: a condition, and names
//! ```
//!
//! The errors differ only in what the parts are called: [`Words`].

mod deadline;
mod names;
mod options;

pub(super) use self::deadline::{Condition, deadline_ms, seconds};
pub(super) use self::names::{Words, counted, unknown_argument};
pub(super) use self::options::{Options, SEVERAL_CONDITIONS};
