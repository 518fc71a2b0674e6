//! Who may do what? Users, the rules that give them rights, and what was refused.
//!
//! Knows no command: rules name commands by the numbers of a [`Vocabulary`], and the code that
//! runs commands describes each with a [`Question`].
//!
//! ```text
//! users.rs       accounts by name: change, delete, log in ─┬─ user.rs       one user's switches, passwords, selectors
//! file.rs        `aclfile` ⇄ users                         └─ selector.rs   commands, keys, channels, databases
//! log.rs         what was refused lately (`ACL LOG`)          vocabulary.rs  names of commands and categories
//! ```
//!
//! Design decisions:
//!
//! - *Rights are one value*, a [`User`], that never changes. A rule makes a new one from the old
//!   one, and all rules of a request are applied before it is stored. So a request with a wrong
//!   rule changes nothing, and a command is checked against one state of the rules.
//! - *An [`Account`] is the place where a name's rights are.* Connections keep a reference to it,
//!   and the rights as they saw them last ([`Login`]); a number that grows with each change says
//!   when to look again. A user that may do everything costs one read of a flag for each command.
//! - *Within one selector.* A command is allowed if one selector allows all of it, with all its
//!   keys and channels. What one selector lacks, another cannot add.
//! - *Passwords are stored as SHA-256*, and compared in a time that does not depend on them.

mod bits;
mod error;
mod file;
mod log;
mod password;
mod patterns;
mod selector;
#[cfg(test)]
mod tests;
mod user;
mod users;
mod vocabulary;

pub use error::{RuleError, SetUserError};
pub use file::{FileError, text_of};
pub use log::{Denial, Entry, Log, Reason};
pub use password::Digest;
pub use patterns::Access;
pub use selector::{Databases, Selector};
pub use user::{Denied, KeyUse, Question, User};
pub use users::{Account, Changed, DEFAULT, Login, Users};
pub use vocabulary::{Named, Vocabulary};
