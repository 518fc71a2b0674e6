//! A selector: commands, keys, channels and databases that a user may use together.

use std::collections::BTreeSet;

use super::RuleError;
use super::bits::Bits;
use super::patterns::{KeyPattern, checked, is_blank, matches};
use super::user::{Denied, Question};
use super::vocabulary::Vocabulary;

/// Patterns, channels, first arguments and databases in one selector, of each at most.
const MAX_RULES: usize = 1 << 12;
/// As far as a `c_int` goes.
const MAX_DATABASE: u64 = i32::MAX as u64;

/// What may be used together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    commands: Bits,
    /// The rules on commands began with `+@all`.
    begins_with_all: bool,
    /// The rules after that, each about something else.
    rules: Vec<CommandRule>,
    /// Commands that are allowed with this first argument only.
    first_arguments: Vec<(usize, Box<[u8]>)>,
    all_keys: bool,
    keys: Vec<KeyPattern>,
    all_channels: bool,
    channels: Vec<Box<[u8]>>,
    databases: Databases,
}

/// A rule on commands.
#[derive(Clone, Debug, PartialEq, Eq)]
struct CommandRule {
    allows: bool,
    about: About,
}

/// What such a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum About {
    Category(&'static str),
    Command(usize),
    FirstArgument(usize, Box<[u8]>),
}

/// Databases by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Databases {
    /// All there are.
    All,
    /// These.
    Only(BTreeSet<usize>),
}

impl Selector {
    /// Allows nothing; all channels, if `allows_channels`.
    pub(super) fn nothing(vocabulary: &Vocabulary, allows_channels: bool) -> Self {
        Self {
            commands: Bits::none(vocabulary.count()),
            begins_with_all: false,
            rules: Vec::new(),
            first_arguments: Vec::new(),
            all_keys: false,
            keys: Vec::new(),
            all_channels: allows_channels,
            channels: Vec::new(),
            databases: Databases::All,
        }
    }

    /// Allows everything.
    pub(super) fn everything(count: usize) -> Self {
        Self {
            commands: Bits::all(count),
            begins_with_all: true,
            rules: Vec::new(),
            first_arguments: Vec::new(),
            all_keys: true,
            keys: Vec::new(),
            all_channels: true,
            channels: Vec::new(),
            databases: Databases::All,
        }
    }

    /// True if nothing is refused.
    pub(super) fn is_everything(&self) -> bool {
        let all_commands = self.begins_with_all && self.commands.are_all();
        all_commands && self.all_keys && self.all_channels && self.databases == Databases::All
    }

    /// Applies a rule.
    pub(super) fn apply(&mut self, rule: &[u8], vocabulary: &Vocabulary) -> Result<(), RuleError> {
        match rule.to_ascii_lowercase().as_slice() {
            b"allkeys" | b"~*" => {
                self.all_keys = true;
                self.keys.clear();
            }
            b"resetkeys" => {
                self.all_keys = false;
                self.keys.clear();
            }
            b"allchannels" | b"&*" => {
                self.all_channels = true;
                self.channels.clear();
            }
            b"resetchannels" => {
                self.all_channels = false;
                self.channels.clear();
            }
            b"allcommands" | b"+@all" => self.begin_commands(true),
            b"nocommands" | b"-@all" => self.begin_commands(false),
            b"alldbs" => self.databases = Databases::All,
            b"resetdbs" => self.databases = Databases::Only(BTreeSet::new()),
            lower if lower.starts_with(b"db=") => self.databases = databases(&lower[3..])?,
            _ => return self.apply_prefixed(rule, vocabulary),
        }
        Ok(())
    }

    fn apply_prefixed(&mut self, rule: &[u8], vocabulary: &Vocabulary) -> Result<(), RuleError> {
        match rule {
            [b'~' | b'%', ..] => self.add_keys(rule),
            [b'&', channel @ ..] => self.add_channel(channel),
            [sign @ (b'+' | b'-'), b'@', category @ ..] => {
                let category = vocabulary.category(category).ok_or(RuleError::Unknown)?;
                self.set_category(*sign == b'+', category, vocabulary);
                Ok(())
            }
            [sign @ (b'+' | b'-'), command @ ..] => self.set_command(*sign == b'+', command, vocabulary),
            _ => Err(RuleError::Syntax),
        }
    }

    /// A pattern that is there already may be used in both ways.
    fn add_keys(&mut self, rule: &[u8]) -> Result<(), RuleError> {
        if self.all_keys {
            return Err(RuleError::AfterAllKeys);
        }
        let added = KeyPattern::parse(rule)?;
        if let Some(known) = self.keys.iter_mut().find(|known| known.pattern == added.pattern) {
            known.access.reads |= added.access.reads;
            known.access.writes |= added.access.writes;
            return Ok(());
        }
        push(&mut self.keys, added)
    }

    fn add_channel(&mut self, channel: &[u8]) -> Result<(), RuleError> {
        if self.all_channels {
            return Err(RuleError::AfterAllChannels);
        }
        let channel = checked(channel)?;
        if self.channels.iter().any(|known| **known == *channel) {
            return Ok(());
        }
        push(&mut self.channels, channel.into())
    }

    fn begin_commands(&mut self, allows: bool) {
        self.commands = if allows { Bits::all(self.commands.len()) } else { Bits::none(self.commands.len()) };
        self.begins_with_all = allows;
        self.rules.clear();
        self.first_arguments.clear();
    }

    fn set_category(&mut self, allows: bool, category: &'static str, vocabulary: &Vocabulary) {
        for id in vocabulary.in_category(category) {
            self.set_one(id, allows);
        }
        self.rules.retain(|rule| rule.about != About::Category(category));
        self.rules.push(CommandRule { allows, about: About::Category(category) });
    }

    /// `name`, `container|subcommand`, or, to be allowed only, `name|first-argument`.
    fn set_command(&mut self, allows: bool, name: &[u8], vocabulary: &Vocabulary) -> Result<(), RuleError> {
        if let Some(id) = vocabulary.command(name) {
            self.set_with_subcommands(id, allows, vocabulary);
            return Ok(());
        }
        let bar = name.iter().rposition(|byte| *byte == b'|').filter(|_| allows).ok_or(RuleError::Unknown)?;
        let (id, argument) = (vocabulary.command(&name[..bar]).ok_or(RuleError::Unknown)?, &name[bar + 1..]);
        if vocabulary.parent(id).is_some() {
            return Err(RuleError::FirstArgumentOfSubcommand);
        }
        if argument.is_empty() || argument.iter().any(|byte| is_blank(*byte)) {
            return Err(RuleError::Syntax);
        }
        if vocabulary.subcommands(id).next().is_some() {
            return Err(RuleError::Unknown);
        }
        let first = (id, argument.to_ascii_lowercase().into_boxed_slice());
        let about = About::FirstArgument(first.0, first.1.clone());
        if !self.first_arguments.contains(&first) {
            push(&mut self.first_arguments, first)?;
        }
        self.rules.retain(|rule| rule.about != about);
        self.rules.push(CommandRule { allows, about });
        Ok(())
    }

    fn set_with_subcommands(&mut self, id: usize, allows: bool, vocabulary: &Vocabulary) {
        self.set_one(id, allows);
        for subcommand in vocabulary.subcommands(id) {
            self.set_one(subcommand, allows);
        }
        self.rules.retain(|rule| match rule.about {
            About::Category(_) => true,
            About::Command(other) => other != id && vocabulary.parent(other) != Some(id),
            About::FirstArgument(other, _) => other != id,
        });
        self.rules.push(CommandRule { allows, about: About::Command(id) });
    }

    /// A rule on the whole command ends those on its first argument.
    fn set_one(&mut self, id: usize, allows: bool) {
        self.commands.set(id, allows);
        self.first_arguments.retain(|(other, _)| *other != id);
    }

    /// Why the question is answered with no, if it is.
    pub(super) fn check(&self, question: &Question) -> Result<(), Denied> {
        if !question.is_always_allowed && !self.allows_command(question) {
            return Err(Denied::Command);
        }
        self.check_databases(question)?;
        let allows_key = |access, key: &[u8]| self.keys.iter().any(|pattern| pattern.allows(key, access));
        let refused =
            question.keys.iter().position(|used| !self.all_keys && !allows_key(used.access, used.key));
        if let Some(position) = refused {
            return Err(Denied::Key(position));
        }
        let allows = |channel: &&[u8]| self.allows_channel(channel, question.channels_are_patterns);
        match question.channels.iter().position(|channel| !allows(channel)) {
            Some(position) => Err(Denied::Channel(position)),
            None => Ok(()),
        }
    }

    fn allows_command(&self, question: &Question) -> bool {
        let has_first = |(id, argument): &(usize, Box<[u8]>)| {
            let given = question.first_argument.filter(|_| *id == question.command);
            given.is_some_and(|given| given.eq_ignore_ascii_case(argument))
        };
        self.commands.has(question.command) || self.first_arguments.iter().any(has_first)
    }

    fn check_databases(&self, question: &Question) -> Result<(), Denied> {
        match (&self.databases, question.databases) {
            (Databases::All, _) => Ok(()),
            (Databases::Only(_), None) => Err(Denied::Database(None)),
            (Databases::Only(allowed), Some(used)) => used
                .iter()
                .find(|db| !allowed.contains(db))
                .map_or(Ok(()), |db| Err(Denied::Database(Some(*db)))),
        }
    }

    /// True if the channel may be used. A pattern may only be used if it is one of those given: it
    /// is not known whether others are narrower.
    pub(super) fn allows_channel(&self, channel: &[u8], is_pattern: bool) -> bool {
        let fits = |allowed: &[u8]| {
            if is_pattern { allowed == channel } else { matches(allowed, channel) }
        };
        self.all_channels || self.channels.iter().any(|allowed| fits(allowed))
    }

    /// The rules on commands.
    pub fn commands_text(&self, vocabulary: &Vocabulary) -> Vec<u8> {
        let mut text = if self.begins_with_all { b"+@all".to_vec() } else { b"-@all".to_vec() };
        for rule in &self.rules {
            text.extend_from_slice(if rule.allows { b" +" } else { b" -" });
            match &rule.about {
                About::Category(name) => text.extend([b"@", name.as_bytes()].concat()),
                About::Command(id) => text.extend_from_slice(vocabulary.name(*id).as_bytes()),
                About::FirstArgument(id, argument) => {
                    text.extend([vocabulary.name(*id).as_bytes(), b"|", argument].concat());
                }
            }
        }
        text
    }

    /// The rules on keys.
    pub fn keys_text(&self) -> Vec<u8> {
        if self.all_keys {
            return b"~*".to_vec();
        }
        let texts = self.keys.iter().map(|pattern| {
            let mut text = Vec::new();
            pattern.write(&mut text);
            text
        });
        texts.collect::<Vec<_>>().join(&b' ')
    }

    /// The rules on channels.
    pub fn channels_text(&self) -> Vec<u8> {
        if self.all_channels {
            return b"&*".to_vec();
        }
        let texts = self.channels.iter().map(|channel| [b"&", &**channel].concat());
        texts.collect::<Vec<_>>().join(&b' ')
    }

    /// The rule on databases; none if all may be used.
    pub fn databases_text(&self) -> Option<String> {
        match &self.databases {
            Databases::All => None,
            Databases::Only(none) if none.is_empty() => Some("resetdbs".into()),
            Databases::Only(some) => {
                let numbers: Vec<String> = some.iter().map(usize::to_string).collect();
                Some(format!("db={}", numbers.join(",")))
            }
        }
    }

    /// All rules that make it, in a line.
    pub(super) fn write(&self, vocabulary: &Vocabulary, out: &mut Vec<u8>) {
        let keys = self.keys_text();
        let has_key_rules = self.all_keys || !self.keys.is_empty();
        if has_key_rules {
            out.extend_from_slice(&keys);
            out.push(b' ');
        }
        if !self.all_channels {
            out.extend_from_slice(b"resetchannels ");
        }
        let channels = self.channels_text();
        if !channels.is_empty() {
            out.extend_from_slice(&channels);
            out.push(b' ');
        }
        if let Some(databases) = self.databases_text() {
            out.extend_from_slice(databases.as_bytes());
            out.push(b' ');
        }
        out.extend_from_slice(&self.commands_text(vocabulary));
    }
}

fn push<T>(list: &mut Vec<T>, one: T) -> Result<(), RuleError> {
    if list.len() == MAX_RULES {
        return Err(RuleError::TooMany);
    }
    list.push(one);
    Ok(())
}

/// Numbers with commas between them.
fn databases(list: &[u8]) -> Result<Databases, RuleError> {
    let mut found = BTreeSet::new();
    for number in list.split(|byte| *byte == b',') {
        let text = std::str::from_utf8(number).map_err(|_| RuleError::Syntax)?;
        let (is_negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(RuleError::Syntax);
        }
        let number = digits.parse::<u64>().ok().filter(|number| !is_negative && *number <= MAX_DATABASE);
        let number = number.and_then(|number| usize::try_from(number).ok());
        found.insert(number.ok_or(RuleError::DatabaseOutOfRange)?);
        if found.len() > MAX_RULES {
            return Err(RuleError::TooMany);
        }
    }
    Ok(Databases::Only(found))
}
