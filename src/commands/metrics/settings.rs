//! Options that boards show, and who the server is.

use super::families::Families;
use crate::commands::Server;
use crate::commands::server::info;
use crate::config::{self, ClientClass};

/// Options that have a sample of their own.
const OPTIONS: [(&str, &str); 2] =
    [("io-threads", "redis_config_io_threads"), ("repl-backlog-size", "redis_config_repl_backlog_size")];

/// Fields of `INFO` that are labels of `redis_instance_info`.
const INSTANCE: [&str; 11] = [
    "role",
    "redis_version",
    "redis_build_id",
    "redis_mode",
    "os",
    "maxmemory_policy",
    "tcp_port",
    "run_id",
    "process_id",
    "master_replid",
    "nearhit_version",
];

pub(super) fn add(server: &Server, families: &mut Families) {
    let settings = server.config.settings();
    families.gauge("redis_config_maxclients", "CONFIG GET maxclients", &[], settings.maxclients);
    families.gauge("redis_config_maxmemory", "CONFIG GET maxmemory", &[], server.memory.bytes());
    for (option, metric) in OPTIONS {
        let shown = config::find(option).map(|option| option.kind.show(settings.as_ref().clone()));
        if let Some(number) = shown.and_then(|shown| shown.parse::<f64>().ok()) {
            families.gauge(metric, "An option, as CONFIG GET has it", &[], number);
        }
    }
    for class in ClientClass::ALL {
        let limit = settings.client_output_buffer_limit.of(class);
        let mut bytes = |kind, bytes: u64| {
            let labels = [("class", class.shown_name()), ("limit", kind)];
            let name = "redis_config_client_output_buffer_limit_bytes";
            families.gauge(name, "CONFIG GET client-output-buffer-limit", &labels, bytes);
        };
        bytes("hard", limit.hard_bytes);
        bytes("soft", limit.soft_bytes);
        let labels = [("class", class.shown_name()), ("limit", "soft")];
        let name = "redis_config_client_output_buffer_limit_overcome_seconds";
        families.gauge(name, "Time for which the soft limit may be exceeded", &labels, limit.soft_seconds);
    }
    families.gauge("redis_start_time_seconds", "Unix time of the start", &[], server.started_unix_s);
    instance(server, families);
}

fn instance(server: &Server, families: &mut Families) {
    let mut values = INSTANCE.map(|_| String::new());
    info::visit(server, |_, row| {
        let name = row.name.to_string();
        if let Some(place) = INSTANCE.iter().position(|known| *known == name) {
            values[place] = row.value.to_string();
        }
    });
    let labels: Vec<(&str, &str)> = INSTANCE.into_iter().zip(values.iter().map(String::as_str)).collect();
    families.gauge("redis_instance_info", "Who the server is; always 1", &labels, 1u64);
}
