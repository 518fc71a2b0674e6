//! What do vector sets cost? Loading, searching at equal recall, searching while writing, memory,
//! deletion.
//!
//! Knows one server; the figures are printed as they come, under the names that
//! `tools/benchmarks/vectors.py` reads.

mod delete;
mod ef;
mod load;
mod memory;
mod search;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::Failure;
use crate::client::Client;
use crate::dataset::Dataset;
use crate::driver::Fleet;
use crate::flags::Flags;

/// With how many connections loading and searching are measured.
const CONNECTIONS: [usize; 2] = [1, 16];
/// The shares of right answers at which searching is measured.
const RECALLS: [f64; 3] = [0.90, 0.95, 0.99];
/// The one of them at which it is measured beside a writer.
const RECALL_BESIDE_WRITER: f64 = 0.95;
/// The longest a point may be measured, whatever is asked for.
const MAX_SECONDS: f64 = 600.0;

/// A server, what it is loaded with, and the connections that do it.
struct Bench {
    server: SocketAddr,
    pid: u32,
    set: Dataset,
    /// How long one point is measured.
    length: Duration,
    /// One for each of `CONNECTIONS`.
    fleets: Vec<Fleet>,
    control: Client,
}

/// `--port P --pid PID --set FOLDER --dim D --n MAX --queries MAX --seconds S`: measures
/// everything.
pub(crate) fn run(flags: &mut Flags) -> Result<(), Failure> {
    let mut bench = Bench::open(flags)?;
    eprintln!("  loading {} elements of {} dimensions", bench.set.base.len(), bench.set.base.get(0).len());
    let before = memory::Memory::of(&mut bench)?;
    load::measure(&mut bench)?;
    memory::Memory::of(&mut bench)?.print_growth(&before, bench.set.base.len());
    search::measure(&mut bench)?;
    delete::measure(&mut bench)
}

impl Bench {
    fn open(flags: &mut Flags) -> Result<Self, Failure> {
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, flags.take("port")?));
        let (folder, dim): (PathBuf, usize) = (flags.take("set")?, flags.take("dim")?);
        let (n, queries) = (flags.take("n")?, flags.take("queries")?);
        let length = Duration::from_secs_f64(flags.take::<f64>("seconds")?.clamp(0.0, MAX_SECONDS));
        let pid = flags.take("pid")?;
        flags.finish()?;
        let set = Dataset::read(&folder, dim, n, queries)?;
        let fleets =
            CONNECTIONS.iter().map(|&count| Fleet::connect(server, count)).collect::<Result<_, _>>()?;
        Ok(Self { server, pid, set, length, fleets, control: Client::connect(server)? })
    }
}
