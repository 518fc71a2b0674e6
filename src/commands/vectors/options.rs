//! The options that VSIM and VSEARCH share.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::errors::{INVALID_COUNT, INVALID_EF, INVALID_FILTER_EF};
use super::filters::compile_like_redis;
use super::vadd::bounded;
use super::vector::Form;
use crate::commands::Context;
use crate::config::Compat;
use crate::resp::{Args, Error};
use crate::vector_set::filter::Filter;
use crate::vector_set::{Hits, MAX_EF, Present, Probe, Search, VectorSet};

/// Redis' default for EF.
const DEFAULT_EF: usize = 100;
/// Redis' default for COUNT.
const DEFAULT_COUNT: usize = 10;
/// A search that reads more bytes of codes than this, about a millisecond's worth, leaves the
/// network thread.
const HEAVY_BYTES: usize = 8 << 20;

/// A code of its own, so that `INFO errorstats` counts these.
pub(super) const TOOK_TOO_LONG: Error = Error::new("TIMEOUT the search took longer than search-timeout-ms");

/// When the searches of the request that runs now are given up, if `search-timeout-ms` is set. The
/// limit is that of the request, so all searches of a transaction or of a VSEARCH share it. Time in
/// the queue of the compute pool does not count.
pub(super) fn deadline(cx: &Context) -> Option<Instant> {
    let timeout = cx.server.search_timeout_ms.load(Ordering::Relaxed);
    (timeout > 0).then(|| cx.client.request_began + Duration::from_millis(timeout))
}

/// The options that both commands have. `count` includes the results that paging skips.
pub(super) struct SearchOptions {
    pub(super) count: usize,
    ef: usize,
    pub(super) filter: Option<Filter>,
    filter_ef: Option<usize>,
    truth: bool,
    /// What is found does not count as used (an extension).
    no_touch: bool,
    /// That the language of the filter is like.
    release: Compat,
    /// See [`deadline`].
    pub(super) deadline: Option<Instant>,
}

/// Words of [`SearchOptions`].
#[derive(Clone, Copy)]
pub(super) enum Word {
    Count,
    Ef,
    Filter,
    FilterEf,
    Truth,
    NoTouch,
}

pub(super) const WORDS: [(&str, Word); 6] = [
    ("COUNT", Word::Count),
    ("EF", Word::Ef),
    ("FILTER", Word::Filter),
    ("FILTER-EF", Word::FilterEf),
    ("TRUTH", Word::Truth),
    ("NOTOUCH", Word::NoTouch),
];

impl Default for SearchOptions {
    fn default() -> Self {
        Self {
            count: DEFAULT_COUNT,
            ef: DEFAULT_EF,
            filter: None,
            filter_ef: None,
            truth: false,
            no_touch: false,
            release: Compat::default(),
            deadline: None,
        }
    }
}

impl SearchOptions {
    /// The defaults of a command like that of a release.
    pub(super) fn like(release: Compat) -> Self {
        Self { release, ..Self::default() }
    }

    /// Takes the argument of a word that was taken. `lacking`: the error if there is none.
    pub(super) fn take(&mut self, word: Word, args: &mut Args, lacking: &Error) -> Result<(), Error> {
        if !matches!(word, Word::Truth | Word::NoTouch) && args.is_empty() {
            return Err(lacking.clone());
        }
        match word {
            Word::Count => self.count = bounded(args, 1, usize::MAX, INVALID_COUNT)?,
            Word::Ef => self.ef = bounded(args, 1, MAX_EF, INVALID_EF)?,
            Word::FilterEf => self.filter_ef = Some(bounded(args, 1, usize::MAX, INVALID_FILTER_EF)?),
            Word::Filter => self.filter = Some(compile_like_redis(args.bytes()?, self.release)?),
            Word::Truth => self.truth = true,
            Word::NoTouch => self.no_touch = true,
        }
        Ok(())
    }

    /// The elements of a set that are nearest to a query.
    pub(super) fn find<'s>(&self, set: Present<'s>, query: &Probe) -> Result<Hits<'s>, Error> {
        self.find_count(set, query, self.count)
    }

    /// The same, but so many.
    pub(super) fn find_count<'s>(
        &self,
        set: Present<'s>,
        query: &Probe,
        count: usize,
    ) -> Result<Hits<'s>, Error> {
        let set = if self.no_touch { set.untouched() } else { set };
        let hits = set.search(query, &Search { count, ..self.search() });
        if hits.is_cut_off() { Err(TOOK_TOO_LONG) } else { Ok(hits) }
    }

    fn search(&self) -> Search<'_> {
        let Self { count, ef, filter_ef, truth, deadline, .. } = *self;
        Search { count, ef, filter: self.filter.as_ref(), filter_ef, truth, plan: None, deadline }
    }
}

/// True if a search with these words would take long. Parses the words only as far as necessary. A
/// request with a wrong word is light, since it is refused at once.
pub(super) fn is_heavy(mut args: Args, set: &VectorSet) -> bool {
    if set.may_wait_for_disk() {
        return true;
    }
    let mut options = SearchOptions::default();
    let mut queries = 0;
    let mut filtered = false;
    while !args.is_empty() {
        if let Some(form) = args.keyword_of(super::vector::ALL_FORMS) {
            queries += 1;
            skip_vector(&mut args, form);
        } else if args.keyword("ELE") {
            queries += 1;
            args.skip(1);
        } else {
            match args.keyword_of(&WORDS) {
                None => args.skip(1),
                // The filter is not compiled here; its presence means that FILTER-EF bounds the
                // walk.
                Some(Word::Filter) => {
                    filtered = true;
                    args.skip(1);
                }
                Some(word) => options.take(word, &mut args, &Error::syntax()).unwrap_or_default(),
            }
        }
    }
    set.search_cost(&options.search(), filtered).saturating_mul(queries) > HEAVY_BYTES
}

fn skip_vector(args: &mut Args, form: Form) {
    match form {
        Form::Fp32 | Form::Fp16 => drop(args.take()),
        Form::Values => {
            let count = args.integer::<usize>().unwrap_or(0);
            args.skip(count);
        }
    }
}
