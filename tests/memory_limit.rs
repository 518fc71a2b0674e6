//! The limit of memory with the server's own allocator.
//!
//! A program of its own, whose tests run one at a time: what is measured is the whole process.

#![cfg(feature = "jemalloc")]

use std::sync::{Mutex, MutexGuard};

use nearhit::commands::client::Endpoints;
use nearhit::commands::{Client, Server, dispatch};
use nearhit::config::{Config, MaxMemory, Settings};
use nearhit::keyspace::{Clock, Keyspace};
use nearhit::memory::{SLACK, estimated_bytes, report_growth, used_bytes};
use nearhit::resp::{Reply, Request};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const MB: u64 = 1 << 20;

/// Lets one test run at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// A server with a limit so many bytes above what is in use, and a client.
fn limited(room: u64) -> (Server, Client) {
    // Values of one letter would be compressed to nothing.
    let settings =
        Settings { maxmemory: MaxMemory::Bytes(0), compression_threshold: 0, ..Settings::defaults() };
    let server = Server::new(Config::new(settings), Keyspace::new(Clock::system()));
    let info = server.clients.connect(Endpoints::default(), 1, false).expect("there is room for one");
    let mut client = Client::new(info, &server.acl.users);
    set_limit(&server, &mut client, used_bytes() + room);
    (server, client)
}

fn set_limit(server: &Server, client: &mut Client, bytes: u64) {
    let reply = ask(server, client, &["config", "set", "maxmemory", &bytes.to_string()]);
    assert!(matches!(reply, Reply::Simple("OK")));
}

fn ask<W: AsRef<[u8]>>(server: &Server, client: &mut Client, words: &[W]) -> Reply {
    dispatch(server, client, &Request::from_args(words))
}

fn is_refused(reply: &Reply) -> bool {
    matches!(reply, Reply::Error(error) if error.as_bytes().starts_with(b"OOM "))
}

#[test]
fn the_estimate_follows_what_threads_take_and_free_and_each_measurement() {
    // Threads of other tests may be ending meanwhile, which frees some hundred KB.
    const TAKEN: u64 = 16 * MB;
    let _alone = alone();
    report_growth();
    used_bytes();
    let before = estimated_bytes();
    let grown = || estimated_bytes() as i64 - before as i64;
    let taken = std::hint::black_box(vec![1u8; TAKEN as usize]);
    assert!(grown().unsigned_abs() < TAKEN / 2, "{}", grown());
    report_growth();
    assert!(grown().unsigned_abs().abs_diff(TAKEN) < TAKEN / 4, "{}", grown());
    used_bytes();
    assert!(grown().unsigned_abs().abs_diff(TAKEN) < TAKEN / 4, "{}", grown());
    drop(taken);
    report_growth();
    assert!(grown().unsigned_abs() < TAKEN / 4 + 2 * SLACK as u64, "{}", grown());
}

/// Sets values of 10,000 bytes until one is refused; returns how many were taken.
fn fill(server: &Server, client: &mut Client, key: &str) -> u64 {
    let value = "v".repeat(10_000);
    let mut is_full =
        |number: &u64| is_refused(&ask(server, client, &["set", &format!("{key}{number}"), &value]));
    (0..).find(|number| is_full(number)).expect("some is refused")
}

#[test]
fn writes_are_refused_at_the_limit_and_taken_again_when_something_was_removed() {
    let _alone = alone();
    let (server, mut client) = limited(8 * MB);
    let limit = server.memory.bytes();
    let taken = fill(&server, &mut client, "k");
    let used = used_bytes();
    assert!(used.abs_diff(limit) < 64 * SLACK as u64, "{used} {limit}");
    assert!((500..1000).contains(&taken), "{taken}");
    assert!(matches!(ask(&server, &mut client, &["get", "k0"]), Reply::Bulk(_)));
    let names: Vec<String> = (0..10).map(|number| format!("k{number}")).collect();
    let del: Vec<&str> = std::iter::once("del").chain(names.iter().map(String::as_str)).collect();
    assert!(matches!(ask(&server, &mut client, &del), Reply::Integer(10)));
    let again = fill(&server, &mut client, "again");
    assert!((1..20).contains(&again), "{again}");
}

#[test]
fn lowering_the_limit_answers_at_once_and_raising_it_lets_writes_go_on() {
    let _alone = alone();
    let (server, mut client) = limited(8 * MB);
    fill(&server, &mut client, "k");
    let limit = server.memory.bytes();
    set_limit(&server, &mut client, 1000);
    assert!(is_refused(&ask(&server, &mut client, &["set", "a", "1"])));
    set_limit(&server, &mut client, limit + 4 * MB);
    assert!(!is_refused(&ask(&server, &mut client, &["set", "a", "1"])));
}

#[test]
fn one_element_larger_than_the_limit_is_taken_and_the_next_refused() {
    let _alone = alone();
    let (server, mut client) = limited(4 * MB);
    let large = "v".repeat(8 << 20);
    assert!(!is_refused(&ask(&server, &mut client, &["set", "large", &large])));
    assert!(is_refused(&ask(&server, &mut client, &["set", "small", "1"])));
    assert!(matches!(ask(&server, &mut client, &["unlink", "large"]), Reply::Integer(1)));
}

/// The background thread of a server, for as long as this lives.
struct Keeper(std::sync::Arc<Server>, Option<std::thread::JoinHandle<()>>);

impl Keeper {
    fn of(server: &std::sync::Arc<Server>) -> Self {
        let of_thread = std::sync::Arc::clone(server);
        Self(std::sync::Arc::clone(server), Some(std::thread::spawn(move || of_thread.keep_memory())))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.memory.stop();
        assert!(self.1.take().expect("it runs").join().is_ok());
    }
}

#[test]
fn with_a_policy_writes_evict_and_none_is_refused() {
    let _alone = alone();
    let (server, mut client) = limited(8 * MB);
    ask(&server, &mut client, &["config", "set", "maxmemory-policy", "allkeys-lru"]);
    let value = "v".repeat(10_000);
    for number in 0..5000 {
        let reply = ask(&server, &mut client, &["set", &format!("k{number}"), &value]);
        assert!(matches!(reply, Reply::Simple("OK")), "{number}: {reply:?}");
        let used = used_bytes();
        assert!(used < server.memory.bytes() + 64 * SLACK as u64, "{number}: {used}");
    }
    let keys = server.keyspace.db(0).census().keys;
    assert!((500..1000).contains(&keys), "{keys}");
    assert_eq!(server.keyspace.evictions().keys.get(), 5000 - keys as u64);
}

#[test]
fn without_deadlines_a_volatile_policy_refuses_as_no_policy_does() {
    let _alone = alone();
    let (server, mut client) = limited(8 * MB);
    ask(&server, &mut client, &["config", "set", "maxmemory-policy", "volatile-ttl"]);
    let taken = fill(&server, &mut client, "k");
    assert!((500..1000).contains(&taken), "{taken}");
    // A hundred, since what one of them holds is less than the estimate of what is used may be
    // wrong by.
    let with_deadlines: Vec<_> = (0..100).map(|number| format!("k{number}")).collect();
    for key in &with_deadlines {
        assert!(matches!(ask(&server, &mut client, &["expire", key, "1000"]), Reply::Integer(1)));
    }
    assert!(fill(&server, &mut client, "more") >= 1);
    for key in &with_deadlines {
        assert!(matches!(ask(&server, &mut client, &["exists", key]), Reply::Integer(0)));
    }
}

#[test]
fn the_thread_evicts_down_to_just_below_the_critical_mark_when_the_limit_is_lowered() {
    let _alone = alone();
    let (server, mut client) = limited(64 * MB);
    ask(&server, &mut client, &["config", "set", "maxmemory-policy", "allkeys-random"]);
    let server = std::sync::Arc::new(server);
    let _keeper = Keeper::of(&server);
    let value = "v".repeat(10_000);
    (0..3000).for_each(|number| drop(ask(&server, &mut client, &["set", &format!("k{number}"), &value])));
    let limit = used_bytes() - 10 * MB;
    set_limit(&server, &mut client, limit);
    let [mark, least] = [95, 92].map(|percent| limit / 100 * percent);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while used_bytes() > mark {
        assert!(std::time::Instant::now() < deadline, "{} {mark}", used_bytes());
        std::thread::yield_now();
    }
    assert!(used_bytes() > least, "{} {least}", used_bytes());
    let keys = server.keyspace.db(0).census().keys as u64;
    assert_eq!(server.keyspace.evictions().keys.get(), 3000 - keys);
}
