//! What `/metrics` shows, in the text format of Prometheus.
//!
//! Made from the rows of `INFO`, and for what `INFO` does not have from the figures behind
//! `CONFIG GET`, `SLOWLOG` and `LATENCY`. Names and types are those of redis_exporter
//! (`redis_…`), so that boards and alerts made for it work without one. Figures that Redis does not
//! have are called `nearhit_…`.
//!
//! ```text
//! names.rs   which field of INFO has which name
//! families.rs  samples grouped by name, as the format prescribes
//! calls.rs   calls of commands, with their times; errors; the slow log
//! settings.rs  options that boards show; who the server is
//! sets.rs    single vector sets, the largest ones
//! ```
//!
//! A scrape is bounded whatever the data are: a sample for each command and each code of an error,
//! of which there are some hundred at most, `metrics-max-sets` vector sets, and [`MAX_BYTES`] of
//! text, at which no more sets are added.

mod calls;
#[cfg(test)]
mod exporter;
mod families;
mod names;
mod sets;
mod settings;

use std::time::Instant;

use self::families::{Families, Kind, Number};
pub(super) use self::sets::{Sets, label_of};
use super::Server;
use super::server::info::{self, Row, Value};
use crate::keyspace::Database;

/// Length of the text at which no more vector sets are added. The rest of the text is shorter by
/// far.
pub const MAX_BYTES: usize = 2_000_000;

/// The text. `scrapes`: how often it was asked for.
pub fn render(server: &Server, scrapes: u64) -> String {
    let began = Instant::now();
    let mut families = Families::default();
    families.gauge("redis_up", "1 while the server answers", &[], Number::Whole(1));
    info::visit(server, |section, row| field(section, row, &mut families));
    databases(server, &mut families);
    calls::add(server, &mut families);
    settings::add(server, &mut families);
    sets::add(server, &mut families);
    scraping(began, scrapes, &mut families);
    families.finish()
}

/// A field of `INFO`.
fn field(section: &str, row: &Row, families: &mut Families) {
    if calls::take(row, families) || section == "Keyspace" {
        return;
    }
    let name = row.name.to_string();
    let Some((export, value)) = names::of(&name).zip(number(&row.value)) else { return };
    let help = format!("INFO {}: {name}", section.to_ascii_lowercase());
    families.add(export.metric, export.kind, help, export.labels(), value.scaled(export.scale));
}

/// Bytes in use, by what for: the parts of `nearhit_memory_part_bytes`.
pub(super) fn memory_parts(server: &Server) -> Vec<(&'static str, u64)> {
    let mut parts = Vec::new();
    info::visit(server, |_, row| {
        let part = names::of(&row.name.to_string()).and_then(names::Export::memory_part);
        if let (Some(part), Value::Bytes(bytes)) = (part, &row.value) {
            parts.push((part, *bytes));
        }
    });
    parts
}

/// The number that a value is, if it is one.
fn number(value: &Value) -> Option<Number> {
    Some(match value {
        Value::Count(number) | Value::Bytes(number) => Number::Whole(*number),
        Value::Integer(number) => Number::Signed(*number),
        Value::Decimal(number, _) | Value::Percent(number) => Number::Decimal(*number),
        Value::Flag(flag) | Value::Outcome(flag) => Number::Whole((*flag).into()),
        Value::BytesWithUnit(_) | Value::Text(_) | Value::Record(_) => return None,
    })
}

/// Every database, also the empty ones, so that a plot goes down to zero.
fn databases(server: &Server, families: &mut Families) {
    for (number, census) in server.keyspace.databases().iter().map(Database::census).enumerate() {
        let db = format!("db{number}");
        let labels = [("db", db.as_str())];
        families.gauge("redis_db_keys", "Keys of a database", &labels, census.keys);
        families.gauge("redis_db_keys_expiring", "Those of them with a deadline", &labels, census.expires);
        let mean_ttl_s = census.mean_ttl_ms as f64 / 1000.0;
        families.gauge("redis_db_avg_ttl_seconds", "Mean time to the deadlines", &labels, mean_ttl_s);
    }
}

/// What redis_exporter reports of itself, for boards that show it.
fn scraping(began: Instant, scrapes: u64, families: &mut Families) {
    let no_error = [("err", "")];
    families.gauge("redis_exporter_last_scrape_error", "0: no scrape fails", &no_error, 0u64);
    families.counter("redis_exporter_scrapes_total", "How often this text was asked for", &[], scrapes);
    let took = began.elapsed().as_secs_f64();
    families.gauge("redis_exporter_last_scrape_duration_seconds", "Time this text took", &[], took);
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Self::Whole(number)
    }
}

impl From<usize> for Number {
    fn from(number: usize) -> Self {
        Self::Whole(number as u64)
    }
}

impl From<f64> for Number {
    fn from(number: f64) -> Self {
        Self::Decimal(number)
    }
}

impl Families {
    fn gauge(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[(&str, &str)],
        value: impl Into<Number>,
    ) {
        self.add(name, Kind::Gauge, help, labels, value.into());
    }

    fn counter(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[(&str, &str)],
        value: impl Into<Number>,
    ) {
        self.add(name, Kind::Counter, help, labels, value.into());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use super::*;
    use crate::commands::observers::Event;
    use crate::commands::testing::Session;
    use crate::config::Settings;

    /// The value of a sample, by its name with its labels.
    #[track_caller]
    fn value<'t>(text: &'t str, sample: &str) -> &'t str {
        let found = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        found.unwrap_or_else(|| panic!("no {sample} in\n{text}"))
    }

    fn series_of(text: &str, prefix: &str) -> usize {
        text.lines().filter(|line| line.starts_with(prefix)).count()
    }

    #[test]
    fn figures_have_the_names_and_types_of_the_exporter() {
        let mut session = Session::at(1_000_000);
        ["set k v", "set e v px 5000", "get k", "get nothing", "incr k", "select 3", "set j 1"]
            .into_iter()
            .for_each(|line| drop(session.ask(line)));
        let text = render(&session.server, 7);
        for (sample, expected) in [
            ("redis_up", "1"),
            ("redis_db_keys{db=\"db0\"}", "2"),
            ("redis_db_keys_expiring{db=\"db0\"}", "1"),
            ("redis_db_avg_ttl_seconds{db=\"db0\"}", "5"),
            ("redis_db_keys{db=\"db3\"}", "1"),
            ("redis_db_keys{db=\"db15\"}", "0"),
            ("redis_commands_total{cmd=\"set\"}", "3"),
            ("redis_commands_failed_calls_total{cmd=\"incr\"}", "1"),
            ("redis_commands_rejected_calls_total{cmd=\"get\"}", "0"),
            ("redis_commands_latencies_usec_count{cmd=\"get\"}", "2"),
            ("redis_commands_latencies_usec_bucket{cmd=\"get\",le=\"+Inf\"}", "2"),
            ("redis_latency_percentiles_usec_count{cmd=\"get\"}", "2"),
            ("redis_errors_total{err=\"ERR\"}", "1"),
            ("redis_keyspace_hits_total", "1"),
            ("redis_keyspace_misses_total", "1"),
            ("redis_connected_clients", "1"),
            ("redis_rdb_last_bgsave_status", "1"),
            ("redis_config_maxclients", "10000"),
            ("redis_exporter_scrapes_total", "7"),
            ("redis_exporter_last_scrape_error{err=\"\"}", "0"),
            ("redis_slowlog_length", "0"),
            ("nearhit_vector_sets", "0"),
        ] {
            assert_eq!(value(&text, sample), expected, "{sample}");
        }
        assert!(text.contains("# TYPE redis_commands_total counter\n"));
        assert!(text.contains("# TYPE redis_memory_used_bytes gauge\n"));
        assert!(text.contains("# TYPE redis_latency_percentiles_usec summary\n"));
        assert!(text.contains("# TYPE redis_commands_latencies_usec histogram\n"));
        let used: u64 = value(&text, "redis_memory_used_bytes").parse().expect("a number");
        assert!(used > 0);
        assert!(text.contains("redis_instance_info{role=\"master\",redis_version=\""), "{text}");
    }

    /// Each name once as a header, and all of its samples behind that; no sample twice.
    #[test]
    fn the_text_is_well_formed() {
        let mut session = Session::at(1_000_000);
        ["vadd v values 2 1 0 a", "vsim v ele a", "get x"]
            .into_iter()
            .for_each(|line| drop(session.ask(line)));
        session.server.observers.latency.note(Event::Command, Duration::from_millis(7));
        let text = render(&session.server, 1);
        let (mut types, mut seen, mut current) = (HashSet::new(), HashSet::new(), "");
        for line in text.lines() {
            if let Some(header) = line.strip_prefix("# TYPE ") {
                current = header.split(' ').next().expect("a name");
                assert!(types.insert(current), "{current} twice");
            } else if !line.starts_with("# HELP ") {
                let (sample, number) = line.rsplit_once(' ').expect("a sample has a value");
                assert!(number.parse::<f64>().is_ok(), "{line}");
                assert!(sample.starts_with(current), "{line} below {current}");
                assert!(seen.insert(sample), "{line} twice");
            }
        }
        assert!(types.len() > 150 && seen.len() > 200, "{} {}", types.len(), seen.len());
        assert_eq!(value(&text, "redis_latency_spike_duration_seconds{event_name=\"command\"}"), "0.007");
    }

    /// The word that begins at each place where a name of ours may stand.
    fn names_in(text: &str) -> HashSet<&str> {
        let is_part = |char: char| char.is_ascii_alphanumeric() || char == '_';
        let words = text.split(|char| !is_part(char));
        words.filter(|word| word.starts_with("redis_") || word.starts_with("nearhit_")).collect()
    }

    #[test]
    fn the_dashboard_uses_names_that_there_are() {
        let mut session = Session::at(0);
        ["vadd v values 2 1 0 a", "vsim v ele a", "nonsense"]
            .into_iter()
            .for_each(|line| drop(session.ask(line)));
        let text = render(&session.server, 1);
        let shown = names_in(&text);
        let used = names_in(include_str!("../../../configs/grafana-dashboard.json"));
        let missing: Vec<_> = used.iter().filter(|name| !shown.contains(*name)).collect();
        assert!(missing.is_empty() && used.len() > 25, "{missing:?} of {}", used.len());
    }

    /// So that a new field is not forgotten.
    #[test]
    fn every_number_of_info_has_a_name_or_a_reason_to_have_none() {
        let session = Session::at(0);
        let mut forgotten = Vec::new();
        info::visit(&session.server, |section, row| {
            let name = row.name.to_string();
            let is_known = names::of(&name).is_some() || names::LEFT_OUT.contains(&name.as_str());
            if number(&row.value).is_some() && !is_known {
                forgotten.push(format!("{section}: {name}"));
            }
        });
        assert_eq!(forgotten, [""; 0]);
    }

    #[test]
    fn a_set_is_shown_with_its_figures() {
        let mut session = Session::at(1_000_000);
        for line in [
            "vadd v values 2 1 0 a",
            "vadd v values 2 0 1 b",
            "vsim v values 2 1 0",
            "vsim v values 2 1 0 filter .x>1",
            "select 2",
            "vadd w values 3 1 0 0 a",
        ] {
            session.ask(line);
        }
        let text = render(&session.server, 1);
        for (sample, expected) in [
            ("nearhit_vector_sets", "2"),
            ("nearhit_vector_elements", "3"),
            ("nearhit_sets_shown", "2"),
            ("nearhit_set_elements{db=\"db0\",key=\"v\"}", "2"),
            ("nearhit_set_dimensions{db=\"db2\",key=\"w\"}", "3"),
            ("nearhit_set_searches_total{db=\"db0\",key=\"v\"}", "2"),
            ("nearhit_set_search_hits_total{db=\"db0\",key=\"v\"}", "1"),
            ("nearhit_set_elements_returned_total{db=\"db0\",key=\"v\"}", "2"),
            ("nearhit_set_removed_elements_total{db=\"db0\",key=\"v\",reason=\"expired\"}", "0"),
            ("nearhit_searches_total", "2"),
            ("nearhit_search_best_score_bucket{le=\"0.95\"}", "0"),
            ("nearhit_search_best_score_bucket{le=\"+Inf\"}", "1"),
            ("nearhit_search_best_score_count", "1"),
        ] {
            assert_eq!(value(&text, sample), expected, "{sample}");
        }
        let vectors = value(&text, "nearhit_set_memory_bytes{db=\"db0\",key=\"v\",part=\"vectors\"}");
        assert!(vectors.parse::<u64>().expect("a number") > 0);
    }

    #[test]
    fn a_semantic_cache_is_shown_with_its_verdicts() {
        let mut session = Session::at(0);
        session.ask("vcache.set c a VALUES 2 1 0 payload");
        session.ask("vcache.get c VALUES 2 1 0 MINSCORE 0.9");
        session.ask("vcache.get c VALUES 2 -1 0 MINSCORE 0.9");
        let text = render(&session.server, 1);
        let lookups = |verdict: &str| {
            let name = "nearhit_set_cache_lookups_total";
            value(&text, &format!("{name}{{db=\"db0\",key=\"c\",verdict=\"{verdict}\"}}")).to_owned()
        };
        assert_eq!(["hit", "near", "explore", "miss"].map(lookups), ["1", "0", "0", "1"]);
        assert_ne!(value(&text, "nearhit_set_memory_bytes{db=\"db0\",key=\"c\",part=\"payloads\"}"), "0");
    }

    #[test]
    fn as_many_sets_are_shown_as_the_option_says_the_largest_ones() {
        let mut session = Session::with(Settings { metrics_max_sets: 2, ..Settings::defaults() }, 0);
        for (key, size) in [("a", 1), ("b", 3), ("c", 2), ("d", 2)] {
            (0..size).for_each(|element| drop(session.ask(&format!("vadd {key} values 2 1 0 e{element}"))));
        }
        let text = render(&session.server, 1);
        let shown = series_of(&text, "nearhit_set_elements{");
        assert_eq!(
            (shown, value(&text, "nearhit_sets_shown"), value(&text, "nearhit_vector_sets")),
            (2, "2", "4")
        );
        assert_eq!(value(&text, "nearhit_set_elements{db=\"db0\",key=\"b\"}"), "3");
        assert_eq!(value(&text, "nearhit_set_elements{db=\"db0\",key=\"c\"}"), "2");
    }

    #[test]
    fn many_sets_with_long_names_stay_within_the_bounds() {
        let few = render(&Session::at(0).server, 1);
        let mut session = Session::at(0);
        let text_of = |session: &mut Session| render(&session.server, 1);
        (0..5000).for_each(|set| drop(session.ask(&format!("vadd set-{set} values 2 1 0 e"))));
        let text = text_of(&mut session);
        let more = series_of(&text, "nearhit_") - series_of(&few, "nearhit_");
        assert!(more > 1000 && more <= 2500, "{more}");
        session.ask("config set metrics-max-sets 1000");
        for set in 0..1000 {
            let name = format!("{}{set}", "\u{1}".repeat(600));
            session.reply_to(&["vadd", name.as_str(), "values", "2", "1", "0", "e"]);
            session.reply_to(&["vadd", name.as_str(), "values", "2", "1", "0", "f"]);
        }
        let text = text_of(&mut session);
        assert!(text.len() <= MAX_BYTES + MAX_BYTES / 10, "{}", text.len());
        let shown: usize = value(&text, "nearhit_sets_shown").parse().expect("a number");
        assert!((100..1000).contains(&shown), "{shown}");
    }
}
