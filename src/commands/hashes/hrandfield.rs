//! `HRANDFIELD key [count [WITHVALUES]]`: random fields. With a negative count each is chosen from
//! all, so that one may occur twice.

use ahash::HashSet;

use super::{MANY_FIELDS, bulk, has_more_than, value_bulk};
use crate::commands::random::Selection;
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight, random};
use crate::compressed::Stored;
use crate::keyspace::HashView;
use crate::resp::{Args, Error, Protocol, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "hrandfield",
    arity: Arity::AtLeast(2),
    flags: Flags::READONLY,
    keys: &[Keys::at(1, &["RO", "access"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Hash,
    since: "6.2.0",
    complexity: "O(N) for N fields in the reply",
    summary: "Fields chosen at random, with their values if asked for",
    syntax: "key [options(count:integer [WITHVALUES])]",
    tips: &["nondeterministic_output"],
    weight: Weight::HeavyIf(|args, cx| RandField::parse(args).is_ok_and(|request| request.is_heavy(cx))),
    run: Run::Read(|args, cx| RandField::parse(args)?.execute(cx)),
};

/// Up to one field in so many it is cheaper to look up each chosen field than to list all.
const FEW: usize = 16;

/// Redis' bound of the count: its negation must not overflow.
const OUT_OF_RANGE: Error =
    Error::new("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807");

struct RandField<'r> {
    key: &'r [u8],
    selection: Selection,
    with_values: bool,
}

/// A field and its value.
type Pair<'h> = (&'h [u8], Stored<'h>);

impl<'r> RandField<'r> {
    fn parse(mut args: Args<'r>) -> Result<Self, Error> {
        let key = args.bytes()?;
        if args.is_empty() {
            return Ok(Self { key, selection: Selection::One, with_values: false });
        }
        let count: i64 = args.integer()?;
        if count == i64::MIN {
            return Err(OUT_OF_RANGE);
        }
        let with_values = args.keyword("WITHVALUES");
        args.finish()?;
        if with_values && count.unsigned_abs() > i64::MAX as u64 / 2 {
            return Err(Error::out_of_range());
        }
        Ok(Self { key, selection: Selection::count(count, Error::out_of_range())?, with_values })
    }

    fn is_heavy(&self, cx: &Context) -> bool {
        match self.selection {
            Selection::One => false,
            Selection::Distinct(count) => count > MANY_FIELDS && has_more_than(MANY_FIELDS, self.key, cx),
            Selection::WithRepetition(count) => count > MANY_FIELDS,
        }
    }

    fn execute(self, cx: &Context) -> Result<Reply, Error> {
        let reply = cx.db().hash(self.key, |hash| self.reply(&choose(self.selection, hash), cx))?;
        Ok(reply.unwrap_or_else(|| self.reply(&[], cx)))
    }

    fn reply(&self, pairs: &[Pair], cx: &Context) -> Reply {
        if let Selection::One = self.selection {
            return pairs.first().map_or(Reply::Null, |(field, _)| bulk(field));
        }
        Reply::Array(match (self.with_values, cx.client.protocol) {
            (false, _) => pairs.iter().map(|(field, _)| bulk(field)).collect(),
            (true, Protocol::Resp2) => pairs.iter().flat_map(pair_of).collect(),
            (true, Protocol::Resp3) => pairs.iter().map(|pair| Reply::Array(pair_of(pair).into())).collect(),
        })
    }
}

fn pair_of((field, value): &Pair) -> [Reply; 2] {
    [bulk(field), value_bulk(*value)]
}

/// Empty if all fields have expired.
fn choose(selection: Selection, hash: HashView) -> Vec<Pair> {
    let len = hash.len();
    match selection {
        Selection::One => hash.nth(random::below(len)).into_iter().collect(),
        Selection::Distinct(count) if count >= len => all(hash),
        Selection::Distinct(count) => pick(hash, &positions(count, len)),
        Selection::WithRepetition(count) => {
            pick(hash, &(0..count).map(|_| random::below(len)).collect::<Vec<_>>())
        }
    }
}

fn all(hash: HashView) -> Vec<Pair> {
    hash.iter().map(|(field, value, _)| (field, value)).collect()
}

/// The fields at these positions. Finding one may need a walk over all fields before it, so for
/// more than a few positions the fields are listed first.
fn pick<'h>(hash: HashView<'h>, positions: &[usize]) -> Vec<Pair<'h>> {
    if hash.len() > MANY_FIELDS && hash.len() / FEW > positions.len() {
        return positions.iter().filter_map(|at| hash.nth(*at)).collect();
    }
    let pairs = all(hash);
    positions.iter().filter_map(|at| pairs.get(*at).copied()).collect()
}

/// `count` distinct numbers below `len`, which is larger, in ascending order. All sets are equally
/// likely (Floyd's algorithm: Bentley, "A sample of brilliance", 1987).
fn positions(count: usize, len: usize) -> Vec<usize> {
    let mut chosen = HashSet::default();
    for highest in len - count..len {
        let drawn = random::below(highest + 1);
        chosen.insert(if chosen.contains(&drawn) { highest } else { drawn });
    }
    let mut positions: Vec<usize> = chosen.into_iter().collect();
    positions.sort_unstable();
    positions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_distinct_and_as_many_as_requested() {
        for (count, len) in [(0, 1), (1, 2), (5, 9), (99, 100)] {
            let mut positions = positions(count, len);
            assert!(positions.is_sorted() && positions.iter().all(|at| *at < len));
            positions.dedup();
            assert_eq!(positions.len(), count);
        }
    }

    #[test]
    fn positions_are_uniform() {
        let mut seen = [0_u32; 5];
        (0..50_000).for_each(|_| positions(2, 5).into_iter().for_each(|at| seen[at] += 1));
        // More than ten standard deviations.
        assert!(seen.iter().all(|count| count.abs_diff(20_000) < 1_200), "{seen:?}");
    }
}
