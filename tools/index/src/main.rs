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
//!
//! nearhit-index filters --work FOLDER --dim N --kind WORD --m N --ef-construction N --threads N
//!
//! fill                adds every row, with its attribute
//! replace             gives half of the elements the vectors and attributes of each other
//! index FIELD KIND    makes an index of a field
//! search FILE EF SECONDS   asks all queries with the filters of the file, again and again for so long, on one thread
//! ```
//!
//! ```text
//! main → subject    the set, filled, changed and asked
//!      → filtered   a set with attributes, filled, indexed and asked with filters
//!      → recall     how many of the nearest were found
//!      → resident   what the system says of memory
//!      → dataset    vectors, queries, right answers
//!      → rows       files of vectors and of right answers
//! ```

mod dataset;
mod filtered;
#[path = "../../load/src/flags.rs"]
mod flags;
mod recall;
mod resident;
#[path = "../../load/src/rows.rs"]
mod rows;
mod subject;

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use nearhit::vector_set::CODECS;

use dataset::Dataset;
use filtered::Filtered;
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
        Some("filters") => serve_filters(&mut Flags::read(words)?),
        other => Err(format!("{other:?} is none of 'kinds', 'coarse', 'serve', 'filters'").into()),
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

fn serve_filters(flags: &mut Flags) -> Result<(), Failure> {
    let folder: PathBuf = flags.take("work")?;
    let params = subject::params(flags.take("dim")?, flags)?;
    let set = Filtered::new(params, &folder, flags.take("threads")?)?;
    flags.finish()?;
    return_memory_in_background()?;
    for line in std::io::stdin().lock().lines() {
        let reply = answer_filtered(&set, &line?)?;
        writeln!(std::io::stdout(), "{reply}")?;
    }
    Ok(())
}

/// One request's reply.
fn answer_filtered(set: &Filtered, line: &str) -> Result<String, Failure> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        ["fill"] => Ok(seconds(set.fill())),
        ["replace"] => Ok(seconds(set.replace())),
        ["index", field, kind] => set.index(field, kind).map(seconds),
        ["search", file, ef, seconds] => {
            let lasting = Duration::try_from_secs_f64(seconds.parse()?)?;
            let answers = set.search(Path::new(file), ef.parse()?, lasting)?;
            let [p50, p99] = [0.5, 0.99].map(|share| answers.percentile_us(share));
            Ok(format!(
                r#"{{"rate": {}, "p50_us": {p50}, "p99_us": {p99}, "found": {:?}}}"#,
                answers.rate, answers.found
            ))
        }
        _ => Err(format!("'{line}' is no request").into()),
    }
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
