//! How a search went, as `VEXPLAIN` and `WITHPLAN` show it.

use std::time::Duration;

use crate::resp::Reply;
use crate::vector_set::{Hits, Knowledge, Plan, Step};

/// A map for the search of one set.
pub(super) fn explain(key: &[u8], hits: &Hits) -> Reply {
    let mut fields = vec![("key", Reply::bulk(key.to_vec()))];
    let Some(explanation) = hits.explanation() else {
        fields.push(("knowledge", Reply::Simple("all")));
        return map(fields);
    };
    fields.extend(knowledge(explanation.knowledge));
    fields.push(("expected", Reply::count(explanation.trace.expected)));
    if let Some(share) = explanation.trace.near_share {
        fields.push(("near-share", Reply::Double(rounded(share))));
    }
    fields.push(("lookup-us", microseconds(explanation.lookup)));
    fields.push(("tested", Reply::count(explanation.tested)));
    fields.push(("steps", Reply::Array(explanation.trace.steps.iter().map(step).collect())));
    let costs = hits.set().measured_costs();
    fields.push(("costs", map(costs.map(|(name, cost)| (name, Reply::Double(rounded(cost)))).into())));
    map(fields)
}

fn knowledge(knowledge: Knowledge) -> Vec<(&'static str, Reply)> {
    match knowledge {
        Knowledge::Exact { matching } => {
            vec![("knowledge", Reply::Simple("exact")), ("matching", Reply::count(matching))]
        }
        Knowledge::Partial { sure, possible } => vec![
            ("knowledge", Reply::Simple("partial")),
            ("sure", Reply::count(sure)),
            ("possible", Reply::count(possible)),
        ],
        Knowledge::Sample { share } => {
            vec![("knowledge", Reply::Simple("sample")), ("share", Reply::Double(share))]
        }
    }
}

fn step(step: &Step) -> Reply {
    let plan = match step.plan {
        Plan::Scan => "scan",
        Plan::Walk => "walk",
        Plan::Bridges => "bridges",
    };
    map(vec![
        ("plan", Reply::Simple(plan)),
        ("nodes", Reply::count(step.expanded)),
        ("distances", Reply::count(step.scored)),
        ("found", Reply::count(step.found)),
        ("given-up", Reply::Integer((!step.is_last).into())),
        ("us", microseconds(step.time)),
    ])
}

fn map(fields: Vec<(&'static str, Reply)>) -> Reply {
    Reply::Map(fields.into_iter().map(|(name, value)| (Reply::Simple(name), value)).collect())
}

fn microseconds(time: Duration) -> Reply {
    Reply::Double((time.as_secs_f64() * 1e7).round() / 10.0)
}

fn rounded(cost: f32) -> f64 {
    (f64::from(cost) * 100.0).round() / 100.0
}
