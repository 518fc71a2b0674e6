//! `<CONTAINER> HELP`: a list of lines, or made from the table of subcommands.

use super::Spec;
use crate::resp::Reply;

/// In the shape that clients know from Redis: a header, then each subcommand with its summary.
pub(super) fn of(container: &str, subcommands: &[&Spec]) -> Reply {
    let lines = subcommands
        .iter()
        .flat_map(|spec| [spec.last_name().to_ascii_uppercase(), format!("    {}", spec.summary)]);
    let lines = std::iter::once(header(container)).chain(lines);
    Reply::Array(lines.map(Reply::SimpleOwned).collect())
}

/// A header, these lines, and those about HELP itself.
pub(super) fn lines(container: &str, lines: &'static [&'static str]) -> Reply {
    let lines = lines.iter().copied().chain(["HELP", "    Show these lines."]);
    Reply::Array(
        std::iter::once(Reply::SimpleOwned(header(container))).chain(lines.map(Reply::Simple)).collect(),
    )
}

fn header(container: &str) -> String {
    format!("{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")
}
