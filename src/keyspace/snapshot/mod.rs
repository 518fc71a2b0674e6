//! All keys as they were at one moment, given away while they change.
//!
//! Nothing is copied at that moment, the [cut](crate::journal). A thread then walks over all tables, and whoever changes
//! an entry that it has not reached yet hands over what the entry was.
//!
//! # Protocol
//!
//! A position of a table's slab is, for the snapshot of a cut,
//!
//! * *written*: below the cursor;
//! * *settled*: its bit says that what is there now was put there after the cut, or that its state at the cut was handed
//!   over;
//! * else *wanted*: what is there now was there at the cut.
//!
//! | who | does | under |
//! |---|---|---|
//! | a writer ([`Exclusive`]) | learns the cut from its passage, and begins a table for it: cursor 0, no bit set | the shard's write lock |
//! | it | puts an entry into a vacant position: settles it | the same |
//! | it | changes, replaces or removes a wanted entry: settles it, and puts what it was into the queue | the same |
//! | it | clears a table: puts the old one into the queue, and tells the new one that nothing in it is wanted | the same |
//! | the walker ([`Snapshot`]) | begins a table for the cut | the write lock |
//! | it | copies the wanted entries of the next positions, and moves the cursor | the read lock |
//! | it | marks a table as read to its end, and goes on to the next | the write lock |
//! | it | does one of these three for one table | the arrangement, for reading |
//! | SWAPDB | begins the tables of both databases, and exchanges them | the arrangement and they, for writing |
//! | it | takes what is in the queue | that of the queue |
//!
//! *Each key once.* A wanted position becomes settled or written under the lock that the other side needs too, and nothing
//! becomes wanted again. A table begins at its first change after the cut, before that change, or when the walker comes,
//! and then it is as it was at the cut: changes before the cut were over when it was made, as their passages were.
//!
//! *No table is missed, and the walk ends.* Tables change places (SWAPDB), but each has an
//! identity, its *origin* and its shard, that does not change (see
//! [`arrangement`](super::arrangement)). The walker goes over the identities, each once. In a step
//! it holds the arrangement for reading, which SWAPDB holds for writing: so the table is found
//! where the arrangement says, and is still the same when it is begun, or told that its end was
//! reached. Each step begins a table, moves its cursor towards an end that is fixed at the cut, or
//! leaves it for the next identity: no command can add to the steps that remain. What was put into
//! the queue came from a table before its end, so it is there when the walker comes to the end of
//! the last one, and nothing follows it. A table begins before it changes places, and so knows its
//! database at the cut.
//!
//! *A table that is cleared* (FLUSHDB, FLUSHALL) leaves an empty one in its place, with the same
//! identity, that has ended for this cut. What was not written of the old one is in the queue,
//! where it cannot change, and is walked from there.
//!
//! *The walk does not wait for a transaction.* The walker passes by the marks of reserved shards,
//! and of the arrangement: the transaction is behind the cut as a whole, and its commands hand over
//! what they change, as all others. (A SWAPDB that waits for a transaction keeps its locks, and the
//! walker waits for it.)
//!
//! *No deadlock.* The walker holds the arrangement and one shard at most, taken in lock order.
//! Whoever holds a shard and waits for a transaction waits for one that reserves single shards, and
//! so has no SWAPDB in it: one that reserves everything passes a shard only when it is free.
//!
//! *Memory.* The queue is counted in the [`Journal`], which has writers held outside of all locks while it is long. A
//! bit for each position of a table is there from its first change until the walker has passed.
//!
//! *What a copy costs.* Small values are copied; long texts are shared, and copied by whoever edits
//! them first. Of a hash that is a large table only the key is copied, and its fields are frozen:
//! they have this protocol for themselves, which is described in `hash/frozen.rs`.
//!
//! *Vector sets* are shared, not copied: whoever gets an entry with a set asks the set for its own state at the cut. It
//! begins that at the first change after the cut, by the same passage.
//!
//! [`Exclusive`]: super::Exclusive
//! [`Journal`]: crate::journal::Journal

mod hook;
mod queue;
mod state;
mod walk;

#[cfg(test)]
pub(super) use self::hook::Moment;
pub(super) use self::queue::{Handed, Queue};
pub(super) use self::state::{Batch, Progress, State};
pub use self::walk::{Old, Snapshot};
