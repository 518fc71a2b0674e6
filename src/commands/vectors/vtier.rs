//! `VTIER key [HOT|WARM|COLD]`: where the finer codes of a set's elements lie, or the whole set,
//! shown or changed (an extension).
//!
//! `WARM` moves the finer codes into files, in the background, and new ones begin there; nothing
//! brings them up again. `HOT` brings them back into memory, as far as there is room, and leaves
//! the rest to `tier-policy`. A set without finer codes lies in memory or in files as a whole, as
//! does one that was made with `TIER warm`, or that `tier-policy demote` has put there: it moves
//! while writers go on, and the reply comes when it is there. Of the last kind, `WARM` lets it stay
//! where it is, else it comes back when there is room. Without a word the reply is a map:
//!
//! | field | value |
//! |---|---|
//! | `tier` | `hot`, `warm` or `cold`: where the set is to lie |
//! | `tier-bytes` | bytes of the disk that it takes |
//! | `hot-elements`, `warm-elements`, `cold-elements` | elements by where they lie: with a choice of each, by where their finer codes are |
//! | `hot-hits`, `warm-hits` | elements that searches returned from memory, and from files, since the set was made or loaded |
//! | `warm-faults` | pages of its files that searches waited for, since then |
//! | `demoted` | 1 if it lies in files since memory was scarce, and comes back when there is room and it is used |
//!
//! `COLD` puts the whole set into a compressed file, as `tier-cold-after` does with sets that are
//! not used; the reply comes when it is there. The next command that looks at the set brings it
//! back; this one without a word, and those that treat values alike (RENAME, DEL, EXPIRE, SCAN …)
//! do not. It is no change of the set, and the log has nothing of it.

use std::sync::Arc;

use super::errors::{NO_CHOICE, NO_COLD, NO_TIER};
use super::{KEY, be_whole, change_set, look_at_set};
use crate::commands::memory_limit::OUT_OF_MEMORY;
use crate::commands::{Arity, Context, Flags, Group, Place, Run, Scope, Spec, Weight};
use crate::journal::Record;
use crate::keyspace::{ColdSet, NotExchanged};
use crate::persistence::rdb::vector_set::cold::cool;
use crate::resp::{Args, Error, Reply};
use crate::vector_set::{Haste, LimitsChange, Present, Tier, VectorSet};

/// A static, since the dispatcher compares specs with it by address.
pub(in crate::commands) static SPEC: Spec = Spec {
    name: "VTIER",
    arity: Arity::AtLeast(2),
    flags: Flags::WRITE.and(Flags::MODULE).and(Flags::FAST),
    keys: KEY,
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(1)",
    summary: "Show or choose whether finer codes of a vector set lie in memory or in files (an extension to Redis)",
    syntax: "key [tier(HOT|WARM|COLD)]",
    tips: &[],
    weight: Weight::PlacedBy(place),
    run: Run::Write(execute),
};

/// To move a set takes as long as the disk does.
fn place(args: Args, _: &Context) -> Place {
    if args.iter().nth(1).is_some() { Place::Blocking } else { Place::Network }
}

fn execute(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let key = args.bytes()?;
    if args.is_empty() {
        if let Some(cold) = cx.db().cold_set(key) {
            return Ok(named(fields_of_cold(&cold)));
        }
        // To look where it lies is no use of it.
        if let Some(handle) = cx.db().vector_set_in_memory(key) {
            return Ok(named(fields(handle.present())));
        }
        return look_at_set(cx, key, |set| named(fields(set)))?.ok_or(Error::no_such_key());
    }
    if args.keyword("COLD") {
        return if args.is_empty() { put_into_file(key, cx) } else { Err(Error::syntax()) };
    }
    let tier = args.keyword_of(&[("HOT", Tier::Hot), ("WARM", Tier::Warm)]);
    let tier = tier.ok_or(Error::new("ERR invalid tier, it must be HOT, WARM or COLD"))?;
    if !args.is_empty() {
        return Err(Error::syntax());
    }
    if !cx.client.replays {
        let has_dir = cx.server.keyspace.tier().is_some();
        look_at_set(cx, key, |set| may_be_in(set, tier, has_dir, cx))?.ok_or(Error::no_such_key())??;
    }
    let change = LimitsChange { tier: Some(tier), ..LimitsChange::default() };
    change_set(cx, key, record, |set, hold, record| set.configure(hold, &change, false, record))?
        .ok_or(Error::no_such_key())?;
    move_whole(key, tier, cx)?;
    Ok(Reply::OK)
}

/// Moves a set that lies in one place as a whole, if it is not there.
fn move_whole(key: &[u8], tier: Tier, cx: &Context) -> Result<(), Error> {
    let Some(handle) = cx.db().vector_set(key)? else { return Ok(()) };
    let set = &handle.set;
    let (dir, is_warm) = (cx.server.keyspace.tier(), tier == Tier::Warm);
    let is_there = set.tier_counts().is_some() || lies_in_files(set) == is_warm || is_warm && dir.is_none();
    if is_there || !set.may_move() {
        return Ok(());
    }
    let stays = |why: &dyn std::fmt::Display| Error::from(format!("ERR the set stays where it is: {why}"));
    let (moved, changed) = set.moved(dir, is_warm).map_err(|error| stays(&error))?;
    let exchanged = cx.db().exchange_set(key, set, &Arc::new(moved), &changed, &|| true);
    exchanged.map_err(|why| {
        stays(&match why {
            NotExchanged::Replaced => "the key has another value by now",
            NotExchanged::Changed => "it is changed faster than it can be moved",
        })
    })
}

fn lies_in_files(set: &VectorSet) -> bool {
    set.options().is_warm && set.space().is_some()
}

fn put_into_file(key: &[u8], cx: &Context) -> Result<Reply, Error> {
    let dir = cx.server.keyspace.tier().ok_or(Error::new(NO_COLD))?;
    if cx.db().is_cold(key) {
        return Ok(Reply::OK);
    }
    let handle = cx.db().vector_set(key)?.ok_or(Error::no_such_key())?;
    be_whole(&handle.set)?;
    match cool(cx.db(), key, &handle.set, dir, Haste::Now) {
        Ok(()) => Ok(Reply::OK),
        Err(why) => Err(Error::from(format!("ERR the set stays in memory: {why}"))),
    }
}

fn named(fields: [(&'static str, Reply); 9]) -> Reply {
    Reply::Map(fields.map(|(name, value)| (Reply::Simple(name), value)).into())
}

/// Of a set that is in a file.
fn fields_of_cold(cold: &ColdSet) -> [(&'static str, Reply); 9] {
    [
        ("tier", Reply::Simple("cold")),
        ("tier-bytes", Reply::Integer(cold.file().bytes() as i64)),
        ("hot-elements", Reply::count(0)),
        ("warm-elements", Reply::count(0)),
        ("cold-elements", Reply::count(cold.len())),
        ("hot-hits", Reply::count(0)),
        ("warm-hits", Reply::count(0)),
        ("warm-faults", Reply::count(0)),
        ("demoted", Reply::Integer(0)),
    ]
}

/// Fails if a set cannot be moved to a tier, and is not there anyhow.
fn may_be_in(set: Present<'_>, tier: Tier, has_dir: bool, cx: &Context) -> Result<(), Error> {
    let bytes = || set.space().map_or(0, |space| space.bytes());
    match tier {
        _ if set.tier_counts().is_some() => Ok(()),
        Tier::Warm if lies_in_files(&set) => Ok(()),
        Tier::Hot if !lies_in_files(&set) => Ok(()),
        Tier::Warm if !has_dir => Err(Error::new(NO_TIER)),
        Tier::Hot | Tier::Warm if !set.may_move() => Err(Error::new(NO_CHOICE)),
        // About what it takes in memory.
        Tier::Hot if !cx.server.has_memory_for(bytes()) => Err(OUT_OF_MEMORY),
        Tier::Hot | Tier::Warm => Ok(()),
    }
}

/// Where a set lies, by name.
pub(super) fn fields(set: Present<'_>) -> [(&'static str, Reply); 9] {
    let in_files = set.space().filter(|_| set.tier_counts().is_none());
    let len = set.approximate_len();
    let (hot, warm) = set.tier_counts().unwrap_or(if in_files.is_some() { (0, len) } else { (len, 0) });
    let figures = set.figures();
    let warm_hits = figures.warm_hits.get();
    let number = |number: u64| Reply::Integer(number as i64);
    let is_warm = in_files.is_some() || set.limits().tier == Tier::Warm && set.tier_counts().is_some();
    [
        ("tier", Reply::Simple(if is_warm { "warm" } else { "hot" })),
        ("tier-bytes", Reply::Integer(set.space().map_or(0, |space| space.bytes()) as i64)),
        ("hot-elements", Reply::count(hot)),
        ("warm-elements", Reply::count(warm)),
        ("cold-elements", Reply::count(0)),
        ("hot-hits", number(figures.searches.returned().saturating_sub(warm_hits))),
        ("warm-hits", number(warm_hits)),
        ("warm-faults", number(figures.faults.get())),
        ("demoted", Reply::Integer(set.may_come_up().into())),
    ]
}
