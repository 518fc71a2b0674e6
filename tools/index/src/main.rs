//! One vector set in a process of its own, without a server: takes a request a line, answers with a
//! line of JSON.
//!
//! ```text
//! nearhit-index kinds
//! nearhit-index coarse
//! nearhit-index serve --set FOLDER --dim N --kind WORD --m N --ef-construction N --threads N
//!
//! build               adds every row
//! replace             gives every element another's vector, in no order
//! search EF SECONDS   asks all queries again and again for so long, on one thread, once at least
//! memory              what the set says that it holds, and what the process has grown by since it began to build
//! ```
//!
//! ```text
//! main → subject    the set, filled, changed and asked
//!      → recall     how many of the nearest were found
//!      → resident   what the system says of memory
//!      → dataset    vectors, queries, right answers
//!      → rows       files of vectors and of right answers
//! ```

mod dataset;
#[path = "../../load/src/flags.rs"]
mod flags;
mod recall;
mod resident;
#[path = "../../load/src/rows.rs"]
mod rows;
mod subject;

use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use nearhit::vector_set::CODECS;

use dataset::Dataset;
use flags::Flags;
use subject::{Subject, Work};

/// As in the server.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Why nothing can be measured; shown to the person who runs it.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("nearhit-index: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let mut words = std::env::args().skip(1);
    match words.next().as_deref() {
        Some("kinds") => {
            CODECS.iter().for_each(|codec| println!("{}", codec.keyword));
            Ok(())
        }
        Some("coarse") => {
            let coarse = CODECS.iter().filter(|codec| subject::is_coarse(codec.kind));
            coarse.for_each(|codec| println!("{}", codec.keyword));
            Ok(())
        }
        Some("serve") => serve(&mut Flags::read(words)?),
        other => Err(format!("{other:?} is none of 'kinds', 'coarse', 'serve'").into()),
    }
}

fn serve(flags: &mut Flags) -> Result<(), Failure> {
    let dataset = Dataset::read(&flags.take::<PathBuf>("set")?, flags.take("dim")?)?;
    let params = subject::params(dataset.base.dim(), flags)?;
    let threads = flags.take("threads")?;
    flags.finish()?;
    return_memory_in_background()?;
    let before = resident::bytes()?;
    let mut subject = Subject::new(params, dataset, threads);
    for line in std::io::stdin().lock().lines() {
        let reply = answer(&mut subject, &line?, before)?;
        writeln!(std::io::stdout(), "{reply}")?;
    }
    Ok(())
}

/// As in the server.
fn return_memory_in_background() -> Result<(), Failure> {
    #[cfg(feature = "jemalloc")]
    tikv_jemalloc_ctl::background_thread::write(true)?;
    Ok(())
}

/// One request's reply.
fn answer(subject: &mut Subject, line: &str, before: u64) -> Result<String, Failure> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        ["build"] => Ok(seconds(subject.fill(Work::Add))),
        ["replace"] => Ok(seconds(subject.fill(Work::Replace))),
        ["search", ef, seconds] => {
            let found = subject.search(ef.parse()?, Duration::try_from_secs_f64(seconds.parse()?)?);
            let recall = recall::of(&found.rows, subject.nearest());
            Ok(format!(
                r#"{{"qps": {}, "recall": {}, "worst": {}, "low": {}}}"#,
                found.qps, recall.mean, recall.worst, recall.low
            ))
        }
        ["memory"] => {
            let resident = resident::bytes()?.saturating_sub(before);
            Ok(format!(r#"{{"accounted": {}, "resident": {resident}}}"#, subject.heap_bytes()))
        }
        _ => Err(format!("'{line}' is no request").into()),
    }
}

fn seconds(elapsed: Duration) -> String {
    format!(r#"{{"seconds": {}}}"#, elapsed.as_secs_f64())
}
