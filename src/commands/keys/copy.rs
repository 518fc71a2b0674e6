//! `COPY source destination [DB index] [REPLACE]`: copies a value to another key; also a vector
//! set, which Redis refuses.

use std::sync::Arc;

use super::{bless, database_number};
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight};
use crate::journal::Record;
use crate::keyspace::{Accounting, Deadline, Entry, Exclusive, Taken, Value, ValueRef, event};
use crate::persistence::rdb::dump;
use crate::resp::{Args, Error, Reply};
use crate::vector_set::{SetCopy, VectorSet};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "copy",
    arity: Arity::AtLeast(3),
    flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::DATABASE_BEHIND_DB),
    keys: &[Keys::at(1, &["RO", "access"]), Keys::at(2, &["OW", "update"])],
    scope: Scope::NamedKeysUnless("DB"),
    redact: None,
    group: Group::Generic,
    since: "6.2.0",
    complexity: "O(N) for N fields or elements, O(1) for a string",
    summary: "Store a copy of a value, of vector sets too, under another key; expiry is copied as well",
    syntax: "source:key destination:key [DB destination-db:integer] [REPLACE]",
    tips: &[],
    weight: Weight::HeavyIf(copies_a_collection),
    run: Run::Write(|args, cx, record| Copy::parse(args, cx)?.execute(cx, record)),
};

/// True if fields or elements are copied one by one; a string is shared instead.
fn copies_a_collection(args: Args, cx: &Context) -> bool {
    let is_collection = |entry: &Entry| entry.value().as_string().is_err();
    args.peek().and_then(|source| cx.db().lookup(source, Accounting::None, is_collection)).unwrap_or(false)
}

/// Redis refuses COPY of a vector set. So that it can read a log of ours, a copy is logged as
/// RESTORE if the set takes at most so many bytes; a dump of a larger one would take too much
/// memory.
const MAX_DUMPED: usize = 32 << 20;

struct Copy<'r> {
    source: &'r [u8],
    target: &'r [u8],
    database: usize,
    replace: bool,
}

impl<'r> Copy<'r> {
    fn parse(mut args: Args<'r>, cx: &Context) -> Result<Self, Error> {
        let source = args.bytes()?;
        let target = args.bytes()?;
        let mut copy = Self { source, target, database: cx.client.db, replace: false };
        while !args.is_empty() {
            if args.keyword("REPLACE") {
                copy.replace = true;
            } else if args.keyword("DB") && !args.is_empty() {
                copy.database = database_number(&mut args)?;
            } else {
                return Err(Error::syntax());
            }
        }
        if source == target && copy.database == cx.client.db {
            return Err(Error::new("ERR source and destination objects are the same"));
        }
        Ok(copy)
    }

    /// Copies once, unless the source becomes another set meanwhile, or changes while there is a
    /// log.
    fn execute(self, cx: &Context, mut record: Record) -> Result<Reply, Error> {
        cx.db().lookup(self.source, Accounting::Counted, |_| ());
        let mut copied = self.copy_to_be_logged(cx)?;
        loop {
            match self.attempt(copied, cx, record) {
                Ok(done) => return Ok(Reply::Integer(done.into())),
                Err(Refused::Other(unspent)) => (copied, record) = (self.copy_to_be_logged(cx)?, unspent),
                Err(Refused::NotDumped(set, unspent)) => (copied, record) = (Some(set.dumped()?), unspent),
            }
        }
    }

    /// The copy, if the source is a vector set. It is made without the locks of the keys, so that
    /// other commands need not wait. It is the set as it was at some time since the command began.
    fn copy_set(&self, cx: &Context) -> Result<Option<CopiedSet>, Error> {
        // The copy of a set is made of the set, and logged as that.
        cx.db().open_set(self.source)?;
        let target = cx.server.keyspace.view(self.database, cx.access());
        if !self.replace && target.contains(self.target) {
            return Ok(None);
        }
        let as_set = |entry: &Entry| entry.value().as_vector_set().ok().map(Arc::clone);
        let original = cx.db().lookup(self.source, Accounting::None, as_set).flatten();
        original.map(CopiedSet::of).transpose()
    }

    /// The same, with its dump where the log gets that instead of the command.
    fn copy_to_be_logged(&self, cx: &Context) -> Result<Option<CopiedSet>, Error> {
        let is_logged = cx.server.keyspace.journal().is_streaming();
        match self.copy_set(cx)? {
            Some(set) if is_logged && set.copy.heap_bytes() <= MAX_DUMPED => Ok(Some(set.dumped()?)),
            other => Ok(other),
        }
    }

    fn attempt<'a>(
        &self,
        copied: Option<CopiedSet>,
        cx: &Context,
        record: Record<'a>,
    ) -> Result<bool, Refused<'a>> {
        let here = cx.client.db;
        let there = self.database;
        if here == there {
            let mut keys = cx.db().exclusive(&[self.source, self.target]);
            let found = found(&mut keys, self.source);
            return self.install(found, copied, &mut keys, record);
        }
        let (mut keys, mut target) =
            cx.server.keyspace.exclusive_pair(cx.access(), (here, self.source), (there, self.target));
        self.install(found(&mut keys, self.source), copied, &mut target, record)
    }

    /// Puts the copy under its key; false if the target exists and may not be replaced, or if there
    /// is no source.
    fn install<'a>(
        &self,
        found: Option<Taken>,
        copied: Option<CopiedSet>,
        target: &mut Exclusive,
        record: Record<'a>,
    ) -> Result<bool, Refused<'a>> {
        let Some(Taken { value, deadline, is_blessed }) = found else { return Ok(false) };
        let replaced = target.get(self.target);
        if replaced.is_some() && !self.replace {
            return Ok(false);
        }
        let blessing = Some(is_blessed).filter(|_| replaced.is_some_and(Entry::is_blessed) != is_blessed);
        let Value::VectorSet(original) = value else {
            self.put(target, Taken { value, deadline, is_blessed });
            record.commit();
            return Ok(true);
        };
        let Some(copied) = copied.filter(|copied| Arc::ptr_eq(&copied.original, &original)) else {
            return Err(Refused::Other(record));
        };
        // The guard is held until the record is committed, so that a replay of the log copies the
        // same set.
        let unchanged = original.unchanged_since(copied.changes);
        let record = match &copied.dump {
            _ if !target.is_logged() => record,
            Some(dump) => self.recorded(dump, deadline, blessing, record),
            None if unchanged.is_some() => record,
            None => return Err(Refused::NotDumped(copied, record)),
        };
        let value = Value::VectorSet(copied.copy);
        self.put(target, Taken { value, deadline, is_blessed });
        record.commit();
        Ok(true)
    }

    fn put(&self, target: &mut Exclusive, taken: Taken) {
        let before = target.put_taken(self.target, taken);
        target.notify(event::COPY_TO, self.target);
        target.notify_taken(self.target, before);
    }

    /// Logs the set as it was copied. RESTORE leaves the blessing of a key as it is: `blessing` is
    /// the one to be set.
    fn recorded<'a>(
        &self,
        dump: &[u8],
        deadline: Deadline,
        blessing: Option<bool>,
        record: Record<'a>,
    ) -> Record<'a> {
        record.in_db(self.database).instead(|effects| {
            let deadline_ms = deadline.unix_ms().unwrap_or(0).to_string();
            effects.command(&[b"RESTORE", self.target, deadline_ms.as_bytes(), dump, b"REPLACE", b"ABSTTL"]);
            if let Some(is_blessed) = blessing {
                bless::log(effects, self.target, is_blessed);
            }
        })
    }
}

/// Why there is no copy yet.
enum Refused<'a> {
    /// The source is a set that was not copied.
    Other(Record<'a>),
    /// The set has changed since it was copied, so the log needs a dump of the copy.
    NotDumped(CopiedSet, Record<'a>),
}

/// A set and its copy.
struct CopiedSet {
    original: Arc<VectorSet>,
    copy: Arc<VectorSet>,
    /// Number of changes of the original when it was copied.
    changes: u64,
    /// The dump of the copy, if the log needs one.
    dump: Option<Vec<u8>>,
}

impl CopiedSet {
    fn of(original: Arc<VectorSet>) -> Result<Self, Error> {
        let SetCopy { set, changes } = original.duplicate().map_err(|error| refused(&error))?;
        Ok(Self { original, copy: Arc::new(set), changes, dump: None })
    }

    fn dumped(self) -> Result<Self, Error> {
        let dump = dump::dump(ValueRef::VectorSet(&self.copy)).map_err(|error| refused(&error))?;
        Ok(Self { dump: Some(dump), ..self })
    }
}

fn refused(error: &std::io::Error) -> Error {
    Error::from(format!("ERR cannot copy: {error}"))
}

fn found(keys: &mut Exclusive, key: &[u8]) -> Option<Taken> {
    keys.get(key).map(|entry| Taken {
        value: entry.value().to_value(),
        deadline: entry.deadline(),
        is_blessed: entry.is_blessed(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::Session;

    const COPY: Copy<'_> = Copy { source: b"v", target: b"w", database: 2, replace: false };

    fn copied(session: &mut Session) -> Option<CopiedSet> {
        session.with_context(|cx| COPY.copy_set(cx)).unwrap_or_else(|_| panic!("nothing is wrong with it"))
    }

    fn attempt<'a>(session: &mut Session, copied: Option<CopiedSet>) -> Result<bool, Refused<'a>> {
        static REQUEST: bytes::Bytes =
            bytes::Bytes::from_static(b"*4\r\n$4\r\nCOPY\r\n$1\r\nv\r\n$1\r\nw\r\n$1\r\nx\r\n");
        let journal = Arc::clone(session.server.keyspace.journal());
        session.with_context(|cx| {
            let record = Record::new(&journal, 0, &REQUEST);
            COPY.attempt(copied, cx, record).map_err(|refused| match refused {
                Refused::Other(_) => Refused::Other(Record::unlogged()),
                Refused::NotDumped(set, _) => Refused::NotDumped(set, Record::unlogged()),
            })
        })
    }

    #[test]
    fn a_set_that_changes_while_it_is_copied_is_logged_as_it_was_copied() {
        for streams in [true, false] {
            let mut session = Session::debugging(0);
            if streams {
                session = session.streaming();
            }
            session.hold_to(&[("vadd v VALUES 2 1 2 a SETATTR 7", ":1")]);
            let digest = session.ask("debug digest-value v");
            let early = copied(&mut session);
            session.hold_to(&[("vadd v VALUES 2 3 4 b", ":1")]);
            if streams {
                session.stream();
            }
            match attempt(&mut session, early) {
                Ok(done) => assert!(done && !streams),
                Err(Refused::NotDumped(set, _)) => {
                    let set = set.dumped().unwrap_or_else(|_| panic!("it is small"));
                    let dump = set.dump.clone().expect("just made");
                    assert!(matches!(attempt(&mut session, Some(set)), Ok(true)));
                    let expected = format!("SELECT 2 | RESTORE w 0 {} REPLACE ABSTTL", dump.escape_ascii());
                    assert_eq!(session.streamed(), expected);
                }
                Err(Refused::Other(_)) => panic!("it is the set that was copied"),
            }
            session.hold_to(&[("select 2", "+OK")]);
            assert_eq!(session.ask("debug digest-value w"), digest);
        }
    }

    #[test]
    fn a_source_that_becomes_another_set_is_copied_again() {
        let mut session = Session::at(0);
        session.create_set("v");
        let early = copied(&mut session);
        session.hold_to(&[("del v", ":1")]);
        session.create_set("v");
        assert!(matches!(attempt(&mut session, early), Err(Refused::Other(_))));
    }
}
