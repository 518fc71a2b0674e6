//! `VSEARCH key (ELE e | FP32 blob | FP16 blob | VALUES n v …)… [options] [ALSO numkeys key …]`:
//! several queries, over one set or several, in one call (an extension).
//!
//! ```text
//! COUNT n  OFFSET n      a page of the answer: n results (10), after the first n (0)
//! MINSCORE s | MAXDIST d only results with at least this score, at most this distance
//! FILTER f [PARAMS n v …]  in the language of `crate::vector_set::filter`; `$1` is the first value
//! DISTINCT field [n]     at most n results (1) with the same value of a field: see `distinct`
//! FILTER-EF n  EF n  TRUTH  NOTOUCH     as in VSIM
//! WITHSCORES WITHDIST WITHATTRIBS WITHVECTORS   more about each result
//! WITHPLAN               how each query was answered
//! ALSO numkeys key …     merges the results of these sets into those of `key`
//! ```
//!
//! The shape of the reply follows from the words of the command alone, and is the same in RESP2 and
//! RESP3: an array with the answer to each query, in order; an answer is an array of results,
//! nearest first. A result is the element itself; or, with any of `WITH…` or `ALSO`, an array of
//! the element and, in this order, the parts that were requested:
//!
//! ```text
//! [element, key (ALSO), score (WITHSCORES), distance (WITHDIST), attribute or null (WITHATTRIBS), vector (WITHVECTORS)]
//! ```
//!
//! With `WITHPLAN` an answer is an array of these results and of what `VEXPLAIN` says of the query.
//!
//! A missing key is an empty set. Sets searched together must have one metric; a query must fit
//! each of them. `ELE` takes the element's vector from `key`.

use smallvec::SmallVec;

use super::distinct::Distinct;
use super::errors::{ELEMENT_NOT_FOUND, INVALID_VECTOR};
use super::explain::explain;
use super::filters::{self, FilterWords};
use super::options::{self, SearchOptions, WORDS};
use super::returned::Returned;
use super::vector::{ALL_FORMS, vector};
use super::{KEY, search_sets};
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight};
use crate::keyspace::{ElementFigures, SetHandle};
use crate::resp::{Args, Error, Reply};
use crate::vector_set::{Format, Hit, Hits, Metric, Present, Probe};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "VSEARCH",
    arity: Arity::AtLeast(4),
    flags: Flags::READONLY.and(Flags::MODULE),
    keys: &[KEY[0], Keys::counted_behind("ALSO", 3, KEY[0].access)],
    scope: Scope::NamedKeysUnless("ALSO"),
    redact: None,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(Q*S*log(N)) for Q queries over S sets of N elements",
    summary: "Search vector sets with several queries, paging, limits and more about each result (an extension to Redis)",
    syntax: "key query(ELE element|FP32 blob|FP16 blob|VALUES values(dim:integer component:double...))... \
        [COUNT count:integer] [OFFSET offset:integer] \
        [limit(MINSCORE score:double|MAXDIST distance:double)] [EF search-exploration-factor:integer] \
        [FILTER expression] [PARAMS params(count:integer value...)] \
        [FILTER-EF max-filtering-effort:integer] [DISTINCT distinct(field [count:integer])] [TRUTH] \
        [NOTOUCH] [WITHSCORES] [WITHDIST] [WITHATTRIBS] [WITHVECTORS] [WITHPLAN] \
        [ALSO also(numkeys:integer key...)]",
    tips: &[],
    weight: Weight::HeavyIf(is_heavy),
    run: Run::Read(|args, cx| VSearch::parse(args)?.execute(cx)),
};

/// Queries in one command at most.
const MAX_QUERIES: usize = 1024;
/// Sets in one command at most.
const MAX_SETS: usize = 1024;

/// Assumes that the other sets of ALSO are as large as the first.
fn is_heavy(mut args: Args, cx: &Context) -> bool {
    let set = args.take().and_then(|key| cx.db().vector_set(key).ok().flatten());
    set.is_none_or(|handle| options::is_heavy(args, &handle.set))
        || args.iter().any(|word| word.eq_ignore_ascii_case(b"ALSO"))
}

pub(super) struct VSearch<'r> {
    keys: Vec<&'r [u8]>,
    queries: Vec<Query<'r>>,
    search: SearchOptions,
    offset: usize,
    limit: Limit,
    distinct: Option<Distinct>,
    with: With,
    shown: Shown,
}

/// What a reply has of each query.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Results,
    ResultsAndPlan,
    Plan,
}

enum Query<'r> {
    Element(&'r [u8]),
    Vector(Vec<f32>),
}

/// The limit of distance or score.
enum Limit {
    None,
    MinScore(f64),
    MaxDistance(f64),
}

/// The parts of each result.
#[derive(Default)]
struct With {
    key: bool,
    score: bool,
    distance: bool,
    attribute: bool,
    vector: bool,
}

#[derive(Clone, Copy)]
enum Word {
    Offset,
    MinScore,
    MaxDistance,
    Also,
    Score,
    Distance,
    Attribute,
    Vector,
    Distinct,
    Plan,
}

const OWN_WORDS: [(&str, Word); 10] = [
    ("OFFSET", Word::Offset),
    ("MINSCORE", Word::MinScore),
    ("MAXDIST", Word::MaxDistance),
    ("ALSO", Word::Also),
    ("WITHSCORES", Word::Score),
    ("WITHDIST", Word::Distance),
    ("WITHATTRIBS", Word::Attribute),
    ("WITHVECTORS", Word::Vector),
    ("DISTINCT", Word::Distinct),
    ("WITHPLAN", Word::Plan),
];

impl<'r> VSearch<'r> {
    pub(super) fn parse(mut args: Args<'r>) -> Result<Self, Error> {
        let mut parsed = Self {
            keys: vec![args.bytes()?],
            queries: Vec::new(),
            search: SearchOptions::default(),
            offset: 0,
            limit: Limit::None,
            distinct: None,
            with: With::default(),
            shown: Shown::Results,
        };
        let mut filter = FilterWords::default();
        while parsed.take_query(&mut args)? {}
        if parsed.queries.is_empty() {
            return Err(Error::new(INVALID_VECTOR));
        }
        while !args.is_empty() {
            if let Some(word) = args.keyword_of(&filters::WORDS) {
                filter.take(word, &mut args)?;
            } else if let Some(word) = args.keyword_of(&WORDS) {
                parsed.search.take(word, &mut args, &Error::syntax())?;
            } else {
                let word = args.keyword_of(&OWN_WORDS).ok_or(Error::syntax())?;
                parsed.take_option(word, &mut args)?;
            }
        }
        parsed.search.filter = filter.compile()?;
        parsed.search.count = parsed.search.count.saturating_add(parsed.offset);
        Ok(parsed)
    }

    fn take_query(&mut self, args: &mut Args<'r>) -> Result<bool, Error> {
        let query = if args.keyword("ELE") {
            Query::Element(args.bytes()?)
        } else if let Some(form) = args.keyword_of(ALL_FORMS) {
            Query::Vector(vector(args, form)?)
        } else {
            return Ok(false);
        };
        if self.queries.len() == MAX_QUERIES {
            return Err(Error::from(format!("ERR more than {MAX_QUERIES} queries")));
        }
        self.queries.push(query);
        Ok(true)
    }

    fn take_option(&mut self, word: Word, args: &mut Args<'r>) -> Result<(), Error> {
        match word {
            Word::Offset => self.offset = args.integer_or("ERR invalid OFFSET")?,
            Word::MinScore => self.set_limit(Limit::MinScore(args.float_or("ERR invalid MINSCORE")?))?,
            Word::MaxDistance => self.set_limit(Limit::MaxDistance(args.float_or("ERR invalid MAXDIST")?))?,
            Word::Also => self.take_keys(args)?,
            Word::Score => self.with.score = true,
            Word::Distance => self.with.distance = true,
            Word::Attribute => self.with.attribute = true,
            Word::Vector => self.with.vector = true,
            Word::Distinct => self.distinct = Some(Distinct::take(args)?),
            Word::Plan => self.shown = Shown::ResultsAndPlan,
        }
        Ok(())
    }

    /// Sets the limit. MINSCORE and MAXDIST exclude each other.
    fn set_limit(&mut self, limit: Limit) -> Result<(), Error> {
        match std::mem::replace(&mut self.limit, limit) {
            Limit::None => Ok(()),
            _ => Err(Error::syntax()),
        }
    }

    fn take_keys(&mut self, args: &mut Args<'r>) -> Result<(), Error> {
        let count = args.integer_or::<usize>("ERR numkeys should be greater than 0")?;
        if count == 0 {
            return Err(Error::new("ERR numkeys should be greater than 0"));
        }
        if count > MAX_SETS || count > args.remaining() {
            return Err(Error::syntax());
        }
        self.with.key = true;
        (0..count).try_for_each(|_| args.bytes().map(|key| self.keys.push(key)))
    }

    /// The same search, of which only the plans are shown.
    pub(super) fn only_explained(self) -> Self {
        Self { shown: Shown::Plan, ..self }
    }

    pub(super) fn execute(mut self, cx: &mut Context) -> Result<Reply, Error> {
        self.search.deadline = options::deadline(cx);
        search_sets(cx, &self.keys, |sets| self.search(sets, cx.server.keyspace.element_figures()))
    }

    fn search(&self, sets: &[Option<SetHandle>], figures: &ElementFigures) -> Result<Reply, Error> {
        let sets: Vec<_> = sets.iter().map(|handle| handle.as_ref().map(SetHandle::present)).collect();
        let present: Vec<_> =
            self.keys.iter().zip(&sets).filter_map(|(&key, set)| Some((key, (*set)?))).collect();
        let metrics = |(_, set): &(_, Present<'_>)| set.params().metric();
        if present.windows(2).any(|pair| metrics(&pair[0]) != metrics(&pair[1])) {
            return Err(Error::new("ERR the sets have different metrics"));
        }
        let answers = self.queries.iter().map(|query| self.answer(query, sets[0], &present, figures));
        Ok(Reply::Array(answers.collect::<Result<_, _>>()?))
    }

    fn answer<'q>(
        &self,
        query: &Query,
        first: Option<Present<'q>>,
        sets: &[(&'q [u8], Present<'q>)],
        figures: &ElementFigures,
    ) -> Result<Reply, Error> {
        let probes: Vec<(&[u8], Present<'_>, Probe)> = sets
            .iter()
            .filter_map(|&(key, set)| {
                let probe = self.code(query, first, set).transpose()?;
                Some(probe.map(|probe| (key, set, probe)))
            })
            .collect::<Result<_, Error>>()?;
        if probes.is_empty() && self.shown != Shown::Plan {
            Returned::default().note(figures, None);
        }
        let mut count = self.search.count;
        loop {
            let find = |(key, set, probe): &(&'q [u8], Present<'q>, Probe)| {
                Ok((*key, self.search.find_count(*set, probe, count)?))
            };
            let found: Vec<(&[u8], Hits)> = probes.iter().map(find).collect::<Result<_, Error>>()?;
            let results = self.merged(sets, &found);
            let wants_more =
                results.len() < self.search.count && found.iter().any(|(_, hits)| hits.len() >= count);
            match self.distinct.as_ref().and_then(|distinct| distinct.next_count(count, self.search.count)) {
                Some(next) if wants_more => count = next,
                _ => return Ok(self.reply(&found, results, figures)),
            }
        }
    }

    /// What was found in all sets, the nearest first, as far as the limits admit it.
    fn merged<'h>(
        &self,
        sets: &[(&[u8], Present<'_>)],
        found: &'h [(&[u8], Hits<'_>)],
    ) -> Vec<(usize, Hit<'h>)> {
        let Some(metric) = sets.first().map(|(_, set)| set.params().metric()) else { return Vec::new() };
        if self.with.attribute || self.distinct.is_some() {
            found.iter().for_each(|(_, hits)| hits.fetch_attributes());
        }
        let mut merged: Vec<(usize, Hit)> = (found.iter().enumerate())
            .flat_map(|(place, (_, hits))| hits.iter().map(move |hit| (place, hit)))
            .filter(|(_, hit)| self.limit.admits(metric, hit.distance))
            .collect();
        // A stable sort: equal results stay in the order of their sets.
        merged.sort_by(|(_, a), (_, b)| a.distance.total_cmp(&b.distance));
        if let Some(distinct) = &self.distinct {
            let mut seen = distinct.seen();
            merged.retain(|(_, hit)| seen.admits(hit));
        }
        merged.truncate(self.search.count);
        merged
    }

    fn reply(&self, found: &[(&[u8], Hits)], results: Vec<(usize, Hit)>, figures: &ElementFigures) -> Reply {
        let plans = || Reply::Array(found.iter().map(|(key, hits)| explain(key, hits)).collect());
        if self.shown == Shown::Plan {
            return plans();
        }
        let mut returned: SmallVec<[Returned; 4]> = SmallVec::from_elem(Returned::default(), found.len());
        let mut rows = Vec::with_capacity(results.len());
        for (place, hit) in results.into_iter().skip(self.offset) {
            let metric = found[place].1.set().params().metric();
            returned[place].add(metric, &hit);
            rows.push(self.with.reply(metric, found[place].0, &hit));
        }
        for ((_, hits), returned) in found.iter().zip(returned) {
            returned.note(figures, Some(hits));
        }
        match self.shown {
            Shown::ResultsAndPlan => Reply::Array(vec![Reply::Array(rows), plans()]),
            _ => Reply::Array(rows),
        }
    }

    /// The query, encoded for `set`; none if it is an element of a missing key.
    fn code(
        &self,
        query: &Query,
        first: Option<Present<'_>>,
        set: Present<'_>,
    ) -> Result<Option<Probe>, Error> {
        match (query, first) {
            (Query::Vector(vector), _) => Ok(Some(set.query(vector)?)),
            (Query::Element(_), None) => Ok(None),
            (Query::Element(element), Some(first)) => {
                let vector = first.untouched().with_code(element, Format::decode);
                let vector = vector.ok_or(Error::new(ELEMENT_NOT_FOUND))?;
                // A decoded vector has the stored dimension, so it is not projected again.
                set.query_stored(&vector).map(Some).map_err(Error::from)
            }
        }
    }
}

impl Limit {
    fn admits(&self, metric: Metric, distance: f32) -> bool {
        match *self {
            Limit::None => true,
            Limit::MinScore(least) => metric.score(distance) >= least,
            Limit::MaxDistance(most) => metric.user_distance(distance) as f64 <= most,
        }
    }
}

impl With {
    fn reply(&self, metric: Metric, key: &[u8], hit: &Hit) -> Reply {
        let element = Reply::bulk(hit.element.to_vec());
        let more = [
            self.key.then(|| Reply::bulk(key.to_vec())),
            self.score.then(|| Reply::Double(metric.score(hit.distance))),
            self.distance.then(|| Reply::Double(metric.user_distance(hit.distance).into())),
            self.attribute
                .then(|| hit.attribute().map_or(Reply::Null, |text| Reply::bulk(text.into_owned()))),
            self.vector
                .then(|| Reply::Array(hit.vector().into_iter().map(|x| Reply::Double(x.into())).collect())),
        ];
        if more.iter().all(Option::is_none) {
            return element;
        }
        Reply::Array(std::iter::once(element).chain(more.into_iter().flatten()).collect())
    }
}
