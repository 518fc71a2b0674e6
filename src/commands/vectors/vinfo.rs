//! `VINFO key [HISTOGRAM]`: parameters and state of a vector set.
//!
//! The fields are those of Redis, in its order. A set that Redis could not have (made with
//! `VCREATE`, of another metric than cosine, or of a kind that Redis lacks) has more fields at the
//! end, so that the reply for other sets is that of Redis:
//!
//! | field | value |
//! |---|---|
//! | `metric` | `COSINE`, `L2` or `IP` |
//! | `ef-construction` | candidates that an insertion explores by default |
//! | `fixed` | 1 if the set was made with `VCREATE`: it may be empty, and `VADD` need not repeat its parameters |
//! | `rerank` | kind of the finer copy of each vector, named as in `quant-type`; `none` if there is no copy |
//! | `quant-auto` | 1 if the kind was chosen by `QUANT AUTO` |
//! | `bytes-per-element` | memory of the set divided by its elements; for an empty set the expected value |
//! | `reusable-bytes` | of its memory, that of removed elements, which is used for the next |
//! | `memory-vectors`, `-graph`, `-names`, `-attributes`, `-indexes`, `-expiry` | bytes of codes, of links, of names with their maps, of attributes, of indexes of their fields, and of deadlines and use |
//! | `measured-<set>` | memory, recall and speed of the kind, measured with real vectors: a line like those of `INFO keyspace` |
//!
//! A set of kind `PQ` has two more fields:
//!
//! | field | value |
//! |---|---|
//! | `pq-trained` | 1 once it is trained, and searches use its codes |
//! | `pq-subspaces` | sub-spaces of its codes, each a byte; 0 before training |
//!
//! A set that is bounded (`VCREATE … TTL`, `VCONFIG`) has four more:
//!
//! | field | value |
//! |---|---|
//! | `ttl` | seconds that an element lives if its writer says nothing else; 0: no end |
//! | `max-elements`, `max-bytes` | its limits; 0: none |
//! | `policy` | which elements make room: `lru`, `lfu`, `ttl`, `cost`, `coverage`, `random`, `none` |
//!
//! A cache (`VCREATE … CACHE`) has four more:
//!
//! | field | value |
//! |---|---|
//! | `cache` | 1 |
//! | `max-error` | the share of errors that it accepts where a search says nothing; 0: a search must say it |
//! | `scope` | the fields that a search must name |
//! | `memory-payloads` | bytes of payloads, and of what is known of entries |
//!
//! A set that lies in files, or whose finer codes may, has the fields of `VTIER` too: see
//! [`vtier`].
//!
//! `HISTOGRAM` (an extension) adds what was counted since the set was made or loaded:
//!
//! | field | value |
//! |---|---|
//! | `searches` | queries of `VSIM` and `VSEARCH` |
//! | `searches-without-result` | those of them that returned nothing |
//! | `elements-returned` | elements that they returned |
//! | `expired-elements` | elements removed because they had expired |
//! | `evicted-for-memory` | elements evicted because the server's memory was short |
//! | `evicted-for-limit` | elements evicted because the set was at a limit of its own |
//! | `histogram` | searches by the score of the best element that they returned: 20 counts, for scores below 0.05, below 0.1, …, from 0.95 on |

use super::{KEY, READ_FAST, limits, look_at_set, vcache, vtier};
use crate::commands::{Arity, Context, Group, Run, Scope, Spec, Weight};
use crate::resp::{Args, Error, Reply};
use crate::vector_set::{self, Kind, Limits, MEASURED, Measured, Metric, Params, Present};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "VINFO",
    arity: Arity::AtLeast(2),
    flags: READ_FAST,
    keys: KEY,
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(1)",
    summary: "Parameters and size of a vector set",
    syntax: "key [HISTOGRAM]",
    tips: &[],
    weight: Weight::Light,
    run: Run::Read(vinfo),
};

/// A name and a value.
type Field = (Reply, Reply);

fn vinfo(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let with_figures = args.keyword("HISTOGRAM");
    if !args.is_empty() {
        // As Redis, which takes a key only.
        return Err(Error::wrong_arity(SPEC.name));
    }
    Ok(look_at_set(cx, key, |set| describe(set, with_figures))?.unwrap_or(Reply::NullArray))
}

fn describe(set: Present<'_>, with_figures: bool) -> Reply {
    let named = |(name, value)| (Reply::Simple(name), value);
    let mut fields: Vec<Field> = redis_fields(set).map(named).into();
    if !redis_could_have(set) {
        fields.extend(further_fields(set).map(named));
        fields.extend(memory_fields(set).map(named));
        fields.extend(measured_fields(set.params(), MEASURED));
    }
    if set.params().kind() == Kind::Product {
        fields.extend(learnt_fields(set).map(named));
    }
    let limits = set.limits();
    if limits != (Limits { tier: limits.tier, ..Limits::default() }) {
        fields.extend(limits::fields(&limits).map(named));
    }
    if let Some(cache) = set.cache() {
        let scope = cache.rules().scope.iter().map(|field| Reply::bulk(field.to_string())).collect();
        let fields_of_cache = [
            ("cache", Reply::Integer(1)),
            vcache::max_error(&cache),
            ("scope", Reply::Array(scope)),
            ("memory-payloads", Reply::count(set.memory().payloads)),
        ];
        fields.extend(fields_of_cache.map(named));
    }
    if set.options().is_warm || set.tier_counts().is_some() {
        fields.extend(vtier::fields(set).map(named));
    }
    if with_figures {
        fields.extend(figures(set).map(named));
    }
    Reply::Map(fields)
}

fn figures(set: Present<'_>) -> [(&'static str, Reply); 7] {
    let figures = set.figures();
    let searches = &figures.searches;
    let number = |number: u64| Reply::Integer(number as i64);
    [
        ("searches", number(searches.found() + searches.empty())),
        ("searches-without-result", number(searches.empty())),
        ("elements-returned", number(searches.returned())),
        ("expired-elements", number(figures.expired.get())),
        ("evicted-for-memory", number(figures.evicted_for_memory.get())),
        ("evicted-for-limit", number(figures.evicted_for_limit.get())),
        ("histogram", Reply::Array(searches.best_scores().map(number).into())),
    ]
}

fn redis_fields(set: Present<'_>) -> [(&'static str, Reply); 9] {
    let params = set.params();
    let description = set.describe();
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

fn redis_could_have(set: Present<'_>) -> bool {
    let params = set.params();
    let kind = matches!(params.kind(), Kind::Int8 | Kind::Float32 | Kind::Binary);
    kind && !set.options().may_be_empty && params.metric() == Metric::Cosine
}

fn further_fields(set: Present<'_>) -> [(&'static str, Reply); 7] {
    let params = set.params();
    let options = set.options();
    [
        ("metric", Reply::Simple(params.metric().name())),
        ("ef-construction", Reply::count(params.ef_construction())),
        ("fixed", Reply::Integer(options.may_be_empty.into())),
        ("rerank", Reply::Simple(params.rerank().map_or("none", |kind| kind.codec().name))),
        ("quant-auto", Reply::Integer(options.has_chosen_kind.into())),
        ("bytes-per-element", Reply::count(bytes_per_element(set))),
        ("reusable-bytes", Reply::count(set.reusable_bytes())),
    ]
}

fn bytes_per_element(set: Present<'_>) -> usize {
    set.heap_bytes().checked_div(set.len()).unwrap_or_else(|| vector_set::bytes_per_element(set.params()))
}

fn memory_fields(set: Present<'_>) -> [(&'static str, Reply); 6] {
    let memory = set.memory();
    [
        ("memory-vectors", Reply::count(memory.vectors)),
        ("memory-graph", Reply::count(memory.graph)),
        ("memory-names", Reply::count(memory.names)),
        ("memory-attributes", Reply::count(memory.attributes)),
        ("memory-indexes", Reply::count(memory.fields)),
        ("memory-expiry", Reply::count(memory.expiry)),
    ]
}

/// The measured figures of a kind with the same finer copy.
fn measured_fields(params: &Params, table: &[Measured]) -> Vec<Field> {
    let kind = params.kind().codec().keyword;
    let rerank = params.rerank().map(|kind| kind.codec().keyword);
    let rows = table.iter().filter(|row| (row.kind, row.rerank) == (kind, rerank));
    rows.map(measured_field).collect()
}

fn measured_field(row: &Measured) -> Field {
    let Measured { set, bytes, recall, speed, .. } = row;
    let value = format!("bytes-per-element={bytes},recall={recall:.3},speed={speed:.2}");
    (Reply::SimpleOwned(format!("measured-{set}")), Reply::SimpleOwned(value))
}

fn learnt_fields(set: Present<'_>) -> [(&'static str, Reply); 2] {
    let subspaces = set.describe().subspaces;
    [
        ("pq-trained", Reply::Integer(subspaces.is_some().into())),
        ("pq-subspaces", Reply::count(subspaces.unwrap_or(0))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector_set::Bits;

    #[test]
    fn figures_are_those_of_the_kind_with_its_copy() {
        let row =
            |rerank, recall| Measured { kind: "RQ4", rerank, set: "v-384", bytes: 500, recall, speed: 2.0 };
        let table = [row(None, 0.9), Measured { kind: "RQ3", ..row(None, 0.8) }, row(Some("Q8"), 0.95)];
        let fields = |params: &Params| measured_fields(params, &table);
        let field = |value: &str| {
            vec![(Reply::SimpleOwned("measured-v-384".into()), Reply::SimpleOwned(value.into()))]
        };
        let params = Params::new(8).and_then(|p| p.with_format(Kind::RaBitQ(Bits::Four), Metric::Cosine));
        let params = params.expect("valid");
        assert_eq!(fields(&params), field("bytes-per-element=500,recall=0.900,speed=2.00"));
        let fine = params.clone().with_rerank(Kind::Int8).expect("valid");
        assert_eq!(fields(&fine), field("bytes-per-element=500,recall=0.950,speed=2.00"));
        assert_eq!(fields(&params.with_rerank(Kind::Float16).expect("valid")), []);
    }

    #[test]
    fn the_table_names_kinds_that_there_are() {
        let keywords: Vec<_> = crate::vector_set::CODECS.iter().map(|codec| codec.keyword).collect();
        let named = MEASURED.iter().flat_map(|row| [Some(row.kind), row.rerank]).flatten();
        assert_eq!(named.filter(|name| !keywords.contains(name)).collect::<Vec<_>>(), [""; 0]);
    }
}
