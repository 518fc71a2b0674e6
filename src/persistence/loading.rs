//! How far has the loading of the data come? What the loader writes down, and everybody reads.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

/// The loading that goes on, and what the last one came to.
#[derive(Debug, Default)]
pub struct Loading {
    is_on: AtomicBool,
    is_cancelled: AtomicBool,
    total_bytes: AtomicU64,
    loaded_bytes: AtomicU64,
    /// The memory of the server that wrote the file, in bytes, as the file has it.
    memory_then: AtomicU64,
    began: Mutex<Option<(Instant, u64)>>,
    last: Mutex<Tally>,
}

/// What came of the keys of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Keys that are there now.
    pub loaded: u64,
    /// Keys that had ended.
    pub ended: u64,
    /// Collections with nothing in them, which Redis drops as well.
    pub empty: u64,
    /// What was skipped since there is no such type here, by its name.
    pub skipped: BTreeMap<String, u64>,
}

impl Tally {
    /// Counts one more thing of a type that is not known here.
    pub fn skip(&mut self, kind: &str) {
        *self.skipped.entry(kind.to_owned()).or_default() += 1;
    }

    /// The counts of another file added to these.
    pub fn add(&mut self, other: &Self) {
        self.loaded += other.loaded;
        self.ended += other.ended;
        self.empty += other.empty;
        for (kind, count) in &other.skipped {
            *self.skipped.entry(kind.clone()).or_default() += count;
        }
    }

    /// `3 list, 1 zset`: what was skipped, for people. None if nothing was.
    pub fn skipped_words(&self) -> Option<String> {
        let words: Vec<_> = self.skipped.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        (!words.is_empty()).then(|| words.join(", "))
    }
}

/// How far it is at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Unix seconds at which it began.
    pub began_unix_s: u64,
    /// Bytes of all files.
    pub total_bytes: u64,
    /// Bytes of them that were read.
    pub loaded_bytes: u64,
    /// The memory of the server that wrote the file, in bytes, as the file has it; 0 if it has not.
    pub memory_then: u64,
    /// How long it has taken.
    pub elapsed: Duration,
}

impl Progress {
    /// 0 to 100.
    pub fn percent(&self) -> f64 {
        if self.total_bytes == 0 {
            return 0.0;
        }
        (self.loaded_bytes as f64 / self.total_bytes as f64 * 100.0).min(100.0)
    }

    /// Seconds that it will go on, if it goes on like this; 1 if that cannot be said (as Redis has
    /// it).
    pub fn left_s(&self) -> u64 {
        let left = self.total_bytes.saturating_sub(self.loaded_bytes) as f64;
        match self.loaded_bytes {
            0 => 1,
            loaded => (self.elapsed.as_secs_f64() * left / loaded as f64) as u64,
        }
    }
}

impl Loading {
    /// Begins: there are so many bytes to read.
    pub fn begin(&self, total_bytes: u64) {
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        *self.began.lock() = Some((Instant::now(), now_s));
        *self.last.lock() = Tally::default();
        self.total_bytes.store(total_bytes, Ordering::Relaxed);
        self.loaded_bytes.store(0, Ordering::Relaxed);
        self.memory_then.store(0, Ordering::Relaxed);
        self.is_on.store(true, Ordering::Release);
    }

    /// It is over, one way or the other.
    pub fn end(&self) {
        self.is_on.store(false, Ordering::Release);
    }

    /// True while data are being loaded: most commands have to wait.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Acquire)
    }

    /// Asks the loader to give up.
    pub fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Release);
    }

    /// True once the loader is to give up.
    pub fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Acquire)
    }

    /// How far it is, if it goes on.
    pub fn progress(&self) -> Option<Progress> {
        let (began, began_unix_s) = self.began.lock().filter(|_| self.is_on())?;
        Some(Progress {
            began_unix_s,
            total_bytes: self.total_bytes.load(Ordering::Relaxed),
            loaded_bytes: self.loaded_bytes.load(Ordering::Relaxed),
            memory_then: self.memory_then.load(Ordering::Relaxed),
            elapsed: began.elapsed(),
        })
    }

    /// What the last loading came to, or the present one has come to with the files that it is done
    /// with.
    pub fn tally(&self) -> Tally {
        self.last.lock().clone()
    }

    /// Adds what came of a file.
    pub fn count(&self, tally: &Tally) {
        self.last.lock().add(tally);
    }

    /// Notes what the server that wrote the file needed in memory.
    pub fn note_memory(&self, bytes: u64) {
        self.memory_then.store(bytes, Ordering::Relaxed);
    }

    /// The same file, of which each byte counts as progress, and which cannot be read any more when
    /// the loader is to give up.
    pub fn watch<R: Read>(&self, source: R) -> Watched<'_, R> {
        Watched { source, loading: self }
    }
}

/// A file that is being loaded.
#[derive(Debug)]
pub struct Watched<'l, R> {
    source: R,
    loading: &'l Loading,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if self.loading.is_cancelled() {
            return Err(io::Error::other("the server is to end"));
        }
        let read = self.source.read(room)?;
        self.loading.loaded_bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl<R: Seek> Seek for Watched<'_, R> {
    fn seek(&mut self, place: SeekFrom) -> io::Result<u64> {
        if let SeekFrom::Current(bytes @ 0..) = place {
            self.loading.loaded_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        }
        self.source.seek(place)
    }
}

/// A number with its digits in groups of three, for people.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_progress() {
        let loading = Loading::default();
        assert_eq!(loading.progress(), None);
        loading.begin(8);
        let mut source = loading.watch(&[0; 100][..]);
        source.read_exact(&mut [0; 2]).expect("there are more");
        let progress = loading.progress().expect("it is on");
        assert_eq!((progress.loaded_bytes, progress.percent()), (2, 25.0));
        loading.cancel();
        source.read_exact(&mut [0; 2]).expect_err("it gives up");
        loading.end();
        assert!(!loading.is_on() && loading.progress().is_none());
    }

    #[test]
    fn progress_tells_how_long_it_will_go_on() {
        let at = |loaded_bytes, total_bytes| Progress {
            began_unix_s: 0,
            total_bytes,
            loaded_bytes,
            memory_then: 0,
            elapsed: Duration::from_secs(10),
        };
        assert_eq!((at(25, 100).left_s(), at(0, 100).left_s(), at(100, 100).left_s()), (30, 1, 0));
        assert_eq!((at(25, 100).percent(), at(0, 0).percent(), at(9, 3).percent()), (25.0, 0.0, 100.0));
    }

    #[test]
    fn digits_stand_in_groups() {
        assert_eq!([0, 12, 999, 1000, 1_234_567].map(grouped), ["0", "12", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn tallies_add_up() {
        let mut tally = Tally { loaded: 1, ..Tally::default() };
        assert_eq!(tally.skipped_words(), None);
        tally.skip("list");
        let mut sum = Tally { ended: 2, ..tally.clone() };
        sum.skip("zset");
        sum.add(&tally);
        assert_eq!((sum.loaded, sum.ended, sum.skipped_words()), (2, 2, Some("2 list, 1 zset".into())));
    }
}
