//! Sections on the calls of each command, and on errors.

use std::borrow::Cow;

use super::row::{Name, Rows, Value};
use crate::commands::Server;
use crate::commands::registry::{self, Command};
use crate::config::Compat;

pub(super) fn command_stats(server: &Server, rows: &mut Rows) {
    commands().for_each(|command| command_line(server, command, rows));
}

fn commands() -> impl Iterator<Item = &'static Command> {
    let all = registry::all().into_iter();
    all.flat_map(|command| std::iter::once(command).chain(command.subcommands()))
}

/// Commands that were not called are left out, as in Redis.
fn command_line(server: &Server, command: &Command, rows: &mut Rows) {
    let totals = server.statistics.of(command);
    if totals.calls + totals.rejected == 0 {
        return;
    }
    let mean = if totals.calls == 0 { 0.0 } else { totals.usec as f64 / totals.calls as f64 };
    let mut record = vec![
        ("calls".into(), totals.calls.into()),
        ("usec".into(), totals.usec.into()),
        ("usec_per_call".into(), Value::Decimal(mean, 2)),
        ("rejected_calls".into(), totals.rejected.into()),
        ("failed_calls".into(), totals.failed.into()),
    ];
    record.extend(slow_calls(server, command).into_iter().flatten());
    rows.field(Name::of("cmdstat_", command.spec.name, ""), Value::Record(record));
}

/// The slow calls of a command, if there were any; since 8.10.
fn slow_calls(server: &Server, command: &Command) -> Option<[(Cow<'static, str>, Value); 3]> {
    let slow = server.observers.slow_log.totals_of(command);
    let is_shown = slow.calls > 0 && server.compat >= Compat::V8_10;
    is_shown.then(|| {
        [
            ("slowlog_count".into(), slow.calls.into()),
            ("slowlog_time_ms_sum".into(), millis(slow.nanos)),
            ("slowlog_time_ms_max".into(), millis(slow.longest_nanos)),
        ]
    })
}

fn millis(nanos: u64) -> Value {
    Value::Decimal(nanos as f64 / 1e6, 2)
}

/// All slow calls; since 8.10.
pub(super) fn slow_stats(server: &Server, rows: &mut Rows) {
    if server.compat >= Compat::V8_10 {
        let slow = server.observers.slow_log.totals();
        rows.field("slowlog_commands_count", slow.calls);
        rows.field("slowlog_commands_time_ms_max", millis(slow.longest_nanos));
        rows.field("slowlog_commands_time_ms_sum", millis(slow.nanos));
    }
}

pub(super) fn error_stats(server: &Server, rows: &mut Rows) {
    for (code, count) in server.statistics.errors() {
        rows.field(Name::of("errorstat_", code, ""), Value::Record(vec![("count".into(), count.into())]));
    }
}

pub(super) fn latency_stats(server: &Server, rows: &mut Rows) {
    let settings = server.config.settings();
    for command in commands() {
        let Some(times) = server.statistics.latency_of(command) else { continue };
        let percentile = |percent: &f64| {
            (format!("p{percent}").into(), Value::Decimal(times.percentile_micros(*percent), 3))
        };
        let record = settings.latency_tracking_info_percentiles.iter().map(percentile).collect();
        rows.field(Name::of("latency_percentiles_usec_", command.spec.name, ""), Value::Record(record));
    }
}

#[cfg(test)]
mod tests {
    use super::super::render;
    use std::time::Duration;

    use crate::commands::Server;
    use crate::commands::registry;
    use crate::config::{Config, Settings};
    use crate::keyspace::{Clock, Keyspace};

    #[test]
    fn the_percentiles_that_the_option_names_are_shown() {
        let settings =
            Settings { latency_tracking_info_percentiles: vec![50.0, 99.9], ..Settings::defaults() };
        let server = Server::new(Config::new(settings), Keyspace::new(Clock::manual(0)));
        let ping = registry::find(b"ping").expect("it is a command");
        server.statistics.ran(ping, Duration::from_micros(1), None);
        let text = render(&server, &[b"latencystats".to_vec()]);
        assert_eq!(text, "# Latencystats\r\nlatency_percentiles_usec_ping:p50=1.023,p99.9=1.023\r\n");
        server.reset_statistics();
        assert_eq!(render(&server, &[b"latencystats".to_vec()]), "# Latencystats\r\n");
    }
}
