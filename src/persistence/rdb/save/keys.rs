//! Keys with their values, each in its database.

use std::io::{self, Write};

use super::{FileInfo, Form, commands};
use crate::keyspace::{Census, Entry, KeyAtCut, Keyspace, Lfu, Rule};
use crate::persistence::rdb::format::{NEXT_COLD, NEXT_KEY, NEXT_SEALED, NO_EVICT, opcode};
use crate::persistence::rdb::hash;
use crate::persistence::rdb::value::{type_of, write_commands, write_value};
use crate::persistence::rdb::vector_set::cold::words as cold_words;
use crate::persistence::rdb::writer::Writer;

/// Where keys are written.
pub(super) struct Keys<W> {
    out: Writer<W>,
    form: Form,
    uses: UseFigures,
    /// To which database the next key would belong.
    db: Option<usize>,
    /// What is written of each database before its first key; nothing if this is no whole file.
    sizes: Vec<Census>,
}

/// Which figures of use a snapshot has for its keys: those that the policy needs, as in Redis.
#[derive(Clone, Copy)]
pub(super) struct UseFigures {
    rule: Rule,
    lfu: Lfu,
    /// The moment at which all figures are taken.
    now_ms: i64,
}

impl UseFigures {
    pub(super) fn of(keyspace: &Keyspace) -> Self {
        let now_ms = keyspace.clock().now_ms();
        Self { rule: keyspace.policy().rule, lfu: keyspace.lfu(), now_ms }
    }

    fn write<W: Write>(self, entry: &Entry, out: &mut Writer<W>) -> io::Result<()> {
        match self.rule {
            Rule::Lru => {
                out.u8(opcode::IDLE)?;
                out.length(entry.idle_s(self.now_ms).into())
            }
            Rule::Lfu => {
                out.u8(opcode::FREQ)?;
                out.u8(entry.frequency(self.now_ms, self.lfu))
            }
            Rule::None | Rule::Lrm | Rule::Random | Rule::Ttl | Rule::Cost | Rule::Coverage => Ok(()),
        }
    }
}

impl Keys<Vec<u8>> {
    /// Takes what was written. What comes next may stand behind anything.
    pub(super) fn take(&mut self) -> io::Result<Vec<u8>> {
        self.db = None;
        self.out.take()
    }

    /// Bytes that [`take`](Self::take) would give.
    pub(super) fn untaken(&self) -> usize {
        self.out.untaken()
    }
}

impl<W: Write> Keys<W> {
    pub(super) fn new(out: Writer<W>, form: Form, uses: UseFigures, sizes: Vec<Census>) -> Self {
        Self { out, form, uses, db: None, sizes }
    }

    /// What a file begins with.
    pub(super) fn head(&mut self, info: &FileInfo) -> io::Result<()> {
        match self.form {
            Form::Snapshot => {
                self.out.header()?;
                let mut fields = info.fields().into_iter();
                fields.try_for_each(|(name, value)| self.out.aux(name.as_bytes(), value.as_bytes()))
            }
            Form::Commands { is_dated: true } => self.out.raw(format!("#TS:{}\r\n", info.made_s).as_bytes()),
            Form::Commands { is_dated: false } => Ok(()),
        }
    }

    pub(super) fn form(&self) -> Form {
        self.form
    }

    /// A key with a small value.
    pub(super) fn key(&mut self, old: &KeyAtCut) -> io::Result<()> {
        let form = self.form;
        let out = self.begin(old)?;
        match form {
            Form::Snapshot => write_value(out, old.entry.value()),
            Form::Commands { .. } => {
                let entry = &old.entry;
                write_commands(out, entry.key(), entry.value(), entry.deadline())?;
                commands::blessing(out, entry)
            }
        }
    }

    /// A key, whose value is to be written then; of commands, its database alone.
    pub(super) fn begin(&mut self, old: &KeyAtCut) -> io::Result<&mut Writer<W>> {
        self.select(old.db)?;
        if self.form != Form::Snapshot {
            return Ok(&mut self.out);
        }
        if old.entry.is_blessed() {
            self.out.aux(NEXT_KEY, NO_EVICT)?;
        }
        if let Some(cold) = old.entry.value().as_cold_set() {
            self.out.aux(NEXT_COLD, cold_words(cold.file()).as_bytes())?;
        }
        self.out.deadline(old.entry.deadline())?;
        self.uses.write(&old.entry, &mut self.out)?;
        let kind = old.fields.as_ref().map_or_else(|| type_of(old.entry.value()), hash::type_of_frozen);
        self.out.u8(kind as u8)?;
        self.out.string(old.entry.key())?;
        Ok(&mut self.out)
    }

    /// Says in which sealed files the value of the next key is too.
    pub(super) fn name_sealed(&mut self, old: &KeyAtCut, words: &str) -> io::Result<()> {
        self.select(old.db)?;
        self.out.aux(NEXT_SEALED, words.as_bytes())
    }

    fn select(&mut self, db: usize) -> io::Result<()> {
        if self.db == Some(db) {
            return Ok(());
        }
        self.db = Some(db);
        if self.form != Form::Snapshot {
            return commands::command(&mut self.out, &[b"SELECT", db.to_string().as_bytes()]);
        }
        self.out.select_db(db as u64)?;
        match self.sizes.get_mut(db).map(std::mem::take) {
            Some(Census { keys, expires, .. }) if keys > 0 => self.out.resize_db(keys as u64, expires as u64),
            _ => Ok(()),
        }
    }

    /// Keys that another has written, of whatever databases.
    pub(super) fn written(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.db = None;
        self.out.raw(bytes)
    }

    pub(super) fn finish(self) -> io::Result<W> {
        match self.form {
            Form::Snapshot => self.out.finish(),
            Form::Commands { .. } => self.out.end(),
        }
    }
}
