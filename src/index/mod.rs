//! Which slots are near? Links between slots, and the walk along them.
//! Knows no names, no attributes and no vector bytes: a [`Scorer`] computes how far a slot is.
//!
//! The index is built for a cache: searches take no lock, and go on at full speed while other
//! threads insert and remove. A slot's life (see [`Slots`]) is what holds this together:
//!
//! ```text
//! reserve ──► link ──► publish ──► kill ──► (swept out of every list) ──► reserved again
//! ```
//!
//! The caller publishes and kills inside its own critical section, so that what a search may return
//! changes together with its own tables; linking, the long part, happens before and outside.

mod candidate;
mod hnsw;
mod nearest;
mod scorer;
mod slot_set;
mod slots;

pub use candidate::Candidate;
pub use hnsw::{Assembly, BadLink, Effort, End, Index, Walk, Walked, is_overdue};
pub use nearest::Nearest;
pub use scorer::Scorer;
pub use slot_set::SlotSet;
pub use slots::{Moment, Slots, State};
