//! `COPY source destination [DB index] [REPLACE]`: a value under another key too. Vector sets are refused, as Redis does.

use super::database_number;
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Spec, Weight};
use crate::journal::Record;
use crate::keyspace::{Attention, Deadline, Entry, Exclusive, Value};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "copy",
    arity: Arity::AtLeast(3),
    flags: Flags::WRITE.and(Flags::DENYOOM),
    keys: &[Keys::at(1, &["RO", "access"]), Keys::at(2, &["OW", "update"])],
    group: Group::Generic,
    since: "6.2.0",
    complexity: "O(N) worst case for collections, where N is the number of nested items. O(1) for string values.",
    summary: "Copies the value of a key to a new key.",
    syntax: "source:key destination:key [DB destination-db:integer] [REPLACE]",
    tips: &[],
    weight: Weight::Asked(copies_a_hash),
    run: Run::Write(|args, cx, record| Copy::parse(args, cx)?.execute(cx, record)),
};

/// Field by field. A text is shared instead, and a vector set is not copied at all.
fn copies_a_hash(args: Args, cx: &Context) -> bool {
    let is_hash = |entry: &Entry| entry.value().as_hash().is_ok();
    args.peek().and_then(|source| cx.db().lookup(source, Attention::None, is_hash)).unwrap_or(false)
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

    fn execute(self, cx: &Context, record: Record) -> Result<Reply, Error> {
        let (here, there) = (cx.client.db, self.database);
        if here == there {
            let mut keys = cx.db().exclusive(&[self.source, self.target]);
            let found = found(&mut keys, self.source);
            return self.install(found, &mut keys, record);
        }
        let (mut keys, mut target) =
            cx.server.keyspace.exclusive_pair((here, self.source), (there, self.target));
        self.install(found(&mut keys, self.source), &mut target, record)
    }

    fn install(
        &self,
        found: Option<(Value, Deadline)>,
        target: &mut Exclusive,
        record: Record,
    ) -> Result<Reply, Error> {
        let Some((value, deadline)) = found else { return Ok(Reply::Integer(0)) };
        if target.get(self.target).is_some() && !self.replace {
            return Ok(Reply::Integer(0));
        }
        if matches!(value, Value::VectorSet(_)) {
            return Err(Error::new("ERR not supported for this module key"));
        }
        target.put(self.target, value, deadline);
        record.commit();
        Ok(Reply::Integer(1))
    }
}

fn found(keys: &mut Exclusive, key: &[u8]) -> Option<(Value, Deadline)> {
    keys.get(key).map(|entry| (entry.value().to_value(), entry.deadline()))
}
