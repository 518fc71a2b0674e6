//! `VCACHE.STATS key [BY field] [HISTOGRAM] [CURVE]`: what a cache did since it was made or loaded.
//! A map.
//!
//! | field | value |
//! |---|---|
//! | `entries`, `payload-bytes`, `bytes` | entries; bytes of their payloads as stored; memory of the whole set |
//! | `element-bytes` | what `MAXBYTES` counts of it |
//! | `searches`, `hits`, `dry-hits`, `near`, `explored`, `misses` | `VCACHE.GET` by verdict; dry ones with `DRYRUN` |
//! | `hit-rate`, `bytes-per-hit` | hits by searches, memory by hits |
//! | `cost-saved` | the sum of the costs of the entries of hits |
//! | `right`, `wrong` | what was said of answers |
//! | `hits-right`, `hits-wrong` | of these, what was said of answers that were decided to be hits |
//! | `measured-error`, `-low`, `-high` | the share of wrong ones among them, with 95 % bounds (Clopper and Pearson) |
//! | `observations` | of the whole life of the cache |
//! | `set-slope`, `set-threshold`, `set-deviation` | what they were fitted to; null before that |
//!
//! `HISTOGRAM` adds `scores-of-hits` and `scores-of-others`, searches by the score of the nearest
//! entry in 20 ranges of 0.05, `entries-by-hits`: entries that were hit never, once, 2 or 3 times,
//! 4 to 7 times and so on, and `entries-by-age`: entries whose vectors were set less than a minute
//! ago, less than 2, 4, 8 and so on. `BY field` adds `by`: an array with a map for each value of a
//! field of the attributes, those with the most hits first: `value`, `entries`, `hits`, `right`,
//! `wrong`, `cost`. At most 1000 values are told apart; the others are counted as `null`, with what
//! has no value.
//!
//! `CURVE` adds `curve`, a map: what share of searches would have been hits with `half`, the same
//! (`now`), twice (`double`) and four times the memory (`fourfold`), null before the first search;
//! `searches`, of how many; `followed`, the share of entries that this was computed from. The first
//! request begins the forecast, so that it says nothing yet; later ones are of the time since,
//! until the process ends. See `vector_set::entries::forecast` for how, and what it costs. For more
//! memory it needs entries that were evicted: a cache that had room for all has the same rate with
//! more.

use std::collections::HashMap;

use super::cache;
use crate::certainty::{CONFIDENCE, clopper_pearson};
use crate::commands::vectors::elements::are_many;
use crate::commands::vectors::filters::field;
use crate::commands::vectors::{KEY, READ, look_at_set};
use crate::commands::{Arity, Context, Group, Run, Scope, Spec, Weight};
use crate::resp::{Args, Error, Reply};
use crate::vector_set::filter::{FieldReader, Path, Value};
use crate::vector_set::{Cache, Curve, EntryFigures, Present};

pub(super) const SPEC: Spec = Spec {
    name: "VCACHE.STATS",
    arity: Arity::AtLeast(2),
    flags: READ,
    keys: KEY,
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(1), with BY, HISTOGRAM or the first CURVE O(N) for N entries",
    summary: "What a semantic cache did: hits, errors, costs saved (an extension to Redis)",
    syntax: "key [BY field] [HISTOGRAM] [CURVE]",
    tips: &["nondeterministic_output"],
    weight: Weight::HeavyIf(looks_at_all),
    run: Run::Read(stats),
};

/// Values of a field that are told apart.
const MAX_VALUES: usize = 1000;
/// Ranges of hits, and of ages, each twice as wide as the one before. In the last of ages is what
/// is older than 11 days.
const RANGES: usize = 16;
const MS_PER_MINUTE: u64 = 60_000;

fn looks_at_all(mut args: Args, cx: &Context) -> bool {
    let key = args.bytes().unwrap_or_default();
    !args.is_empty()
        && matches!(cx.db().vector_set(key), Ok(Some(handle)) if are_many(handle.set.approximate_len()))
}

fn stats(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let (mut by, mut with_histogram, mut with_curve) = (None, false, false);
    while !args.is_empty() {
        if args.keyword("BY") {
            by = Some(field(&mut args)?);
        } else if args.keyword("HISTOGRAM") {
            with_histogram = true;
        } else if args.keyword("CURVE") {
            with_curve = true;
        } else {
            return Err(Error::syntax());
        }
    }
    look_at_set(cx, key, |set| {
        let cache = cache(set)?;
        let mut fields = described(set, &cache, by.as_ref(), with_histogram);
        if with_curve {
            fields.push(("curve", curve(cache.curve())));
        }
        Ok(map(fields))
    })?
    .ok_or(Error::no_such_key())?
}

fn curve(curve: Curve) -> Reply {
    let Curve { searches, followed, rates } = curve;
    let mut fields = vec![("searches", number(searches)), ("followed", Reply::Double(followed))];
    for (at, name) in ["half", "now", "double", "fourfold"].into_iter().enumerate() {
        fields.push((name, rates.map_or(Reply::Null, |rates| Reply::Double(rates[at]))));
    }
    map(fields)
}

fn described(
    set: Present<'_>,
    cache: &Cache<'_>,
    by: Option<&Path>,
    with_histogram: bool,
) -> Vec<(&'static str, Reply)> {
    let mut fields = counts(set, cache);
    fields.extend(errors(cache));
    if with_histogram {
        let [hits, others] = cache.histograms().map(numbers);
        fields.extend([("scores-of-hits", hits), ("scores-of-others", others)]);
        let [hits, ages] = entries_by_hits_and_age(cache).map(numbers);
        fields.extend([("entries-by-hits", hits), ("entries-by-age", ages)]);
    }
    if let Some(path) = by {
        fields.push(("by", by_value(cache, path)));
    }
    fields
}

fn counts(set: Present<'_>, cache: &Cache<'_>) -> Vec<(&'static str, Reply)> {
    let figures = cache.figures();
    let (searches, hits) = (figures.searches(), figures.hits.get());
    let bytes = set.heap_bytes();
    vec![
        ("entries", Reply::count(set.len())),
        ("payload-bytes", Reply::count(cache.payload_bytes())),
        ("bytes", Reply::count(bytes)),
        ("element-bytes", Reply::count(set.element_bytes_in_all())),
        ("searches", number(searches)),
        ("hits", number(hits)),
        ("dry-hits", number(figures.dry_hits.get())),
        ("near", number(figures.near.get())),
        ("explored", number(figures.explored.get())),
        ("misses", number(figures.misses.get())),
        ("hit-rate", Reply::Double(hits as f64 / searches.max(1) as f64)),
        ("bytes-per-hit", if hits == 0 { Reply::Null } else { Reply::Double(bytes as f64 / hits as f64) }),
        ("cost-saved", Reply::Double(figures.cost_saved())),
    ]
}

fn errors(cache: &Cache<'_>) -> Vec<(&'static str, Reply)> {
    let figures = cache.figures();
    let (right, wrong) = (figures.hits_right.get(), figures.hits_wrong.get());
    let said = right + wrong;
    let (low, high) = clopper_pearson(wrong, said, CONFIDENCE);
    let error = if said == 0 { Reply::Null } else { Reply::Double(wrong as f64 / said as f64) };
    let prior = cache.fit().map(|fit| fit.prior);
    let double = |number: Option<f64>| number.map_or(Reply::Null, Reply::Double);
    vec![
        ("right", number(figures.right.get())),
        ("wrong", number(figures.wrong.get())),
        ("hits-right", number(right)),
        ("hits-wrong", number(wrong)),
        ("measured-error", error),
        ("measured-error-low", Reply::Double(low)),
        ("measured-error-high", Reply::Double(high)),
        ("observations", number(cache.with_learner(|learner| learner.count()))),
        ("set-slope", double(prior.map(|prior| prior.slope))),
        ("set-threshold", double(prior.map(|prior| prior.center))),
        ("set-deviation", double(prior.map(|prior| prior.spread))),
    ]
}

fn entries_by_hits_and_age(cache: &Cache<'_>) -> [[u64; RANGES]; 2] {
    let mut ranges = [[0; RANGES]; 2];
    let range = |number: u64| number.checked_ilog2().map_or(0, |power| power as usize + 1).min(RANGES - 1);
    cache.for_each(|_, figures| {
        ranges[0][range(figures.hits)] += 1;
        ranges[1][range(figures.age_ms / MS_PER_MINUTE)] += 1;
    });
    ranges
}

/// A value of a field; none stands for all others.
type Common = Option<Vec<u8>>;

fn by_value(cache: &Cache<'_>, path: &Path) -> Reply {
    let reader = FieldReader::new([path.clone()]);
    let mut groups: HashMap<Common, (u64, EntryFigures)> = HashMap::new();
    cache.for_each(|attribute, figures| {
        let value = value(&reader, attribute)
            .filter(|value| groups.len() < MAX_VALUES || groups.contains_key(&Some(value.clone())));
        let (entries, sums) = groups.entry(value).or_default();
        *entries += 1;
        sums.hits += figures.hits;
        sums.right += figures.right;
        sums.wrong += figures.wrong;
        sums.cost += figures.cost;
    });
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by(|(a, (_, x)), (b, (_, y))| y.hits.cmp(&x.hits).then_with(|| a.cmp(b)));
    let row = |(value, (entries, sums)): (Common, (u64, EntryFigures))| {
        map(vec![
            ("value", value.map_or(Reply::Null, Reply::bulk)),
            ("entries", number(entries)),
            ("hits", number(sums.hits)),
            ("right", number(sums.right)),
            ("wrong", number(sums.wrong)),
            ("cost", Reply::Double(sums.cost.into())),
        ])
    };
    Reply::Array(groups.into_iter().map(row).collect())
}

fn value(reader: &FieldReader, attribute: &[u8]) -> Common {
    match reader.read(attribute).first().copied().flatten()? {
        Value::Text(text) => Some(text.bytes().into_owned()),
        Value::Number(number) => Some(number.to_string().into_bytes()),
        Value::Null | Value::Array(_) => None,
    }
}

fn number(number: u64) -> Reply {
    Reply::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

fn numbers<const N: usize>(counts: [u64; N]) -> Reply {
    Reply::Array(counts.map(number).into())
}

fn map(fields: Vec<(&'static str, Reply)>) -> Reply {
    Reply::Map(fields.into_iter().map(|(name, value)| (Reply::Simple(name), value)).collect())
}
