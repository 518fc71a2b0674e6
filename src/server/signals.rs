//! SIGTERM, SIGINT, and the end of a server that does not come to its end; SIGHUP, by which files
//! are read again.
//!
//! A thread of its own, with a runtime of its own, which takes no lock that another holds for long,
//! and does not write to the log of the server itself: whatever hangs, it goes on.
//!
//! | what hangs until `shutdown-timeout` is over | the snapshot file | the AOF | status |
//! |---|---|---|---|
//! | nothing | new, if it is to be saved | complete and synced | 0 |
//! | a client that does not read, a command that keeps no data locked | as above | as above | 0 |
//! | a command that keeps data locked, so no snapshot begins | as before | synced, nothing missing | 1 |
//! | the disk, in a snapshot | as before | as far as the disk takes it | 1 |
//! | the disk, in the AOF | new, if it is to be saved | what the system was given | 1 |
//! | (a second signal) | as before, or new if it was complete | what the system was given | 1 |
//!
//! Under `always` each acknowledged change is in the AOF in every case.
//!
//! The time runs anew while the final snapshot makes progress: large data are not lost because they
//! take long. Redis' option of the same name bounds how long it waits for replicas, of which there
//! are none here.

use std::io;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::commands::{FinalSave, Server, StopProgress, StopStep};
use crate::config::{NotApplied, SetError};

/// Between two looks at how far the end has come.
const LOOK: Duration = Duration::from_millis(20);
/// What is kept of the time, at most, to make the AOF safe and to say what is given up.
const RESERVE: Duration = Duration::from_secs(1);
/// How long the log of the server may take to take its last line.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// Starts the thread.
///
/// # Errors
/// The system takes no handler, or gives no thread.
pub(super) fn start(server: Arc<Server>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let signals = {
        let _inside = runtime.enter();
        Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        }
    };
    let thread = std::thread::Builder::new().name("signals".into());
    thread.spawn(move || runtime.block_on(keep(server, signals)))?;
    Ok(())
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

async fn keep(server: Arc<Server>, mut signals: Signals) {
    let mut signalled = false;
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => {}
            _ = signals.interrupt.recv() => {}
            _ = signals.hangup.recv() => {
                reload(&server);
                continue;
            }
            ending = overdue(&server) => give_up(&server, ending),
        }
        match server.stop.progress() {
            Some(ending) if signalled => exit_now(ending),
            // SHUTDOWN came first: a signal behind it does not break it off.
            Some(_) => {}
            None => begin(&server),
        }
        signalled = true;
    }
}

fn exit_now(ending: StopProgress) -> ! {
    within(LAST_WORDS, move || {
        tracing::warn!("Asked again to stop while waiting for {}: exiting at once.", ending.step)
    });
    std::process::exit(1);
}

fn begin(server: &Arc<Server>) {
    server.stop.enter(StopStep::Cancelling);
    let ended = Arc::clone(server);
    let thread = std::thread::Builder::new().name("shutdown".into());
    if thread.spawn(move || end(&ended)).is_err() {
        // Nothing can be saved without a thread. The next signal ends it.
        server.stop.request();
    }
}

/// Stops the server, unless the data are to be saved and cannot be.
fn end(server: &Server) {
    tracing::info!("asked by a signal to stop");
    match server.save_before_stop(FinalSave::ByRules) {
        Ok(()) => server.stop.request(),
        Err(_) => tracing::error!("the server goes on, since its data could not be saved"),
    }
}

/// Reads the certificates again, on a thread of its own: options may be changing just now.
fn reload(server: &Arc<Server>) {
    let server = Arc::clone(server);
    let reload = move || match server.config.reload() {
        Ok(()) => tracing::info!("SIGHUP: the certificates and keys were read again"),
        Err(SetError::NotApplied(NotApplied { option, reason })) => {
            tracing::error!("SIGHUP: {option}: {reason}; what was read before stays in force");
        }
        Err(error) => tracing::error!("SIGHUP: {error:?}"),
    };
    if let Err(error) = std::thread::Builder::new().name("reload".into()).spawn(reload) {
        tracing::error!(%error, "SIGHUP: the system gives no thread");
    }
}

/// Waits for an end that gets no further for so long that no more than the reserve is left.
async fn overdue(server: &Server) -> StopProgress {
    let mut news = server.stop.subscribe_progress();
    let mut progress = Progress::default();
    loop {
        // It fails if the sender is gone, which lives as long as the server.
        let _ = news.wait_for(Option::is_some).await;
        let Some(ending) = server.stop.progress() else { continue };
        let timeout = server.config.settings().shutdown_patience();
        let last = progress.last(server, ending);
        if timeout.is_some_and(|timeout| last.elapsed() >= timeout - reserve(timeout)) {
            return ending;
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn reserve(timeout: Duration) -> Duration {
    RESERVE.min(timeout / 4)
}

/// How far the final snapshot has come, and since when.
#[derive(Default)]
struct Progress(Option<(u64, Instant)>);

impl Progress {
    /// When the end last got any further.
    fn last(&mut self, server: &Server, ending: StopProgress) -> Instant {
        let pulse = server.saving.progress().pulse();
        let is_saving = ending.step == StopStep::Saving;
        match self.0 {
            Some((before, at)) if before == pulse || !is_saving => at.max(ending.since),
            Some(_) => self.0.insert((pulse, Instant::now())).1,
            None => self.0.insert((pulse, ending.since)).1,
        }
    }
}

/// Ends the process without what does not end. Nothing of this may wait for longer than the
/// reserve.
fn give_up(server: &Arc<Server>, ending: StopProgress) -> ! {
    let timeout = server.config.settings().shutdown_patience().unwrap_or_default();
    let say = move || {
        tracing::error!("Shutdown timed out after {timeout:?}, waiting for {}. Exiting.", ending.step)
    };
    let server = Arc::clone(server);
    let is_safe = within(reserve(timeout) / 2, move || server.aof.make_safe()).is_some();
    within(LAST_WORDS, say);
    if !is_safe {
        within(LAST_WORDS, || tracing::error!("The end of the AOF could not be synced."));
    }
    std::process::exit(1);
}

/// What `work` gives, if it does so in time. It runs on a thread of its own, which is left behind
/// if it does not.
fn within<R: Send + 'static>(time: Duration, work: impl FnOnce() -> R + Send + 'static) -> Option<R> {
    let (sender, receiver) = mpsc::channel();
    let thread = std::thread::Builder::new().name("last-words".into());
    thread.spawn(move || sender.send(work())).ok()?;
    receiver.recv_timeout(time).ok()
}
