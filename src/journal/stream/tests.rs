//! Several readers of one stream.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::segments::SEGMENT;
use super::*;
use crate::journal::{Journal, Record};

/// Writes a change down that is nothing but these bytes, in database 0.
fn change(journal: &Journal, bytes: impl Into<Bytes>) -> u64 {
    Record::new(journal, 0, &bytes.into()).commit();
    last_written()
}

/// A change of `len` bytes.
fn long(journal: &Journal, len: usize) -> u64 {
    change(journal, vec![b'x'; len])
}

fn heap_bytes(journal: &Journal) -> usize {
    journal.stream.tail.lock().segments.heap_bytes()
}

fn divisions_kept(journal: &Journal) -> u64 {
    let tail = journal.stream.tail.lock();
    (0..tail.divisions.next()).filter(|number| tail.divisions.place(*number).is_some()).count() as u64
}

/// What a reader has seen, piece by piece, and where it began.
#[derive(Debug, Default)]
struct Seen {
    pieces: Vec<Vec<u8>>,
    place: u64,
}

impl Seen {
    fn from(place: u64) -> Self {
        Self { pieces: vec![Vec::new()], place }
    }

    fn note(&mut self, batch: &mut Batch, taken: Taken) {
        assert_eq!(batch.slices().map(<[u8]>::len).sum::<usize>(), batch.len());
        self.place += batch.len() as u64;
        assert_eq!(taken.end, self.place);
        self.pieces.last_mut().expect("one is open").extend_from_slice(&batch.to_vec());
        if taken.is_divided {
            self.pieces.push(Vec::new());
        }
        batch.clear();
    }
}

/// What was written down, piece by piece.
struct Written {
    pieces: Vec<Vec<u8>>,
    /// The database that is selected in the last piece.
    db: Option<usize>,
    filler: u8,
}

impl Default for Written {
    fn default() -> Self {
        Self { pieces: vec![Vec::new()], db: None, filler: 0 }
    }
}

impl Written {
    fn change(&mut self, journal: &Journal, db: usize, len: usize) {
        self.filler = self.filler.wrapping_add(1);
        let record = vec![self.filler; len];
        let piece = self.pieces.last_mut().expect("one is open");
        if self.db.replace(db) != Some(db) {
            piece.extend_from_slice(format!("*2\r\n$6\r\nSELECT\r\n$1\r\n{db}\r\n").as_bytes());
        }
        piece.extend_from_slice(&record);
        Record::new(journal, db, &record.into()).commit();
    }

    fn divide(&mut self, journal: &Journal) {
        journal.divide(|| ());
        self.pieces.push(Vec::new());
        self.db = None;
    }
}

/// Takes everything.
fn drain(follower: &Follower, seen: &mut Seen) -> Result<(), CutOff> {
    let mut batch = Batch::default();
    loop {
        let taken = follower.take(usize::MAX, &mut batch)?;
        let is_all = batch.is_empty() && !taken.is_divided;
        seen.note(&mut batch, taken);
        if is_all {
            return Ok(());
        }
    }
}

fn drain_reader(reader: &Reader, seen: &mut Seen) {
    let mut batch = Batch::default();
    loop {
        let taken = reader.take(&mut batch);
        let is_all = batch.is_empty() && !taken.is_divided;
        seen.note(&mut batch, taken);
        if is_all {
            return;
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Change(usize, usize),
    Divide,
    Read,
    /// Which follower, and at most how many bytes.
    Follow(usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let len = prop_oneof![4 => 1..200usize, 1 => SEGMENT - 40..SEGMENT + 40, 1 => 1..3 * SEGMENT];
    let step = prop_oneof![
        6 => (0..3usize, len).prop_map(|(db, len)| Step::Change(db, len)),
        1 => Just(Step::Divide),
        2 => Just(Step::Read),
        3 => (0..2usize, prop_oneof![1..5000usize, Just(usize::MAX)])
            .prop_map(|(follower, max)| Step::Follow(follower, max)),
    ];
    proptest::collection::vec(step, 0..120)
}

proptest! {
    /// At any speed, all see the same pieces, and no more is kept than the slowest has to read.
    #[test]
    fn all_readers_see_the_same(steps in steps()) {
        let journal = Arc::new(Journal::new());
        let reader = journal.reader();
        reader.begin();
        let begin = journal.end();
        let followers = [journal.follow(usize::MAX), journal.follow(usize::MAX)];
        let mut seen = [Seen::from(begin), Seen::from(begin), Seen::from(begin)];
        let mut written = Written::default();
        for step in steps {
            match step {
                Step::Change(db, len) => written.change(&journal, db, len),
                Step::Divide => written.divide(&journal),
                Step::Read => {
                    let mut batch = Batch::default();
                    let taken = reader.take(&mut batch);
                    seen[0].note(&mut batch, taken);
                }
                Step::Follow(which, max) => {
                    let mut batch = Batch::default();
                    let taken = followers[which].take(max, &mut batch).expect("it has no limit");
                    seen[which + 1].note(&mut batch, taken);
                }
            }
            prop_assert_eq!(journal.buffered_bytes() as u64, journal.end() - seen[0].place);
            let slowest = seen.iter().map(|seen| seen.place).min().expect("there are three");
            let owed = (journal.end() - slowest) as usize;
            prop_assert!(heap_bytes(&journal) <= owed + 2 * SEGMENT);
        }
        drain_reader(&reader, &mut seen[0]);
        for (follower, seen) in followers.iter().zip(&mut seen[1..]) {
            drain(follower, seen).expect("it has no limit");
        }
        prop_assert_eq!(&seen[0].pieces, &written.pieces);
        prop_assert_eq!(&seen[0].pieces, &seen[1].pieces);
        prop_assert_eq!(&seen[0].pieces, &seen[2].pieces);
        prop_assert_eq!(seen[0].place, journal.end());
        prop_assert!(heap_bytes(&journal) <= SEGMENT && divisions_kept(&journal) == 0);
    }

    /// A follower that comes later sees the end of what those before it have seen.
    #[test]
    fn a_follower_from_a_place_sees_all_behind_it(
        lens in proptest::collection::vec(1..2000usize, 1..80),
        backlog in 1..4 * SEGMENT,
        divide_every in 1..20usize,
        at in 0.0..1.0,
    ) {
        let journal = Arc::new(Journal::new());
        journal.set_backlog(backlog);
        let begin = journal.end();
        let first = journal.follow(usize::MAX);
        let mut seen = Seen::from(begin);
        for (number, len) in lens.into_iter().enumerate() {
            change(&journal, vec![number as u8; len]);
            drain(&first, &mut seen).expect("it has no limit");
            if number % divide_every == 0 {
                journal.divide(|| ());
                drain(&first, &mut seen).expect("it has no limit");
            }
        }
        let len = journal.end() - begin;
        prop_assert!(heap_bytes(&journal) <= backlog + 2 * SEGMENT);
        let place = begin + (at * len as f64) as u64;
        match journal.follow_from(place, usize::MAX) {
            Ok(follower) => {
                let mut late = Seen::from(place);
                drain(&follower, &mut late).expect("it has no limit");
                let all = seen.pieces.concat();
                prop_assert_eq!(&late.pieces.concat()[..], &all[(place - begin) as usize..]);
                // The pieces are the same from the second one on: the first one is a part of one.
                let same = late.pieces.len() - 1;
                prop_assert_eq!(&late.pieces[1..], &seen.pieces[seen.pieces.len() - same..]);
            }
            Err(NotKept { .. }) => prop_assert!(journal.end() - place > backlog as u64),
        }
        prop_assert!(journal.follow_from(journal.end() + 1, 1).is_err());
        prop_assert!(journal.follow_from(begin - 1, 1).is_err());
    }
}

#[test]
fn a_follower_that_is_too_slow_is_cut_off_and_writers_are_not_held_for_it() {
    let journal = Arc::new(Journal::new());
    journal.set_stream_limit(1000);
    let follower = journal.follow(10 * SEGMENT);
    let quick = journal.follow(10 * SEGMENT);
    let mut seen = Seen::from(journal.end());
    for _ in 0..9 {
        long(&journal, SEGMENT);
        drain(&quick, &mut seen).expect("it keeps up");
    }
    assert!(!journal.is_full() && journal.buffered_bytes() == 0);
    assert!(heap_bytes(&journal) >= 9 * SEGMENT);
    long(&journal, 2 * SEGMENT);
    assert_eq!(follower.take(1, &mut Batch::default()), Err(CutOff));
    follower.wait(Duration::from_secs(600));
    drain(&quick, &mut seen).expect("it keeps up");
    assert!(heap_bytes(&journal) <= SEGMENT, "nothing is kept for it");
    drop((follower, quick));
    assert_eq!((heap_bytes(&journal), journal.is_streaming()), (0, false));
}

#[test]
fn a_follower_may_be_behind_by_what_the_backlog_keeps_anyway() {
    let journal = Arc::new(Journal::new());
    journal.set_backlog(4 * SEGMENT);
    let place = journal.end();
    long(&journal, 2 * SEGMENT);
    let follower = journal.follow_from(place, 10).expect("that is kept");
    let mut seen = Seen::from(place);
    long(&journal, SEGMENT);
    assert_eq!(drain(&follower, &mut seen), Ok(()));
    long(&journal, 4 * SEGMENT + 1);
    assert_eq!(drain(&follower, &mut seen), Err(CutOff));
}

#[test]
fn writers_are_held_for_the_slowest_reader_that_must_have_everything() {
    let journal = Arc::new(Journal::new());
    journal.set_stream_limit(1000);
    let readers = [journal.reader(), journal.reader()];
    readers.iter().for_each(Reader::begin);
    long(&journal, 1000);
    readers[0].take(&mut Batch::default());
    assert!(journal.is_full());
    readers[1].take(&mut Batch::default());
    assert!(!journal.is_full());
}

#[test]
fn nothing_is_kept_without_a_reader_and_a_backlog() {
    let journal = Arc::new(Journal::new());
    assert_eq!(long(&journal, 100), 0);
    let reader = journal.reader();
    long(&journal, 100);
    assert_eq!((heap_bytes(&journal), journal.is_streaming()), (0, false));
    reader.begin();
    long(&journal, 3 * SEGMENT);
    assert!(heap_bytes(&journal) > 3 * SEGMENT && journal.is_streaming());
    reader.take(&mut Batch::default());
    assert!(heap_bytes(&journal) <= SEGMENT);
    journal.divide(|| reader.end());
    assert!(!reader.is_on() && !journal.is_streaming());
    long(&journal, 100);
    let taken = reader.take(&mut Batch::default());
    assert!(taken.is_divided, "the division at which it ended");
    journal.divide(|| ());
    assert_eq!((heap_bytes(&journal), divisions_kept(&journal)), (0, 0));
    journal.set_backlog(100);
    long(&journal, 3 * SEGMENT);
    assert!((1..3 * SEGMENT).contains(&heap_bytes(&journal)));
    journal.set_backlog(0);
    assert_eq!((heap_bytes(&journal), journal.is_streaming()), (0, false));
}

#[test]
fn a_reader_that_ends_reads_what_there_was_while_others_go_on() {
    let journal = Arc::new(Journal::new());
    let reader = journal.reader();
    reader.begin();
    let follower = journal.follow(usize::MAX);
    let mut seen = Seen::from(journal.end());
    change(&journal, "a");
    journal.divide(|| reader.end());
    change(&journal, "b");
    journal.divide(|| ());
    change(&journal, "c");
    let mut batch = Batch::default();
    assert!(reader.take(&mut batch).is_divided && batch.to_vec().ends_with(b"a"));
    batch.clear();
    assert!(!reader.take(&mut batch).is_divided && batch.is_empty());
    assert_eq!(journal.buffered_bytes(), 0);
    drain(&follower, &mut seen).expect("it has no limit");
    assert_eq!(seen.pieces.len(), 3);
    // It may begin again.
    reader.begin();
    change(&journal, "d");
    reader.take(&mut batch);
    assert_eq!(batch.to_vec(), b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\nd", "with its database");
}

#[test]
fn a_place_of_before_the_stream_was_off_is_refused() {
    let journal = Arc::new(Journal::new());
    journal.set_backlog(SEGMENT);
    let place = long(&journal, 100);
    assert!(journal.follow_from(place, 1).is_ok());
    journal.set_backlog(0);
    assert_eq!(journal.follow_from(place, 1).err(), Some(NotKept { place }));
    // That is not in the stream.
    long(&journal, 100);
    journal.set_backlog(SEGMENT);
    assert_eq!(journal.follow_from(place, 1).err(), Some(NotKept { place }));
    assert!(journal.follow_from(journal.end(), 1).is_ok());
}

#[test]
fn a_follower_is_woken_by_each_change_and_may_be_dropped_at_any_time() {
    let journal = Arc::new(Journal::new());
    let mut follower = journal.follow(SEGMENT);
    let is_enough = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0_usize.. {
                if is_enough.load(Ordering::Acquire) {
                    return;
                }
                long(&journal, 1 + number % 700);
                if number.is_multiple_of(100) {
                    journal.divide(|| ());
                    std::thread::yield_now();
                }
            }
        });
        let mut seen = 0;
        let mut batch = Batch::default();
        while seen < 20_000 {
            follower.wait(Duration::from_millis(20));
            match follower.take(1000, &mut batch) {
                Ok(_) => seen += batch.len(),
                Err(CutOff) => follower = journal.follow(SEGMENT),
            }
            batch.clear();
        }
        is_enough.store(true, Ordering::Release);
    });
    drop(follower);
    assert_eq!(heap_bytes(&journal), 0);
}
