//! Calls of commands and errors, of the rows of `INFO`; times of calls, the slow log, and events of
//! `LATENCY`.

use super::families::{Families, Kind, Number};
use crate::commands::Server;
use crate::commands::observers::{Event, Series};
use crate::commands::registry;
use crate::commands::server::info::{Row, Value};

const LATENCIES: &str = "redis_commands_latencies_usec";
const LATENCIES_HELP: &str = "Calls of a command, by the microseconds that they took at most";
const PERCENTILES: &str = "redis_latency_percentiles_usec";
const PERCENTILES_HELP: &str = "Microseconds that so many percent of the calls did not exceed";
/// Percentiles of each command that are shown: the option for them may name any number.
const MAX_PERCENTILES: usize = 16;

/// Adds the samples of a row on the calls of a command or on an error; false if it is another row.
pub(super) fn take(row: &Row, families: &mut Families) -> bool {
    let Value::Record(fields) = &row.value else { return false };
    let field = |name: &str| {
        let found = fields.iter().find(|(known, _)| known == name).map(|(_, value)| value);
        found.and_then(super::number).unwrap_or(Number::Whole(0))
    };
    match row.name.object() {
        Some(("cmdstat_", command)) => {
            let labels = [("cmd", command)];
            let mut add = |name, help, value| families.counter(name, help, &labels, value);
            add("redis_commands_total", "Calls of a command", field("calls"));
            let seconds = field("usec").scaled(1e-6);
            add("redis_commands_duration_seconds_total", "Time of all calls of a command", seconds);
            let rejected = field("rejected_calls");
            add("redis_commands_rejected_calls_total", "Calls refused before they ran", rejected);
            add("redis_commands_failed_calls_total", "Calls that ended in an error", field("failed_calls"));
        }
        Some(("errorstat_", code)) => {
            families.counter("redis_errors_total", "Error replies", &[("err", code)], field("count"));
        }
        _ => return false,
    }
    true
}

/// Adds the rest.
pub(super) fn add(server: &Server, families: &mut Families) {
    let commands = registry::all().into_iter();
    let commands = commands.flat_map(|command| std::iter::once(command).chain(command.subcommands()));
    let settings = server.config.settings();
    for command in commands {
        let Some(times) = server.statistics.latency_of(command) else { continue };
        let usec = Number::Whole(server.statistics.of(command).usec);
        let calls = Number::Whole(times.calls());
        let cmd = ("cmd", command.spec.name);
        let mut bucket = |le: &str, count| {
            families.part((LATENCIES, "_bucket"), Kind::Histogram, LATENCIES_HELP, &[cmd, ("le", le)], count);
        };
        times.doublings().iter().for_each(|(le, count)| bucket(&le.to_string(), Number::Whole(*count)));
        bucket("+Inf", calls);
        for (name, kind, help) in
            [(LATENCIES, Kind::Histogram, LATENCIES_HELP), (PERCENTILES, Kind::Summary, PERCENTILES_HELP)]
        {
            families.part((name, "_sum"), kind, help, &[cmd], usec);
            families.part((name, "_count"), kind, help, &[cmd], calls);
        }
        for percent in settings.latency_tracking_info_percentiles.iter().take(MAX_PERCENTILES) {
            let micros = Number::Decimal(times.percentile_micros(*percent));
            let labels = [cmd, ("quantile", &percent.to_string())];
            families.add(PERCENTILES, Kind::Summary, PERCENTILES_HELP, &labels, micros);
        }
    }
    slow_log(server, families);
    events(server.observers.latency.all(), families);
}

fn slow_log(server: &Server, families: &mut Families) {
    let log = &server.observers.slow_log;
    let last = log.newest(1);
    let last = last.first();
    families.gauge("redis_slowlog_length", "Entries of SLOWLOG", &[], log.len());
    families.gauge("redis_slowlog_last_id", "Id of its last entry", &[], last.map_or(0, |entry| entry.id));
    let seconds = last.map_or(0.0, |entry| entry.micros as f64 / 1e6);
    families.gauge("redis_last_slow_execution_duration_seconds", "Time of its last entry", &[], seconds);
}

fn events(events: Vec<(Event, Series)>, families: &mut Families) {
    for (event, series) in events {
        let Some(last) = series.samples.back() else { continue };
        let labels = [("event_name", event.name())];
        families.gauge("redis_latency_spike_last", "Unix time of the last such event", &labels, last.unix_s);
        let seconds = last.millis as f64 / 1000.0;
        families.gauge(
            "redis_latency_spike_duration_seconds",
            "Time of the last such event",
            &labels,
            seconds,
        );
    }
}
