//! `VADD key [REDUCE dim] (FP32 blob | VALUES n v …) element [options]`: adds an element, or
//! replaces its vector.
//!
//! Beyond Redis: `FP16` blobs, further kinds of storage, `QUANT kind` for any of them, `RERANK
//! Q8|F16` for a finer copy beside a coarse kind, `METRIC COSINE|L2|IP`, and further elements, each
//! a vector, a name and perhaps `SETATTR`, as proposed in redis/redis#14285. Behind the element
//! that they are for, `EX seconds`, `PX milliseconds`, `EXAT time` and `PXAT time` let it expire,
//! and `KEEPTTL` lets it expire when it would have; an update without any of them ends its
//! lifetime, as SET does; in a set with a default lifetime (`TTL` of `VCREATE` and `VCONFIG`) it
//! begins that anew, as a new element does. A time that has passed is one: the element has expired
//! when it is added. All elements of a command become visible atomically, but a search that runs
//! meanwhile may find only some of them. With one element the reply is a boolean as in Redis, with
//! several the number of new ones.

mod recorded;

use std::sync::Arc;

use super::errors::{INVALID_EF, INVALID_M, INVALID_VECTOR, dimension_mismatch, projection_mismatch};
use super::limits;
use super::storage;
use super::vector::{ALL_FORMS, Form, vector};
use super::{KEY, be_whole, may_create};
use crate::commands::keys::lifetime::{Lifetime as Unit, invalid_expire_time};
use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight, parts};
use crate::config::Compat;
use crate::journal::Record;
use crate::resp::{Args, Error, Reply};
use crate::vector_set::{
    Bounded, Hold, InvalidParams, Kind, Lifetime, MAX_DEADLINE_MS, MAX_DIM, MAX_EF, MAX_M, MIN_M, Metric,
    Params, Present, Put, Refused, Residence, Upserted, VectorSet,
};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "VADD",
    arity: Arity::AtLeast(5),
    flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::MODULE),
    keys: KEY,
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(log(N)) for each element, in a set of N",
    summary: "Store elements with their vectors; those that exist get the new vector",
    syntax: "key [REDUCE reduce(dim:integer)] format(FP32|FP16|VALUES) vector element [CAS] \
        [quant_type(NOQUANT|BIN|Q8|QUANT kind)] [EF build-exploration-factor:integer] [SETATTR attributes] \
        [M numlinks:integer] [RERANK rerank(Q8|F16)] [METRIC metric(COSINE|L2|IP)] \
        [expiration(EX seconds:integer|PX milliseconds:integer|EXAT unix-time-seconds:unix-time|\
        PXAT unix-time-milliseconds:unix-time|KEEPTTL)] \
        [further(format(FP32|FP16|VALUES) vector element [SETATTR attributes] \
        [expiration(EX seconds:integer|PX milliseconds:integer|EXAT unix-time-seconds:unix-time|\
        PXAT unix-time-milliseconds:unix-time|KEEPTTL)])...]",
    tips: &[],
    weight: Weight::HeavyIf(is_heavy),
    run: Run::Write(|args, cx, record| VAdd::parse(args, cx)?.execute(cx, record)),
};

/// A command with so many bytes of vectors leaves the network thread.
const HEAVY_BYTES: usize = 32 << 10;
/// So does one with so many candidates.
const HEAVY_EF: usize = 1000;

/// Names of elements may look like options, so this may choose the compute pool without need.
fn is_heavy(args: Args, cx: &Context) -> bool {
    let mut words = args;
    let bytes: usize = words.iter().map(<[u8]>::len).sum();
    if bytes > HEAVY_BYTES || may_take_long(args, cx) {
        return true;
    }
    while let Some(word) = words.take() {
        if word.eq_ignore_ascii_case(b"EF") && words.integer::<usize>().is_ok_and(|ef| ef > HEAVY_EF) {
            return true;
        }
    }
    false
}

/// True if the set's kind is trained, and training may begin soon, or if the set is warm.
fn may_take_long(mut args: Args, cx: &Context) -> bool {
    let set = args.take().and_then(|key| cx.db().vector_set(key).ok().flatten());
    set.is_some_and(|handle| handle.set.may_train() || handle.set.may_wait_for_disk())
}

struct VAdd<'r> {
    key: &'r [u8],
    /// Components to project to.
    reduce: Option<usize>,
    puts: Vec<Put<'r>>,
    options: Options,
    /// The request's own words can be logged.
    is_plain: bool,
}

/// The options that were given. For others the default is that of Redis, or the set's own for a set
/// made with `VCREATE`.
#[derive(Default)]
struct Options {
    kind: Option<Kind>,
    rerank: Option<Kind>,
    metric: Option<Metric>,
    m: Option<usize>,
    ef: Option<usize>,
}

#[derive(Clone, Copy)]
enum Word {
    Cas,
    Kind(Kind),
    Quant,
    Rerank,
    Metric,
    Ef,
    M,
    SetAttr,
    Expires(Unit),
    KeepTtl,
    Another(Form),
}

const WORDS: &[(&str, Word)] = &[
    ("CAS", Word::Cas),
    ("QUANT", Word::Quant),
    ("RERANK", Word::Rerank),
    ("METRIC", Word::Metric),
    ("EF", Word::Ef),
    ("M", Word::M),
    ("SETATTR", Word::SetAttr),
    ("EX", Word::Expires(Unit::EX)),
    ("PX", Word::Expires(Unit::PX)),
    ("EXAT", Word::Expires(Unit::EXAT)),
    ("PXAT", Word::Expires(Unit::PXAT)),
    ("KEEPTTL", Word::KeepTtl),
    ("FP32", Word::Another(Form::Fp32)),
    ("FP16", Word::Another(Form::Fp16)),
    ("VALUES", Word::Another(Form::Values)),
];

impl<'r> VAdd<'r> {
    fn parse(mut args: Args<'r>, cx: &Context) -> Result<Self, Error> {
        let key = args.bytes()?;
        let reduce = args.keyword("REDUCE").then(|| dimension(&mut args)).transpose()?;
        let form = args.keyword_of(ALL_FORMS).ok_or(Error::new(INVALID_VECTOR))?;
        let mut parsed = Self { key, reduce, puts: Vec::new(), options: Options::default(), is_plain: true };
        parsed.take_element(&mut args, form)?;
        if parsed.widens() && cx.server.compat >= Compat::V8_10 && !cx.client.replays {
            return Err(Error::new(INVALID_VECTOR));
        }
        while !args.is_empty() {
            let word = storage::kind(&mut args).map(Word::Kind).or_else(|| args.keyword_of(WORDS));
            let word = word.ok_or(Error::invalid_option())?;
            parsed.take_option(&mut args, word, cx)?;
        }
        Ok(parsed)
    }

    /// True if the projection would have more components than the vector, which newer releases of
    /// Redis refuse. A log may have such commands from older releases.
    fn widens(&self) -> bool {
        let got = self.puts.first().map_or(0, |put| put.vector.len());
        self.reduce.is_some_and(|to| to > got)
    }

    fn take_element(&mut self, args: &mut Args<'r>, form: Form) -> Result<(), Error> {
        let vector = vector(args, form)?;
        self.is_plain &= !matches!(form, Form::Values);
        let element = args.take().ok_or_else(|| Error::wrong_arity(SPEC.name))?;
        self.puts.push(Put { element, vector, attribute: None, lifetime: Lifetime::Endless });
        Ok(())
    }

    fn take_option(&mut self, args: &mut Args<'r>, word: Word, cx: &Context) -> Result<(), Error> {
        let takes_value = !matches!(word, Word::Cas | Word::Kind(_) | Word::KeepTtl | Word::Another(_));
        if takes_value && args.is_empty() {
            return Err(Error::invalid_option());
        }
        // Times are logged as milliseconds since 1970.
        self.is_plain &= !matches!(word, Word::Cas | Word::Quant | Word::Expires(_));
        match word {
            // Neighbours are always searched without blocking other clients, so CAS changes
            // nothing.
            Word::Cas => {}
            Word::Kind(kind) => self.options.kind = Some(kind),
            Word::Quant => self.options.kind = Some(storage::quant(args)?),
            Word::Rerank => self.options.rerank = Some(storage::rerank(args)?),
            Word::Metric => {
                self.options.metric = Some(args.keyword_of(&METRICS).ok_or(Error::new(INVALID_METRIC))?)
            }
            Word::Ef => self.options.ef = Some(bounded(args, 1, MAX_EF, INVALID_EF)?),
            Word::M => self.options.m = Some(bounded(args, MIN_M, MAX_M, INVALID_M)?),
            Word::SetAttr => {
                let attribute = args.bytes()?;
                self.puts.last_mut().expect("the first element was taken").attribute = Some(attribute);
            }
            Word::Expires(unit) => {
                let number = args.integer()?;
                if number <= 0 {
                    // As SET has it, and not as HEXPIRE does.
                    return Err(invalid_expire_time(SPEC.name));
                }
                let deadline_ms = parts::deadline_ms(SPEC.name, unit, number, cx)?;
                self.set_lifetime(Lifetime::Until(deadline_ms))?;
            }
            Word::KeepTtl => self.set_lifetime(Lifetime::Kept)?,
            Word::Another(form) => self.take_element(args, form)?,
        }
        Ok(())
    }

    /// Of the last element; at most once for each.
    fn set_lifetime(&mut self, lifetime: Lifetime) -> Result<(), Error> {
        let put = self.puts.last_mut().expect("the first element was taken");
        if put.lifetime != Lifetime::Endless {
            return Err(Error::syntax());
        }
        put.lifetime = lifetime;
        Ok(())
    }

    fn execute(mut self, cx: &mut Context, record: Record) -> Result<Reply, Error> {
        let subject = cx.db().set_key(self.key);
        let mut record = record.about(Some(&subject));
        let open: Vec<usize> =
            (0..self.puts.len()).filter(|&put| self.puts[put].lifetime == Lifetime::Endless).collect();
        loop {
            let handle = cx.db().vector_set_to_change(self.key)?;
            let ttl_ms = handle.as_ref().and_then(|handle| handle.set.limits().ttl_ms);
            self.set_default_lifetime(ttl_ms.filter(|_| !cx.client.replays), &open, cx);
            record = self.recorded(record);
            let outcome = match handle {
                None => self.create(cx, record)?,
                Some(handle) => self.add(cx, handle.present(), Hold::Lookup(handle.binding), record)?,
            };
            match outcome {
                Ok(reply) => return Ok(reply),
                Err(unspent) => record = unspent,
            }
        }
    }

    /// Of the elements whose lifetime is open. A log has lifetimes of all that got one.
    fn set_default_lifetime(&mut self, ttl_ms: Option<u64>, open: &[usize], cx: &Context) {
        let until =
            |ttl_ms| Lifetime::Until(cx.now_ms().saturating_add_unsigned(ttl_ms).min(MAX_DEADLINE_MS));
        let lifetime = ttl_ms.map_or(Lifetime::Endless, until);
        self.is_plain &= ttl_ms.is_none() || open.is_empty();
        open.iter().for_each(|&put| self.puts[put].lifetime = lifetime);
    }

    /// Returns the record if the key no longer holds this set.
    fn add<'s>(
        &self,
        cx: &Context,
        set: Present<'_>,
        hold: Hold,
        record: Record<'s>,
    ) -> Result<Result<Reply, Record<'s>>, Error> {
        be_whole(&set)?;
        self.fits(&set)?;
        let ef = self.options.ef.unwrap_or(set.params().ef_construction());
        let outcome = if cx.client.replays {
            let done = set.upsert(hold, &self.puts, ef, record);
            done.map(|upserted| Bounded::Done { upserted, evicted: 0 })
        } else {
            set.upsert_within_limits(hold, &self.puts, ef, record)
        };
        Ok(match outcome {
            Ok(Bounded::Done { upserted, evicted }) => {
                cx.server.keyspace.evictions().count_at_set_limit(evicted);
                Ok(self.reply(&upserted))
            }
            Ok(Bounded::Full(full)) => return Err(limits::refusal(full)),
            Err(Refused::Unbound(record) | Refused::WouldEmpty(record)) => Err(record),
        })
    }

    /// Makes the set with these elements, and then the key, so that no client sees it empty.
    /// Returns the record if the key was made meanwhile by another command.
    fn create<'s>(&self, cx: &Context, record: Record<'s>) -> Result<Result<Reply, Record<'s>>, Error> {
        may_create(cx)?;
        let residence = Residence::of(cx.server.keyspace.tier(), false);
        let seed = cx.server.config.settings().index_seed;
        let set = Arc::new(VectorSet::new_in(self.params()?, seed, residence));
        let Ok(reply) = self.add(cx, set.at(cx.now()), Hold::Exclusive, Record::unlogged())? else {
            return Ok(Err(record));
        };
        let elements = self.puts.iter().map(|put| put.element);
        let created = cx.db().create_vector_set_of(self.key, set, elements, record);
        Ok(created.map(|()| reply).map_err(|(_, record)| record))
    }

    /// The parameters of a set made by this command.
    fn params(&self) -> Result<Params, InvalidParams> {
        let got = self.puts[0].vector.len();
        let params = Params::new(self.reduce.unwrap_or(got))?
            .with_format(
                self.options.kind.unwrap_or(Kind::DEFAULT),
                self.options.metric.unwrap_or(Metric::Cosine),
            )?
            .with_m(self.options.m.unwrap_or(Params::DEFAULT_M))?;
        let params = self.options.rerank.map_or(Ok(params.clone()), |rerank| params.with_rerank(rerank))?;
        if self.reduce.is_some() { params.with_projection(got) } else { Ok(params) }
    }

    /// Checks, in Redis' order, that the options of this command and its defaults agree with the
    /// set.
    fn fits(&self, set: &VectorSet) -> Result<(), Error> {
        let params = set.params();
        let repeats_defaults = !set.options().may_be_empty;
        let given = |is_given: bool, is_default: bool| is_given || is_default && repeats_defaults;
        let Options { kind, rerank, metric, m, .. } = self.options;
        let is_other = given(kind.is_some(), true) && kind.unwrap_or(Kind::DEFAULT) != params.kind();
        if is_other || rerank.is_some() && rerank != params.rerank() {
            return Err(Error::new("ERR asked quantization mismatch with existing vector set"));
        }
        if given(m.is_some(), true) && m.unwrap_or(Params::DEFAULT_M) != params.m() {
            return Err(Error::new("ERR asked M value mismatch with existing vector set"));
        }
        if metric.is_some_and(|metric| metric != params.metric()) {
            return Err(Error::new("ERR asked metric mismatch with existing vector set"));
        }
        self.puts.iter().try_for_each(|put| self.dimension_fits(put.vector.len(), set))
    }

    fn dimension_fits(&self, got: usize, set: &VectorSet) -> Result<(), Error> {
        let params = set.params();
        let has = params.dim();
        let projects = self.reduce.is_some() || set.options().may_be_empty && params.input_dim() == Some(got);
        match params.input_dim() {
            None if got != has => Err(dimension_mismatch(got, has)),
            None if projects => {
                Err(Error::new("ERR cannot add projection to existing set without projection"))
            }
            None => Ok(()),
            Some(_) if !projects || self.reduce.is_some_and(|to| to != has) => {
                Err(dimension_mismatch(got, has))
            }
            Some(expects) if got != expects => Err(projection_mismatch(got, expects)),
            Some(_) => Ok(()),
        }
    }

    fn reply(&self, upserted: &[Upserted]) -> Reply {
        let added = upserted.iter().filter(|&&upserted| upserted == Upserted::Added).count();
        if self.puts.len() == 1 { Reply::Bool(added == 1) } else { Reply::count(added) }
    }
}

pub(super) const INVALID_METRIC: &str = "ERR invalid METRIC, it must be COSINE, L2 or IP";

pub(super) const METRICS: [(&str, Metric); 3] =
    [("COSINE", Metric::Cosine), ("L2", Metric::L2), ("IP", Metric::InnerProduct)];

fn dimension(args: &mut Args) -> Result<usize, Error> {
    bounded(args, 1, MAX_DIM, INVALID_VECTOR)
}

/// Takes an integer between two bounds.
pub(super) fn bounded(
    args: &mut Args,
    least: usize,
    most: usize,
    error: &'static str,
) -> Result<usize, Error> {
    let number = args.integer_or::<usize>(error)?;
    if (least..=most).contains(&number) { Ok(number) } else { Err(Error::new(error)) }
}
