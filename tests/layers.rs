//! The map in `src/lib.rs` holds: each layer names only what is below it.
//!
//! The sources are read as syntax trees, macros' arguments too; what only tests compile is left
//! out.

#[path = "layers/comparisons.rs"]
mod comparisons;
#[path = "layers/facts.rs"]
mod facts;
#[path = "layers/source.rs"]
mod source;

use std::collections::HashSet;
use std::path::Path;
use std::sync::LazyLock;

use facts::Mention;
use source::Source;

/// Each module at the top, and the modules it may name besides itself.
const MAP: &[(&str, &[&str])] = &[
    ("main", &["check", "config", "kernels", "log", "memory", "ping", "server", "supervisor"]),
    // Messages to the service manager: part of the program, not of the library.
    ("supervisor", &["config", "server"]),
    ("check", &["config", "persistence", "server"]),
    ("ping", &["config"]),
    (
        "server",
        &[
            "bounded",
            "commands",
            "config",
            "counters",
            "journal",
            "keyspace",
            "memory",
            "persistence",
            "rate",
            "resp",
            "system",
            "thread_signal",
        ],
    ),
    (
        "commands",
        &[
            "acl",
            "bounded",
            "certainty",
            "compressed",
            "config",
            "counters",
            "glob",
            "hex",
            "json",
            "keyspace",
            "long_double",
            "memory",
            "persistence",
            "journal",
            "resp",
            "splitmix",
            "system",
            "thread_signal",
            "vector_set",
            "wake",
        ],
    ),
    (
        "persistence",
        &["bounded", "counters", "keyspace", "journal", "memory", "resp", "system", "vector_set", "words"],
    ),
    ("config", &["bounded", "glob", "words"]),
    ("acl", &["glob", "hex", "rate"]),
    ("rate", &[]),
    ("resp", &["hex", "hex_float"]),
    (
        "keyspace",
        &[
            "arena",
            "compressed",
            "counters",
            "eviction",
            "frequency",
            "kernels",
            "journal",
            "memory",
            "splitmix",
            "vector_set",
            "wake",
        ],
    ),
    (
        "vector_set",
        &[
            "arena",
            "certainty",
            "compressed",
            "counters",
            "epoch",
            "eviction",
            "field_index",
            "frequency",
            "hex_float",
            "index",
            "journal",
            "memory",
            "quantization",
            "splitmix",
            "tier",
            "vector_index",
        ],
    ),
    ("field_index", &["memory"]),
    ("vector_index", &["arena", "epoch", "index", "kernels", "memory", "quantization", "tier"]),
    ("index", &["arena", "epoch", "kernels", "memory", "splitmix", "tier"]),
    ("quantization", &["kernels", "memory", "splitmix"]),
    ("kernels", &[]),
    ("arena", &["epoch", "memory", "tier"]),
    ("tier", &["counters", "hex", "system"]),
    ("memory", &["system"]),
    ("system", &[]),
    ("epoch", &[]),
    ("certainty", &[]),
    ("eviction", &[]),
    ("glob", &[]),
    ("words", &["hex"]),
    ("hex", &[]),
    ("bounded", &[]),
    ("hex_float", &[]),
    ("json", &[]),
    ("log", &["json"]),
    ("long_double", &[]),
    ("compressed", &[]),
    ("splitmix", &[]),
    ("frequency", &["splitmix"]),
    ("counters", &[]),
    ("journal", &["memory", "wake"]),
    ("thread_signal", &[]),
    ("wake", &[]),
];

/// Crates that belong to some folders and files below `src/` only.
const CRATES: &[(&str, &[&str])] = &[
    // `rustix` has all other calls without `unsafe`.
    (
        "libc",
        &["system/files", "system/process", "memory/allocator", "tier/faults", "tier/fetch", "tier/overlay"],
    ),
    ("rustix", &["system"]),
    ("getrandom", &["system"]),
    ("tikv_jemalloc_ctl", &["memory/allocator"]),
    ("tikv_jemalloc_sys", &["memory/allocator"]),
    ("tokio", &["server", "commands", "persistence"]),
    ("sha2", &["acl"]),
    ("socket2", &["server"]),
    ("rustls", &["server/tls"]),
    ("webpki", &["server/tls"]),
    ("httparse", &["server/http"]),
    ("base64", &["server/http"]),
    ("clap", &["config"]),
    ("lz4_flex", &["compressed", "tier/cold"]),
    ("rust_stemmers", &["field_index/tokens"]),
    ("unicode_segmentation", &["field_index/tokens"]),
    ("tracing", &["main", "supervisor", "server", "commands", "log", "persistence"]),
    ("tracing_subscriber", &["log"]),
];

/// Where code may be `unsafe`, and what for.
const UNSAFE: &[(&str, &str)] = &[
    ("arena", "memory that readers share with writers"),
    ("index", "memory is given back where no reader can look any more"),
    ("kernels", "instructions that only some processors have"),
    ("memory/allocator", "calls of the allocator"),
    ("system/files", "a call that rustix does not have"),
    ("system/process", "a call that rustix does not have"),
    ("tier", "memory behind addresses that others use, and the handler of a signal"),
    ("vector_index", "codes are written where readers look once they are linked"),
];

#[test]
fn every_layer_names_only_what_is_below_it() {
    let violations: Vec<String> = sources().iter().flat_map(violations).collect();
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

/// Rows of tables, and drawings and examples between fences, may be longer.
#[test]
fn comments_end_at_100_columns() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let texts: Vec<(String, String)> =
        ["src", "tests", "tools"].iter().flat_map(|folder| source::texts(root, folder)).collect();
    let long: Vec<String> = texts
        .iter()
        .flat_map(|(file, text)| long_comments(text).into_iter().map(move |line| format!("{file}:{line}")))
        .collect();
    assert!(long.is_empty(), "\n{}", long.join("\n"));
}

/// The numbers of lines with too long a comment.
fn long_comments(text: &str) -> Vec<usize> {
    let mut is_fenced = false;
    let mut long = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let Some(comment) = line.trim_start().strip_prefix("//") else { continue };
        let comment = comment.trim_start_matches(['/', '!']).trim_start();
        is_fenced ^= comment.starts_with("```");
        if line.chars().count() > 100 && !is_fenced && !comment.starts_with('|') {
            long.push(number);
        }
    }
    long
}

#[test]
fn long_comments_are_found() {
    let long = "x".repeat(98);
    let text = format!(
        "// {long}\nlet x = 1; // {long}\n//! | {long}\n/// ```\n/// {long}\n/// ```\n    /// {long}\n"
    );
    assert_eq!(long_comments(&text), [1, 7]);
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

/// Two modules that name each other are one module.
#[test]
fn the_map_has_no_circles() {
    for (layer, below) in MAP {
        for lower in *below {
            assert!(!reaches(lower, layer), "{layer} and {lower} can name each other");
        }
    }
}

fn reaches(from: &str, to: &str) -> bool {
    let below = allowed(from).expect("every layer is in the map");
    from == to || below.iter().any(|lower| reaches(lower, to))
}

/// The sources below `src/`, `lib.rs` aside, which names everything.
fn sources() -> &'static [Source] {
    static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(|| {
        let all = source::read_all(Path::new(env!("CARGO_MANIFEST_DIR"))).into_iter();
        all.filter(|source| source.layer != "lib").collect()
    });
    &SOURCES
}

fn allowed(layer: &str) -> Option<&'static [&'static str]> {
    MAP.iter().find(|(name, _)| *name == layer).map(|(_, allowed)| *allowed)
}

/// One line for each name that a file may not say.
fn violations(source: &Source) -> Vec<String> {
    let modules = source.facts.modules.iter().filter(|mention| !may_name(&source.layer, &mention.name));
    let crates = source.facts.crates.iter().filter(|mention| !may_use(source, &mention.name));
    modules.chain(crates).map(|mention| shown(source, mention)).collect()
}

/// Macros and items of `lib.rs` are no modules. The root itself gives access to all of them.
fn may_name(layer: &str, name: &str) -> bool {
    let is_allowed = || name == layer || allowed(layer).unwrap_or_default().contains(&name);
    name != "*" && (allowed(name).is_none() || is_allowed())
}

fn may_use(source: &Source, krate: &str) -> bool {
    let places = CRATES.iter().find(|(name, _)| *name == krate);
    places.is_none_or(|(_, places)| places.iter().any(|place| source.is_in(place)))
}

fn shown(source: &Source, mention: &Mention) -> String {
    format!("{}:{}: {} may not name {}", source.file, mention.line, source.layer, mention.name)
}

#[test]
fn code_is_unsafe_only_where_it_has_to_be() {
    let sources = sources();
    let is_listed = |source: &&Source| UNSAFE.iter().any(|(place, _)| source.is_in(place));
    let lines = |source: &Source| {
        let file = source.file.clone();
        source.facts.unsafes.clone().into_iter().map(move |line| format!("{file}:{line}: unsafe"))
    };
    let found: Vec<String> = sources.iter().filter(|source| !is_listed(source)).flat_map(lines).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
    for (place, why) in UNSAFE {
        let is_needed = sources.iter().any(|source| source.is_in(place) && !source.facts.unsafes.is_empty());
        assert!(is_needed, "nothing is unsafe in {place} any more ({why})");
    }
}

/// Facts about a command stand in its `Spec`, so that none is forgotten for a new one. Only the
/// file that declares a command may compare its name.
#[test]
fn no_code_depends_on_the_name_of_a_command() {
    let sources = sources();
    let names: HashSet<String> = sources.iter().flat_map(command_names).collect();
    assert!(names.len() > 150 && names.contains("get"), "only {} commands were found", names.len());
    let found = all_names_compared(sources, &names);
    assert!(found.is_empty(), "the name of a command is compared in\n{}", found.join("\n"));
}

fn all_names_compared(sources: &[Source], names: &HashSet<String>) -> Vec<String> {
    let tables = sources.iter().flat_map(|source| &source.facts.tables_compared);
    let tables: HashSet<&str> = tables.map(String::as_str).collect();
    sources.iter().flat_map(|source| names_compared(source, names, &tables)).collect()
}

fn command_names(source: &Source) -> Vec<String> {
    source.facts.commands.iter().map(|name| name.to_ascii_lowercase()).collect()
}

/// Layers that may not name `commands` know none.
fn names_compared(source: &Source, names: &HashSet<String>, tables: &HashSet<&str>) -> Vec<String> {
    let own = command_names(source);
    let is_above = source.layer == "commands" || may_name(&source.layer, "commands");
    let is_name = |mention: &&Mention| {
        let name = mention.name.to_ascii_lowercase();
        is_above && names.contains(&name) && !own.contains(&name)
    };
    let in_tables = source.facts.tables.iter().filter(|(table, _)| tables.contains(table.as_str()));
    let all = source.facts.compared.iter().chain(in_tables.map(|(_, mention)| mention));
    let shown = |mention: &Mention| format!("{}:{}: {}", source.file, mention.line, mention.name);
    all.filter(is_name).map(shown).collect()
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
    assert_eq!(found("index", "/// See [`crate::vector_set`].\n// crate::config\nfn f() {}\n"), [""; 0]);
    assert_eq!(found("index", "#[cfg(test)]\nmod tests {\n    use crate::keyspace::Value;\n}\n"), [""; 0]);
    assert_eq!(found("index", "fn f() {\n    let x = \"crate::config\";\n}\n"), [""; 0]);
}

#[test]
fn code_behind_a_test_module_is_read() {
    let text = "#[cfg(test)]\nmod tests {\n    fn f() {}\n}\n\nuse crate::config::Config;\n";
    assert_eq!(found("index", text), ["src/index/file.rs:6: index may not name config"]);
}

#[test]
fn paths_are_found_wherever_they_stand() {
    for text in [
        "fn f() { assert!(crate::config::is_on(), \"text\"); }",
        "fn f() { debug!(x = crate::config::X, %y); }",
        "macro_rules! m { () => { $crate::config::X }; }",
        "macro_rules! m { () => { use crate::{config::X, arena::Y}; }; }",
        "fn f<T: crate::config::Kind>() {}",
        "#[derive(crate::config::Derived)] struct S;",
        "use crate as all;",
        "use crate::*;",
        "use super::super::{self as all};",
        "mod inner { use super::super::super::config::X; }",
        "use {crate::config};",
        "fn f(x: impl Fn() -> nearhit::config::X) {}",
    ] {
        assert_eq!(found("index", text).len(), 1, "{text}");
    }
}

#[test]
fn what_only_tests_compile_is_not_read() {
    for text in [
        "#[cfg(all(test, not(loom)))] use crate::config::X;",
        "struct S { #[cfg(test)] x: crate::config::X }",
        "fn f() { #[cfg(test)] crate::config::f(); }",
        "impl S { #[cfg(test)] fn f() -> crate::config::X {} }",
        "pub(in crate::config) fn f() {}",
    ] {
        assert_eq!(found("index", text), [""; 0], "{text}");
    }
    assert_eq!(found("index", "#[cfg(any(test, fuzzing))] use crate::config::X;").len(), 1);
}

#[test]
fn names_of_commands_are_found_where_they_are_compared() {
    let names = HashSet::from(["get".to_owned(), "exec".to_owned()]);
    let found = |text: &str| {
        all_names_compared(&[Source::new("src/commands/file.rs".to_owned(), text)], &names).len()
    };
    for text in [
        "fn f() { command.spec.name == \"get\" }",
        "fn f() { match (spec.name, x) { (\"exec\", _) => 1, _ => 2 } }",
        "fn f() { assert!(matches!(spec.last_name(), \"exec\" | \"no\")) }",
        "fn f() { if let \"get\" = spec.name {} }",
        "fn f() { request.arg(0).eq_ignore_ascii_case(b\"GET\") }",
        "fn f() { registry::find(b\"exec\") }",
        "const T: [&str; 1] = [\"exec\"]; fn f() { T.contains(&command.spec.name) }",
        "const T: &[(&str, u8)] = &[(\"get\", 1)]; fn f() { T.iter().find(|(n, _)| *n == spec.name) }",
    ] {
        assert_eq!(found(text), 1, "{text}");
    }
    for text in [
        "fn f() { args.keyword(\"GET\") || word == b\"get\" }",
        "fn f() { Spec { name: \"get\" }; spec.name == \"get\" }",
        "fn f() { effects.command(&[\"exec\"]) }",
        "const HELP: [&str; 1] = [\"GET\"];",
        "#[cfg(test)] fn f() { spec.name == \"get\" }",
    ] {
        assert_eq!(found(text), 0, "{text}");
    }
}

#[test]
fn unsafe_code_is_found() {
    let found = |text: &str| Source::new("src/index/file.rs".to_owned(), text).facts.unsafes.len();
    for text in [
        "fn f() { unsafe { g() } }",
        "unsafe fn f() {}",
        "unsafe impl Send for X {}",
        "#[unsafe(no_mangle)] fn f() {}",
        "macro_rules! m { () => { unsafe { g() } }; }",
        "unsafe extern \"C\" { fn f(); }",
    ] {
        assert_eq!(found(text), 1, "{text}");
    }
    assert_eq!(found("/// unsafe\nfn f() { \"unsafe\" }"), 0);
}
