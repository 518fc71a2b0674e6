//! Messages to a service manager (systemd's protocol, `sd_notify(3)`), and the file with the
//! process id.
//!
//! | message | when |
//! |---|---|
//! | `READY=1` | the data are loaded |
//! | `STATUS=…` | what the server does, when that has changed; while it loads, each second |
//! | `EXTEND_TIMEOUT_USEC=…` | while it starts, loads or stops: however long that takes, it is no fault |
//! | `WATCHDOG=1` | four times in the time of `WatchdogSec`, unless a thread that serves clients is stuck |
//! | `STOPPING=1` | it stops, and that is not given up any more |
//!
//! A stop that hangs is bounded by `shutdown-timeout`, not by the service manager.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use nearhit::config::Settings;
use nearhit::server::{Health, Stage};

/// Time between two looks at the server, if the watchdog does not need less.
const LOOK: Duration = Duration::from_secs(1);
/// What is asked for in `EXTEND_TIMEOUT_USEC`: several looks, so that one may be late.
const EXTENSION: Duration = Duration::from_secs(30);
/// How long a message may wait until the service manager takes it.
const PATIENCE: Duration = Duration::from_secs(1);
/// Looks in the time after which the service manager takes the process for dead. It takes three
/// quarters of that time without a turn until the last message is missing.
const LOOKS_PER_WATCHDOG: u32 = 4;

/// The connection to the service manager; without effect if there is none.
pub(crate) struct Supervisor(Option<Watch>);

struct Watch {
    manager: Arc<Manager>,
    /// Dropped to end the thread.
    end: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl Supervisor {
    /// Begins to report to the service manager, if the options say so and the manager has set
    /// an address. As in Redis, `auto` takes the address as the sign that systemd
    /// is there.
    pub(crate) fn start(settings: &Settings, health: Health) -> Self {
        if !matches!(settings.supervised, "systemd" | "auto") {
            return Self(None);
        }
        let Some(address) = std::env::var_os("NOTIFY_SOCKET") else { return Self(None) };
        let watch = Manager::at(address.as_bytes()).and_then(|manager| Watch::start(manager, health));
        if let Err(error) = &watch {
            tracing::warn!(%error, "the service manager cannot be notified");
        }
        Self(watch.ok())
    }

    /// Clients are served.
    pub(crate) fn ready(&self) {
        if let Some(watch) = &self.0 {
            watch.manager.send("READY=1");
        }
    }

    /// The server ends.
    pub(crate) fn stopping(self) {
        if let Some(Watch { manager, end, thread }) = self.0 {
            drop(end);
            // It has nothing to wait for.
            let _ = thread.join();
            manager.stopping();
        }
    }
}

impl Watch {
    fn start(manager: Manager, health: Health) -> io::Result<Self> {
        let manager = Arc::new(manager);
        let own = Arc::clone(&manager);
        let (end, ended) = mpsc::channel();
        let watchdog = watchdog(|name| std::env::var(name).ok(), std::process::id());
        let thread = std::thread::Builder::new().name("supervisor".into());
        let thread = thread.spawn(move || watch(&own, &health, watchdog, &ended))?;
        Ok(Self { manager, end, thread })
    }
}

/// Time after which the service manager takes the process for dead, if it does.
fn watchdog(variable: impl Fn(&str) -> Option<String>, pid: u32) -> Option<Duration> {
    let is_other = variable("WATCHDOG_PID").is_some_and(|named| named != pid.to_string());
    let micros = variable("WATCHDOG_USEC")?.parse().ok().filter(|micros: &u64| *micros > 0 && !is_other);
    micros.map(Duration::from_micros)
}

fn watch(manager: &Manager, health: &Health, watchdog: Option<Duration>, ended: &mpsc::Receiver<()>) {
    let pause = watchdog.map_or(LOOK, |watchdog| LOOK.min(watchdog / LOOKS_PER_WATCHDOG));
    let mut shown = String::new();
    let mut was_late = false;
    loop {
        let stage = health.stage();
        if matches!(stage, Stage::Stopping(_)) {
            manager.stopping();
        }
        let late = if watchdog.is_some() { health.late_threads() } else { Vec::new() };
        if !late.is_empty() && !was_late {
            tracing::warn!("the service manager's watchdog is not served: {} took no turn", late.join(", "));
        }
        was_late = !late.is_empty();
        let message = message(stage, &mut shown, watchdog.is_some() && !was_late);
        if !message.is_empty() {
            manager.send(&message);
        }
        if ended.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

/// What one look says; `shown` is the status that was sent last.
fn message(stage: Stage, shown: &mut String, lives: bool) -> String {
    let status = stage.to_string();
    let mut lines = Vec::new();
    if *shown != status {
        lines.push(format!("STATUS={status}"));
        *shown = status;
    }
    if stage != Stage::Serving {
        lines.push(format!("EXTEND_TIMEOUT_USEC={}", EXTENSION.as_micros()));
    }
    if lives {
        lines.push("WATCHDOG=1".to_owned());
    }
    lines.join("\n")
}

/// Where the service manager receives messages.
struct Manager {
    socket: UnixDatagram,
    address: SocketAddr,
    has_sent_stopping: AtomicBool,
}

impl Manager {
    /// An address that begins with `@` is a name without a file.
    fn at(address: &[u8]) -> io::Result<Self> {
        let address = match address.split_first() {
            Some((b'@', name)) => abstract_address(name)?,
            _ => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(address))?,
        };
        let socket = UnixDatagram::unbound()?;
        // A manager that reads nothing must not stop the server.
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { socket, address, has_sent_stopping: AtomicBool::new(false) })
    }

    fn send(&self, message: &str) {
        if let Err(error) = self.socket.send_to_addr(message.as_bytes(), &self.address) {
            let first = message.lines().next().unwrap_or_default();
            tracing::debug!(%error, "the service manager did not take {first}");
        }
    }

    /// Only once, by whoever finds it first.
    fn stopping(&self) {
        if !self.has_sent_stopping.swap(true, Ordering::Relaxed) {
            self.send("STOPPING=1");
        }
    }
}

#[cfg(target_os = "linux")]
fn abstract_address(name: &[u8]) -> io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt;
    SocketAddr::from_abstract_name(name)
}

/// Only Linux has such addresses, and systemd.
#[cfg(not(target_os = "linux"))]
fn abstract_address(_name: &[u8]) -> io::Result<SocketAddr> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A file with the number of the process, removed at its end.
pub(crate) struct PidFile<'a>(&'a Path);

impl<'a> PidFile<'a> {
    /// Writes it. As in Redis, a file that cannot be written does not stop the start: packaged
    /// configurations name folders that only their service manager makes.
    pub(crate) fn write(path: &'a str) -> Option<Self> {
        if path.is_empty() {
            return None;
        }
        let written = std::fs::write(path, format!("{}\n", std::process::id()));
        if let Err(error) = &written {
            tracing::warn!(%error, "the pidfile {path} could not be written");
        }
        written.ok().map(|()| Self(Path::new(path)))
    }
}

impl Drop for PidFile<'_> {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(self.0) {
            tracing::warn!(%error, "the pidfile could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watchdog_is_for_this_process() {
        let of = |pid: Option<&str>, micros: Option<&str>| {
            let variable = |name: &str| if name == "WATCHDOG_PID" { pid } else { micros }.map(str::to_owned);
            watchdog(variable, 7)
        };
        let second = Some(Duration::from_secs(1));
        assert_eq!((of(None, Some("1000000")), of(Some("7"), Some("1000000"))), (second, second));
        for (pid, micros) in
            [(Some("8"), Some("1000000")), (None, None), (None, Some("0")), (None, Some("x"))]
        {
            assert_eq!(of(pid, micros), None, "{pid:?} {micros:?}");
        }
    }

    #[test]
    fn a_status_is_sent_when_it_has_changed() {
        let mut shown = String::new();
        let extension = "EXTEND_TIMEOUT_USEC=30000000";
        assert_eq!(message(Stage::Starting, &mut shown, false), format!("STATUS=Starting\n{extension}"));
        assert_eq!(message(Stage::Starting, &mut shown, true), format!("{extension}\nWATCHDOG=1"));
        assert_eq!(message(Stage::Serving, &mut shown, true), "STATUS=Serving\nWATCHDOG=1");
        assert_eq!(message(Stage::Serving, &mut shown, false), "");
    }
}
