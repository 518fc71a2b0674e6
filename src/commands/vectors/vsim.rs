//! `VSIM key (ELE element | FP32 blob | VALUES n v …) [options]`: the elements most similar to a
//! query. `NOTOUCH` (an extension): what is found does not count as used.

use smallvec::SmallVec;

use super::errors::{ELEMENT_NOT_FOUND, INVALID_VECTOR};
use super::options::{self, SearchOptions, WORDS};
use super::returned::Returned;
use super::vector::{REDIS_FORMS, vector};
use super::{KEY, search_sets};
use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight};
use crate::resp::{Args, Error, Reply, Row};
use crate::vector_set::{Hit, Metric, Present, Probe};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "VSIM",
    arity: Arity::AtLeast(4),
    flags: Flags::READONLY.and(Flags::MODULE),
    keys: KEY,
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(log(N)) in a set of N elements",
    summary: "Elements whose vectors are most similar to a vector, or to that of an element",
    syntax: "key format(ELE|FP32|VALUES) vector_or_element [WITHSCORES] [WITHATTRIBS] \
        [COUNT count:integer] [EPSILON max_distance:double] [EF search-exploration-factor:integer] \
        [FILTER expression] [FILTER-EF max-filtering-effort:integer] [TRUTH] [NOTOUCH] [NOTHREAD]",
    tips: &[],
    weight: Weight::HeavyIf(is_heavy),
    run: Run::Read(execute),
};

const SYNTAX: Error = Error::new("ERR syntax error in VSIM command");
/// The default of EPSILON, which accepts every similarity.
const DEFAULT_EPSILON: f64 = 2.0;

fn is_heavy(mut args: Args, cx: &Context) -> bool {
    let set = args.take().and_then(|key| cx.db().vector_set(key).ok().flatten());
    set.is_some_and(|handle| options::is_heavy(args, &handle.set))
}

/// The key is looked up before anything is parsed, since Redis replies an empty array for a missing
/// one, whatever the other arguments are.
fn execute(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let key = args.bytes()?;
    search_sets(cx, &[key], |sets| match &sets[0] {
        Some(handle) => search(args, handle.present(), cx),
        None => {
            Returned::default().note(cx.server.keyspace.element_figures(), None);
            Ok(Reply::Array(Vec::new()))
        }
    })
}

fn search(mut args: Args, set: Present<'_>, cx: &Context) -> Result<Reply, Error> {
    let query = query(&mut args, &set)?;
    let options = Options::parse(args, cx)?;
    let hits = options.search.find(set, &query)?;
    if options.with_attributes {
        hits.fetch_attributes();
    }
    let metric = set.params().metric();
    let near = hits.iter().take_while(|hit| options.is_near(metric, hit.distance));
    let mut returned = Returned::default();
    let reply = options.reply(metric, near.inspect(|hit| returned.add(metric, hit)));
    returned.note(cx.server.keyspace.element_figures(), Some(&hits));
    Ok(reply)
}

fn query(args: &mut Args, set: &Present<'_>) -> Result<Probe, Error> {
    if args.keyword("ELE") {
        // The element counts as used if it is found.
        return set.untouched().query_of(args.bytes()?).ok_or(Error::new(ELEMENT_NOT_FOUND));
    }
    let form = args.keyword_of(REDIS_FORMS).ok_or(Error::new(INVALID_VECTOR))?;
    Ok(set.query(&vector(args, form)?)?)
}

struct Options {
    search: SearchOptions,
    epsilon: f64,
    with_scores: bool,
    with_attributes: bool,
}

impl Options {
    fn parse(mut args: Args, cx: &Context) -> Result<Self, Error> {
        let mut search = SearchOptions::like(cx.server.compat);
        search.deadline = options::deadline(cx);
        let mut options =
            Self { search, epsilon: DEFAULT_EPSILON, with_scores: false, with_attributes: false };
        while !args.is_empty() {
            if let Some(word) = args.keyword_of(&WORDS) {
                options.search.take(word, &mut args, &SYNTAX)?;
            } else if args.keyword("WITHSCORES") {
                options.with_scores = true;
            } else if args.keyword("WITHATTRIBS") {
                options.with_attributes = true;
            } else if args.keyword("EPSILON") {
                options.epsilon = epsilon(&mut args)?;
            } else if !args.keyword("NOTHREAD") {
                // NOTHREAD makes Redis search on its main thread. Here it changes nothing.
                return Err(SYNTAX);
            }
        }
        Ok(options)
    }

    /// Compared as Redis compares, in float32 on half the distance.
    fn is_near(&self, metric: Metric, distance: f32) -> bool {
        match metric {
            Metric::Cosine | Metric::InnerProduct => distance / 2.0 <= self.epsilon as f32,
            Metric::L2 => 1.0 - metric.score(distance) <= self.epsilon,
        }
    }

    fn reply<'h>(&self, metric: Metric, hits: impl Iterator<Item = Hit<'h>>) -> Reply {
        if !self.with_scores && !self.with_attributes {
            return Reply::Array(hits.map(|hit| Reply::bulk(hit.element.to_vec())).collect());
        }
        let row = |hit: Hit| {
            let score = self.with_scores.then(|| Reply::Double(metric.score(hit.distance)));
            let attribute = self
                .with_attributes
                .then(|| hit.attribute().map_or(Reply::Null, |text| Reply::bulk(text.into_owned())));
            Row {
                key: hit.element.to_vec(),
                columns: score.into_iter().chain(attribute).collect::<SmallVec<_>>(),
            }
        };
        Reply::Rows(hits.map(row).collect())
    }
}

fn epsilon(args: &mut Args) -> Result<f64, Error> {
    if args.is_empty() {
        return Err(SYNTAX);
    }
    let error = Error::new("ERR invalid EPSILON");
    let epsilon = args.float_or(error.clone())?;
    if epsilon > 0.0 { Ok(epsilon) } else { Err(error) }
}
