//! The facts about a command before it runs: the table behind lookup, arity errors, `COMMAND` and
//! statistics.

use std::future::Future;
use std::pin::Pin;

use super::{Client, Context, Hold, Keys, Server};
use crate::config::Compat;
use crate::journal::Record;
use crate::resp::{Args, Error, Reply};

/// One command, or one subcommand of a container.
pub struct Spec {
    /// The name as Redis registers it: core commands in lower case, vector commands in upper case,
    /// subcommands as `client|id`.
    pub name: &'static str,
    /// How many arguments it takes, its own name (and that of its container) included.
    pub arity: Arity,
    /// Its properties, for clients and for the checks before it runs.
    pub flags: Flags,
    /// Positions of its keys.
    pub keys: &'static [Keys],
    /// Which keys it can look up or change: what `EXEC` reserves for it.
    pub scope: Scope,
    /// Replaces the secrets among its words (see [`REDACTED`]), for monitors and the slow log; None
    /// if it takes no secrets.
    pub redact: Option<fn(&mut [&[u8]])>,
    /// The family in which it is documented.
    pub group: Group,
    /// The version of Redis (or Valkey) that introduced it. A command is unknown if the release of
    /// `compat` does not have it: see [`Compat`].
    pub since: &'static str,
    /// Its cost: `O(…)`, and the meaning of its letters.
    pub complexity: &'static str,
    /// One line for `COMMAND DOCS`, in our own words: `tools/compare` reports texts that equal
    /// those of the peers.
    pub summary: &'static str,
    /// Its arguments in the grammar of `server/command/syntax.rs`, for `COMMAND DOCS`.
    pub syntax: &'static str,
    /// Hints for clients, from Redis' vocabulary.
    pub tips: &'static [&'static str],
    /// How much it costs, which decides the threads on which it runs.
    pub weight: Weight,
    /// The function that runs it.
    pub run: Run,
}

impl Spec {
    /// Its name within its container: `id` of `client|id`.
    pub fn last_name(&self) -> &'static str {
        self.name.rsplit('|').next().unwrap_or(self.name)
    }

    /// True if this is that very command.
    pub fn is(&'static self, other: &'static Spec) -> bool {
        std::ptr::eq(self, other)
    }

    /// False if it touches no key, whatever its arguments are.
    pub fn touches_data(&self) -> bool {
        self.scope != Scope::NoKeys
    }

    /// The subcommands, if this is a container.
    pub fn subcommands(&self) -> &'static [&'static Spec] {
        match self.run {
            Run::Container(table) | Run::Family(_, table) => table,
            _ => &[],
        }
    }
}

/// Counts include the name of the command, as Redis counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// Exactly so many.
    Exactly(usize),
    /// So many or more.
    AtLeast(usize),
}

impl Arity {
    /// True if a request of `count` arguments (name included) fits.
    pub const fn accepts(self, count: usize) -> bool {
        match self {
            Arity::Exactly(expected) => count == expected,
            Arity::AtLeast(least) => count >= least,
        }
    }

    /// Redis' number: negative means "at least".
    pub const fn as_redis(self) -> i64 {
        match self {
            Arity::Exactly(expected) => expected as i64,
            Arity::AtLeast(least) => -(least as i64),
        }
    }
}

/// The text in place of a secret where requests are shown.
pub const REDACTED: &[u8] = b"(redacted)";

/// Which keys a command can look up or change.
///
/// A command that used keys beyond its scope within a transaction could deadlock with another
/// transaction. So a scope may be too wide, but never too narrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// None, whatever its arguments are.
    NoKeys,
    /// Those that its [`Spec::keys`] name.
    NamedKeys,
    /// The same, unless this word in any case is among its arguments: then any key of any database.
    NamedKeysUnless(&'static str),
    /// Any key of any database.
    AllKeys,
}

/// Ready when a command that waits is to be tried again.
pub(super) type Waiting = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

/// How a command runs.
pub enum Run {
    /// Changes no data.
    Read(fn(Args, &mut Context) -> Result<Reply, Error>),
    /// May spend its record to change data.
    Write(fn(Args, &mut Context, Record) -> Result<Reply, Error>),
    /// Changes no data, and may wait first, for as long as the first function has a reason: the
    /// request is held back meanwhile. Within a transaction it does not wait.
    Waiting(fn(Args, &Server, &Client) -> Option<Hold>, fn(Args, &mut Context) -> Result<Reply, Error>),
    /// Only its subcommands run.
    Container(&'static [&'static Spec]),
    /// Runs without arguments, and has subcommands.
    Family(fn(Args, &mut Context) -> Result<Reply, Error>, &'static [&'static Spec]),
}

/// The threads on which a command runs, in the order of how long it may occupy them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The network thread that read it, which serves other clients after it.
    Network,
    /// A thread of the compute pool: there is about one for each core.
    Compute,
    /// A thread that may wait for a disk: more of them are started on demand.
    Blocking,
}

/// What a command costs, which decides its [`Place`].
///
/// Blocking work is not heavy work. A command that waits holds a thread, but no core; on the
/// compute pool it would keep heavy commands from a core that nothing uses.
#[derive(Clone, Copy)]
pub enum Weight {
    /// Some microseconds at most: [`Place::Network`].
    Light,
    /// May compute for long, always: [`Place::Compute`].
    Heavy,
    /// Waits for a disk, for other clients or for other threads, and computes little:
    /// [`Place::Blocking`].
    Blocking,
    /// Heavy if this is true of its arguments (after the name). The function must be cheap, and
    /// must not change anything.
    HeavyIf(fn(Args, &Context) -> bool),
    /// Where it runs with these arguments (after the name). The function must be cheap, and must
    /// not look up keys.
    PlacedBy(fn(Args, &Context) -> Place),
}

/// The families of `COMMAND DOCS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Keys of any type.
    Generic,
    /// Strings.
    String,
    /// Bits of strings.
    Bitmap,
    /// Hashes.
    Hash,
    /// The connection itself.
    Connection,
    /// The server.
    Server,
    /// Clusters of servers.
    Cluster,
    /// Messages to channels.
    PubSub,
    /// `MULTI` and related commands.
    Transactions,
    /// Vector sets, which are a module in Redis.
    Module,
}

impl Group {
    /// Its name in Redis.
    pub const fn name(self) -> &'static str {
        match self {
            Group::Generic => "generic",
            Group::String => "string",
            Group::Bitmap => "bitmap",
            Group::Hash => "hash",
            Group::Connection => "connection",
            Group::Server => "server",
            Group::Cluster => "cluster",
            Group::PubSub => "pubsub",
            Group::Transactions => "transactions",
            Group::Module => "module",
        }
    }

    /// The ACL category that commands of this family are in, if it has one.
    pub const fn category(self) -> Option<&'static str> {
        match self {
            Group::Generic => Some("@keyspace"),
            Group::String => Some("@string"),
            Group::Bitmap => Some("@bitmap"),
            Group::Hash => Some("@hash"),
            Group::Connection => Some("@connection"),
            Group::PubSub => Some("@pubsub"),
            Group::Transactions => Some("@transaction"),
            Group::Server | Group::Cluster | Group::Module => None,
        }
    }
}

/// A set of command flags: `Flags::WRITE.and(Flags::FAST)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(u64);

impl Flags {
    /// No flag.
    pub const NONE: Flags = Flags(0);
    /// May change data.
    pub const WRITE: Flags = Flags(1);
    /// Reads data.
    pub const READONLY: Flags = Flags(1 << 1);
    /// May need memory.
    pub const DENYOOM: Flags = Flags(1 << 2);
    /// A vector command.
    pub const MODULE: Flags = Flags(1 << 3);
    /// For administrators.
    pub const ADMIN: Flags = Flags(1 << 4);
    /// Not allowed in scripts.
    pub const NOSCRIPT: Flags = Flags(1 << 5);
    /// May block its client.
    pub const BLOCKING: Flags = Flags(1 << 6);
    /// Allowed while loading.
    pub const LOADING: Flags = Flags(1 << 7);
    /// Allowed on a stale replica.
    pub const STALE: Flags = Flags(1 << 8);
    /// Not shown to `MONITOR`.
    pub const SKIP_MONITOR: Flags = Flags(1 << 9);
    /// Not in the slow log.
    pub const SKIP_SLOWLOG: Flags = Flags(1 << 10);
    /// O(1) or O(log n), with a small constant.
    pub const FAST: Flags = Flags(1 << 11);
    /// Allowed before `AUTH`.
    pub const NO_AUTH: Flags = Flags(1 << 12);
    /// Replicated although it is no write.
    pub const MAY_REPLICATE: Flags = Flags(1 << 13);
    /// Allowed while a script is busy.
    pub const ALLOW_BUSY: Flags = Flags(1 << 14);
    /// Not allowed in a transaction.
    pub const NO_MULTI: Flags = Flags(1 << 15);
    /// Not allowed while a replica loads beside its old data.
    pub const NO_ASYNC_LOADING: Flags = Flags(1 << 16);
    /// About messages to channels.
    pub const PUBSUB: Flags = Flags(1 << 17);
    /// Runs at once while a transaction is being queued; no flag of `COMMAND INFO`.
    pub const NEVER_QUEUED: Flags = Flags(1 << 24);
    /// Refused while writes are refused, so that monitoring notices; no flag of `COMMAND INFO`.
    pub const REPORTS_REFUSAL: Flags = Flags(1 << 25);
    /// As `DENYOOM`, since 8.10.
    pub const DENYOOM_SINCE_8_10: Flags = Flags(1 << 21);
    /// Allowed in RESP2 while the client has subscriptions; no flag of `COMMAND INFO`.
    pub const WHILE_SUBSCRIBED: Flags = Flags(1 << 22);
    /// Counts keys as used also for clients with `CLIENT NO-TOUCH`; no flag of `COMMAND INFO`.
    pub const ALWAYS_TOUCHES: Flags = Flags(1 << 26);
    /// In the ACL category `@connection` although of another family; no flag of `COMMAND INFO`.
    pub const CONNECTION: Flags = Flags(1 << 30);
    /// In the ACL category `@hash` although a container; no flag of `COMMAND INFO`.
    pub const HASH: Flags = Flags(1 << 27);
    /// In the ACL category `@keyspace` although of another family; no flag of `COMMAND INFO`.
    pub const KEYSPACE: Flags = Flags(1 << 29);
    /// Not in the ACL category of its family; no flag of `COMMAND INFO`.
    pub const NO_FAMILY_CATEGORY: Flags = Flags(1 << 23);
    /// In the ACL category `@admin` without the flag `ADMIN`; no flag of `COMMAND INFO`.
    pub const ADMIN_CATEGORY: Flags = Flags(1 << 28);
    /// In the ACL category `@dangerous` (administrators' commands are in any case); no flag of
    /// `COMMAND INFO`.
    pub const DANGEROUS: Flags = Flags(1 << 31);

    /// Its first argument is a channel. As the flags below no flag of `COMMAND INFO`: they tell the
    /// checks of permissions what a command uses besides keys.
    pub const CHANNEL: Flags = Flags(1 << 40);
    /// All its arguments are channels that it subscribes to.
    pub const CHANNELS: Flags = Flags(1 << 41);
    /// All its arguments are patterns of channels that it subscribes to.
    pub const CHANNEL_PATTERNS: Flags = Flags(1 << 42);
    /// Uses all databases.
    pub const ALL_DATABASES: Flags = Flags(1 << 43);
    /// Its first argument is the number of a database, which it uses instead of the selected one.
    pub const DATABASE_FIRST: Flags = Flags(1 << 44);
    /// Its second argument is the number of a database.
    pub const DATABASE_SECOND: Flags = Flags(1 << 45);
    /// The word `DB` behind its keys is followed by the number of a database.
    pub const DATABASE_BEHIND_DB: Flags = Flags(1 << 46);

    /// Names in the order in which Redis lists them.
    const NAMES: [(Flags, &'static str); 18] = [
        (Flags::WRITE, "write"),
        (Flags::READONLY, "readonly"),
        (Flags::DENYOOM, "denyoom"),
        (Flags::MODULE, "module"),
        (Flags::ADMIN, "admin"),
        (Flags::PUBSUB, "pubsub"),
        (Flags::NOSCRIPT, "noscript"),
        (Flags::BLOCKING, "blocking"),
        (Flags::LOADING, "loading"),
        (Flags::STALE, "stale"),
        (Flags::SKIP_MONITOR, "skip_monitor"),
        (Flags::SKIP_SLOWLOG, "skip_slowlog"),
        (Flags::FAST, "fast"),
        (Flags::NO_AUTH, "no_auth"),
        (Flags::MAY_REPLICATE, "may_replicate"),
        (Flags::NO_ASYNC_LOADING, "no_async_loading"),
        (Flags::NO_MULTI, "no_multi"),
        (Flags::ALLOW_BUSY, "allow_busy"),
    ];

    /// Both.
    pub const fn and(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    /// The flags of a command in a release.
    pub fn in_release(self, release: Compat) -> Flags {
        if self.has_any(Self::that_need_memory(release)) { self.and(Self::DENYOOM) } else { self }
    }

    /// The flags of the commands that may need memory in a release.
    pub fn that_need_memory(release: Compat) -> Flags {
        let since_8_10 = if release >= Compat::V8_10 { Self::DENYOOM_SINCE_8_10 } else { Self::NONE };
        Self::DENYOOM.and(since_8_10)
    }

    /// True if all of `other` are set.
    pub const fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// True if some of `other` are set.
    pub const fn has_any(self, other: Flags) -> bool {
        self.0 & other.0 != 0
    }

    /// The words of `COMMAND INFO`.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(flag, _)| self.has(*flag)).map(|(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arity_counts_as_redis_does() {
        assert!(Arity::Exactly(2).accepts(2) && !Arity::Exactly(2).accepts(3));
        assert!(Arity::AtLeast(2).accepts(9) && !Arity::AtLeast(2).accepts(1));
        assert_eq!((Arity::Exactly(2).as_redis(), Arity::AtLeast(3).as_redis()), (2, -3));
    }
}
