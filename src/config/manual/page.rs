//! The manual page.

use clap::{Arg, Command};

use super::{options, values};
use crate::config::tools;

const HEAD: &str = r#".SH NAME
nearhit \- in-memory vector cache that speaks the Redis protocol
.SH SYNOPSIS
.B nearhit
.RI [ FILE ]
.RB [ \-\-\fIOPTION\fP
.IR VALUE ...]...
.RB [ \- ]
"#;

const DESCRIPTION: &str = r#".SH DESCRIPTION
Without the name of a tool, the program is a server. It reads its options from
.IR FILE ,
whose syntax is that of redis.conf, from the standard input if the last word is
.BR \- ,
from the environment
.RB ( NEARHIT_PORT=7000
is
.BR "\-\-port 7000" )
and from the command line. What comes later in this list wins. It stays in the foreground, listens on
127.0.0.1 and ::1 unless
.B bind
says otherwise, and logs to the standard output unless
.B logfile
says otherwise.
.SH TOOLS
"#;

const TAIL: &str = r#".SH SIGNALS
.TP
.BR SIGTERM ", " SIGINT
The data are saved, if save rules say so, and the server ends within
.B shutdown\-timeout
seconds, not counting those in which the snapshot makes progress. A second signal ends it at once.
.SH ENVIRONMENT
.TP
.BI NEARHIT_ OPTION
Any option, in capitals, with _ for \-.
.TP
.BR NEARHIT_PASSWORD ", " REDISCLI_AUTH
Password that
.B nearhit ping
gives.
.TP
.BR NOTIFY_SOCKET ", " WATCHDOG_USEC
Set by the service manager: see
.BR supervised .
.SH EXIT STATUS
0 after a stop that was asked for; 1 if the server could not start, load its data or stop in time, and if a
tool found a fault; 2 for a wrong command line of a tool.
.SH FILES
.TP
.I /etc/nearhit/nearhit.conf
Configuration of the packaged service. It explains each option.
.TP
.I dump.rdb, appendonlydir
Snapshot and log of changes, in
.BR dir .
.SH EXAMPLES
.EX
nearhit /etc/nearhit/nearhit.conf \-\-port 7000
nearhit \-\-unixsocket /run/app/nearhit.sock \-\-port 0
nearhit ping \-p 7000 \-\-timeout 1
nearhit check\-config /etc/nearhit/nearhit.conf
nearhit generate bash > /usr/share/bash\-completion/completions/nearhit
.EE
.SH SEE ALSO
.BR redis\-cli (1),
.BR systemd.service (5)
"#;

pub(super) fn text() -> String {
    let mut text = format!(".TH NEARHIT 1 \"\" \"nearhit {}\"\n", env!("CARGO_PKG_VERSION"));
    text.push_str(HEAD);
    tools::commands().iter().for_each(|tool| text.push_str(&synopsis(tool)));
    text.push_str(DESCRIPTION);
    tools::commands().iter().for_each(|tool| text.push_str(&described(tool)));
    text.push_str(".SH OPTIONS\n");
    text.push_str(
        "As lines of the file (\\fBport 7000\\fP), as flags (\\fB\\-\\-port 7000\\fP) or as variables.\n",
    );
    for option in options() {
        let default =
            if option.default.is_empty() { "\\(dq\\(dq".to_owned() } else { escaped(option.default) };
        text.push_str(&format!(".TP\n.BR {} \" (default {default})\"\n", escaped(option.name)));
        text.push_str(&format!("{}.\n", sentence(option.help)));
        let values = values::phrase(&option.kind);
        if !values.is_empty() {
            text.push_str(&format!("Values: {}.\n", escaped(&values)));
        }
        if option.mutable {
            text.push_str("CONFIG SET can change it.\n");
        }
    }
    text.push_str(TAIL);
    text
}

fn synopsis(tool: &Command) -> String {
    let words: Vec<String> = tool.get_arguments().filter_map(usage).collect();
    format!(".br\n.B nearhit {}\n{}\n", escaped(tool.get_name()), words.join("\n"))
}

/// An argument as it may be typed.
fn usage(argument: &Arg) -> Option<String> {
    let name = argument.get_id().as_str();
    match flag(argument) {
        None if argument.is_required_set() => Some(format!(".I {name}")),
        None => Some(format!(".RI [ {name} ]")),
        Some(_) if name == "help" => None,
        Some(_) => {
            let long = escaped(&format!("--{name}"));
            Some(match shape(argument) {
                Some(shape) => format!(".RB [ {long} \\ \\fI{shape}\\fP]"),
                None => format!(".RB [ {long} ]"),
            })
        }
    }
}

fn described(tool: &Command) -> String {
    let about = tool.get_about().map(ToString::to_string).unwrap_or_default();
    let mut text = format!(".SS nearhit {}\n{}.\n", escaped(tool.get_name()), sentence(&about));
    for argument in tool.get_arguments().filter(|argument| argument.get_id() != "help") {
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        let name = match (flag(argument), shape(argument)) {
            (None, _) => format!(".I {}", argument.get_id()),
            (Some(flag), None) => format!(".B {}", escaped(&flag)),
            (Some(flag), Some(shape)) => format!(".BI \"{} \" {shape}", escaped(&flag)),
        };
        text.push_str(&format!(".TP\n{name}\n{}.\n", sentence(&help)));
    }
    if let Some(after) = tool.get_after_help() {
        text.push_str(&format!(".PP\n{}.\n", sentence(&after.to_string()).replace("\n\n", "\n.PP\n")));
    }
    text
}

/// `-p, --port`; None for a word without a name.
fn flag(argument: &Arg) -> Option<String> {
    let long = argument.get_long()?;
    Some(match argument.get_short() {
        Some(short) => format!("-{short}, --{long}"),
        None => format!("--{long}"),
    })
}

/// What stands for the value of a flag that takes one.
fn shape(argument: &Arg) -> Option<String> {
    let takes_one = argument.get_action().takes_values();
    let names = argument.get_value_names().filter(|_| takes_one)?;
    names.first().map(ToString::to_string)
}

/// No line may begin with a dot or an apostrophe, which are commands there.
fn sentence(text: &str) -> String {
    let lines = text.lines().map(|line| match line.starts_with(['.', '\'']) {
        true => format!("\\&{}", escaped(line)),
        false => escaped(line),
    });
    lines.collect::<Vec<_>>().join("\n").trim_end_matches('.').to_owned()
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-").replace('"', "\\(dq").replace('…', "...")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_text_is_a_command() {
        assert_eq!(sentence("'a' is\n.b \\ c-d \"e\"."), "\\&'a' is\n\\&.b \\e c\\-d \\(dqe\\(dq");
    }

    #[test]
    fn an_option_has_default_help_and_values() {
        let text = text();
        let expected = ".TP\n.BR port \" (default 6379)\"\nTCP port; 0 is none, for TLS or a Unix socket alone.\n\
                        Values: 0 to 65535.\nCONFIG SET can change it.\n";
        assert!(text.contains(expected), "{text}");
        assert!(text.contains(".RB [ \\-\\-timeout \\ \\fISECONDS\\fP]\n"), "{text}");
        assert!(text.lines().all(|line| !line.trim().is_empty()), "empty lines are commands, too");
        assert!(text.is_ascii());
    }
}
