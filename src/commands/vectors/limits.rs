//! The words that bound a set, in VCREATE and VCONFIG, and what shows them.

use super::errors::{BYTES_FULL, ELEMENTS_FULL};
use super::vcache;
use crate::resp::{Args, Error, Reply};
use crate::vector_set::{Full, Limits, LimitsChange, MAX_TTL_MS, SetPolicy};

const MS_PER_S: u64 = 1000;
/// More elements than any set can have.
const MOST_ELEMENTS: u64 = 1 << 31;

/// Takes one of the options, if there is one: `TTL s`, `MAXELEMENTS n`, `MAXBYTES n`, of which 0
/// ends the limit, `POLICY p`, or `MAXERROR share` of a cache. False if the next word is none of
/// them.
pub(super) fn take(args: &mut Args, change: &mut LimitsChange) -> Result<bool, Error> {
    if args.keyword("TTL") {
        let seconds = bounded(args, MAX_TTL_MS / MS_PER_S, "ERR invalid TTL")?;
        change.ttl_ms = Some(seconds.map(|seconds| seconds * MS_PER_S));
    } else if args.keyword("MAXELEMENTS") {
        change.max_elements = Some(bounded(args, MOST_ELEMENTS, "ERR invalid MAXELEMENTS")?);
    } else if args.keyword("MAXBYTES") {
        change.max_bytes = Some(bounded(args, i64::MAX as u64, "ERR invalid MAXBYTES")?);
    } else if args.keyword("POLICY") {
        let policy = args.keyword_of(&SetPolicy::ALL).ok_or(Error::new(INVALID_POLICY))?;
        change.policy = Some(policy);
    } else if args.keyword("MAXERROR") {
        change.max_error = Some(match args.peek() {
            Some(b"0") => args.take().and(None),
            _ => Some(vcache::share(args)?),
        });
    } else {
        return Ok(false);
    }
    Ok(true)
}

const INVALID_POLICY: &str = "ERR invalid POLICY, it must be lru, lfu, ttl, cost, coverage, random or none";

/// Refuses a policy that needs to know what is served where nothing is.
pub(super) fn check_policy(change: &LimitsChange, is_cache: bool) -> Result<(), Error> {
    let is_refused = change.policy == Some(SetPolicy::Coverage) && !is_cache;
    if is_refused { Err(Error::new(COVERAGE_ALONE)) } else { Ok(()) }
}

const COVERAGE_ALONE: &str = "ERR POLICY coverage is for caches, which VCREATE makes with CACHE: \
    an element is covered where another one would be served";

fn bounded(args: &mut Args, most: u64, error: &'static str) -> Result<Option<u64>, Error> {
    let number = args.integer_or::<u64>(error)?;
    if number > most { Err(Error::new(error)) } else { Ok(Some(number).filter(|&number| number != 0)) }
}

/// What is in force, by name; 0 where nothing is limited.
pub(super) fn fields(limits: &Limits) -> [(&'static str, Reply); 4] {
    let number = |limit: Option<u64>| Reply::Integer(limit.unwrap_or(0) as i64);
    [
        ("ttl", number(limits.ttl_ms.map(|ttl_ms| ttl_ms / MS_PER_S))),
        ("max-elements", number(limits.max_elements)),
        ("max-bytes", number(limits.max_bytes)),
        ("policy", Reply::Simple(limits.policy.name())),
    ]
}

/// The error of a change that would exceed a limit.
pub(super) fn refusal(full: Full) -> Error {
    Error::new(match full {
        Full::Elements => ELEMENTS_FULL,
        Full::Bytes => BYTES_FULL,
    })
}
