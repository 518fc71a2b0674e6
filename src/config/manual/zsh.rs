//! Completions of zsh.

use clap::{Arg, Command};

use super::options;
use super::values::{Offer, offer};
use crate::config::tools;

const HEAD: &str = "\
#compdef nearhit
# zsh completion of nearhit, made by: nearhit generate zsh

_nearhit() {
    local -a tools
    tools=(
";

const TOOLS: &str = "\
    )
    if ((CURRENT == 2)) && [[ $words[2] != -* ]]; then
        _describe -t tools tool tools
        _files
        return
    fi
    case $words[2] in
";

const OPTIONS: &str = "\
    esac
    _arguments '*:configuration:_files' \\
";

pub(super) fn text() -> String {
    let mut text = HEAD.to_owned();
    for tool in tools::commands() {
        text.push_str(&format!("        '{}:{}'\n", tool.get_name(), quoted(&about(&tool))));
    }
    text.push_str(TOOLS);
    for tool in tools::commands().iter().filter(|tool| tool.get_name() != "check-config") {
        let arguments: Vec<String> = tool.get_arguments().map(argument).collect();
        // The tool's name is the first word of its own command line.
        text.push_str(&format!("    {})\n        shift words; ((CURRENT--))\n", tool.get_name()));
        text.push_str(&format!(
            "        _arguments {}\n        return ;;\n",
            arguments.join(" \\\n            ")
        ));
    }
    text.push_str(OPTIONS);
    let lines: Vec<String> = options()
        .map(|option| {
            let value = match offer(option) {
                Offer::Words(words) => format!("({})", words.join(" ")),
                Offer::Files => "_files".to_owned(),
                Offer::Folders => "_files -/".to_owned(),
                Offer::Nothing => " ".to_owned(),
            };
            format!("        '*--{}[{}]:value:{value}'", option.name, quoted(option.help))
        })
        .collect();
    text.push_str(&lines.join(" \\\n"));
    text.push_str("\n}\n\n_nearhit \"$@\"\n");
    text
}

fn about(tool: &Command) -> String {
    tool.get_about().map(ToString::to_string).unwrap_or_default()
}

fn argument(argument: &Arg) -> String {
    let help = quoted(&argument.get_help().map(ToString::to_string).unwrap_or_default());
    let value = if argument.get_id() == "WHAT" { "(man bash zsh fish)" } else { "_files" };
    match argument.get_long() {
        None => format!("'*:{help}:{value}'"),
        Some(long) if argument.get_action().takes_values() => format!("'--{long}[{help}]:value:{value}'"),
        Some(long) => format!("'--{long}[{help}]'"),
    }
}

/// Inside apostrophes, and inside brackets, where colons have a meaning too.
fn quoted(text: &str) -> String {
    text.replace('\'', "'\\''").replace('[', "\\[").replace(']', "\\]").replace(':', "\\:")
}
