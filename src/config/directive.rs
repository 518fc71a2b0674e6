//! One directive, from whatever source: an option's name and its values.

use std::fmt;
use std::sync::Arc;

use super::kind::{InvalidValue, Kind};
use super::names;
use super::options::find;
use super::settings::{Settings, UserLine};
use crate::glob;
use crate::words::NotWords;

/// An option's name in lower case, and the words after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Directive {
    pub(super) name: String,
    pub(super) values: Vec<String>,
    pub(super) place: Place,
}

/// Where a directive was read, for error messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The flags, the environment, or a line of a file.
    pub source: Source,
    /// The words as they were given.
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

/// What is wrong with a directive. Where Redis reports the same fault, the text is that of Redis.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// No option has this name.
    Unknown,
    /// An option of Redis whose promise cannot be kept here: its name, and why it is refused.
    OnlyInRedis(String, &'static str),
    /// It cannot be split into words.
    Words(NotWords),
    /// There is no value, or more than one.
    WrongNumberOfValues,
    /// The value is not one of the option.
    Invalid(InvalidValue),
    /// A second `user` line for this name.
    UserTwice(String),
    /// `include` of a file that includes itself, or of far too many.
    TooManyIncludes,
    /// `include` of a file that cannot be read.
    Unreadable(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => out.write_str("Bad directive or wrong number of arguments"),
            Self::OnlyInRedis(name, why) => {
                write!(out, "Redis' option '{name}' is not supported by nearhit: {why}")
            }
            Self::Words(why) => why.fmt(out),
            Self::WrongNumberOfValues => out.write_str("wrong number of arguments"),
            Self::Invalid(why) => why.fmt(out),
            Self::UserTwice(name) => write!(
                out,
                "Error in user declaration '{name}': Duplicate user found. A user can only be defined once in config files"
            ),
            Self::TooManyIncludes => out.write_str("too many files are included: does one include itself?"),
            Self::Unreadable(why) => write!(out, "cannot read the included file: {why}"),
        }
    }
}

impl Fault {
    /// The fault of a name that is no option.
    pub(super) fn no_such_option(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        names::refused(&name).map_or(Self::Unknown, |why| Self::OnlyInRedis(name, why))
    }
}

impl Directive {
    /// Sets the value. Several words are one value for the kinds that hold blanks.
    fn apply(&self, settings: &mut Settings) -> Result<(), Fault> {
        if self.name == "user" {
            return self.add_user(settings);
        }
        let option = find(&self.name).ok_or_else(|| Fault::no_such_option(&self.name))?;
        let value = match self.values.as_slice() {
            [one] => one.clone(),
            [_, _, ..] if option.kind.holds_blanks() => self.values.join(" "),
            _ => return Err(Fault::WrongNumberOfValues),
        };
        option.kind.set(settings, &value).map_err(Fault::Invalid)
    }

    /// A fault is shown with the words around it, which may be passwords of a user.
    fn hide_passwords(&mut self) {
        if self.name == "user" {
            let is_secret = |rule: &String| rule.starts_with(['>', '<', '#', '!', '(']);
            let name = self.values.first().map_or("", String::as_str);
            let rules = self.values.iter().skip(1).filter(|rule| !is_secret(rule)).map(String::as_str);
            let words = ["user", name].into_iter().chain(rules);
            self.place.text = words.collect::<Vec<_>>().join(" ").trim_end().to_owned();
        }
    }

    /// The rules are read when the server starts: which commands there are is not known here.
    fn add_user(&self, settings: &mut Settings) -> Result<(), Fault> {
        let [name, rules @ ..] = self.values.as_slice() else { return Err(Fault::WrongNumberOfValues) };
        if settings.users.iter().any(|user| user.name == *name) {
            return Err(Fault::UserTwice(name.clone()));
        }
        settings.users.push(UserLine { name: name.clone(), rules: rules.to_vec() });
        Ok(())
    }
}

/// Names to be reported after all directives were applied.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Unknown names that `ignore-unknown-config` allows, each once.
    pub(super) ignored: Vec<String>,
    /// Options without effect that were named, each once.
    pub(super) inert: Vec<String>,
}

/// The first wrong directive, and all others that are wrong.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Where the first one was read.
    pub place: Place,
    /// What is wrong with it.
    pub fault: Fault,
    /// The others, in their order.
    pub others: Vec<(Place, Fault)>,
}

impl Refusal {
    /// A refusal of this directive only. In a box, since it is large and part of every result.
    pub(super) fn new(place: Place, fault: Fault) -> Box<Self> {
        Box::new(Self { place, fault, others: Vec::new() })
    }

    /// All that is wrong.
    pub(super) fn faults(&self) -> impl Iterator<Item = (&Place, &Fault)> {
        let others = self.others.iter().map(|(place, fault)| (place, fault));
        std::iter::once((&self.place, &self.fault)).chain(others)
    }
}

/// Applies them in order, so that later ones win. Unknown names are checked last, since
/// `ignore-unknown-config` also holds for directives before it. It does not cover wrong values:
/// `protected-mode on` is meant to protect something. All faults are reported together, so that a
/// file can be corrected in one go.
pub(super) fn apply_all(
    directives: Vec<Directive>,
    settings: &mut Settings,
) -> Result<Outcome, Box<Refusal>> {
    let mut faults = Vec::new();
    let mut inert = Vec::new();
    let mut rules = Vec::new();
    for mut directive in directives {
        if directive.name.eq_ignore_ascii_case("save") {
            directive.values = add_rules(&mut rules, directive.values);
        }
        match directive.apply(settings) {
            Ok(()) => inert.extend(inert_name(&directive.name)),
            Err(fault) => {
                directive.hide_passwords();
                faults.push((directive, fault));
            }
        }
    }
    let ignored = judge(faults, &settings.ignore_unknown_config)?;
    Ok(Outcome { ignored, inert: distinct(inert) })
}

/// The option's name, if it has no effect.
fn inert_name(name: &str) -> Option<String> {
    let option = find(name).filter(|option| matches!(option.kind, Kind::Inert { .. }))?;
    Some(option.name.to_owned())
}

/// Each `save` adds rules to those before it; one without rules removes them, as in Redis.
fn add_rules(rules: &mut Vec<String>, values: Vec<String>) -> Vec<String> {
    if values.iter().all(String::is_empty) {
        rules.clear();
        return vec![String::new()];
    }
    rules.extend(values);
    rules.clone()
}

/// The unknown names that are ignored; an error if there are other faults.
fn judge(faults: Vec<(Directive, Fault)>, ignore: &[String]) -> Result<Vec<String>, Box<Refusal>> {
    let (ignored, refused): (Vec<_>, Vec<_>) = faults
        .into_iter()
        .partition(|(directive, fault)| *fault == Fault::Unknown && is_ignored(&directive.name, ignore));
    let mut refused = refused.into_iter().map(|(directive, fault)| (directive.place, fault));
    let Some((place, fault)) = refused.next() else {
        return Ok(distinct(ignored.into_iter().map(|(directive, _)| directive.name)));
    };
    Err(Box::new(Refusal { place, fault, others: refused.collect() }))
}

fn is_ignored(name: &str, ignore: &[String]) -> bool {
    ignore.iter().any(|pattern| {
        pattern.eq_ignore_ascii_case("yes")
            || glob::matches(pattern.to_ascii_lowercase().as_bytes(), name.as_bytes())
    })
}

fn distinct(all: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in all {
        if !names.contains(&name) {
            names.push(name);
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
    fn users_are_kept_as_they_are_written() {
        let users = |lines: &[&str]| apply(lines).map(|(settings, _)| settings.users);
        let found = users(&["user a on >p", "user b"]).expect("both are lines of users");
        let expected = |name: &str, rules: &[&str]| UserLine {
            name: name.into(),
            rules: rules.iter().map(|rule| (*rule).to_owned()).collect(),
        };
        assert_eq!(found, [expected("a", &["on", ">p"]), expected("b", &[])]);
        let refusal = users(&["user a on", "user a off"]).expect_err("it is there twice");
        assert_eq!(refusal.fault, Fault::UserTwice("a".into()));
        let refusal = users(&["user a on", "user a off >secret (+get >x)"]).expect_err("it is there twice");
        assert_eq!(refusal.place.text, "user a off", "passwords are not shown");
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
        ] {
            let refusal = apply(&["timeout 1", line]).expect_err(line);
            assert_eq!((refusal.place.text.as_str(), refusal.fault), (line, fault));
        }
    }

    #[test]
    fn all_faults_are_told_at_once_in_their_order() {
        let lines = ["rename-command GET x", "hz 10", "port x", "hll-a 1", "cluster-enabled yes", "hll-a 2"];
        let refusal = apply(&lines).expect_err("most are wrong");
        let told: Vec<&str> = refusal.faults().map(|(place, _)| place.text.as_str()).collect();
        assert_eq!(told, ["rename-command GET x", "port x", "hll-a 1", "cluster-enabled yes", "hll-a 2"]);
        assert!(matches!(&refusal.fault, Fault::OnlyInRedis(name, _) if name == "rename-command"));
    }

    #[test]
    fn unknown_names_are_ignored_if_asked_also_after_their_line() {
        let ignored = |lines: &[&str]| apply(lines).map(|(_, ignored)| ignored);
        let unknown = ["foo-limit 5", "bar-port 3", "foo-limit 6"];
        let with = |last| [unknown.as_slice(), &[last]].concat();
        assert_eq!(ignored(&with("ignore-unknown-config yes")).unwrap(), ["foo-limit", "bar-port"]);
        assert!(ignored(&with("ignore-unknown-config FOO-* bar-port")).is_ok());
        assert!(ignored(&with("ignore-unknown-config foo-*")).is_err());
        for line in ["user", "port x", "loadmodule x.so", "rename-command GET x"] {
            assert!(ignored(&[line, "ignore-unknown-config yes"]).is_err(), "{line}");
        }
    }

    #[test]
    fn options_without_effect_are_accepted_and_told() {
        let directives = ["hz 20", "slave-priority 1", "hz 30", "timeout 3"].map(|line| {
            let mut values = words::split(line).expect("the words are fine");
            let place = Place { source: Source::Flags, text: line.to_owned() };
            Directive { name: values.remove(0), values, place }
        });
        let outcome = apply_all(directives.into(), &mut Settings::defaults()).expect("all are fine");
        assert_eq!(outcome.inert, ["hz", "replica-priority"]);
    }
}
