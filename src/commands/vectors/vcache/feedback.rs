//! `VCACHE.FEEDBACK key (token | element score) 0|1 [WEIGHT w] [LEAD l]`: an answer was
//! wrong, or right. A token stands for the element and the score of one answer, and for its lead:
//! how much nearer it was than the next other entry, see [`Lead`]. Without one, a usual lead is
//! taken.
//!
//! Replies 1, or 0 if the token is stale or there is no such element. An observation counts 1 at
//! most, and an entry keeps the last sixteen: no single report decides about an entry.

use super::token::Token;
use super::{cache, is_right};
use crate::certainty::{Lead, Observation};
use crate::commands::vectors::{KEY, change_set, look_at_set};
use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight};
use crate::journal::{Effects, Record};
use crate::resp::{Args, Error, Reply};
use crate::vector_set::About;

pub(super) const SPEC: Spec = Spec {
    name: "VCACHE.FEEDBACK",
    arity: Arity::AtLeast(4),
    flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::MODULE).and(Flags::FAST),
    keys: KEY,
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(1), and some milliseconds where observations are fitted: after every eighth of them, and at most every 512",
    summary: "Report that an answer of a semantic cache was wrong or right (an extension to Redis)",
    syntax: "key token_or_element [score:double] right:integer [WEIGHT weight:double] [LEAD lead:double]",
    tips: &[],
    weight: Weight::HeavyIf(may_fit),
    run: Run::Write(|args, cx, record| Feedback::parse(args)?.execute(cx, record)),
};

const INVALID_SCORE: &str = "ERR invalid score";
const INVALID_LEAD: &str = "ERR invalid LEAD, it must be from 0 to 1";
const INVALID_WEIGHT: &str = "ERR invalid WEIGHT, it must be above 0 and 1 at most";

/// True if the observations may be fitted again.
pub(super) fn may_fit(mut args: Args, cx: &Context) -> bool {
    let set = args.take().and_then(|key| cx.db().vector_set(key).ok().flatten());
    set.and_then(|handle| Some(handle.present().cache()?.with_learner(|learner| learner.is_due_soon())))
        .unwrap_or(false)
}

struct Feedback<'r> {
    key: &'r [u8],
    answer: Answer<'r>,
    is_right: bool,
    weight: f64,
    /// Of an element; a token has its own.
    lead: Lead,
}

enum Answer<'r> {
    Token(&'r [u8]),
    Element(&'r [u8], f32),
}

impl<'r> Feedback<'r> {
    /// A token has one argument where an element has two, and each option takes two: the number of
    /// arguments says which it is.
    fn parse(mut args: Args<'r>) -> Result<Self, Error> {
        let key = args.bytes()?;
        let is_token = args.remaining().is_multiple_of(2);
        let first = args.bytes()?;
        let answer = if is_token { Answer::Token(first) } else { Answer::Element(first, score(&mut args)?) };
        let is_right = is_right(&mut args)?;
        let mut parsed = Self { key, answer, is_right, weight: 1.0, lead: Lead::UNKNOWN };
        while !args.is_empty() {
            if args.keyword("WEIGHT") {
                parsed.weight = weight(&mut args)?;
            } else if !is_token && args.keyword("LEAD") {
                parsed.lead = lead(&mut args)?;
            } else {
                return Err(Error::syntax());
            }
        }
        Ok(parsed)
    }

    fn execute(self, cx: &Context, record: Record) -> Result<Reply, Error> {
        let report = |about, score, lead, is_of_hit| Report {
            about,
            observation: Observation::new(score, lead, self.is_right, self.weight),
            is_of_hit,
        };
        let report = match self.answer {
            Answer::Element(element, score) => Some(report(About::Element(element), score, self.lead, false)),
            Answer::Token(text) => token(self.key, text, cx)?.map(|token| {
                report(About::Place(token.slot, token.number), token.score, token.lead, token.is_of_hit)
            }),
        };
        let is_noted = report.map_or(Ok(false), |report| report.make(self.key, cx, record))?;
        Ok(Reply::Integer(is_noted.into()))
    }
}

/// The token of a text; none if there is no such key.
pub(super) fn token(key: &[u8], text: &[u8], cx: &Context) -> Result<Option<Token>, Error> {
    look_at_set(cx, key, |set| Token::parse(text, key, cache(set)?.rules()))?.transpose()
}

/// An observation of an entry.
pub(super) struct Report<'a> {
    pub(super) about: About<'a>,
    pub(super) observation: Observation,
    pub(super) is_of_hit: bool,
}

impl Report<'_> {
    /// Makes it; false if there is no such entry any more. The log has the name of the element, and
    /// not the token.
    pub(super) fn make(&self, key: &[u8], cx: &Context, record: Record) -> Result<bool, Error> {
        let Self { about, observation, is_of_hit } = *self;
        let log = |element: &[u8], effects: &mut Effects<'_>| {
            let score = observation.score().to_string();
            let weight = observation.weight().to_string();
            let right: &[u8] = if observation.is_right() { b"1" } else { b"0" };
            let lead = observation.lead().get().map(|lead| lead.to_string());
            let mut words: Vec<&[u8]> = vec![
                SPEC.name.as_bytes(),
                key,
                element,
                score.as_bytes(),
                right,
                b"WEIGHT",
                weight.as_bytes(),
            ];
            words.extend(lead.iter().flat_map(|lead| [b"LEAD", lead.as_bytes()]));
            effects.command(&words);
        };
        // The first try must not be made under a lock of another kind: a set that is no cache is
        // refused here.
        look_at_set(cx, key, |set| cache(set).map(|_| ()))?.transpose()?;
        let made = change_set(cx, key, record, |set, hold, record| match set.cache() {
            Some(cache) => cache.observe(hold, about, observation, is_of_hit, record, log),
            None => Ok(false),
        })?;
        let is_made = made.unwrap_or(false);
        if is_made && !cx.client.replays {
            cx.server.keyspace.element_figures().caches().note_feedback(observation.is_right(), is_of_hit);
        }
        Ok(is_made)
    }
}

fn score(args: &mut Args) -> Result<f32, Error> {
    let score = args.float_or(INVALID_SCORE)? as f32;
    if score.is_finite() { Ok(score) } else { Err(Error::new(INVALID_SCORE)) }
}

fn lead(args: &mut Args) -> Result<Lead, Error> {
    let lead = args.float_or(INVALID_LEAD)?;
    if (0.0..=1.0).contains(&lead) { Ok(Lead::new(lead)) } else { Err(Error::new(INVALID_LEAD)) }
}

fn weight(args: &mut Args) -> Result<f64, Error> {
    let weight = args.float_or(INVALID_WEIGHT)?;
    if weight > 0.0 && weight <= 1.0 { Ok(weight) } else { Err(Error::new(INVALID_WEIGHT)) }
}
