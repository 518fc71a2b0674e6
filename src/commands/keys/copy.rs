//! `COPY source destination [DB index] [REPLACE]`: a value under another key too; also a vector set, which Redis refuses.

use std::sync::Arc;

use super::database_number;
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight};
use crate::journal::Record;
use crate::keyspace::{Attention, Deadline, Entry, Exclusive, PackedLimits, Value, ValueRef};
use crate::persistence::rdb::dump;
use crate::resp::{Args, Error, Reply};
use crate::vector_set::VectorSet;

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "copy",
    arity: Arity::AtLeast(3),
    flags: Flags::WRITE.and(Flags::DENYOOM),
    keys: &[Keys::at(1, &["RO", "access"]), Keys::at(2, &["OW", "update"])],
    scope: Scope::NamedKeysUnless("DB"),
    redact: None,
    group: Group::Generic,
    since: "6.2.0",
    complexity: "O(N) for N fields or elements, O(1) for a string",
    summary: "Store a copy of a value, of vector sets too, under another key; expiry is copied as well",
    syntax: "source:key destination:key [DB destination-db:integer] [REPLACE]",
    tips: &[],
    weight: Weight::Asked(copies_a_collection),
    run: Run::Write(|args, cx, record| Copy::parse(args, cx)?.execute(cx, record)),
};

/// Field by field, or element by element. A text is shared instead.
fn copies_a_collection(args: Args, cx: &Context) -> bool {
    let is_collection = |entry: &Entry| entry.value().as_string().is_err();
    args.peek().and_then(|source| cx.db().lookup(source, Attention::None, is_collection)).unwrap_or(false)
}

struct Copy<'r> {
    source: &'r [u8],
    target: &'r [u8],
    database: usize,
    replace: bool,
}

impl<'r> Copy<'r> {
    fn parse(mut args: Args<'r>, cx: &Context) -> Result<Self, Error> {
        let (source, target) = (args.bytes()?, args.bytes()?);
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

    /// Once, unless the source becomes another set meanwhile.
    fn execute(self, cx: &Context, mut record: Record) -> Result<Reply, Error> {
        cx.db().lookup(self.source, Attention::Counted, |_| ());
        loop {
            let copied = self.copy_set(cx)?;
            match self.attempt(copied, cx, record) {
                Ok(done) => return Ok(Reply::Integer(done.into())),
                Err(unspent) => record = unspent,
            }
        }
    }

    /// The copy, if the source is a vector set. It is made outside of the locks of the keys, so that they do not wait: the set
    /// as it was at some moment since the command came.
    fn copy_set(&self, cx: &Context) -> Result<Option<CopiedSet>, Error> {
        let target = cx.server.keyspace.view(self.database, cx.access());
        if !self.replace && target.contains(self.target) {
            return Ok(None);
        }
        let as_set = |entry: &Entry| entry.value().as_vector_set().ok().map(Arc::clone);
        let original = cx.db().lookup(self.source, Attention::None, as_set).flatten();
        original.map(CopiedSet::of).transpose()
    }

    fn attempt<'a>(
        &self,
        copied: Option<CopiedSet>,
        cx: &Context,
        record: Record<'a>,
    ) -> Result<bool, Record<'a>> {
        let (here, there) = (cx.client.db, self.database);
        if here == there {
            let mut keys = cx.db().exclusive(&[self.source, self.target]);
            let found = found(&mut keys, self.source);
            return self.install(found, copied, &mut keys, record);
        }
        let (mut keys, mut target) =
            cx.server.keyspace.exclusive_pair(cx.access(), (here, self.source), (there, self.target));
        self.install(found(&mut keys, self.source), copied, &mut target, record)
    }

    /// True if there is a copy now. The record comes back if the source is a set that was not copied.
    fn install<'a>(
        &self,
        found: Option<(Value, Deadline)>,
        copied: Option<CopiedSet>,
        target: &mut Exclusive,
        record: Record<'a>,
    ) -> Result<bool, Record<'a>> {
        let Some((value, deadline)) = found else { return Ok(false) };
        if target.get(self.target).is_some() && !self.replace {
            return Ok(false);
        }
        let Value::VectorSet(original) = value else {
            target.put(self.target, value, deadline);
            record.commit();
            return Ok(true);
        };
        let Some(copied) = copied.filter(|copied| Arc::ptr_eq(&copied.original, &original)) else {
            return Err(record);
        };
        target.put_new(self.target, Value::VectorSet(copied.copy), deadline);
        self.recorded(&copied.dump, deadline, record).commit();
        Ok(true)
    }

    /// The set is written down as it was copied: it may have changed since.
    fn recorded<'a>(&self, dump: &[u8], deadline: Deadline, record: Record<'a>) -> Record<'a> {
        record.in_db(self.database).instead(|effects| {
            let end_ms = deadline.unix_ms().unwrap_or(0).to_string();
            effects.command(&[b"RESTORE", self.target, end_ms.as_bytes(), dump, b"REPLACE", b"ABSTTL"]);
        })
    }
}

/// A set, and another that is like it.
struct CopiedSet {
    original: Arc<VectorSet>,
    copy: Arc<VectorSet>,
    dump: Vec<u8>,
}

impl CopiedSet {
    fn of(original: Arc<VectorSet>) -> Result<Self, Error> {
        let refused = |why: &dyn std::fmt::Display| Error::from(format!("ERR cannot copy: {why}"));
        let dump = dump::dump(ValueRef::VectorSet(&original)).map_err(|error| refused(&error))?;
        match dump::restore(&dump, PackedLimits::default()).map_err(|error| refused(&error))? {
            Value::VectorSet(copy) => Ok(Self { original, copy, dump }),
            _ => unreachable!("a dump has the type of its value"),
        }
    }
}

fn found(keys: &mut Exclusive, key: &[u8]) -> Option<(Value, Deadline)> {
    keys.get(key).map(|entry| (entry.value().to_value(), entry.deadline()))
}
