//! The server's own log: how a line is written, and where to. In the format of Redis, which tools
//! know: `12345:M 22 Nov 2026 16:40:00.123 * text`, the time in UTC; or as JSON. Knows no
//! option, only their values.

mod line;
mod target;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;

use line::Line;
use target::Target;

/// The log of this process.
pub struct Log {
    set_filter: Box<dyn Fn(LevelFilter) + Send + Sync>,
    is_json: Arc<AtomicBool>,
}

/// Why the log cannot be started.
#[derive(Debug)]
pub struct Unwritable {
    path: PathBuf,
    error: std::io::Error,
}

impl std::fmt::Display for Unwritable {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { path, error } = self;
        write!(out, "cannot open the log file {}: {error}; {}", path.display(), advice(error))
    }
}

impl std::error::Error for Unwritable {}

fn advice(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::NotFound => "create its folder, or choose another --logfile",
        std::io::ErrorKind::PermissionDenied => "let this user write there, or choose another --logfile",
        _ => "choose another --logfile, or none for standard output",
    }
}

/// Starts the log of this process, with one of Redis' levels, as `text` or `json`; without a path
/// on standard output.
///
/// # Errors
/// The file cannot be written.
pub fn start(level: &str, format: &str, path: Option<&Path>) -> Result<Log, Unwritable> {
    let target = Target::open(path)?;
    let is_json = Arc::new(AtomicBool::new(is_json(format)));
    let (filter, handle) = reload::Layer::new(filter(level));
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(target.takes_colours())
        .event_format(Line { is_json: Arc::clone(&is_json) })
        .log_internal_errors(false)
        .with_writer(target);
    tracing_subscriber::registry().with(filter).with(lines).init();
    // It fails only if the log was dropped, which lives as long as the process.
    let set_filter = Box::new(move |filter| drop(handle.reload(filter)));
    Ok(Log { set_filter, is_json })
}

impl Log {
    /// Leaves out lines below this level from now on.
    pub fn set_level(&self, level: &str) {
        (self.set_filter)(filter(level));
    }

    /// Writes lines in this format from now on.
    pub fn set_format(&self, format: &str) {
        self.is_json.store(is_json(format), Ordering::Relaxed);
    }
}

fn is_json(format: &str) -> bool {
    format == "json"
}

/// Redis' levels are one step apart from ours: its `verbose` is our debug.
fn filter(level: &str) -> LevelFilter {
    match level {
        "debug" => LevelFilter::TRACE,
        "verbose" => LevelFilter::DEBUG,
        "warning" => LevelFilter::WARN,
        "nothing" => LevelFilter::OFF,
        _ => LevelFilter::INFO,
    }
}
