//! `nearhit check-rdb FILE` and `nearhit check-aof [--fix] FILE`: the program as a tool, not as a
//! server.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

/// What the program does instead of serving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tool {
    /// Describe a snapshot and verify it.
    CheckRdb {
        /// The snapshot.
        file: PathBuf,
    },
    /// The same for a log.
    CheckAof {
        /// A manifest, or one file of a log.
        file: PathBuf,
        /// Cut off an incomplete end.
        fix: bool,
        /// Without confirmation.
        yes: bool,
    },
}

/// The tool named by the first word after the program's name; None if the program serves.
pub fn tool(args: impl IntoIterator<Item = OsString>) -> Option<Result<Tool, clap::Error>> {
    let args: Vec<OsString> = args.into_iter().collect();
    let name = args.get(1)?.to_str()?.to_owned();
    let command = match name.as_str() {
        "check-rdb" => check_rdb(),
        "check-aof" => check_aof(),
        _ => return None,
    };
    let matches = command.bin_name(format!("nearhit {name}")).try_get_matches_from(&args[1..]);
    Some(matches.map(|matches| understood(&name, &matches)))
}

fn understood(name: &str, matches: &ArgMatches) -> Tool {
    let file = matches.get_one::<PathBuf>("FILE").cloned().unwrap_or_default();
    match name {
        "check-rdb" => Tool::CheckRdb { file },
        _ => Tool::CheckAof { file, fix: matches.get_flag("fix"), yes: matches.get_flag("yes") },
    }
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

fn file(help: &'static str) -> Arg {
    Arg::new("FILE").required(true).value_parser(value_parser!(PathBuf)).help(help)
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

    #[test]
    fn tools_are_named_by_the_first_word() {
        let rdb = of(&["check-rdb", "dump.rdb"]).expect("it is one").expect("it is whole");
        assert_eq!(rdb, Tool::CheckRdb { file: "dump.rdb".into() });
        let aof = of(&["check-aof", "--fix", "a.manifest"]).expect("it is one").expect("it is whole");
        assert_eq!(aof, Tool::CheckAof { file: "a.manifest".into(), fix: true, yes: false });
        for args in [&[][..], &["nearhit.conf"], &["--port", "1"], &["a.conf", "check-rdb"]] {
            assert!(of(args).is_none(), "{args:?}");
        }
    }

    #[test]
    fn a_tool_wants_one_file() {
        for args in
            [&["check-rdb"][..], &["check-rdb", "a", "b"], &["check-rdb", "--fix", "a"], &["check-aof"]]
        {
            assert!(of(args).expect("it is a tool").is_err(), "{args:?}");
        }
    }
}
