use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::Bytes;

use super::*;

fn request(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn take(reader: &Reader) -> (String, bool) {
    let mut batch = Batch::default();
    let taken = reader.take(&mut batch);
    (String::from_utf8(batch.to_vec()).unwrap(), taken.is_divided)
}

fn streaming() -> (Arc<Journal>, Reader) {
    let journal = Arc::new(Journal::new());
    let reader = journal.reader();
    reader.begin();
    (journal, reader)
}

const SELECT_0: &str = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n";
const SELECT_3: &str = "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n";

#[test]
fn only_commits_count() {
    let journal = Arc::new(Journal::new());
    let request = request("*1\r\n$8\r\nFLUSHALL\r\n");
    Record::new(&journal, 0, &request).commit();
    drop(Record::new(&journal, 0, &request));
    Record::unlogged().commit();
    assert_eq!(journal.changes(), 1);
    assert_eq!(take(&journal.reader()), (String::new(), false), "the stream is off");
}

#[test]
fn changes_made_during_a_save_stay_counted() {
    let journal = Journal::new();
    let request = Bytes::new();
    Record::new(&journal, 0, &request).commit();
    let saved = journal.changes();
    Record::new(&journal, 0, &request).commit();
    journal.forget(saved);
    assert_eq!(journal.changes(), 1);
}

#[test]
fn the_stream_has_the_changes_in_order_each_in_its_database() {
    let (journal, reader) = streaming();
    let a = request("A");
    let b = request("B");
    Record::new(&journal, 0, &a).commit();
    Record::new(&journal, 0, &b).commit();
    Record::new(&journal, 3, &a).instead(|effects| effects.command(&["X", "yy"])).commit();
    assert_eq!(last_written(), journal.end());
    assert_eq!(last_written(), 0);
    assert_eq!(take(&reader).0, format!("{SELECT_0}AB{SELECT_3}*2\r\n$1\r\nX\r\n$2\r\nyy\r\n"));
    journal.note(3, |effects| effects.command(&["DEL", "k"]));
    assert_eq!(take(&reader).0, "*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n");
}

#[test]
fn a_transaction_stays_together() {
    let (journal, reader) = streaming();
    let a = request("A");
    let b = request("B");
    let c = request("C");
    let group = journal.group();
    Record::new(&journal, 0, &a).commit();
    std::thread::scope(|scope| {
        scope.spawn(|| Record::new(&journal, 0, &c).commit());
    });
    Record::new(&journal, 0, &b).commit();
    drop(group);
    assert_eq!(take(&reader).0, format!("{SELECT_0}C*1\r\n$5\r\nMULTI\r\nAB*1\r\n$4\r\nEXEC\r\n"));
    drop(journal.group());
    assert_eq!(take(&reader).0, "");
}

#[test]
fn a_cut_divides_the_stream() {
    let (journal, reader) = streaming();
    let a = request("A");
    Record::new(&journal, 0, &a).commit();
    let number = journal.cut(|number| number);
    assert_eq!(journal.enter().cut(), number);
    Record::new(&journal, 0, &a).commit();
    assert_eq!(take(&reader), (format!("{SELECT_0}A"), true));
    assert_eq!(take(&reader), (format!("{SELECT_0}A"), false));
    journal.end_cut();
    assert_eq!(journal.enter().cut(), 0);
    journal.divide(|| ());
    assert_eq!(take(&reader), (String::new(), true));
}

#[test]
fn no_thread_is_inside_while_a_cut_is_made() {
    let journal = Journal::new();
    let inside = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..2000 {
                    let _outer = journal.enter();
                    let _inner = journal.enter();
                    inside.fetch_add(1, Ordering::SeqCst);
                    std::hint::spin_loop();
                    inside.fetch_sub(1, Ordering::SeqCst);
                }
            });
        }
        for _ in 0..50 {
            journal.cut(|_| assert_eq!(inside.load(Ordering::SeqCst), 0));
            journal.end_cut();
        }
    });
}

#[test]
fn a_full_stream_says_so() {
    let (journal, reader) = streaming();
    journal.set_stream_limit(10);
    let long = Bytes::from(vec![b'x'; 20]);
    assert!(!journal.is_full());
    Record::new(&journal, 0, &long).commit();
    assert!(journal.is_full());
    take(&reader);
    assert!(!journal.is_full());
    journal.cut(|_| ());
    journal.add_before_images(MAX_BEFORE_IMAGE_BYTES + 1);
    assert!(journal.is_full());
    journal.remove_before_images(2);
    assert!(!journal.is_full());
    journal.add_before_images(2);
    journal.end_cut();
    assert!(!journal.is_full(), "without a snapshot there is nothing to wait for");
}

fn is_ready(held: &mut Option<HeldWriter>) -> bool {
    let held = held.as_mut().expect("the journal is full");
    Pin::new(held).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// A journal whose stream is full.
fn full() -> (Arc<Journal>, Reader) {
    let (journal, reader) = streaming();
    journal.set_stream_limit(10);
    Record::new(&journal, 0, &Bytes::from_static(&[b'x'; 20])).commit();
    (journal, reader)
}

#[test]
fn a_held_writer_goes_on_whatever_makes_room() {
    let releases: [fn(&Journal, &Reader); 6] = [
        |_, reader| drop(take(reader)),
        |_, reader| assert!(reader.take_undivided(&mut Batch::default()).is_some()),
        |journal, reader| {
            journal.divide(|| reader.end());
            take(reader);
        },
        |journal, _| journal.set_stream_limit(1000),
        |journal, _| journal.refuse(RefusalCause::Log, Some("disk".into())),
        |journal, reader| {
            journal.cut(|_| ());
            journal.add_before_images(MAX_BEFORE_IMAGE_BYTES + 1);
            // Where the stream is divided: both pieces.
            take(reader);
            take(reader);
            assert!(journal.is_full(), "the snapshot has still to take before-images");
            journal.end_cut();
        },
    ];
    for (number, release) in releases.into_iter().enumerate() {
        let (journal, reader) = full();
        let mut held = journal.hold_writer();
        assert!(!is_ready(&mut held), "{number}");
        release(&journal, &reader);
        assert!(is_ready(&mut held) && journal.hold_writer().is_none(), "{number}");
    }
    let (journal, reader) = full();
    journal.cut(|_| ());
    journal.add_before_images(MAX_BEFORE_IMAGE_BYTES + 1);
    take(&reader);
    take(&reader);
    let mut held = journal.hold_writer();
    assert!(!is_ready(&mut held));
    journal.remove_before_images(MAX_BEFORE_IMAGE_BYTES);
    assert!(is_ready(&mut held));
}

#[test]
fn a_few_held_writers_go_on_at_once_and_the_others_after_them_while_there_is_room() {
    let (journal, reader) = full();
    let mut held: Vec<_> = (0..100).map(|_| journal.hold_writer()).collect();
    let ready = |held: &mut [Option<HeldWriter>]| {
        held.iter_mut().filter(|held| held.is_some()).map(is_ready).filter(|ready| *ready).count()
    };
    take(&reader);
    let first = ready(&mut held);
    assert!(first > 0 && first < 50);
    held[0] = None;
    assert_eq!(ready(&mut held), first, "the next one takes the place of the first");
    Record::new(&journal, 0, &Bytes::from_static(&[b'x'; 20])).commit();
    held[1] = None;
    assert_eq!(ready(&mut held), first - 1, "there is no room");
    take(&reader);
    while let Some(one) = held.iter_mut().find(|held| held.is_some()) {
        assert!(is_ready(one));
        *one = None;
    }
}

#[test]
fn writes_are_refused_until_no_cause_is_left() {
    let journal = Journal::new();
    assert_eq!(journal.refusal(), None);
    journal.refuse(RefusalCause::Log, Some("disk".into()));
    assert_eq!(journal.refusal().as_deref(), Some("disk"));
    journal.refuse(RefusalCause::Snapshot, Some("full".into()));
    assert_eq!(journal.refusal().as_deref(), Some("full"));
    journal.refuse(RefusalCause::Snapshot, None);
    assert_eq!(journal.refusal().as_deref(), Some("disk"));
    journal.refuse(RefusalCause::Log, None);
    assert_eq!(journal.refusal(), None);
}

#[test]
fn what_is_done_at_a_cut_knows_where_the_new_piece_begins() {
    let (journal, reader) = streaming();
    Record::new(&journal, 0, &request("A")).commit();
    let place = journal.divide(|| journal.end());
    assert_eq!(reader.take(&mut Batch::default()), Taken { end: place, is_divided: true });
}

#[test]
fn a_reader_is_woken_by_the_first_change_if_it_is_eager_and_else_by_what_is_wanted() {
    let (journal, reader) = streaming();
    Record::new(&journal, 0, &request("A")).commit();
    let place = last_written();
    assert!(!reader.is_wanted());
    reader.want(place);
    assert!(reader.is_wanted());
    reader.wait(Duration::from_secs(600));
    let mut buffer = Batch::default();
    assert_eq!((reader.take_undivided(&mut buffer), reader.is_wanted()), (Some(place), false));
    reader.set_eager(true);
    Record::new(&journal, 0, &request("B")).commit();
    reader.wait(Duration::from_secs(600));
    journal.divide(|| ());
    buffer.clear();
    assert_eq!(reader.take_undivided(&mut buffer), None);
    assert_eq!(take(&reader), ("B".into(), true));
}

#[test]
fn the_second_of_a_change_is_noted_once_in_each_piece_before_transactions_too() {
    let (journal, reader) = streaming();
    journal.set_dated(true);
    let group = journal.group();
    Record::new(&journal, 0, &request("A")).commit();
    Record::new(&journal, 0, &request("B")).commit();
    drop(group);
    let (text, _) = take(&reader);
    let rest = text.strip_prefix("#TS:").expect("it begins with the second");
    let (second, rest) = rest.split_once("\r\n").expect("a line");
    assert!(second.parse::<u64>().is_ok_and(|second| second > 1_700_000_000));
    assert!(rest.starts_with(SELECT_0) && !rest.contains("#TS:"), "{text}");
    journal.divide(|| ());
    Record::new(&journal, 0, &request("A")).commit();
    assert_eq!(take(&reader), (String::new(), true));
    assert!(take(&reader).0.starts_with("#TS:"));
    journal.set_dated(false);
    journal.divide(|| ());
    Record::new(&journal, 0, &request("A")).commit();
    take(&reader);
    assert!(take(&reader).0.starts_with(SELECT_0));
}
