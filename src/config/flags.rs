//! The command line in Redis' form: `[FILE] [--name value …] … [-]`.
//!
//! Flags are lines of a configuration in another notation, so clap, whose flags have a grammar of
//! their own, gets only what is left: the file, `-`, and the requests for help.

use super::directive::{Directive, Place, Source};
use crate::words;

/// Flags that are no options.
const REQUESTS: [&str; 2] = ["--help", "--version"];

/// The directives of the flags, and all words that belong to none.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Flags {
    pub(super) directives: Vec<Directive>,
    pub(super) rest: Vec<String>,
}

/// Splits the command line. The word after a name is a value whatever it looks like, except after
/// `--save`, where Redis takes no value for an empty one; `-` as the last word is the standard
/// input.
pub(super) fn read(args: impl IntoIterator<Item = String>) -> Flags {
    let mut flags = Flags::default();
    let mut args = args.into_iter().peekable();
    flags.rest.extend(args.next());
    while let Some(arg) = args.next() {
        let is_last = args.peek().is_none();
        if is_flag(&arg) {
            flags.directives.push(begin(&arg));
        } else if let Some(open) = flags.directives.last_mut().filter(|_| !stands_alone(&arg, is_last)) {
            push(open, arg);
        } else {
            flags.rest.push(arg);
        }
        let Some(open) = flags.directives.last_mut().filter(|open| open.values.is_empty()) else { continue };
        match args.next_if(|next| is_flag(next) && open.name != "save") {
            Some(value) => push(open, value),
            None if open.name == "save" && args.peek().is_none_or(|next| is_flag(next)) => {
                push(open, String::new());
            }
            None => {}
        }
    }
    flags
}

fn is_flag(arg: &str) -> bool {
    arg.starts_with("--") && !REQUESTS.contains(&arg)
}

/// Never a value of the option before it.
fn stands_alone(arg: &str, is_last: bool) -> bool {
    REQUESTS.contains(&arg) || is_last && arg == "-"
}

/// `--port`, also `--port=7000` and, in one word, `--port 7000`.
fn begin(arg: &str) -> Directive {
    let (name, value) = match arg.trim_start_matches("--").split_once('=') {
        Some((name, value)) => (name, vec![value.to_owned()]),
        None => match words::split(arg.trim_start_matches("--")) {
            Ok(mut words) if words.len() > 1 => {
                let place = Place { source: Source::Flags, text: arg.to_owned() };
                return Directive { name: words.remove(0).to_ascii_lowercase(), values: words, place };
            }
            _ => (arg.trim_start_matches("--").trim(), Vec::new()),
        },
    };
    let place = Place { source: Source::Flags, text: arg.to_owned() };
    Directive { name: name.to_ascii_lowercase(), values: value, place }
}

fn push(directive: &mut Directive, value: String) {
    directive.place.text.push(' ');
    directive.place.text.push_str(&shown(&value));
    directive.values.push(value);
}

/// In quotes if it would not be one word without.
fn shown(value: &str) -> String {
    let is_plain = words::split(value).is_ok_and(|words| words == [value]);
    if is_plain { value.to_owned() } else { words::quote(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_args(args: &[&str]) -> (Vec<String>, Vec<String>) {
        let flags = read(["nearhit"].iter().chain(args).map(|arg| (*arg).to_owned()));
        let shown = |found: &Directive| format!("{} {}", found.name, found.values.join("|"));
        (flags.directives.iter().map(shown).collect(), flags.rest[1..].to_vec())
    }

    #[test]
    fn flags_take_several_words() {
        let (directives, rest) = read_args(&["a.conf", "--bind", "127.0.0.1", "-::1", "--PORT", "7000", "-"]);
        assert_eq!(directives, ["bind 127.0.0.1|-::1", "port 7000"]);
        assert_eq!(rest, ["a.conf", "-"]);
        assert_eq!(read_args(&["--port=7000", "--requirepass=a=b"]).0, ["port 7000", "requirepass a=b"]);
        assert_eq!(read_args(&["--port 7000", "--timeout", "5"]).0, ["port 7000", "timeout 5"]);
    }

    #[test]
    fn the_word_after_a_name_is_a_value() {
        assert_eq!(read_args(&["--requirepass", "--x", "--port", "1"]).0, ["requirepass --x", "port 1"]);
        assert_eq!(read_args(&["--port"]).0, ["port "]);
        assert_eq!(read_args(&["--requirepass", ""]).0, ["requirepass "]);
    }

    #[test]
    fn save_may_stand_alone() {
        for args in [&["--save", "--port", "1"][..], &["--save", "", "--port", "1"]] {
            assert_eq!(read_args(args).0, ["save ", "port 1"]);
        }
        let flags = read(["nearhit", "--save"].map(str::to_owned));
        assert_eq!((flags.directives[0].values.as_slice(), flags.rest.len()), (&[String::new()][..], 1));
    }

    #[test]
    fn requests_and_files_are_left() {
        assert_eq!(read_args(&["--help"]), (vec![], vec!["--help".into()]));
        assert_eq!(read_args(&["-v"]).1, ["-v"]);
        assert_eq!(read_args(&["--port", "1", "--version"]).1, ["--version"]);
        assert_eq!(read_args(&["a", "b"]).1, ["a", "b"]);
    }

    #[test]
    fn a_flag_is_shown_as_it_could_be_typed() {
        let flags = read(["nearhit", "--requirepass", "a b", "--bind", "1", "2"].map(str::to_owned));
        let shown: Vec<_> = flags.directives.iter().map(|found| found.place.text.as_str()).collect();
        assert_eq!(shown, ["--requirepass \"a b\"", "--bind 1 2"]);
    }
}
