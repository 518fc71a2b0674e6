//! Snapshots under load: how long they take, what memory they need, and how long others wait.
//!
//! Two are made: beside the first the memory is watched, which itself holds up the server a little,
//! beside the second the PINGs.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{CONNECTIONS, memory};
use crate::Failure;
use crate::client::Client;
use crate::dataset::Dataset;
use crate::driver::Fleet;
use crate::figures::{self, Figures};
use crate::requests;
use crate::resp::Requests;

/// How long the load goes on before a snapshot begins. The most that memory was and PINGs took
/// meanwhile is their usual measure.
const BEFORE: Duration = Duration::from_secs(3);
/// Between two looks at the memory, two PINGs, or two questions whether the snapshot is done.
const MEMORY_PAUSE: Duration = Duration::from_millis(25);
const PING_PAUSE: Duration = Duration::from_micros(500);
const DONE_PAUSE: Duration = Duration::from_millis(5);
const EF: usize = 100;
/// Elements that the writers write before they start again.
const WRITTEN: usize = 20_000;
/// A snapshot that takes longer is given up.
const PATIENCE: Duration = Duration::from_secs(900);

/// The most that something was, before the snapshot and since.
#[derive(Default, Clone, Copy)]
struct Most {
    before: f64,
    since: f64,
}

impl Most {
    fn note(&mut self, value: f64, begun: bool) {
        let most = if begun { &mut self.since } else { &mut self.before };
        *most = value.max(*most);
    }
}

/// What the threads of one snapshot tell each other.
#[derive(Default)]
struct Signals {
    begun: AtomicBool,
    stop: AtomicBool,
}

impl Signals {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }
}

/// What was found beside one snapshot.
struct Beside {
    seconds: f64,
    watched: Most,
    load: Figures,
}

pub(super) fn measure(server: SocketAddr, pid: u32, set: &Dataset, load: &str) -> Result<(), Failure> {
    let requests = match load {
        "idle" => Requests::default(),
        "read" => requests::searches(set, EF),
        "write" => requests::updates(set, WRITTEN),
        _ => return Err(format!("no such load: {load}").into()),
    };
    let name = format!("snapshot/{load}");
    let memory = beside(server, &requests, |signals| watch_memory(pid, signals))?;
    figures::print(format_args!("{name}/memory_before"), memory.watched.before);
    figures::print(format_args!("{name}/memory_extra"), memory.watched.since - memory.watched.before);
    let pings = beside(server, &requests, |signals| watch_pings(server, signals))?;
    figures::print(format_args!("{name}/longest_ping_before_ms"), pings.watched.before);
    figures::print(format_args!("{name}/longest_ping_ms"), pings.watched.since);
    figures::print(format_args!("{name}/seconds"), pings.seconds);
    if pings.load.count() > 0 {
        pings.load.print(&format!("{name}/load"));
    }
    Ok(())
}

/// Makes a snapshot under a load, and watches something from before it begins until it is done.
fn beside(
    server: SocketAddr,
    requests: &Requests,
    watch: impl FnOnce(&Signals) -> Result<Most, Failure> + Send,
) -> Result<Beside, Failure> {
    let signals = Signals::default();
    std::thread::scope(|scope| {
        let load = scope.spawn(|| drive(server, requests, &signals));
        let watched = scope.spawn(|| watch(&signals));
        let seconds = make(server, &signals);
        signals.stop.store(true, Ordering::Relaxed);
        let (load, watched) = (joined(load.join())?, joined(watched.join())?);
        Ok(Beside { seconds: seconds?, watched, load })
    })
}

fn joined<T>(outcome: std::thread::Result<Result<T, Failure>>) -> Result<T, Failure> {
    outcome.map_err(|_| "a thread panicked")?
}

/// Loads the server until it is to stop; only what was answered during the snapshot is counted.
fn drive(server: SocketAddr, requests: &Requests, signals: &Signals) -> Result<Figures, Failure> {
    if requests.len() == 0 {
        return Ok(Figures::default());
    }
    let mut fleet = Fleet::connect(server, CONNECTIONS)?;
    let mut plan = (0..requests.len()).cycle();
    let begun = || signals.begun.load(Ordering::Relaxed);
    fleet.drive(requests, plan.by_ref().take_while(|_| !begun() && signals.goes_on()), 1, |_, _| {})?;
    fleet.drive(requests, plan.take_while(|_| signals.goes_on()), 1, |_, _| {})
}

/// Waits, has a snapshot made, and returns how many seconds it took.
fn make(server: SocketAddr, signals: &Signals) -> Result<f64, Failure> {
    let mut client = Client::connect(server)?;
    std::thread::sleep(BEFORE);
    signals.begun.store(true, Ordering::Relaxed);
    let began = Instant::now();
    client.call(&[b"BGSAVE"])?;
    while is_running(&mut client)? {
        if began.elapsed() > PATIENCE {
            return Err("the snapshot does not end".into());
        }
        std::thread::sleep(DONE_PAUSE);
    }
    Ok(began.elapsed().as_secs_f64())
}

fn is_running(client: &mut Client) -> Result<bool, Failure> {
    let reply = client.call(&[b"INFO", b"persistence"])?;
    let text = String::from_utf8_lossy(reply.bulks().next().unwrap_or_default()).into_owned();
    if text.contains("rdb_last_bgsave_status:err") {
        return Err("the snapshot failed".into());
    }
    Ok(text.contains("rdb_bgsave_in_progress:1"))
}

fn watch_memory(pid: u32, signals: &Signals) -> Result<Most, Failure> {
    let mut most = Most::default();
    while signals.goes_on() {
        // Asked before, so that a snapshot which begins meanwhile is not counted as before it.
        let begun = signals.begun.load(Ordering::Relaxed);
        let bytes = memory::of_tree(pid)? as f64;
        if begun || !signals.begun.load(Ordering::Relaxed) {
            most.note(bytes, begun);
        }
        std::thread::sleep(MEMORY_PAUSE);
    }
    Ok(most)
}

fn watch_pings(server: SocketAddr, signals: &Signals) -> Result<Most, Failure> {
    let mut client = Client::connect(server)?;
    let mut most = Most::default();
    while signals.goes_on() {
        let began = Instant::now();
        client.call(&[b"PING"])?;
        most.note(began.elapsed().as_secs_f64() * 1e3, signals.begun.load(Ordering::Relaxed));
        std::thread::sleep(PING_PAUSE);
    }
    Ok(most)
}
