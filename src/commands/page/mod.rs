//! What the page of the HTTP port shows, as JSON, and its search box.
//!
//! ```text
//! mod.rs     the figures of now and of the last hour
//! search.rs  VSIM, asked by a form
//! ```

mod search;

use std::time::{SystemTime, UNIX_EPOCH};

pub use self::search::search;
use super::Server;
use super::history::{Class, Sample, Times};
use super::metrics::{Sets, label_of, memory_parts};
use super::observers::SlowEntry;
use crate::config::Settings;
use crate::json::Json;
use crate::keyspace::Database;
use crate::vector_set::VectorSet;
use crate::{hex, memory, system};

/// Vector sets that are listed: those with the most elements.
const MAX_SETS: usize = 50;
/// Slow commands that are listed.
const MAX_SLOW: usize = 12;
/// Bytes of a slow command that are shown, and of each of its words.
const MAX_COMMAND: usize = 400;
const MAX_WORD: usize = 100;

/// All figures of the page.
pub fn overview(server: &Server) -> String {
    let settings = server.config.settings();
    let (state, is_ready) = state(server);
    let slow = server.observers.slow_log.newest(MAX_SLOW);
    Json::Object(vec![
        ("version", env!("CARGO_PKG_VERSION").into()),
        ("redis_version", server.compat.redis_version().into()),
        ("state", state.into()),
        ("is_ready", is_ready.into()),
        ("uptime_s", server.started.elapsed().as_secs().into()),
        ("port", u64::from(server.tcp_port.load(std::sync::atomic::Ordering::Relaxed)).into()),
        ("memory", memory(server)),
        ("now", now(server)),
        ("sets", sets(server)),
        ("tracks_latency", settings.latency_tracking.into()),
        ("history", history(&server.history.samples())),
        ("slow_from_us", slow_from(&settings)),
        ("slow", slow.iter().map(slow_command).collect()),
    ])
    .to_string()
}

fn state(server: &Server) -> (String, bool) {
    if server.stop.progress().is_some() {
        return ("stopping".into(), false);
    }
    match server.loading.progress() {
        Some(progress) => (format!("loading {:.0} %", progress.percent()), false),
        None => ("ready".into(), true),
    }
}

fn memory(server: &Server) -> Json {
    let mut parts: Vec<_> =
        memory_parts(server).into_iter().map(|(name, size)| (name, size.into())).collect();
    parts.push(("startup", server.startup_bytes.into()));
    Json::Object(vec![
        ("used", memory::used_bytes().into()),
        ("resident", system::resident().unwrap_or_default().all.into()),
        ("limit", server.memory.bytes().into()),
        ("parts", Json::Object(parts)),
    ])
}

fn now(server: &Server) -> Json {
    let keys: usize = server.keyspace.databases().iter().map(|db| Database::census(db).keys).sum();
    Json::Object(vec![
        ("clients", server.clients.len().into()),
        ("keys", keys.into()),
        ("commands_per_s", server.ops_per_second.load(std::sync::atomic::Ordering::Relaxed).into()),
        ("searches", server.keyspace.element_figures().searches().into()),
        ("key_hit_rate", server.key_hit_rate.percent_of_any().into()),
        ("element_hit_rate", server.element_hit_rate.percent_of_any().into()),
    ])
}

fn sets(server: &Server) -> Json {
    let sets = Sets::of(server, MAX_SETS);
    let shown = sets.largest.iter().map(|(db, key, set)| one_set(*db, key, set)).collect();
    Json::Object(vec![("count", sets.count.into()), ("elements", sets.elements.into()), ("shown", shown)])
}

fn one_set(db: usize, key: &[u8], set: &VectorSet) -> Json {
    let figures = set.figures();
    let found = figures.searches.found();
    let label = label_of(key);
    // The label stands for the key where it is the same text.
    let digits = (label.as_bytes() != key).then(|| hex::encode(key));
    let memory = set.memory();
    let parts = [
        ("vectors", memory.vectors),
        ("graph", memory.graph),
        ("names", memory.names),
        ("attributes", memory.attributes),
        ("indexes", memory.fields),
        ("expiry", memory.expiry),
        ("snapshot", memory.snapshot),
    ];
    Json::Object(vec![
        ("db", db.into()),
        ("label", label.into()),
        ("hex", digits.into()),
        ("elements", set.approximate_len().into()),
        ("dimensions", set.params().dim().into()),
        ("kind", set.params().kind().codec().keyword.into()),
        ("metric", set.params().metric().name().to_ascii_lowercase().into()),
        ("memory", Json::Object(parts.map(|(name, size)| (name, size.into())).into())),
        ("searches", (found + figures.searches.empty()).into()),
        ("hits", found.into()),
        ("expired", figures.expired.get().into()),
        ("evicted", (figures.evicted_for_memory.get() + figures.evicted_for_limit.get()).into()),
    ])
}

fn history(samples: &[Sample]) -> Json {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let tenths = |number: f64| (number * 10.0).round() / 10.0;
    let column = |of: &dyn Fn(&Sample) -> Json| Json::List(samples.iter().map(of).collect());
    let times = |class: Class| {
        let times = |of: fn(&Times) -> f64| {
            column(&|sample| sample.times[class as usize].as_ref().map(of).map(tenths).into())
        };
        Json::Object(vec![("p50", times(|times| times.median_us)), ("p99", times(|times| times.p99_us))])
    };
    let [reads, writes, others] = Class::ALL.map(times);
    Json::Object(vec![
        ("now", now.into()),
        ("at", column(&|sample| sample.unix_s.into())),
        ("commands", column(&|sample| tenths(sample.commands).into())),
        ("searches", column(&|sample| tenths(sample.searches).into())),
        ("key_hits", column(&|sample| sample.key_hits.map(tenths).into())),
        ("element_hits", column(&|sample| sample.element_hits.map(tenths).into())),
        ("used", column(&|sample| sample.used_bytes.into())),
        ("resident", column(&|sample| sample.resident_bytes.into())),
        (
            "latency",
            Json::Object(vec![("vector_reads", reads), ("vector_writes", writes), ("others", others)]),
        ),
    ])
}

/// -1: none is recorded.
fn slow_from(settings: &Settings) -> Json {
    Json::Number(settings.slow_log_threshold().map_or(-1.0, |from| from.as_micros() as f64))
}

/// A word of a command, for people: vectors and other bytes that are no text are not spelt out.
fn word_of(word: &[u8]) -> String {
    let text = std::str::from_utf8(word).ok().filter(|text| !text.chars().any(char::is_control));
    match text {
        None => "‹binary›".to_owned(),
        Some(text) if text.chars().count() > MAX_WORD => text.chars().take(MAX_WORD).chain(['…']).collect(),
        Some(text) => text.to_owned(),
    }
}

fn slow_command(entry: &SlowEntry) -> Json {
    let mut command = String::new();
    for word in &entry.arguments {
        let gap = if command.is_empty() { "" } else { " " };
        command.push_str(gap);
        command.push_str(&word_of(word));
        if command.len() > MAX_COMMAND {
            command.push_str(" …");
            break;
        }
    }
    Json::Object(vec![
        ("at", entry.unix_s.into()),
        ("micros", entry.micros.into()),
        ("command", command.into()),
        (
            "client",
            if entry.client_name.is_empty() { &entry.address } else { &entry.client_name }.as_str().into(),
        ),
    ])
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::commands::testing::Session;

    fn shown(session: &Session) -> Value {
        serde_json::from_str(&overview(&session.server)).expect("it is JSON")
    }

    #[test]
    fn the_page_has_all_of_its_figures() {
        let mut session = Session::at(1_000_000);
        session.server.history.sample(&session.server);
        for line in [
            "config set slowlog-log-slower-than 0",
            "vadd v values 2 1 0 a setattr {\"x\":\"<b>\"}",
            "vsim v ele a",
            "set k v",
            "config set slowlog-log-slower-than -1",
        ] {
            session.ask(line);
        }
        session.reply_to(&[&b"vadd"[..], b"\xff<i>", b"values", b"1", b"1", b"e"]);
        session.server.history.sample(&session.server);
        let all = shown(&session);
        assert_eq!((&all["state"], &all["is_ready"]), (&"ready".into(), &true.into()));
        assert_eq!(all["now"]["keys"], 3);
        let sets = &all["sets"];
        assert_eq!((&sets["count"], &sets["elements"]), (&2.into(), &2.into()));
        assert_eq!((&sets["shown"][0]["label"], &sets["shown"][0]["hex"]), (&"v".into(), &Value::Null));
        assert_eq!((&sets["shown"][0]["searches"], &sets["shown"][0]["hits"]), (&1.into(), &1.into()));
        assert_eq!(
            (&sets["shown"][1]["label"], &sets["shown"][1]["hex"]),
            (&"\\xff<i>".into(), &"ff3c693e".into())
        );
        assert_eq!(all["history"]["at"].as_array().map(Vec::len), Some(1));
        assert_eq!(all["history"]["element_hits"][0], 100.0);
        assert!(all["history"]["latency"]["vector_reads"]["p99"][0].is_number());
        assert!(
            all["memory"]["parts"]["vectors"].is_number() && all["memory"]["parts"]["startup"].is_number()
        );
        let slow = all["slow"].as_array().expect("a list");
        assert!(slow.iter().any(|entry| entry["command"] == "vsim v ele a"), "{slow:?}");
        assert_eq!(all["slow_from_us"], -1.0);
    }

    #[test]
    fn words_that_are_no_text_are_not_spelt_out() {
        assert_eq!([word_of(b"vadd"), word_of(b"\0\0\x80\x3f"), word_of(b"")], ["vadd", "‹binary›", ""]);
        assert_eq!(word_of(&[b'x'; 101]), format!("{}…", "x".repeat(100)));
    }

    #[test]
    fn it_says_that_data_are_loaded() {
        let session = Session::at(0);
        session.server.loading.begin(10);
        let all = shown(&session);
        assert_eq!((&all["state"], &all["is_ready"]), (&"loading 0 %".into(), &false.into()));
    }
}
