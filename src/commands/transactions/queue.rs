//! The commands between `MULTI` and `EXEC`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::EXEC;
use crate::commands::client::{Client, ClientInfo};
use crate::commands::registry::{self, Command};
use crate::commands::{Flags, Place, Server, Weight, dispatch};
use crate::resp::{Error, Reply, Request};

/// Commands in one transaction at most.
const MAX_COMMANDS: usize = 1 << 20;
/// A transaction of more commands leaves the network thread.
const MANY_COMMANDS: usize = 50;
/// A transaction with so many bytes in its commands leaves it too.
const MANY_BYTES: usize = 64 << 10;

/// The commands that a client has queued. While this exists, `CLIENT LIST` shows the client in a
/// transaction.
pub(in crate::commands) struct Queue {
    commands: Vec<Queued>,
    /// Bytes of the commands' words.
    word_bytes: usize,
    /// Bytes of all that the queue holds.
    bytes: usize,
    /// The maximum of the commands' places.
    place: Place,
    failed: bool,
    info: Arc<ClientInfo>,
}

/// A queued command. It has passed the checks.
pub(super) struct Queued {
    pub(super) command: &'static Command,
    pub(super) request: Request,
}

impl Queue {
    pub(super) fn new(info: &Arc<ClientInfo>) -> Self {
        let empty = Self {
            commands: Vec::new(),
            word_bytes: 0,
            bytes: 0,
            place: Place::Network,
            failed: false,
            info: Arc::clone(info),
        };
        empty.show();
        empty
    }

    pub(super) fn commands(&self) -> &[Queued] {
        &self.commands
    }

    /// True if one of the commands could not be queued.
    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// The threads on which EXEC is to run.
    pub(super) fn place(&self) -> Place {
        let is_large = self.commands.len() > MANY_COMMANDS || self.bytes > MANY_BYTES;
        if is_large { self.place.max(Place::Compute) } else { self.place }
    }

    /// True if a command has any of these flags.
    pub(in crate::commands) fn has_any(&self, flags: Flags) -> bool {
        self.commands.iter().any(|queued| queued.command.spec.flags.has_any(flags))
    }

    fn show(&self) {
        self.info.multi.store(self.commands.len() as i64, Ordering::Relaxed);
        self.info.multi_bytes.store(self.word_bytes, Ordering::Relaxed);
    }

    fn push(&mut self, queued: Queued, max_bytes: u64) -> Result<(), Error> {
        let word_bytes: usize = queued.request.words().iter().map(<[u8]>::len).sum();
        let bytes = self.bytes + size_of::<Queued>() + queued.request.wire().len();
        if self.commands.len() == MAX_COMMANDS || bytes as u64 > max_bytes {
            self.fail();
            return Err(Error::new(
                "ERR the transaction is too large: its commands exceed client-query-buffer-limit, or are too many",
            ));
        }
        self.word_bytes += word_bytes;
        self.bytes = bytes;
        self.commands.push(queued);
        self.show();
        Ok(())
    }

    /// Frees the queued commands, since EXEC will be refused.
    fn fail(&mut self) {
        self.failed = true;
        self.commands = Vec::new();
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.info.multi.store(-1, Ordering::Relaxed);
        self.info.multi_bytes.store(0, Ordering::Relaxed);
    }
}

/// True if the command of this client is queued instead of run.
pub(in crate::commands) fn queues(client: &Client, command: &Command) -> bool {
    client.queue.is_some() && !command.spec.flags.has(Flags::NEVER_QUEUED)
}

/// Where the command will run. This is computed when it is queued, since for most commands it does
/// not depend on the data. Where the computation might wait for a long transaction, it is left out.
fn place(command: &'static Command, server: &Server, client: &mut Client, request: &Request) -> Place {
    match command.spec.weight {
        Weight::HeavyIf(_) if server.keyspace.has_long_transaction() => Place::Compute,
        _ => dispatch::place(command, server, client, request),
    }
}

/// Queues a command. If the transaction has failed already, the command is dropped.
pub(in crate::commands) fn queue(
    command: &'static Command,
    server: &Server,
    client: &mut Client,
    request: &Request,
) -> Reply {
    let changed = client.watches.are_touched();
    let place = place(command, server, client, request);
    let Some(queue) = &mut client.queue else { return Reply::None };
    if queue.failed || changed {
        return Reply::Simple("QUEUED");
    }
    queue.place = queue.place.max(place);
    let max_bytes = server.config.settings().client_query_buffer_limit;
    match queue.push(Queued { command, request: request.detached() }, max_bytes) {
        Ok(()) => Reply::Simple("QUEUED"),
        Err(error) => {
            server.statistics.rejected(command, &error);
            Reply::Error(error)
        }
    }
}

/// The reply to a request that did not pass the checks. Within a transaction it makes EXEC fail; if
/// the request is EXEC itself, it ends the transaction.
pub(in crate::commands) fn refuse(client: &mut Client, request: &Request, error: Error) -> Error {
    let is_exec = registry::find(request.arg(0)).is_some_and(|command| command.spec.is(&EXEC));
    if !is_exec {
        if let Some(queue) = &mut client.queue {
            queue.fail();
        }
        return error;
    }
    client.queue = None;
    client.watches.clear();
    let why = error.as_bytes().strip_prefix(b"ERR ").unwrap_or(error.as_bytes());
    Error::from([b"EXECABORT Transaction discarded because of: ", why].concat())
}
