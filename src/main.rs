//! Flags and configuration file → log → server; or one of the tools.

mod supervisor;

use std::path::Path;
use std::process::ExitCode;

use nearhit::check;
use nearhit::config::{self, Config, Settings, Start, StartError, Tool};
use nearhit::kernels::kernels;
use nearhit::log::{self, Log};
use nearhit::memory;
use nearhit::ping;
use nearhit::server;
use supervisor::{PidFile, Supervisor};

/// Reports its live bytes to `INFO`, and fragments least.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match config::tool(std::env::args_os()) {
        Some(Ok(tool)) => return run(&tool),
        Some(Err(usage)) => usage.exit(),
        None => {}
    }
    let mut start = match config::from_command_line(std::env::args_os(), |name| std::env::var_os(name)) {
        Ok(start) => start,
        Err(StartError::Usage(usage)) => usage.exit(),
        Err(error) => return fail(&error),
    };
    if let Err(error) = server::check_places(&start.settings) {
        return fail(&error);
    }
    let log = match enter_folder(&mut start.settings).and_then(|()| start_log(&start.settings)) {
        Ok(log) => log,
        Err(reason) => return fail(&reason),
    };
    if let Err(error) = memory::purge_in_background() {
        tracing::debug!(%error, "freed pages are returned by allocations only");
    }
    let has_logfile = !start.settings.logfile.is_empty();
    match serve(start, log) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without a file, the log goes to the terminal too.
            if has_logfile {
                tracing::error!("{error}");
            }
            fail(error.as_ref())
        }
    }
}

fn run(tool: &Tool) -> ExitCode {
    match tool {
        Tool::Check(check) => check::run(check),
        Tool::Ping(ping) => ping::run(ping),
        Tool::Generate(page) => {
            print!("{}", page.text());
            ExitCode::SUCCESS
        }
    }
}

/// Changes to `dir`, in which relative paths begin.
fn enter_folder(settings: &mut Settings) -> Result<(), String> {
    let entered = std::env::set_current_dir(&settings.dir).and_then(|()| std::env::current_dir());
    let folder = entered.map_err(|error| {
        format!("cannot enter the folder {}: {error}; create it, or choose another --dir", settings.dir)
    })?;
    settings.dir = folder.to_string_lossy().into_owned();
    Ok(())
}

fn start_log(settings: &Settings) -> Result<Log, String> {
    let path = Some(Path::new(&settings.logfile)).filter(|path| !path.as_os_str().is_empty());
    log::start(settings.loglevel, settings.log_format, path).map_err(|error| error.to_string())
}

fn serve(start: Start, log: Log) -> Result<(), Box<dyn std::error::Error>> {
    start.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let threads = start.settings.network_threads();
    let settings = start.settings.clone();
    let config = Config::from_file(start.settings, start.file);
    config.when_changed(move |_, after| {
        log.set_level(after.loglevel);
        log.set_format(after.log_format);
        Ok(())
    });
    let running = server::start(config)?;
    running.stop_on_signals()?;
    let places = running.places().join(", ");
    let _pid_file = PidFile::write(&settings.pidfile);
    let supervisor = Supervisor::start(&settings, running.health());
    let served = running.serve(|| {
        tracing::info!(
            "nearhit {} ready on {places} ({threads} network threads, {} kernels)",
            env!("CARGO_PKG_VERSION"),
            kernels().isa,
        );
        supervisor.ready();
    });
    supervisor.stopping();
    served?;
    tracing::info!("bye");
    Ok(())
}

fn fail(reason: &(impl std::fmt::Display + ?Sized)) -> ExitCode {
    eprintln!("{reason}");
    ExitCode::FAILURE
}
