//! The sections of `INFO`, each asked from its owner. Field names are Redis'; what this server does not have is
//! left out rather than shown as zero, but for the fields that clients read.

pub mod memory;
mod process;
mod sections;
mod text;

use crate::commands::Server;
use text::Text;

/// The version of Redis whose commands and replies are spoken; clients compare it.
pub const REDIS_VERSION: &str = "8.6.2";

/// A section: its name, whether plain `INFO` shows it, and who writes it.
struct Section {
    name: &'static str,
    by_default: bool,
    write: fn(&Server, &mut Text),
}

/// In Redis' order.
const SECTIONS: &[Section] = &[
    Section { name: "Server", by_default: true, write: sections::server },
    Section { name: "Clients", by_default: true, write: sections::clients },
    Section { name: "Memory", by_default: true, write: sections::memory },
    Section { name: "Persistence", by_default: true, write: sections::persistence },
    Section { name: "Stats", by_default: true, write: sections::stats },
    Section { name: "Replication", by_default: true, write: sections::replication },
    Section { name: "CPU", by_default: true, write: sections::cpu },
    Section { name: "Modules", by_default: true, write: sections::modules },
    Section { name: "Commandstats", by_default: false, write: sections::command_stats },
    Section { name: "Errorstats", by_default: true, write: sections::error_stats },
    Section { name: "Cluster", by_default: true, write: sections::cluster },
    Section { name: "Keyspace", by_default: true, write: sections::keyspace },
];

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
        b"all" | b"everything" => true,
        b"default" => section.by_default,
        name => section.name.as_bytes().eq_ignore_ascii_case(name),
    };
    if wanted.is_empty() { section.by_default } else { wanted.iter().any(named) }
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
