//! `CLIENT PAUSE`: which commands are held back now, and until when.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Which commands a pause holds back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Paused {
    /// None.
    Nothing = 0,
    /// Those that may change data.
    Writes = 1,
    /// All.
    Everything = 2,
}

/// What is held back, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InForce {
    /// Which commands.
    pub scope: Paused,
    /// The end of the pause, as known now.
    pub until: Instant,
}

/// The pause in force. A command reads one word, which changes only when a pause begins or ends.
#[derive(Debug)]
pub struct Pause {
    scope: AtomicU8,
    end: Mutex<Option<Instant>>,
}

impl Default for Pause {
    fn default() -> Self {
        Self { scope: AtomicU8::new(Paused::Nothing as u8), end: Mutex::new(None) }
    }
}

impl Pause {
    /// Pauses for this long at least. A pause in force never gets shorter nor narrower.
    pub fn begin(&self, scope: Paused, time: Duration) {
        let now = Instant::now();
        let mut end = self.end.lock();
        let running = end.filter(|end| *end > now);
        let wider = if running.is_some() { self.scope().max(scope) } else { scope };
        // A time beyond what an instant can hold becomes a very late one.
        let until = now.checked_add(time).unwrap_or(now + Duration::from_secs(u32::MAX.into()));
        *end = Some(running.map_or(until, |running| running.max(until)));
        self.scope.store(wider as u8, Ordering::Release);
    }

    /// Ends the pause. The caller wakes the connections that hold requests back.
    pub fn end(&self) {
        let mut end = self.end.lock();
        *end = None;
        self.scope.store(Paused::Nothing as u8, Ordering::Release);
    }

    /// What is held back, without a look at the clock.
    fn scope(&self) -> Paused {
        match self.scope.load(Ordering::Acquire) {
            0 => Paused::Nothing,
            1 => Paused::Writes,
            _ => Paused::Everything,
        }
    }

    /// The pause, if there is one. Reads one word if not.
    pub fn in_force(&self) -> Option<InForce> {
        match self.scope() {
            Paused::Nothing => None,
            _ => self.unless_over(),
        }
    }

    #[cold]
    fn unless_over(&self) -> Option<InForce> {
        let mut end = self.end.lock();
        let until = end.filter(|end| *end > Instant::now());
        if until.is_none() {
            *end = None;
            self.scope.store(Paused::Nothing as u8, Ordering::Release);
        }
        until.map(|until| InForce { scope: self.scope(), until })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    fn scope(pause: &Pause) -> Option<Paused> {
        pause.in_force().map(|pause| pause.scope)
    }

    #[test]
    fn a_pause_gets_neither_shorter_nor_narrower() {
        let pause = Pause::default();
        assert_eq!(pause.in_force(), None);
        pause.begin(Paused::Everything, LONG);
        let first = pause.in_force();
        assert_eq!(scope(&pause), Some(Paused::Everything));
        pause.begin(Paused::Writes, Duration::ZERO);
        assert_eq!(pause.in_force(), first);
        pause.end();
        assert_eq!(pause.in_force(), None);
    }

    #[test]
    fn a_finished_pause_holds_nothing_back() {
        let pause = Pause::default();
        pause.begin(Paused::Everything, Duration::ZERO);
        assert_eq!(pause.in_force(), None);
        pause.begin(Paused::Everything, Duration::ZERO);
        pause.begin(Paused::Writes, LONG);
        assert_eq!(scope(&pause), Some(Paused::Writes));
        pause.begin(Paused::Writes, Duration::MAX);
        assert_eq!(scope(&pause), Some(Paused::Writes));
    }
}
