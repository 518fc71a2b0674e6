//! Filters, while the attributes that they ask for change.
//!
//! What an index answers is the truth of one moment: counts, scans of one step and facets are put
//! into one order with the changes. A search asks for a moment, but meets elements one after the
//! other: it is held to return none that did not match at some moment while it ran, and all that
//! matched all the time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Barrier;
use std::time::Instant;

use crate::checker::{MAX_OPERATIONS, Model, Stuck, Timed, linearize};
use crate::connection::{Connection, Running};
use crate::{CLIENTS, ROUNDS, overlaps, random, record};

const COMMANDS: usize = 14;
const ELEMENTS: u8 = 4;
/// Different values of the field that is indexed.
const VALUES: u8 = 3;

const _: () = assert!(CLIENTS * COMMANDS <= MAX_OPERATIONS);

type History = Vec<Timed<Answered>>;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Command {
    /// VADD of an element with this value.
    Put(u8, u8),
    SetValue(u8, u8),
    Remove(u8),
    Count(u8),
    Scan(u8),
    Facet,
    /// VSIM or VSEARCH.
    Search(&'static str, u8),
}

use Command::*;

#[derive(Clone, Debug)]
struct Answered {
    command: Command,
    reply: String,
}

/// The value of each element.
type State = BTreeMap<u8, u8>;

impl Command {
    fn random(draw: &mut impl FnMut(u8) -> u8) -> Self {
        let kind = draw(18);
        let element = draw(ELEMENTS);
        let value = draw(VALUES);
        match kind {
            0..=3 => Put(element, value),
            4..=7 => SetValue(element, value),
            8..=9 => Remove(element),
            10..=11 => Count(value),
            12..=13 => Scan(value),
            14 => Facet,
            15..=16 => Search("VSIM", value),
            _ => Search("VSEARCH", value),
        }
    }

    fn words(self, round: usize) -> String {
        match self {
            Put(element, value) => {
                format!(
                    "VADD {round} VALUES 2 {} 1 e{element} SETATTR {{\"v\":{value}}}",
                    element + value + 1
                )
            }
            SetValue(element, value) => format!("VSETATTR {round} e{element} {{\"v\":{value}}}"),
            Remove(element) => format!("VREM {round} e{element}"),
            Count(value) => format!("VCOUNT {round} FILTER .v=={value}"),
            Scan(value) => format!("VSCAN {round} 0 FILTER .v=={value} COUNT 100"),
            Facet => format!("VFACET {round} v"),
            Search(name, value) => {
                format!("{name} {round} VALUES 2 1 1 FILTER .v=={value} COUNT 100")
            }
        }
    }

    /// What it gives an element, or takes from it.
    fn write(self) -> Option<(u8, Option<u8>)> {
        match self {
            Put(element, value) | SetValue(element, value) => Some((element, Some(value))),
            Remove(element) => Some((element, None)),
            _ => None,
        }
    }
}

impl Answered {
    fn elements(&self) -> BTreeSet<u8> {
        let names = self.reply.split("\r\n").filter_map(|line| line.strip_prefix('e'));
        names.map(|number| number.parse().expect("an element that was added")).collect()
    }

    /// Values and how many elements have each.
    fn facets(&self) -> BTreeMap<u8, usize> {
        let lines = self.reply.split("\r\n").filter(|line| !line.is_empty() && !line.starts_with(['*', '$']));
        let parts: Vec<&str> = lines.collect();
        let number = |text: &str| text.parse::<usize>().unwrap_or_else(|_| panic!("{}", self.reply));
        parts.chunks(2).map(|pair| (number(pair[0]) as u8, number(&pair[1][1..]))).collect()
    }

    /// What it changed, if it did.
    fn written(&self) -> Option<(u8, Option<u8>)> {
        let write = self.command.write()?;
        let is_missing = self.reply == ":0\r\n" && !matches!(self.command, Put(..));
        (!is_missing).then_some(write)
    }
}

impl Model for Answered {
    type State = State;

    fn apply(&self, state: &State) -> Option<State> {
        let mut next = state.clone();
        let with = |wanted: u8| {
            state.iter().filter(move |(_, value)| **value == wanted).map(|(element, _)| *element)
        };
        let integer = |number: usize| self.reply == format!(":{number}\r\n");
        let is_right = match self.command {
            Put(element, value) => integer(next.insert(element, value).is_none().into()),
            SetValue(element, value) => match next.get_mut(&element) {
                Some(old) => {
                    *old = value;
                    integer(1)
                }
                None => integer(0),
            },
            Remove(element) => integer(next.remove(&element).is_some().into()),
            Count(value) => integer(with(value).count()),
            Scan(value) => self.elements() == with(value).collect(),
            Facet => {
                let mut counts = BTreeMap::new();
                state.values().for_each(|value| *counts.entry(*value).or_default() += 1);
                self.facets() == counts
            }
            Search(..) => true,
        };
        is_right.then_some(next)
    }
}

/// The field of each round's set has an index before there are elements, so that it is complete.
fn prepare(running: &Running) {
    let mut connection = running.connect();
    for round in 0..ROUNDS {
        assert_eq!(connection.ask(&format!("VCREATE {round} DIM 2")), "+OK\r\n");
        assert_eq!(connection.ask(&format!("VINDEX {round} CREATE v KEYWORD")), "+OK\r\n");
    }
}

fn play(mut connection: Connection, client: usize, together: &Barrier) -> Vec<History> {
    let mut round = |round| {
        let mut draw = random((round * CLIENTS + client) as u64);
        let commands: Vec<_> = (0..COMMANDS).map(|_| Command::random(&mut draw)).collect();
        together.wait();
        let mut one = |command: Command| {
            let words = command.words(round);
            let called = Instant::now();
            let reply = connection.ask(&words);
            Timed { called, returned: Instant::now(), operation: Answered { command, reply } }
        };
        commands.into_iter().map(&mut one).collect()
    };
    (0..ROUNDS).map(&mut round).collect()
}

/// The changes of one element, and what each left.
fn writes(history: &History, element: u8) -> Vec<(&Timed<Answered>, Option<u8>)> {
    let changes = history.iter().filter_map(|timed| Some((timed, timed.operation.written()?)));
    changes
        .filter(|(_, (changed, _))| *changed == element)
        .map(|(timed, (_, value))| (timed, value))
        .collect()
}

impl Timed<Answered> {
    fn is_before(&self, other: &Self) -> bool {
        self.returned < other.called
    }
}

/// Why a search cannot have returned what it did, if so.
fn fault(history: &History, search: &Timed<Answered>, wanted: u8) -> Option<String> {
    let found = search.operation.elements();
    for element in 0..ELEMENTS {
        let writes = writes(history, element);
        // Of a write that may be the last before a moment of the search.
        let may_hold = |write: &Timed<Answered>| {
            let is_replaced =
                |&(other, _): &(&Timed<Answered>, _)| write.is_before(other) && other.is_before(search);
            !search.is_before(write) && !writes.iter().any(is_replaced)
        };
        let holds_throughout = |write: &Timed<Answered>| {
            let is_apart = |&(other, _): &(&Timed<Answered>, _)| {
                std::ptr::eq(other, write) || other.is_before(write) || search.is_before(other)
            };
            write.is_before(search) && writes.iter().all(is_apart)
        };
        let mut matching = writes.iter().filter(|(_, value)| *value == Some(wanted)).map(|(write, _)| *write);
        if found.contains(&element) {
            if !matching.any(may_hold) {
                return Some(format!("e{element} never matched"));
            }
        } else if matching.any(holds_throughout) {
            return Some(format!("e{element} matched all the time"));
        }
    }
    None
}

fn describe(history: &History) -> String {
    let start = history.iter().map(|timed| timed.called).min().expect("not empty");
    let line = |timed: &Timed<Answered>| {
        let [called, returned] = [timed.called, timed.returned].map(|at| (at - start).as_nanos());
        format!("{called:>9} to {returned:>9} ns: {:?}", timed.operation)
    };
    let mut lines: Vec<_> = history.iter().map(line).collect();
    lines.sort();
    lines.join("\n")
}

#[test]
fn filters_are_answered_as_of_one_moment() {
    let running = Running::start();
    prepare(&running);
    let rounds = record(&running, play);
    let count = rounds.iter().map(|round| overlaps(round)).sum::<usize>();
    println!("{count} operations began while another ran");
    assert!(count > 0, "nothing was tested");
    for history in &rounds {
        if let Err(Stuck { state, next }) = linearize(history) {
            let next: Vec<_> = next.into_iter().map(|at| &history[at].operation).collect();
            panic!("{}\nno order explains this: none of {next:?} is right in {state:?}", describe(history));
        }
        for search in history {
            if let Search(_, wanted) = search.operation.command {
                let fault = fault(history, search, wanted);
                assert!(fault.is_none(), "{}\n{:?}: {fault:?}", describe(history), search.operation);
            }
        }
    }
}

#[test]
fn wrong_answers_are_noticed() {
    let start = Instant::now();
    let at = |ms: u64| start + std::time::Duration::from_millis(ms);
    let timed = |&(called, returned, command, reply): &(u64, u64, Command, &str)| Timed {
        called: at(called),
        returned: at(returned),
        operation: Answered { command, reply: reply.to_owned() },
    };
    let history = |steps: &[(u64, u64, Command, &str)]| steps.iter().map(timed).collect::<History>();
    let put = (0, 1, Put(1, 2), ":1\r\n");
    let set = (4, 7, SetValue(1, 0), ":1\r\n");
    let one = "*1\r\n$2\r\ne1\r\n";
    let is_ordered = |steps: &[_]| linearize(&history(steps)).is_ok();
    assert!(is_ordered(&[put, (2, 3, Count(2), ":1\r\n"), set, (8, 9, Count(2), ":0\r\n")]));
    assert!(!is_ordered(&[put, set, (8, 9, Count(2), ":1\r\n")]), "stale");
    assert!(!is_ordered(&[put, (2, 3, Scan(2), "*2\r\n$1\r\n0\r\n*0\r\n")]), "lost");
    assert!(is_ordered(&[put, (2, 3, Facet, "*1\r\n*2\r\n$1\r\n2\r\n:1\r\n")]));
    assert!(!is_ordered(&[put, (2, 3, Facet, "*1\r\n*2\r\n$1\r\n2\r\n:2\r\n")]));
    let finds = |called, returned, reply: &'static str| {
        let history = history(&[put, set, (called, returned, Search("VSIM", 2), reply)]);
        fault(&history, &history[2], 2).is_none()
    };
    assert!(finds(2, 3, one) && !finds(2, 3, "*0\r\n"), "it matches all the time");
    assert!(finds(5, 6, one) && finds(5, 6, "*0\r\n"), "it changes meanwhile");
    assert!(!finds(8, 9, one) && finds(8, 9, "*0\r\n"), "it does not match any more");
}
