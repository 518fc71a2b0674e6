//! `VCACHE.SET key element (FP32 b | FP16 b | VALUES n …) payload [EX s | PX ms | EXAT t | PXAT t]
//! [COST c] [SETATTR j] [UNLESS score] [PIN] [AFTER token 0|1] [COOL n]`: adds an entry, or
//! replaces one.
//!
//! `UNLESS`: nothing is stored if another live entry is at least as near, within the scope of the
//! cache; of two such commands at the same time only one stores its entry. `AFTER` reports what was
//! found out of an answer that `VCACHE.GET` gave; after 1 nothing is stored, since that entry was
//! right. `COOL n`: the entry is no hit before it was confirmed so often; in a cache with a SCOPE,
//! where it is never found outside of its own scope, this is refused.
//!
//! A key that does not exist becomes a cache, with the kind of storage that VADD takes.
//!
//! Replies a flat array: `["added"]`, `["updated"]`, `["right"]` (nothing was stored, see AFTER),
//! or `["near", element, score]` (nothing was stored, see UNLESS).

use std::sync::Arc;

use super::feedback::{Report, token};
use super::token::Token;
use super::{cache, is_right, next_record, scope, usual_rules};
use crate::certainty::Observation;
use crate::commands::keys::lifetime::{Lifetime as Unit, invalid_expire_time};
use crate::commands::vectors::errors::{INVALID_VECTOR, dimension_mismatch, projection_mismatch};
use crate::commands::vectors::vadd::bounded;
use crate::commands::vectors::vector::{ALL_FORMS, vector};
use crate::commands::vectors::{KEY, be_whole, limits, may_create};
use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight, parts};
use crate::journal::Record;
use crate::resp::{Args, Error, Reply, double_text};
use crate::vector_set::{
    About, CacheRules, Hold, Lifetime, MAX_DEADLINE_MS, NewEntry, Params, Present, Put, Refused, SetOptions,
    StoreOptions, StoredEntry, Unless, Upserted, VectorSet,
};

pub(super) const SPEC: Spec = Spec {
    name: "VCACHE.SET",
    arity: Arity::AtLeast(6),
    flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::MODULE),
    keys: KEY,
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(log(N)) in a cache of N entries",
    summary: "Store an entry of a semantic cache, unless one is near (an extension to Redis)",
    syntax: "key element format(FP32|FP16|VALUES) vector payload \
        [expiration(EX seconds:integer|PX milliseconds:integer|EXAT unix-time-seconds:unix-time|\
        PXAT unix-time-milliseconds:unix-time)] [COST cost:double] [SETATTR attributes] \
        [UNLESS score:double] [PIN] [AFTER after(token right:integer)] [COOL confirmations:integer]",
    tips: &[],
    weight: Weight::HeavyIf(is_heavy),
    run: Run::Write(|args, cx, record| VSet::parse(args, cx)?.execute(cx, record)),
};

/// A request of so many bytes leaves the network thread.
const HEAVY_BYTES: usize = 256 << 10;
/// Candidates explored for UNLESS, as VSIM does.
const EF: usize = 100;
const INVALID_COST: &str = "ERR invalid COST, it must be a finite number that is not negative";
const INVALID_COOL: &str = "ERR invalid COOL, it must be 1 to 255";
const COOL_IN_SCOPE: &str =
    "ERR COOL is for caches without SCOPE: with one, entries are found within their own scope only";

fn is_heavy(args: Args, cx: &Context) -> bool {
    let bytes: usize = args.iter().map(<[u8]>::len).sum();
    let reports = args.iter().any(|word| word.eq_ignore_ascii_case(b"AFTER"));
    let mut key = args;
    let set = key.take().and_then(|key| cx.db().vector_set(key).ok().flatten());
    bytes > HEAVY_BYTES
        || reports && super::feedback::may_fit(args, cx)
        || set.is_some_and(|handle| handle.set.may_train() || handle.set.may_wait_for_disk())
}

struct VSet<'r> {
    key: &'r [u8],
    put: Put<'r>,
    entry: NewEntry<'r>,
    /// The lifetime was given.
    has_lifetime: bool,
    unless: Option<f64>,
    after: Option<(&'r [u8], bool)>,
}

impl<'r> VSet<'r> {
    fn parse(mut args: Args<'r>, cx: &Context) -> Result<Self, Error> {
        let key = args.bytes()?;
        let element = args.bytes()?;
        let form = args.keyword_of(ALL_FORMS).ok_or(Error::new(INVALID_VECTOR))?;
        let vector = vector(&mut args, form)?;
        let payload = args.take().ok_or_else(|| Error::wrong_arity(SPEC.name))?;
        let mut parsed = Self {
            key,
            put: Put { element, vector, attribute: None, lifetime: Lifetime::Endless },
            entry: NewEntry { payload, cost: 1.0, cool: 0, is_pinned: false },
            has_lifetime: false,
            unless: None,
            after: None,
        };
        while !args.is_empty() {
            parsed.take_option(&mut args, cx)?;
        }
        Ok(parsed)
    }

    fn take_option(&mut self, args: &mut Args<'r>, cx: &Context) -> Result<(), Error> {
        const UNITS: [(&str, Unit); 4] =
            [("EX", Unit::EX), ("PX", Unit::PX), ("EXAT", Unit::EXAT), ("PXAT", Unit::PXAT)];
        if let Some(unit) = args.keyword_of(&UNITS) {
            self.take_lifetime(unit, args, cx)?;
        } else if args.keyword("COST") {
            self.entry.cost = cost(args)?;
        } else if args.keyword("SETATTR") {
            self.put.attribute = Some(args.bytes()?);
        } else if args.keyword("UNLESS") {
            let score = args.float_or("ERR invalid UNLESS")?;
            self.unless = Some(score).filter(|score| score.is_finite());
            self.unless.ok_or(Error::new("ERR invalid UNLESS"))?;
        } else if args.keyword("PIN") {
            self.entry.is_pinned = true;
        } else if args.keyword("AFTER") {
            self.after = Some((args.bytes()?, is_right(args)?));
        } else if args.keyword("COOL") {
            self.entry.cool = bounded(args, 1, u8::MAX.into(), INVALID_COOL)? as u8;
        } else {
            return Err(Error::syntax());
        }
        Ok(())
    }

    fn take_lifetime(&mut self, unit: Unit, args: &mut Args, cx: &Context) -> Result<(), Error> {
        let number = args.integer()?;
        if self.has_lifetime {
            return Err(Error::syntax());
        }
        if number <= 0 {
            return Err(invalid_expire_time(SPEC.name));
        }
        self.put.lifetime = Lifetime::Until(parts::deadline_ms(SPEC.name, unit, number, cx)?);
        self.has_lifetime = true;
        Ok(())
    }

    fn execute(mut self, cx: &Context, record: Record) -> Result<Reply, Error> {
        let record = match self.after.take() {
            None => record,
            Some((text, is_right)) => {
                // All that can be known to be wrong is refused before anything is done.
                if let Some(handle) = cx.db().vector_set_to_change(self.key)? {
                    self.fits(handle.present(), cx)?;
                }
                report(self.key, text, is_right, cx, record)?;
                if is_right {
                    return Ok(words(&[b"right"]));
                }
                next_record(cx)
            }
        };
        let subject = cx.db().set_key(self.key);
        self.store(cx, record.about(Some(&subject)))
    }

    fn store(&mut self, cx: &Context, mut record: Record<'_>) -> Result<Reply, Error> {
        loop {
            let handle = cx.db().vector_set_to_change(self.key)?;
            let ttl_ms = handle.as_ref().and_then(|handle| handle.set.limits().ttl_ms);
            self.set_usual_lifetime(ttl_ms, cx);
            let outcome = match handle {
                None => self.create(cx, record)?,
                Some(handle) => {
                    let recorded = record.instead(|effects| self.log(effects));
                    self.add(handle.present(), Hold::Lookup(handle.binding), cx, recorded)?
                }
            };
            match outcome {
                Ok(reply) => return Ok(reply),
                Err(unspent) => record = unspent,
            }
        }
    }

    /// A log has the lifetimes of all that got one.
    fn set_usual_lifetime(&mut self, ttl_ms: Option<u64>, cx: &Context) {
        if !self.has_lifetime && !cx.client.replays {
            let until = |ms| Lifetime::Until(cx.now_ms().saturating_add_unsigned(ms).min(MAX_DEADLINE_MS));
            self.put.lifetime = ttl_ms.map_or(Lifetime::Endless, until);
        }
    }

    /// Returns the record if the key no longer holds this set.
    fn add<'s>(
        &self,
        set: Present<'_>,
        hold: Hold,
        cx: &Context,
        record: Record<'s>,
    ) -> Result<Result<Reply, Record<'s>>, Error> {
        be_whole(&set)?;
        self.fits(set, cx)?;
        let cache = cache(set)?;
        let filter = match self.unless {
            Some(_) => scope::of_entry(cache.rules(), self.put.attribute)?,
            None => None,
        };
        let probe = self.unless.map(|_| set.query(&self.put.vector)).transpose()?;
        let unless = self.unless.zip(probe.as_ref());
        let unless = unless.map(|(score, probe)| Unless { score, probe, filter: filter.as_ref(), ef: EF });
        let options = StoreOptions {
            unless: unless.as_ref(),
            ef: set.params().ef_construction(),
            evicts: !cx.client.replays,
        };
        match cache.store(hold, &self.put, &self.entry, &options, record) {
            Ok(StoredEntry::Done { upserted, evicted }) => {
                cx.server.keyspace.evictions().count_at_set_limit(evicted);
                Ok(Ok(words(&[if upserted == Upserted::Added { b"added" } else { b"updated" }])))
            }
            Ok(StoredEntry::Near { element, score }) => {
                Ok(Ok(words(&[b"near", &element, double_text(score).as_bytes()])))
            }
            Ok(StoredEntry::Full(full)) => Err(limits::refusal(full)),
            Err(Refused::Unbound(record) | Refused::WouldEmpty(record)) => Ok(Err(record)),
        }
    }

    /// Refuses what cannot be an entry of this set.
    fn fits(&self, set: Present<'_>, cx: &Context) -> Result<(), Error> {
        let rules = cache(set)?.rules();
        let got = self.put.vector.len();
        match set.params().input_dim() {
            None if got != set.params().dim() => return Err(dimension_mismatch(got, set.params().dim())),
            Some(expects) if got != expects => return Err(projection_mismatch(got, expects)),
            _ => {}
        }
        if !rules.scope.is_empty() && !cx.client.replays {
            scope::of_entry(rules, self.put.attribute)?;
            if self.entry.cool > 0 {
                return Err(Error::new(COOL_IN_SCOPE));
            }
        }
        Ok(())
    }

    /// Makes the cache with this entry, and then the key. Returns the record if the key was made
    /// meanwhile by another command.
    fn create<'s>(&self, cx: &Context, record: Record<'s>) -> Result<Result<Reply, Record<'s>>, Error> {
        may_create(cx)?;
        let rules = usual_rules();
        let dim = self.put.vector.len();
        let options = SetOptions { may_be_empty: true, ..SetOptions::default() };
        let set = VectorSet::new(Params::new(dim)?, cx.server.config.settings().index_seed);
        let set = set.with_options(options).with_cache(rules.clone());
        let Ok(reply) = self.add(set.at(cx.now()), Hold::Exclusive, cx, Record::unlogged())? else {
            return Ok(Err(record));
        };
        let record = record.instead(|effects| {
            log_creation(effects, self.key, dim, &rules);
            self.log(effects);
        });
        let created = cx.db().create_vector_set(self.key, Arc::new(set), record);
        Ok(created.map(|()| reply).map_err(|(_, record)| record))
    }

    /// Writes down the entry as it is stored: without conditions, and with the time at which it
    /// expires.
    fn log(&self, effects: &mut crate::journal::Effects<'_>) {
        let cost = self.entry.cost.to_string();
        let cool = self.entry.cool.to_string();
        let deadline = match self.put.lifetime {
            Lifetime::Until(at_ms) => Some(at_ms.to_string()),
            _ => None,
        };
        let mut more: Vec<&[u8]> = vec![self.entry.payload, b"COST", cost.as_bytes()];
        more.extend(self.put.attribute.iter().flat_map(|text| [b"SETATTR", *text]));
        more.extend(deadline.iter().flat_map(|text| [b"PXAT", text.as_bytes()]));
        if self.entry.cool > 0 {
            more.extend([b"COOL", cool.as_bytes()]);
        }
        if self.entry.is_pinned {
            more.push(b"PIN");
        }
        effects.begin(5 + more.len());
        [SPEC.name.as_bytes(), self.key, self.put.element, b"FP32"]
            .iter()
            .for_each(|word| effects.word(word));
        effects.floats(&self.put.vector);
        more.iter().for_each(|word| effects.word(word));
    }
}

/// Writes down how a cache was made that nobody has described.
fn log_creation(effects: &mut crate::journal::Effects<'_>, key: &[u8], dim: usize, rules: &CacheRules) {
    let secret = crate::commands::vectors::vcreate::hex(&rules.secret);
    let words: [&[u8]; 7] =
        [b"VCREATE", key, b"DIM", &dim.to_string().into_bytes(), b"CACHE", b"SECRET", &secret];
    effects.command(&words);
}

/// Reports what was found out of an answer.
fn report(key: &[u8], text: &[u8], is_right: bool, cx: &Context, record: Record) -> Result<bool, Error> {
    let Some(Token { slot, number, score, lead, is_of_hit }) = token(key, text, cx)? else {
        return Ok(false);
    };
    let observation = Observation::new(score, lead, is_right, 1.0);
    Report { about: About::Place(slot, number), observation, is_of_hit }.make(key, cx, record)
}

fn cost(args: &mut Args) -> Result<f32, Error> {
    let cost = args.float_or(INVALID_COST)? as f32;
    if cost.is_finite() && cost >= 0.0 { Ok(cost) } else { Err(Error::new(INVALID_COST)) }
}

fn words(words: &[&[u8]]) -> Reply {
    Reply::Array(words.iter().map(|word| Reply::bulk(word.to_vec())).collect())
}
