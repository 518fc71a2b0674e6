//! The right to change data once, and what is written down of the change.
//!
//! A write command is given one [`Record`]. The code that makes the change visible consumes it
//! there, inside the same critical section, so that the order of the journal is the order in which
//! readers saw the changes.

use std::fmt;

use bytes::Bytes;

use super::{Effects, Journal, Passage};

/// The right to change data once. Not `Clone`: a change cannot be written down twice. Dropped
/// without [`commit`](Self::commit), it says that nothing has changed.
#[derive(Debug)]
#[must_use = "a change must be committed where it becomes visible; drop the record only if nothing changed"]
pub struct Record<'a> {
    spend: Option<Spend<'a>>,
    subject: Option<&'a dyn Subject>,
}

/// What a change is about, where the code that commits it does not have that.
pub trait Subject: fmt::Debug {
    /// Called when the record is spent, inside the critical section that makes the change visible.
    fn changed(&self);

    /// True if [`report`](Self::report) is to be called with such changes.
    fn wants(&self, change: PartChange) -> bool;

    /// Called with parts of the subject that were changed, inside the critical section that makes
    /// that visible.
    fn report(&self, change: PartChange, parts: &[&[u8]]);

    /// Writes down that a part of the subject was removed which no request has named.
    fn lost(&self, part: &[u8], effects: &mut Effects<'_>);
}

/// What a change has done to parts of its subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartChange {
    /// They were added or updated.
    Put,
    /// They were removed.
    Removed,
    /// What is known of them beside their values was changed.
    Described,
    /// They got other deadlines.
    Rescheduled,
    /// They lost their deadlines.
    Persisted,
    /// They were removed as they had expired.
    Expired,
    /// They were removed to keep within a limit.
    Evicted,
}

#[derive(Debug)]
struct Spend<'a> {
    journal: &'a Journal,
    db: usize,
    request: &'a Bytes,
    /// What is to be written in place of the request.
    effects: Option<Vec<u8>>,
}

impl<'a> Record<'a> {
    /// The right to make the change of `request` (its wire bytes) in database `db`.
    pub fn new(journal: &'a Journal, db: usize, request: &'a Bytes) -> Self {
        Self { spend: Some(Spend { journal, db, request, effects: None }), subject: None }
    }

    /// The right to remove parts that no request names: what has expired, or is evicted. To be
    /// spent by [`commit_losses`](Self::commit_losses).
    pub fn without_request(journal: &'a Journal, db: usize) -> Self {
        static NO_REQUEST: Bytes = Bytes::new();
        Self::new(journal, db, &NO_REQUEST)
    }

    /// The right to a change that is written down nowhere: replay, tests.
    pub fn unlogged() -> Record<'static> {
        Record { spend: None, subject: None }
    }

    /// The same right, to be written down as other commands: where the request itself would not
    /// have the same effect when it is run again later (times relative to now, results of
    /// floating-point sums), or where fewer words will do. The last call decides; if it gives no
    /// command, nothing is written.
    pub fn instead(mut self, effects: impl FnOnce(&mut Effects<'_>)) -> Self {
        if let Some(spend) = self.spend.as_mut().filter(|spend| spend.journal.is_streaming()) {
            let mut bytes = Vec::new();
            effects(&mut Effects::new(&mut bytes));
            spend.effects = Some(bytes);
        }
        self
    }

    /// The same right, to be written down as a change of another database than that of the request.
    pub fn in_db(mut self, db: usize) -> Self {
        self.spend.iter_mut().for_each(|spend| spend.db = db);
        self
    }

    /// The same right, to change this subject; none if its observers are called otherwise.
    pub fn about<'s>(self, subject: Option<&'s dyn Subject>) -> Record<'s>
    where
        'a: 's,
    {
        Record { subject, ..self }
    }

    /// Enters the gate of the journal: before the locks under which the change is made. None for a
    /// change that is written down nowhere.
    pub fn enter(&self) -> Option<Passage<'a>> {
        self.spend.as_ref().map(|spend| spend.journal.enter())
    }

    /// Writes down that parts of the subject were removed which no request has named, before the
    /// change itself. As in Redis for keys, that does not count as a change. To be called as
    /// [`commit`](Self::commit) is.
    pub fn note_lost<P: AsRef<[u8]>>(&self, parts: &[P]) {
        if let (Some(spend), Some(subject), false) = (&self.spend, self.subject, parts.is_empty()) {
            spend.journal.note(spend.db, |effects| {
                parts.iter().for_each(|part| subject.lost(part.as_ref(), effects));
            });
        }
    }

    /// Reports parts of the subject that were changed. To be called as [`commit`](Self::commit) is,
    /// before it. Nothing is collected if nothing is to be reported.
    pub fn report<'p>(&self, change: PartChange, parts: impl IntoIterator<Item = &'p [u8]>) {
        let Some(subject) = self.subject.filter(|subject| subject.wants(change)) else { return };
        let parts: Vec<&[u8]> = parts.into_iter().collect();
        if !parts.is_empty() {
            subject.report(change, &parts);
        }
    }

    /// Spends the record when nothing was changed but what [`note_lost`](Self::note_lost) has
    /// written down.
    pub fn commit_losses(self) {
        if let Some(subject) = self.subject {
            subject.changed();
        }
    }

    /// Writes the change down. To be called inside the critical section that makes it visible.
    pub fn commit(self) {
        self.commit_and_lose::<&[u8]>(&[]);
    }

    /// The same, and behind the change that parts of the subject were removed for it, as
    /// [`note_lost`](Self::note_lost) does it.
    pub fn commit_and_lose<P: AsRef<[u8]>>(self, parts: &[P]) {
        if let Some(subject) = self.subject {
            subject.changed();
        }
        if let Some(Spend { journal, db, request, effects }) = &self.spend {
            journal.commit(*db, effects.as_deref().unwrap_or(request));
        }
        self.note_lost(parts);
    }
}
