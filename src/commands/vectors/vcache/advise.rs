//! `VCACHE.ADVISE key MAXERROR share`: the static threshold that past feedback supports.
//!
//! A map: `threshold`, the lowest score for `MINSCORE` above which the upper bound of errors
//! (Clopper and Pearson, 95 %) is not above the share, null if there are not enough observations
//! for any; `observations`, the last ones of the set, `above` and `wrong`, how many of them had at
//! least that score, and were wrong; `hits`, their share of all, that is of the questions on which
//! there was feedback.

use super::{cache, share};
use crate::commands::vectors::{KEY, READ, look_at_set};
use crate::commands::{Arity, Context, Group, Run, Scope, Spec, Weight};
use crate::resp::{Args, Error, Reply};

pub(super) const SPEC: Spec = Spec {
    name: "VCACHE.ADVISE",
    arity: Arity::Exactly(4),
    flags: READ,
    keys: KEY,
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(N) for N observations, of which at most some thousand are kept",
    summary: "The static threshold of a semantic cache that past feedback supports (an extension to Redis)",
    syntax: "key MAXERROR share:double",
    tips: &[],
    weight: Weight::Heavy,
    run: Run::Read(advise),
};

fn advise(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let key = args.bytes()?;
    if !args.keyword("MAXERROR") {
        return Err(Error::syntax());
    }
    let accepted = share(&mut args)?;
    args.finish()?;
    let advice = look_at_set(cx, key, |set| {
        let learner = cache(set)?.with_learner(Clone::clone);
        Ok::<_, Error>(learner.advise(accepted.get()))
    })?;
    let advice = advice.ok_or(Error::no_such_key())??;
    let fields = [
        ("threshold", advice.score.map_or(Reply::Null, Reply::Double)),
        ("observations", Reply::Integer(advice.of as i64)),
        ("above", Reply::Integer(advice.above as i64)),
        ("wrong", Reply::Integer(advice.wrong as i64)),
        ("hits", Reply::Double(advice.above as f64 / advice.of.max(1) as f64)),
    ];
    Ok(Reply::Map(fields.map(|(name, value)| (Reply::Simple(name), value)).into()))
}
