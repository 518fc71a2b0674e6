//! Dropping the whole set, and how long another connection waits for a PING meanwhile.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{Bench, KEY};
use crate::Failure;
use crate::client::Client;
use crate::figures;

/// How long PINGs go on before and after: what a server puts off until after its reply counts too.
const AROUND: Duration = Duration::from_millis(500);

/// Deletes the set; prints `del/ms` and `del/longest_ping_ms`.
pub(super) fn measure(bench: &mut Bench) -> Result<(), Failure> {
    let (server, stop) = (bench.server, AtomicBool::new(false));
    let mut longest = Ok(Duration::ZERO);
    let deleted = std::thread::scope(|scope| {
        scope.spawn(|| longest = longest_ping(server, &stop));
        let deleted = delete(&mut bench.control);
        stop.store(true, Ordering::Relaxed);
        deleted
    });
    figures::print("del/ms", deleted?.as_secs_f64() * 1e3);
    figures::print("del/longest_ping_ms", longest?.as_secs_f64() * 1e3);
    Ok(())
}

fn delete(control: &mut Client) -> Result<Duration, Failure> {
    std::thread::sleep(AROUND);
    let began = Instant::now();
    control.call(&[b"DEL", KEY])?;
    let took = began.elapsed();
    std::thread::sleep(AROUND);
    Ok(took)
}

fn longest_ping(server: SocketAddr, stop: &AtomicBool) -> Result<Duration, Failure> {
    let mut client = Client::connect(server)?;
    let mut longest = Duration::ZERO;
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        client.call(&[b"PING"])?;
        longest = longest.max(began.elapsed());
    }
    Ok(longest)
}
