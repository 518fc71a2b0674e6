//! Is a file in order, and what is in it? Every value is decoded as it is when it is loaded, and
//! dropped.
//!
//! Memory: that of the largest value, which is a vector set.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;

use super::load::{LoadError, shown};
use super::reader::{Checksum, Reader};
use super::value::{self, Decoded, Making};
use super::walk::{Head, Part, Walk};
use crate::keyspace::{Deadline, Value};
use crate::persistence::loading::grouped;
use crate::vector_set::VectorSet;

/// Vector sets that are listed; of the others there is only the number.
const MAX_SETS: usize = 50;
/// The longest AUX field that is shown.
const MAX_AUX: usize = 60;

/// What is in a file, or in as much of it as could be read.
#[derive(Debug, Default)]
pub struct Contents {
    version: u16,
    bytes: u64,
    aux: Vec<(String, String)>,
    databases: BTreeMap<u64, u64>,
    kinds: BTreeMap<String, Kind>,
    sets: Vec<Set>,
    /// Function libraries and the like.
    foreign: BTreeMap<String, u64>,
    checksum: Option<Checksum>,
}

/// The keys of one type.
#[derive(Debug, Default)]
struct Kind {
    keys: u64,
    /// Those that end.
    expires: u64,
    /// Of these, those that have.
    ended: u64,
    is_unknown: bool,
    has_empty: bool,
}

/// A vector set.
#[derive(Debug)]
struct Set {
    db: u64,
    key: String,
    elements: usize,
    dim: usize,
    kind: &'static str,
    m: usize,
}

/// A file that is not in order.
#[derive(Debug)]
pub struct Damaged {
    /// What was read before.
    pub before: Box<Contents>,
    /// What is wrong, and where.
    pub error: LoadError,
}

/// Reads a file to its end. Also gives the rest, which is there if the file is the beginning of a
/// log.
///
/// # Errors
/// It is not in order. That there are types which are not known here is no error.
pub fn check<R: Read>(input: Reader<R>, now_ms: i64) -> Result<(Contents, Reader<R>), Damaged> {
    let mut contents = Contents::default();
    match contents.read(input, now_ms) {
        Ok(rest) => Ok((contents, rest)),
        Err(error) => Err(Damaged { before: Box::new(contents), error }),
    }
}

impl Contents {
    fn read<R: Read>(&mut self, input: Reader<R>, now_ms: i64) -> Result<Reader<R>, LoadError> {
        let mut walk = Walk::begin(input)?;
        self.version = walk.version();
        let mut db = 0;
        loop {
            let part = walk.next_part();
            self.bytes = walk.input.offset();
            match part? {
                Part::Aux { name, value } => self.aux.push((aux_text(&name), aux_text(&value))),
                Part::Database(number) => db = number,
                Part::Foreign(what) => *self.foreign.entry(what).or_default() += 1,
                Part::Key(head) => self.key(&mut walk, db, head, now_ms)?,
                Part::End(checksum) => {
                    self.checksum = Some(checksum);
                    return Ok(walk.input);
                }
            }
        }
    }

    fn key<R: Read>(
        &mut self,
        walk: &mut Walk<R>,
        db: u64,
        head: Head,
        now_ms: i64,
    ) -> Result<(), LoadError> {
        let decoded = value::read_value(&mut walk.input, head.kind, Making::default(), &walk.templates);
        let decoded = decoded.map_err(|error| LoadError { error, key: Some(head.key.clone()) })?;
        let (name, is_unknown) = match &decoded {
            Decoded::Value(value) => (value.view().type_name().to_owned(), false),
            Decoded::Empty => (head.kind.family().to_owned(), false),
            Decoded::Unknown(name) => (name.clone(), true),
        };
        let kind = self.kinds.entry(name).or_default();
        kind.keys += 1;
        kind.is_unknown = is_unknown;
        kind.has_empty |= matches!(decoded, Decoded::Empty);
        kind.expires += u64::from(head.ahead.ends_ms.is_some());
        let has_ended = head.ahead.ends_ms.is_some_and(|ends_ms| Deadline::at(ends_ms).is_past(now_ms));
        kind.ended += u64::from(has_ended);
        *self.databases.entry(db).or_default() += 1;
        if let Decoded::Value(Value::VectorSet(set)) = &decoded {
            self.sets.push(Set::of(db, &head.key, set));
        }
        Ok(())
    }
}

fn aux_text(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(MAX_AUX)].escape_ascii().to_string()
}

impl Set {
    fn of(db: u64, key: &[u8], set: &VectorSet) -> Self {
        let params = set.params();
        let elements = set.len();
        let dim = params.dim();
        Self { db, key: shown(key), elements, dim, kind: params.kind().codec().name, m: params.m() }
    }
}

impl fmt::Display for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "RDB version {}, {} bytes", self.version, grouped(self.bytes))?;
        self.aux.iter().try_for_each(|(name, value)| writeln!(f, "  {name}: {value}"))?;
        for (db, keys) in &self.databases {
            writeln!(f, "database {db}: {} keys", grouped(*keys))?;
        }
        self.kinds.iter().try_for_each(|(name, kind)| writeln!(f, "  {name}: {kind}"))?;
        for (what, count) in &self.foreign {
            writeln!(f, "  {what}: {count}, which nearhit has no place for")?;
        }
        self.sets.iter().take(MAX_SETS).try_for_each(|set| writeln!(f, "{set}"))?;
        if self.sets.len() > MAX_SETS {
            writeln!(f, "… and {} more vector sets", grouped((self.sets.len() - MAX_SETS) as u64))?;
        }
        match self.checksum {
            Some(Checksum::Verified) => writeln!(f, "checksum: verified"),
            Some(Checksum::Unchecked) => writeln!(f, "checksum: none"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys", grouped(self.keys))?;
        if self.expires > 0 {
            write!(f, ", {} of them end, {} have ended", grouped(self.expires), grouped(self.ended))?;
        }
        if self.has_empty {
            f.write_str(", some of them empty, which are dropped")?;
        }
        let note = "; nearhit has no such type (see rdb-skip-unknown-types)";
        f.write_str(if self.is_unknown { note } else { "" })
    }
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { db, key, elements, dim, kind, m } = self;
        let elements = grouped(*elements as u64);
        write!(f, "vector set '{key}' in database {db}: {elements} elements, {dim} components, {kind}, M {m}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persistence::rdb::Writer;
    use crate::persistence::rdb::format::opcode;

    fn file() -> Vec<u8> {
        let mut out = Writer::new(Vec::new(), false, true);
        let mut write = || {
            out.header()?;
            out.aux(b"redis-ver", b"8.6.2")?;
            for (byte, words) in [(0, &["text", "value"][..]), (4, &["hash"]), (1, &["list"])] {
                out.u8(opcode::EXPIRETIME_MS)?;
                out.raw(&5_i64.to_le_bytes())?;
                out.u8(byte)?;
                words.iter().try_for_each(|word| out.string(word.as_bytes()))?;
                if byte != 0 {
                    out.length(0)?;
                }
            }
            Ok::<_, std::io::Error>(())
        };
        write().and_then(|()| out.finish()).expect("memory does not fail")
    }

    #[test]
    fn contents_are_told() {
        let bytes = file();
        let (contents, _) = check(Reader::new(&bytes[..]), 10).expect("it is whole");
        let told = contents.to_string();
        for line in [
            "RDB version 13, ",
            "  redis-ver: 8.6.2\n",
            "database 0: 3 keys\n",
            "  string: 1 keys, 1 of them end, 1 have ended\n",
            "  hash: 1 keys, 1 of them end, 1 have ended, some of them empty, which are dropped\n",
            "  list: 1 keys, 1 of them end, 1 have ended; nearhit has no such type",
            "checksum: verified\n",
        ] {
            assert!(told.contains(line), "{told}");
        }
    }

    #[test]
    fn what_was_read_before_damage_is_told_too() {
        let mut bytes = file();
        let at = bytes.windows(4).position(|word| word == b"list").expect("it is there");
        bytes.truncate(at + 4);
        let Damaged { before, error } = check(Reader::new(&bytes[..]), 0).expect_err("it is cut off");
        assert!(before.to_string().contains("database 0: 2 keys\n"));
        assert!(error.to_string().ends_with("in the value of the key 'list'"), "{error}");
    }
}
