//! Dropping the whole set, and how long another connection waits for a PING meanwhile.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::Bench;
use crate::Failure;
use crate::client::Client;
use crate::figures;
use crate::requests::KEY;

/// How long PINGs go on before and after: what a server puts off until after its reply counts too.
const AROUND: Duration = Duration::from_millis(500);

/// What the connection that sends PINGs is told.
#[derive(Default)]
struct Signals {
    deleting: AtomicBool,
    stop: AtomicBool,
}

/// The longest PINGs: of those answered before the deletion (the noise of the machine), and of all
/// others.
#[derive(Default)]
struct Longest {
    before: Duration,
    since: Duration,
}

/// Deletes the set; prints `del/ms`, `del/longest_ping_ms` and `del/longest_ping_before_ms`.
pub(super) fn measure(bench: &mut Bench) -> Result<(), Failure> {
    let (server, signals) = (bench.server, Signals::default());
    let mut longest = Ok(Longest::default());
    let deleted = std::thread::scope(|scope| {
        scope.spawn(|| longest = ping_until_stopped(server, &signals));
        let deleted = delete(&mut bench.control, &signals);
        signals.stop.store(true, Ordering::Relaxed);
        deleted
    });
    let (deleted, longest) = (deleted?, longest?);
    figures::print("del/ms", deleted.as_secs_f64() * 1e3);
    figures::print("del/longest_ping_ms", longest.since.as_secs_f64() * 1e3);
    figures::print("del/longest_ping_before_ms", longest.before.as_secs_f64() * 1e3);
    Ok(())
}

fn delete(control: &mut Client, signals: &Signals) -> Result<Duration, Failure> {
    std::thread::sleep(AROUND);
    signals.deleting.store(true, Ordering::Relaxed);
    let began = Instant::now();
    control.call(&[b"DEL", KEY])?;
    let took = began.elapsed();
    std::thread::sleep(AROUND);
    Ok(took)
}

fn ping_until_stopped(server: SocketAddr, signals: &Signals) -> Result<Longest, Failure> {
    let mut client = Client::connect(server)?;
    let mut longest = Longest::default();
    while !signals.stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        client.call(&[b"PING"])?;
        let deleting = signals.deleting.load(Ordering::Relaxed);
        let worst = if deleting { &mut longest.since } else { &mut longest.before };
        *worst = began.elapsed().max(*worst);
    }
    Ok(longest)
}
