//! The commands on vector sets: Redis' thirteen, and what goes beyond them ([`vcreate`], [`vsearch`], the metrics and
//! the forms for several elements at once).

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
use crate::keyspace::{Attention, SetHandle, Shared, WrongType};
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
    let mut attention = Attention::Used;
    for _ in 0..FREE_TRIES {
        let sets = find_sets(&cx.db().shared(keys), keys, attention)?;
        let found = search(&sets);
        if sets.iter().flatten().all(|handle| handle.set.binding() == handle.binding) {
            return found;
        }
        attention = Attention::None;
    }
    let unchanged = cx.db().shared(keys);
    search(&find_sets(&unchanged, keys, attention)?)
}

fn find_sets(
    keyspace: &Shared,
    keys: &[&[u8]],
    attention: Attention,
) -> Result<Vec<Option<SetHandle>>, WrongType> {
    keys.iter().map(|key| keyspace.vector_set(key, attention)).collect()
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
