//! Settings from the command line, the environment and files.
//!
//! A later source wins: defaults, the file, standard input (`-`), the environment, the flags. The
//! more a source is about this one start, the later it is: a file is written for many starts and
//! machines, the environment for a container, a flag for one start. Redis, which does not read the
//! environment, has the same order for the others.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::NotApplied;
use super::directive::{self, Directive, Fault, Outcome, Place, Refusal, Source};
use super::options;
use super::settings::Settings;
use super::{file, flags, help};

/// Name of the standard input in messages.
const STANDARD_INPUT: &str = "the standard input";

/// Beginning of variables that Kubernetes sets in every pod beside a service:
/// `NEARHIT_PORT=tcp://10.0.0.1:6379`.
const SERVICE_LINK: &str = "tcp://";

/// A configuration to start with.
#[derive(Debug)]
pub struct Start {
    /// The options.
    pub settings: Settings,
    /// The configuration file, which `CONFIG REWRITE` writes.
    pub file: Option<PathBuf>,
    /// Warnings for the log.
    pub warnings: Vec<String>,
}

/// Why the server cannot start with this configuration.
#[derive(Debug)]
pub enum StartError {
    /// Words of the command line that are no options; also `--help` and `--version`, which end the
    /// program too.
    Usage(clap::Error),
    /// A flag or variable is not UTF-8.
    NotText(OsString),
    /// A file cannot be read.
    Unreadable(String),
    /// An option is wrong.
    Refused(Box<Refusal>),
    /// Options contradict each other.
    Contradiction(NotApplied),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Usage(error) => error.fmt(out),
            Self::NotText(word) => write!(out, "{} is not UTF-8", word.display()),
            Self::Unreadable(why) => write!(out, "cannot read the configuration: {why}"),
            Self::Refused(refusal) => show_refusal(refusal, out),
            Self::Contradiction(NotApplied { option, reason }) => {
                write!(out, "{FATAL}\n>>> '{option}'\n{reason}")
            }
        }
    }
}

/// The first line of what is reported of a wrong configuration.
const FATAL: &str = concat!("*** FATAL CONFIG FILE ERROR (nearhit ", env!("CARGO_PKG_VERSION"), ") ***");

/// In the format of Redis, for which tools search.
fn show_refusal(refusal: &Refusal, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    out.write_str(FATAL)?;
    for (Place { source, text }, fault) in refusal.faults() {
        write!(out, "\nReading {source}\n>>> '{text}'\n{fault}")?;
    }
    if refusal.faults().any(|(_, fault)| *fault == Fault::Unknown) {
        write!(out, "\nTo ignore unknown options: ignore-unknown-config yes (or their names)")?;
    }
    Ok(())
}

impl std::error::Error for StartError {}

/// Reads `nearhit [FILE] [--name value …] … [-]`, the first of `args` being the program's name, and
/// the variables that `environment` knows.
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
    settings.check().map_err(StartError::Contradiction)?;
    warnings.extend(outcome.warning());
    Ok(Start { settings, file: path, warnings })
}

impl Outcome {
    /// The options that have no effect, in one line.
    fn warning(&self) -> Option<String> {
        let named = |what: &str, names: &[String]| match names {
            [] => None,
            _ => Some(format!("these options {what}: {}", names.join(", "))),
        };
        let inert = named("have no effect here, and need none", &self.inert);
        let ignored = named("are unknown here and were ignored", &self.ignored);
        let all: Vec<String> = inert.into_iter().chain(ignored).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
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
    for option in options::all() {
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
    fn what_would_not_be_kept_is_refused_all_lines_at_once() {
        let error = refused(&[
            "--sentinel",
            "a",
            "--lua-time-limit",
            "5",
            "--replica-read-only",
            "no",
            "--nonsense",
            "1",
        ]);
        assert!(
            error.contains("Redis' option 'sentinel' is not supported by nearhit: it is no Sentinel"),
            "{error}"
        );
        assert!(
            error.contains("Reading the flags\n>>> '--replica-read-only no'\nmust be 'yes' here"),
            "{error}"
        );
        assert!(
            error.contains(">>> '--nonsense 1'\nBad directive or wrong number of arguments\n"),
            "{error}"
        );
        let ignoring = parse(&["--nonsense", "5", "--hz", "7", "--ignore-unknown-config", "yes"], &[]);
        let warnings = ignoring.expect("it is ignored").warnings;
        assert_eq!(
            warnings,
            ["these options have no effect here, and need none: hz; \
              these options are unknown here and were ignored: nonsense"]
        );
    }

    #[test]
    fn options_that_contradict_each_other_are_refused() {
        let error = refused(&["--mem-threshold-warn", "91"]);
        let expected =
            ">>> 'mem-threshold-high'\nargument 90 must not be below 'mem-threshold-warn', which is 91";
        assert!(error.starts_with("*** FATAL CONFIG FILE ERROR") && error.ends_with(expected), "{error}");
        let equal = ["warn", "high", "critical"].map(|name| format!("--mem-threshold-{name}=100"));
        assert!(parse(&equal.each_ref().map(String::as_str), &[]).is_ok());
    }

    #[test]
    fn without_a_folder_for_files_there_is_no_policy_for_them() {
        for policy in ["demote", "lazy"] {
            let error = refused(&["--tier-policy", policy]);
            let expected =
                format!(">>> 'tier-policy'\nargument {policy} needs a folder for the files: 'tier-dir'");
            assert!(
                error.starts_with("*** FATAL CONFIG FILE ERROR") && error.ends_with(&expected),
                "{error}"
            );
            assert!(parse(&["--tier-policy", policy, "--tier-dir", "/tmp/x"], &[]).is_ok());
        }
        assert!(parse(&["--tier-policy", "off"], &[]).is_ok());
    }

    #[test]
    fn the_configurations_that_come_along_are_valid() {
        for name in ["nearhit.conf", "sidecar.conf", "container.conf"] {
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
