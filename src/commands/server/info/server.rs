//! Section Server: the program, its machine, and its start.

use std::borrow::Cow;
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use super::row::{Name, Rows, Value};
use crate::commands::{ROUNDS_PER_SECOND, Server};
use crate::config::Settings;
use crate::system;

/// Redis stores seconds in 24 bits.
const LRU_CLOCK_MASK: u64 = (1 << 24) - 1;

pub(super) fn server(server: &Server, rows: &mut Rows) {
    let uptime = server.started.elapsed().as_secs();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    rows.field("redis_version", server.compat.redis_version());
    rows.field("nearhit_version", env!("CARGO_PKG_VERSION"));
    rows.field("redis_mode", "standalone");
    rows.field("os", system::kernel());
    rows.field("arch_bits", usize::BITS);
    rows.field("monotonic_clock", "POSIX clock_gettime");
    rows.field("multiplexing_api", system::MULTIPLEXING_API);
    rows.field("process_id", std::process::id());
    rows.field("process_supervised", supervisor(server));
    rows.field("run_id", server.run_id.clone());
    let settings = server.config.settings();
    rows.field(
        "tcp_port",
        match server.tcp_port.load(Ordering::Relaxed) {
            0 => settings.tls.port,
            port => port.into(),
        },
    );
    rows.field("server_time_usec", now.as_micros() as u64);
    rows.field("uptime_in_seconds", uptime);
    rows.field("uptime_in_days", uptime / 86_400);
    // Rounds of the background maintenance in a second.
    rows.field("hz", ROUNDS_PER_SECOND);
    rows.field("configured_hz", ROUNDS_PER_SECOND);
    rows.field("lru_clock", now.as_secs() & LRU_CLOCK_MASK);
    rows.field("executable", system::executable());
    let file = server.config.file().map_or(String::new(), |file| file.display().to_string());
    rows.field("config_file", file);
    rows.field("io_threads_active", settings.network_threads() > 1);
    rows.field("io_threads", settings.network_threads());
    rows.field("compute_threads", settings.heavy_threads());
    listeners(server, &settings, rows);
}

/// The service manager that is notified.
fn supervisor(server: &Server) -> &'static str {
    let is_asked = matches!(server.config.settings().supervised, "systemd" | "auto");
    if is_asked && std::env::var_os("NOTIFY_SOCKET").is_some() { "systemd" } else { "no" }
}

/// Where the server listens. Each kind has its number, as in Redis: TCP 0, the Unix socket 1, TLS
/// 2.
fn listeners(server: &Server, settings: &Settings, rows: &mut Rows) {
    let port = server.tcp_port.load(Ordering::Relaxed);
    let unix = std::slice::from_ref(&settings.unixsocket);
    let kinds = [
        ("tcp", &*settings.bind, Some(u64::from(port)), port != 0),
        ("unix", unix, None, !settings.unixsocket.is_empty()),
        ("tls", &*settings.bind, Some(settings.tls.port), settings.tls.port != 0),
    ];
    for (number, (name, addresses, port, is_open)) in kinds.into_iter().enumerate() {
        if !is_open {
            continue;
        }
        let mut row: Vec<(Cow<'static, str>, Value)> = vec![("name".into(), name.into())];
        row.extend(addresses.iter().map(|address| ("bind".into(), address.clone().into())));
        row.extend(port.map(|port| ("port".into(), port.into())));
        rows.field(Name::of("listener", number.to_string(), ""), Value::Record(row));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Tls};
    use crate::keyspace::{Clock, Keyspace};

    #[test]
    fn each_listener_has_a_row() {
        let bind = ["127.0.0.1", "::1"].map(str::to_owned).into();
        let tls = Tls { port: 6380, ..Tls::default() };
        let settings = Settings { bind, tls, unixsocket: "/tmp/x.sock".into(), ..Settings::defaults() };
        let server = Server::new(Config::new(settings), Keyspace::new(Clock::manual(0)));
        let shown = || {
            let mut rows = Rows::default();
            listeners(&server, &server.config.settings(), &mut rows);
            rows.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let unix = "listener1:name=unix,bind=/tmp/x.sock";
        let tls = "listener2:name=tls,bind=127.0.0.1,bind=::1,port=6380";
        assert_eq!(shown(), [unix, tls]);
        server.tcp_port.store(6379, Ordering::Relaxed);
        let tcp = "listener0:name=tcp,bind=127.0.0.1,bind=::1,port=6379";
        assert_eq!(shown(), [tcp, unix, tls]);
    }
}
