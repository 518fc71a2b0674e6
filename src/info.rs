//! The sections of `INFO`, each asked from its owner. Field names are Redis'; what this server does not have is
//! left out rather than shown as zero, but for the fields that clients read.

mod calls;
mod keysizes;
mod sections;
mod text;

use crate::commands::Server;
use text::Text;

/// A section: its name, when it is shown, and who writes it.
struct Section {
    name: &'static str,
    shown: Shown,
    write: fn(&Server, &mut Text),
}

/// Which words ask for a section, besides its name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// None are needed: plain `INFO` shows it.
    Default,
    /// `all` and `everything`.
    InAll,
    /// None: it looks at every key.
    WhenNamed,
}

/// In Redis' order.
const SECTIONS: &[Section] = &[
    Section { name: "Server", shown: Shown::Default, write: sections::server },
    Section { name: "Clients", shown: Shown::Default, write: sections::clients },
    Section { name: "Memory", shown: Shown::Default, write: sections::memory },
    Section { name: "Persistence", shown: Shown::Default, write: sections::persistence },
    Section { name: "Stats", shown: Shown::Default, write: sections::stats },
    Section { name: "Replication", shown: Shown::Default, write: sections::replication },
    Section { name: "CPU", shown: Shown::Default, write: sections::cpu },
    Section { name: "Hotkeys", shown: Shown::Default, write: sections::hot_keys },
    Section { name: "Modules", shown: Shown::Default, write: sections::modules },
    Section { name: "Commandstats", shown: Shown::InAll, write: calls::command_stats },
    Section { name: "Errorstats", shown: Shown::Default, write: calls::error_stats },
    Section { name: "Latencystats", shown: Shown::InAll, write: calls::latency_stats },
    Section { name: "Cluster", shown: Shown::Default, write: sections::cluster },
    Section { name: "Keyspace", shown: Shown::Default, write: sections::keyspace },
    Section { name: "Keysizes", shown: Shown::WhenNamed, write: keysizes::keysizes },
];

/// True if rendering these sections (in lower case) takes long: one of them looks at every key.
pub fn is_heavy(wanted: &[Vec<u8>]) -> bool {
    SECTIONS.iter().any(|section| section.shown == Shown::WhenNamed && is_wanted(section, wanted))
}

/// The sections of these names (in lower case), each once; the default ones if there is no name.
pub fn render(server: &Server, wanted: &[Vec<u8>]) -> String {
    let mut text = Text::default();
    for section in SECTIONS.iter().filter(|section| is_wanted(section, wanted)) {
        text.section(section.name);
        (section.write)(server, &mut text);
    }
    text.finish()
}

fn is_wanted(section: &Section, wanted: &[Vec<u8>]) -> bool {
    let named = |name: &Vec<u8>| match name.as_slice() {
        b"all" | b"everything" => section.shown != Shown::WhenNamed,
        b"default" => section.shown == Shown::Default,
        name => section.name.as_bytes().eq_ignore_ascii_case(name),
    };
    if wanted.is_empty() { section.shown == Shown::Default } else { wanted.iter().any(named) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::keyspace::{Clock, Keyspace};

    fn info(sections: &[&str]) -> String {
        let server = Server::new(Config::default(), Keyspace::new(Clock::manual(0)));
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
