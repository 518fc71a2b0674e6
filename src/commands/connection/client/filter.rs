//! Filters of `CLIENT LIST` and `CLIENT KILL`.

use std::sync::Arc;

use crate::acl::{Account, Users};
use crate::commands::client::ClientInfo;
use crate::config::ClientClass;
use crate::resp::{Args, Error};

/// Selects clients: all conditions must hold.
#[derive(Debug, Default)]
pub(super) struct Filter {
    ids: Vec<i64>,
    /// None within it: a class that has no clients here.
    kind: Option<Option<ClientClass>>,
    address: Option<Vec<u8>>,
    local_address: Option<Vec<u8>>,
    user: Option<Arc<Account>>,
    min_age_seconds: Option<u64>,
    /// Leaves out the client that sent the command.
    skip_me: bool,
}

impl Filter {
    /// A filter for one address.
    pub(super) fn by_address(address: &[u8]) -> Self {
        Self { address: Some(address.to_owned()), ..Self::default() }
    }

    /// What `CLIENT LIST` takes: nothing, a type, or ids.
    pub(super) fn of_list(mut args: Args) -> Result<Self, Error> {
        let mut filter = Self::default();
        if args.remaining() == 2 && args.keyword("type") {
            filter.kind = Some(kind(args.bytes()?)?);
        } else if args.remaining() >= 2 && args.keyword("id") {
            while !args.is_empty() {
                filter.ids.push(args.integer_or("ERR Invalid client ID")?);
            }
        }
        args.finish()?;
        Ok(filter)
    }

    /// What `CLIENT KILL` takes: pairs of a condition and its value. The client that sent the
    /// command is left out by default.
    pub(super) fn of_kill(mut args: Args, users: &Users) -> Result<Self, Error> {
        let mut filter = Self { skip_me: true, ..Self::default() };
        while !args.is_empty() {
            filter.take_condition(&mut args, users)?;
        }
        Ok(filter)
    }

    fn take_condition(&mut self, args: &mut Args, users: &Users) -> Result<(), Error> {
        let name = args.bytes()?.to_ascii_uppercase();
        if args.is_empty() {
            return Err(Error::syntax());
        }
        match name.as_slice() {
            b"ID" => self.ids = vec![id(args)?],
            b"TYPE" => self.kind = Some(kind(args.bytes()?)?),
            b"ADDR" => self.address = Some(args.bytes()?.to_owned()),
            b"LADDR" => self.local_address = Some(args.bytes()?.to_owned()),
            b"USER" => self.user = Some(known_user(args.bytes()?, users)?),
            b"MAXAGE" => self.min_age_seconds = Some(age(args)?),
            b"SKIPME" => {
                self.skip_me = args.keyword_of(&[("yes", true), ("no", false)]).ok_or(Error::syntax())?
            }
            _ => return Err(Error::syntax()),
        }
        Ok(())
    }

    /// True if the filter selects this client; `me` is the id of the one that sent the command.
    pub(super) fn admits(&self, info: &ClientInfo, me: u64) -> bool {
        let is = |expected: &Option<Vec<u8>>, text: &str| {
            expected.as_ref().is_none_or(|expected| expected == text.as_bytes())
        };
        (self.ids.is_empty() || self.ids.contains(&(info.id as i64)))
            && self.kind.is_none_or(|kind| kind == Some(info.class()))
            && is(&self.address, &info.address)
            && is(&self.local_address, &info.local_address)
            && self.user.as_ref().is_none_or(|user| info.is_user(user))
            && self.min_age_seconds.is_none_or(|age| info.since.elapsed().as_secs() >= age)
            && !(self.skip_me && info.id == me)
    }
}

fn id(args: &mut Args) -> Result<i64, Error> {
    const NOT_POSITIVE: &str = "ERR client-id should be greater than 0";
    let id: i64 = args.integer_or(NOT_POSITIVE)?;
    if id > 0 { Ok(id) } else { Err(Error::new(NOT_POSITIVE)) }
}

fn age(args: &mut Args) -> Result<u64, Error> {
    let age: i64 = args.integer_or("ERR maxage is not an integer or out of range")?;
    u64::try_from(age).ok().filter(|age| *age > 0).ok_or(Error::new("ERR maxage should be greater than 0"))
}

fn kind(name: &[u8]) -> Result<Option<ClientClass>, Error> {
    match name.to_ascii_lowercase().as_slice() {
        b"normal" => Ok(Some(ClientClass::Normal)),
        b"pubsub" => Ok(Some(ClientClass::PubSub)),
        b"master" | b"slave" | b"replica" => Ok(None),
        _ => Err(Error::from(format!("ERR Unknown client type '{}'", String::from_utf8_lossy(name)))),
    }
}

fn known_user(name: &[u8], users: &Users) -> Result<Arc<Account>, Error> {
    let unknown = || Error::from(format!("ERR No such user '{}'", String::from_utf8_lossy(name)));
    users.get(name).ok_or_else(unknown)
}
