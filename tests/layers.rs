//! The map in `src/lib.rs` holds: each layer names only what is below it.
//!
//! The sources are read as text, as rustfmt writes them; comments and what only tests compile are left out.

#[path = "layers/source.rs"]
mod source;

use std::path::Path;

use source::{Mention, Source};

/// Each module at the top, and the modules it may name besides itself.
const MAP: &[(&str, &[&str])] = &[
    ("main", &["check", "config", "kernels", "log", "server", "supervisor"]),
    // Messages to the service manager: part of the program, not of the library.
    ("supervisor", &["config"]),
    ("check", &["config", "persistence"]),
    ("server", &["commands", "config", "counters", "info", "journal", "keyspace", "persistence", "resp"]),
    (
        "commands",
        &["config", "counters", "glob", "info", "keyspace", "persistence", "journal", "resp", "vector_set"],
    ),
    ("persistence", &["counters", "keyspace", "journal", "resp", "vector_set", "words"]),
    // Edges: `info` asks the owners of what it shows.
    ("config", &["glob", "words"]),
    ("info", &["arena", "commands", "config", "counters", "keyspace", "persistence", "vector_set"]),
    ("resp", &["hex_float"]),
    ("keyspace", &["arena", "counters", "kernels", "journal", "vector_set"]),
    ("vector_set", &["arena", "epoch", "hex_float", "index", "kernels", "quantization", "journal"]),
    ("index", &["arena", "epoch", "kernels"]),
    ("quantization", &["kernels"]),
    ("kernels", &[]),
    ("arena", &["epoch"]),
    ("epoch", &[]),
    ("glob", &[]),
    ("words", &[]),
    ("hex_float", &[]),
    ("log", &[]),
    ("counters", &[]),
    ("journal", &[]),
];

/// Crates that belong to some layers only.
const CRATES: &[(&str, &[&str])] = &[
    ("tokio", &["server", "commands", "persistence"]),
    ("socket2", &["server"]),
    ("clap", &["config"]),
    ("tracing", &["main", "supervisor", "server", "commands", "log", "persistence"]),
    ("tracing_subscriber", &["log"]),
];

#[test]
fn every_layer_names_only_what_is_below_it() {
    let violations: Vec<String> = sources().iter().flat_map(violations).collect();
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn every_module_is_in_the_map() {
    let sources = sources();
    assert!(sources.len() > 100, "only {} files were read", sources.len());
    let missing: Vec<_> = sources.iter().filter(|source| allowed(&source.layer).is_none()).collect();
    let names: Vec<_> =
        missing.iter().map(|source| &source.file).filter(|file| *file != "src/lib.rs").collect();
    assert!(names.is_empty(), "not in MAP: {names:?}");
}

/// Two modules that name each other are one module. `info` is the exception that the map calls an edge.
#[test]
fn the_map_has_no_circles() {
    for (layer, below) in MAP.iter().filter(|(layer, _)| *layer != "info") {
        for lower in below.iter().filter(|lower| **lower != "info") {
            assert!(!reaches(lower, layer), "{layer} and {lower} can name each other");
        }
    }
}

fn reaches(from: &str, to: &str) -> bool {
    let below = allowed(from).expect("every layer is in the map");
    from == to || below.iter().filter(|lower| **lower != "info").any(|lower| reaches(lower, to))
}

/// The sources below `src/`, `lib.rs` aside, which names everything.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    source::read_all(root).into_iter().filter(|source| source.layer != "lib").collect()
}

fn allowed(layer: &str) -> Option<&'static [&'static str]> {
    MAP.iter().find(|(name, _)| *name == layer).map(|(_, allowed)| *allowed)
}

/// One line for each name that the layer of a file may not say.
fn violations(source: &Source) -> Vec<String> {
    let layer = source.layer.as_str();
    let allowed = allowed(layer).unwrap_or_default();
    let modules = source.modules().into_iter().filter(|mention| {
        mention.name != layer && !allowed.contains(&mention.name.as_str()) && is_module(&mention.name)
    });
    let crates = CRATES.iter().filter(|(_, users)| !users.contains(&layer));
    let crates = crates.flat_map(|(name, _)| source.mentions_of_crate(name));
    modules.chain(crates).map(|mention| told(source, &mention)).collect()
}

/// Macros and items of `lib.rs` are no modules.
fn is_module(name: &str) -> bool {
    allowed(name).is_some()
}

fn told(source: &Source, mention: &Mention) -> String {
    format!("{}:{}: {} may not name {}", source.file, mention.line, source.layer, mention.name)
}

/// What is found in a file of this layer with this text.
fn found(layer: &str, text: &str) -> Vec<String> {
    violations(&Source::new(format!("src/{layer}/file.rs"), text))
}

#[test]
fn a_violation_is_found() {
    assert_eq!(
        found("index", "//! Index.\n\nuse crate::vector_set::VectorSet;\n"),
        ["src/index/file.rs:3: index may not name vector_set"]
    );
    assert_eq!(found("resp", "fn f() {\n    crate::commands::run()\n}\n").len(), 1);
    assert_eq!(
        found("vector_set", "use crate::{\n    config::Config,\n    index::{Index, keyspace},\n};\n").len(),
        1
    );
    assert_eq!(found("index", "use super::super::quantization::Format;\n").len(), 1);
    assert_eq!(found("keyspace", "use tokio::sync::watch;\n").len(), 1);
    assert_eq!(found("index", "/// See\nfn f(x: crate::server::Server, y: tokio::Y) {}\n").len(), 2);
}

#[test]
fn what_is_no_violation_is_not_found() {
    assert_eq!(found("index", "use crate::arena::Words;\nuse crate::index::slots::Slots;\n"), [""; 0]);
    assert_eq!(found("index", "/// See [`crate::vector_set`].\n// crate::config\n"), [""; 0]);
    assert_eq!(found("index", "#[cfg(test)]\nmod tests {\n    use crate::keyspace::Value;\n}\n"), [""; 0]);
    assert_eq!(found("index", "fn f() {\n    let x = \"crate::config\";\n}\n"), [""; 0]);
}

#[test]
fn code_behind_a_test_module_is_read() {
    let text = "#[cfg(test)]\nmod tests {\n    fn f() {}\n}\n\nuse crate::config::Config;\n";
    assert_eq!(found("index", text), ["src/index/file.rs:6: index may not name config"]);
}
