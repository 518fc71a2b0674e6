//! The names that rules may use: commands, their subcommands, and categories.

use std::collections::HashMap;

/// One command or subcommand.
#[derive(Clone, Debug)]
pub struct Named {
    /// Its number, below the number of all of them.
    pub id: usize,
    /// Its name in lower case; `config|get` for a subcommand.
    pub name: String,
    /// The number of the command to which it belongs, for a subcommand.
    pub parent: Option<usize>,
    /// The names of its categories, without `@`.
    pub categories: Vec<&'static str>,
}

/// All names. Numbers that have no name are commands that no rule can name; `+@all` has them too.
#[derive(Debug)]
pub struct Vocabulary {
    count: usize,
    by_name: HashMap<String, usize>,
    by_id: HashMap<usize, Named>,
    categories: Vec<&'static str>,
}

impl Vocabulary {
    /// The names of `commands`, whose numbers are below `count`, and these categories.
    pub fn new(count: usize, categories: Vec<&'static str>, commands: Vec<Named>) -> Self {
        let by_name = commands.iter().map(|command| (command.name.clone(), command.id)).collect();
        let by_id = commands.into_iter().map(|command| (command.id, command)).collect();
        Self { count, by_name, by_id, categories }
    }

    /// Numbers are below this.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The names of the categories.
    pub fn categories(&self) -> &[&'static str] {
        &self.categories
    }

    /// The category of this name, in any case.
    pub fn category(&self, name: &[u8]) -> Option<&'static str> {
        self.categories.iter().copied().find(|category| category.as_bytes().eq_ignore_ascii_case(name))
    }

    /// The commands and subcommands in a category, by number.
    pub fn in_category(&self, category: &str) -> Vec<usize> {
        let is_in = |command: &&Named| command.categories.contains(&category);
        let mut found: Vec<usize> = self.by_id.values().filter(is_in).map(|command| command.id).collect();
        found.sort_unstable();
        found
    }

    /// The command of this name, in any case.
    pub(super) fn command(&self, name: &[u8]) -> Option<usize> {
        let name = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
        self.by_name.get(&name).copied()
    }

    pub(super) fn name(&self, id: usize) -> &str {
        self.by_id.get(&id).map_or("", |command| &command.name)
    }

    pub(super) fn parent(&self, id: usize) -> Option<usize> {
        self.by_id.get(&id)?.parent
    }

    /// The subcommands of a command.
    pub(super) fn subcommands(&self, id: usize) -> impl Iterator<Item = usize> {
        self.by_id.values().filter(move |command| command.parent == Some(id)).map(|command| command.id)
    }
}
