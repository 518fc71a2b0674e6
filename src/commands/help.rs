//! `<CONTAINER> HELP`: Redis' lines, or some made from the table of subcommands.

use super::Spec;
use crate::resp::Reply;

/// The lines of Redis' shape: a header, then each subcommand with its summary.
pub(super) fn of(container: &str, subcommands: &[&Spec]) -> Reply {
    let header = format!("{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    let lines = subcommands
        .iter()
        .flat_map(|spec| [spec.last_name().to_ascii_uppercase(), format!("    {}", spec.summary)]);
    Reply::Array(std::iter::once(header).chain(lines).map(Reply::SimpleOwned).collect())
}

/// Lines as they are.
pub(super) fn lines(lines: &[&'static str]) -> Reply {
    Reply::Array(lines.iter().copied().map(Reply::Simple).collect())
}
