//! Where do a slot's bytes lie? In fixed-stride blocks, found by slot number, that never move while
//! they are read. Knows no graph, no codes and no names: only slots and bytes.
//!
//! A vector set keeps each of its large parts (codes, links, names) in one arena. All arenas of a
//! set are indexed by the same dense `u32` slots, so a part costs exactly its stride per slot, and
//! an untouched part costs nothing.
//!
//! Growth never copies: segment *k* holds `FIRST << k` blocks (see `segments`). Large segments
//! are anonymous mappings, which the kernel backs with memory only as slots are first written, so
//! the doubling is of addresses, not of memory; [`Category::Mappings`](crate::memory::Category)
//! counts what has been handed out.
//!
//! | arena | a block is | read | written |
//! |---|---|---|---|
//! | [`Words`] | `n` atomic `u32` | any time | any time |
//! | [`Longs`] | an atomic `u64` | any time | any time |
//! | [`Codes`] | `n` bytes | while published | once, before it is published |
//! | [`TieredCodes`] | `n` bytes, in memory or in a file | while pinned | once, before it is published; then moved |
//! | [`Blobs`] | a pointer to bytes | while pinned | any time; the old bytes are freed after a grace period |
//!
//! The first blocks of an arena may be *lent* by the files of a sealed set (see [`crate::tier`]):
//! they are read where they lie there. `Codes` never change them; of `Words` and the cells of
//! `Blobs` each is copied before it is changed (`copied`).
//!
//! [`Removable`] holds one value for all slots, which may be taken away while pinned readers use
//! it.
//!
//! [`ThinBlock`] is for the keyspace, which has no slots that are read without a lock: small
//! blocks, each with one owner. [`Visited`] is for its large hashes, which a snapshot reads piece
//! by piece while their owner goes on changing them.

mod blobs;
mod codes;
mod copied;
mod longs;
mod lowest;
mod removable;
mod segments;
mod thin_block;
mod tiered;
mod visited;
mod words;

pub use blobs::{Blobs, LENT_ALIGN, Marked, lent_cell, lent_header};
pub use codes::Codes;
pub use longs::Longs;
pub(crate) use lowest::Lowest;
pub use removable::Removable;
pub use thin_block::{Purpose, ThinBlock};
pub use tiered::TieredCodes;
pub use visited::{Change, Visited, Visitor};
pub use words::Words;
