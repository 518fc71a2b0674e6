//! The history of commands in Redis' releases, from `history.txt`.
//!
//! A line with a command's name is followed by lines, indented by a blank each, one for each
//! change: a version and what it changed, in our words; `deprecated`, a version and what to use
//! instead; or a further flag of the documentation.

const TEXT: &str = include_str!("history.txt");

/// The changes of one command.
#[derive(Debug, Default, PartialEq)]
pub(super) struct History {
    /// Flags of the documentation.
    pub flags: Vec<&'static str>,
    /// Since when it is deprecated, and its replacement.
    pub deprecated: Option<(&'static str, &'static str)>,
    /// Versions and what they changed.
    pub changes: Vec<(&'static str, &'static str)>,
}

/// The changes of the command of this name.
pub(super) fn of(name: &str) -> History {
    let mut history = History::default();
    let lines = TEXT.lines().skip_while(|line| *line != name).skip(1);
    for line in lines.map_while(|line| line.strip_prefix(' ')) {
        match line.split_once(' ') {
            None => history.flags.push(line),
            Some(("deprecated", rest)) => {
                history.flags.push("deprecated");
                history.deprecated = rest.split_once(' ');
            }
            Some(change) => history.changes.push(change),
        }
    }
    history
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::registry;

    #[test]
    fn a_command_has_its_own_past() {
        let quit = of("quit");
        assert_eq!(
            (quit.flags, quit.deprecated),
            (vec!["deprecated"], Some(("7.2.0", "closing the socket on the client's side")))
        );
        assert_eq!(of("config|get").changes.len(), 1);
        assert_eq!(of("VADD"), History::default());
    }

    #[test]
    fn every_line_names_a_command_or_describes_one() {
        for line in TEXT.lines() {
            match line.strip_prefix(' ') {
                None => assert!(registry::find(line.as_bytes()).is_some(), "no such command: {line}"),
                Some(text) => assert!(text.len() > 4, "too short: {line}"),
            }
        }
    }
}
