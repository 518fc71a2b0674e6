//! Where lines go: standard output, or the end of a file.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use tracing_subscriber::fmt::MakeWriter;

use super::Unwritable;

/// Either. The file is opened for each line, so that a tool may move it away and the next line
/// begins a new one, as in Redis; lines are few.
pub(super) enum Target {
    StandardOutput,
    File(PathBuf),
}

impl Target {
    /// A path is made absolute, and the file is opened once to see whether it can be.
    pub(super) fn open(path: Option<&Path>) -> Result<Self, Unwritable> {
        let Some(path) = path else { return Ok(Self::StandardOutput) };
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        match append(&path) {
            Ok(_) => Ok(Self::File(path)),
            Err(error) => Err(Unwritable { path, error }),
        }
    }

    /// True for a terminal, unless `NO_COLOR` is set (<https://no-color.org>).
    pub(super) fn takes_colours(&self) -> bool {
        let is_refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        matches!(self, Self::StandardOutput) && io::stdout().is_terminal() && !is_refused
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// The target of one line.
pub(super) enum Open {
    StandardOutput(io::Stdout),
    File(File),
    /// The file cannot be opened any more, and there is no place to report that.
    Nowhere,
}

impl MakeWriter<'_> for Target {
    type Writer = Open;

    fn make_writer(&self) -> Open {
        match self {
            Self::StandardOutput => Open::StandardOutput(io::stdout()),
            Self::File(path) => append(path).map_or(Open::Nowhere, Open::File),
        }
    }
}

impl Write for Open {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::StandardOutput(out) => out.write(bytes),
            Self::File(file) => file.write(bytes),
            Self::Nowhere => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::StandardOutput(out) => out.flush(),
            Self::File(file) => file.flush(),
            Self::Nowhere => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_moved_away_begins_anew() {
        let path = std::env::temp_dir().join(format!("nearhit-log-{}", std::process::id()));
        let moved = path.with_extension("1");
        let target = Target::open(Some(&path)).expect("the temporary folder is writable");
        target.make_writer().write_all(b"one\n").expect("it is open");
        std::fs::rename(&path, &moved).expect("it is there");
        target.make_writer().write_all(b"two\n").expect("it is open");
        let read = |path| std::fs::read_to_string(path).expect("it is there");
        assert_eq!((read(&moved), read(&path)), ("one\n".into(), "two\n".into()));
        [&path, &moved].into_iter().for_each(|path| drop(std::fs::remove_file(path)));
    }

    #[test]
    fn a_missing_folder_is_named_with_advice() {
        let error = Target::open(Some(Path::new("/no/such/folder/x"))).err().expect("there is no folder");
        let text = error.to_string();
        assert!(
            text.starts_with("cannot open the log file /no/such/folder/x: ") && text.contains("--logfile"),
            "{text}"
        );
    }
}
