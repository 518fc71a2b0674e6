//! Transactions happen at one moment too, and those that watch only if nothing has changed.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::checker::{MAX_OPERATIONS, Timed};
use crate::connection::{Connection, Running};
use crate::model::{Answered, Command, KEYS};
use crate::{CLIENTS, Done, History, ROUNDS, check, random, record};

/// What one client does in a round; each step is two operations at most.
const STEPS: usize = 8;
/// Commands in a transaction.
const MOST_COMMANDS: u8 = 4;

const _: () = assert!(2 * STEPS * CLIENTS <= MAX_OPERATIONS);

/// One client with its part of a round's history.
struct Player<'a> {
    connection: &'a mut Connection,
    round: usize,
    history: History,
}

impl Player<'_> {
    fn ask(&mut self, command: Command) -> String {
        let words = command.words(self.round);
        let called = Instant::now();
        let reply = self.connection.ask(&words);
        let operation = Answered::single(command, reply.clone());
        self.history.push(Timed { called, returned: Instant::now(), operation });
        reply
    }

    /// What is queued does nothing yet: the transaction is under way from EXEC to its reply.
    fn execute(&mut self, guard: Option<(Command, String)>, commands: Vec<Command>) {
        assert_eq!(self.connection.ask("MULTI"), "+OK\r\n");
        for command in &commands {
            assert_eq!(self.connection.ask(&command.words(self.round)), "+QUEUED\r\n");
        }
        let called = Instant::now();
        let replies = self.connection.execute();
        let operation = Answered { guard, commands, replies };
        self.history.push(Timed { called, returned: Instant::now(), operation });
    }

    fn step(&mut self, draw: &mut impl FnMut(u8) -> u8) {
        match draw(4) {
            0 => drop(self.ask(Command::random(draw))),
            1 | 2 => {
                let count = 1 + draw(MOST_COMMANDS);
                let commands = (0..count).map(|_| Command::random(draw)).collect();
                self.execute(None, commands);
            }
            _ => self.watch_and_change(draw),
        }
    }

    fn watch_and_change(&mut self, draw: &mut impl FnMut(u8) -> u8) {
        let key = draw(KEYS);
        assert_eq!(self.connection.ask(&format!("WATCH {}:{key}", self.round)), "+OK\r\n");
        let read = [Command::Get(key), Command::VEmb(key, 0), Command::VCard(key)][usize::from(draw(3))];
        let seen = self.ask(read);
        let change = [Command::Incr(key), Command::VAdd(key, 0, 1 + draw(3)), Command::VRem(key, 0)];
        let commands = vec![change[usize::from(draw(3))], Command::random(draw)];
        self.execute(Some((read, seen)), commands);
    }
}

fn play(mut connection: Connection, client: usize, together: &Barrier) -> Vec<History> {
    let round = |round| {
        let mut draw = random((round * CLIENTS + client) as u64);
        let mut player = Player { connection: &mut connection, round, history: History::new() };
        together.wait();
        (0..STEPS).for_each(|_| player.step(&mut draw));
        player.history
    };
    (0..ROUNDS).map(round).collect()
}

#[test]
fn transactions_are_linearizable() {
    let rounds = record(&Running::start(), play);
    let all = || rounds.iter().flatten().map(|timed| &timed.operation);
    let refused = all().filter(|answered| answered.replies.is_none()).count();
    let watched = all().filter(|answered| answered.guard.is_some()).count();
    println!("{watched} transactions watched a key, which had changed for {refused} of them");
    assert!(0 < refused && refused < watched);
    check(&rounds);
}

const INCREMENTS: usize = 300;

#[test]
fn no_increment_by_watching_is_lost() {
    let running = Running::start();
    let refused = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            let mut connection = running.connect();
            let refused = &refused;
            scope.spawn(move || {
                for _ in 0..INCREMENTS {
                    while !increments(&mut connection) {
                        refused.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    println!("{} increments, {} refused", CLIENTS * INCREMENTS, refused.load(Ordering::Relaxed));
    let sum = (CLIENTS * INCREMENTS).to_string();
    assert_eq!(running.connect().ask("GET n"), format!("${}\r\n{sum}\r\n", sum.len()));
}

fn increments(connection: &mut Connection) -> bool {
    assert_eq!(connection.ask("WATCH n"), "+OK\r\n");
    let seen = connection.ask("GET n");
    let number: usize = seen.split("\r\n").nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
    connection.ask("MULTI");
    connection.ask(&format!("SET n {}", number + 1));
    connection.execute().is_some()
}

const ACCOUNTS: u8 = 10;
const READS: usize = 400;
const MONEY: i64 = 100;

/// Moves money between accounts until nobody counts any more.
fn transfer(mut connection: Connection, client: usize, readers: &AtomicUsize) {
    let mut draw = random(client as u64);
    while readers.load(Ordering::SeqCst) > 0 {
        let from = draw(ACCOUNTS);
        let to = draw(ACCOUNTS);
        let sum = draw(50);
        connection.ask("MULTI");
        connection.ask(&format!("INCRBY account:{from} -{sum}"));
        connection.ask(&format!("VADD ledger VALUES 2 1 {sum} {client}"));
        connection.ask(&format!("INCRBY account:{to} {sum}"));
        connection.ask(&format!("VADD ledger VALUES 2 1 {sum} {client}:again"));
        assert!(connection.execute().is_some());
    }
}

fn sum(words: impl Iterator<Item = String>) -> i64 {
    words.filter_map(|word| word.parse::<i64>().ok()).sum()
}

/// All accounts, by one command or by several in a transaction.
fn count(connection: &mut Connection, by_exec: bool) -> i64 {
    let keys: Vec<_> = (0..ACCOUNTS).map(|account| format!("account:{account}")).collect();
    if !by_exec {
        return sum(connection.ask_list(&format!("MGET {}", keys.join(" "))).into_iter());
    }
    connection.ask("MULTI");
    keys.iter().for_each(|key| drop(connection.ask(&format!("GET {key}"))));
    let replies = connection.execute().expect("nothing is watched");
    sum(replies.iter().filter_map(|reply| reply.split("\r\n").nth(1)).map(str::to_owned))
}

/// Each client's two entries are written by one transaction: a search that sees one sees the other,
/// at the same place.
fn compare_entries(connection: &mut Connection) {
    let found = connection.ask_list("VSIM ledger VALUES 2 1 0 WITHSCORES COUNT 100");
    let scores: std::collections::BTreeMap<_, _> = found.chunks(2).map(|row| (&row[0], &row[1])).collect();
    for (name, score) in scores.iter().filter(|(name, _)| !name.ends_with(":again")) {
        assert_eq!(scores.get(&format!("{name}:again")), Some(score), "half a transaction in {found:?}");
    }
}

#[test]
fn transfers_are_seen_whole() {
    let running = Running::start();
    let mut first = running.connect();
    (0..ACCOUNTS).for_each(|account| drop(first.ask(&format!("SET account:{account} {MONEY}"))));
    let readers = AtomicUsize::new(CLIENTS / 2);
    std::thread::scope(|scope| {
        for client in 0..CLIENTS / 2 {
            let connection = running.connect();
            let readers = &readers;
            scope.spawn(move || transfer(connection, client, readers));
            let mut connection = running.connect();
            scope.spawn(move || {
                let _done = Done(readers);
                for read in 0..READS {
                    assert_eq!(count(&mut connection, read % 2 == 0), MONEY * i64::from(ACCOUNTS));
                    compare_entries(&mut connection);
                }
            });
        }
    });
}
