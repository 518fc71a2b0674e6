//! A configuration file in the syntax of redis.conf: `name value …` lines, `#` comments, quotes.

use std::path::{Path, PathBuf};

use super::kind::InvalidValue;
use super::options::find;
use super::settings::Settings;
use super::words;

/// Longest configuration file; a longer one is certainly something else.
const MAX_FILE_LEN: u64 = 1 << 20;

/// Why a file cannot be used.
#[derive(Debug)]
pub enum FileError {
    /// It cannot be read.
    Unreadable(PathBuf, std::io::Error),
    /// It is longer than [`MAX_FILE_LEN`].
    TooLong(PathBuf),
    /// A line of it (the first is 1) is wrong.
    Line { path: PathBuf, line: usize, text: String, reason: LineError },
}

/// What is wrong with a line.
#[derive(Debug, PartialEq, Eq)]
pub enum LineError {
    /// No option has this name.
    UnknownOption,
    /// Its quotes do not pair up.
    UnbalancedQuotes,
    /// There is no value, or more than one.
    WrongNumberOfValues,
    /// The value is none.
    Invalid(InvalidValue),
}

impl std::fmt::Display for FileError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable(path, why) => write!(out, "cannot read {}: {why}", path.display()),
            Self::TooLong(path) => {
                write!(
                    out,
                    "{} is longer than {MAX_FILE_LEN} bytes: not a configuration file",
                    path.display()
                )
            }
            Self::Line { path, line, text, reason } => {
                write!(out, "{}, line {line}: '{text}': {reason}", path.display())
            }
        }
    }
}

impl std::fmt::Display for LineError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnknownOption => out.write_str(
                "unknown option (list it in ignore-unknown-config if it is meant for another server)",
            ),
            Self::UnbalancedQuotes => out.write_str("unbalanced quotes"),
            Self::WrongNumberOfValues => out.write_str("wrong number of values"),
            Self::Invalid(why) => why.fmt(out),
        }
    }
}

impl std::error::Error for FileError {}

/// Reads the file and keeps its values. Later lines win.
///
/// # Errors
/// The file cannot be read, or its first wrong line.
pub(super) fn apply(path: &Path, settings: &mut Settings) -> Result<(), FileError> {
    let unreadable = |why| FileError::Unreadable(path.to_owned(), why);
    if std::fs::metadata(path).map_err(unreadable)?.len() > MAX_FILE_LEN {
        return Err(FileError::TooLong(path.to_owned()));
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    apply_text(&text, settings).map_err(|(line, text, reason)| {
        let path = path.to_owned();
        FileError::Line { path, line, text, reason }
    })
}

/// Two passes, since `ignore-unknown-config` holds for lines before it too.
fn apply_text(text: &str, settings: &mut Settings) -> Result<(), (usize, String, LineError)> {
    let mut unknown = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        let at = |reason| (number + 1, line.to_owned(), reason);
        match apply_line(line, settings) {
            Ok(()) => {}
            Err((name, LineError::UnknownOption)) => unknown.push((name, at(LineError::UnknownOption))),
            Err((_, reason)) => return Err(at(reason)),
        }
    }
    let ignored =
        |name: &str| settings.ignore_unknown_config.iter().any(|known| known.eq_ignore_ascii_case(name));
    unknown.into_iter().find(|(name, _)| !ignored(name)).map_or(Ok(()), |(_, error)| Err(error))
}

fn apply_line(line: &str, settings: &mut Settings) -> Result<(), (String, LineError)> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(());
    }
    let words = words::split(line).map_err(|_| (String::new(), LineError::UnbalancedQuotes))?;
    let Some((name, values)) = words.split_first() else { return Ok(()) };
    set(name, values, settings).map_err(|error| (name.clone(), error))
}

/// Sets an option from the words after its name: kinds that hold blanks take several.
pub(super) fn set(name: &str, values: &[String], settings: &mut Settings) -> Result<(), LineError> {
    let option = find(name).ok_or(LineError::UnknownOption)?;
    let value = match values {
        [one] => one.clone(),
        [_, _, ..] if option.kind.holds_blanks() => values.join(" "),
        _ => return Err(LineError::WrongNumberOfValues),
    };
    option.kind.set(settings, &value).map_err(LineError::Invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings, (usize, String, LineError)> {
        let mut settings = Settings::defaults();
        apply_text(text, &mut settings).map(|()| settings)
    }

    #[test]
    fn comments_quotes_units_and_lists_are_read() {
        let settings = read(
            "# a comment\n\n  port 7000\nrequirepass \"a b#c\"\nbind 127.0.0.1 ::1\n\
             proto-max-bulk-len 2mb\r\nclient-output-buffer-limit normal 1mb 0 0\n",
        )
        .expect("all lines are valid");
        assert_eq!((settings.port, settings.requirepass.as_str()), (7000, "a b#c"));
        assert_eq!(settings.bind, ["127.0.0.1", "::1"]);
        assert_eq!(settings.proto_max_bulk_len, 2 << 20);
        assert_eq!(settings.client_output_buffer_limit.hard_bytes, 1 << 20);
    }

    #[test]
    fn errors_name_the_line_and_the_reason() {
        let wrong = |text: &str| read(text).map(|_| ()).expect_err("the text is wrong");
        assert_eq!(wrong("port 1\nfoo 2"), (2, "foo 2".into(), LineError::UnknownOption));
        assert_eq!(wrong("port"), (1, "port".into(), LineError::WrongNumberOfValues));
        assert_eq!(wrong("port 1 2").2, LineError::WrongNumberOfValues);
        assert_eq!(wrong("port \"1").2, LineError::UnbalancedQuotes);
        assert!(matches!(wrong("port abc").2, LineError::Invalid(InvalidValue::NotInteger)));
    }

    #[test]
    fn unknown_options_can_be_ignored_by_name_also_after_their_line() {
        assert!(read("lua-time-limit 5000\nignore-unknown-config lua-time-limit").is_ok());
        assert!(read("lua-time-limit 5000\nhz 10\nignore-unknown-config lua-time-limit").is_err());
    }
}
