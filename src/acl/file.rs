//! `aclfile`: a line `user <name> <rules>` for each user.
//!
//! Words are separated by single blanks and have no quotes. Nothing is changed before the whole
//! file was read, so a broken one leaves the users as they were.

use std::collections::BTreeSet;

use super::error::{RuleError, SetUserError};
use super::user::User;
use super::users::{Users, joined};

/// Faults that are reported; there may be more.
const MAX_FAULTS: usize = 100;

/// What is wrong with a file, in one line.
#[derive(Debug, PartialEq, Eq)]
pub struct FileError(pub Vec<u8>);

impl Users {
    /// The users of a file, whose name is for messages.
    ///
    /// # Errors
    /// All that is wrong, with the texts of Redis.
    pub fn read(&self, file: &str, text: &[u8]) -> Result<Vec<(Vec<u8>, User)>, FileError> {
        let mut users = Vec::new();
        let mut names = BTreeSet::new();
        let mut faults: Vec<Vec<u8>> = Vec::new();
        for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            match self.read_line(line, &mut names) {
                Ok(user) => users.push(user),
                Err(fault) => faults.push(fault.text(file, number)),
            }
            if faults.len() == MAX_FAULTS {
                break;
            }
        }
        if faults.is_empty() {
            return Ok(users);
        }
        let last =
            b"WARNING: ACL errors detected, no change to the previously active ACL rules was performed";
        faults.push(last.to_vec());
        Err(FileError(faults.concat()))
    }

    fn read_line(&self, line: &[u8], names: &mut BTreeSet<Vec<u8>>) -> Result<(Vec<u8>, User), Fault> {
        let mut words = line.split(|byte| *byte == b' ');
        let (Some(b"user"), Some(name)) = (words.next(), words.next()) else { return Err(Fault::NoUser) };
        if name.iter().any(|byte| super::patterns::is_blank(*byte)) {
            return Err(Fault::Name(name.to_vec()));
        }
        if !names.insert(name.to_vec()) {
            return Err(Fault::Twice(name.to_vec()));
        }
        let words: Vec<&[u8]> = words.collect();
        let rules = joined(&words).map_err(|_: SetUserError| Fault::Unmatched)?;
        let mut user = self.new_user();
        self.apply_all(&mut user, &rules).map_err(|(rule, error)| Fault::Rule(rule, error))?;
        Ok((name.to_vec(), user))
    }
}

enum Fault {
    NoUser,
    Name(Vec<u8>),
    Twice(Vec<u8>),
    Unmatched,
    Rule(Vec<u8>, RuleError),
}

impl Fault {
    fn text(self, file: &str, number: usize) -> Vec<u8> {
        let place = format!("{file}:{number}");
        match self {
            Self::NoUser => {
                format!("{place} should start with user keyword followed by the username. ").into_bytes()
            }
            Self::Name(name) => {
                [place.as_bytes(), b": username '", &name, b"' contains invalid characters. "].concat()
            }
            Self::Twice(name) => {
                [b"WARNING: Duplicate user '", &name[..], format!("' found on line {number}. ").as_bytes()]
                    .concat()
            }
            Self::Unmatched => format!("{place}: Unmatched parenthesis in selector definition.").into_bytes(),
            Self::Rule(rule, error @ RuleError::Unknown) => {
                let why = format!("': {error}. ");
                [place.as_bytes(), b": Error in applying operation '", &rule, why.as_bytes()].concat()
            }
            Self::Rule(_, error) => format!("{place}: {error}. ").into_bytes(),
        }
    }
}

/// The text of a file with these lines.
pub fn text_of(lines: &[Vec<u8>]) -> Vec<u8> {
    lines.iter().flat_map(|line| line.iter().copied().chain([b'\n'])).collect()
}
