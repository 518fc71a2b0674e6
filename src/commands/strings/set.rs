//! `SET key value [NX|XX|IFEQ text|IFNE text|IFDEQ digest|IFDNE digest] [GET] [EX seconds|PX
//! milliseconds|EXAT time| PXAT time|KEEPTTL]`: sets a key to a string.

use super::comparison::Comparison;
use super::expiry::{Expiry, ExpiryOptions, set_or_remove};
use super::{has_long_text, text_or_null, value_of};
use crate::commands::{Arity, Context, Flags, Group, KeyAccess, Keys, Run, Scope, Spec, Weight};
use crate::config::Compat;
use crate::journal::Record;
use crate::keyspace::{Exclusive, ReplyText, StringRef, event};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "set",
    arity: Arity::AtLeast(3),
    flags: Flags::WRITE.and(Flags::DENYOOM),
    keys: &[Keys::at(1, &["RW", "access", "update", "variable_flags"])
        .varying(access)
        .noted("With `GET` the old value is read: ACCESS, and RW instead of OW")],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::String,
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Store a string under a key, in place of a value of any type",
    syntax: "key value [condition(NX|XX|IFEQ ifeq-value@8.4.0|IFNE ifne-value@8.4.0|\
        IFDEQ ifdeq-digest:digest@8.4.0|IFDNE ifdne-digest:digest@8.4.0)@2.6.12] [GET@6.2.0] \
        [expiration(EX seconds:integer@2.6.12|PX milliseconds:integer@2.6.12|\
        EXAT unix-time-seconds:unix-time@6.2.0|PXAT unix-time-milliseconds:unix-time@6.2.0|KEEPTTL@6.0.0)]",
    tips: &[],
    weight: Weight::HeavyIf(compares_digests),
    run: Run::Write(|args, cx, record| Set::parse(args, cx)?.execute(cx, record)),
};

/// What SET does with its key: `GET` reads the old value, and a condition looks at it.
fn access(words: &[&[u8]]) -> KeyAccess {
    let has = |word: &str| words.iter().skip(3).any(|other| other.eq_ignore_ascii_case(word.as_bytes()));
    if has("GET") {
        return &["RW", "access", "update"];
    }
    let is_compared = ["IFEQ", "IFNE", "IFDEQ", "IFDNE"].into_iter().any(has);
    if is_compared { &["RW", "update"] } else { &["OW", "update"] }
}

/// True if the digest of a long string has to be computed. For a request without options this costs
/// nothing.
fn compares_digests(mut args: Args, cx: &Context) -> bool {
    let (Some(key), Some(_)) = (args.take(), args.take()) else { return false };
    let digest = || {
        Options::parse(args, cx).is_ok_and(|options| options.comparison.is_some_and(Comparison::needs_digest))
    };
    !args.is_empty() && digest() && has_long_text(key, cx)
}

struct Set<'r> {
    key: &'r [u8],
    text: &'r [u8],
    options: Options<'r>,
    expiry: Expiry,
}

#[derive(Clone, Copy, Default)]
struct Options<'r> {
    presence: Option<Presence>,
    comparison: Option<Comparison<'r>>,
    expiry: ExpiryOptions<'r>,
    get: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Presence {
    Absent,
    Present,
}

impl<'r> Options<'r> {
    fn parse(mut args: Args<'r>, cx: &Context) -> Result<Self, Error> {
        let mut options = Self::default();
        while !args.is_empty() {
            options.take(&mut args)?;
            if options.mixes_conditions() && cx.is_like(Compat::V8_10) {
                return Err(Error::syntax());
            }
        }
        Ok(options)
    }

    fn take(&mut self, args: &mut Args<'r>) -> Result<(), Error> {
        if let Some(presence) = args.keyword_of(&[("NX", Presence::Absent), ("XX", Presence::Present)]) {
            let contradicted = self.presence.is_some_and(|before| before != presence);
            self.presence = Some(presence);
            return if contradicted { Err(Error::syntax()) } else { Ok(()) };
        }
        if args.keyword("GET") {
            self.get = true;
        } else if let Some(comparison) = Comparison::take(args) {
            self.compare(comparison)?;
        } else if !self.expiry.take(args, "KEEPTTL") {
            return Err(Error::syntax());
        }
        Ok(())
    }

    /// True for NX or XX after a comparison: 8.6 accepts this and requires both.
    fn mixes_conditions(&self) -> bool {
        self.presence.is_some() && self.comparison.is_some()
    }

    /// Adds a comparison. It may be repeated with another operand; NX and XX may follow it, but not
    /// precede it.
    fn compare(&mut self, comparison: Comparison<'r>) -> Result<(), Error> {
        let fits = self.comparison.is_none_or(|before| before.is_kind_of(comparison));
        if self.presence.is_some() || !fits {
            return Err(Error::syntax());
        }
        self.comparison = Some(comparison);
        Ok(())
    }

    fn allow(&self, key: &[u8], keys: &mut Exclusive) -> Result<bool, Error> {
        let Some(entry) = keys.get(key) else {
            let compared = self.comparison.is_none_or(Comparison::holds_for_none);
            return Ok(compared && self.presence != Some(Presence::Present));
        };
        if self.presence == Some(Presence::Absent) {
            return Ok(false);
        }
        self.comparison.map_or(Ok(true), |comparison| comparison.holds(entry.value().as_string()?))
    }
}

impl<'r> Set<'r> {
    fn parse(mut args: Args<'r>, cx: &Context) -> Result<Self, Error> {
        let key = args.bytes()?;
        let text = args.bytes()?;
        let options = Options::parse(args, cx)?;
        let expiry = options.expiry.resolve("set", || cx.now_ms())?;
        Ok(Self { key, text, options, expiry })
    }

    fn execute(self, cx: &Context, record: Record) -> Result<Reply, Error> {
        let value = value_of(self.text);
        let mut keys = cx.db().exclusive(&[self.key]);
        if self.options.comparison.is_some() && !self.options.get && keys.contains(self.key) {
            keys.count_lookup(self.key);
        }
        let before = self.before(&mut keys)?;
        if !self.options.allow(self.key, &mut keys)? {
            drop(keys);
            return Ok(text_or_null(before));
        }
        let record = self.recorded(record, keys.now_ms());
        self.expiry.put(&mut keys, self.key, value, |keys| self.notify(keys));
        keys.commit(record);
        Ok(if self.options.get { text_or_null(before) } else { Reply::OK })
    }

    fn notify(&self, keys: &Exclusive) {
        keys.notify(event::SET, self.key);
        if self.expiry.is_time() {
            keys.notify(event::EXPIRE, self.key);
        }
    }

    /// A deadline is logged as a time since 1970, a past one as the removal of the key.
    fn recorded<'a>(&self, record: Record<'a>, now_ms: i64) -> Record<'a> {
        match self.expiry {
            Expiry::Never | Expiry::Keep => record,
            Expiry::At { deadline_ms } => set_or_remove(record, self.key, self.text, deadline_ms, now_ms),
        }
    }

    /// The previous string, for GET.
    fn before(&self, keys: &mut Exclusive) -> Result<Option<ReplyText>, Error> {
        if !self.options.get {
            return Ok(None);
        }
        keys.count_lookup(self.key);
        Ok(keys.string(self.key)?.map(StringRef::for_reply))
    }
}
