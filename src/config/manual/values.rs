//! What an option takes, for people and for shells.

use crate::config::kind::Kind;
use crate::config::options::OptionSpec;

/// What a shell offers as a value.
pub(super) enum Offer {
    /// One of these words.
    Words(Vec<&'static str>),
    /// A path.
    Files,
    /// A path of a folder.
    Folders,
    /// Nothing.
    Nothing,
}

pub(super) fn offer(option: &OptionSpec) -> Offer {
    match &option.kind {
        Kind::Choice { choices, .. } => Offer::Words(choices.to_vec()),
        Kind::Switch(_) => Offer::Words(vec!["yes", "no"]),
        // Names of single files in `dir` are no paths.
        Kind::FileName(_) => Offer::Nothing,
        _ if option.name.ends_with("dir") => Offer::Folders,
        _ if option.name.ends_with("file") || option.name == "unixsocket" => Offer::Files,
        _ => Offer::Nothing,
    }
}

/// The values in one phrase, such as "0 to 65535"; empty if any text is one.
pub(super) fn phrase(kind: &Kind) -> String {
    match kind {
        Kind::Number { min, max, .. } => range(min, max),
        Kind::Integer { min, max, .. } => range(min, max),
        Kind::Decimal { min, max, .. } => range(min, max),
        Kind::Memory { min, max, .. } => format!("bytes, {}", range(min, max)),
        Kind::MaxMemory(_) => "bytes, a percentage of the machine's memory, or auto".to_owned(),
        Kind::Octal { max, .. } => format!("0 to {max:o}, octal"),
        Kind::Choice { choices, .. } => listed(choices),
        Kind::Switch(_) => listed(&["yes", "no"]),
        Kind::FileName(_) => "the name of a file, without a folder".to_owned(),
        Kind::Words(_) => "words".to_owned(),
        Kind::SaveRules(_) => "pairs of numbers, or empty".to_owned(),
        Kind::Percentiles(_) => "numbers up to 100".to_owned(),
        Kind::OutputLimits(_) => "groups of a class and three numbers".to_owned(),
        _ => String::new(),
    }
}

fn range(min: impl std::fmt::Display, max: impl std::fmt::Display) -> String {
    format!("{min} to {max}")
}

fn listed(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}
