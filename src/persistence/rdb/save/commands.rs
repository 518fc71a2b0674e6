//! Keys as the commands that make them, for bases of logs that are no snapshots.
//!
//! ```text
//! string       SET key value
//! hash         HMSET key field value …                        64 fields at most
//!              HPEXPIREAT key ms FIELDS 1 field               for each field that expires
//! vector set   RESTORE key ms dump [ABSTTL]                   ms: when the key expires, 0 for never
//! deadline     PEXPIREAT key ms                               behind strings and hashes
//! blessed      BLESS SET key NO-EVICT                         behind all that, for blessed keys
//! ```
//!
//! Redis 8.6 has the same commands (BLESS is of 8.12), but for vector sets, at which its rewrite
//! crashes. Those are dumped: VADD cannot say what a set of `REDUCE` keeps, whose vectors were
//! projected, nor what a set has learnt; codes rounded a second time would be others; and no vector
//! is indexed again when the base is loaded.
//!
//! The length of a dump stands before it, so it goes through the spill.

use std::borrow::Cow;
use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use crate::keyspace::{Deadline, Entry, KeyAtCut};
use crate::persistence::rdb::format::{MAX_STRING_LEN, VERSION, ValueType};
use crate::persistence::rdb::writer::Writer;
use crate::vector_set::{Place, Spill};

/// Fields in one command (Redis: `AOF_REWRITE_ITEMS_PER_CMD`).
const FIELDS_AT_ONCE: usize = 64;
/// Bytes of a dump in memory.
const LIMIT: usize = if cfg!(test) { 4096 } else { 1024 * 1024 };

/// A field with its value and its expiry.
pub(in crate::persistence::rdb) type Field<'f> = (&'f [u8], Cow<'f, [u8]>, Deadline);

/// A command of these words.
pub(in crate::persistence::rdb) fn command<W: Write>(out: &mut Writer<W>, words: &[&[u8]]) -> io::Result<()> {
    begin(out, words.len())?;
    words.iter().try_for_each(|text| word(out, text))
}

fn begin<W: Write>(out: &mut Writer<W>, words: usize) -> io::Result<()> {
    out.raw(format!("*{words}\r\n").as_bytes())
}

fn word<W: Write>(out: &mut Writer<W>, text: &[u8]) -> io::Result<()> {
    out.raw(format!("${}\r\n", text.len()).as_bytes())?;
    out.raw(text)?;
    out.raw(b"\r\n")
}

/// A key that is made of the dump of its value.
pub(in crate::persistence::rdb) fn restore<W: Write>(
    out: &mut Writer<W>,
    key: &[u8],
    deadline: Deadline,
    dump: &[u8],
) -> io::Result<()> {
    begin_restore(out, key, deadline)?;
    word(out, dump)?;
    end_restore(out, deadline)
}

/// When a key expires.
pub(in crate::persistence::rdb) fn end<W: Write>(
    out: &mut Writer<W>,
    key: &[u8],
    deadline: Deadline,
) -> io::Result<()> {
    let Some(end_ms) = deadline.unix_ms() else { return Ok(()) };
    command(out, &[b"PEXPIREAT", key, end_ms.to_string().as_bytes()])
}

/// The protection of a key, if it has one.
pub(super) fn blessing<W: Write>(out: &mut Writer<W>, entry: &Entry) -> io::Result<()> {
    if !entry.is_blessed() {
        return Ok(());
    }
    command(out, &[b"BLESS", b"SET", entry.key(), b"NO-EVICT"])
}

/// Fields of a hash.
pub(in crate::persistence::rdb) fn fields<W: Write>(
    out: &mut Writer<W>,
    key: &[u8],
    fields: &[Field<'_>],
) -> io::Result<()> {
    for some in fields.chunks(FIELDS_AT_ONCE) {
        begin(out, 2 + 2 * some.len())?;
        word(out, b"HMSET")?;
        word(out, key)?;
        for (name, value, _) in some {
            word(out, name)?;
            word(out, value)?;
        }
    }
    let timed = fields.iter().filter_map(|(name, _, deadline)| Some((name, deadline.unix_ms()?)));
    timed.into_iter().try_for_each(|(name, end_ms)| {
        command(out, &[b"HPEXPIREAT", key, end_ms.to_string().as_bytes(), b"FIELDS", b"1", name])
    })
}

/// Up to the dump.
fn begin_restore<W: Write>(out: &mut Writer<W>, key: &[u8], deadline: Deadline) -> io::Result<()> {
    begin(out, if deadline == Deadline::NEVER { 4 } else { 5 })?;
    word(out, b"RESTORE")?;
    word(out, key)?;
    word(out, deadline.unix_ms().unwrap_or(0).to_string().as_bytes())
}

fn end_restore<W: Write>(out: &mut Writer<W>, deadline: Deadline) -> io::Result<()> {
    if deadline == Deadline::NEVER { Ok(()) } else { word(out, b"ABSTTL") }
}

/// The dump of a large value, which is given in parts. Most of it lies in the spill.
pub(super) struct Dumped {
    kept: Rc<RefCell<Vec<u8>>>,
    places: Vec<Place>,
}

/// What takes the bytes of a dump.
pub(super) struct Intake {
    kept: Rc<RefCell<Vec<u8>>>,
    len: usize,
}

impl Dumped {
    /// The beginning of a dump of this type, and where the value is to be written.
    pub(super) fn begin(kind: ValueType) -> io::Result<(Self, Writer<Intake>)> {
        let kept = Rc::default();
        let intake = Intake { kept: Rc::clone(&kept), len: 0 };
        let mut out = Writer::new(intake, false, true);
        out.u8(kind as u8)?;
        Ok((Self { kept, places: Vec::new() }, out))
    }

    /// Moves what has come into the spill, if it is much.
    pub(super) fn relieve(&mut self, spill: &mut dyn Spill) -> io::Result<()> {
        let mut kept = self.kept.borrow_mut();
        if kept.len() > LIMIT {
            self.places.push(spill.append(&kept)?);
            kept.clear();
        }
        Ok(())
    }

    /// Ends the dump, and writes the command with it.
    pub(super) fn finish<W: Write>(
        self,
        mut dump: Writer<Intake>,
        old: &KeyAtCut,
        out: &mut Writer<W>,
        spill: &mut dyn Spill,
    ) -> io::Result<()> {
        dump.raw(&VERSION.to_le_bytes())?;
        let len = dump.seal()?.len;
        begin_restore(out, old.entry.key(), old.entry.deadline())?;
        out.raw(format!("${len}\r\n").as_bytes())?;
        let mut bytes = Vec::new();
        for place in self.places {
            bytes.clear();
            spill.read(place, &mut bytes)?;
            out.raw(&bytes)?;
        }
        out.raw(&self.kept.borrow())?;
        out.raw(b"\r\n")?;
        end_restore(out, old.entry.deadline())?;
        blessing(out, &old.entry)
    }
}

impl Write for Intake {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.len += bytes.len();
        if self.len > MAX_STRING_LEN {
            let words =
                format!("a vector set is longer than {MAX_STRING_LEN} bytes, which no command may have");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, words));
        }
        self.kept.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
