//! One wish of the operator, wherever it was uttered: an option's name and its values.

use std::fmt;
use std::sync::Arc;

use super::kind::InvalidValue;
use super::names;
use super::options::find;
use super::settings::Settings;
use crate::glob;
use crate::words::NotWords;

/// An option's name in lower case, and the words after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Directive {
    pub(super) name: String,
    pub(super) values: Vec<String>,
    pub(super) place: Place,
}

/// Where it stands, for whoever has to correct it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Whether it is a flag, a variable, or a line of a file.
    pub source: Source,
    /// The words as they stand there.
    pub text: String,
}

/// What a directive was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The command line.
    Flags,
    /// The environment.
    Environment,
    /// A line of a file; the first is 1.
    File(Arc<str>, usize),
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flags => out.write_str("the flags"),
            Self::Environment => out.write_str("the environment"),
            Self::File(path, line) => write!(out, "{path}, at line {line}"),
        }
    }
}

/// What is wrong with a directive. Texts are Redis' where Redis says the same.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// No option has this name.
    Unknown,
    /// Redis has such an option.
    OnlyInRedis(String),
    /// It cannot be split into words.
    Words(NotWords),
    /// There is no value, or more than one.
    WrongNumberOfValues,
    /// The value is none.
    Invalid(InvalidValue),
    /// `include` of a file that includes itself, or of far too many.
    TooManyIncludes,
    /// `include` of a file that cannot be read.
    Unreadable(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => out.write_str("Bad directive or wrong number of arguments"),
            Self::OnlyInRedis(name) => write!(out, "Redis' option '{name}' is not supported by nearhit"),
            Self::Words(why) => why.fmt(out),
            Self::WrongNumberOfValues => out.write_str("wrong number of arguments"),
            Self::Invalid(why) => why.fmt(out),
            Self::TooManyIncludes => out.write_str("too many files are included: does one include itself?"),
            Self::Unreadable(why) => write!(out, "cannot read the included file: {why}"),
        }
    }
}

impl Fault {
    /// What is said of a name that is none of ours.
    pub(super) fn no_such_option(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        if names::is_of_redis(&name) { Self::OnlyInRedis(name) } else { Self::Unknown }
    }

    fn is_about_the_name(&self) -> bool {
        matches!(self, Self::Unknown | Self::OnlyInRedis(_))
    }
}

impl Directive {
    /// Keeps its value. Several words are one value for the kinds that hold blanks.
    fn apply(&self, settings: &mut Settings) -> Result<(), Fault> {
        let option = find(&self.name).ok_or_else(|| Fault::no_such_option(&self.name))?;
        let value = match self.values.as_slice() {
            [one] => one.clone(),
            [_, _, ..] if option.kind.holds_blanks() => self.values.join(" "),
            _ => return Err(Fault::WrongNumberOfValues),
        };
        option.kind.set(settings, &value).map_err(Fault::Invalid)
    }
}

/// What became of all directives.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Names that `ignore-unknown-config` let pass, each once.
    pub(super) ignored: Vec<String>,
}

/// The first wrong directive, and the names of others that no option has.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Where it stands.
    pub place: Place,
    /// What is wrong with it.
    pub fault: Fault,
    /// Further names that would be refused too.
    pub others: Vec<String>,
}

impl Refusal {
    /// Of this directive only. In a box, since it is large, and errors travel with every result.
    pub(super) fn new(place: Place, fault: Fault) -> Box<Self> {
        Box::new(Self { place, fault, others: Vec::new() })
    }
}

/// Applies them in order, so that later ones win. Unknown names are judged last, since `ignore-unknown-config`
/// holds for directives before it too. It does not excuse wrong values: `aclfile users.acl` asks for protection.
pub(super) fn apply_all(
    directives: Vec<Directive>,
    settings: &mut Settings,
) -> Result<Outcome, Box<Refusal>> {
    let mut unknown = Vec::new();
    let mut rules = Vec::new();
    for mut directive in directives {
        if directive.name.eq_ignore_ascii_case("save") {
            directive.values = add_rules(&mut rules, directive.values);
        }
        match directive.apply(settings) {
            Ok(()) => {}
            Err(fault) if fault.is_about_the_name() => unknown.push((directive, fault)),
            Err(fault) => return Err(Refusal::new(directive.place, fault)),
        }
    }
    judge(unknown, &settings.ignore_unknown_config)
}

/// Each `save` adds rules to those of the ones before; one without rules forgets them. As in Redis.
fn add_rules(rules: &mut Vec<String>, values: Vec<String>) -> Vec<String> {
    if values.iter().all(String::is_empty) {
        rules.clear();
        return vec![String::new()];
    }
    rules.extend(values);
    rules.clone()
}

fn judge(unknown: Vec<(Directive, Fault)>, ignore: &[String]) -> Result<Outcome, Box<Refusal>> {
    let (ignored, refused): (Vec<_>, Vec<_>) =
        unknown.into_iter().partition(|(directive, _)| is_ignored(&directive.name, ignore));
    let mut refused = refused.into_iter();
    let Some((first, fault)) = refused.next() else {
        return Ok(Outcome { ignored: distinct(ignored.into_iter()) });
    };
    let mut others = distinct(refused);
    others.retain(|name| *name != first.name);
    Err(Box::new(Refusal { place: first.place, fault, others }))
}

fn is_ignored(name: &str, ignore: &[String]) -> bool {
    ignore.iter().any(|pattern| {
        pattern.eq_ignore_ascii_case("yes")
            || glob::matches(pattern.to_ascii_lowercase().as_bytes(), name.as_bytes())
    })
}

fn distinct(directives: impl Iterator<Item = (Directive, Fault)>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (directive, _) in directives {
        if !names.contains(&directive.name) {
            names.push(directive.name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words;

    fn apply(lines: &[&str]) -> Result<(Settings, Vec<String>), Box<Refusal>> {
        let directives = lines.iter().map(|line| {
            let mut values = words::split(line).expect("the words are fine");
            let place = Place { source: Source::Flags, text: (*line).to_owned() };
            Directive { name: values.remove(0), values, place }
        });
        let mut settings = Settings::defaults();
        apply_all(directives.collect(), &mut settings).map(|outcome| (settings, outcome.ignored))
    }

    #[test]
    fn rules_of_saving_add_up() {
        let saved = |lines: &[&str]| apply(lines).expect("all are valid").0.save.len();
        assert_eq!(saved(&["port 1"]), 3);
        assert_eq!(saved(&["save 900 1", "Save 300 10 60 10000"]), 3);
        assert_eq!(saved(&["save 900 1", "save ''", "save '60 1'"]), 1);
        assert_eq!(saved(&["save \"\""]), 0);
        assert!(apply(&["save 900"]).is_err());
    }

    #[test]
    fn later_directives_win_and_several_words_may_be_one_value() {
        let (settings, _) = apply(&["port 1", "bind 127.0.0.1 ::1", "port 2"]).expect("all are valid");
        assert_eq!((settings.port, settings.bind.join(" ")), (2, "127.0.0.1 ::1".into()));
    }

    #[test]
    fn the_first_fault_is_told_with_its_place() {
        for (line, fault) in [
            ("port", Fault::WrongNumberOfValues),
            ("port 1 2", Fault::WrongNumberOfValues),
            ("requirepass a b", Fault::WrongNumberOfValues),
            ("port x", Fault::Invalid(InvalidValue::NotInteger)),
            ("nonsense 1", Fault::Unknown),
            ("lua-time-limit 1", Fault::OnlyInRedis("lua-time-limit".into())),
        ] {
            let refusal = apply(&["timeout 1", line]).expect_err(line);
            assert_eq!((refusal.place.text.as_str(), refusal.fault), (line, fault));
        }
    }

    #[test]
    fn other_unknown_names_are_told_together_with_the_first() {
        let refusal = apply(&["hll-a 1", "hll-b 1", "hll-a 2", "hll-b 3"]).expect_err("none is known");
        assert_eq!((refusal.place.text.as_str(), refusal.others), ("hll-a 1", vec!["hll-b".into()]));
    }

    #[test]
    fn unknown_names_are_ignored_if_asked_also_after_their_line() {
        let ignored = |lines: &[&str]| apply(lines).map(|(_, ignored)| ignored);
        let unknown = ["lua-time-limit 5", "cluster-port 3", "lua-time-limit 6"];
        let with = |last| [unknown.as_slice(), &[last]].concat();
        assert_eq!(ignored(&with("ignore-unknown-config yes")).unwrap(), ["lua-time-limit", "cluster-port"]);
        assert!(ignored(&with("ignore-unknown-config LUA-* cluster-port")).is_ok());
        assert!(ignored(&with("ignore-unknown-config lua-*")).is_err());
        assert!(ignored(&["aclfile users", "ignore-unknown-config yes"]).is_err());
    }
}
