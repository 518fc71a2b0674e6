//! Completions of fish.

use super::options;
use super::values::{Offer, offer};
use crate::config::tools;

pub(super) fn text() -> String {
    let commands = tools::commands();
    let names: Vec<&str> = commands.iter().map(|tool| tool.get_name()).collect();
    let others: Vec<&str> = names.iter().copied().filter(|name| *name != "check-config").collect();
    let serves = format!("not __fish_seen_subcommand_from {}", others.join(" "));
    let mut text = "# fish completion of nearhit, made by: nearhit generate fish\n\n".to_owned();
    for tool in &commands {
        let name = tool.get_name();
        let about = tool.get_about().map(ToString::to_string).unwrap_or_default();
        text.push_str(&format!(
            "complete -c nearhit -n __fish_use_subcommand -a {name} -d '{}'\n",
            quoted(&about)
        ));
        for argument in tool.get_arguments() {
            let Some(long) = argument.get_long() else { continue };
            let value = if argument.get_action().takes_values() { "-r" } else { "-f" };
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
            let here = format!("__fish_seen_subcommand_from {name}");
            let help = quoted(&help);
            text.push_str(&format!("complete -c nearhit -n '{here}' -l {long} {value} -d '{help}'\n"));
        }
    }
    let generate = "__fish_seen_subcommand_from generate";
    text.push_str(&format!("complete -c nearhit -n '{generate}' -f -a 'man bash zsh fish'\n"));
    for option in options() {
        let value = match offer(option) {
            Offer::Words(words) => format!("-x -a '{}'", words.join(" ")),
            Offer::Files => "-r -F".to_owned(),
            Offer::Folders => "-x -a '(__fish_complete_directories)'".to_owned(),
            Offer::Nothing => "-x".to_owned(),
        };
        let help = quoted(option.help);
        text.push_str(&format!("complete -c nearhit -n '{serves}' -l {} {value} -d '{help}'\n", option.name));
    }
    text
}

/// Inside apostrophes.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "\\'")
}
