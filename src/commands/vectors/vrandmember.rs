//! `VRANDMEMBER key [count]`: random elements. With a negative count each is chosen from all, so
//! that one may occur twice.
//!
//! All elements are equally likely, also where Redis returns a run of its list.

use super::elements::{are_many, finds_many, names};
use super::{KEY, READ, look_at_set};
use crate::commands::random::Selection;
use crate::commands::{Arity, Context, Group, Run, Scope, Spec, Weight, random};
use crate::resp::{Args, Error, Reply};
use crate::vector_set::Present;

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "VRANDMEMBER",
    arity: Arity::AtLeast(2),
    flags: READ,
    keys: KEY,
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(N) for N elements in the reply",
    summary: "Elements chosen at random; a negative count may repeat them",
    syntax: "key [count:integer]",
    tips: &[],
    weight: Weight::HeavyIf(|args, cx| VRandMember::parse(args).is_ok_and(|request| request.is_heavy(cx))),
    run: Run::Read(|args, cx| VRandMember::parse(args)?.execute(cx)),
};

const NOT_AN_INTEGER: &str = "ERR COUNT value is not an integer";
const OUT_OF_RANGE: &str = "ERR COUNT value is out of range";

struct VRandMember<'r> {
    key: &'r [u8],
    selection: Selection,
}

impl<'r> VRandMember<'r> {
    fn parse(mut args: Args<'r>) -> Result<Self, Error> {
        let key = args.bytes()?;
        let selection = match args.remaining() {
            0 => Selection::One,
            1 => Selection::count(args.integer_or(NOT_AN_INTEGER)?, Error::new(OUT_OF_RANGE))?,
            _ => return Err(Error::wrong_arity(SPEC.name)),
        };
        Ok(Self { key, selection })
    }

    fn is_heavy(&self, cx: &Context) -> bool {
        match self.selection {
            Selection::One => false,
            Selection::Distinct(count) => finds_many(cx, self.key, count),
            Selection::WithRepetition(count) => are_many(count),
        }
    }

    /// A count of 0 is replied before the key is looked up, as in Redis.
    fn execute(self, cx: &Context) -> Result<Reply, Error> {
        if matches!(self.selection, Selection::Distinct(0)) {
            return Ok(Reply::Array(Vec::new()));
        }
        let elements = look_at_set(cx, self.key, |set| choose(self.selection, set))?.unwrap_or_default();
        Ok(match self.selection {
            Selection::One => elements.into_iter().next().map_or(Reply::Null, Reply::bulk),
            Selection::Distinct(_) | Selection::WithRepetition(_) => names(elements),
        })
    }
}

fn choose(selection: Selection, set: Present<'_>) -> Vec<Vec<u8>> {
    match selection {
        Selection::One => set.random(1, random::below),
        Selection::Distinct(count) => set.random_distinct(count, random::below),
        Selection::WithRepetition(count) => set.random(count, random::below),
    }
}
