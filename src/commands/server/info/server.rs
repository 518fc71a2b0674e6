//! Section Server: the program, its machine, and its start.

use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use super::row::Rows;
use crate::commands::Server;
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
    rows.field("multiplexing_api", system::MULTIPLEXING_API);
    rows.field("process_id", std::process::id());
    rows.field("run_id", server.run_id.clone());
    rows.field("tcp_port", server.tcp_port.load(Ordering::Relaxed));
    rows.field("server_time_usec", now.as_micros() as u64);
    rows.field("uptime_in_seconds", uptime);
    rows.field("uptime_in_days", uptime / 86_400);
    rows.field("lru_clock", now.as_secs() & LRU_CLOCK_MASK);
    rows.field("executable", system::executable());
    let settings = server.config.settings();
    rows.field("io_threads_active", settings.network_threads() > 1);
    rows.field("io_threads", settings.network_threads());
    rows.field("compute_threads", settings.heavy_threads());
}
