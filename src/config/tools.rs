//! The program as a tool, not as a server: `nearhit check-rdb FILE`, `ping`, `generate man` and
//! others, named by the first word after the program's name.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::manual::Page;

/// What the program does instead of serving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tool {
    /// Describe a file and verify it.
    Check(Check),
    /// Ask a server whether it works.
    Ping(Ping),
    /// Print the manual, or what completes words of the command line.
    Generate(Page),
}

/// A file to be verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// A snapshot.
    Rdb {
        /// Its path.
        file: PathBuf,
    },
    /// The cold files in a folder.
    Tier {
        /// Its path.
        dir: PathBuf,
    },
    /// A log.
    Aof {
        /// A manifest, or one file of a log.
        file: PathBuf,
        /// Cut off an incomplete end.
        fix: bool,
        /// Without confirmation.
        yes: bool,
    },
    /// A configuration.
    Config {
        /// The command line of a server that would start with it, the program's name first.
        args: Vec<OsString>,
    },
}

/// Which server is pinged, as whom, and what counts as success.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ping {
    /// The configuration of the server, which has its address and password.
    pub file: Option<PathBuf>,
    /// Another host than the configuration's.
    pub host: Option<String>,
    /// Another port than the configuration's.
    pub port: Option<u16>,
    /// A Unix socket.
    pub socket: Option<PathBuf>,
    /// The user to authenticate as; the default one if there is none.
    pub user: Option<String>,
    /// A file with the password in its first line.
    pub password_file: Option<PathBuf>,
    /// Time within which the reply must come.
    pub timeout: Duration,
    /// Whether errors, such as that data are being loaded, count as success.
    pub any_reply: bool,
}

/// The tool named by the first word after the program's name; None if the program serves.
pub fn tool(args: impl IntoIterator<Item = OsString>) -> Option<Result<Tool, clap::Error>> {
    let args: Vec<OsString> = args.into_iter().collect();
    let name = args.get(1)?.to_str()?;
    let command = commands().into_iter().find(|command| command.get_name() == name)?;
    let bin_name = format!("nearhit {name}");
    if name == "check-config" && !asks_for_help(&args) {
        let args = [&args[..1], &args[2..]].concat();
        return Some(Ok(Tool::Check(Check::Config { args })));
    }
    let matches = command.bin_name(bin_name).try_get_matches_from(&args[1..]);
    Some(matches.map(|matches| understood(name, &matches)))
}

/// The words after `check-config` are those of the server, which clap does not know.
fn asks_for_help(args: &[OsString]) -> bool {
    args.get(2).is_some_and(|word| word == "--help" || word == "-h")
}

/// All tools.
pub(super) fn commands() -> [Command; 6] {
    [check_config(), check_rdb(), check_aof(), check_tier(), ping(), generate()]
}

fn understood(name: &str, matches: &ArgMatches) -> Tool {
    let path = |name| matches.get_one::<PathBuf>(name).cloned();
    match name {
        "check-rdb" => Tool::Check(Check::Rdb { file: path("FILE").unwrap_or_default() }),
        "check-tier" => Tool::Check(Check::Tier { dir: path("DIR").unwrap_or_default() }),
        "check-aof" => Tool::Check(Check::Aof {
            file: path("FILE").unwrap_or_default(),
            fix: matches.get_flag("fix"),
            yes: matches.get_flag("yes"),
        }),
        "ping" => Tool::Ping(Ping {
            file: path("FILE"),
            host: matches.get_one("host").cloned(),
            port: matches.get_one("port").copied(),
            socket: path("socket"),
            user: matches.get_one("user").cloned(),
            password_file: path("password-file"),
            timeout: matches.get_one("timeout").copied().unwrap_or_default(),
            any_reply: matches.get_flag("any-reply"),
        }),
        _ => Tool::Generate(matches.get_one("WHAT").copied().unwrap_or(Page::Man)),
    }
}

fn check_config() -> Command {
    Command::new("check-config")
        .about("Says whether a server would accept a configuration; takes what the server takes")
        .arg(Arg::new("FILE").value_parser(value_parser!(PathBuf)).help("The configuration"))
        .override_usage("nearhit check-config [FILE] [--OPTION VALUE]... [-]")
}

fn check_rdb() -> Command {
    Command::new("check-rdb")
        .about("Says what is in a snapshot, and whether it is whole")
        .arg(file("The snapshot, such as dump.rdb"))
}

fn check_aof() -> Command {
    Command::new("check-aof")
        .about("Says what is in a log of changes, and whether it is whole")
        .arg(switch("fix", "Cut off the end of the last file if it is not whole; asks first"))
        .arg(switch("yes", "Do not ask"))
        .arg(file("A manifest (appendonly.aof.manifest), or one file of a log"))
}

fn check_tier() -> Command {
    Command::new("check-tier")
        .about("Says which vector sets lie in a tier-dir, and whether their files are whole")
        .arg(
            Arg::new("DIR")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("The folder; a server may be using it"),
        )
}

const PASSWORDS: &str = "\
The address and the password are those of the configuration (FILE and NEARHIT_… variables), unless flags
name others. A password of --password-file or of the variable NEARHIT_PASSWORD or REDISCLI_AUTH comes first.

Status: 0 the reply is PONG; 1 there is no reply in time; 2 the command line is wrong; 3 the reply is an error,
for example because data are being loaded (0 with --any-reply).";

/// `-h` is the host, as in redis-cli.
fn ping() -> Command {
    Command::new("ping")
        .about("Asks a server whether it works, for probes: no other program is needed")
        .disable_help_flag(true)
        .arg(value("host", "HOST", "Name or address of the server").short('h'))
        .arg(value("port", "PORT", "Its TCP port").short('p').value_parser(value_parser!(u16).range(1..)))
        .arg(value("socket", "PATH", "Its Unix socket").short('s').value_parser(value_parser!(PathBuf)))
        .arg(value("user", "NAME", "User to authenticate as, if not the default one"))
        .arg(
            value("password-file", "FILE", "File with the password in its first line")
                .value_parser(value_parser!(PathBuf)),
        )
        .arg(
            value("timeout", "SECONDS", "Time for the reply")
                .default_value("3")
                .value_parser(|text: &str| seconds(text)),
        )
        .arg(switch("any-reply", "An error counts as success: the process lives"))
        .arg(Arg::new("help").long("help").action(ArgAction::Help).help("Print help"))
        .arg(Arg::new("FILE").value_parser(value_parser!(PathBuf)).help("The configuration of the server"))
        .after_help(PASSWORDS)
}

fn generate() -> Command {
    Command::new("generate")
        .about("Prints the manual page, or what completes words of the command line in a shell")
        .arg(
            Arg::new("WHAT")
                .required(true)
                .value_parser(|text: &str| Page::named(text))
                .help("One of man, bash, zsh and fish"),
        )
}

/// At most an hour, so that any clock can add it.
fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse().ok().filter(|seconds: &f64| (0.001..=3600.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or("a number of seconds from 0.001 to 3600")
}

fn file(help: &'static str) -> Arg {
    Arg::new("FILE").required(true).value_parser(value_parser!(PathBuf)).help(help)
}

fn value(name: &'static str, shape: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(shape).help(help)
}

fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(args: &[&str]) -> Option<Result<Tool, clap::Error>> {
        tool(["nearhit"].iter().chain(args).map(OsString::from))
    }

    fn understood(args: &[&str]) -> Tool {
        of(args).expect("it is one").unwrap_or_else(|usage| panic!("{args:?}: {usage}"))
    }

    #[test]
    fn tools_are_named_by_the_first_word() {
        assert_eq!(
            understood(&["check-rdb", "dump.rdb"]),
            Tool::Check(Check::Rdb { file: "dump.rdb".into() })
        );
        let aof = Check::Aof { file: "a.manifest".into(), fix: true, yes: false };
        assert_eq!(understood(&["check-aof", "--fix", "a.manifest"]), Tool::Check(aof));
        assert_eq!(understood(&["generate", "fish"]), Tool::Generate(Page::Fish));
        for args in [&[][..], &["nearhit.conf"], &["--port", "1"], &["a.conf", "check-rdb"], &["--ping"]] {
            assert!(of(args).is_none(), "{args:?}");
        }
    }

    #[test]
    fn a_configuration_is_checked_with_the_words_of_the_server() {
        let args = ["nearhit", "a.conf", "--port", "1", "-"].map(OsString::from).to_vec();
        let expected = Tool::Check(Check::Config { args });
        assert_eq!(understood(&["check-config", "a.conf", "--port", "1", "-"]), expected);
        assert!(of(&["check-config", "--help"]).expect("it is a tool").is_err());
    }

    #[test]
    fn a_ping_names_a_server_and_a_user() {
        let ping = understood(&["ping", "-h", "cache", "-p", "7000", "--user", "probe", "--timeout", "0.5"]);
        let expected = Ping {
            host: Some("cache".into()),
            port: Some(7000),
            user: Some("probe".into()),
            timeout: Duration::from_millis(500),
            ..Ping::default()
        };
        assert_eq!(ping, Tool::Ping(expected));
        let by_file =
            Ping { file: Some("a.conf".into()), timeout: Duration::from_secs(3), ..Ping::default() };
        assert_eq!(understood(&["ping", "a.conf"]), Tool::Ping(by_file));
    }

    #[test]
    fn wrong_words_are_refused() {
        for args in [
            &["check-rdb"][..],
            &["check-rdb", "a", "b"],
            &["check-rdb", "--fix", "a"],
            &["check-aof"],
            &["ping", "-p", "0"],
            &["ping", "--timeout", "nan"],
            &["ping", "--timeout", "0"],
            &["ping", "--password", "secret"],
            &["generate"],
            &["generate", "tcsh"],
        ] {
            assert!(of(args).expect("it is a tool").is_err(), "{args:?}");
        }
    }

    #[test]
    fn tools_have_no_contradictions() {
        commands().into_iter().for_each(Command::debug_assert);
    }
}
