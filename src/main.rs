//! Flags and configuration file → log → server.

use std::fs::OpenOptions;
use std::process::ExitCode;

use nearhit::config::{self, Settings, StartError};
use nearhit::kernels::kernels;
use nearhit::server;
use tracing::level_filters::LevelFilter;

/// Tells its live bytes to `INFO`, and fragments least.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let settings = match config::from_command_line(std::env::args()) {
        Ok(settings) => settings,
        Err(StartError::Usage(usage)) => usage.exit(),
        Err(error) => return fail(&error),
    };
    if let Err(error) = start_log(&settings) {
        return fail(&format!("cannot log to {}: {error}", settings.logfile));
    }
    return_memory_in_background();
    match serve(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error.as_ref()),
    }
}

/// Lets jemalloc give freed pages back from threads of its own, not only when someone allocates.
fn return_memory_in_background() {
    #[cfg(feature = "jemalloc")]
    if let Err(error) = tikv_jemalloc_ctl::background_thread::write(true) {
        tracing::debug!(%error, "jemalloc has no background threads here");
    }
}

fn serve(settings: Settings) -> Result<(), Box<dyn std::error::Error>> {
    let threads = settings.network_threads();
    let running = server::start(settings)?;
    running.stop_on_signals()?;
    tracing::info!(
        "nearhit {} ready on {} (pid {}, {threads} network threads, {} kernels)",
        env!("CARGO_PKG_VERSION"),
        running.places().join(", "),
        std::process::id(),
        kernels().isa,
    );
    running.serve();
    tracing::info!("bye");
    Ok(())
}

fn fail(reason: &(impl std::fmt::Display + ?Sized)) -> ExitCode {
    eprintln!("nearhit: {reason}");
    ExitCode::FAILURE
}

fn start_log(settings: &Settings) -> std::io::Result<()> {
    let level = match settings.loglevel {
        "debug" => LevelFilter::TRACE,
        "verbose" => LevelFilter::DEBUG,
        "warning" => LevelFilter::WARN,
        "nothing" => LevelFilter::OFF,
        _ => LevelFilter::INFO,
    };
    let log = tracing_subscriber::fmt().with_max_level(level).with_target(false);
    if settings.logfile.is_empty() {
        log.init();
    } else {
        let file = OpenOptions::new().create(true).append(true).open(&settings.logfile)?;
        log.with_ansi(false).with_writer(file).init();
    }
    Ok(())
}
