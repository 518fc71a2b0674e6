//! Whether a client's user may run a command: asked once for each request, and again by `EXEC`.
//!
//! What a request needs is read from the command table: its keys and what is done with them from
//! the key specs, its channels and databases from flags. The security tests in `acl/tests.rs` walk
//! the same table, so that no command can be left out.

use smallvec::SmallVec;

use super::client::Client;
use super::context::Server;
use super::registry::{self, Command};
use super::spec::{Flags, Group, Spec};
use super::{Keys, categories};
use crate::acl::{Access, Denial, Denied, KeyUse, Named, Question, Reason, User, Vocabulary};
use crate::config::Compat;
use crate::keyspace::DATABASES;
use crate::resp::{Error, Request, parse_integer};

const NO_KEY: Error = Error::new("NOPERM No permissions to access a key");
const NO_CHANNEL: Error = Error::new("NOPERM No permissions to access a channel");
const NO_DATABASE: Error = Error::new("NOPERM No permissions to access database");

/// The names that rules may use in a release: those of commands that it does not have are unknown.
pub(super) fn vocabulary(release: Compat) -> Vocabulary {
    let named = |command: &Command, parent| Named {
        id: command.id,
        name: command.spec.name.to_ascii_lowercase(),
        parent,
        categories: categories::of(command.spec).into_iter().map(|name| &name[1..]).collect(),
    };
    let mut all = Vec::new();
    for command in registry::all_in(release) {
        all.push(named(command, None));
        all.extend(command.subcommands_in(release).into_iter().map(|sub| named(sub, Some(command.id))));
    }
    Vocabulary::new(registry::count(), categories::names(release), all)
}

/// Whether the client may run the command; a refusal is logged and counted. Costs one read of a
/// flag for a user that may do everything.
#[inline]
pub(super) fn check(
    command: &Command,
    server: &Server,
    client: &Client,
    request: &Request,
) -> Result<(), Error> {
    if client.login.is_unrestricted() { Ok(()) } else { check_rules(command, server, client, request) }
}

#[cold]
fn check_rules(command: &Command, server: &Server, client: &Client, request: &Request) -> Result<(), Error> {
    let words: Vec<&[u8]> = request.words().iter().collect();
    let is_in_transaction = client.queue.is_some();
    refused(command, server, client, &words, is_in_transaction).map_or(Ok(()), |refused| Err(refused.error()))
}

/// The same for a queued command, when it is to run.
#[inline]
pub(super) fn recheck(
    command: &Command,
    server: &Server,
    client: &Client,
    request: &Request,
) -> Result<(), Error> {
    if client.login.is_unrestricted() { Ok(()) } else { recheck_rules(command, server, client, request) }
}

#[cold]
fn recheck_rules(
    command: &Command,
    server: &Server,
    client: &Client,
    request: &Request,
) -> Result<(), Error> {
    let words: Vec<&[u8]> = request.words().iter().collect();
    let Some(refused) = refused(command, server, client, &words, true) else { return Ok(()) };
    let why = match refused.denied {
        Denied::Command => "no permission to execute the command or subcommand",
        Denied::Key(_) => "no permission to touch the specified keys",
        Denied::Channel(_) => "no permission to access one of the channels used as arguments",
        Denied::Database(_) => "no permission to access the database",
    };
    Err(Error::from(format!(
        "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command \
         is no longer allowed for the following reason: {why}"
    )))
}

/// A refusal.
struct Refused {
    denied: Denied,
    command: &'static str,
    user: String,
}

impl Refused {
    fn error(self) -> Error {
        match self.denied {
            Denied::Command => Error::from(format!(
                "NOPERM User {} has no permissions to run the '{}' command",
                self.user, self.command
            )),
            Denied::Key(_) => NO_KEY,
            Denied::Channel(_) => NO_CHANNEL,
            Denied::Database(_) => NO_DATABASE,
        }
    }
}

/// The refusal, logged and counted, if there is one.
fn refused(
    command: &Command,
    server: &Server,
    client: &Client,
    words: &[&[u8]],
    is_in_transaction: bool,
) -> Option<Refused> {
    let needs = Needs::of(command, words, client.db);
    let denied = needs.ask(&client.login.user()).err()?;
    let traffic = server.traffic.mine();
    let (reason, counter) = match denied {
        Denied::Command => (Reason::Command, &traffic.denied_commands),
        Denied::Key(_) => (Reason::Key, &traffic.denied_keys),
        Denied::Channel(_) => (Reason::Channel, &traffic.denied_channels),
        Denied::Database(_) => (Reason::Database, &traffic.denied_databases),
    };
    counter.add(1);
    client.info.set_last_command(command);
    let name = client.login.account().name();
    let object = needs.object(denied).to_vec();
    server.note_denial(Denial { reason, is_in_transaction, object, user: name.to_vec() }, client);
    let user = String::from_utf8_lossy(name).into_owned();
    Some(Refused { denied, command: command.spec.name, user })
}

/// True if one of these channels may not be used by the client's user, as its rules are now.
pub(super) fn lacks_channel<'c>(
    client: &Client,
    channels: impl IntoIterator<Item = &'c [u8]>,
    are_patterns: bool,
) -> bool {
    !client.login.is_unrestricted() && {
        let user = client.login.user();
        channels.into_iter().any(|channel| !user.allows_channel(channel, are_patterns))
    }
}

/// What a command of these words needs.
pub(super) struct Needs<'w> {
    command: &'static Spec,
    id: usize,
    first_argument: Option<&'w [u8]>,
    keys: SmallVec<[KeyUse<'w>; 4]>,
    channels: SmallVec<[&'w [u8]; 4]>,
    channels_are_patterns: bool,
    /// None if all are used.
    databases: Option<SmallVec<[usize; 2]>>,
}

impl<'w> Needs<'w> {
    /// `db` is the selected database.
    pub(super) fn of(command: &Command, words: &[&'w [u8]], db: usize) -> Self {
        let spec = command.spec;
        let mut keys = SmallVec::new();
        for found in spec.keys.iter().filter(|keys| keys.are_keys()) {
            let access = access(spec, found, words);
            // Where a count is wrong the command fails, and uses none of them.
            let used = found.all_positions(words).into_iter().filter_map(|at| words.get(at));
            keys.extend(used.map(|key| KeyUse { key, access }));
        }
        let (channels, channels_are_patterns) = channels(spec, words);
        let databases = databases(spec, words, db);
        let first_argument = words.get(1).copied();
        Self {
            command: spec,
            id: command.id,
            first_argument,
            keys,
            channels,
            channels_are_patterns,
            databases,
        }
    }

    /// Whether the user may.
    pub(super) fn ask(&self, user: &User) -> Result<(), Denied> {
        user.check(&Question {
            command: self.id,
            is_always_allowed: self.command.flags.has(Flags::NO_AUTH),
            first_argument: self.first_argument,
            keys: &self.keys,
            channels: &self.channels,
            channels_are_patterns: self.channels_are_patterns,
            databases: self.databases.as_deref(),
        })
    }

    /// What was denied: the name of the command, the key, or the channel.
    pub(super) fn object(&self, denied: Denied) -> &[u8] {
        let name = self.command.name.as_bytes();
        match denied {
            Denied::Command | Denied::Database(_) => name,
            Denied::Key(at) => self.keys.get(at).map_or(name, |used| used.key),
            Denied::Channel(at) => self.channels.get(at).copied().unwrap_or(name),
        }
    }
}

/// What is done with these keys. The key specs of commands on vector sets say that all of them read
/// and write, as in Redis; so the flags of those decide: what only reads needs no right to write.
fn access(spec: &Spec, keys: &Keys, words: &[&[u8]]) -> Access {
    if spec.group == Group::Module && spec.flags.has(Flags::READONLY) {
        return Access { reads: true, writes: false };
    }
    let flags = keys.access_in(words);
    let has = |flag: &str| flags.contains(&flag);
    Access { reads: has("access"), writes: has("insert") || has("update") || has("delete") }
}

/// The channels that a command sends to or subscribes to, and whether they are patterns.
fn channels<'w>(spec: &Spec, words: &[&'w [u8]]) -> (SmallVec<[&'w [u8]; 4]>, bool) {
    let arguments = || words.iter().skip(1).copied();
    if spec.flags.has(Flags::CHANNEL) {
        return (arguments().take(1).collect(), false);
    }
    let are_patterns = spec.flags.has(Flags::CHANNEL_PATTERNS);
    let are_channels = are_patterns || spec.flags.has(Flags::CHANNELS);
    (if are_channels { arguments().collect() } else { SmallVec::new() }, are_patterns)
}

/// The databases that a command uses: those that it names, and the selected one if it uses data
/// there, and does not only report about it. None if it uses all.
fn databases(spec: &Spec, words: &[&[u8]], db: usize) -> Option<SmallVec<[usize; 2]>> {
    let has = |flag| spec.flags.has(flag);
    if has(Flags::ALL_DATABASES) {
        return None;
    }
    // A number that no database has is the command's own error.
    let exists = |db: &usize| *db < DATABASES;
    let number =
        |at: usize| words.get(at).and_then(|word| parse_integer(word)?.try_into().ok()).filter(exists);
    let behind_db = || {
        let at = words.iter().skip(3).position(|word| word.eq_ignore_ascii_case(b"DB"));
        number(at? + 4)
    };
    let has_keys = spec.keys.iter().any(Keys::are_keys);
    let uses_data = has_keys || spec.touches_data() && spec.flags.has_any(Flags::READONLY.and(Flags::WRITE));
    let used = [
        (uses_data && !has(Flags::DATABASE_FIRST)).then_some(db),
        has(Flags::DATABASE_FIRST).then(|| number(1)).flatten(),
        has(Flags::DATABASE_SECOND).then(|| number(2)).flatten(),
        has(Flags::DATABASE_BEHIND_DB).then(behind_db).flatten(),
    ];
    Some(used.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(line: &str) -> String {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let request = Request::from_args(&words);
        let command = registry::resolve(&request, None, Compat::default())
            .unwrap_or_else(|why| panic!("{line}: {why}"));
        let needs = Needs::of(command, &words, 7);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let access = |access: Access| match (access.reads, access.writes) {
            (true, true) => "rw",
            (true, false) => "r",
            (false, true) => "w",
            (false, false) => "-",
        };
        let keys = needs.keys.iter().map(|used| format!("{}:{}", text(used.key), access(used.access)));
        let channels = needs.channels.iter().map(|channel| format!("&{}", text(channel)));
        let databases = match &needs.databases {
            None => vec!["all".to_owned()],
            Some(some) => some.iter().map(|db| format!("db{db}")).collect(),
        };
        keys.chain(channels).chain(databases).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn keys_channels_and_databases_are_found() {
        for (line, expected) in [
            ("get a", "a:r db7"),
            ("strlen a", "a:- db7"),
            ("set a b", "a:w db7"),
            ("set a b get", "a:rw db7"),
            ("getdel a", "a:rw db7"),
            ("bitfield a get u8 0", "a:r db7"),
            ("bitfield a overflow wrap set u8 0 1", "a:rw db7"),
            ("copy a b", "a:r b:w db7"),
            ("copy a b replace db 3", "a:r b:w db7 db3"),
            ("move a 3", "a:rw db7 db3"),
            ("msetex 2 a 1 b 2", "a:w b:w db7"),
            ("msetex x a 1 b 2", "db7"),
            ("VSIM a ele e", "a:r db7"),
            ("vadd a values 1 1 e", "a:rw db7"),
            ("vsearch a ele e also 2 b c", "a:r b:r c:r db7"),
            ("vsearch a ele also ALSO 1 b", "a:r b:r db7"),
            ("vsearch a ele also 1 b also 1 c", "a:r b:r c:r db7"),
            ("select 3", "db3"),
            ("select x", ""),
            ("select 16", ""),
            ("swapdb 1 2", "db1 db2"),
            ("flushall", "all"),
            ("flushdb", "db7"),
            ("scan 0", "db7"),
            ("ping", ""),
            ("info", ""),
            ("publish a b", "&a"),
            ("spublish a b", "&a"),
            ("ssubscribe a b", "&a &b"),
            ("psubscribe a* b", "&a* &b"),
            ("unsubscribe a", ""),
        ] {
            assert_eq!(needs(line), expected, "{line}");
        }
    }
}
