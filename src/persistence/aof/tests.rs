//! The writer over files that fail, and what a power failure leaves of them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;

use super::disk::{Increment, Increments, LogFile};
use super::status::{Order, Status, SyncPolicy, Turned};
use super::writer::Writer;
use crate::journal::{Journal, Record, last_written};

/// A disk whose files fail on demand.
struct Disk {
    files: Mutex<Vec<Arc<FakeFile>>>,
    faults: Arc<Faults>,
}

struct Faults {
    /// Bytes that can be written yet.
    room: AtomicU64,
    syncs_fail: AtomicBool,
    truncates_fail: AtomicBool,
    syncs: AtomicUsize,
}

/// What processes read of a file, what is on the disk, and how much of that the system believes to be equal.
struct FakeFile {
    pages: Mutex<(Vec<u8>, Vec<u8>, usize)>,
    faults: Arc<Faults>,
}

impl LogFile for FakeFile {
    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.faults.room.load(Ordering::Relaxed);
        let fits = bytes.len().min(room as usize);
        if fits == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.faults.room.store(room - fits as u64, Ordering::Relaxed);
        self.pages.lock().0.extend_from_slice(&bytes[..fits]);
        Ok(fits)
    }

    /// If it fails, the pages count as clean although they were not written, as on Linux.
    fn sync(&self) -> io::Result<()> {
        let (cache, disk, clean) = &mut *self.pages.lock();
        self.faults.syncs.fetch_add(1, Ordering::Relaxed);
        let fails = self.faults.syncs_fail.load(Ordering::Relaxed) && *clean < cache.len();
        disk.truncate(*clean);
        disk.extend(cache[*clean..].iter().map(|byte| if fails { 0 } else { *byte }));
        *clean = cache.len();
        if fails { Err(io::Error::other("I/O error")) } else { Ok(()) }
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        if self.faults.truncates_fail.load(Ordering::Relaxed) {
            return Err(io::Error::other("I/O error"));
        }
        let (cache, _, clean) = &mut *self.pages.lock();
        cache.truncate(len as usize);
        *clean = (*clean).min(len as usize);
        Ok(())
    }
}

impl Increments for Disk {
    fn begin(&self) -> io::Result<Option<Increment>> {
        let mut files = self.files.lock();
        let file = FakeFile { pages: Mutex::default(), faults: Arc::clone(&self.faults) };
        files.push(Arc::new(file));
        let seq = files.len() as u64;
        Ok(Some(Increment { file: files[files.len() - 1].clone(), len: 0, seq }))
    }
}

impl Disk {
    fn new() -> Arc<Self> {
        let faults = Faults {
            room: AtomicU64::new(u64::MAX),
            syncs_fail: AtomicBool::new(false),
            truncates_fail: AtomicBool::new(false),
            syncs: AtomicUsize::new(0),
        };
        Arc::new(Self { files: Mutex::default(), faults: Arc::new(faults) })
    }

    /// What processes read, file by file.
    fn read(&self) -> Vec<String> {
        let text = |file: &Arc<FakeFile>| String::from_utf8(file.pages.lock().0.clone()).unwrap();
        self.files.lock().iter().map(text).collect()
    }

    /// What is there after a power failure.
    fn survives(&self) -> String {
        let text = |file: &Arc<FakeFile>| {
            let pages = file.pages.lock();
            String::from_utf8(pages.1[..pages.2].to_vec()).unwrap()
        };
        self.files.lock().iter().map(text).collect()
    }
}

fn writer(disk: &Arc<Disk>, policy: SyncPolicy) -> (Writer, Arc<Status>) {
    let journal = Arc::new(Journal::new());
    journal.set_streaming(true);
    let status = Arc::new(Status::new(journal));
    status.begin();
    status.set_policy(policy, false);
    let first = disk.begin().unwrap().unwrap();
    let increments = Arc::clone(disk);
    let writer = Writer::new(Arc::clone(&status), increments, first).expect("there are threads");
    // The ringing of the policy.
    status.journal.wait_for_changes(&mut Vec::new(), Duration::ZERO, Duration::ZERO);
    (writer, status)
}

/// Writes something down, without the choice of a database.
fn change(status: &Status, text: &'static str) -> u64 {
    Record::new(&status.journal, 0, &Bytes::from_static(text.as_bytes())).commit();
    last_written()
}

const SELECT: &str = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n";

#[test]
fn one_sync_does_for_all_that_wait() {
    let disk = Disk::new();
    let (mut writer, status) = writer(&disk, SyncPolicy::Always);
    let places = ["a", "b", "c"].map(|text| change(&status, text));
    assert!(places.iter().all(|place| status.withholds(*place)));
    assert!(writer.step(&mut Vec::new()));
    assert_eq!(disk.faults.syncs.load(Ordering::Relaxed), 1);
    assert!(places.iter().all(|place| !status.withholds(*place)));
    assert_eq!(disk.survives(), format!("{SELECT}abc"));
}

#[test]
fn other_policies_let_replies_go() {
    for policy in [SyncPolicy::EverySecond, SyncPolicy::Never] {
        let (_, status) = writer(&Disk::new(), policy);
        let place = change(&status, "a");
        assert!(!status.withholds(place));
        status.set_policy(SyncPolicy::Always, false);
        assert!(status.withholds(place));
    }
}

#[tokio::test]
async fn who_waits_is_told_when_the_policy_changes_and_when_the_log_ends() {
    let (_, status) = writer(&Disk::new(), SyncPolicy::Always);
    let place = change(&status, "a");
    let ((), ()) =
        tokio::join!(status.until_told(place), async { status.set_policy(SyncPolicy::Never, false) });
    status.set_policy(SyncPolicy::Always, false);
    assert!(status.withholds(place));
    let ((), ()) = tokio::join!(status.until_told(place), async { status.end() });
}

#[test]
fn a_full_disk_leaves_whole_records_and_writes_are_refused_until_there_is_room() {
    let disk = Disk::new();
    let (mut writer, status) = writer(&disk, SyncPolicy::Always);
    writer.try_to_keep(b"first", 5).unwrap();
    disk.faults.room.store(3, Ordering::Relaxed);
    let error = writer.try_to_keep(b"second", 11).expect_err("the disk is full");
    status.fail(&error);
    assert_eq!(disk.read(), ["first"], "nothing torn stays");
    assert!(status.has_trouble() && status.withholds(11) && !status.withholds(5));
    let refusal = status.journal.refusal().expect("writes are refused");
    assert!(refusal.starts_with("MISCONF Errors writing to the AOF file: "), "{refusal}");
    disk.faults.room.store(u64::MAX, Ordering::Relaxed);
    writer.try_to_keep(b"second", 11).unwrap();
    status.recover();
    assert_eq!((disk.survives().as_str(), status.journal.refusal()), ("firstsecond", None));
}

#[test]
fn a_torn_record_that_cannot_be_cut_at_once_is_cut_before_the_next() {
    let disk = Disk::new();
    let (mut writer, _) = writer(&disk, SyncPolicy::Never);
    writer.try_to_keep(b"first", 5).unwrap();
    disk.faults.room.store(3, Ordering::Relaxed);
    disk.faults.truncates_fail.store(true, Ordering::Relaxed);
    assert!(writer.try_to_keep(b"second", 11).is_err());
    assert_eq!(disk.read(), ["firstsec"]);
    disk.faults.room.store(u64::MAX, Ordering::Relaxed);
    assert!(writer.try_to_keep(b"second", 11).is_err(), "not behind a torn one");
    disk.faults.truncates_fail.store(false, Ordering::Relaxed);
    writer.try_to_keep(b"second", 11).unwrap();
    assert_eq!(disk.read(), ["firstsecond"]);
}

#[test]
fn after_a_failed_sync_what_is_not_safe_is_written_again_elsewhere() {
    let disk = Disk::new();
    let (mut writer, status) = writer(&disk, SyncPolicy::Always);
    writer.try_to_keep(b"first", 5).unwrap();
    disk.faults.syncs_fail.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        assert!(writer.try_to_keep(b"second", 11).is_err());
        assert!(status.withholds(11));
    }
    disk.faults.syncs_fail.store(false, Ordering::Relaxed);
    writer.try_to_keep(b"second", 11).unwrap();
    assert!(!status.withholds(11));
    assert_eq!(disk.survives(), "firstsecond", "each once, none lost");
    assert_eq!(disk.read()[0], "first");
    assert!(!status.needs_base.load(Ordering::Relaxed), "all that was acknowledged is there");
    assert_eq!(status.size.load(Ordering::Relaxed), 11);
}

#[test]
fn what_is_not_in_memory_any_more_when_a_sync_fails_needs_a_new_base() {
    let disk = Disk::new();
    let (mut writer, status) = writer(&disk, SyncPolicy::EverySecond);
    writer.last_sync = Instant::now().checked_sub(Duration::from_secs(5)).unwrap();
    disk.faults.syncs_fail.store(true, Ordering::Relaxed);
    writer.try_to_keep(b"first", 5).unwrap();
    writer.syncer.wait();
    assert!(writer.try_to_keep(b"second", 11).is_err());
    assert!(status.needs_base.load(Ordering::Relaxed));
    disk.faults.syncs_fail.store(false, Ordering::Relaxed);
    writer.try_to_keep(b"second", 11).unwrap();
    assert_eq!(disk.read(), ["first", "second"]);
}

#[test]
fn a_sync_aside_makes_all_safe_that_was_written_when_it_began() {
    let disk = Disk::new();
    let (mut writer, status) = writer(&disk, SyncPolicy::EverySecond);
    writer.try_to_keep(b"first", 5).unwrap();
    assert_eq!(disk.survives(), "", "it is not due yet");
    writer.last_sync = Instant::now().checked_sub(Duration::from_secs(5)).unwrap();
    writer.try_to_keep(b"second", 11).unwrap();
    writer.syncer.wait();
    assert_eq!(disk.survives(), "firstsecond");
    status.set_policy(SyncPolicy::Always, false);
    assert!(!status.withholds(11));
}

#[test]
fn at_a_division_it_goes_on_in_a_new_increment_if_it_was_ordered_to() {
    let disk = Disk::new();
    let (mut writer, status) = writer(&disk, SyncPolicy::EverySecond);
    let (journal, turned) = (&status.journal, Arc::new(Turned::default()));
    change(&status, "a");
    journal.divide(|| ());
    change(&status, "b");
    journal.divide(|| status.order(journal.end(), Order::Turn(Arc::clone(&turned))));
    change(&status, "c");
    let buffer = &mut Vec::new();
    assert!(writer.step(buffer) && writer.step(buffer) && writer.step(buffer));
    assert_eq!(disk.read(), [format!("{SELECT}a{SELECT}b"), format!("{SELECT}c")]);
    assert_eq!(turned.wait(Duration::ZERO), Some(2));
    journal.divide(|| status.order(journal.end(), Order::End));
    assert!(!writer.step(buffer));
    writer.finish();
    assert_eq!(disk.survives(), format!("{SELECT}a{SELECT}b{SELECT}c"), "the file that was left too");
}
