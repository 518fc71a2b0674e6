//! One user: whether it may log in, with which passwords, and what it may do.

use super::RuleError;
use super::password::Digest;
use super::patterns::Access;
use super::selector::Selector;
use super::vocabulary::Vocabulary;

/// Passwords of one user at most: each is compared at each login.
const MAX_PASSWORDS: usize = 1024;
/// Selectors of one user at most: each may be asked for each command.
const MAX_SELECTORS: usize = 1024;

/// What a user may do. Never changes: rules make a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Logins are possible.
    pub is_on: bool,
    /// Any password is right.
    pub has_no_password: bool,
    /// `sanitize-payload`. What RESTORE gets is always checked here, so this is only shown.
    pub sanitizes: bool,
    /// The passwords.
    pub passwords: Vec<Digest>,
    /// What the rules outside of parentheses allow.
    pub root: Selector,
    /// The selectors in parentheses.
    pub selectors: Vec<Selector>,
}

/// A command that is to run.
#[derive(Debug, Default)]
pub struct Question<'q> {
    /// Its number in the vocabulary.
    pub command: usize,
    /// Users need no rule for it.
    pub is_always_allowed: bool,
    /// Its first argument.
    pub first_argument: Option<&'q [u8]>,
    /// The keys that it names.
    pub keys: &'q [KeyUse<'q>],
    /// The channels that it names.
    pub channels: &'q [&'q [u8]],
    /// They are patterns.
    pub channels_are_patterns: bool,
    /// The databases that it uses; None if it uses all.
    pub databases: Option<&'q [usize]>,
}

/// A key, and what is done with it.
#[derive(Clone, Copy, Debug)]
pub struct KeyUse<'q> {
    /// The key.
    pub key: &'q [u8],
    /// What is done with it.
    pub access: Access,
}

/// What a user lacks, in the order in which it is reported if selectors lack different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Denied {
    /// The database; None if all of them are needed.
    Database(Option<usize>),
    /// The command.
    Command,
    /// The key of this position in the question.
    Key(usize),
    /// The channel of this position.
    Channel(usize),
}

impl User {
    /// A user who may not log in, and may do nothing.
    pub fn new(vocabulary: &Vocabulary, allows_channels: bool) -> Self {
        Self {
            is_on: false,
            has_no_password: false,
            sanitizes: true,
            passwords: Vec::new(),
            root: Selector::nothing(vocabulary, allows_channels),
            selectors: Vec::new(),
        }
    }

    /// The user `default` as it is without rules: it may do everything, without a password.
    pub fn unlimited(count: usize) -> Self {
        Self {
            is_on: true,
            has_no_password: true,
            sanitizes: true,
            passwords: Vec::new(),
            root: Selector::everything(count),
            selectors: Vec::new(),
        }
    }

    /// True if nothing is refused.
    pub fn is_unrestricted(&self) -> bool {
        self.root.is_everything()
    }

    /// Applies a rule.
    ///
    /// # Errors
    /// It is not one. Then the user may have been changed in part.
    pub fn apply(
        &mut self,
        rule: &[u8],
        vocabulary: &Vocabulary,
        allows_channels: bool,
    ) -> Result<(), RuleError> {
        match rule {
            [] => return Ok(()),
            [b'>', password @ ..] => return self.add_password(Digest::of(password)),
            [b'#', digits @ ..] => return self.add_password(Digest::parse(digits)?),
            [b'<', password @ ..] => return self.remove_password(&Digest::of(password)),
            [b'!', digits @ ..] => return self.remove_password(&Digest::parse(digits)?),
            [b'(', rules @ .., b')'] => return self.add_selector(rules, vocabulary, allows_channels),
            _ => {}
        }
        match rule.to_ascii_lowercase().as_slice() {
            b"on" => self.is_on = true,
            b"off" => self.is_on = false,
            b"sanitize-payload" => self.sanitizes = true,
            b"skip-sanitize-payload" => self.sanitizes = false,
            b"nopass" => self.set_no_password(true),
            b"resetpass" => self.set_no_password(false),
            b"clearselectors" => self.selectors.clear(),
            b"reset" => *self = Self::new(vocabulary, allows_channels),
            _ => return self.root.apply(rule, vocabulary),
        }
        Ok(())
    }

    fn set_no_password(&mut self, none_needed: bool) {
        self.has_no_password = none_needed;
        self.passwords.clear();
    }

    fn add_password(&mut self, digest: Digest) -> Result<(), RuleError> {
        if self.passwords.len() == MAX_PASSWORDS {
            return Err(RuleError::TooMany);
        }
        self.has_no_password = false;
        if !self.passwords.contains(&digest) {
            self.passwords.push(digest);
        }
        Ok(())
    }

    fn remove_password(&mut self, digest: &Digest) -> Result<(), RuleError> {
        let known = self.passwords.iter().position(|known| known == digest);
        self.passwords.remove(known.ok_or(RuleError::NoSuchPassword)?);
        Ok(())
    }

    /// The rules between the parentheses, with blanks between them.
    fn add_selector(
        &mut self,
        rules: &[u8],
        vocabulary: &Vocabulary,
        allows_channels: bool,
    ) -> Result<(), RuleError> {
        if self.selectors.len() == MAX_SELECTORS {
            return Err(RuleError::TooMany);
        }
        let mut selector = Selector::nothing(vocabulary, allows_channels);
        for rule in rules.split(|byte| *byte == b' ').filter(|rule| !rule.is_empty()) {
            selector.apply(rule, vocabulary)?;
        }
        self.selectors.push(selector);
        Ok(())
    }

    /// True if this is one of its passwords, or it needs none.
    pub(super) fn accepts(&self, given: &Digest) -> bool {
        // All are compared, so that the time does not tell which one it is.
        let is_one = self.passwords.iter().fold(false, |found, known| found | known.equals(given));
        self.has_no_password || is_one
    }

    /// Whether a command may run.
    ///
    /// # Errors
    /// What the user lacks: of what its selectors lack, the last in the order of [`Denied`].
    pub fn check(&self, question: &Question) -> Result<(), Denied> {
        let mut lacks = match self.root.check(question) {
            Ok(()) => return Ok(()),
            Err(denied) => denied,
        };
        for selector in &self.selectors {
            match selector.check(question) {
                Ok(()) => return Ok(()),
                Err(denied) => lacks = lacks.max(denied),
            }
        }
        Err(lacks)
    }

    /// True if one of the selectors allows this channel.
    pub fn allows_channel(&self, channel: &[u8], is_pattern: bool) -> bool {
        let mut all = std::iter::once(&self.root).chain(&self.selectors);
        all.any(|selector| selector.allows_channel(channel, is_pattern))
    }

    /// The flags, as `ACL GETUSER` shows them.
    pub fn flags(&self) -> Vec<&'static str> {
        let on = if self.is_on { "on" } else { "off" };
        let sanitizes = if self.sanitizes { "sanitize-payload" } else { "skip-sanitize-payload" };
        std::iter::once(on).chain(self.has_no_password.then_some("nopass")).chain([sanitizes]).collect()
    }

    /// `user <name> <rules>`: the line that makes it.
    pub fn line(&self, name: &[u8], vocabulary: &Vocabulary) -> Vec<u8> {
        let mut line = [b"user ", name].concat();
        for flag in self.flags() {
            line.push(b' ');
            line.extend_from_slice(flag.as_bytes());
        }
        for password in &self.passwords {
            line.extend_from_slice(b" #");
            line.extend_from_slice(password.hex().as_bytes());
        }
        line.push(b' ');
        self.root.write(vocabulary, &mut line);
        for selector in &self.selectors {
            line.extend_from_slice(b" (");
            selector.write(vocabulary, &mut line);
            line.push(b')');
        }
        line
    }
}
