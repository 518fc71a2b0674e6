//! The fuzzer begins with every command: `tests/fuzz/corpus/command` names each of them,
//! subcommands too.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use nearhit::commands::registry::{self, Command};

/// What the fuzz target leaves out, and what only says that there is no cluster or module.
const LEFT_OUT: [&str; 3] = ["shutdown", "debug", "cluster|"];

#[test]
fn every_command_is_in_the_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus/command");
    let files = fs::read_dir(corpus).expect("the corpus is there").map(|file| file.expect("a file").path());
    let known: HashSet<String> = files.flat_map(|file| names(&fs::read(file).expect("a file"))).collect();
    let commands: Vec<&Command> = registry::all()
        .into_iter()
        .flat_map(|command| [vec![command], command.subcommands()].concat())
        .collect();
    let missing: Vec<&str> = commands
        .into_iter()
        .filter(|command| command.spec.subcommands().is_empty())
        .map(|command| command.spec.name)
        .filter(|name| !LEFT_OUT.iter().any(|left_out| name.starts_with(left_out)))
        .filter(|name| !known.contains(&name.to_ascii_lowercase()))
        .collect();
    assert!(missing.is_empty(), "not in tests/fuzz/corpus/command: {missing:?}");
}

/// The first word of each line, and the first two as the name of a subcommand.
fn names(file: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(file).to_ascii_lowercase();
    let words = text.lines().map(|line| line.split_whitespace().take(2).collect::<Vec<_>>());
    words.flat_map(|words| [words.first().unwrap_or(&"").to_string(), words.join("|")]).collect()
}
