//! Semantic caches: `VCACHE.GET` and its family (extensions).
//!
//! A key made with `VCREATE … CACHE`, or by the first `VCACHE.SET`, is a vector set whose elements
//! are entries of a cache: besides a vector and an attribute, each has a *payload* (the answer), a
//! cost, and what was said of its answers. Every V-command works on it.
//!
//! | command | effect |
//! |---|---|
//! | `VCACHE.GET key <vector> …` ([`get`]) | the entry that answers a question, if one does |
//! | `VCACHE.SET key element <vector> payload …` ([`set`]) | a new entry, unless one is near |
//! | `VCACHE.FEEDBACK key (token \| element score) 0\|1 …` ([`feedback`]) | an answer was wrong, or right |
//! | `VCACHE.ALIAS key element <vector>` ([`alias`]) | another vector by which an entry is found |
//! | `VCACHE.DEL key element …` ([`del`]) | fewer entries |
//! | `VCACHE.EXPLAIN key …` ([`get`]) | how `VCACHE.GET` would decide, and why |
//! | `VCACHE.STATS key …` ([`stats`]) | what the cache did |
//! | `VCACHE.ADVISE key MAXERROR share` ([`advise`]) | the static threshold that feedback supports |
//!
//! # When an answer is a hit
//!
//! With `MINSCORE` or `MAXDIST`, when it is that near. With `MAXERROR share`, when feedback on past
//! answers says that it is right often enough: see [`crate::certainty`] for the model. Until the
//! set has had sixteen observations nothing is a hit.
//!
//! * `PER HIT` (default): where with 90 % probability the chance that this answer is right is
//!   `1 - share` or more. So the errors among the hits are below the share. Deterministic.
//! * `PER AVERAGE`: where the errors that are expected among all hits, with this one, are no more
//!   than the share, and this one is wrong with at most three times that chance. More hits.
//! * `PER REQUEST`: with such a probability that errors among all *requests* are no more than the
//!   share (the rule of vCache); never an answer that is more likely wrong than right. Random.
//!
//! What is not a hit is `explore`: the caller gets the payload, finds the right answer by other
//! means, compares the two, and reports: `VCACHE.SET … AFTER token 0|1` reports and adds the new
//! entry in one call (after 1 nothing is added, as the old entry was right). After 1 the question
//! may be made another vector of that entry, by `VCACHE.ALIAS`: where answers are seldom asked for
//! in the same words, hits are many more, and fewer are wrong (`tools/bench semantic` has both).
//!
//! # Scope
//!
//! `VCREATE … CACHE SCOPE field …`: each entry has a text at each of these fields of its attribute,
//! and each `VCACHE.GET` a filter that keeps to one: `.tenant == "a"`, perhaps `and` other things.
//! Anything else is refused with an error that names the field.
//!
//! # What is kept
//!
//! Beside the policies that all sets have (`VCREATE … MAXBYTES n POLICY p`), `cost` keeps what is
//! dear for its bytes and use, and `coverage` lets entries go first in whose place another would be
//! served, by the rule of the last `VCACHE.GET`. `VCACHE.STATS … CURVE` forecasts the rate of hits
//! with half, twice and four times the memory.
//!
//! # What is saved
//!
//! Payloads, costs, confirmations, observations and what was learnt, in snapshots, dumps and the
//! log; the log has feedback as data, so that a replay needs no random numbers and gives the same
//! thresholds. Counts of `VCACHE.STATS`, forecasts, and what the last search was answered by begin
//! anew with the process.

mod advise;
mod alias;
mod answer;
mod del;
mod feedback;
mod get;
mod rule;
mod scope;
mod set;
mod stats;
#[cfg(test)]
mod tests;
mod token;

use self::advise::SPEC as ADVISE;
use self::alias::SPEC as ALIAS;
use self::del::SPEC as DEL;
use self::feedback::SPEC as FEEDBACK;
use self::get::{EXPLAIN, GET};
use self::set::SPEC as SET;
use self::stats::SPEC as STATS;
use crate::commands::{Context, Spec};
use crate::journal::Record;
use crate::resp::{Args, Error, Reply};
use crate::system;
use crate::vector_set::{Cache, CacheRules, Present, Share};

/// In the order of `COMMAND`.
pub(super) const COMMANDS: [&Spec; 8] = [&ADVISE, &ALIAS, &DEL, &EXPLAIN, &FEEDBACK, &GET, &SET, &STATS];

pub(super) const NOT_A_CACHE: &str = "ERR the vector set is no cache, which VCREATE makes with CACHE";
const INVALID_SHARE: &str = "ERR invalid MAXERROR, it must be between 0 and 1";

/// The set as a cache.
fn cache(set: Present<'_>) -> Result<Cache<'_>, Error> {
    set.cache().ok_or(Error::new(NOT_A_CACHE))
}

/// Takes an accepted share of errors.
pub(super) fn share(args: &mut Args) -> Result<Share, Error> {
    Share::new(args.float_or(INVALID_SHARE)?).ok_or(Error::new(INVALID_SHARE))
}

/// The share of errors that a cache accepts, by name; 0: a search must say it.
pub(super) fn max_error(cache: &Cache<'_>) -> (&'static str, Reply) {
    ("max-error", Reply::Double(cache.max_error().map_or(0.0, Share::get)))
}

/// Takes 0 or 1.
fn is_right(args: &mut Args) -> Result<bool, Error> {
    match args.bytes()? {
        b"0" => Ok(false),
        b"1" => Ok(true),
        _ => Err(Error::new("ERR what is said of an answer must be 0 or 1")),
    }
}

/// A secret for a new cache.
pub(super) fn secret() -> [u8; 16] {
    let mut secret = [0; 16];
    // Linux has had it since 3.17. Without, tokens are not secret, and the cache works.
    if let Err(error) = system::fill_with_random(&mut secret) {
        tracing::error!("the system gives no random bytes, so that tokens of VCACHE can be forged: {error}");
    }
    secret
}

/// What a cache has that was made without options.
fn usual_rules() -> CacheRules {
    CacheRules { scope: Vec::new(), secret: secret(), max_error: None }
}

/// For another change than the first of a command.
fn next_record<'c>(cx: &'c Context) -> Record<'c> {
    match cx.client.replays {
        true => Record::unlogged(),
        false => Record::without_request(cx.server.keyspace.journal(), cx.client.db),
    }
}
