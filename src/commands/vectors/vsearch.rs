//! `VSEARCH key (ELE e | FP32 blob | FP16 blob | VALUES n v …)… [options] [ALSO numkeys key …]`:
//! several queries, over one set or several, in one call (an extension).
//!
//! ```text
//! COUNT n  OFFSET n      a page of the answer: n results (10), after the first n (0)
//! MINSCORE s | MAXDIST d only results with at least this score, at most this distance
//! FILTER f  FILTER-EF n  EF n  TRUTH  NOTOUCH     as in VSIM
//! WITHSCORES WITHDIST WITHATTRIBS WITHVECTORS   more about each result
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
//! A missing key is an empty set. Sets searched together must have one metric; a query must fit
//! each of them. `ELE` takes the element's vector from `key`.

use smallvec::SmallVec;

use super::errors::{ELEMENT_NOT_FOUND, INVALID_VECTOR};
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
        [FILTER expression] [FILTER-EF max-filtering-effort:integer] [TRUTH] [NOTOUCH] [WITHSCORES] [WITHDIST] \
        [WITHATTRIBS] [WITHVECTORS] [ALSO also(numkeys:integer key...)]",
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

struct VSearch<'r> {
    keys: Vec<&'r [u8]>,
    queries: Vec<Query<'r>>,
    search: SearchOptions,
    offset: usize,
    limit: Limit,
    with: With,
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
}

const OWN_WORDS: [(&str, Word); 8] = [
    ("OFFSET", Word::Offset),
    ("MINSCORE", Word::MinScore),
    ("MAXDIST", Word::MaxDistance),
    ("ALSO", Word::Also),
    ("WITHSCORES", Word::Score),
    ("WITHDIST", Word::Distance),
    ("WITHATTRIBS", Word::Attribute),
    ("WITHVECTORS", Word::Vector),
];

impl<'r> VSearch<'r> {
    fn parse(mut args: Args<'r>) -> Result<Self, Error> {
        let keys = vec![args.bytes()?];
        let search = SearchOptions::default();
        let with = With::default();
        let mut parsed = Self { keys, queries: Vec::new(), search, offset: 0, limit: Limit::None, with };
        while parsed.take_query(&mut args)? {}
        if parsed.queries.is_empty() {
            return Err(Error::new(INVALID_VECTOR));
        }
        while !args.is_empty() {
            if let Some(word) = args.keyword_of(&WORDS) {
                parsed.search.take(word, &mut args, &Error::syntax())?;
            } else {
                let word = args.keyword_of(&OWN_WORDS).ok_or(Error::syntax())?;
                parsed.take_option(word, &mut args)?;
            }
        }
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

    fn execute(self, cx: &mut Context) -> Result<Reply, Error> {
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

    fn answer(
        &self,
        query: &Query,
        first: Option<Present<'_>>,
        sets: &[(&[u8], Present<'_>)],
        figures: &ElementFigures,
    ) -> Result<Reply, Error> {
        let found: Vec<(&[u8], Hits)> = sets
            .iter()
            .filter_map(|&(key, set)| {
                let code = self.code(query, first, set).transpose()?;
                Some(code.map(|code| (key, self.search.find(set, &code))))
            })
            .collect::<Result<_, Error>>()?;
        if found.is_empty() {
            Returned::default().note(figures, None);
        }
        let mut merged: Vec<(usize, Hit)> = (found.iter().enumerate())
            .flat_map(|(place, (_, hits))| hits.iter().map(move |hit| (place, hit)))
            .collect();
        // A stable sort: equal results stay in the order of their sets.
        merged.sort_by(|(_, a), (_, b)| a.distance.total_cmp(&b.distance));
        let Some(metric) = sets.first().map(|(_, set)| set.params().metric()) else {
            return Ok(Reply::Array(Vec::new()));
        };
        let near = merged.into_iter().take_while(|(_, hit)| self.limit.admits(metric, hit.distance));
        let page = near.skip(self.offset).take(self.search.count - self.offset);
        let mut returned: SmallVec<[Returned; 4]> = SmallVec::from_elem(Returned::default(), found.len());
        let row = |(place, hit): (usize, Hit)| {
            returned[place].add(metric, &hit);
            self.with.reply(metric, found[place].0, &hit)
        };
        let reply = Reply::Array(page.map(row).collect());
        for ((_, hits), returned) in found.iter().zip(returned) {
            returned.note(figures, Some(hits.set()));
        }
        Ok(reply)
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
