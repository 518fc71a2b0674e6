//! From the command line, the environment and files to settings.
//!
//! A later source wins: defaults, the file, standard input (`-`), the environment, the flags. The nearer a source
//! is to this one start, the later it stands: a file is written for many starts and many machines, the environment
//! for a container, and a flag by the hand that starts the server. Redis, which knows no environment, has the same
//! order for the others.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::directive::{self, Directive, Place, Refusal, Source};
use super::options::OPTIONS;
use super::settings::Settings;
use super::{file, flags, help};

/// Where the standard input stands in messages.
const STANDARD_INPUT: &str = "the standard input";

/// What Kubernetes puts into the environment of every pod beside a service: `NEARHIT_PORT=tcp://10.0.0.1:6379`.
const SERVICE_LINK: &str = "tcp://";

/// What the operator asked for.
#[derive(Debug)]
pub struct Start {
    /// The options.
    pub settings: Settings,
    /// The configuration file, which `CONFIG REWRITE` writes.
    pub file: Option<PathBuf>,
    /// What should be told in the log.
    pub warnings: Vec<String>,
}

/// Why the server cannot start with what it was given.
#[derive(Debug)]
pub enum StartError {
    /// The words beside the options are not understood; also `--help` and `--version`, which end the program too.
    Usage(clap::Error),
    /// A flag or variable is not UTF-8.
    NotText(OsString),
    /// A file cannot be read.
    Unreadable(String),
    /// An option is wrong.
    Refused(Box<Refusal>),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Usage(error) => error.fmt(out),
            Self::NotText(word) => write!(out, "{} is not UTF-8", word.display()),
            Self::Unreadable(why) => write!(out, "cannot read the configuration: {why}"),
            Self::Refused(refusal) => show_refusal(refusal, out),
        }
    }
}

/// In Redis' shape, which people and tools look for.
fn show_refusal(refusal: &Refusal, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    let Refusal { place, fault, others } = refusal;
    writeln!(out, "*** FATAL CONFIG FILE ERROR (nearhit {}) ***", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "Reading {}", place.source)?;
    write!(out, ">>> '{}'\n{fault}", place.text)?;
    if !others.is_empty() {
        write!(out, "\nNor are these: {}", others.join(", "))?;
        write!(out, "\nTo ignore them all: ignore-unknown-config yes (or their names)")?;
    }
    Ok(())
}

impl std::error::Error for StartError {}

/// Reads `nearhit [FILE] [--name value …] … [-]`, the first of `args` being the program's name, and the variables
/// that `environment` knows.
///
/// # Errors
/// The first thing that is wrong. See [`StartError::Usage`] for `--help`.
pub fn from_command_line(
    args: impl IntoIterator<Item = OsString>,
    environment: impl Fn(&str) -> Option<OsString>,
) -> Result<Start, StartError> {
    let args: Vec<String> = args.into_iter().map(text).collect::<Result<_, _>>()?;
    let flags = flags::read(args);
    let rest = help::read(flags.rest).map_err(StartError::Usage)?;
    let mut directives = Vec::new();
    let mut path = None;
    for name in rest.get_many::<String>("FILE").unwrap_or_default() {
        let (name, text) = if name == "-" {
            (STANDARD_INPUT.to_owned(), read_standard_input().map_err(StartError::Unreadable)?)
        } else {
            if path.is_some() {
                return Err(StartError::Unreadable(format!(
                    "{name} is a second file: 'include' it in the first"
                )));
            }
            let absolute = std::path::absolute(name).unwrap_or_else(|_| PathBuf::from(name));
            let text = file::read(Path::new(name)).map_err(StartError::Unreadable)?;
            (path.insert(absolute).display().to_string(), text)
        };
        directives.extend(file::directives(&name, &text).map_err(StartError::Refused)?);
    }
    let mut warnings = Vec::new();
    directives.extend(variables(environment, &mut warnings)?);
    directives.extend(file::with_included(flags.directives).map_err(StartError::Refused)?);
    let mut settings = Settings::defaults();
    let outcome = directive::apply_all(directives, &mut settings).map_err(StartError::Refused)?;
    if !outcome.ignored.is_empty() {
        warnings
            .push(format!("these options are unknown here and were ignored: {}", outcome.ignored.join(", ")));
    }
    Ok(Start { settings, file: path, warnings })
}

fn read_standard_input() -> Result<String, String> {
    let text = file::read_text(std::io::stdin()).map_err(|error| format!("{STANDARD_INPUT}: {error}"))?;
    text.ok_or_else(|| format!("{STANDARD_INPUT} is too long for a configuration"))
}

fn text(word: OsString) -> Result<String, StartError> {
    word.into_string().map_err(StartError::NotText)
}

fn variables(
    environment: impl Fn(&str) -> Option<OsString>,
    warnings: &mut Vec<String>,
) -> Result<Vec<Directive>, StartError> {
    let mut directives = Vec::new();
    for option in OPTIONS {
        let name = option.variable();
        let Some(value) = environment(&name) else { continue };
        let value = text(value)?;
        if value.starts_with(SERVICE_LINK) && option.name == "port" {
            warnings
                .push(format!("{name}={value} is no port but what Kubernetes says of a service: ignored"));
            continue;
        }
        let place = Place { source: Source::Environment, text: format!("{name}={value}") };
        directives.push(Directive { name: option.name.to_owned(), values: vec![value], place });
    }
    Ok(directives)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::Folder;

    fn parse(args: &[&str], environment: &[(&str, &str)]) -> Result<Start, StartError> {
        let args = ["nearhit"].iter().chain(args).map(OsString::from);
        let variable = |name: &str| {
            let found = environment.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        };
        from_command_line(args, variable)
    }

    fn refused(args: &[&str]) -> String {
        parse(args, &[]).expect_err("it must be refused").to_string()
    }

    #[test]
    fn flags_win_over_variables_and_these_over_the_file() {
        let folder = Folder::new("sources");
        let path = folder.write("a.conf", "port 1\ntimeout 1\nmaxclients 1\n");
        let variables = [("NEARHIT_PORT", "2"), ("NEARHIT_TIMEOUT", "2")];
        let start = parse(&[&path, "--port", "3"], &variables).expect("all are valid");
        let settings = start.settings;
        assert_eq!((settings.port, settings.timeout, settings.maxclients), (3, 2, 1));
        assert_eq!(start.file.expect("there is a file").display().to_string(), path);
    }

    #[test]
    fn errors_have_redis_shape() {
        let folder = Folder::new("shape");
        let path = folder.write("a.conf", "port 1\n\ntimeout x\n");
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            refused(&[&path]),
            format!(
                "*** FATAL CONFIG FILE ERROR (nearhit {version}) ***\nReading {path}, at line 3\n>>> 'timeout x'\n\
                 argument couldn't be parsed into an integer"
            )
        );
        assert!(refused(&["--port", "x"]).contains("Reading the flags\n>>> '--port x'\n"));
        assert!(refused(&[&path, &path]).contains("is a second file"));
        assert!(refused(&["/no/such/file"]).starts_with("cannot read the configuration: /no/such/file: "));
        let error = parse(&[], &[("NEARHIT_PORT", "x")]).expect_err("x is no port").to_string();
        assert!(error.contains("Reading the environment\n>>> 'NEARHIT_PORT=x'\n"), "{error}");
    }

    #[test]
    fn options_of_redis_are_refused_together() {
        let error = refused(&["--cluster-port", "1", "--lua-time-limit", "5", "--nonsense", "1"]);
        assert!(error.contains("Redis' option 'cluster-port' is not supported by nearhit\n"), "{error}");
        assert!(error.contains("lua-time-limit, nonsense\n"), "{error}");
        let ignoring = parse(&["--lua-time-limit", "5", "--ignore-unknown-config", "yes"], &[]);
        let warnings = ignoring.expect("it is ignored").warnings;
        assert_eq!(warnings, ["these options are unknown here and were ignored: lua-time-limit"]);
    }

    #[test]
    fn the_configurations_that_come_along_are_valid() {
        for name in ["nearhit.conf", "sidecar.conf"] {
            let path = format!("{}/configs/{name}", env!("CARGO_MANIFEST_DIR"));
            let start = parse(&[&path], &[]).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(start.settings == Settings::defaults(), name == "nearhit.conf");
            assert!(start.warnings.is_empty(), "{:?}", start.warnings);
        }
    }

    #[test]
    fn what_kubernetes_says_of_a_service_is_no_port() {
        let start = parse(&[], &[("NEARHIT_PORT", "tcp://10.0.0.1:6379")]).expect("it is ignored");
        assert_eq!((start.settings.port, start.warnings.len()), (6379, 1));
    }

    #[test]
    fn wrong_words_are_a_matter_of_usage() {
        for args in [&["-x"][..], &["--help"], &["--port", "1", "--version"], &["-v"]] {
            assert!(matches!(parse(args, &[]), Err(StartError::Usage(_))), "{args:?}");
        }
    }
}
