//! When an entry answers: the words for it, and the decision.

use super::share;
use crate::certainty::Per;
use crate::commands::random;
use crate::resp::{Args, Error};
use crate::vector_set::{Cache, EntryHit, Metric, Served, Share, Verdict};

/// What an entry must be to answer.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Rule {
    /// At least this score.
    MinScore(f64),
    /// At most this distance.
    MaxDistance(f64),
    /// Right with the exception of this share.
    MaxError(Share, Per),
}

const NO_RULE: &str = "ERR one of MINSCORE, MAXDIST and MAXERROR is needed, unless the cache has a MAXERROR";
const INVALID_PER: &str = "ERR invalid PER, it must be HIT, REQUEST or AVERAGE";

/// An entry is near if its distance is at most this many times the limit.
const NEAR_TIMES: f64 = 1.5;
/// An answer that is right with less than this chance is not worth being explored.
const HOPELESS: f64 = 0.02;

impl Rule {
    /// Takes a rule, if one is next. At most one.
    pub(super) fn take(args: &mut Args, rule: &mut Option<Self>) -> Result<bool, Error> {
        let taken = if args.keyword("MINSCORE") {
            Self::MinScore(limit(args, "ERR invalid MINSCORE")?)
        } else if args.keyword("MAXDIST") {
            Self::MaxDistance(limit(args, "ERR invalid MAXDIST")?)
        } else if args.keyword("MAXERROR") {
            let share = share(args)?;
            let per = match args.keyword("PER") {
                true => args.keyword_of(&Per::ALL).ok_or(Error::new(INVALID_PER))?,
                false => Per::default(),
            };
            Self::MaxError(share, per)
        } else {
            return Ok(false);
        };
        match rule.replace(taken) {
            None => Ok(true),
            Some(_) => Err(Error::syntax()),
        }
    }

    /// The one that was given, or that of the cache.
    pub(super) fn or_usual(given: Option<Self>, cache: &Cache<'_>) -> Result<Self, Error> {
        let usual = || cache.max_error().map(|share| Self::MaxError(share, Per::default()));
        given.or_else(usual).ok_or(Error::new(NO_RULE))
    }

    /// The rule, as the set keeps it to know what would be served.
    pub(super) fn served(&self, metric: Metric) -> Served {
        match *self {
            Self::MinScore(least) => Served::FromScore(least as f32),
            Self::MaxDistance(most) => {
                Served::FromScore(metric.score(metric.raw_distance(most) as f32) as f32)
            }
            Self::MaxError(share, Per::Hit) => Served::Sure(share),
            Self::MaxError(share, Per::Average | Per::Request) => Served::Expected(share),
        }
    }

    /// What the entry is for this question. `is_first`: it is the nearest.
    pub(super) fn decide(
        &self,
        cache: &Cache<'_>,
        entry: &EntryHit<'_>,
        distance: f64,
        is_first: bool,
    ) -> Verdict {
        let metric = entry.metric();
        let verdict = match *self {
            Self::MinScore(least) if entry.score() >= least => Verdict::Hit,
            Self::MinScore(least) => near_or_miss(distance, distance_of(metric, least)),
            Self::MaxDistance(most) if distance <= most => Verdict::Hit,
            Self::MaxDistance(most) => near_or_miss(distance, most),
            Self::MaxError(share, per) => by_chance(cache, entry, share, per, is_first),
        };
        match verdict {
            Verdict::Hit if entry.missing_confirmations() > 0 => Verdict::Explore,
            other => other,
        }
    }
}

fn by_chance(cache: &Cache<'_>, entry: &EntryHit<'_>, share: Share, per: Per, is_first: bool) -> Verdict {
    let Some(certainty) = entry.certainty() else { return Verdict::Explore };
    let accepted = share.get();
    let is_hit = match per {
        Per::Request if is_first => {
            let served = Per::share_served(certainty.chance, accepted);
            (random::below(DRAWS) as f64) < served * DRAWS as f64
        }
        Per::Average if is_first => cache.account().admits(1.0 - certainty.chance, accepted),
        _ => certainty.least >= 1.0 - accepted,
    };
    match is_hit {
        true => Verdict::Hit,
        false if certainty.chance < HOPELESS => Verdict::Near,
        false => Verdict::Explore,
    }
}

/// Random numbers that are told apart.
const DRAWS: usize = 1 << 30;

fn near_or_miss(distance: f64, limit: f64) -> Verdict {
    if distance <= NEAR_TIMES * limit { Verdict::Near } else { Verdict::Miss }
}

/// The distance of a score: the inverse of that of the metric.
fn distance_of(metric: Metric, score: f64) -> f64 {
    match metric {
        Metric::L2 => score.recip() - 1.0,
        Metric::Cosine | Metric::InnerProduct => 2.0 * (1.0 - score),
    }
}

fn limit(args: &mut Args, error: &'static str) -> Result<f64, Error> {
    let limit = args.float_or(error)?;
    if limit.is_finite() { Ok(limit) } else { Err(Error::new(error)) }
}
