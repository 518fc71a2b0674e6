//! `nearhit check-rdb`, `check-aof`, `check-tier` and `check-config`: what is in a file, and
//! whether it is complete.
//!
//! Results go to standard output, progress to standard error. The exit code is 1 if something is
//! wrong.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::config::{self, Check, StartError};
use crate::persistence::aof::check::{self as aof, Verdict};
use crate::persistence::aof::reader::Fault;
use crate::persistence::loading::{Loading, grouped};
use crate::persistence::rdb::Reader;
use crate::persistence::rdb::check::{self as rdb, Damaged};
use crate::persistence::rdb::vector_set::cold;
use crate::persistence::rdb::vector_set::sealed::{check_sealed, sealed_in};
use crate::server;

/// Time between two lines of progress.
const BETWEEN_LINES: Duration = Duration::from_secs(1);
/// Time between two looks whether the check has ended.
const STEP: Duration = Duration::from_millis(10);

/// Ok, or what is wrong.
type Outcome = Result<(), String>;

/// Checks a file.
pub fn run(check: &Check) -> ExitCode {
    let outcome = match check {
        Check::Rdb { file } => check_rdb(file),
        Check::Tier { dir } => check_tier(dir),
        Check::Aof { file, fix, yes } => check_aof(file, *fix, *yes),
        Check::Config { args } => check_config(args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the text is valid: what only this machine knows, such as whether a folder is there and a
/// port free, is found at start.
fn check_config(args: &[OsString]) -> Outcome {
    let start = match config::from_command_line(args.iter().cloned(), |name| std::env::var_os(name)) {
        Ok(start) => start,
        Err(StartError::Usage(usage)) => usage.exit(),
        Err(error) => return Err(error.to_string()),
    };
    server::check_places(&start.settings).map_err(|error| error.to_string())?;
    start.warnings.iter().for_each(|warning| println!("Warning: {warning}"));
    println!("The configuration is valid.");
    Ok(())
}

fn check_rdb(path: &Path) -> Outcome {
    let cannot = |error: io::Error| format!("cannot read {}: {error}", path.display());
    let file = File::open(path).map_err(cannot)?;
    let len = file.metadata().map_err(cannot)?.len();
    let checked = with_progress(len, |loading| {
        rdb::check(Reader::with_total(loading.watch(file), len), now_ms()).map(|(contents, _)| contents)
    });
    match checked {
        Ok(contents) => {
            println!("{}\n{contents}The file is whole.", path.display());
            Ok(())
        }
        Err(damaged) => Err(damage(path, &damaged)),
    }
}

/// A file that goes while it is read belonged to a set that was opened: no damage.
fn check_tier(folder: &Path) -> Outcome {
    let files =
        cold::files_in(folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    let sealed = sealed_in(folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    let mut damaged = 0;
    let mut tell = |path: &Path, checked: Result<(u64, u32, String), String>| match checked {
        Ok((elements, dim, bytes)) => {
            let (path, elements) = (path.display(), grouped(elements));
            println!("{path}: whole, {elements} vectors of {dim} components, {bytes}");
        }
        Err(_) if !path.exists() => {}
        Err(why) => {
            println!("{why}");
            damaged += 1;
        }
    };
    for path in &files {
        let in_words = |bytes| format!("{} bytes before compression", grouped(bytes));
        tell(path, cold::check(path).map(|set| (set.elements, set.dim, in_words(set.bytes))));
    }
    for path in &sealed {
        let checked = check_sealed(path).map_err(|error| error.to_string());
        tell(path, checked.map(|set| (set.elements, set.dim, format!("{} bytes", grouped(set.bytes)))));
    }
    let count = files.len() + sealed.len();
    match damaged {
        0 => {
            println!("{count} vector sets, all whole.");
            Ok(())
        }
        damaged => Err(format!("{damaged} of {count} vector sets are damaged")),
    }
}

fn damage(path: &Path, damaged: &Damaged) -> String {
    println!("{}, before the damage: {}", path.display(), damaged.before);
    format!("{} is damaged {}", path.display(), damaged.error)
}

fn check_aof(path: &Path, fix: bool, yes: bool) -> Outcome {
    let files = aof::files_of(path).map_err(|error| error.to_string())?;
    let Some((last, earlier)) = files.split_last() else {
        return Err(format!("{} names no file", path.display()));
    };
    for file in earlier {
        if let Some((_, why)) = check_aof_file(file)? {
            return Err(format!("{why}. It is not the last file of the log, so it cannot be repaired"));
        }
    }
    match check_aof_file(last)? {
        Some((Some(whole), why)) if fix => {
            println!("{why}");
            repair(last, whole, yes)?;
        }
        Some((Some(_), why)) => return Err(format!("{why}. --fix cuts the file off there")),
        Some((None, why)) => return Err(why),
        None => {}
    }
    println!("The log is whole.");
    Ok(())
}

/// What is wrong with a file, and the length to which it can be cut, if that repairs it.
fn check_aof_file(path: &Path) -> Result<Option<(Option<u64>, String)>, String> {
    let len = path.metadata().map_or(0, |known| known.len());
    let checked = with_progress(len, |loading| aof::check(path, loading, now_ms()));
    let (contents, verdict) = checked.map_err(|error| error.to_string())?;
    println!("{}\n{contents}", path.display());
    Ok(match verdict {
        Verdict::Whole => None,
        Verdict::Damaged(damaged) => Some((None, damage(path, &damaged))),
        Verdict::BrokenOff { whole, fault } => {
            let what = match &fault {
                Fault::Truncated => "it ends in the middle of a change".to_owned(),
                Fault::NoRequest(found) => format!("then comes what is no command: {found}"),
                Fault::Io(error) => return Err(format!("cannot read {}: {error}", path.display())),
            };
            let why = format!("{} is whole up to offset {whole} of {len}; {what}", path.display());
            Some((Some(whole), why))
        }
    })
}

fn repair(path: &Path, whole: u64, yes: bool) -> Outcome {
    let lost = path.metadata().map_or(0, |known| known.len()).saturating_sub(whole);
    let question =
        format!("{} bytes at the end of {} would be lost. Cut them off?", grouped(lost), path.display());
    if !yes && !agrees(&question) {
        return Err("Nothing was changed.".into());
    }
    aof::truncate(path, whole).map_err(|error| format!("cannot cut {} off: {error}", path.display()))?;
    println!("{} was cut off at offset {whole}.", path.display());
    Ok(())
}

/// True if the answer that is typed begins with y.
fn agrees(question: &str) -> bool {
    print!("{question} [y/N]: ");
    let _ = io::stdout().flush();
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    read.is_ok() && answer.trim_start().starts_with(['y', 'Y'])
}

/// Runs `check`, and prints its progress each second.
fn with_progress<R: Send>(bytes: u64, check: impl FnOnce(&Loading) -> R + Send) -> R {
    let loading = Loading::default();
    loading.begin(bytes);
    std::thread::scope(|scope| {
        let checking = scope.spawn(|| check(&loading));
        let mut told = Instant::now();
        while !checking.is_finished() {
            std::thread::sleep(STEP);
            if let Some(progress) = loading.progress().filter(|_| told.elapsed() >= BETWEEN_LINES) {
                eprintln!("{:.0} %, about {} s to go", progress.percent(), progress.left_s());
                told = Instant::now();
            }
        }
        checking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
