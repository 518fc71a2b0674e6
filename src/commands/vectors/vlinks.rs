//! `VLINKS key element [WITHSCORES]`: the neighbours of an element in the graph, from the highest
//! layer on.

use super::{KEY, READ_FAST, look_at_set};
use crate::commands::{Arity, Context, Group, Run, Scope, Spec, Weight};
use crate::resp::{Args, Error, Reply};
use crate::vector_set::{Metric, Present};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "VLINKS",
    arity: Arity::AtLeast(3),
    flags: READ_FAST,
    keys: KEY,
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(1)",
    summary: "Neighbours of an element in each layer of the graph, with scores if asked for",
    syntax: "key element [WITHSCORES]",
    tips: &[],
    weight: Weight::Light,
    run: Run::Read(|args, cx| VLinks::parse(args)?.execute(cx)),
};

struct VLinks<'r> {
    key: &'r [u8],
    element: &'r [u8],
    with_scores: bool,
}

/// The neighbours on one layer, with the distances of their codes.
type Layer = Vec<(Vec<u8>, f32)>;

impl<'r> VLinks<'r> {
    /// For any other word Redis' error is a wrong number of arguments.
    fn parse(mut args: Args<'r>) -> Result<Self, Error> {
        let key = args.bytes()?;
        let element = args.bytes()?;
        let with_scores = args.keyword("WITHSCORES");
        args.finish_or(Error::wrong_arity(SPEC.name))?;
        Ok(Self { key, element, with_scores })
    }

    fn execute(self, cx: &Context) -> Result<Reply, Error> {
        let look =
            |set: Present<'_>| set.neighbours(self.element).map(|layers| (layers, set.params().metric()));
        let Some((layers, metric)) = look_at_set(cx, self.key, look)?.flatten() else {
            return Ok(Reply::Null);
        };
        let show = |layer| if self.with_scores { scored(layer, metric) } else { named(layer) };
        Ok(Reply::Array(layers.into_iter().rev().map(show).collect()))
    }
}

fn named(layer: Layer) -> Reply {
    Reply::Array(layer.into_iter().map(|(element, _)| Reply::bulk(element)).collect())
}

/// Redis rounds these scores to float32, but not those of VSIM.
fn scored(layer: Layer, metric: Metric) -> Reply {
    let score = |distance| Reply::Double((metric.score(distance) as f32).into());
    Reply::Map(layer.into_iter().map(|(element, distance)| (Reply::bulk(element), score(distance))).collect())
}
