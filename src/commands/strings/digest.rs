//! `DIGEST key`: the XXH3 of a string, with which SET and DELEX can check whether it has changed.

use xxhash_rust::xxh3::xxh3_64;

use super::BY_LENGTH;
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "digest",
    arity: Arity::Exactly(2),
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[Keys::at(1, &["RO", "access"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::String,
    since: "8.4.0",
    complexity: "O(N) for a string of N bytes",
    summary: "XXH3 hash of a string, in hexadecimal",
    syntax: "key",
    tips: &[],
    weight: BY_LENGTH,
    run: Run::Read(run),
};

/// Hexadecimal digits of a digest.
pub(super) const DIGEST_LEN: usize = 16;

/// The 64 bits of XXH3 without a seed, with leading zeros.
pub(super) fn digest(text: &[u8]) -> String {
    format!("{:016x}", xxh3_64(text))
}

fn run(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let string = cx.db().string(args.bytes()?)?;
    Ok(string.map_or(Reply::Null, |string| Reply::bulk(digest(&string.text()))))
}
