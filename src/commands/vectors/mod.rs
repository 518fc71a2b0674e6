//! The commands on vector sets: the thirteen of Redis, and extensions.
//!
//! # Extensions
//!
//! None of them changes a reply to a request that Redis accepts. `COMMAND DOCS` has the grammar of
//! each command, `VINFO` the parameters of a set.
//!
//! | form | effect |
//! |---|---|
//! | `VCREATE key DIM n …` ([`vcreate`]) | an empty set with chosen parameters, which `VADD` need not repeat |
//! | `VSEARCH key query … …` ([`vsearch`]) | several queries over several sets; paging, limits, distances, vectors |
//! | `VADD … METRIC COSINE\|L2\|IP` ([`vadd`]) | another distance than the cosine |
//! | `VADD … QUANT kind`, `VADD … RERANK Q8\|F16` | further kinds of storage, and a finer copy beside a coarse one |
//! | `FP16 blob` | a vector in half precision, wherever `FP32 blob` may stand |
//! | `VADD key <vector> e1 [SETATTR a] <vector> e2 …` | several elements as one change; the reply is the number of new ones |
//! | `VADD … element EX seconds` ([`vadd`]), `VEXPIRE`, `VTTL` … ([`vexpire`]) | elements that expire |
//! | `VBLESS SET`, `CLEAR`, `GET`, `SCAN` ([`vbless`]) | elements that are never evicted |
//! | `VOBJECT key element` ([`vobject`]) | age, use, remaining life, pin and memory of an element |
//! | `VINDEX key CREATE field KEYWORD\|NUMERIC\|TEXT\|GEO`, `DROP`, `LIST` ([`vindex`]) | indexes of fields of attributes: filters need not read attributes |
//! | `VCOUNT`, `VSCAN`, `VFACET`, `VDELETE` with `FILTER` ([`vcount`] …) | how many elements match, which, with which values of a field; their removal |
//! | `VSEARCH … PARAMS`, `DISTINCT`, `WITHPLAN`, `VEXPLAIN` ([`vsearch`], [`vexplain`]) | values beside a filter, at most so many results with one value of a field, how a search was done |
//! | `FILTER` in our own language ([`filter`](crate::vector_set::filter)) | in `VSIM` where Redis answers a syntax error, else everywhere |
//! | `VCREATE … CACHE`, `VCACHE.GET` and its family ([`vcache`]) | semantic caches that know how sure they are |
//! | `VSIM … NOTOUCH`, `VSEARCH … NOTOUCH` | results that do not count as used |
//! | `VINFO key HISTOGRAM` ([`vinfo`]) | what searches found, and what became of elements |
//! | `VCREATE … TTL seconds`, `MAXELEMENTS n`, `MAXBYTES n`, `POLICY p`, `VCONFIG` ([`vconfig`]) | a default lifetime, and limits of one set, above which its own elements are evicted |
//! | `VCREATE … TIER hot\|warm`, `VTIER key HOT\|WARM` ([`vtier`]) | large parts in files, or finer codes of each element in memory or in files |
//! | `VREM`, `VGETATTR`, `VEMB`, `VISMEMBER` with several elements | all atomically; the reply is a count or an array |
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
//! A set stores all its vectors in one kind, named by its word alone or after `QUANT`. An element
//! takes that and about 190 bytes, most of them for its links (at M 16).
//!
//! | kind | bytes a component | |
//! |---|--:|---|
//! | `NOQUANT` | 4 | float32, as it was sent |
//! | `F16` | 2 | half precision: `VEMB` returns three correct digits |
//! | `Q8` (default) | 1 | finds more than 99 % of what `NOQUANT` finds, and faster: it reads a quarter |
//! | `RQ1` … `RQ8` | 1/8 … 1, and 12 a vector | RaBitQ codes of as many bits, whose distances are estimated without bias: `RQ5` to `RQ7` where `Q8` does not fit, fewer bits beside a finer copy |
//! | `PQ` | 1/8, and 4 a vector | product quantisation: centroids trained with the first thousands of vectors, which are `Q8` until then. The smallest |
//! | `BIN` | 1/8 | signs, compared by counting: for vectors that were trained for it; cosine only |
//!
//! `RERANK Q8` and `RERANK F16` store a finer copy beside `RQ1` … `RQ8` and `PQ`. A search reads
//! the coarse code of each element that it visits, and the finer copy only of those that may be
//! near enough; distances, links and `VEMB` use the copy. This takes more memory than the finer
//! kind alone, and reads less of it.
//!
//! `VCREATE … QUANT AUTO EXPECT n` chooses the best kind with which `n` elements (a million if it
//! is left out) fit into half of the memory left: what the machine has available, or what the
//! limits of its control groups leave. That is `Q8`, or the next smaller kind of the table without
//! a copy; `VINFO` and a log line show which ([`quant_auto`]).
//!
//! # Limits of one set
//!
//! `VCREATE` and `VCONFIG` bound a set, so that the users of several do not evict elements of each
//! other. `TTL` is the lifetime of elements that are written without one of their own; the log has
//! the time at which they expire. `MAXELEMENTS` and `MAXBYTES` are kept by `VADD`: in the same
//! change it evicts as many others as it adds, those that have expired first, then by `POLICY`
//! (`lru` if it is left out; `lfu`, `ttl`, `cost`, `random`, and `coverage` of a cache), never
//! those that it names, nor pinned ones. With `none`, or if not enough may be evicted, it is
//! refused with `-OOM` and changes nothing; an update that takes no more room is not. The log has
//! each eviction as a `VREM` behind the `VADD`, and replays evict nothing by themselves. `MAXBYTES`
//! counts what elements take by an estimate: that of `QUANT AUTO` for each, and their names and
//! attributes.
//!
//! `tools/benchmarks/README.md` has measurements of each kind, and `VINFO` shows those of a set's
//! kind.

mod distinct;
mod elements;
pub(super) mod errors;
mod explain;
mod filters;
mod limits;
mod members;
mod options;
mod quant_auto;
mod returned;
mod storage;
#[cfg(test)]
mod tests;
mod vadd;
mod vbless;
mod vcache;
mod vcard;
mod vconfig;
mod vcount;
mod vcreate;
mod vdelete;
mod vdim;
mod vector;
mod vemb;
mod vexpire;
mod vexplain;
mod vfacet;
mod vgetattr;
mod vindex;
mod vinfo;
mod vismember;
mod vlinks;
mod vobject;
mod vpersist;
mod vrandmember;
mod vrange;
mod vrem;
mod vscan;
mod vsearch;
mod vsetattr;
mod vsim;
mod vtier;
mod vttl;

use self::vadd::SPEC as VADD;
use self::vbless::SPEC as VBLESS;
use self::vcache::COMMANDS as VCACHE;
use self::vcard::SPEC as VCARD;
use self::vconfig::SPEC as VCONFIG;
use self::vcount::SPEC as VCOUNT;
use self::vcreate::SPEC as VCREATE;
use self::vdelete::SPEC as VDELETE;
use self::vdim::SPEC as VDIM;
use self::vemb::SPEC as VEMB;
use self::vexpire::{VEXPIRE, VEXPIREAT, VPEXPIRE, VPEXPIREAT};
use self::vexplain::SPEC as VEXPLAIN;
use self::vfacet::SPEC as VFACET;
use self::vgetattr::SPEC as VGETATTR;
use self::vindex::SPEC as VINDEX;
use self::vinfo::SPEC as VINFO;
use self::vismember::SPEC as VISMEMBER;
use self::vlinks::SPEC as VLINKS;
use self::vobject::SPEC as VOBJECT;
use self::vpersist::SPEC as VPERSIST;
use self::vrandmember::SPEC as VRANDMEMBER;
use self::vrange::SPEC as VRANGE;
use self::vrem::SPEC as VREM;
use self::vscan::SPEC as VSCAN;
use self::vsearch::SPEC as VSEARCH;
use self::vsetattr::SPEC as VSETATTR;
use self::vsim::SPEC as VSIM;
pub(super) use self::vtier::SPEC as VTIER;
use self::vttl::{VEXPIRETIME, VPEXPIRETIME, VPTTL, VTTL};
use super::{Context, Flags, Keys, Spec};
use crate::journal::Record;
use crate::keyspace::{Accounting, NoSet, NotAtHand, SetHandle, Shared};
use crate::resp::{Error, Reply};
use crate::vector_set::{Hold, Present, Refused, VectorSet};

/// The family, in the order of `COMMAND`.
pub(super) const COMMANDS: &[&Spec] = &[
    &VADD,
    &VBLESS,
    VCACHE[0],
    VCACHE[1],
    VCACHE[2],
    VCACHE[3],
    VCACHE[4],
    VCACHE[5],
    VCACHE[6],
    VCACHE[7],
    &VCARD,
    &VCONFIG,
    &VCOUNT,
    &VCREATE,
    &VDELETE,
    &VDIM,
    &VEMB,
    &VEXPIRE,
    &VEXPIREAT,
    &VEXPIRETIME,
    &VEXPLAIN,
    &VFACET,
    &VGETATTR,
    &VINDEX,
    &VINFO,
    &VISMEMBER,
    &VLINKS,
    &VOBJECT,
    &VPERSIST,
    &VPEXPIRE,
    &VPEXPIREAT,
    &VPEXPIRETIME,
    &VPTTL,
    &VRANDMEMBER,
    &VRANGE,
    &VREM,
    &VSCAN,
    &VSEARCH,
    &VSETATTR,
    &VSIM,
    &VTIER,
    &VTTL,
];

/// Redis declares every vector command, also those that read, as writing to its key.
const KEY: &[Keys] = &[Keys::at(1, &["RW", "access", "update"])];

/// Flags of commands that only read.
const READ: Flags = Flags::READONLY.and(Flags::MODULE);
/// Flags of those whose work does not grow with the set.
const READ_FAST: Flags = READ.and(Flags::FAST);

/// Tries of a search without locks; after them it holds its keys' locks while it searches.
const FREE_TRIES: usize = 3;

/// Refuses to make a vector set while memory is short: see [`memory_limit`](crate::commands).
fn may_create(cx: &Context) -> Result<(), Error> {
    let may = cx.client.replays || cx.server.may_create_sets();
    if may { Ok(()) } else { Err(Error::new(errors::NO_NEW_SETS)) }
}

/// What `search` finds in the sets of keys, while the keys hold these sets. Some keys may be
/// missing.
///
/// A transaction changes the bindings of its sets before it changes anything else, and no other
/// command looks up its keys until it has ended. So a search sees all of a transaction or nothing
/// of it.
fn search_sets(
    cx: &Context,
    keys: &[&[u8]],
    search: impl Fn(&[Option<SetHandle>]) -> Result<Reply, Error>,
) -> Result<Reply, Error> {
    let mut accounting = Accounting::Used;
    for _ in 0..FREE_TRIES {
        let sets = find_sets(cx, keys, accounting)?.0;
        let found = search(&sets);
        sets.iter().flatten().try_for_each(|handle| be_whole(&handle.set))?;
        if sets.iter().flatten().all(|handle| handle.set.binding() == handle.binding) {
            return found;
        }
        accounting = Accounting::None;
    }
    let (sets, _unchanged) = find_sets(cx, keys, accounting)?;
    let found = search(&sets);
    sets.iter().flatten().try_for_each(|handle| be_whole(&handle.set))?;
    found
}

/// Refuses what was read of a damaged set, and changes of one.
fn be_whole(set: &VectorSet) -> Result<(), Error> {
    if !set.is_damaged() {
        return Ok(());
    }
    let damage = set.space().and_then(|space| space.damage());
    Err(damage.map_or(Error::new(errors::DAMAGED), |what| Error::from(errors::damaged(what))))
}

/// The sets of keys, and the locks under which they were found. Sets that are in files are opened.
fn find_sets<'c>(
    cx: &'c Context,
    keys: &[&[u8]],
    accounting: Accounting,
) -> Result<(Vec<Option<SetHandle>>, Shared<'c>), NoSet> {
    loop {
        let shared = cx.db().shared(keys);
        let found: Result<Vec<_>, _> = keys.iter().map(|key| shared.vector_set(key, accounting)).collect();
        match found {
            Ok(sets) => return Ok((sets, shared)),
            Err(NotAtHand::WrongType) => return Err(NoSet::WrongType),
            Err(NotAtHand::InFile) => drop(shared),
        }
        keys.iter().try_for_each(|key| cx.db().open_set(key))?;
    }
}

/// What `look` returns for the set of a key, while the key holds that set: a set that was moved to
/// another key meanwhile may have changed there. None if there is no such set.
fn look_at_set<R>(cx: &Context, key: &[u8], look: impl Fn(Present<'_>) -> R) -> Result<Option<R>, Error> {
    while let Some(handle) = cx.db().read_vector_set(key)? {
        let seen = look(handle.present());
        be_whole(&handle.set)?;
        if handle.set.binding() == handle.binding {
            return Ok(Some(seen));
        }
    }
    Ok(None)
}

/// Changes the set of a key, with the locks that the change needs. None if there is no such set.
///
/// A change that would empty the set is repeated under the lock of its key, since the key is
/// removed with the last element. A change that finds the set moved to another key is repeated with
/// the set that the key holds now.
fn change_set<T>(
    cx: &Context,
    key: &[u8],
    record: Record<'_>,
    change: impl for<'r> Fn(Present<'_>, Hold, Record<'r>) -> Result<T, Refused<'r>>,
) -> Result<Option<T>, Error> {
    let subject = cx.db().set_key(key);
    let mut record = record.about(Some(&subject));
    while let Some(handle) = cx.db().vector_set_to_change(key)? {
        be_whole(&handle.set)?;
        record = match change(handle.present(), Hold::Lookup(handle.binding), record) {
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
