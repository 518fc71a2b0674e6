//! From a request to its reply: lookup, checks, the run itself, statistics.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{self, Poll};
use std::time::Instant;

use super::client::Client;
use super::context::{Context, Server};
use super::cross_protocol;
use super::memory_limit::{OUT_OF_MEMORY, Room};
use super::observers::Observed;
use super::pause::Paused;
use super::permissions;
use super::registry::{self, Command};
use super::spec::{Flags, Group, Place, Run, Scope, Waiting, Weight};
use super::transactions;
use super::vectors;
use crate::journal::{HeldWriter, Record};
use crate::keyspace::Reach;
use crate::memory;
use crate::resp::{Args, Error, Reply, Request};
use crate::wake::Waiter;

/// Flags of the commands that may change data.
const CHANGES: Flags = Flags::WRITE.and(Flags::MAY_REPLICATE);

/// Redis treats a monitor as a kind of replica.
const MONITOR_REFUSED: Error = Error::new("ERR Replica can't interact with the keyspace");

/// Looks up the command of a request, runs it, and counts it. Never panics: if a command panics,
/// the reply is an error.
pub fn dispatch(server: &Server, client: &mut Client, request: &Request) -> Reply {
    client.request_began = Instant::now();
    Call::new(server, client, request).run(server, client, request)
}

/// Why a connection holds a request back. Meanwhile the request uses no thread and no CPU time.
/// When the reason may be gone, the request is tried again as if it had just arrived.
pub enum Hold {
    /// Until this time, or until the connection is woken.
    Until(Instant),
    /// Until the journal has room.
    Room(HeldWriter),
    /// Until a long transaction is over.
    Transaction(Waiter),
    /// Until what the command waits for may have happened, or until this time; without both, until
    /// the connection is woken.
    Event {
        /// See above.
        deadline: Option<Instant>,
        /// See above.
        event: Option<Waiting>,
    },
}

impl Hold {
    /// Deadline at which the request is tried again in any case.
    pub fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Until(time) => Some(*time),
            Self::Event { deadline, .. } => *deadline,
            Self::Room(_) | Self::Transaction(_) => None,
        }
    }

    /// Ready when the request is to be tried again. If there is only a deadline, it is never ready.
    pub fn poll(&mut self, cx: &mut task::Context<'_>) -> Poll<()> {
        match self {
            Self::Until(_) | Self::Event { event: None, .. } => Poll::Pending,
            Self::Event { event: Some(event), .. } => event.as_mut().poll(cx),
            Self::Room(writer) => Pin::new(writer).poll(cx),
            Self::Transaction(waiter) => Pin::new(waiter).poll(cx),
        }
    }
}

/// The command of a request that has passed the checks, or the error of the check that failed.
pub struct Call {
    command: Result<&'static Command, Error>,
    /// When there may be room in memory for it, if there is none now.
    room_at: Option<Instant>,
}

impl Call {
    /// Looks the command up and checks whether it may run.
    pub fn new(server: &Server, client: &Client, request: &Request) -> Self {
        match admit(server, client, request) {
            Ok((command, room_at)) => Self { command: Ok(command), room_at },
            Err(error) => Self { command: Err(error), room_at: None },
        }
    }

    /// The threads on which it is to run.
    pub fn place(&self, server: &Server, client: &mut Client, request: &Request) -> Place {
        match &self.command {
            Err(_) => Place::Network,
            Ok(command) if transactions::queues(client, command) => Place::Network,
            Ok(command) if server.keyspace.has_long_transaction() && is_never_held(command) => {
                Place::Blocking
            }
            Ok(command) => place(command, server, client, request),
        }
    }

    /// Why the request must be held back before it runs, if it must: for a `CLIENT PAUSE`, for room
    /// in memory or in the journal, for a long transaction, or for what the command waits for.
    /// Costs a few reads of memory if there is no reason.
    pub fn hold(&self, server: &Server, client: &Client, request: &Request) -> Option<Hold> {
        let paused = self.paused_until(server, client).map(Hold::Until);
        let paused = paused.or_else(|| self.room_at.map(Hold::Until));
        let held = paused.or_else(|| self.wait_for_room(server, client).map(Hold::Room));
        let held = held.or_else(|| self.hold_for_transaction(server, client, request));
        held.or_else(|| self.wait(server, client, request))
    }

    /// Why a command that waits has to wait.
    fn wait(&self, server: &Server, client: &Client, request: &Request) -> Option<Hold> {
        let command = self.command.as_ref().ok()?;
        match command.spec.run {
            Run::Waiting(until, _) if !transactions::queues(client, command) => {
                until(arguments(command, request), server, client)
                    .inspect(|_| client.info.set_last_command(command))
            }
            _ => None,
        }
    }

    /// Holds the request back if a long transaction may touch the same keys. Such a transaction may
    /// begin while the call is queued, so this is also checked when the call leaves the queue.
    pub fn hold_for_transaction(&self, server: &Server, client: &Client, request: &Request) -> Option<Hold> {
        if !server.keyspace.has_long_transaction() {
            return None;
        }
        let command = self.command.as_ref().ok()?;
        if !command.spec.touches_data() || is_never_held(command) || transactions::queues(client, command) {
            return None;
        }
        let reach = transactions::reach_of(command, client, request);
        server.keyspace.wait_for_long_transaction(&reach).map(Hold::Transaction)
    }

    /// A write is held back while the journal has no room.
    fn wait_for_room(&self, server: &Server, client: &Client) -> Option<HeldWriter> {
        if !server.keyspace.journal().is_full() {
            return None;
        }
        let command = self.command.as_ref().ok()?;
        let is_held = writes(command, client) && !transactions::queues(client, command);
        is_held.then(|| server.keyspace.journal().hold_writer()).flatten()
    }

    fn paused_until(&self, server: &Server, client: &Client) -> Option<Instant> {
        let pause = server.pause.in_force()?;
        let command = self.command.as_ref().ok()?;
        let applies = pause.scope == Paused::Everything || has_any(CHANGES, command, client);
        let is_held = applies && !client.is_monitor;
        is_held.then(|| {
            client.info.set_last_command(command);
            pause.until
        })
    }

    /// Runs it. The result is written as it is: [`Reply::None`] if `CLIENT REPLY` suppresses the
    /// reply.
    pub fn run(self, server: &Server, client: &mut Client, request: &Request) -> Reply {
        let running = server.tracking.begin(&client.info);
        let reply = match self.command {
            Ok(command) if transactions::queues(client, command) => {
                transactions::queue(command, server, client, request)
            }
            Ok(command) => run(command, server, client, request, None),
            Err(_) if cross_protocol::is_http(request.arg(0)) => {
                cross_protocol::abandon(client);
                Reply::None
            }
            Err(error) => Reply::Error(transactions::refuse(client, request, error)),
        };
        client.end_wait();
        server.remove_expired(client);
        drop(running);
        end_caching(client);
        // For the commands of an EXEC this was decided one by one.
        let silent = client.replies.are_silent() && !matches!(reply, Reply::Encoded(_));
        client.set_replies(client.replies.after_command());
        if silent { Reply::None } else { reply }
    }
}

/// What `CLIENT CACHING` has said of a command ends with it, or with the transaction that it
/// begins; other CLIENT commands come in between.
fn end_caching(client: &mut Client) {
    let is_about_clients = |command: &&Command| command.spec.name.starts_with("client|");
    if let Some(tracked) = &mut client.tracked
        && client.queue.is_none()
        && !client.last_command.as_ref().is_some_and(is_about_clients)
    {
        tracked.set_caching(None);
    }
}

/// True if it has one of these flags, or runs queued commands that have.
fn has_any(flags: Flags, command: &Command, client: &Client) -> bool {
    let queued = || client.queue.as_ref().is_some_and(|queue| queue.has_any(flags));
    command.spec.flags.has_any(flags) || command.spec.is(&transactions::EXEC) && queued()
}

/// True if it may change data, or runs queued commands that may.
fn writes(command: &Command, client: &Client) -> bool {
    has_any(Flags::WRITE, command, client)
}

/// The command, and when there may be room in memory for it, if there is none now.
fn admit(
    server: &Server,
    client: &Client,
    request: &Request,
) -> Result<(&'static Command, Option<Instant>), Error> {
    let command = registry::resolve(request, client.last_command, server.compat)
        .inspect_err(|error| server.statistics.error(error))?;
    checks(command, server, client, request)
        .inspect_err(|error| server.statistics.rejected(command, error))
        .map(|room_at| (command, room_at))
}

/// Returns when there may be room in memory for it, if there is none now.
fn checks(
    command: &Command,
    server: &Server,
    client: &Client,
    request: &Request,
) -> Result<Option<Instant>, Error> {
    if !command.spec.arity.accepts(request.len()) {
        return Err(Error::wrong_arity(command.spec.name));
    }
    let must_log_in = !client.authenticated && server.acl.users.require_login();
    if must_log_in && !command.spec.flags.has(Flags::NO_AUTH) {
        return Err(Error::no_auth());
    }
    if client.queue.is_some() && command.spec.flags.has(Flags::NO_MULTI) {
        return Err(Error::new("ERR Command not allowed inside a transaction"));
    }
    permissions::check(command, server, client, request)?;
    let room_at = room(command, server, client, request)?;
    if let Some(refusal) = refusal(command, server, client) {
        return Err(refusal);
    }
    if client.takes_messages_only() && !command.spec.flags.has(Flags::WHILE_SUBSCRIBED) {
        return Err(only_messages(command));
    }
    if client.is_monitor && command.spec.flags.has_any(CHANGES.and(Flags::READONLY)) {
        return Err(MONITOR_REFUSED);
    }
    if server.loading.is_on() && !command.spec.flags.has(Flags::LOADING) {
        return Err(Error::new("LOADING Redis is loading the dataset in memory"));
    }
    Ok(room_at)
}

/// The error for a command that a client with subscriptions may not send in RESP2.
fn only_messages(command: &Command) -> Error {
    let name = command.spec.name;
    Error::from(format!(
        "ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in \
         this context"
    ))
}

/// When there may be room in memory for the command, if it takes any and there is none now. One
/// that brings a vector set back from its file takes some. As in Redis a command that may take
/// memory is refused already when it is queued for a transaction, and `EXEC` again before its first
/// command, but not those that it runs.
fn room(
    command: &Command,
    server: &Server,
    client: &Client,
    request: &Request,
) -> Result<Option<Instant>, Error> {
    let needs_memory = has_any(Flags::that_need_memory(server.compat), command, client);
    // Commands of other groups do not look into sets, and VTIER shows where one lies.
    let looks_into_sets = command.spec.group == Group::Module && !command.spec.is(&vectors::VTIER);
    let brings_back = looks_into_sets && may_open_a_set(command, server, client, request);
    if !needs_memory && !brings_back {
        return Ok(None);
    }
    match server.room(client) {
        Room::Found => Ok(None),
        Room::At(time) => Ok(Some(time)),
        Room::Missing => Err(OUT_OF_MEMORY),
    }
}

/// The error if the command is refused now: writes are refused while changes cannot be made
/// durable.
fn refusal(command: &Command, server: &Server, client: &Client) -> Option<Error> {
    let why = server.keyspace.journal().refusal()?;
    let is_refused = writes(command, client) || command.spec.flags.has(Flags::REPORTS_REFUSAL);
    is_refused.then(|| Error::from(why))
}

/// True if a long transaction never holds the command back: if the command has to wait for one, it
/// does so on a blocking thread. This holds for blocking commands, and for reports and `SHUTDOWN`,
/// which may touch all keys but often touch none.
fn is_never_held(command: &Command) -> bool {
    let spec = command.spec;
    let is_report = spec.flags.has(Flags::LOADING) && spec.scope == Scope::AllKeys;
    matches!(spec.weight, Weight::Blocking) || is_report && !spec.is(&transactions::EXEC)
}

/// The threads on which the command with these arguments is to run.
pub(super) fn place(command: &Command, server: &Server, client: &mut Client, request: &Request) -> Place {
    if command.spec.group == Group::Module && server.vector_sets_single_threaded.load(Ordering::Relaxed) {
        return Place::Network;
    }
    if may_open_a_set(command, server, client, request) {
        return Place::Blocking;
    }
    let heavy = |is_heavy| if is_heavy { Place::Compute } else { Place::Network };
    match command.spec.weight {
        Weight::Light => Place::Network,
        Weight::Heavy => Place::Compute,
        Weight::Blocking => Place::Blocking,
        Weight::HeavyIf(is_heavy) => {
            heavy(is_heavy(arguments(command, request), &Context::new(server, client)))
        }
        Weight::PlacedBy(place) => place(arguments(command, request), &Context::new(server, client)),
    }
}

/// True if a vector set that is in a file may have to be opened for it: that reads all of the file.
fn may_open_a_set(command: &Command, server: &Server, client: &Client, request: &Request) -> bool {
    if !server.keyspace.has_cold_sets() {
        return false;
    }
    let is_cold = |(db, key)| server.keyspace.db(db).is_cold(key);
    if !command.spec.is(&transactions::EXEC) {
        return transactions::named_keys(command, request).any(|key| is_cold((client.db, key)));
    }
    match transactions::reach_of(command, client, request) {
        Reach::Keys(keys) => keys.into_iter().any(is_cold),
        Reach::Everything => true,
    }
}

/// Runs a command that has passed the checks, and counts it. `moment_ms` is that of the `EXEC` to
/// which it belongs.
pub(super) fn run(
    command: &'static Command,
    server: &Server,
    client: &mut Client,
    request: &Request,
    moment_ms: Option<i64>,
) -> Reply {
    let start = client.request_began;
    client.last_command = Some(command);
    client.info.begin(command, start);
    let record = Record::new(server.keyspace.journal(), client.db, request.wire());
    let touches = Context::touches(server, client, command.spec.flags);
    let mut context = Context { server, client, moment_ms, touches };
    if let Some(tracked) = &context.client.tracked {
        tracked.before(command, request);
    }
    let ran = catch_unwind(AssertUnwindSafe(|| execute(command, &mut context, request, record)));
    let outcome = ran.unwrap_or_else(|_| Err(panicked(command, server)));
    client.request_began = Instant::now();
    let took = client.request_began.saturating_duration_since(start);
    client.info.commands.add(1);
    memory::report_growth();
    server.statistics.ran(command, took, outcome.as_ref().err());
    if server.observers.may_note(took) {
        server.observers.note(server, client, Observed { command, request, took }, &outcome);
    }
    outcome.unwrap_or_else(Reply::Error)
}

/// Runs a command without checks and statistics. A change is logged as `record` has it.
pub(super) fn execute(
    command: &Command,
    context: &mut Context,
    request: &Request,
    record: Record,
) -> Result<Reply, Error> {
    let args = arguments(command, request);
    match command.spec.run {
        Run::Read(read) | Run::Waiting(_, read) | Run::Family(read, _) => read(args, context),
        Run::Write(write) => write(args, context, record),
        Run::Container(_) => Err(Error::wrong_arity(command.spec.name)),
    }
}

/// The arguments after the command's name, and after its subcommand's.
fn arguments<'r>(command: &Command, request: &'r Request) -> Args<'r> {
    let mut args = request.args();
    if command.spec.name.contains('|') {
        let _subcommand = args.bytes();
    }
    args
}

/// The reply of a command that panicked; also counts and logs it.
pub(super) fn panicked(command: &Command, server: &Server) -> Error {
    server.statistics.panicked();
    tracing::error!(
        command = command.spec.name,
        "a command panicked; its client got an error, other clients are not affected"
    );
    Error::new("ERR internal error: the command failed and may have been carried out in part, see the log")
}
