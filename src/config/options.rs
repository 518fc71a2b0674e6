//! Every option, one entry each.

use super::kind::Kind;

/// What is known of an option.
pub struct OptionSpec {
    /// As in redis.conf; the flag is `--name`, the variable `NEARHIT_NAME`.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// Its value if nobody says another.
    pub default: &'static str,
    /// True if `CONFIG SET` may change it.
    pub mutable: bool,
    /// What it does, for `--help`.
    pub help: &'static str,
}

impl OptionSpec {
    /// The environment variable of this option.
    pub fn variable(&self) -> String {
        format!("NEARHIT_{}", self.name.replace('-', "_").to_ascii_uppercase())
    }
}

/// The option of this name, in any case.
pub fn find(name: &str) -> Option<&'static OptionSpec> {
    OPTIONS.iter().find(|option| option.name.eq_ignore_ascii_case(name))
}

/// Threads of one kind; beyond this a machine is not helped by more.
const MAX_THREADS: u64 = 1024;
/// As far as a `c_int` goes.
const MAX_INT: u64 = i32::MAX as u64;
/// As far as a `long` goes.
const MAX_LONG: u64 = i64::MAX as u64;
/// The number of databases, which is fixed.
pub(super) const DATABASES: u64 = 16;

/// Every option. To add one, add its entry, its field in `Settings` and its paragraph in `configs/nearhit.conf`.
pub static OPTIONS: &[OptionSpec] = &[
    OptionSpec {
        name: "bind",
        kind: Kind::Words(|settings| &mut settings.bind),
        default: "127.0.0.1 -::1",
        mutable: false,
        help: "Addresses to listen on; one with a leading '-' may be missing on this machine, '*' is all of IPv4",
    },
    OptionSpec {
        name: "port",
        kind: Kind::Number { field: |settings| &mut settings.port, min: 0, max: 65535 },
        default: "6379",
        mutable: false,
        help: "TCP port; 0 is none beside a Unix socket, and a free one without",
    },
    OptionSpec {
        name: "unixsocket",
        kind: Kind::Text(|settings| &mut settings.unixsocket),
        default: "",
        mutable: false,
        help: "Path of a Unix socket to listen on; empty for none",
    },
    OptionSpec {
        name: "unixsocketperm",
        kind: Kind::Octal { field: |settings| &mut settings.unixsocketperm, max: 0o777 },
        default: "0",
        mutable: false,
        help: "Permissions of the Unix socket, octal; 0 leaves them to the umask",
    },
    OptionSpec {
        name: "tcp-backlog",
        kind: Kind::Number { field: |settings| &mut settings.tcp_backlog, min: 0, max: MAX_INT },
        default: "511",
        mutable: false,
        help: "Connections that may wait to be accepted",
    },
    OptionSpec {
        name: "tcp-keepalive",
        kind: Kind::Number { field: |settings| &mut settings.tcp_keepalive, min: 0, max: MAX_INT },
        default: "300",
        mutable: true,
        help: "Seconds of silence after which the system asks whether the client still lives; 0 never",
    },
    OptionSpec {
        name: "timeout",
        kind: Kind::Number { field: |settings| &mut settings.timeout, min: 0, max: MAX_INT },
        default: "0",
        mutable: true,
        help: "Seconds after which a silent client is disconnected; 0 never",
    },
    OptionSpec {
        name: "maxclients",
        kind: Kind::Number { field: |settings| &mut settings.maxclients, min: 1, max: u32::MAX as u64 },
        default: "10000",
        mutable: true,
        help: "Clients that may be connected at once",
    },
    OptionSpec {
        name: "proto-max-bulk-len",
        kind: Kind::Memory { field: |settings| &mut settings.proto_max_bulk_len, min: 1 << 20, max: MAX_INT },
        default: "512mb",
        mutable: true,
        help: "Longest argument of a request",
    },
    OptionSpec {
        name: "client-query-buffer-limit",
        kind: Kind::Memory {
            field: |settings| &mut settings.client_query_buffer_limit,
            min: 1 << 20,
            max: MAX_INT,
        },
        default: "1gb",
        mutable: true,
        help: "Longest request; a client that sends a longer one is disconnected",
    },
    OptionSpec {
        name: "client-output-buffer-limit",
        kind: Kind::OutputLimit(|settings| &mut settings.client_output_buffer_limit),
        default: "normal 0 0 0",
        mutable: true,
        help: "'normal <hard> <soft> <seconds>': when to disconnect clients that do not read; 0 never",
    },
    OptionSpec {
        name: "databases",
        kind: Kind::Number { field: |settings| &mut settings.databases, min: DATABASES, max: DATABASES },
        default: "16",
        mutable: false,
        help: "Number of databases; always 16",
    },
    OptionSpec {
        name: "save",
        kind: Kind::WithoutFiles(""),
        default: "",
        mutable: true,
        help: "When to save the data to a file; always empty, since this version does not",
    },
    OptionSpec {
        name: "appendonly",
        kind: Kind::WithoutFiles("no"),
        default: "no",
        mutable: true,
        help: "Whether to log changes to a file; always 'no', since this version does not",
    },
    OptionSpec {
        name: "requirepass",
        kind: Kind::Text(|settings| &mut settings.requirepass),
        default: "",
        mutable: true,
        help: "Password that clients must give with AUTH; empty for none",
    },
    OptionSpec {
        name: "enable-debug-command",
        kind: Kind::Choice {
            field: |settings| &mut settings.enable_debug_command,
            choices: &["no", "yes", "local"],
        },
        default: "no",
        mutable: false,
        help: "Who may use DEBUG; 'local' are clients on this machine",
    },
    OptionSpec {
        name: "io-threads",
        kind: Kind::Number { field: |settings| &mut settings.io_threads, min: 0, max: MAX_THREADS },
        default: "0",
        mutable: false,
        help: "Threads that serve the network and run light commands; 0 is one for each core",
    },
    OptionSpec {
        name: "compute-threads",
        kind: Kind::Number { field: |settings| &mut settings.compute_threads, min: 0, max: MAX_THREADS },
        default: "0",
        mutable: false,
        help: "Threads that run heavy commands; 0 is one for each core",
    },
    OptionSpec {
        name: "loglevel",
        kind: Kind::Choice {
            field: |settings| &mut settings.loglevel,
            choices: &["debug", "verbose", "notice", "warning", "nothing"],
        },
        default: "notice",
        mutable: false,
        help: "What is logged",
    },
    OptionSpec {
        name: "logfile",
        kind: Kind::Text(|settings| &mut settings.logfile),
        default: "",
        mutable: false,
        help: "File to log to; empty for standard output",
    },
    OptionSpec {
        name: "slowlog-log-slower-than",
        kind: Kind::Integer {
            field: |settings| &mut settings.slowlog_log_slower_than,
            min: -1,
            max: i64::MAX,
        },
        default: "10000",
        mutable: true,
        help: "Microseconds from which a command is noted in the slow log; -1 never",
    },
    OptionSpec {
        name: "slowlog-max-len",
        kind: Kind::Number { field: |settings| &mut settings.slowlog_max_len, min: 0, max: MAX_LONG },
        default: "128",
        mutable: true,
        help: "Commands that the slow log keeps",
    },
    OptionSpec {
        name: "latency-monitor-threshold",
        kind: Kind::Number {
            field: |settings| &mut settings.latency_monitor_threshold,
            min: 0,
            max: MAX_LONG,
        },
        default: "0",
        mutable: true,
        help: "Milliseconds from which an event is noted for LATENCY; 0 never",
    },
    OptionSpec {
        name: "latency-tracking",
        kind: Kind::Switch(|settings| &mut settings.latency_tracking),
        default: "yes",
        mutable: true,
        help: "Whether to count how long the calls of each command took, for LATENCY HISTOGRAM",
    },
    OptionSpec {
        name: "latency-tracking-info-percentiles",
        kind: Kind::Percentiles(|settings| &mut settings.latency_tracking_info_percentiles),
        default: "50 99 99.9",
        mutable: true,
        help: "Percentiles of these times that INFO LATENCYSTATS shows",
    },
    OptionSpec {
        name: "ignore-unknown-config",
        kind: Kind::Words(|settings| &mut settings.ignore_unknown_config),
        default: "",
        mutable: false,
        help: "Names of unknown options that a configuration file may hold; anywhere in the file",
    },
    OptionSpec {
        name: "index-seed",
        kind: Kind::Number { field: |settings| &mut settings.index_seed, min: 0, max: u64::MAX },
        default: "0",
        mutable: false,
        help: "Seed of the random levels in the graphs: equal seeds and requests build equal graphs",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    #[test]
    fn every_default_is_valid_and_shown_back_as_a_valid_value() {
        for option in OPTIONS {
            let mut settings = Settings::default();
            option
                .kind
                .set(&mut settings, option.default)
                .unwrap_or_else(|why| panic!("{}: {why}", option.name));
            let shown = option.kind.show(settings.clone());
            let before = settings.clone();
            option.kind.set(&mut settings, &shown).expect("what is shown can be set");
            assert_eq!(settings, before, "{}", option.name);
        }
    }

    #[test]
    fn the_sample_configuration_documents_every_option_with_its_default() {
        let sample = include_str!("../../configs/nearhit.conf");
        for option in OPTIONS {
            let shown = if option.default.is_empty() { "\"\"" } else { option.default };
            let line = format!("# {} {shown}", option.name);
            assert!(sample.lines().any(|found| found == line), "missing: {line}");
        }
    }
}
