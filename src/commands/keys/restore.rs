//! `RESTORE key ttl dump [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ counter]`: the value of a
//! dump, under a key.

use std::sync::atomic::Ordering;

use super::dump::LARGE;
use super::lifetime::{Lifetime, invalid_expire_time};
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight};
use crate::journal::Record;
use crate::keyspace::{Deadline, Exclusive, KnownUse, Value, event};
use crate::persistence::rdb::Making;
use crate::persistence::rdb::dump::{DumpError, restore, restore_unsummed};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "restore",
    arity: Arity::AtLeast(4),
    flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::DANGEROUS),
    keys: &[Keys::at(1, &["OW", "update"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Generic,
    since: "2.6.0",
    complexity: "O(N) for a value of N bytes",
    summary: "Store what DUMP returned under a key",
    syntax: "key ttl:integer serialized-value:string [REPLACE@3.0.0] [ABSTTL@5.0.0] [IDLETIME seconds:integer@5.0.0] \
             [FREQ frequency:integer@5.0.0]",
    tips: &[],
    weight: Weight::HeavyIf(|args: Args, _: &Context| {
        args.iter().nth(2).is_some_and(|dump| dump.len() >= LARGE)
    }),
    run: Run::Write(|args, cx, record| Restore::parse(args)?.execute(cx, record)),
};

const BUSY: Error = Error::new("BUSYKEY Target key name already exists.");

struct Restore<'r> {
    key: &'r [u8],
    /// A number, which is parsed only if the key may be made.
    ttl: Args<'r>,
    dump: &'r [u8],
    options: Options,
}

#[derive(Clone, Copy, Default)]
struct Options {
    replace: bool,
    absolute: bool,
    idle_s: Option<i64>,
    freq: Option<u8>,
}

impl Options {
    fn parse(mut args: Args) -> Result<Self, Error> {
        let mut options = Self::default();
        while !args.is_empty() {
            if args.keyword("REPLACE") {
                options.replace = true;
            } else if args.keyword("ABSTTL") {
                options.absolute = true;
            } else if options.freq.is_none() && args.keyword("IDLETIME") && !args.is_empty() {
                let idle_s = args.integer()?;
                options.idle_s = Some(idle_s);
                if idle_s < 0 {
                    return Err(Error::new("ERR Invalid IDLETIME value, must be >= 0"));
                }
            } else if options.idle_s.is_none() && args.keyword("FREQ") && !args.is_empty() {
                let invalid = || Error::new("ERR Invalid FREQ value, must be >= 0 and <= 255");
                let freq: i64 = args.integer()?;
                options.freq = Some(u8::try_from(freq).map_err(|_| invalid())?);
            } else {
                return Err(Error::syntax());
            }
        }
        Ok(options)
    }

    fn known_use(self) -> KnownUse {
        let idle_s = self.idle_s.map(|idle_s| u32::try_from(idle_s).unwrap_or(u32::MAX));
        KnownUse { idle_s, frequency: self.freq }
    }

    fn lifetime(self) -> Lifetime {
        if self.absolute { Lifetime::PXAT } else { Lifetime::PX }
    }
}

impl<'r> Restore<'r> {
    fn parse(mut args: Args<'r>) -> Result<Self, Error> {
        let key = args.bytes()?;
        let ttl = args.split_off(1);
        let dump = args.bytes()?;
        Ok(Self { key, ttl, dump, options: Options::parse(args)? })
    }

    fn execute(self, cx: &Context, record: Record) -> Result<Reply, Error> {
        if !self.options.replace && cx.db().contains(self.key) {
            return Err(BUSY);
        }
        let ttl = self.ttl.clone().integer()?;
        if ttl < 0 {
            return Err(Error::new("ERR Invalid TTL value, must be >= 0"));
        }
        let skips_checksum = cx.server.skips_checksums.load(Ordering::Relaxed);
        let read = if skips_checksum { restore_unsummed } else { restore };
        let value = read(self.dump, Making::of(&cx.server.keyspace)).map_err(refused)?;
        let keys = cx.db().exclusive(&[self.key]);
        self.install(value, ttl, keys, record)
    }

    fn install(self, value: Value, ttl: i64, mut keys: Exclusive, record: Record) -> Result<Reply, Error> {
        if !self.options.replace && keys.contains(self.key) {
            return Err(BUSY);
        }
        let deadline = self.deadline(ttl, keys.now_ms())?;
        match deadline.unix_ms() {
            Some(deadline_ms) if deadline_ms <= keys.now_ms() => self.expire_now(keys, record),
            _ => {
                let before = keys.type_to_replace(self.key);
                keys.put_new(self.key, value, deadline);
                if before.is_some() {
                    keys.notify(event::NEW, self.key);
                }
                keys.notify(event::RESTORE, self.key);
                keys.notify_taken(self.key, before);
                keys.restore_use(self.key, self.options.known_use());
                keys.commit(self.recorded(record, deadline));
            }
        }
        Ok(Reply::OK)
    }

    fn deadline(&self, ttl: i64, now_ms: i64) -> Result<Deadline, Error> {
        if ttl == 0 {
            return Ok(Deadline::NEVER);
        }
        let deadline_ms = self.options.lifetime().deadline_ms(ttl, now_ms);
        deadline_ms.map(Deadline::at).ok_or_else(|| invalid_expire_time("restore"))
    }

    /// A value whose deadline has passed is not made; a previous value of the key is removed.
    fn expire_now(&self, mut keys: Exclusive, record: Record) {
        keys.count_expired();
        if keys.remove(self.key) {
            keys.notify(event::DEL, self.key);
            keys.commit(record.instead(|effects| effects.command(&[b"DEL", self.key])));
        }
    }

    /// A time from now is logged as a time since 1970.
    fn recorded<'a>(&self, record: Record<'a>, deadline: Deadline) -> Record<'a> {
        let Some(deadline_ms) = deadline.unix_ms().filter(|_| !self.options.absolute) else { return record };
        record.instead(|effects| {
            let deadline_ms = deadline_ms.to_string();
            let idle_s = self.options.idle_s.map(|idle_s| (&b"IDLETIME"[..], idle_s.to_string()));
            let freq = self.options.freq.map(|freq| (&b"FREQ"[..], freq.to_string()));
            let words: [&[u8]; 6] =
                [b"RESTORE", self.key, deadline_ms.as_bytes(), self.dump, b"REPLACE", b"ABSTTL"];
            match idle_s.or(freq) {
                Some((word, figure)) => effects.command_with(&words, &[word, figure.as_bytes()]),
                None => effects.command(&words),
            }
        })
    }
}

/// The details go to the log: clients expect one of two replies.
fn refused(error: DumpError) -> Error {
    if matches!(error, DumpError::Footer) {
        return Error::new("ERR DUMP payload version or checksum are wrong");
    }
    tracing::warn!("RESTORE of a payload that is no value here: {error}");
    Error::new("ERR Bad data format")
}
