//! `VCREATE key DIM n [METRIC COSINE|L2|IP] [kind | QUANT kind|AUTO [EXPECT n]] [RERANK Q8|F16] [M
//! n] [EF n] [TIER hot|warm] [TTL s] [MAXELEMENTS n] [MAXBYTES n] [POLICY
//! lru|lfu|ttl|cost|coverage|random|none] [CACHE [SCOPE field …] [MAXERROR share]]`: an empty
//! vector set (an extension).
//!
//! A set made with VCREATE may be empty, and has fixed parameters: VADD need not repeat them, and
//! is refused if it contradicts them. `AUTO` takes the best kind with which `EXPECT` elements fit
//! into the memory left ([`quant_auto`]); in the log the chosen kind follows it,
//! as `CHOSEN kind`. With `TIER warm`, links and all codes but coarse ones lie in files of
//! `tier-dir`, and only coarse codes, names and attributes in memory (see [`crate::tier`]). The
//! last four options bound the set, and can be changed later: see [`vconfig`](super::vconfig).
//!
//! `CACHE` makes a semantic cache of it, see [`vcache`]: `SCOPE` names fields of the
//! attributes, each beginning with a dot, that searches and entries must name; `MAXERROR` is the
//! share of errors that is accepted where a search says nothing. In the log its `SECRET` follows.
//!
//! Replies `+OK`, or `-BUSYKEY` if the key exists.

use std::sync::Arc;

use super::errors::{INVALID_EF, INVALID_M, NO_TIER};
use super::quant_auto::{self, Choice, DEFAULT_EXPECT, MAX_EXPECT};
use super::storage;
use super::vadd::{INVALID_METRIC, METRICS, bounded};
use super::{KEY, limits, may_create, vcache};
use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight};
use crate::journal::{Effects, Record};
use crate::resp::{Args, Error, Reply};
use crate::system;
use crate::vector_set::filter::Path;
use crate::vector_set::{
    CacheRules, InvalidParams, Kind, Limits, LimitsChange, MAX_DIM, MAX_EF, MAX_M, MAX_SCOPE, MIN_M, Metric,
    Params, Residence, SetOptions, VectorSet,
};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "VCREATE",
    arity: Arity::AtLeast(4),
    flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::MODULE).and(Flags::FAST),
    keys: KEY,
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(1)",
    summary: "Create an empty vector set with chosen parameters (an extension to Redis)",
    syntax: "key DIM dim:integer [METRIC metric(COSINE|L2|IP)] [quant_type(NOQUANT|BIN|Q8|QUANT kind)] \
        [EXPECT elements:integer] [RERANK rerank(Q8|F16)] [M numlinks:integer] \
        [EF build-exploration-factor:integer] [TIER tier(HOT|WARM)] [TTL seconds:integer] [MAXELEMENTS elements:integer] \
        [MAXBYTES bytes:integer] [POLICY policy(LRU|LFU|TTL|COST|COVERAGE|RANDOM|NONE)] \
        [CACHE] [SCOPE scope(field...)] [MAXERROR share:double]",
    tips: &[],
    // The memory left is read from system files.
    weight: Weight::HeavyIf(|args, _| {
        args.iter().any(|word| word.eq_ignore_ascii_case(storage::AUTO.as_bytes()))
    }),
    run: Run::Write(execute),
};

/// With `AUTO`: the chosen kind. Only in logs.
const CHOSEN: &str = "CHOSEN";
const EXPECT_ALONE: &str = "ERR EXPECT goes with QUANT AUTO";
const CHOSEN_ALONE: &str = "ERR CHOSEN goes with QUANT AUTO";
const RERANK_WITH_AUTO: &str = "ERR RERANK does not go with QUANT AUTO, which chooses without it";
/// With `CACHE`: the secret for tokens. Only in logs.
const SECRET: &str = "SECRET";
const CACHE_ALONE: &str = "ERR SCOPE, MAXERROR and SECRET go with CACHE";
const INVALID_SCOPE: &str =
    "ERR invalid SCOPE, it must be 1 to 8 different fields, each with a dot before it";
/// Limit of the bytes of a key that a log line shows.
const LOGGED_KEY: usize = 128;

fn execute(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let words = args;
    let key = args.bytes()?;
    let request = VCreate::parse(args)?;
    may_create(cx)?;
    let tier = cx.server.keyspace.tier();
    if request.is_warm && tier.is_none() && !cx.client.replays {
        return Err(Error::new(NO_TIER));
    }
    let is_open = request.is_auto() && request.chosen.is_none();
    let choice = is_open
        .then(|| request.choose(system::available_memory().or_else(system::machine_memory).unwrap_or(0)));
    let options = SetOptions {
        may_be_empty: true,
        has_chosen_kind: request.is_auto(),
        is_warm: request.is_warm,
        is_demoted: false,
    };
    let rules = request.rules();
    let params = choice.as_ref().map_or(request.params, |choice| choice.params.clone());
    let set = VectorSet::new_in(
        params,
        cx.server.config.settings().index_seed,
        Residence::of(tier, request.is_warm),
    )
    .with_options(options)
    .with_limits(Limits::default().changed(&request.limits));
    // The gate is entered here, so that the stream cannot be switched on between the two.
    let _passage = record.enter();
    let set = match &rules {
        Some(rules) => set.with_cache(rules.clone()),
        None => set,
    };
    let mut chosen: Vec<Vec<u8>> = Vec::new();
    if let Some(choice) = &choice {
        chosen.extend([CHOSEN, choice.params.kind().codec().keyword].map(|word| word.as_bytes().to_vec()));
    }
    if let (Some(rules), None) = (&rules, request.secret) {
        chosen.extend([SECRET.as_bytes().to_vec(), hex(&rules.secret)]);
    }
    let record = match chosen.is_empty() {
        true => record,
        false => record.instead(|effects| write_chosen(effects, words, &chosen)),
    };
    if cx.db().create_vector_set(key, Arc::new(set), record).is_err() {
        return Err(Error::new("BUSYKEY Target key name already exists."));
    }
    choice.iter().for_each(|choice| log(key, choice));
    Ok(Reply::OK)
}

/// Logs the request's words and what was chosen for it: on a replay that would be different.
fn write_chosen(effects: &mut Effects, words: Args, chosen: &[Vec<u8>]) {
    effects.begin(1 + words.remaining() + chosen.len());
    let chosen = chosen.iter().map(|word| &word[..]);
    [SPEC.name.as_bytes()].into_iter().chain(words.iter()).chain(chosen).for_each(|word| effects.word(word));
}

/// Hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> Vec<u8> {
    crate::hex::encode(bytes).into_bytes()
}

fn unhex(digits: &[u8]) -> Option<[u8; 16]> {
    crate::hex::decode(digits)?.try_into().ok()
}

/// Takes fields, which begin with a dot.
fn scope(args: &mut Args) -> Result<Vec<Path>, Error> {
    let mut fields = Vec::new();
    while args.peek().is_some_and(|word| word.starts_with(b".")) {
        let field = Path::parse(args.bytes()?).map_err(|_| Error::new(INVALID_SCOPE))?;
        if fields.contains(&field) || fields.len() == MAX_SCOPE {
            return Err(Error::new(INVALID_SCOPE));
        }
        fields.push(field);
    }
    if fields.is_empty() { Err(Error::new(INVALID_SCOPE)) } else { Ok(fields) }
}

fn log(key: &[u8], choice: &Choice) {
    tracing::info!(
        "QUANT AUTO keeps the vectors of '{}' as {}: {} elements are to take {} MB, and may take {} MB",
        key[..key.len().min(LOGGED_KEY)].escape_ascii(),
        choice.params.kind().codec().keyword,
        choice.expect,
        choice.bytes() >> 20,
        choice.share >> 20,
    );
}

/// The arguments. Without a kind, one is chosen.
struct VCreate {
    params: Params,
    kind: Option<Kind>,
    metric: Metric,
    rerank: Option<Kind>,
    expect: Option<usize>,
    chosen: Option<Kind>,
    is_warm: bool,
    limits: LimitsChange,
    is_cache: bool,
    scope: Vec<Path>,
    secret: Option<[u8; 16]>,
}

impl VCreate {
    fn parse(mut args: Args) -> Result<Self, Error> {
        if !args.keyword("DIM") {
            return Err(Error::syntax());
        }
        let params = Params::new(bounded(&mut args, 1, MAX_DIM, "ERR invalid DIM")?)?;
        let kind = Some(Kind::DEFAULT);
        let metric = Metric::Cosine;
        let limits = LimitsChange::default();
        let mut request = Self {
            params,
            kind,
            metric,
            rerank: None,
            expect: None,
            chosen: None,
            is_warm: false,
            limits,
            is_cache: false,
            scope: Vec::new(),
            secret: None,
        };
        while !args.is_empty() {
            request.take_option(&mut args)?;
        }
        request.checked()
    }

    fn take_option(&mut self, args: &mut Args) -> Result<(), Error> {
        if let Some(kind) = storage::kind(args) {
            self.kind = Some(kind);
        } else if args.keyword("QUANT") {
            self.kind = storage::quant_or_auto(args)?;
        } else if args.keyword("EXPECT") {
            self.expect = Some(bounded(args, 1, MAX_EXPECT, "ERR invalid EXPECT")?);
        } else if args.keyword(CHOSEN) {
            self.chosen = Some(storage::quant(args)?);
        } else if args.keyword("RERANK") {
            self.rerank = Some(storage::rerank(args)?);
        } else if args.keyword("TIER") {
            let tier = args.keyword_of(&[("HOT", false), ("WARM", true)]);
            self.is_warm = tier.ok_or(Error::new("ERR invalid TIER, it must be HOT or WARM"))?;
        } else if args.keyword("CACHE") {
            self.is_cache = true;
        } else if args.keyword("SCOPE") {
            self.scope = scope(args)?;
        } else if args.keyword(SECRET) {
            let secret = args.bytes()?;
            self.secret = Some(unhex(secret).ok_or(Error::new("ERR invalid SECRET"))?);
        } else if args.keyword("METRIC") {
            self.metric = args.keyword_of(&METRICS).ok_or(Error::new(INVALID_METRIC))?;
        } else if args.keyword("M") {
            let m = bounded(args, MIN_M, MAX_M, INVALID_M)?;
            self.params = self.params.clone().with_m(m)?;
        } else if args.keyword("EF") {
            let ef = bounded(args, 1, MAX_EF, INVALID_EF)?;
            self.params = self.params.clone().with_ef(ef)?;
        } else if !limits::take(args, &mut self.limits)? {
            return Err(Error::syntax());
        }
        Ok(())
    }

    /// The arguments with complete parameters, if they are consistent.
    fn checked(mut self) -> Result<Self, Error> {
        if self.is_auto() && self.rerank.is_some() {
            return Err(Error::new(RERANK_WITH_AUTO));
        }
        if !self.is_auto() && self.expect.is_some() {
            return Err(Error::new(EXPECT_ALONE));
        }
        if !self.is_auto() && self.chosen.is_some() {
            return Err(Error::new(CHOSEN_ALONE));
        }
        let is_cache = self.limits.max_error.is_some() || !self.scope.is_empty() || self.secret.is_some();
        if is_cache && !self.is_cache {
            return Err(Error::new(CACHE_ALONE));
        }
        limits::check_policy(&self.limits, self.is_cache)?;
        self.params = self.formatted()?;
        Ok(self)
    }

    fn formatted(&self) -> Result<Params, InvalidParams> {
        let kind = self.kind.or(self.chosen).unwrap_or(Kind::DEFAULT);
        let params = self.params.clone().with_format(kind, self.metric)?;
        match self.rerank {
            Some(rerank) => params.with_rerank(rerank),
            None => Ok(params),
        }
    }

    /// Of a cache.
    fn rules(&self) -> Option<CacheRules> {
        let secret = || self.secret.unwrap_or_else(vcache::secret);
        let max_error = self.limits.max_error.flatten();
        self.is_cache.then(|| CacheRules { scope: self.scope.clone(), secret: secret(), max_error })
    }

    fn is_auto(&self) -> bool {
        self.kind.is_none()
    }

    fn choose(&self, left: u64) -> Choice {
        quant_auto::choose(&self.params, self.expect.unwrap_or(DEFAULT_EXPECT), left)
    }
}
