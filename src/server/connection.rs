//! One client: bytes → requests → replies → bytes, with one write for a pipeline.

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::input::{Input, READ_LEN};
use super::network::Seat;
use super::output::{Output, Verdict, for_unauthenticated};
use super::pool::Pools;
use super::socket::{Accepted, Socket};
use super::tls;
use crate::commands::client::{Client, ClientInfo};
use crate::commands::{Call, GROWTH, Hold, Place, Server};
use crate::config::Settings;
use crate::journal::last_written;
use crate::memory::{self, Category};
use crate::rate::Allowance;
use crate::resp::{Encoded, Limits, ProtocolError, Reply, Request};

/// Requests answered before other connections of the thread get their turn.
const SLICE_REQUESTS: usize = 64;
/// Time after which they get it anyway.
const SLICE_TIME: Duration = Duration::from_millis(1);
/// Bytes of replies that are written although the slice is not over.
const SLICE_OUTPUT: usize = 256 * 1024;
/// How often in one turn what is pushed is taken and written, at most `SLICE_OUTPUT` each time.
const PUSHES_PER_TURN: usize = 16;
/// Bytes of replies that may wait while requests are still answered: the bound on what one client
/// that does not read holds, beside a last reply of any length, unless `client-output-buffer-limit`
/// closes it earlier. Texts of the keyspace count in full, although they are referred to: they may
/// be replaced there.
const MAX_PENDING_OUTPUT: usize = 32 * 1024 * 1024;
/// Bytes of requests that are still read when no more of them are answered: a client that sends all
/// before it reads any must not have to stop. Beyond this, and what the sockets hold, it must read.
const MAX_PENDING_INPUT: usize = 8 * 1024 * 1024;
/// Bytes in memory for a client's replies that are given back to the system as soon as it leaves.
const MUCH_OUTPUT: usize = 1024 * 1024;
/// How long a client that is being disconnected may take to read its last replies.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(2);

/// What a connection takes beside its buffers: itself, in the task that serves it, and its client.
const OWN_BYTES: usize = size_of::<Connection<Socket>>() + size_of::<Client>();

/// A connected client and all that belongs to it; `S` is its socket, on a thread or on its way to
/// one.
pub(super) struct Connection<S> {
    socket: S,
    info: Arc<ClientInfo>,
    server: Arc<Server>,
    pools: Arc<Pools>,
    input: Input,
    output: Output,
    /// Place of the stream of changes up to which all must be safe before the replies in `output`
    /// are sent; 0 if they may go.
    withheld: u64,
    /// Until when the replies in `output` are held back because a login has failed, if they are.
    penalty_until: Option<Instant>,
    /// A request that is held back: see [`Hold`].
    held: Option<Held>,
    /// What held the request back that is being tried again; dropped when that is done.
    released: Option<Hold>,
    settings: Arc<Settings>,
    settings_generation: u64,
    /// The last request came within the time of [`stay_awake`]: the next one may too.
    expects_soon: bool,
    /// The client has sent all that it will send, and is still to be answered.
    has_sent_all: bool,
    /// The socket would have taken more, had it not been the turn of others.
    is_cut_short: bool,
    /// For `max-commands-per-second-per-client`.
    allowance: Allowance,
    /// When it may go on, if it has sent more than that allows.
    resumes_at: Option<Instant>,
    /// Requests that the last read brought.
    requests_of_read: u64,
    /// What it takes, as of the last time when it had nothing to do.
    memory: memory::Held,
    /// Only for its `Drop`, which comes last.
    registration: Registration,
}

/// A connection's place in the register; given back on `Drop`, however the connection ends.
struct Registration {
    server: Arc<Server>,
    info: Arc<ClientInfo>,
    /// Its replies took much memory once. What is pushed to it is not among them until it is taken.
    took_much: bool,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.server.clients.leave(self.info.id);
        if self.info.is_monitor.load(Ordering::Relaxed) {
            self.server.observers.leave(self.info.id);
        }
        if self.took_much || self.info.pushed_bytes() > MUCH_OUTPUT {
            self.server.purge_requested.store(true, Ordering::Relaxed);
        }
    }
}

/// A connection that is to be served by another thread.
pub(super) struct Departure {
    pub(super) connection: Connection<Socket>,
    pub(super) client: Box<Client>,
    /// The thread.
    pub(super) to: usize,
}

struct Held {
    request: Request,
    hold: Hold,
}

/// What became of a request that was to run beside the network threads.
enum Ran {
    /// Its reply, and where the stream of changes ended after the last change that it made, or 0.
    Replied(Encoded, u64),
    /// It was not begun.
    Held(Held),
}

/// Why a slice of work ended.
enum Progress {
    /// All complete requests are answered.
    Starved,
    /// There may be more, but it is the turn of others.
    SliceOver,
    /// The next request is held back.
    Held,
    /// The client has sent more than `max-commands-per-second-per-client`.
    OverRate,
    /// Too many replies wait: nothing is answered until the client reads.
    Stalled,
    /// The client is to be disconnected when it has its replies.
    Closing,
}

/// What a connection waits for.
enum Event {
    Input(io::Result<usize>),
    Writable,
    /// The request that is held back is to be tried again.
    Released,
    Called,
}

/// Why a connection goes on.
enum Awoken {
    BySocket,
    ByOthers,
    Gone,
}

impl Connection<Accepted> {
    pub(super) fn new(
        socket: Accepted,
        info: Arc<ClientInfo>,
        server: Arc<Server>,
        pools: Arc<Pools>,
    ) -> Self {
        let settings_generation = server.config.generation();
        let settings = server.config.settings();
        let registration =
            Registration { server: Arc::clone(&server), info: Arc::clone(&info), took_much: false };
        Self {
            socket,
            info,
            server,
            pools,
            input: Input::default(),
            output: Output::default(),
            withheld: 0,
            penalty_until: None,
            held: None,
            released: None,
            settings,
            settings_generation,
            expects_soon: false,
            has_sent_all: false,
            is_cut_short: false,
            allowance: Allowance::default(),
            resumes_at: None,
            registration,
            requests_of_read: 0,
            memory: memory::Held::new(Category::Clients, OWN_BYTES),
        }
    }
}

impl<S> Connection<S> {
    /// Its client, as it is after connecting. Boxed, since it is passed on with every request.
    pub(super) fn client(&self) -> Box<Client> {
        Box::new(Client::new(Arc::clone(&self.info), &self.server.acl.users))
    }

    /// The same connection after its socket was put into another state.
    pub(super) fn with_socket<T>(self, change: impl FnOnce(S) -> io::Result<T>) -> io::Result<Connection<T>> {
        Ok(Connection {
            socket: change(self.socket)?,
            info: self.info,
            server: self.server,
            pools: self.pools,
            input: self.input,
            output: self.output,
            withheld: self.withheld,
            penalty_until: self.penalty_until,
            held: self.held,
            released: self.released,
            requests_of_read: self.requests_of_read,
            memory: self.memory,
            settings: self.settings,
            settings_generation: self.settings_generation,
            expects_soon: self.expects_soon,
            has_sent_all: self.has_sent_all,
            is_cut_short: self.is_cut_short,
            allowance: self.allowance,
            resumes_at: self.resumes_at,
            registration: self.registration,
        })
    }
}

impl Connection<Socket> {
    /// Carries out the handshake of TLS, in turns with those of other connections of the thread.
    /// The client, as it is then; None if the connection is to close.
    pub(super) async fn greet(&mut self, context: &tls::Context, turns: &Semaphore) -> Option<Box<Client>> {
        let greeted = self.shake_hands(context, turns).await;
        let mut client = self.client();
        match greeted {
            tls::Greeted::Refused => return None,
            tls::Greeted::Served { user: Some(user) } => {
                self.server.log_in_by_certificate(&mut client, &user);
            }
            tls::Greeted::Served { user: None } => {}
        }
        Some(client)
    }

    async fn shake_hands(&mut self, context: &tls::Context, turns: &Semaphore) -> tls::Greeted {
        match &mut self.socket {
            // Boxed: connections without TLS need no room for it.
            Socket::Tls(stream) => {
                Box::pin(tls::greet(stream, &self.info, &self.server, context, turns)).await
            }
            Socket::Tcp(_) | Socket::Unix(_) => tls::Greeted::Served { user: None },
        }
    }

    /// Serves until the client leaves, is disconnected, or the server ends; or until it departs for
    /// another thread.
    pub(super) async fn serve(mut self, client: Box<Client>, seat: &Seat) -> Option<Departure> {
        match self.rounds(client, seat).await {
            Some((client, to)) => Some(Departure { connection: self, client, to }),
            None => {
                self.socket.say_goodbye();
                None
            }
        }
    }

    /// The thread for which it departs, if it does.
    async fn rounds(&mut self, mut client: Box<Client>, seat: &Seat) -> Option<(Box<Client>, usize)> {
        let info = Arc::clone(&self.info);
        let mut called = pin!(info.woken());
        while !info.is_killed() {
            let mut answered = 0;
            let worked = self.work(client, &mut answered).await;
            seat.answered(answered);
            let Some((back, progress)) = worked else {
                self.end().await;
                return None;
            };
            client = back;
            if seat.is_crowded() {
                tokio::task::yield_now().await;
            }
            while let Some(until) = self.penalty_until {
                if !self.wait_out(until, called.as_mut()).await {
                    called.set(info.woken());
                }
                if info.is_killed() {
                    // What is held back for longer does not come earlier by this.
                    self.output = Output::default();
                }
                if info.is_killed() || Instant::now() >= until {
                    self.penalty_until = None;
                }
            }
            while self.is_withheld() {
                if self.wait_for_disk(called.as_mut()).await {
                    break;
                }
                called.set(info.woken());
                if info.is_killed() {
                    self.wait_a_last_time().await;
                    break;
                }
            }
            // The one place at which the replies of a round leave; `answer_elsewhere` and `finish`
            // are the exceptions.
            if self.flush().is_err() || self.is_over_limit() {
                return None;
            }
            if let Progress::Closing = progress {
                break;
            }
            if let Some(to) = seat.departs() {
                return Some((client, to));
            }
            match progress {
                Progress::SliceOver | Progress::Stalled if self.may_go_on() => tokio::task::yield_now().await,
                _ if self.is_cut_short => tokio::task::yield_now().await,
                Progress::Starved if self.has_sent_all && self.is_all_sent() => return None,
                _ => match self.pause(called.as_mut()).await {
                    Awoken::BySocket => {}
                    Awoken::ByOthers => called.set(info.woken()),
                    Awoken::Gone => return None,
                },
            }
        }
        // Its subscriptions end before the client can read that the connection is closed.
        if client.has_many_subscriptions() {
            self.pools.run(Place::Compute, move || drop(client)).await;
        } else {
            drop(client);
        }
        self.end().await;
        None
    }

    /// Sends the last replies, unless the client is not to have them.
    async fn end(&mut self) {
        if self.info.is_evicted() {
            // It is logged where that is decided.
        } else if self.info.has_overflowed() {
            self.log_disconnection(self.output.len());
        } else if !(self.info.is_killed() && self.never_authenticated()) {
            self.finish().await;
        }
    }

    /// Answers requests until there is none, or others must have their turn. None if the server
    /// ends.
    async fn work(&mut self, mut client: Box<Client>, answered: &mut u64) -> Option<(Box<Client>, Progress)> {
        self.refresh_settings();
        if !self.may_go_on() {
            return Some((client, Progress::Stalled));
        }
        let start = Instant::now();
        client.request_began = start;
        client.recent_ms = Some(self.server.keyspace.clock().now_ms());
        for _ in 0..SLICE_REQUESTS {
            if self.is_over_rate(&client) {
                return Some((client, Progress::OverRate));
            }
            let request = match self.next_request(&client) {
                Ok(Some(request)) => request,
                Ok(None) => return Some((client, Progress::Starved)),
                Err(error) => {
                    self.explain(error, &client);
                    return Some((client, Progress::Closing));
                }
            };
            self.take_pushes(&client);
            client = self.answer(client, request).await?;
            self.take_pushes(&client);
            self.released = None;
            if self.held.is_some() {
                return Some((client, Progress::Held));
            }
            *answered += 1;
            if !client.penalty.is_zero() {
                let penalty = std::mem::take(&mut client.penalty);
                self.penalty_until = Some(Instant::now() + penalty);
                let progress = if client.closing { Progress::Closing } else { Progress::SliceOver };
                return Some((client, progress));
            }
            if client.closing {
                if client.abandoned {
                    self.output = Output::default();
                }
                return Some((client, Progress::Closing));
            }
            let is_time_over = client.request_began.saturating_duration_since(start) > SLICE_TIME;
            if is_time_over || self.output.len() > SLICE_OUTPUT || self.info.is_killed() {
                break;
            }
        }
        Some((client, Progress::SliceOver))
    }

    /// True if the client has to wait before its next command. One that is held back has had its
    /// turn already.
    fn is_over_rate(&mut self, client: &Client) -> bool {
        let own = self.settings.max_commands_per_second_per_client;
        let of_user = self.settings.max_commands_per_second_per_user;
        if own == 0 && of_user == 0 || self.held.is_some() {
            self.resumes_at = None;
            return false;
        }
        let waited = std::mem::take(&mut self.resumes_at).is_some();
        let now = client.request_began;
        if own > 0 {
            self.resumes_at = self.allowance.check(own, now).err();
        }
        if of_user > 0 {
            let resumes_at = client.login.account().allowance().lock().check(of_user, now).err();
            self.resumes_at = self.resumes_at.max(resumes_at);
        }
        let waits = self.resumes_at.is_some();
        self.server.traffic.mine().rate_limited.add((waits && !waited).into());
        waits
    }

    fn next_request(&mut self, client: &Client) -> Result<Option<Request>, ProtocolError> {
        if let Some(Held { request, hold }) = self.held.take() {
            self.released = Some(hold);
            return Ok(Some(request));
        }
        let limits = self.limits(client);
        let db = self.server.keyspace.db(client.db);
        let request = self.input.next(&limits, |keys| db.prefetch(keys))?;
        if request.is_some() {
            self.requests_of_read += 1;
            self.allowance.take();
            if self.settings.max_commands_per_second_per_user > 0 {
                // Threads that asked at the same time may all take one.
                client.login.account().allowance().lock().take();
            }
        }
        Ok(request)
    }

    /// Puts messages before the reply to the next command, or behind the reply to the last one: see
    /// [`pubsub`](crate::commands::pubsub).
    fn take_pushes(&mut self, client: &Client) {
        if client.awaits_messages() && self.info.pushed_bytes() > 0 {
            self.info.take_pushes(usize::MAX, self.output.end());
        }
    }

    /// Runs a request where it belongs and keeps its reply.
    async fn answer(&mut self, mut client: Box<Client>, request: Request) -> Option<Box<Client>> {
        let call = Call::new(&self.server, &client, &request);
        if let Some(hold) = call.hold(&self.server, &client, &request) {
            self.held = Some(Held { request, hold });
            return Some(client);
        }
        let place = call.place(&self.server, &mut client, &request);
        if place != Place::Network {
            return self.answer_elsewhere(client, request, call, place).await;
        }
        let reply = call.run(&self.server, &mut client, &request);
        let written = last_written();
        client.note_write(written);
        self.withhold(written);
        reply.encode(client.protocol, self.output.end());
        Some(client)
    }

    /// Replies to earlier requests are sent first: they need not wait for a heavy one.
    async fn answer_elsewhere(
        &mut self,
        mut client: Box<Client>,
        request: Request,
        call: Call,
        place: Place,
    ) -> Option<Box<Client>> {
        if !self.is_withheld() {
            // An error shows again at the next flush, and is acted on there.
            let _ = self.flush();
        }
        self.released = None;
        let is_heavy = place == Place::Compute;
        self.server.traffic.mine().commands_on_compute_pool.add(is_heavy.into());
        self.info.set_busy(true);
        let server = Arc::clone(&self.server);
        // It may wait there.
        client.recent_ms = None;
        let run = move || {
            client.request_began = Instant::now();
            if let Some(hold) = call.hold_for_transaction(&server, &client, &request) {
                return (client, Ran::Held(Held { request, hold }));
            }
            let reply = call.run(&server, &mut client, &request);
            let mut encoded = Encoded::default();
            reply.encode(client.protocol, &mut encoded);
            let written = last_written();
            client.note_write(written);
            (client, Ran::Replied(encoded, written))
        };
        let ran = self.pools.run(place, run).await;
        self.info.set_busy(false);
        let (mut client, ran) = ran?;
        client.recent_ms = Some(self.server.keyspace.clock().now_ms());
        match ran {
            Ran::Held(held) => self.held = Some(held),
            Ran::Replied(encoded, written) => {
                self.withhold(written);
                self.output.end().append(encoded);
            }
        }
        Some(client)
    }

    /// Notes that a change was made which ends at this place of the stream; 0 if none was.
    fn withhold(&mut self, written: u64) {
        self.withheld = self.withheld.max(written);
    }

    /// True if replies must wait until the changes they acknowledge are written, or safe. Where it
    /// can be done at once, they are written here.
    fn is_withheld(&mut self) -> bool {
        if self.withheld != 0 && self.server.aof.may_answer(self.withheld) {
            self.withheld = 0;
        }
        self.withheld != 0
    }

    /// Waits until the replies may go; false if it was called away.
    async fn wait_for_disk(&self, called: Pin<&mut impl Future<Output = ()>>) -> bool {
        self.info.set_busy(true);
        let is_safe = tokio::select! {
            biased;
            () = self.server.aof.until_answerable(self.withheld) => true,
            () = called => false,
        };
        self.info.set_busy(false);
        is_safe
    }

    /// Waits until a reply may go that is held back because a login has failed. Only this
    /// connection waits. False if it was called away.
    async fn wait_out(&self, until: Instant, called: Pin<&mut impl Future<Output = ()>>) -> bool {
        tokio::time::timeout_at(until.into(), called).await.is_err()
    }

    /// Before the client is disconnected: replies that are held back for the disk are sent if it
    /// has their changes soon, and dropped otherwise.
    async fn wait_a_last_time(&mut self) {
        let told = self.server.aof.until_answerable(self.withheld);
        if tokio::time::timeout(CLOSING_TIMEOUT, told).await.is_err() {
            self.output = Output::default();
        }
    }

    fn refresh_settings(&mut self) {
        let generation = self.server.config.generation();
        if generation != self.settings_generation {
            self.settings = self.server.config.settings();
            self.settings_generation = generation;
        }
    }

    /// Clients that have yet to authenticate may send little.
    fn limits(&self, client: &Client) -> Limits {
        let len = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        Limits {
            max_bulk_len: len(self.settings.proto_max_bulk_len),
            max_query_buffer: len(self.settings.client_query_buffer_limit),
            authenticated: client.authenticated || !self.server.acl.users.require_login(),
            ..Limits::default()
        }
    }

    /// The last reply to a client that cannot be understood.
    fn explain(&mut self, error: ProtocolError, client: &Client) {
        tracing::debug!(client = self.info.id, ?error, "protocol error");
        match error.reply() {
            Some(error) => {
                self.server.statistics.error(&error);
                if !client.replies.are_silent() {
                    Reply::Error(error).encode(client.protocol, self.output.end());
                }
            }
            None => {
                self.server.traffic.mine().query_buffer_closed.add(1);
                tracing::warn!(client = self.info.id, "disconnected: its request is too long");
            }
        }
    }

    /// Writes what the socket takes now: replies, and behind them what is pushed to the client.
    /// What does not fit stays where all clients have it that it is for.
    fn flush(&mut self) -> io::Result<()> {
        self.write_replies()?;
        for _ in 0..PUSHES_PER_TURN {
            let has_room = !self.is_cut_short && self.output.len() <= SLICE_OUTPUT;
            if !has_room || self.info.pushed_bytes() == 0 {
                return Ok(());
            }
            if self.info.is_monitor.load(Ordering::Relaxed) {
                self.server.observers.queue_lines();
            }
            self.info.take_pushes(SLICE_OUTPUT, self.output.end());
            self.write_replies()?;
        }
        self.is_cut_short |= self.info.pushed_bytes() > 0;
        Ok(())
    }

    fn write_replies(&mut self) -> io::Result<()> {
        self.is_cut_short = false;
        if self.output.is_empty() {
            return self.socket.flush();
        }
        self.registration.took_much |= self.output.own_len() > MUCH_OUTPUT;
        let written = self.output.write_to(&mut self.socket)?;
        self.is_cut_short = written.is_cut_short;
        let traffic = self.server.traffic.mine();
        traffic.writes_processed.add(1);
        traffic.net_output_bytes.add(written.bytes as u64);
        self.info.bytes_out.add(written.bytes as u64);
        self.info.output_buffer.store(self.output.len() + self.socket.unsent(), Ordering::Relaxed);
        self.info.output_own.store(self.output.own_len(), Ordering::Relaxed);
        Ok(())
    }

    fn is_all_sent(&self) -> bool {
        self.output.is_empty() && !self.socket.has_unsent()
    }

    fn is_over_limit(&mut self) -> bool {
        let limit = self.settings.client_output_buffer_limit.of(self.info.class());
        let limit = if self.never_authenticated() { for_unauthenticated(limit) } else { limit };
        let waiting = self.output.len() + self.socket.unsent() + self.info.pushed_bytes();
        if self.output.check(waiting, limit, Instant::now()) == Verdict::Fine {
            return false;
        }
        self.server.traffic.mine().output_buffer_closed.add(1);
        self.log_disconnection(waiting);
        true
    }

    /// `bytes` of output waited for a client that does not read.
    fn log_disconnection(&self, bytes: usize) {
        let client = self.info.id;
        if self.never_authenticated() {
            // A client that can only connect must not be able to fill the log.
            tracing::debug!(client, bytes, "disconnected: it does not read its replies");
        } else {
            tracing::warn!(client, bytes, "disconnected: it does not read its replies");
        }
    }

    /// True if the client must log in and never has. Nothing is kept for it, and nothing
    /// is worth a delay.
    fn never_authenticated(&self) -> bool {
        !self.info.was_authenticated.load(Ordering::Relaxed) && self.server.acl.users.require_login()
    }

    fn may_go_on(&self) -> bool {
        self.output.len() <= MAX_PENDING_OUTPUT
    }

    /// While a request is held, only a little is read, to notice a client that leaves. While too
    /// many replies wait, more is: the client may have to send all before it reads any.
    fn may_read(&self) -> bool {
        let waits = self.held.is_some() || self.resumes_at.is_some();
        let most = match (self.may_go_on(), waits) {
            (true, false) => usize::MAX,
            (true, true) => READ_LEN,
            (false, _) => MAX_PENDING_INPUT,
        };
        !self.has_sent_all && self.input.len() < most
    }

    /// Waits until there is something to do.
    async fn pause(&mut self, called: Pin<&mut impl Future<Output = ()>>) -> Awoken {
        self.input.tidy();
        self.info.query_buffer.store(self.input.len(), Ordering::Relaxed);
        self.info.query_buffer_free.store(self.input.room(), Ordering::Relaxed);
        self.note_memory();
        self.info.is_held.store(self.held.is_some(), Ordering::Relaxed);
        let event = match self.next_deadline() {
            None => self.next_event(called).await,
            Some(deadline) => {
                let event = self.next_event(called);
                // When the time is over, the limit and the held request are looked at again.
                tokio::time::timeout_at(deadline.into(), event).await.unwrap_or(Event::Writable)
            }
        };
        match event {
            Event::Input(Ok(len)) if len > 0 => {
                self.count_input(len as u64);
                Awoken::BySocket
            }
            Event::Input(Ok(_)) if !self.may_go_on() || self.resumes_at.is_some() => {
                self.has_sent_all = true;
                Awoken::BySocket
            }
            Event::Input(_) => Awoken::Gone,
            Event::Writable | Event::Released => Awoken::BySocket,
            Event::Called => Awoken::ByOthers,
        }
    }

    /// How long to wait for an event at most.
    fn next_deadline(&self) -> Option<Instant> {
        let held = self.held.as_ref().filter(|_| self.may_go_on()).and_then(|held| held.hold.deadline());
        [self.output.soft_deadline(), held, self.resumes_at].into_iter().flatten().min()
    }

    fn note_memory(&mut self) {
        let bytes = OWN_BYTES + self.socket.own_bytes() + self.info.own_bytes();
        let has_grown = bytes > self.memory.bytes() + GROWTH;
        self.memory.set(bytes);
        if has_grown {
            self.server.limit_clients_soon();
        }
    }

    fn count_input(&mut self, len: u64) {
        let traffic = self.server.traffic.mine();
        let requests = std::mem::take(&mut self.requests_of_read);
        if requests > 0 {
            for (pipelines, pipelined) in
                [(&traffic.pipelines, &traffic.pipelined), (&self.info.pipelines, &self.info.pipelined)]
            {
                pipelines.add(1);
                pipelined.add(requests);
            }
        }
        self.info.reads.add(1);
        traffic.reads_processed.add(1);
        traffic.net_input_bytes.add(len);
        self.info.bytes_in.add(len);
    }

    async fn next_event(&mut self, called: Pin<&mut impl Future<Output = ()>>) -> Event {
        let began = Instant::now();
        let busy_poll = self.settings.busy_poll();
        let awake = if self.expects_soon && self.held.is_none() { busy_poll } else { Duration::ZERO };
        let event = tokio::select! {
            biased;
            event = self.event(called) => event,
            never = stay_awake(awake) => match never {},
        };
        self.expects_soon = began.elapsed() < busy_poll;
        event
    }

    /// Reads while replies wait too, unless there are too many: a client may send all before it
    /// reads any.
    async fn event(&mut self, mut called: Pin<&mut impl Future<Output = ()>>) -> Event {
        let wants_input = self.may_read();
        let wants_room = !self.is_all_sent();
        let may_go_on = self.may_go_on();
        let mut held = self.held.as_mut().filter(|_| may_go_on);
        poll_fn(|cx| {
            if wants_input && let Poll::Ready(read) = self.input.poll_read(&mut self.socket, cx) {
                return Poll::Ready(Event::Input(read));
            }
            if wants_room && self.socket.poll_write_ready(cx).is_ready() {
                return Poll::Ready(Event::Writable);
            }
            if held.as_mut().is_some_and(|held| held.hold.poll(cx).is_ready()) {
                return Poll::Ready(Event::Released);
            }
            called.as_mut().poll(cx).map(|()| Event::Called)
        })
        .await
    }

    /// Sends the last replies, if the client takes them in time.
    async fn finish(&mut self) {
        let last_replies = async {
            while self.flush().is_ok() && !self.is_all_sent() {
                let _ = poll_fn(|cx| self.socket.poll_write_ready(cx)).await;
            }
        };
        if tokio::time::timeout(CLOSING_TIMEOUT, last_replies).await.is_err() {
            tracing::debug!("a client did not take its last replies");
        }
    }
}

/// Keeps the thread from sleeping for a while; others on this thread and on this core have their
/// turns meanwhile.
///
/// For a client that has lately sent its next request within this time (`busy-poll-us`). Waking a
/// thread costs some microseconds on bare metal and up to 100 in a virtual machine, which for a
/// client that sends one request after the other is as much as a search. A client that sends less
/// often costs nothing: its connection sleeps at once.
async fn stay_awake(time: Duration) -> Infallible {
    let began = Instant::now();
    while began.elapsed() < time {
        std::thread::yield_now();
        tokio::task::yield_now().await;
    }
    pending().await
}
