//! Times at which the server was slow, by what made it so: `LATENCY`.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use crate::commands::spec::Flags;

/// Limit of the samples of an event.
const MAX_SAMPLES: usize = 160;

/// A possible cause of latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// A command that is not meant to be fast.
    Command,
    /// A round of active expiry.
    ExpireCycle,
    /// A command that is meant to be fast.
    FastCommand,
}

impl Event {
    /// All of them.
    pub const ALL: [Event; 3] = [Event::Command, Event::ExpireCycle, Event::FastCommand];

    /// Its name in Redis.
    pub const fn name(self) -> &'static str {
        match self {
            Event::Command => "command",
            Event::ExpireCycle => "expire-cycle",
            Event::FastCommand => "fast-command",
        }
    }

    /// The event of this name, in any case.
    pub fn named(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.name().as_bytes().eq_ignore_ascii_case(name))
    }

    pub(super) fn of(flags: Flags) -> Self {
        if flags.has(Flags::FAST) { Event::FastCommand } else { Event::Command }
    }
}

/// The longest event of one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The second, in Unix time.
    pub unix_s: u64,
    /// How long it took.
    pub millis: u64,
}

/// The samples of one event.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// Oldest first.
    pub samples: VecDeque<Sample>,
    /// The longest since the series began.
    pub max_millis: u64,
}

/// The series of all events that have happened. Only slow commands and rounds take its lock.
#[derive(Debug, Default)]
pub struct Latency(Mutex<BTreeMap<Event, Series>>);

impl Latency {
    /// Adds an event that happened now.
    pub fn note(&self, event: Event, took: Duration) {
        let unix_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.0.lock().entry(event).or_default().add(Sample { unix_s, millis });
    }

    /// Every series, by the name of its event.
    pub fn all(&self) -> Vec<(Event, Series)> {
        self.0.lock().iter().map(|(event, series)| (*event, series.clone())).collect()
    }

    /// The series of one event, if it has happened.
    pub fn of(&self, event: Event) -> Option<Series> {
        self.0.lock().get(&event).cloned()
    }

    /// Removes the series of one event; true if it had happened.
    pub fn remove(&self, event: Event) -> bool {
        self.0.lock().remove(&event).is_some()
    }
}

impl Series {
    fn add(&mut self, sample: Sample) {
        self.max_millis = self.max_millis.max(sample.millis);
        if let Some(last) = self.samples.back_mut().filter(|last| last.unix_s == sample.unix_s) {
            last.millis = last.millis.max(sample.millis);
            return;
        }
        if self.samples.len() == MAX_SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_one_sample_and_old_samples_go() {
        let mut series = Series::default();
        series.add(Sample { unix_s: 1, millis: 5 });
        series.add(Sample { unix_s: 1, millis: 3 });
        assert_eq!(series.samples, [Sample { unix_s: 1, millis: 5 }]);
        (2..200).for_each(|unix_s| series.add(Sample { unix_s, millis: 1 }));
        assert_eq!((series.samples.len(), series.max_millis), (MAX_SAMPLES, 5));
        assert_eq!(series.samples[0].unix_s, 40);
    }

    #[test]
    fn events_are_found_by_name_and_forgotten() {
        let latency = Latency::default();
        latency.note(Event::Command, Duration::from_millis(7));
        let event = Event::named(b"Command").expect("it is one");
        assert_eq!(latency.of(event).map(|series| series.max_millis), Some(7));
        assert!(latency.remove(event) && !latency.remove(event) && latency.all().is_empty());
        assert_eq!(Event::named(b"fork"), None);
    }
}
