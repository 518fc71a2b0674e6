//! Tracked memory: what structures hold is counted, and given back to the last byte.
//!
//! A program of its own, whose tests run one at a time: the counts are those of the process.

#[path = "support/counting.rs"]
#[expect(dead_code, reason = "calls are counted for other programs")]
mod counting;

use std::sync::{Mutex, MutexGuard};

use nearhit::arena::{Blobs, Codes};
use nearhit::commands::client::Endpoints;
use nearhit::commands::{Client, Server, dispatch};
use nearhit::config::{Config, Settings};
use nearhit::epoch::pin;
use nearhit::keyspace::{Clock, Keyspace};
use nearhit::memory::{Category, Held, SLACK, give_back, held_bytes, take};
use nearhit::resp::{Reply, Request};
use nearhit::splitmix::SplitMix64;

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

/// Lets one test run at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Other threads end a moment after they were joined, and pass on what they counted then.
#[track_caller]
fn comes_to(category: Category, bytes: u64) {
    for _ in 0..10_000 {
        if held_bytes(category) == bytes {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert_eq!(held_bytes(category), bytes, "{category:?}");
}

#[test]
fn what_is_held_is_given_back_however_the_holder_ends() {
    let _alone = alone();
    let before = held_bytes(Category::Training);
    let mut held = Held::new(Category::Training, 100);
    held.grow(50);
    assert_eq!(held_bytes(Category::Training), before + 150);
    held.set(40);
    assert_eq!(held_bytes(Category::Training), before + 40);
    drop(held);
    let panicked = std::panic::catch_unwind(|| {
        let _held = Held::new(Category::Training, 7 * SLACK);
        panic!("a test");
    });
    assert!(panicked.is_err());
    assert_eq!(held_bytes(Category::Training), before);
}

#[test]
fn threads_pass_on_what_they_counted_when_they_end() {
    let _alone = alone();
    let before = held_bytes(Category::Training);
    let one_by_one = || (0..1000).for_each(|_| take(Category::Training, 100));
    let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(one_by_one)).collect();
    threads.into_iter().for_each(|thread| thread.join().expect("it does not panic"));
    comes_to(Category::Training, before + 400_000);
    give_back(Category::Training, 400_000);
    assert_eq!(held_bytes(Category::Training), before);
}

#[test]
fn mappings_count_as_far_as_their_slots_are_in_use() {
    let _alone = alone();
    let figures = || [Category::Vectors, Category::Mappings].map(held_bytes);
    let before = figures();
    let codes = Codes::new(1024, Category::Vectors);
    codes.grow_to(10_000);
    let [all, mapped] = figures();
    assert_eq!(all - before[0], 10_000 * 1024);
    assert!(mapped - before[1] > 9_000 * 1024, "small segments are not mapped");
    codes.grow_to(10_001);
    assert_eq!(figures(), [all + 1024, mapped + 1024]);
    assert_eq!(codes.heap_bytes(), 10_001 * 1024);
    drop(codes);
    assert_eq!(figures(), before);
}

#[test]
fn a_replaced_blob_is_retired_until_its_readers_have_gone() {
    let _alone = alone();
    let figures = || [Category::Names, Category::Retired].map(held_bytes);
    let before = figures();
    let blobs = Blobs::new(Category::Names);
    blobs.grow_to(1);
    let [empty, retired] = figures();
    blobs.replace(0, Some(&[1; 1000]));
    assert_eq!(figures(), [empty + 1024, retired]);
    let reader = pin();
    blobs.replace(0, None);
    blobs.reclaim();
    assert_eq!(figures(), [empty, retired + 1024]);
    assert_eq!(blobs.heap_bytes() as u64, empty - before[0] + 1024);
    drop(reader);
    blobs.reclaim();
    assert_eq!(figures(), [empty, retired]);
    blobs.replace(0, Some(b"left"));
    drop(blobs);
    assert_eq!(figures(), before);
}

#[test]
fn arenas_take_what_their_slots_need() {
    let _alone = alone();
    const SLOTS: usize = 50_000;
    for stride in [8, 64, 128, 384, 3072] {
        let before = counting::bytes();
        let codes = Codes::new(stride, Category::Vectors);
        (1..=SLOTS as u32).for_each(|len| codes.grow_to(len));
        let needed = stride * SLOTS;
        let waste = codes.heap_bytes() as f64 / needed as f64 - 1.0;
        println!("{stride} bytes a slot: {waste:.4} wasted");
        assert!((0.0..0.01).contains(&waste), "{stride}: {waste}");
        let allocated = counting::bytes() - before;
        assert!(allocated <= 512 << 10, "{stride}: small segments take {allocated} bytes");
    }
}

/// Keys, fields and elements.
const COUNT: usize = 300;

/// A server without sockets, and its client.
struct Session(Server, Client);

impl Session {
    fn new() -> Self {
        let server = Server::new(Config::new(Settings::defaults()), Keyspace::new(Clock::manual(0)));
        let client = server.clients.connect(Endpoints::default(), 1, false).expect("there is room for one");
        let client = Client::new(client, &server.acl.users);
        Self(server, client)
    }

    #[track_caller]
    fn ask(&mut self, words: &[&str]) -> Reply {
        let reply = dispatch(&self.0, &mut self.1, &Request::from_args(words));
        assert!(!matches!(reply, Reply::Error(_)), "{words:?}: {reply:?}");
        reply
    }

    /// The reply of `MEMORY USAGE`.
    fn usage(&mut self, key: &str) -> f64 {
        let Reply::Integer(bytes) = self.ask(&["MEMORY", "USAGE", key]) else { panic!("it exists") };
        bytes as f64
    }

    fn fill(&mut self) {
        for number in 0..COUNT {
            let name = number.to_string();
            self.ask(&["SET", &format!("key:{name}"), "a value that is not embedded anywhere"]);
            self.ask(&["HSET", "hash", &name, "value"]);
            self.ask(&["VADD", "set", "VALUES", "3", &name, "1", "2", &name, "SETATTR", "{\"a\":1}"]);
        }
    }

    /// Changes, replaces and removes some of all.
    fn churn(&mut self) {
        for number in (0..COUNT).step_by(3) {
            let name = number.to_string();
            self.ask(&["APPEND", &format!("key:{name}"), "more"]);
            self.ask(&["HDEL", "hash", &name]);
            self.ask(&["VSETATTR", "set", &name, ""]);
            self.ask(&["VREM", "set", &name]);
            self.ask(&["VSIM", "set", "VALUES", "3", "1", "2", &name]);
        }
    }
}

/// What data are counted as.
const DATA: [Category; 9] = [
    Category::Strings,
    Category::Hashes,
    Category::Vectors,
    Category::Names,
    Category::Attributes,
    Category::Graph,
    Category::Keys,
    Category::Expiry,
    Category::Mappings,
];

#[test]
fn a_server_counts_its_data_and_an_empty_one_holds_what_it_held_before() {
    let _alone = alone();
    let before = DATA.map(held_bytes);
    let mut session = Session::new();
    session.fill();
    let full = DATA.map(held_bytes);
    let each = [48, 8, 3 + 4, 16, 16, 128, 16].map(|bytes| bytes * COUNT as u64);
    for (number, least) in each.into_iter().enumerate() {
        assert!(full[number] > before[number] + least, "{:?}: {}", DATA[number], full[number]);
    }
    session.churn();
    assert!(held_bytes(Category::SearchMarks) >= COUNT as u64);
    session.ask(&["FLUSHALL", "SYNC"]);
    drop(session);
    DATA.into_iter().zip(before).for_each(|(category, bytes)| comes_to(category, bytes));
    comes_to(Category::Retired, 0);
}

/// Deletes all that [`Session::fill`] made.
type Deletion = fn(&mut Session);

#[test]
fn however_all_is_deleted_nothing_stays_counted() {
    let _alone = alone();
    let mut session = Session::new();
    let before = DATA.map(held_bytes);
    let names = || (0..COUNT).map(|number| number.to_string());
    let ways: [Deletion; 4] = [
        |session| _ = session.ask(&["FLUSHALL", "SYNC"]),
        |session| {
            (0..COUNT).for_each(|number| _ = session.ask(&["DEL", &format!("key:{number}")]));
            session.ask(&["DEL", "hash", "table", "long", "set"]);
        },
        |session| {
            (0..COUNT).for_each(|number| _ = session.ask(&["UNLINK", &format!("key:{number}")]));
            (0..COUNT).for_each(|number| _ = session.ask(&["HDEL", "hash", &number.to_string()]));
            (0..COUNT).for_each(|number| _ = session.ask(&["HDEL", "table", &number.to_string()]));
            (0..COUNT).for_each(|number| _ = session.ask(&["VREM", "set", &number.to_string()]));
            session.ask(&["GETDEL", "long"]);
        },
        |session| {
            (0..COUNT).for_each(|number| _ = session.ask(&["PEXPIRE", &format!("key:{number}"), "9"]));
            ["hash", "table", "long", "set"].iter().for_each(|key| _ = session.ask(&["PEXPIRE", key, "9"]));
            session.0.keyspace.clock().advance(10);
            while session.0.keyspace.db(0).expire_cycle(1000) > 0 {}
        },
    ];
    for (number, delete) in ways.into_iter().enumerate() {
        session.fill();
        let long = "x".repeat(100_000);
        session.ask(&["SET", "long", &long, "EX", "1000"]);
        names().for_each(|name| _ = session.ask(&["HSET", "table", &name, &long[..100]]));
        names().for_each(|name| _ = session.ask(&["HEXPIRE", "table", "1000", "FIELDS", "1", &name]));
        session.churn();
        delete(&mut session);
        assert_eq!(session.ask(&["DBSIZE"]), Reply::Integer(0), "way {number}");
        DATA.into_iter().zip(before).for_each(|(category, bytes)| comes_to(category, bytes));
    }
}

/// So many small keys fill the tables that find them: in between, those have room for more keys.
const FULL: usize = 62_000;

/// A text that no compression makes shorter.
fn random(len: usize) -> String {
    let mut numbers = SplitMix64::new(len as u64);
    (0..len).map(|_| char::from(b' ' + (numbers.next() % 90) as u8)).collect()
}

/// Makes a key of its number.
type Creation = fn(&mut Session, &str);

#[test]
fn usage_of_a_key_is_what_it_takes() {
    let _alone = alone();
    let kinds: [(&str, usize, Creation); 7] = [
        ("numbers", FULL, |session, key| _ = session.ask(&["SET", key, "12345"])),
        ("strings", FULL, |session, key| _ = session.ask(&["SET", key, &"v".repeat(100)])),
        ("with a deadline", FULL, |session, key| {
            session.ask(&["SET", key, &"v".repeat(50), "EX", "1000"]);
        }),
        ("long strings", 300, |session, key| _ = session.ask(&["SET", key, &random(70_000)])),
        ("packed hashes", FULL, |session, key| {
            session.ask(&["HSET", key, "one", "1", "two", "2", "three", "3"]);
        }),
        ("tables", 1_000, |session, key| {
            for field in 0..100 {
                session.ask(&["HSET", key, &field.to_string(), &"v".repeat(80)]);
            }
        }),
        ("vector sets", 200, |session, key| {
            for name in 0..20 {
                let name = name.to_string();
                session.ask(&["VADD", key, "VALUES", "3", &name, "1", "2", &name, "SETATTR", "{\"a\":1}"]);
            }
        }),
    ];
    for (what, count, create) in kinds {
        let mut session = Session::new();
        // What the first of its kind takes once and for all.
        create(&mut session, "first");
        let figure = || counting::bytes() as f64 + held_bytes(Category::Mappings) as f64;
        let before = figure();
        (0..count).for_each(|number| create(&mut session, &format!("key:{number:08}")));
        let each = (figure() - before) / count as f64;
        let usage =
            (0..count).map(|number| session.usage(&format!("key:{number:08}"))).sum::<f64>() / count as f64;
        println!("{what}: {each:.1} bytes each, MEMORY USAGE {usage:.1}");
        assert!((usage / each - 1.0).abs() < 0.03, "{what}: {each} bytes each, MEMORY USAGE {usage}");
    }
}
