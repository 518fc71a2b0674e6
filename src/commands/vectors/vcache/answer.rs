//! The reply of `VCACHE.GET`.
//!
//! A flat array of strings and integers, the same in RESP2 and RESP3. A miss is `["miss"]`; else,
//! for each of the entries (`COUNT`), the nearest first:
//!
//! | item | |
//! |---|---|
//! | verdict | `hit`, `near`, or `explore` |
//! | element | its name |
//! | score | as text, as `VSIM … WITHSCORES` has it |
//! | unit | the metric of the score: `COSINE` and `IP` (1 − d/2), `L2` (1 / (1 + d)) |
//! | life | milliseconds until it expires; -1: it does not |
//! | payload | the answer; null for an entry without one, and for one that is only `near` |
//! | token | for `VCACHE.FEEDBACK` and `VCACHE.SET … AFTER` |
//! | attribute | with `WITHATTRIBS`; null if it has none |

use super::token::Token;
use crate::commands::keys::lifetime::{expiry_number, remaining_ms};
use crate::resp::{Reply, double_text};
use crate::vector_set::{CacheRules, EntryHit, Verdict};

/// What all entries of a reply have in common.
pub(super) struct Shown<'a> {
    pub(super) key: &'a [u8],
    pub(super) rules: &'a CacheRules,
    pub(super) now_ms: i64,
    pub(super) with_attribute: bool,
    /// Hits are shown as `explore`.
    pub(super) is_dry: bool,
    /// When the first of them expires from now on, if that is changed.
    pub(super) deadline_ms: Option<Option<i64>>,
}

/// The reply if nothing was found.
pub(super) fn miss() -> Reply {
    Reply::Array(vec![word(Verdict::Miss)])
}

fn word(verdict: Verdict) -> Reply {
    Reply::bulk(verdict.name())
}

impl Shown<'_> {
    /// Adds an entry to the items of a reply.
    pub(super) fn add(&self, items: &mut Vec<Reply>, verdict: Verdict, entry: &EntryHit<'_>) {
        let is_hit = verdict == Verdict::Hit;
        let shown = if is_hit && self.is_dry { Verdict::Explore } else { verdict };
        let deadline = self.deadline_ms.filter(|_| shown == Verdict::Hit && items.is_empty());
        let deadline = deadline.unwrap_or_else(|| entry.deadline_ms());
        let (slot, number) = entry.place();
        let token =
            Token { slot, number, score: entry.score() as f32, lead: entry.lead(), is_of_hit: is_hit };
        let payload = Some(()).filter(|()| verdict != Verdict::Near).and_then(|()| entry.payload());
        let text = |text: Option<_>| {
            text.map_or(Reply::Null, |text: std::borrow::Cow<'_, [u8]>| Reply::bulk(text.into_owned()))
        };
        items.extend([
            word(shown),
            Reply::bulk(entry.element().to_vec()),
            Reply::bulk(double_text(entry.score()).as_bytes().to_vec()),
            Reply::bulk(entry.metric().name()),
            Reply::Integer(expiry_number(Some(deadline), |at_ms| remaining_ms(at_ms, self.now_ms))),
            text(payload),
            Reply::bulk(token.text(self.key, self.rules)),
        ]);
        items.extend(self.with_attribute.then(|| text(entry.attribute())));
    }
}
