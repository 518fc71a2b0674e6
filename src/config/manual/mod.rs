//! The manual page, and what completes words of the command line in bash, zsh and fish: made from
//! the tables of options and tools, so that none has to be kept up.
//!
//! Not by `clap_mangen` and `clap_complete`: options have Redis' notation, with several words after
//! one name and no `=`, which clap does not know; and a dependency that every build compiles for
//! three texts would have to be larger than what it replaces.

mod bash;
mod fish;
mod page;
mod values;
mod zsh;

use super::kind::Kind;
use super::options::{OPTIONS, OptionSpec};

/// A text that `nearhit generate` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// The manual page, in the language of man(7).
    Man,
    /// Completions of bash.
    Bash,
    /// Completions of zsh.
    Zsh,
    /// Completions of fish.
    Fish,
}

impl Page {
    /// The page of this name.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn named(name: &str) -> Result<Self, &'static str> {
        match name {
            "man" => Ok(Self::Man),
            "bash" => Ok(Self::Bash),
            "zsh" => Ok(Self::Zsh),
            "fish" => Ok(Self::Fish),
            _ => Err("one of man, bash, zsh and fish"),
        }
    }

    /// Its text.
    pub fn text(self) -> String {
        match self {
            Self::Man => page::text(),
            Self::Bash => bash::text(),
            Self::Zsh => zsh::text(),
            Self::Fish => fish::text(),
        }
    }
}

/// The options that have more than one value here.
fn options() -> impl Iterator<Item = &'static OptionSpec> {
    OPTIONS.iter().filter(|option| !matches!(option.kind, Kind::Only { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tools;

    #[test]
    fn every_option_and_tool_is_on_every_page() {
        for page in [Page::Man, Page::Bash, Page::Zsh, Page::Fish] {
            let text = page.text();
            for option in options() {
                let name = match page {
                    Page::Man => format!("\n.BR {}", option.name.replace('-', "\\-")),
                    Page::Fish => format!(" -l {} ", option.name),
                    Page::Bash | Page::Zsh => format!("--{}", option.name),
                };
                assert!(text.contains(&name), "{page:?}: {name}");
            }
            for tool in tools::commands() {
                let name = tool.get_name().replace('-', if page == Page::Man { "\\-" } else { "-" });
                assert!(text.contains(&name), "{page:?}: {name}");
            }
        }
    }
}
