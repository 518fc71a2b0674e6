//! Searching at equal recall, alone and beside a connection that writes without pause.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::ef::Finder;
use super::{Bench, CONNECTIONS, RECALL_BESIDE_WRITER, RECALLS};
use crate::Failure;
use crate::dataset::Dataset;
use crate::driver::Fleet;
use crate::figures::{self, Figures};
use crate::requests;
use crate::resp::{Reply, Requests};
use crate::rows::COUNT;

/// The part of a point's time that comes before it and is not counted.
const WARM_UP: f64 = 0.1;
/// The most elements that the writer writes before it starts again.
const MAX_WRITTEN: usize = 10_000;

/// Prints `vsim/RECALL/…` for each recall, and `mixed/RECALL/…` for the one measured beside a
/// writer.
pub(super) fn measure(bench: &mut Bench) -> Result<(), Failure> {
    let mut finder = Finder::new();
    let mut beside_writer = None;
    for target in RECALLS {
        match finder.find(target, |ef| recall(bench, ef))? {
            Err(best) => figures::print(format_args!("vsim/{target:.2}/best_recall"), best.recall),
            Ok(point) => {
                eprintln!("  recall {:.4} at EF {}", point.recall, point.ef);
                let name = format!("vsim/{target:.2}");
                figures::print(format_args!("{name}/ef"), point.ef as f64);
                figures::print(format_args!("{name}/recall"), point.recall);
                searches(bench, point.ef, &name)?;
                if target == RECALL_BESIDE_WRITER {
                    beside_writer = Some((point.ef, format!("mixed/{target:.2}")));
                }
            }
        }
    }
    // Last, since the writer changes the graph.
    beside_writer.map_or(Ok(()), |(ef, name)| searches_beside_writer(bench, ef, &name))
}

/// The share of right answers when every query is asked once.
fn recall(bench: &mut Bench, ef: usize) -> Result<f64, Failure> {
    let requests = requests::searches(&bench.set, ef);
    let mut hits = 0;
    let fleet = bench.fleets.last_mut().ok_or("no connections")?;
    fleet.drive(&requests, 0..requests.len(), 1, count_hits(&bench.set, &mut hits))?;
    Ok(hits as f64 / (requests.len() * COUNT) as f64)
}

fn count_hits(set: &Dataset, hits: &mut usize) -> impl FnMut(usize, Reply<'_>) {
    |query, reply| *hits += set.hits(query, reply.bulks())
}

/// Searches for as long as a point is measured, with each number of connections.
fn searches(bench: &mut Bench, ef: usize, name: &str) -> Result<(), Failure> {
    let requests = requests::searches(&bench.set, ef);
    for (fleet, connections) in bench.fleets.iter_mut().zip(CONNECTIONS) {
        let mut hits = 0;
        search_for(fleet, &requests, bench.length.mul_f64(WARM_UP), |_, _| {})?;
        let found = search_for(fleet, &requests, bench.length, count_hits(&bench.set, &mut hits))?;
        let recall = hits as f64 / (found.count().max(1) * COUNT) as f64;
        figures::print(format_args!("{name}/{connections}/recall"), recall);
        found.print(&format!("{name}/{connections}"));
    }
    Ok(())
}

fn search_for(
    fleet: &mut Fleet,
    requests: &Requests,
    length: Duration,
    on_reply: impl FnMut(usize, Reply<'_>),
) -> Result<Figures, Failure> {
    let deadline = Instant::now() + length;
    let plan = (0..requests.len()).cycle().take_while(|_| Instant::now() < deadline);
    fleet.drive(requests, plan, 1, on_reply)
}

/// As `searches`, while one further connection updates elements; prints its rate as
/// `NAME/writer/rate` too.
fn searches_beside_writer(bench: &mut Bench, ef: usize, name: &str) -> Result<(), Failure> {
    eprintln!("  searching beside a writer");
    let (server, updates) = (bench.server, requests::updates(&bench.set, MAX_WRITTEN));
    let stop = AtomicBool::new(false);
    let mut written = Ok(Figures::default());
    std::thread::scope(|scope| {
        scope.spawn(|| written = write_until(&stop, server, &updates));
        let searched = searches(bench, ef, name);
        stop.store(true, Ordering::Relaxed);
        searched
    })?;
    written?.print(&format!("{name}/writer"));
    Ok(())
}

fn write_until(stop: &AtomicBool, server: SocketAddr, updates: &Requests) -> Result<Figures, Failure> {
    let plan = (0..updates.len()).cycle().take_while(|_| !stop.load(Ordering::Relaxed));
    Fleet::connect(server, 1)?.drive(updates, plan, 1, |_, _| {})
}
