//! `VCACHE.GET key (FP32 b | FP16 b | VALUES n …) [MINSCORE s | MAXDIST d | MAXERROR share [PER
//! HIT|REQUEST|AVERAGE]] [FILTER f] [PARAMS n v …] [COUNT k] [REFRESH [s]] [NOTOUCH] [DRYRUN]
//! [WITHATTRIBS]`: the entry that answers a question. See [`answer`](super::answer) for the reply.
//!
//! A hit counts as a use of its entry unless there is `NOTOUCH`. `REFRESH` begins its life anew: so
//! many seconds, or the lifetime that the set gives. `COUNT` adds the next entries behind the
//! nearest, each once and with its own verdict; only the nearest counts. `DRYRUN` decides and
//! counts, and answers `explore` where it would be `hit`.
//!
//! `VCACHE.EXPLAIN key …` takes the same words, and replies a map of what the decision about the
//! nearest entry is made of. It counts nothing.

use std::cell::Cell;
use std::time::Instant;

use super::answer::{Shown, miss};
use super::rule::Rule;
use super::{cache, scope};
use crate::certainty::Fit;
use crate::commands::vectors::errors::{INVALID_COUNT, INVALID_VECTOR};
use crate::commands::vectors::filters::{self, FilterWords};
use crate::commands::vectors::options;
use crate::commands::vectors::vadd::bounded;
use crate::commands::vectors::vector::{ALL_FORMS, vector};
use crate::commands::vectors::{KEY, READ, change_set, search_sets};
use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight};
use crate::journal::{Effects, Record};
use crate::keyspace::event;
use crate::resp::{Args, Error, Reply};
use crate::vector_set::filter::Filter;
use crate::vector_set::{
    Asked, Certainty, EntryHit, Hit, Hits, Lifetime, MAX_ALIASES, MAX_DEADLINE_MS, MAX_TTL_MS, Present,
    Reschedule, Search, Tier, Verdict,
};

pub(super) const GET: Spec = Spec {
    name: "VCACHE.GET",
    arity: Arity::AtLeast(4),
    // A read that may write, as those that Redis calls so: REFRESH is held back where writes are.
    flags: READ.and(Flags::MAY_REPLICATE),
    keys: KEY,
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(log(N)) in a cache of N entries",
    summary: "The entry of a semantic cache that answers a question, and how sure that is (an extension to Redis)",
    syntax: "key format(FP32|FP16|VALUES) vector \
        [rule(MINSCORE score:double|MAXDIST distance:double|MAXERROR error(share:double [PER per(HIT|REQUEST|AVERAGE)]))] \
        [FILTER expression] [PARAMS params(count:integer value...)] [COUNT count:integer] \
        [REFRESH seconds:integer] [NOTOUCH] [DRYRUN] [WITHATTRIBS]",
    tips: &[],
    weight: Weight::HeavyIf(is_heavy),
    run: Run::Write(|args, cx, record| Question::parse(args)?.execute(cx, record)),
};

pub(super) const EXPLAIN: Spec = Spec {
    name: "VCACHE.EXPLAIN",
    flags: READ,
    summary: "How VCACHE.GET would decide, and by what (an extension to Redis)",
    run: Run::Read(|args, cx| Question::parse(args)?.explain(cx)),
    ..GET
};

/// Candidates explored, as VSIM does.
const EF: usize = 100;
/// Elements looked at to find the nearest other entry, from which the lead follows: most of them
/// may be aliases of one entry. They are among the candidates anyway, but for a filter.
const LOOKED_AT: usize = 32;
/// With a filter, where each costs more steps.
const LOOKED_AT_FILTERED: usize = 8;
/// Entries of one reply, each with its payload.
const MAX_COUNT: usize = 100;
const MS_PER_S: i64 = 1000;
const INVALID_REFRESH: &str = "ERR invalid REFRESH";

fn is_heavy(mut args: Args, cx: &Context) -> bool {
    let set = args.take().and_then(|key| cx.db().vector_set(key).ok().flatten());
    set.is_some_and(|handle| options::is_heavy(args, &handle.set))
}

struct Question<'r> {
    key: &'r [u8],
    vector: Vec<f32>,
    rule: Option<Rule>,
    filter: Option<Filter>,
    count: usize,
    refresh: Option<Refresh>,
    no_touch: bool,
    is_dry: bool,
    with_attribute: bool,
}

/// How long an entry is to live from a hit on.
#[derive(Clone, Copy)]
enum Refresh {
    ForMs(i64),
    AsUsual,
}

impl<'r> Question<'r> {
    fn parse(mut args: Args<'r>) -> Result<Self, Error> {
        let key = args.bytes()?;
        let form = args.keyword_of(ALL_FORMS).ok_or(Error::new(INVALID_VECTOR))?;
        let vector = vector(&mut args, form)?;
        let mut parsed = Self {
            key,
            vector,
            rule: None,
            filter: None,
            count: 1,
            refresh: None,
            no_touch: false,
            is_dry: false,
            with_attribute: false,
        };
        let mut filter = FilterWords::default();
        while !args.is_empty() {
            if let Some(word) = args.keyword_of(&filters::WORDS) {
                filter.take(word, &mut args)?;
            } else if !Rule::take(&mut args, &mut parsed.rule)? {
                parsed.take_option(&mut args)?;
            }
        }
        parsed.filter = filter.compile()?;
        Ok(parsed)
    }

    fn take_option(&mut self, args: &mut Args) -> Result<(), Error> {
        if args.keyword("COUNT") {
            self.count = bounded(args, 1, MAX_COUNT, INVALID_COUNT)?;
        } else if args.keyword("REFRESH") {
            self.refresh = Some(refresh(args)?);
        } else if args.keyword("NOTOUCH") {
            self.no_touch = true;
        } else if args.keyword("DRYRUN") {
            self.is_dry = true;
        } else if args.keyword("WITHATTRIBS") {
            self.with_attribute = true;
        } else {
            return Err(Error::syntax());
        }
        Ok(())
    }

    fn execute(self, cx: &Context, record: Record) -> Result<Reply, Error> {
        if self.refresh.is_some()
            && let Some(why) = cx.server.keyspace.journal().refusal()
        {
            return Err(Error::from(why));
        }
        let renewed = Cell::new(None);
        let reply = search_sets(cx, &[self.key], |sets| match &sets[0] {
            Some(handle) => self.answer(handle.present(), cx, &renewed),
            None => {
                cx.server.keyspace.element_figures().note_search(None, 0, None);
                Ok(miss())
            }
        })?;
        if let Some((element, deadline_ms)) = renewed.take() {
            self.renew(&element, deadline_ms, cx, record)?;
        }
        Ok(reply)
    }

    fn answer(&self, set: Present<'_>, cx: &Context, renewed: &Renewed) -> Result<Reply, Error> {
        let set = if self.no_touch { set.untouched() } else { set };
        let cache = cache(set)?;
        let rule = Rule::or_usual(self.rule, &cache)?;
        scope::check_search(cache.rules(), self.filter.as_ref())?;
        let hits = self.found(&set, options::deadline(cx))?;
        let shown = Shown {
            key: self.key,
            rules: cache.rules(),
            now_ms: cx.now_ms(),
            with_attribute: self.with_attribute,
            is_dry: self.is_dry,
            deadline_ms: self.deadline_ms(&set, cx)?,
        };
        let metric = set.params().metric();
        let served = rule.served(metric);
        cache.note_rule(served);
        let asked = Asked { vector: &self.vector, filter: self.filter.as_ref(), served };
        let figures = cx.server.keyspace.element_figures();
        let caches = figures.caches();
        let mut items = Vec::new();
        let mut is_served = None;
        renewed.set(None);
        let found = nearest(&hits, self.count);
        let entries = entries(&found, self.count);
        for (place, entry) in entries.iter().enumerate() {
            let verdict = rule.decide(&cache, entry, entry.distance(), place == 0);
            if place == 0 {
                cache.note(verdict, self.is_dry, Some(entry));
                cache.foresee(&asked, Some(entry).filter(|_| verdict == Verdict::Hit));
                caches.note(verdict, self.is_dry, entry.cost());
                self.notify(verdict, Some(entry), cx);
                is_served = (verdict == Verdict::Hit && !self.is_dry).then_some(entry.score());
                if is_served.is_some() {
                    if entry.mark_served() == Tier::Warm {
                        set.figures().warm_hits.add(1);
                    }
                    renewed.set(shown.deadline_ms.map(|at_ms| (entry.element().to_vec(), at_ms)));
                }
            }
            if verdict == Verdict::Miss {
                break;
            }
            shown.add(&mut items, verdict, entry);
        }
        if entries.is_empty() {
            cache.note(Verdict::Miss, self.is_dry, None);
            cache.foresee(&asked, None);
            caches.note(Verdict::Miss, self.is_dry, 0.0);
            self.notify(Verdict::Miss, None, cx);
        }
        figures.note_search(Some(&set), usize::from(is_served.is_some()), is_served);
        if let Some(explanation) = hits.explanation() {
            figures.note_filtered(explanation.trace.is_short);
        }
        Ok(if items.is_empty() { miss() } else { Reply::Array(items) })
    }

    fn notify(&self, verdict: Verdict, nearest: Option<&EntryHit<'_>>, cx: &Context) {
        if self.is_dry {
            return;
        }
        let kind = match verdict {
            Verdict::Hit => event::VHIT,
            Verdict::Near | Verdict::Explore => event::VNEARMISS,
            Verdict::Miss => event::VMISS,
        };
        let entry = nearest.filter(|_| verdict != Verdict::Miss).map(EntryHit::element);
        cx.db().notify_lookup(kind, self.key, entry);
    }

    /// What is nearest: so much that there are as many entries in it as are wanted, where aliases
    /// hide some.
    fn found<'s>(&self, set: &Present<'s>, deadline: Option<Instant>) -> Result<Hits<'s>, Error> {
        let query = set.query(&self.vector)?;
        let search = |count| Some(set.search(&query, &self.search(count, deadline)));
        let looked_at = if self.filter.is_some() { LOOKED_AT_FILTERED } else { LOOKED_AT };
        let looked_at = self.count.max(looked_at);
        let is_enough = |hits: &Hits<'_>| {
            hits.len() < looked_at || entries(&nearest(hits, self.count), self.count).len() == self.count
        };
        let hits = search(looked_at).filter(|hits| hits.is_cut_off() || is_enough(hits));
        let hits = hits.or_else(|| search(looked_at + HIDDEN));
        hits.filter(|hits| !hits.is_cut_off()).ok_or(options::TOOK_TOO_LONG)
    }

    fn search(&self, count: usize, deadline: Option<Instant>) -> Search<'_> {
        let filter = self.filter.as_ref();
        Search { count, ef: EF, filter, filter_ef: None, truth: false, plan: None, deadline }
    }

    /// When a hit expires from now on, if that is to be changed.
    fn deadline_ms(&self, set: &Present<'_>, cx: &Context) -> Result<Option<Option<i64>>, Error> {
        let for_ms = match self.refresh {
            None => return Ok(None),
            Some(Refresh::ForMs(ms)) => Some(ms),
            Some(Refresh::AsUsual) => match set.limits().ttl_ms {
                Some(ms) => Some(ms as i64),
                None => return Err(Error::new("ERR REFRESH needs seconds, since the cache has no TTL")),
            },
        };
        Ok(Some(for_ms.map(|ms| cx.now_ms().saturating_add(ms).min(MAX_DEADLINE_MS))))
    }

    /// The life of an entry begins anew.
    fn renew(
        &self,
        element: &[u8],
        deadline_ms: Option<i64>,
        cx: &Context,
        record: Record,
    ) -> Result<(), Error> {
        let Some(at_ms) = deadline_ms else { return Ok(()) };
        let log = |_: &[Option<Reschedule>], effects: &mut Effects<'_>| {
            let text = at_ms.to_string();
            effects.command(&[&b"VPEXPIREAT"[..], self.key, text.as_bytes(), b"MEMBERS", b"1", element]);
        };
        let decide = |_: Option<i64>| Reschedule::To(Lifetime::Until(at_ms));
        change_set(cx, self.key, record, |set, hold, record| {
            set.reschedule(hold, &[element], decide, record, log)
        })?;
        Ok(())
    }

    fn explain(self, cx: &Context) -> Result<Reply, Error> {
        search_sets(cx, &[self.key], |sets| match &sets[0] {
            Some(handle) => self.explained(handle.present().untouched(), options::deadline(cx)),
            None => Ok(map(vec![("verdict", Reply::bulk(Verdict::Miss.name()))])),
        })
    }

    fn explained(&self, set: Present<'_>, deadline: Option<Instant>) -> Result<Reply, Error> {
        let cache = cache(set)?;
        let rule = Rule::or_usual(self.rule, &cache)?;
        scope::check_search(cache.rules(), self.filter.as_ref())?;
        let hits = self.found(&set, deadline)?;
        let found: Vec<Hit<'_>> = hits.iter().collect();
        let Some(entry) = entries(&found, 1).pop() else {
            return Ok(map(vec![("verdict", Reply::bulk(Verdict::Miss.name()))]));
        };
        let distance = entry.distance();
        // Not as the first, so that nothing is drawn or put on account.
        let verdict = rule.decide(&cache, &entry, distance, false);
        let mut fields = vec![
            ("verdict", Reply::bulk(verdict.name())),
            ("element", Reply::bulk(entry.element().to_vec())),
            ("score", Reply::Double(entry.score())),
            ("distance", Reply::Double(distance)),
        ];
        fields.extend(about(rule, &entry, cache.fit()));
        Ok(map(fields))
    }
}

/// Elements that are looked at beside those wanted, where the nearest ones are aliases of entries
/// that have expired or are there already: all that two entries may have.
const HIDDEN: usize = 2 * (MAX_ALIASES as usize + 1);

/// So many hits that there are as many entries among them, if there are: in most cases no more than
/// are wanted, so that the names of the others are not read.
fn nearest<'h>(hits: &'h Hits<'_>, most: usize) -> Vec<Hit<'h>> {
    let few: Vec<_> = hits.iter().take(most).collect();
    if entries(&few, most).len() == most { few } else { hits.iter().collect() }
}

/// The first entries among hits, each once, by what is nearest of it. What is an alias of an entry
/// that has expired is none.
fn entries<'h>(found: &'h [Hit<'h>], most: usize) -> Vec<EntryHit<'h>> {
    let mut entries: Vec<EntryHit<'h>> = Vec::with_capacity(most);
    for entry in found.iter().filter_map(Hit::entry) {
        if entries.len() == most {
            break;
        }
        if entries.iter().all(|other| other.place().0 != entry.place().0) {
            entries.push(entry);
        }
    }
    entries
}

/// The element whose life is renewed, and when it expires then.
type Renewed = Cell<Option<(Vec<u8>, Option<i64>)>>;

fn map(fields: Vec<(&'static str, Reply)>) -> Reply {
    Reply::Map(fields.into_iter().map(|(name, value)| (Reply::Simple(name), value)).collect())
}

fn about(rule: Rule, entry: &EntryHit<'_>, fit: Option<Fit>) -> Vec<(&'static str, Reply)> {
    let mut fields = match rule {
        Rule::MinScore(least) => vec![("min-score", Reply::Double(least))],
        Rule::MaxDistance(most) => vec![("max-distance", Reply::Double(most))],
        Rule::MaxError(share, per) => {
            vec![("max-error", Reply::Double(share.get())), ("per", Reply::Simple(per.name()))]
        }
    };
    fields.extend(entry.lead().get().map(|lead| ("lead", Reply::Double(lead))));
    fields.push(("missing-confirmations", Reply::Integer(entry.missing_confirmations().into())));
    fields.push(("observations", Reply::count(entry.observations())));
    if let (Some(Certainty { chance, least, threshold }), Some(fit)) = (entry.certainty(), fit) {
        fields.extend([
            ("chance", Reply::Double(chance)),
            ("least-chance", Reply::Double(least)),
            ("threshold", Reply::Double(threshold.mean())),
            ("threshold-deviation", Reply::Double(threshold.deviation())),
            ("set-slope", Reply::Double(fit.prior.slope)),
            ("set-threshold", Reply::Double(fit.prior.center)),
            ("set-deviation", Reply::Double(fit.prior.spread)),
            ("set-lead", Reply::Double(fit.prior.lead)),
        ]);
    }
    fields
}

fn refresh(args: &mut Args) -> Result<Refresh, Error> {
    let is_number = args
        .peek()
        .is_some_and(|word| word.first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'-'));
    if !is_number {
        return Ok(Refresh::AsUsual);
    }
    let seconds = bounded(args, 1, (MAX_TTL_MS / MS_PER_S as u64) as usize, INVALID_REFRESH)?;
    Ok(Refresh::ForMs(seconds as i64 * MS_PER_S))
}
