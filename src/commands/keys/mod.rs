//! Commands about keys of any type.
//!
//! They depend on no type of value, but for the two refusals that Redis has.

pub(super) mod bless;
pub(super) mod copy;
pub(super) mod dbsize;
pub(super) mod del;
pub(super) mod dump;
pub(super) mod exists;
pub(super) mod expire;
pub(super) mod flush;
#[expect(clippy::module_inception, reason = "a file is named as its command")]
pub(super) mod keys;
pub(super) mod lifetime;
pub(super) mod memory;
pub(super) mod r#move;
pub(super) mod object;
pub(super) mod persist;
pub(super) mod randomkey;
pub(super) mod rename;
pub(super) mod restore;
pub(super) mod scan;
pub(super) mod swapdb;
#[cfg(test)]
mod tests;
pub(super) mod ttl;
pub(super) mod r#type;

use smallvec::SmallVec;

use super::{Context, Spec, Weight};
use crate::keyspace::{DATABASES, NoSet, WrongType};
use crate::resp::{Args, Error};

/// The family, in the order of `COMMAND`.
pub(super) const COMMANDS: &[&Spec] = &[
    &bless::SPEC,
    &copy::SPEC,
    &dbsize::SPEC,
    &del::DEL,
    &dump::SPEC,
    &exists::EXISTS,
    &expire::EXPIRE,
    &expire::EXPIREAT,
    &ttl::EXPIRETIME,
    &flush::FLUSHALL,
    &flush::FLUSHDB,
    &keys::SPEC,
    &memory::SPEC,
    &r#move::SPEC,
    &object::SPEC,
    &persist::SPEC,
    &expire::PEXPIRE,
    &expire::PEXPIREAT,
    &ttl::PEXPIRETIME,
    &ttl::PTTL,
    &randomkey::SPEC,
    &rename::RENAME,
    &rename::RENAMENX,
    &restore::SPEC,
    &scan::SPEC,
    &swapdb::SPEC,
    &exists::TOUCH,
    &ttl::TTL,
    &r#type::SPEC,
    &del::UNLINK,
];

/// Keys named in one command.
pub(super) type Names<'r> = SmallVec<[&'r [u8]; 8]>;

/// A command with more arguments leaves the network thread.
pub(super) const MANY_ARGUMENTS: usize = 1000;

/// For commands whose work grows with the number of their arguments.
pub(super) const BY_ARGUMENTS: Weight =
    Weight::HeavyIf(|args: Args, _: &Context| args.remaining() > MANY_ARGUMENTS);

impl From<WrongType> for Error {
    fn from(_: WrongType) -> Self {
        Self::wrong_type()
    }
}

impl From<NoSet> for Error {
    fn from(why: NoSet) -> Self {
        match why {
            NoSet::WrongType => Self::wrong_type(),
            NoSet::Unreadable(why) => Self::from(format!("ERR the vector set cannot be read: {why}")),
        }
    }
}

/// Parses the number of a database.
fn database_number(args: &mut Args) -> Result<usize, Error> {
    let number = i32::try_from(args.integer::<i64>()?);
    checked_database(number.map_err(|_| {
        Error::new("ERR value is out of range, value must between -2147483648 and 2147483647")
    })?)
}

fn checked_database(number: i32) -> Result<usize, Error> {
    let number = usize::try_from(number).ok().filter(|number| *number < DATABASES);
    number.ok_or(Error::new("ERR DB index is out of range"))
}
