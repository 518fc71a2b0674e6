//! Messages to a service manager (the server is ready, or is stopping), and the file with the
//! process id.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;

use nearhit::config::Settings;

/// Sends `READY=1` or `STOPPING=1`, if the options ask for it and the service manager has set an
/// address. As in Redis, `auto` takes the address as the sign
/// that systemd is there.
pub(crate) fn notify(settings: &Settings, word: &str) {
    if !matches!(settings.supervised, "systemd" | "auto") {
        return;
    }
    let Some(address) = std::env::var_os("NOTIFY_SOCKET") else { return };
    if let Err(error) = send(address.as_bytes(), word) {
        tracing::warn!(%error, "the service manager could not be notified of {word}");
    }
}

/// An address that begins with `@` is a name without a file.
fn send(address: &[u8], word: &str) -> io::Result<()> {
    let address = match address.split_first() {
        Some((b'@', name)) => abstract_address(name)?,
        _ => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(address))?,
    };
    UnixDatagram::unbound()?.send_to_addr(word.as_bytes(), &address).map(drop)
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
