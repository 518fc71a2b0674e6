//! `VFACET key field [FILTER expression] [PARAMS n value …] [LIMIT n]`: the values of a field, and
//! how many elements have each (an extension).
//!
//! The reply is an array of pairs of a value and a count, the most frequent values first. Strings
//! and numbers count, and each different item of an array. With an index of kind `KEYWORD` no
//! attribute is read; without one, a field may have 65,536 different values.

use super::filters::{FilterWords, field, limit};
use super::{KEY, READ, look_at_set};
use crate::commands::{Arity, Context, Group, Run, Scope, Spec, Weight};
use crate::resp::{Args, Error, Reply};
use crate::vector_set::{FacetValue, TooManyValues};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "VFACET",
    arity: Arity::AtLeast(3),
    flags: READ,
    keys: KEY,
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(V*log(V)) for V values in an index, else O(N) for N elements that may match",
    summary: "Count the elements with each value of a field (an extension to Redis)",
    syntax: "key field [FILTER expression] [PARAMS params(count:integer value...)] [LIMIT limit:integer]",
    tips: &[],
    weight: Weight::Heavy,
    run: Run::Read(vfacet),
};

const DEFAULT_LIMIT: usize = 10;

fn vfacet(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let field = field(&mut args)?;
    let mut most = DEFAULT_LIMIT;
    let filter = FilterWords::parse(args, |args| limit(args, &mut most))?;
    let facets = look_at_set(cx, key, |set| set.facets(&field, filter.as_ref(), most))?;
    let facets = facets.unwrap_or(Ok(Vec::new())).map_err(|TooManyValues| {
        Error::new("ERR the field has too many values to be counted without an index of kind KEYWORD")
    })?;
    let pair = |(value, count): (FacetValue, u64)| {
        let value = match value {
            FacetValue::Text(text) => Reply::bulk(text),
            FacetValue::Number(number) => Reply::Double(number.get()),
        };
        Reply::Array(vec![value, Reply::Integer(count as i64)])
    };
    Ok(Reply::Array(facets.into_iter().map(pair).collect()))
}
