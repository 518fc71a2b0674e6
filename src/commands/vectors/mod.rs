//! The commands on vector sets: the thirteen of Redis, and what goes beyond them.
//!
//! # Extensions
//!
//! None of them changes a reply to what Redis knows. `COMMAND DOCS` has the grammar of each
//! command, `VINFO` the parameters of a set.
//!
//! | form | effect |
//! |---|---|
//! | `VCREATE key DIM n …` ([`vcreate`]) | an empty set with chosen parameters, which `VADD` need not repeat |
//! | `VSEARCH key query … …` ([`vsearch`]) | several queries over several sets; paging, limits, distances, vectors |
//! | `VADD … METRIC COSINE\|L2\|IP` ([`vadd`]) | another distance than the cosine |
//! | `VADD … QUANT kind`, `VADD … RERANK Q8\|F16` | further kinds of storage, and a finer copy beside a coarse one |
//! | `FP16 blob` | a vector in half precision, wherever `FP32 blob` may stand |
//! | `VADD key <vector> e1 [SETATTR a] <vector> e2 …` | several elements as one change; the reply is how many are new |
//! | `VREM`, `VGETATTR`, `VEMB`, `VISMEMBER` with several elements | all at one moment; the reply is a count or an array |
//!
//! # Scores
//!
//! A score is 1 for equal vectors and less for others. With the distance `d` that `WITHDIST` of
//! `VSEARCH` shows:
//!
//! | metric | distance `d` | score |
//! |---|---|---|
//! | `COSINE` | 1 − cos(a, b) | 1 − d/2, as in Redis |
//! | `IP` | 1 − a·b | 1 − d/2 |
//! | `L2` | the Euclidean distance | 1 / (1 + d) |
//!
//! # Kinds of storage
//!
//! A set keeps all its vectors in one kind, named by its word alone or behind `QUANT`. An element
//! takes that and about 190 bytes, most of them for its links (at M 16).
//!
//! | kind | bytes a component | |
//! |---|--:|---|
//! | `NOQUANT` | 4 | float32, as it was sent |
//! | `F16` | 2 | half precision: `VEMB` gives three digits back |
//! | `Q8` (default) | 1 | finds what `NOQUANT` finds but for less than a hundredth, and sooner: it reads a quarter |
//! | `RQ1` … `RQ8` | 1/8 … 1, and 12 a vector | RaBitQ codes of as many bits, whose distances are estimated without bias: `RQ5` to `RQ7` where `Q8` does not fit, fewer bits beside a finer copy |
//! | `PQ` | 1/8, and 4 a vector | product quantisation: centroids learnt from the first thousands of vectors, which are `Q8` until then. The tightest |
//! | `BIN` | 1/8 | signs, compared by counting: for vectors that were trained for it; cosine only |
//!
//! `RERANK Q8` and `RERANK F16` keep a finer copy beside `RQ1` … `RQ8` and `PQ`. A search reads the
//! coarse code of each element that it visits, and the finer copy only of those that may be near
//! enough; distances, links and `VEMB` are those of the copy. This takes more memory than the finer
//! kind alone, and reads less of it.
//!
//! `VCREATE … QUANT AUTO EXPECT n` chooses the best kind with which `n` elements (a million if it is
//! left out) fit into half of the memory left: what the machine has available, or what the limits
//! of its control groups leave. That is `Q8`, or the next tighter kind of the table without a copy;
//! `VINFO` and a line of the log show which ([`quant_auto`]).
//!
//! `tools/benchmarks/README.md` has what was measured of each kind, and `VINFO` of a set its own.

mod elements;
mod errors;
mod options;
mod quant_auto;
mod storage;
#[cfg(test)]
mod tests;
mod vadd;
mod vcard;
mod vcreate;
mod vdim;
mod vector;
mod vemb;
mod vgetattr;
mod vinfo;
mod vismember;
mod vlinks;
mod vrandmember;
mod vrange;
mod vrem;
mod vsearch;
mod vsetattr;
mod vsim;

use self::vadd::SPEC as VADD;
use self::vcard::SPEC as VCARD;
use self::vcreate::SPEC as VCREATE;
use self::vdim::SPEC as VDIM;
use self::vemb::SPEC as VEMB;
use self::vgetattr::SPEC as VGETATTR;
use self::vinfo::SPEC as VINFO;
use self::vismember::SPEC as VISMEMBER;
use self::vlinks::SPEC as VLINKS;
use self::vrandmember::SPEC as VRANDMEMBER;
use self::vrange::SPEC as VRANGE;
use self::vrem::SPEC as VREM;
use self::vsearch::SPEC as VSEARCH;
use self::vsetattr::SPEC as VSETATTR;
use self::vsim::SPEC as VSIM;
use super::{Context, Flags, Keys, Spec};
use crate::journal::Record;
use crate::keyspace::{Accounting, SetHandle, Shared, WrongType};
use crate::resp::{Error, Reply};
use crate::vector_set::{Hold, Refused, VectorSet};

/// The family, in the order of `COMMAND`.
pub(super) const COMMANDS: &[&Spec] = &[
    &VADD,
    &VCARD,
    &VCREATE,
    &VDIM,
    &VEMB,
    &VGETATTR,
    &VINFO,
    &VISMEMBER,
    &VLINKS,
    &VRANDMEMBER,
    &VRANGE,
    &VREM,
    &VSEARCH,
    &VSETATTR,
    &VSIM,
];

/// Redis declares every vector command, the reads too, as writing to its key.
const KEY: &[Keys] = &[Keys::at(1, &["RW", "access", "update"])];

/// The flags of commands that only read.
const READ: Flags = Flags::READONLY.and(Flags::MODULE);
/// Of those whose work does not grow with the set.
const READ_FAST: Flags = READ.and(Flags::FAST);

/// Tries of a search before it keeps its keys as they are while it looks.
const FREE_TRIES: usize = 3;

/// What `search` finds in the sets of keys, of which some may be missing, while the keys mean them.
///
/// A transaction changes the bindings of its sets before it changes anything, and nobody looks its keys up before its end:
/// so a search shows all of a transaction or nothing of it.
fn search_sets(
    cx: &Context,
    keys: &[&[u8]],
    search: impl Fn(&[Option<SetHandle>]) -> Result<Reply, Error>,
) -> Result<Reply, Error> {
    let mut accounting = Accounting::Used;
    for _ in 0..FREE_TRIES {
        let sets = find_sets(&cx.db().shared(keys), keys, accounting)?;
        let found = search(&sets);
        if sets.iter().flatten().all(|handle| handle.set.binding() == handle.binding) {
            return found;
        }
        accounting = Accounting::None;
    }
    let unchanged = cx.db().shared(keys);
    search(&find_sets(&unchanged, keys, accounting)?)
}

fn find_sets(
    keyspace: &Shared,
    keys: &[&[u8]],
    accounting: Accounting,
) -> Result<Vec<Option<SetHandle>>, WrongType> {
    keys.iter().map(|key| keyspace.vector_set(key, accounting)).collect()
}

/// What `look` says of the set of a key while the key means that set: a set that got another key meanwhile may have
/// changed under that one. None if there is no such set.
fn look_at_set<R>(cx: &Context, key: &[u8], look: impl Fn(&VectorSet) -> R) -> Result<Option<R>, Error> {
    while let Some(SetHandle { set, binding }) = cx.db().read_vector_set(key)? {
        let seen = look(&set);
        if set.binding() == binding {
            return Ok(Some(seen));
        }
    }
    Ok(None)
}

/// Changes the set of a key, under whatever hold the change needs. None if there is no such set.
///
/// A change that would empty the set is made again under the lock of its key, which goes with its last element; one
/// that finds the set moved to another key is made again on what the key means now.
fn change_set<T>(
    cx: &Context,
    key: &[u8],
    record: Record<'_>,
    change: impl for<'r> Fn(&VectorSet, Hold, Record<'r>) -> Result<T, Refused<'r>>,
) -> Result<Option<T>, WrongType> {
    let subject = cx.db().set_key(key);
    let mut record = record.about(Some(&subject));
    while let Some(SetHandle { set, binding }) = cx.db().vector_set(key)? {
        record = match change(&set, Hold::Lookup(binding), record) {
            Ok(changed) => return Ok(Some(changed)),
            Err(Refused::Unbound(record)) => record,
            Err(Refused::WouldEmpty(record)) => {
                let outcome =
                    cx.db().with_set_exclusively(key, |set| change(set, Hold::Exclusive, record))?;
                return Ok(outcome.and_then(Result::ok));
            }
        };
    }
    Ok(None)
}
