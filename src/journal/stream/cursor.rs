//! How far one reader has come, and when it is woken.
//!
//! ```text
//! Idle ── begin ──▶ Reading ── end ──▶ Ending ── the next division ──▶ Ended ── has read it ──▶ Idle
//!                      └── a follower too far behind ──▶ CutOff
//! ```

use std::sync::Arc;

use parking_lot::Condvar;

use super::divisions::Divisions;
use super::segments::Segments;
use super::{Batch, Taken};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It reads nothing.
    Idle,
    Reading,
    /// The next division is the last one that it reads.
    Ending,
    /// It reads up to the division of this number, at this place.
    Ended {
        division: u64,
        place: u64,
    },
    /// It was too slow: it reads nothing any more.
    CutOff,
}

#[derive(Debug)]
pub(super) struct Cursor {
    pub(super) id: u64,
    state: State,
    /// Bytes by which it may be behind before it is cut off; none: it holds writers instead.
    limit: Option<u64>,
    /// The place behind the last byte that it was given.
    place: u64,
    /// The number of the division that it reads next.
    division: u64,
    /// The thread that waits is to return.
    pub(super) is_woken: bool,
    /// Each change wakes it.
    pub(super) is_eager: bool,
    /// A reply is held back until all before this place is written.
    pub(super) wanted: u64,
    news: Arc<Condvar>,
}

impl Cursor {
    pub(super) fn new(id: u64, limit: Option<u64>, news: Arc<Condvar>) -> Self {
        Self {
            id,
            state: State::Idle,
            limit,
            place: 0,
            division: 0,
            is_woken: false,
            is_eager: limit.is_some(),
            wanted: 0,
            news,
        }
    }

    pub(super) fn begin(&mut self, place: u64, division: u64) {
        self.state = State::Reading;
        self.place = place;
        self.division = division;
    }

    pub(super) fn end(&mut self) {
        if self.is_reading() {
            self.state = State::Ending;
        }
    }

    /// True if changes to come are for it.
    pub(super) fn is_reading(&self) -> bool {
        self.state == State::Reading
    }

    pub(super) fn is_cut_off(&self) -> bool {
        self.state == State::CutOff
    }

    /// True if the next division is the last thing that it reads.
    pub(super) fn is_ending(&self) -> bool {
        self.state == State::Ending
    }

    pub(super) fn holds_writers(&self) -> bool {
        self.limit.is_none()
    }

    /// Bytes that it is still to be given, of a stream that ends at `end`.
    pub(super) fn lag(&self, end: u64) -> u64 {
        match self.state {
            State::Reading | State::Ending => end - self.place,
            State::Ended { place, .. } => place - self.place,
            State::Idle | State::CutOff => 0,
        }
    }

    /// What must be kept for it: the place and the number of the division that it reads next.
    pub(super) fn needs(&self) -> Option<(u64, u64)> {
        let needs_nothing = matches!(self.state, State::Idle | State::CutOff);
        (!needs_nothing).then_some((self.place, self.division))
    }

    fn next_division(&self, divisions: &Divisions) -> Option<u64> {
        match self.state {
            State::Reading | State::Ending | State::Ended { .. } => divisions.place(self.division),
            State::Idle | State::CutOff => None,
        }
    }

    /// True if there is a division that it has not read.
    pub(super) fn is_before_division(&self, divisions: &Divisions) -> bool {
        self.next_division(divisions).is_some()
    }

    /// True if it is to read now. `plenty`: bytes behind which a reader that holds writers may fall
    /// before it is woken.
    pub(super) fn is_urgent(&self, end: u64, divisions: &Divisions, plenty: u64) -> bool {
        let lag = self.lag(end);
        self.is_woken
            || self.is_cut_off()
            || self.is_eager && lag > 0
            || self.is_wanted()
            || lag >= self.plenty(plenty)
            || self.is_before_division(divisions)
    }

    /// True if something is wanted that it was not given.
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted > self.place
    }

    fn plenty(&self, of_writers: u64) -> u64 {
        self.limit.map_or(of_writers, |limit| limit / 4)
    }

    /// Notes that the stream has grown, and gives the bytes that the reader is behind. What the
    /// backlog keeps costs nothing: a follower may be that far behind, whatever its limit is.
    pub(super) fn note_growth(&mut self, before: u64, end: u64, plenty: u64, backlog: u64) -> u64 {
        if !self.is_reading() {
            return self.lag(end);
        }
        let old = before - self.place;
        let lag = end - self.place;
        let is_cut_off = self.limit.is_some_and(|limit| lag > limit.max(backlog));
        if is_cut_off {
            self.state = State::CutOff;
        }
        let plenty = self.plenty(plenty);
        let is_first = old == 0 && lag > 0;
        if is_cut_off || is_first && self.is_eager || old < plenty && lag >= plenty {
            self.news.notify_one();
        }
        lag
    }

    /// The stream was divided: the division has this number, and this place.
    pub(super) fn note_division(&mut self, division: u64, place: u64) {
        match self.state {
            State::Ending => self.state = State::Ended { division, place },
            State::Reading => {}
            _ => return,
        }
        self.news.notify_one();
    }

    pub(super) fn wake(&mut self) {
        self.is_woken = true;
        self.news.notify_one();
    }

    /// Gives the reader at most `max` bytes, and nothing behind the next division.
    pub(super) fn take(
        &mut self,
        segments: &Segments,
        divisions: &Divisions,
        max: u64,
        batch: &mut Batch,
    ) -> Taken {
        let division = self.next_division(divisions);
        let to = division.unwrap_or(self.place + self.lag(segments.end()));
        let to = to.min(self.place.saturating_add(max));
        segments.read(self.place, to, batch);
        self.place = to;
        let is_divided = division == Some(to);
        if is_divided {
            self.pass_division();
        }
        Taken { end: to, is_divided }
    }

    fn pass_division(&mut self) {
        if matches!(self.state, State::Ended { division, .. } if division == self.division) {
            self.state = State::Idle;
        }
        self.division += 1;
    }
}
