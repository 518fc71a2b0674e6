//! From the command line, the environment and a file to settings: flags win over variables, variables over the
//! file, the file over defaults.

use std::path::Path;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

use super::file::{self, FileError, LineError};
use super::options::{OPTIONS, OptionSpec};
use super::settings::Settings;

/// Why the server cannot start with what it was given.
#[expect(missing_docs, reason = "the fields mean what their names say")]
#[derive(Debug)]
pub enum StartError {
    /// The flags are not understood; also `--help` and `--version`, which end the program too.
    Usage(clap::Error),
    /// The configuration file is wrong.
    File(FileError),
    /// A flag or variable has a wrong value.
    Value { source: String, value: String, reason: LineError },
}

impl std::fmt::Display for StartError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Usage(error) => error.fmt(out),
            Self::File(error) => error.fmt(out),
            Self::Value { source, value, reason } => write!(out, "{source} '{value}': {reason}"),
        }
    }
}

impl std::error::Error for StartError {}

/// Reads `nearhit [FILE] [--name value …] …`; the first of `args` is the program's name.
///
/// # Errors
/// The first thing that is wrong. See [`StartError::Usage`] for `--help`.
pub fn from_command_line(args: impl IntoIterator<Item = String>) -> Result<Settings, StartError> {
    let matches = command().try_get_matches_from(join_values(args)).map_err(StartError::Usage)?;
    let mut settings = Settings::defaults();
    if let Some(path) = matches.get_one::<String>("FILE") {
        file::apply(Path::new(path), &mut settings).map_err(StartError::File)?;
    }
    OPTIONS.iter().try_for_each(|option| apply_match(option, &matches, &mut settings))?;
    Ok(settings)
}

fn apply_match(option: &OptionSpec, matches: &ArgMatches, settings: &mut Settings) -> Result<(), StartError> {
    let Some(value) = matches.get_one::<String>(option.name) else { return Ok(()) };
    option.kind.set(settings, value).map_err(|why| StartError::Value {
        source: match matches.value_source(option.name) {
            Some(ValueSource::EnvVariable) => option.variable(),
            _ => format!("--{}", option.name),
        },
        value: value.clone(),
        reason: LineError::Invalid(why),
    })
}

fn command() -> Command {
    let file = Arg::new("FILE").help("Configuration file in the syntax of redis.conf");
    let flags = OPTIONS.iter().map(|option| {
        let default = if option.default.is_empty() { "none" } else { option.default };
        Arg::new(option.name)
            .long(option.name)
            .value_name("VALUE")
            .env(option.variable())
            .hide_env_values(true)
            .allow_hyphen_values(true)
            .overrides_with(option.name)
            .help(format!("{} [default: {default}]", option.help))
    });
    Command::new("nearhit")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A Redis-protocol compatible in-memory vector cache")
        .arg(file)
        .args(flags)
}

/// Redis takes several words after a flag: `--bind 127.0.0.1 ::1 --port 7000`. They become one value here, since a
/// flag that takes any number of words would swallow the flags after it.
fn join_values(args: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut joined: Vec<String> = Vec::new();
    let mut values = None;
    for arg in args {
        if arg.starts_with("--") {
            values = (!arg.contains('=')).then_some(0);
            joined.push(arg);
        } else if let (Some(count), Some(flag)) = (values.as_mut(), joined.last_mut()) {
            flag.push(if *count == 0 { '=' } else { ' ' });
            flag.push_str(&arg);
            *count += 1;
        } else {
            joined.push(arg);
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Settings, StartError> {
        from_command_line(["nearhit"].iter().chain(args).map(|arg| (*arg).to_owned()))
    }

    #[test]
    fn flags_take_several_words_as_in_redis() {
        let settings =
            parse(&["--bind", "127.0.0.1", "-::1", "--port", "7000", "--timeout=5"]).expect("valid");
        assert_eq!(
            (settings.bind.join(" "), settings.port, settings.timeout),
            ("127.0.0.1 -::1".into(), 7000, 5)
        );
        let settings = parse(&["--client-output-buffer-limit", "normal 1kb 0 0"]).expect("valid");
        assert_eq!(settings.client_output_buffer_limit.hard_bytes, 1024);
    }

    #[test]
    fn flags_win_over_the_file() {
        let path = std::env::temp_dir().join(format!("nearhit-sources-{}.conf", std::process::id()));
        std::fs::write(&path, "port 7000\ntimeout 9\n").expect("the temporary folder is writable");
        let settings = parse(&[path.to_str().expect("the path is text"), "--port", "7001"]);
        std::fs::remove_file(&path).expect("it was written above");
        let settings = settings.expect("valid");
        assert_eq!((settings.port, settings.timeout), (7001, 9));
    }

    #[test]
    fn wrong_flags_are_named_with_their_value() {
        assert!(matches!(parse(&["--no-such-flag", "1"]), Err(StartError::Usage(_))));
        let error = parse(&["--port", "x"]).expect_err("x is no port");
        assert_eq!(error.to_string(), "--port 'x': argument couldn't be parsed into an integer");
        let error = parse(&["/no/such/file"]).expect_err("there is no such file");
        assert!(error.to_string().starts_with("cannot read /no/such/file: "));
    }
}
