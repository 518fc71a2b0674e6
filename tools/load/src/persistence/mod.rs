//! What does it cost to keep data? Snapshots under load, and writes that are logged.
//!
//! Knows one server; `tools/benchmarks/persistence.py` starts it, again and again, and reads the
//! figures.

pub(crate) mod memory;
mod snapshot;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::Failure;
use crate::dataset::Dataset;
use crate::driver::Fleet;
use crate::flags::Flags;
use crate::requests;
use crate::resp::Requests;

/// Connections that fill, read and write.
const CONNECTIONS: usize = 16;
/// Elements whose requests are encoded at once.
const PORTION: usize = 10_000;
/// Keys that `writes` writes to, and the length of their values.
const KEYS: usize = 100_000;
const VALUE_LEN: usize = 100;

/// `--port P --set FOLDER --dim D --n MAX`: adds all elements.
pub(crate) fn fill(flags: &mut Flags) -> Result<(), Failure> {
    let (server, set) = (server(flags)?, set(flags)?);
    flags.finish()?;
    let mut fleet = Fleet::connect(server, CONNECTIONS)?;
    for first in (0..set.base.len()).step_by(PORTION) {
        let requests = requests::additions(&set, first..set.base.len().min(first + PORTION));
        fleet.drive(&requests, 0..requests.len(), 2, |_, _| {})?;
    }
    Ok(())
}

/// `--port P --pid PID --set FOLDER --dim D --n MAX --load idle|read|write`: has snapshots made
/// under that load, and prints `snapshot/LOAD/…`.
pub(crate) fn snapshot(flags: &mut Flags) -> Result<(), Failure> {
    let (server, set, pid) = (server(flags)?, set(flags)?, flags.take("pid")?);
    let load: String = flags.take("load")?;
    flags.finish()?;
    snapshot::measure(server, pid, &set, &load)
}

/// `--port P --connections N --depth N --seconds S`: small SETs over and over; prints `writes/…`.
pub(crate) fn writes(flags: &mut Flags) -> Result<(), Failure> {
    let server = server(flags)?;
    let (connections, depth) = (flags.take("connections")?, flags.take("depth")?);
    let length = Duration::from_secs_f64(flags.take::<f64>("seconds")?.clamp(0.0, 600.0));
    flags.finish()?;
    let mut requests = Requests::default();
    for key in 0..KEYS {
        requests.push(&[b"SET", format!("key:{key}").as_bytes(), &[b'x'; VALUE_LEN]]);
    }
    let deadline = Instant::now() + length;
    let plan = (0..KEYS).cycle().take_while(|_| Instant::now() < deadline);
    Fleet::connect(server, connections)?.drive(&requests, plan, depth, |_, _| {})?.print("writes");
    Ok(())
}

fn server(flags: &mut Flags) -> Result<SocketAddr, Failure> {
    Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, flags.take("port")?)))
}

fn set(flags: &mut Flags) -> Result<Dataset, Failure> {
    let folder: PathBuf = flags.take("set")?;
    Dataset::read(&folder, flags.take("dim")?, flags.take("n")?, 1000)
}
