//! All keys as they were at one moment, read while they change.
//!
//! Nothing is copied at that moment, the [cut](crate::journal). A thread then walks over all
//! tables. A writer that changes an entry which the walk has not reached yet first puts a copy of
//! it into a queue: the entry's *before-image*.
//!
//! # Protocol
//!
//! For the snapshot of a cut, a position of a table's slab is
//!
//! * *written*: below the cursor;
//! * *settled*: its bit is set: what is there now was put there after the cut, or its before-image
//!   is in the queue;
//! * else *pending*: what is there now was there at the cut.
//!
//! | thread | step | under |
//! |---|---|---|
//! | a writer ([`Exclusive`]) | gets the cut from its passage, and begins a table for it: cursor 0, no bit set | the shard's write lock |
//! | a writer | puts an entry into a vacant position: settles it | the same |
//! | a writer | changes, replaces or removes a pending entry: settles it, and puts the before-image into the queue | the same |
//! | a writer | clears a table: puts the old one into the queue, and marks the new one as done for this cut | the same |
//! | the walk ([`Snapshot`]) | begins a table for the cut | the write lock |
//! | the walk | copies the pending entries of the next positions, and moves the cursor | the read lock |
//! | the walk | marks a table as read to its end, and goes on to the next | the write lock |
//! | the walk | does one of these three for one table | the arrangement, for reading |
//! | SWAPDB | begins the tables of both databases, and exchanges them | the arrangement and both databases, for writing |
//! | the walk | takes what is in the queue | the lock of the queue |
//!
//! *Each key once.* A pending position becomes settled or written under a lock that the other side
//! needs too, and no position becomes pending again. A table begins at its first change after the
//! cut, before that change, or when the walk reaches it. Either way it begins as it was at the cut:
//! changes before the cut were complete when the cut was made, as their passages were.
//!
//! *No table is missed, and the walk ends.* Tables change places (SWAPDB), but each has an
//! identity, its *origin* and its shard, that does not change (see
//! [`arrangement`](super::arrangement)). The walk goes over the identities, each once. In a step it
//! holds the arrangement for reading, which SWAPDB holds for writing: so the table is where the
//! arrangement says, and is still the same when it is begun or marked as read to its end. Each step
//! begins a table, moves its cursor towards an end that is fixed at the cut, or leaves it for the
//! next identity: no command can add to the steps that remain. Each entry of the queue came from a
//! table before the end of that table, so it is in the queue when the walk reaches the end of the
//! last table, and nothing is added later. A table begins before it changes places, and so records
//! the database that it belonged to at the cut.
//!
//! *A table that is cleared* (FLUSHDB, FLUSHALL) leaves an empty one in its place, with the same
//! identity, that is done for this cut. The old one is put into the queue, where it cannot change,
//! and its pending entries are read from there.
//!
//! *The walk does not wait for a transaction.* The walk ignores the reservations of shards and of
//! the arrangement: the whole transaction comes after the cut, and its commands keep before-images
//! as all others do. (A SWAPDB that waits for a transaction keeps its locks, and the walk waits for
//! the SWAPDB.)
//!
//! *No deadlock.* The walk holds the arrangement and one shard at most, taken in lock order. A
//! thread that holds a shard and waits for a transaction waits for one that reserves single shards.
//! Such a transaction has no SWAPDB in it. (One that reserves everything passes a shard only when
//! the shard is free.)
//!
//! *Memory.* The bytes of the queue are counted in the [`Journal`], which holds writers back,
//! outside of all locks, while it is long. The bits of a table, one for each position, exist from
//! its first change until the walk has passed it.
//!
//! *What a copy costs.* Small values are copied. Long texts are shared, and copied by the next
//! command that edits them. Of a hash that is a large table only the key is copied, and its fields
//! are frozen: they have a protocol of the same kind, which is described in `hash/frozen.rs`.
//!
//! *Vector sets* are shared, not copied: the receiver of an entry with a set gets the set's own
//! snapshot at the cut. The set begins it at its first change after the cut, by the same passage.
//!
//! [`Exclusive`]: super::Exclusive
//! [`Journal`]: crate::journal::Journal

mod hook;
mod queue;
mod state;
mod walk;

#[cfg(test)]
pub(super) use self::hook::WalkPoint;
pub(super) use self::queue::{BeforeImage, Queue};
pub(super) use self::state::{Batch, Progress, State};
pub use self::walk::{KeyAtCut, Snapshot};
