//! Completions of bash.

use super::options;
use super::values::{Offer, offer};
use crate::config::tools;

const HEAD: &str = "\
# bash completion of nearhit, made by: nearhit generate bash

_nearhit() {
    local cur=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
";

const TAIL: &str = "\
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))
    else
        COMPREPLY=($(compgen -f -- \"$cur\"))
        ((COMP_CWORD > 1)) || COMPREPLY+=($(compgen -W \"$tools\" -- \"$cur\"))
    fi
}

complete -o filenames -F _nearhit nearhit
";

pub(super) fn text() -> String {
    let mut text = HEAD.to_owned();
    text.push_str("    case ${COMP_WORDS[1]} in\n");
    for tool in tools::commands().iter().filter(|tool| tool.get_name() != "check-config") {
        let flags: Vec<String> =
            tool.get_arguments().filter_map(|argument| Some(format!("--{}", argument.get_long()?))).collect();
        let words = if tool.get_name() == "generate" { "man bash zsh fish" } else { "" };
        text.push_str(&format!("    {}) local options=\"{}\" tools=\"\"", tool.get_name(), flags.join(" ")));
        if !words.is_empty() {
            text.push_str(&format!("\n        COMPREPLY=($(compgen -W \"{words}\" -- \"$cur\")); return"));
        }
        text.push_str(" ;;\n");
    }
    let names: Vec<String> = options().map(|option| format!("--{}", option.name)).collect();
    let tools: Vec<String> = tools::commands().iter().map(|tool| tool.get_name().to_owned()).collect();
    text.push_str(&format!(
        "    *) local options=\"{}\" tools=\"{}\" ;;\n",
        names.join(" "),
        tools.join(" ")
    ));
    text.push_str("    esac\n    case $previous in\n");
    for option in options() {
        let reply = match offer(option) {
            Offer::Words(words) => format!("compgen -W \"{}\"", words.join(" ")),
            Offer::Files => "compgen -f".to_owned(),
            Offer::Folders => "compgen -d".to_owned(),
            Offer::Nothing => continue,
        };
        text.push_str(&format!("    --{}) COMPREPLY=($({reply} -- \"$cur\")); return ;;\n", option.name));
    }
    text.push_str("    esac\n");
    text.push_str(TAIL);
    text
}
