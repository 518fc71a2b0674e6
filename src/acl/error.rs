//! Why rules were refused. The texts are those of Redis.

use std::fmt;

/// What is wrong with a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleError {
    /// It is none.
    Syntax,
    /// There is no such command or category.
    Unknown,
    /// A pattern of keys beside all keys.
    AfterAllKeys,
    /// A pattern of channels beside all channels.
    AfterAllChannels,
    /// The user does not have the password that is to be removed.
    NoSuchPassword,
    /// Not a SHA-256 in hexadecimal digits.
    NotAHash,
    /// `+config|get|maxmemory`.
    FirstArgumentOfSubcommand,
    /// No database has such a number.
    DatabaseOutOfRange,
    /// The user has too many rules.
    TooMany,
}

impl fmt::Display for RuleError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Syntax => "Syntax error",
            Self::Unknown => "Unknown command or category name in ACL",
            Self::AfterAllKeys => {
                "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any \
                 effect. Try 'resetkeys' to start with an empty list of patterns"
            }
            Self::AfterAllChannels => {
                "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any \
                 effect. Try 'resetchannels' to start with an empty list of channels"
            }
            Self::NoSuchPassword => "The password you are trying to remove from the user does not exist",
            Self::NotAHash => {
                "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
            }
            Self::FirstArgumentOfSubcommand => "Allowing first-arg of a subcommand is not supported",
            Self::DatabaseOutOfRange => "The provided database ID is out of range",
            Self::TooMany => "The user has too many rules",
        })
    }
}

/// Why `ACL SETUSER` changed nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetUserError {
    /// The name is not one.
    Name,
    /// The parenthesis that this rule opens is never closed.
    Unmatched(Vec<u8>),
    /// A rule, and what is wrong with it.
    Rule(Vec<u8>, RuleError),
    /// There are too many users.
    TooManyUsers,
}
