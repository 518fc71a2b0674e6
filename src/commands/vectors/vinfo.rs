//! `VINFO key`: how a vector set was made, and how it is doing.
//!
//! The fields are those of Redis, in its order. A set that Redis could not have (made with `VCREATE`, of another metric
//! than cosine, or of a kind that Redis lacks) tells three more at the end, so that clients of Redis' sets see nothing new:
//!
//! | field | value |
//! |---|---|
//! | `metric` | `COSINE`, `L2` or `IP` |
//! | `ef-construction` | candidates that an insertion explores if it does not say |
//! | `fixed` | 1 if the set was made with `VCREATE`: it may be empty, and `VADD` need not repeat its parameters |
//!
//! A set of kind `PQ` tells two more:
//!
//! | field | value |
//! |---|---|
//! | `pq-trained` | 1 once it has learnt from its vectors, and searches walk on its codes |
//! | `pq-subspaces` | sub-spaces of its codes, each a byte; 0 before |

use super::{KEY, READ_FAST, look_at_set};
use crate::commands::{Arity, Context, Group, Run, Spec, Weight};
use crate::resp::{Args, Error, Reply};
use crate::vector_set::{Kind, Metric, Params, VectorSet};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "VINFO",
    arity: Arity::Exactly(2),
    flags: READ_FAST,
    keys: KEY,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(1)",
    summary: "Return information about a vector set",
    syntax: "key",
    tips: &[],
    weight: Weight::Light,
    run: Run::Read(vinfo),
};

type Field = (&'static str, Reply);

fn vinfo(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    Ok(look_at_set(cx, args.bytes()?, describe)?.unwrap_or(Reply::NullArray))
}

fn describe(set: &VectorSet) -> Reply {
    let mut fields = redis_fields(set).to_vec();
    if !redis_could_have(set.params()) {
        fields.extend(further_fields(set.params()));
    }
    if set.params().kind() == Kind::Product {
        fields.extend(learnt_fields(set));
    }
    Reply::Map(fields.into_iter().map(|(name, value)| (Reply::Simple(name), value)).collect())
}

fn redis_fields(set: &VectorSet) -> [Field; 9] {
    let (params, description) = (set.params(), set.describe());
    [
        ("quant-type", Reply::Simple(params.kind().codec().name)),
        ("hnsw-m", Reply::count(params.m())),
        ("vector-dim", Reply::count(params.dim())),
        ("projection-input-dim", Reply::count(params.input_dim().unwrap_or(0))),
        ("size", Reply::count(description.size)),
        ("max-level", Reply::Integer(description.max_level.into())),
        ("attributes-count", Reply::count(description.attributes)),
        ("vset-uid", Reply::Integer(description.uid as i64)),
        ("hnsw-max-node-uid", Reply::Integer(description.last_node as i64)),
    ]
}

fn redis_could_have(params: &Params) -> bool {
    let kind = matches!(params.kind(), Kind::Int8 | Kind::Float32 | Kind::Binary);
    kind && !params.kept() && params.metric() == Metric::Cosine
}

fn further_fields(params: &Params) -> [Field; 3] {
    [
        ("metric", Reply::Simple(params.metric().name())),
        ("ef-construction", Reply::count(params.ef_construction())),
        ("fixed", Reply::Integer(params.kept().into())),
    ]
}

fn learnt_fields(set: &VectorSet) -> [Field; 2] {
    let subspaces = set.describe().subspaces;
    [
        ("pq-trained", Reply::Integer(subspaces.is_some().into())),
        ("pq-subspaces", Reply::count(subspaces.unwrap_or(0))),
    ]
}
