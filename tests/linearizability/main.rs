//! Each command seems to happen at one moment between its request and its reply, whoever asks at
//! the same time.
//!
//! Clients of the real server run random commands; a checker looks for one order that explains all
//! replies. Searches, which promise less (see `nearhit::vector_set`), are held to what they
//! promise.

mod checker;
mod connection;
mod filtered;
mod model;
#[path = "../support/mod.rs"]
mod support;
mod transactions;

use std::collections::HashSet;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use checker::{MAX_OPERATIONS, Stuck, Timed, linearize};
use connection::{Connection, Running};
use model::{Answered, Command, KEYS};
use nearhit::splitmix::SplitMix64;

const CLIENTS: usize = 8;
const COMMANDS: usize = 12;
const ROUNDS: usize = 400;

const _: () = assert!(CLIENTS * COMMANDS <= MAX_OPERATIONS);

type History = Vec<Timed<Answered>>;

/// Random numbers from a seed.
fn random(seed: u64) -> impl FnMut(u8) -> u8 {
    let mut numbers = SplitMix64::new(seed);
    move |n| numbers.below(n.into()) as u8
}

/// What one client does in each round, all clients beginning each round together.
fn play(mut connection: Connection, client: usize, together: &Barrier) -> Vec<History> {
    let one = |round, command: Command, connection: &mut Connection| {
        let words = command.words(round);
        let called = Instant::now();
        let reply = connection.ask(&words);
        Timed { called, returned: Instant::now(), operation: Answered::single(command, reply) }
    };
    let round = |round| {
        let mut draw = random((round * CLIENTS + client) as u64);
        let commands: Vec<_> = (0..COMMANDS).map(|_| Command::random(&mut draw)).collect();
        together.wait();
        commands.into_iter().map(|command| one(round, command, &mut connection)).collect()
    };
    (0..ROUNDS).map(round).collect()
}

/// A history cut into parts that share no key, which are linearizable if and only if the whole is.
fn parts(history: History) -> Vec<History> {
    let mut group: Vec<u8> = (0..KEYS).collect();
    for timed in &history {
        for two in timed.operation.keys().windows(2) {
            let old = group[usize::from(two[0])];
            let new = group[usize::from(two[1])];
            group.iter_mut().filter(|group| **group == old).for_each(|group| *group = new);
        }
    }
    let mut parts = vec![History::new(); usize::from(KEYS)];
    for timed in history {
        let key = timed.operation.keys()[0];
        parts[usize::from(group[usize::from(key)])].push(timed);
    }
    parts
}

fn describe(history: &[Timed<Answered>]) -> String {
    let start = history.iter().map(|timed| timed.called).min().expect("not empty");
    let mut lines: Vec<_> = history
        .iter()
        .map(|timed| {
            let Answered { guard, commands, replies } = &timed.operation;
            let called = timed.called - start;
            let returned = timed.returned - start;
            let guard = guard.as_ref().map(|guard| format!(" after {guard:?}")).unwrap_or_default();
            let called = called.as_nanos();
            let returned = returned.as_nanos();
            format!("{called:>9} to {returned:>9} ns: {commands:?}{guard} -> {replies:?}")
        })
        .collect();
    lines.sort();
    lines.join("\n")
}

#[test]
fn commands_are_linearizable() {
    check(&record(&Running::start(), play));
}

/// Lets all clients play at a server, and brings their histories together, round by round.
fn record<O: Send>(
    running: &Running,
    play: impl Fn(Connection, usize, &Barrier) -> Vec<Vec<Timed<O>>> + Sync,
) -> Vec<Vec<Timed<O>>> {
    let together = Barrier::new(CLIENTS);
    let mut rounds: Vec<Vec<Timed<O>>> = (0..ROUNDS).map(|_| Vec::new()).collect();
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let connection = running.connect();
                let together = &together;
                let play = &play;
                scope.spawn(move || play(connection, client, together))
            })
            .collect();
        for client in clients {
            let histories = client.join().expect("the server replies");
            rounds.iter_mut().zip(histories).for_each(|(round, history)| round.extend(history));
        }
    });
    rounds
}

fn check(rounds: &[History]) {
    let overlaps = rounds.iter().map(|round| overlaps(round)).sum::<usize>();
    let operations = rounds.iter().map(Vec::len).sum::<usize>();
    println!("{operations} operations, {overlaps} began while another ran");
    assert!(overlaps > 0, "nothing was tested");
    for part in rounds.iter().cloned().flat_map(parts) {
        if let Err(Stuck { state, next }) = linearize(&part) {
            let next: Vec<_> = next.into_iter().map(|at| &part[at].operation.commands).collect();
            panic!(
                "{}\nno order explains these replies: none of {next:?} is right in {state:?}",
                describe(&part)
            );
        }
    }
}

/// Commands that were called while another was under way.
fn overlaps<O>(history: &[Timed<O>]) -> usize {
    let running = |at: Instant| history.iter().filter(move |other| other.called < at && at < other.returned);
    history.iter().filter(|timed| running(timed.called).next().is_some()).count()
}

#[test]
fn the_model_refuses_wrong_replies() {
    let start = Instant::now();
    let sequence = |replies: &[(Command, &str)]| {
        let timed = |(at, (command, reply)): (usize, &(Command, &str))| {
            let called = start + std::time::Duration::from_millis(2 * at as u64);
            let operation = Answered::single(*command, (*reply).to_owned());
            Timed { called, returned: called + std::time::Duration::from_millis(1), operation }
        };
        linearize(&replies.iter().enumerate().map(timed).collect::<Vec<_>>()).is_ok()
    };
    let add = (Command::VAdd(0, 1, 3), ":1\r\n");
    assert!(sequence(&[add, (Command::VEmb(0, 1), "*2\r\n$1\r\n3\r\n$1\r\n0\r\n")]));
    assert!(!sequence(&[add, (Command::VEmb(0, 1), "*2\r\n$1\r\n2\r\n$1\r\n0\r\n")]), "another vector");
    assert!(!sequence(&[add, add]), "new twice");
    assert!(!sequence(&[add, (Command::VCard(0), ":0\r\n")]), "lost");
    assert!(!sequence(&[add, (Command::Rename(0, 1), "+OK\r\n"), (Command::Exists(0), ":1\r\n")]));
    assert!(!sequence(&[add, (Command::VRem(0, 1), ":1\r\n"), (Command::Exists(0), ":1\r\n")]), "empty");
}

/// Elements that are there all the time; their vectors change.
const STAYING: usize = 200;
/// Clients that add and remove elements of their own, one at a time, and those that search.
const WRITERS: usize = 3;
const SEARCHERS: usize = 3;
const SEARCHES: usize = 150;

/// How far a writer is: its element `g` is there at most from the moment `begun` is `g` until
/// `gone` is.
#[derive(Default)]
struct Progress {
    begun: AtomicUsize,
    gone: AtomicUsize,
    updates: AtomicUsize,
}

/// Adds and removes elements and moves others about until nobody searches any more.
fn write(mut connection: Connection, writer: usize, progress: &Progress, searchers: &AtomicUsize) {
    let mut draw = random(writer as u64);
    let mut vector = move || format!("VALUES 2 {} {}", 1 + draw(200), 1 + draw(200));
    for generation in 1.. {
        if searchers.load(Ordering::SeqCst) == 0 {
            return;
        }
        progress.begun.store(generation, Ordering::SeqCst);
        assert_eq!(connection.ask(&format!("VADD s {} {writer}:{generation}", vector())), ":1\r\n");
        let staying = (generation * 7 + writer) % STAYING;
        assert_eq!(connection.ask(&format!("VADD s {} stays:{staying}", vector())), ":0\r\n");
        progress.updates.fetch_add(1, Ordering::SeqCst);
        assert_eq!(connection.ask(&format!("VREM s {writer}:{generation}")), ":1\r\n");
        progress.gone.store(generation, Ordering::SeqCst);
    }
}

/// Searches once, and checks that no element came twice, and none that was not there for a moment.
/// How many stayed?
fn search(connection: &mut Connection, options: &str, progress: &[Progress]) -> usize {
    let gone: Vec<_> = progress.iter().map(|progress| progress.gone.load(Ordering::SeqCst)).collect();
    let found = connection.ask_list(&format!("VSIM s VALUES 2 100 50 {options}"));
    assert_eq!(found.iter().collect::<HashSet<_>>().len(), found.len(), "twice in {found:?}");
    let parse = |number: &str| number.parse::<usize>().expect("a name that was added");
    let mut stayed = 0;
    for name in &found {
        let (owner, number) = name.split_once(':').expect("a name that was added");
        if owner == "stays" {
            stayed += 1;
            continue;
        }
        let writer = parse(owner);
        let generation = parse(number);
        let begun = progress[writer].begun.load(Ordering::SeqCst);
        assert!(gone[writer] < generation && generation <= begun, "{name} was not there");
    }
    stayed
}

#[test]
fn a_search_finds_what_was_there_and_only_that() {
    let running = Running::start();
    let mut first = running.connect();
    (0..STAYING).for_each(|n| drop(first.ask(&format!("VADD s VALUES 2 {} 10 stays:{n}", n + 1))));
    let progress: Vec<_> = (0..WRITERS).map(|_| Progress::default()).collect();
    let searchers = AtomicUsize::new(SEARCHERS);
    std::thread::scope(|scope| {
        for (writer, progress) in progress.iter().enumerate() {
            let connection = running.connect();
            let searchers = &searchers;
            scope.spawn(move || write(connection, writer, progress, searchers));
        }
        for _ in 0..SEARCHERS {
            let mut connection = running.connect();
            let progress = &progress;
            let searchers = &searchers;
            scope.spawn(move || {
                let _done = Done(searchers);
                for _ in 0..SEARCHES {
                    let all = format!("COUNT {}", STAYING + 2 * WRITERS);
                    assert_eq!(search(&mut connection, &all, progress), STAYING, "some were not found");
                    search(&mut connection, "COUNT 10 EF 10", progress);
                }
            });
        }
    });
    let updates: usize = progress.iter().map(|progress| progress.updates.load(Ordering::SeqCst)).sum();
    println!("{} searches, {updates} updates", 2 * SEARCHERS * SEARCHES);
}

/// Lets the writers end with their searchers, also when those fail.
struct Done<'a>(&'a AtomicUsize);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
