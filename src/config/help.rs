//! `--help` and `--version`, and the words of the command line that are no options.

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::kind::Kind;
use super::options::{OPTIONS, OptionSpec};

/// Width of the list of names: with its indent it fits a terminal of 80 columns.
const LIST_WIDTH: usize = 96;

const EXAMPLES: &str = "\
Examples:
  nearhit /etc/nearhit.conf --port 7000
  echo 'timeout 60' | nearhit - --bind '*' --requirepass secret
  NEARHIT_PORT=7000 nearhit                      any option, in capitals, '_' for '-'";

/// Parses what [`super::flags`] left over.
pub(super) fn read(rest: Vec<String>) -> Result<ArgMatches, clap::Error> {
    command().try_get_matches_from(rest)
}

fn command() -> Command {
    let file = Arg::new("FILE").num_args(0..=2).help("Configuration in the syntax of redis.conf");
    let version =
        Arg::new("version").short('v').long("version").action(ArgAction::Version).help("Print version");
    Command::new("nearhit")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A Redis-protocol compatible in-memory vector cache")
        .override_usage(
            "nearhit [FILE] [--OPTION VALUE]... [-]      ('-' reads a configuration from stdin)\n       \
             nearhit check-config | check-rdb | check-aof | check-tier | ping | generate (add --help)",
        )
        .disable_version_flag(true)
        .args([file, version])
        .after_help(format!(
            "Options (configs/nearhit.conf explains each; later ones win, flags over variables over FILE):\n\
             {}\n{EXAMPLES}",
            names()
        ))
}

/// The options that have more than one value here.
fn choices() -> impl Iterator<Item = &'static OptionSpec> {
    OPTIONS.iter().filter(|option| !matches!(option.kind, Kind::Only { .. }))
}

/// Their names in lines of equal width.
fn names() -> String {
    let mut lines = vec![String::new()];
    for option in choices() {
        if lines.last().is_some_and(|line| line.len() + 1 + option.name.len() > LIST_WIDTH) {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push(' ');
            line.push_str(option.name);
        }
    }
    lines.iter().map(|line| format!(" {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_fits_a_screen() {
        let help = command().render_help().to_string();
        assert!(help.lines().count() <= 45, "{help}");
        let longest = help.lines().max_by_key(|line| line.len()).expect("there is help");
        assert!(longest.len() <= 100, "{longest}");
        for option in choices() {
            assert!(help.contains(option.name), "{}", option.name);
        }
    }

    #[test]
    fn what_is_no_file_is_refused() {
        for rest in [&["nearhit", "-x"][..], &["nearhit", "a", "b", "c"]] {
            assert!(read(rest.iter().map(|word| (*word).to_owned()).collect()).is_err(), "{rest:?}");
        }
    }
}
