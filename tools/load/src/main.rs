//! Loads and measures one server over the wire, and prints what it found as `name value` lines.
//!
//! It starts nothing and compares nothing: `tools/bench` starts the servers, runs this against
//! each, and draws the table. Progress goes to stderr.
//!
//! ```text
//! main → vectors, ping, persistence, stalls, ask   what is measured
//!          → driver, client   many connections at once; one connection, one call at a time
//!          → dataset, truth   vectors, names, queries; their exact neighbours
//!          → rows             files of vectors and of right answers
//!          → requests         what is asked for
//!          → resp, figures    bytes ⇄ requests and replies; rates and percentiles
//! ```

mod ask;
mod client;
mod dataset;
mod driver;
mod figures;
mod flags;
mod persistence;
mod ping;
mod requests;
mod resp;
mod rows;
mod stalls;
mod truth;
mod vectors;

use std::process::ExitCode;

use flags::Flags;

/// Why a measurement could not be made; shown to the person who runs it.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// One measurement: takes its flags, prints its figures.
type Command = fn(&mut Flags) -> Result<(), Failure>;

/// What can be measured, by the name it is asked for.
const COMMANDS: [(&str, Command); 7] = [
    ("vectors", vectors::run),
    ("ping", ping::run),
    ("fill", persistence::fill),
    ("snapshot", persistence::snapshot),
    ("writes", persistence::writes),
    ("stalls", stalls::run),
    ("ask", ask::run),
];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("nearhit-load: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let mut words = std::env::args().skip(1);
    let name = words.next().unwrap_or_default();
    let (_, command) = COMMANDS
        .iter()
        .find(|(known, _)| *known == name)
        .ok_or_else(|| format!("'{name}' is none of {:?}", COMMANDS.map(|(known, _)| known)))?;
    command(&mut Flags::read(words)?)
}
