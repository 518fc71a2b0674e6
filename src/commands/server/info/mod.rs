//! `INFO [section …]`: figures of the server. Field names are those of Redis. Fields of features
//! that this server lacks are left out rather than shown as zero, but for those that clients read.
//!
//! ```text
//! row.rs    a field: its name, and a value with its type
//! text.rs   formats the rows for INFO
//! others    the sections, each in the order of Redis
//! ```

mod calls;
mod clients;
#[cfg(test)]
mod field_tests;
mod keysizes;
mod memory;
mod persistence;
mod row;
mod sections;
mod server;
mod stats;
mod text;

use std::fmt::Write;

use self::row::Rows;
pub(in crate::commands) use self::row::{Row, Value};
use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Server, Spec, Weight};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "info",
    arity: Arity::AtLeast(1),
    flags: Flags::LOADING.and(Flags::STALE).and(Flags::DANGEROUS),
    keys: &[],
    scope: Scope::AllKeys,
    redact: None,
    group: Group::Server,
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Figures about the server, in sections of name:value lines",
    syntax: "[section...]",
    tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
    weight: Weight::HeavyIf(|args, _| is_heavy(&names(args))),
    run: Run::Read(answer),
};

fn answer(args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let text = render(cx.server, &names(args));
    Ok(Reply::Verbatim { format: *b"txt", text: text.into() })
}

fn names(args: Args) -> Vec<Vec<u8>> {
    args.iter().map(<[u8]>::to_ascii_lowercase).collect()
}

/// A section: its name, when it is shown, and the function that makes its rows.
struct Section {
    name: &'static str,
    shown: Shown,
    rows: fn(&Server, &mut Rows),
}

/// Which words select a section, besides its name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// `INFO` without arguments shows it.
    Default,
    /// `all` and `everything`.
    InAll,
    /// None: it reads every key.
    WhenNamed,
}

/// All sections, in Redis' order.
const SECTIONS: &[Section] = &[
    Section { name: "Server", shown: Shown::Default, rows: server::server },
    Section { name: "Clients", shown: Shown::Default, rows: clients::clients },
    Section { name: "Memory", shown: Shown::Default, rows: memory::memory },
    Section { name: "Persistence", shown: Shown::Default, rows: persistence::persistence },
    Section { name: "Stats", shown: Shown::Default, rows: stats::stats },
    Section { name: "Replication", shown: Shown::Default, rows: sections::replication },
    Section { name: "CPU", shown: Shown::Default, rows: sections::cpu },
    Section { name: "Hotkeys", shown: Shown::Default, rows: sections::hot_keys },
    Section { name: "Modules", shown: Shown::Default, rows: sections::modules },
    Section { name: "Commandstats", shown: Shown::InAll, rows: calls::command_stats },
    Section { name: "Errorstats", shown: Shown::Default, rows: calls::error_stats },
    Section { name: "Latencystats", shown: Shown::InAll, rows: calls::latency_stats },
    Section { name: "Cluster", shown: Shown::Default, rows: sections::cluster },
    Section { name: "Keyspace", shown: Shown::Default, rows: sections::keyspace },
    Section { name: "Keysizes", shown: Shown::WhenNamed, rows: keysizes::keysizes },
];

/// True if rendering these sections (in lower case) takes long: one of them reads every key.
fn is_heavy(sections: &[Vec<u8>]) -> bool {
    SECTIONS.iter().any(|section| section.shown == Shown::WhenNamed && is_selected(section, sections))
}

/// The sections of these names (in lower case), each once; the default ones if there is no name.
fn render(server: &Server, sections: &[Vec<u8>]) -> String {
    let mut text = String::new();
    for section in SECTIONS.iter().filter(|section| is_selected(section, sections)) {
        let mut rows = Rows::default();
        (section.rows)(server, &mut rows);
        append(&mut text, section.name, &rows);
    }
    text
}

/// Calls `visit` with each row and the name of its section; not of sections that read every key.
pub(in crate::commands) fn visit(server: &Server, mut visit: impl FnMut(&str, &Row)) {
    for section in SECTIONS.iter().filter(|section| section.shown != Shown::WhenNamed) {
        let mut rows = Rows::default();
        (section.rows)(server, &mut rows);
        rows.iter().for_each(|row| visit(section.name, row));
    }
}

fn append(text: &mut String, section: &str, rows: &Rows) {
    let gap = if text.is_empty() { "" } else { "\r\n" };
    let header = write!(text, "{gap}# {section}\r\n");
    let written = rows.iter().try_for_each(|row| write!(text, "{row}\r\n"));
    debug_assert!(header.and(written).is_ok(), "a string takes any text");
}

fn is_selected(section: &Section, sections: &[Vec<u8>]) -> bool {
    let named = |name: &Vec<u8>| match name.as_slice() {
        b"all" | b"everything" => section.shown != Shown::WhenNamed,
        b"default" => section.shown == Shown::Default,
        name => section.name.as_bytes().eq_ignore_ascii_case(name),
    };
    if sections.is_empty() { section.shown == Shown::Default } else { sections.iter().any(named) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Settings};
    use crate::keyspace::{Clock, Keyspace};

    fn info(sections: &[&str]) -> String {
        let server = Server::new(Config::from(Settings::defaults()), Keyspace::new(Clock::manual(0)));
        render(&server, &sections.iter().map(|name| name.as_bytes().to_vec()).collect::<Vec<_>>())
    }

    #[test]
    fn sections_are_chosen_by_name() {
        let text = info(&["replication", "keyspace", "nonsense"]);
        assert!(text.starts_with("# Replication\r\nrole:master\r\n"), "{text}");
        assert!(text.contains("\r\n\r\n# Keyspace\r\n") && !text.contains("# Server"), "{text}");
        assert_eq!(info(&["nonsense"]), "");
        assert!(!info(&[]).contains("# Commandstats") && info(&["all"]).contains("# Commandstats"));
        assert!(!info(&["everything"]).contains("# Keysizes"));
        assert_eq!(info(&["keysizes"]), "# Keysizes\r\n");
    }

    #[test]
    fn every_line_is_a_header_a_field_or_blank() {
        let text = info(&["everything"]);
        for line in text.split("\r\n") {
            assert!(line.is_empty() || line.starts_with("# ") || line.contains(':'), "{line}");
            assert!(!line.contains('\n'), "{line}");
        }
    }

    #[test]
    fn fields_that_clients_read_are_there() {
        let text = info(&["everything"]);
        for field in [
            "redis_version",
            "redis_mode",
            "run_id",
            "tcp_port",
            "uptime_in_seconds",
            "connected_clients",
            "blocked_clients",
            "maxclients",
            "used_memory",
            "used_memory_human",
            "used_memory_rss",
            "maxmemory",
            "loading",
            "mem_fragmentation_ratio",
            "rdb_bgsave_in_progress",
            "aof_rewrite_in_progress",
            "rdb_changes_since_last_save",
            "total_connections_received",
            "total_commands_processed",
            "instantaneous_ops_per_sec",
            "keyspace_hits",
            "keyspace_misses",
            "expired_keys",
            "evicted_keys",
            "role",
            "used_cpu_sys",
            "cluster_enabled",
        ] {
            assert!(text.contains(&format!("\r\n{field}:")), "{field}");
        }
    }
}
