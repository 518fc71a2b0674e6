//! `VTIER key [HOT|WARM]`: where the finer codes of a set's elements lie, shown or changed (an
//! extension).
//!
//! `WARM` moves them into files, in the background, and new ones begin there; nothing brings them
//! up again. `HOT` brings them back into memory, as far as there is room, and leaves the rest to
//! `tier-policy`. Without a word the reply is a map: the tier, bytes of the disk, and how many
//! elements have their codes in memory and in files.

use super::errors::{NO_CHOICE, NO_TIER};
use super::{KEY, change_set, look_at_set};
use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight};
use crate::journal::Record;
use crate::resp::{Args, Error, Reply};
use crate::vector_set::{LimitsChange, Present, Tier};

pub(in crate::commands) const SPEC: Spec = Spec {
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
    syntax: "key [tier(HOT|WARM)]",
    tips: &[],
    weight: Weight::Light,
    run: Run::Write(execute),
};

fn execute(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let key = args.bytes()?;
    if args.is_empty() {
        let show = |set: Present<'_>| {
            Reply::Map(fields(set).map(|(name, value)| (Reply::Simple(name), value)).into())
        };
        return look_at_set(cx, key, show)?.ok_or(Error::no_such_key());
    }
    let tier = args.keyword_of(&[("HOT", Tier::Hot), ("WARM", Tier::Warm)]);
    let tier = tier.ok_or(Error::new("ERR invalid tier, it must be HOT or WARM"))?;
    if !args.is_empty() {
        return Err(Error::syntax());
    }
    if !cx.client.replays {
        let has_dir = cx.server.keyspace.tier().is_some();
        look_at_set(cx, key, |set| may_be_in(set, tier, has_dir))?.ok_or(Error::no_such_key())??;
    }
    let change = LimitsChange { tier: Some(tier), ..LimitsChange::default() };
    change_set(cx, key, record, |set, hold, record| set.configure(hold, &change, false, record))?
        .ok_or(Error::no_such_key())?;
    Ok(Reply::OK)
}

/// Fails if a set cannot be moved to a tier, and is not there anyhow.
fn may_be_in(set: Present<'_>, tier: Tier, has_dir: bool) -> Result<(), Error> {
    let lies_in_files = set.options().is_warm && set.space().is_some();
    match tier {
        _ if set.tier_counts().is_some() => Ok(()),
        Tier::Warm if lies_in_files => Ok(()),
        Tier::Hot if !lies_in_files => Ok(()),
        Tier::Warm if !has_dir => Err(Error::new(NO_TIER)),
        Tier::Hot | Tier::Warm => Err(Error::new(NO_CHOICE)),
    }
}

/// Where a set lies, by name.
pub(super) fn fields(set: Present<'_>) -> [(&'static str, Reply); 4] {
    let in_files = set.space().filter(|_| set.tier_counts().is_none());
    let len = set.approximate_len();
    let (hot, warm) = set.tier_counts().unwrap_or(if in_files.is_some() { (0, len) } else { (len, 0) });
    let is_warm = in_files.is_some() || set.limits().tier == Tier::Warm && set.tier_counts().is_some();
    [
        ("tier", Reply::Simple(if is_warm { "warm" } else { "hot" })),
        ("tier-bytes", Reply::Integer(set.space().map_or(0, |space| space.bytes()) as i64)),
        ("hot-elements", Reply::count(hot)),
        ("warm-elements", Reply::count(warm)),
    ]
}
