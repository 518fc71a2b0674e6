//! The writer over files that fail, and what a power failure leaves of them.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;

use super::disk::{Increment, Increments, LogFile};
use super::status::{NextIncrement, Order, Status, SyncPolicy};
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
    /// Held while syncs are not to end.
    slow: Mutex<()>,
}

/// What processes read of a file, what is on the disk, and how much of that the system believes to
/// be equal.
struct FakeFile {
    pages: Mutex<(Vec<u8>, Vec<u8>, usize)>,
    faults: Arc<Faults>,
}

impl LogFile for FakeFile {
    fn append(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
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
        let _slow = self.faults.slow.lock();
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
            slow: Mutex::default(),
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
    let status = Arc::new(Status::new(journal));
    status.reader.begin();
    status.begin(true);
    status.set_policy(policy, false);
    let first = disk.begin().unwrap().unwrap();
    let increments = Arc::clone(disk);
    let writer = Writer::new(Arc::clone(&status), increments, first).expect("there are threads");
    // It was woken when the policy was set.
    status.reader.wait(Duration::ZERO);
    (writer, status)
}

/// Writes something down, without the choice of a database.
fn change(status: &Status, text: &'static str) -> u64 {
    Record::new(&status.journal, 0, &Bytes::from_static(text.as_bytes())).commit();
    last_written()
}

/// As if this text had been taken from the stream, which ends there.
fn keep(writer: &mut Writer, text: &[u8], place: u64) -> io::Result<()> {
    writer.piece = text.to_vec().into();
    writer.place = place;
    let policy = writer.status.policy();
    writer.try_to_keep(policy)
}

const SELECT: &str = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n";

#[test]
fn one_sync_does_for_all_that_wait() {
    let disk = Disk::new();
    let (mut writer, status) = writer(&disk, SyncPolicy::Always);
    let places = ["a", "b", "c"].map(|text| change(&status, text));
    assert!(places.iter().all(|place| status.withholds(*place)));
    assert!(writer.step());
    assert_eq!(disk.faults.syncs.load(Ordering::Relaxed), 1);
    assert!(places.iter().all(|place| !status.withholds(*place)));
    assert_eq!(disk.survives(), format!("{SELECT}abc"));
}

#[test]
fn under_other_policies_a_reply_goes_when_its_change_is_written() {
    for policy in [SyncPolicy::EverySecond, SyncPolicy::Never] {
        let disk = Disk::new();
        let (mut writer, status) = writer(&disk, policy);
        let place = change(&status, "a");
        assert!(status.withholds(place), "what is in memory only is lost when the process is killed");
        assert!(writer.write_at_once());
        assert_eq!(disk.read(), [format!("{SELECT}a")]);
        assert!(!status.withholds(place));
        status.set_policy(SyncPolicy::Always, false);
        assert!(status.withholds(place));
        change(&status, "b");
        assert!(!writer.write_at_once(), "it would have to sync");
    }
}

#[test]
fn what_takes_longer_than_a_write_is_left_to_the_thread_of_the_writer() {
    let disk = Disk::new();
    let (mut writer, status) = writer(&disk, SyncPolicy::EverySecond);
    let disk_is_slow = disk.faults.slow.lock();
    change(&status, "a");
    writer.last_sync = Instant::now().checked_sub(Duration::from_secs(5)).unwrap();
    assert!(writer.write_at_once(), "that begins a sync");
    let place = change(&status, "b");
    assert!(!writer.write_at_once() && status.withholds(place), "a write may take as long as the sync");
    assert!(writer.step() && !status.withholds(place));
    drop(disk_is_slow);
    writer.syncer.wait();
    assert!(writer.step(), "it looks how the sync has ended");
    let place = change(&status, "c");
    status.journal.divide(|| ());
    assert!(!writer.write_at_once() && status.withholds(place), "a division may ask for a new file");
    assert!(writer.step() && writer.write_at_once() && !status.withholds(place));
}

#[test]
fn what_a_network_thread_could_not_write_is_kept_and_written_first() {
    let disk = Disk::new();
    let (mut writer, status) = writer(&disk, SyncPolicy::EverySecond);
    disk.faults.room.store(3, Ordering::Relaxed);
    let place = change(&status, "a");
    assert!(!writer.write_at_once() && status.has_trouble() && status.withholds(place));
    let place = change(&status, "b");
    assert!(!writer.write_at_once(), "order is kept");
    disk.faults.room.store(u64::MAX, Ordering::Relaxed);
    assert!(writer.step());
    assert_eq!(disk.read(), [format!("{SELECT}ab")]);
    assert!(!status.withholds(place) && !status.has_trouble());
}

#[tokio::test]
async fn replies_that_wait_go_when_the_policy_changes_and_when_the_log_ends() {
    let (mut writer, status) = writer(&Disk::new(), SyncPolicy::Always);
    let place = change(&status, "a");
    let ((), ()) = tokio::join!(status.until_answerable(place), async {
        status.set_policy(SyncPolicy::Never, false);
        assert!(writer.write_at_once());
    });
    status.set_policy(SyncPolicy::Always, false);
    assert!(status.withholds(place));
    let ((), ()) = tokio::join!(status.until_answerable(place), async { status.end() });
}

#[test]
fn a_full_disk_leaves_whole_records_and_writes_are_refused_until_there_is_room() {
    let disk = Disk::new();
    let (mut writer, status) = writer(&disk, SyncPolicy::Always);
    keep(&mut writer, b"first", 5).unwrap();
    disk.faults.room.store(3, Ordering::Relaxed);
    let error = keep(&mut writer, b"second", 11).expect_err("the disk is full");
    status.fail(&error);
    assert_eq!(disk.read(), ["first"], "nothing torn stays");
    assert!(status.has_trouble() && status.withholds(11) && !status.withholds(5));
    let refusal = status.journal.refusal().expect("writes are refused");
    assert!(refusal.starts_with("MISCONF Errors writing to the AOF file: "), "{refusal}");
    disk.faults.room.store(u64::MAX, Ordering::Relaxed);
    keep(&mut writer, b"second", 11).unwrap();
    status.recover();
    assert_eq!((disk.survives().as_str(), status.journal.refusal()), ("firstsecond", None));
}

#[test]
fn a_torn_record_that_cannot_be_cut_at_once_is_cut_before_the_next() {
    let disk = Disk::new();
    let (mut writer, _) = writer(&disk, SyncPolicy::Never);
    keep(&mut writer, b"first", 5).unwrap();
    disk.faults.room.store(3, Ordering::Relaxed);
    disk.faults.truncates_fail.store(true, Ordering::Relaxed);
    assert!(keep(&mut writer, b"second", 11).is_err());
    assert_eq!(disk.read(), ["firstsec"]);
    disk.faults.room.store(u64::MAX, Ordering::Relaxed);
    assert!(keep(&mut writer, b"second", 11).is_err(), "not behind a torn one");
    disk.faults.truncates_fail.store(false, Ordering::Relaxed);
    keep(&mut writer, b"second", 11).unwrap();
    assert_eq!(disk.read(), ["firstsecond"]);
}

#[test]
fn after_a_failed_sync_what_is_not_safe_is_written_again_elsewhere() {
    let disk = Disk::new();
    let (mut writer, status) = writer(&disk, SyncPolicy::Always);
    keep(&mut writer, b"first", 5).unwrap();
    disk.faults.syncs_fail.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        assert!(keep(&mut writer, b"second", 11).is_err());
        assert!(status.withholds(11));
    }
    disk.faults.syncs_fail.store(false, Ordering::Relaxed);
    keep(&mut writer, b"second", 11).unwrap();
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
    keep(&mut writer, b"first", 5).unwrap();
    writer.syncer.wait();
    assert!(keep(&mut writer, b"second", 11).is_err());
    assert!(status.needs_base.load(Ordering::Relaxed));
    disk.faults.syncs_fail.store(false, Ordering::Relaxed);
    keep(&mut writer, b"second", 11).unwrap();
    assert_eq!(disk.read(), ["first", "second"]);
    let is_durable = || status.is_durable(11);
    status.note_durable(11);
    assert!(!is_durable(), "the first file may have lost something");
    assert!(status.begin_base() && !is_durable(), "the base is not there yet");
    status.note_base(11);
    assert!(is_durable() && !status.is_durable(12));
}

#[test]
fn what_is_safe_is_known_place_by_place() {
    let disk = Disk::new();
    let (mut writer, status) = writer(&disk, SyncPolicy::EverySecond);
    keep(&mut writer, b"first", 5).unwrap();
    assert!(status.is_durable(0) && !status.is_durable(5), "it is written, but not synced");
    writer.last_sync = Instant::now().checked_sub(Duration::from_secs(5)).unwrap();
    keep(&mut writer, b"second", 11).unwrap();
    writer.syncer.wait();
    assert!(status.is_durable(11) && !status.is_durable(12));
    status.end();
    assert!(!status.is_durable(0));
}

#[tokio::test]
async fn a_change_of_what_is_safe_is_awaited() {
    let (_writer, status) = writer(&Disk::new(), SyncPolicy::EverySecond);
    let ((), ()) = tokio::join!(status.until(5, |_, is_durable| is_durable), async {
        status.note_durable(4);
        status.note_durable(5);
    });
    let ((), ()) = tokio::join!(status.until(9, |is_on, _| !is_on), async { status.end() });
}

#[test]
fn a_file_that_is_left_unsynced_is_not_safe() {
    let disk = Disk::new();
    let (mut writer, status) = writer(&disk, SyncPolicy::Never);
    change(&status, "a");
    status.journal.divide(|| status.order(status.journal.end(), Order::Turn(Arc::default())));
    let place = change(&status, "b");
    assert!(writer.step() && writer.step());
    status.set_policy(SyncPolicy::Always, false);
    let place = change(&status, "c").max(place);
    assert!(writer.step() && writer.step());
    assert!(!status.withholds(place), "replies go on");
    assert!(!status.is_durable(place), "the first file may be lost");
    assert!(!disk.survives().contains('a'));
}

#[test]
fn a_sync_aside_makes_all_safe_that_was_written_when_it_began() {
    let disk = Disk::new();
    let (mut writer, status) = writer(&disk, SyncPolicy::EverySecond);
    keep(&mut writer, b"first", 5).unwrap();
    assert_eq!(disk.survives(), "", "it is not due yet");
    writer.last_sync = Instant::now().checked_sub(Duration::from_secs(5)).unwrap();
    keep(&mut writer, b"second", 11).unwrap();
    writer.syncer.wait();
    assert_eq!(disk.survives(), "firstsecond");
    status.set_policy(SyncPolicy::Always, false);
    assert!(!status.withholds(11));
}

#[test]
fn at_a_division_it_goes_on_in_a_new_increment_if_it_was_ordered_to() {
    let disk = Disk::new();
    let (mut writer, status) = writer(&disk, SyncPolicy::EverySecond);
    let journal = &status.journal;
    let next = Arc::new(NextIncrement::default());
    change(&status, "a");
    journal.divide(|| ());
    change(&status, "b");
    journal.divide(|| status.order(journal.end(), Order::Turn(Arc::clone(&next))));
    change(&status, "c");
    assert!(writer.step() && writer.step() && writer.step());
    assert_eq!(disk.read(), [format!("{SELECT}a{SELECT}b"), format!("{SELECT}c")]);
    assert_eq!(next.wait(Duration::ZERO), Some(2));
    journal.divide(|| status.order(journal.end(), Order::End));
    assert!(!writer.step());
    writer.finish();
    assert_eq!(disk.survives(), format!("{SELECT}a{SELECT}b{SELECT}c"), "the file that was left too");
}
