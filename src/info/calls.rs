//! What is known of the calls of each command, and of errors.

use super::text::Text;
use crate::commands::Server;
use crate::commands::registry::{self, Command};
use crate::config::Compat;

pub(super) fn command_stats(server: &Server, out: &mut Text) {
    commands().for_each(|command| command_line(server, command, out));
}

fn commands() -> impl Iterator<Item = &'static Command> {
    let all = registry::all().into_iter();
    all.flat_map(|command| std::iter::once(command).chain(command.subcommands()))
}

/// Commands that nobody has used are left out, as in Redis.
fn command_line(server: &Server, command: &Command, out: &mut Text) {
    let totals = server.statistics.of(command);
    if totals.calls + totals.rejected == 0 {
        return;
    }
    let each = if totals.calls == 0 { 0.0 } else { totals.usec as f64 / totals.calls as f64 };
    let slow = slow_calls(server, command).unwrap_or_default();
    out.field(
        &format!("cmdstat_{}", command.spec.name),
        format_args!(
            "calls={},usec={},usec_per_call={each:.2},rejected_calls={},failed_calls={}{slow}",
            totals.calls, totals.usec, totals.rejected, totals.failed
        ),
    );
}

/// Of a command that was in the slow log; since 8.10.
fn slow_calls(server: &Server, command: &Command) -> Option<String> {
    let slow = server.observers.slow_log.totals_of(command);
    let is_shown = slow.calls > 0 && server.compat >= Compat::V8_10;
    let [sum, longest] = [slow.nanos, slow.longest_nanos].map(millis);
    is_shown.then(|| {
        format!(",slowlog_count={},slowlog_time_ms_sum={sum},slowlog_time_ms_max={longest}", slow.calls)
    })
}

fn millis(nanos: u64) -> String {
    format!("{:.2}", nanos as f64 / 1e6)
}

/// All slow calls; since 8.10.
pub(super) fn slow_stats(server: &Server, out: &mut Text) {
    if server.compat >= Compat::V8_10 {
        let slow = server.observers.slow_log.totals();
        out.field("slowlog_commands_count", slow.calls);
        out.field("slowlog_commands_time_ms_max", millis(slow.longest_nanos));
        out.field("slowlog_commands_time_ms_sum", millis(slow.nanos));
    }
}

pub(super) fn error_stats(server: &Server, out: &mut Text) {
    for (code, count) in server.statistics.errors() {
        out.field(&format!("errorstat_{code}"), format_args!("count={count}"));
    }
}

pub(super) fn latency_stats(server: &Server, out: &mut Text) {
    let settings = server.config.settings();
    for command in commands() {
        let Some(times) = server.statistics.latency_of(command) else { continue };
        let percentile = |percent: &f64| format!("p{percent}={:.3}", times.percentile_micros(*percent));
        let shown: Vec<_> = settings.latency_tracking_info_percentiles.iter().map(percentile).collect();
        out.field(&format!("latency_percentiles_usec_{}", command.spec.name), shown.join(","));
    }
}

#[cfg(test)]
mod tests {
    use crate::info::render;
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
