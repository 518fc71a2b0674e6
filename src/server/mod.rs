//! Who is connected? Listeners, threads and connections; the only folder that awaits the network.
//!
//! Knows no command: requests go to `commands::Call`, replies come back.
//!
//! ```text
//! control thread   accepts, drains                            one, mostly asleep
//! signals          SIGTERM and SIGINT; an end that hangs      one, mostly asleep
//! loader           what files hold, until it is loaded         one, at the start
//! network threads  connections; run light commands            io-threads
//! compute threads  run heavy commands, one queue for all      compute-threads
//! blocking threads wait for disks, clients and threads        one, more on demand
//! snapshot         saves the data in the background            one, mostly asleep
//! aof              begins and rewrites the log of changes      one, mostly asleep
//! http             metrics, probes, a page, if there is an http-port   one, and two for long responses
//! memory           watches the limit of memory, evicts ahead of it     one, mostly asleep
//! cold             puts vector sets that are not used into files, if there is a tier-dir
//! cron             expires keys, closes idle clients, balances network threads, ten times a second
//! ```
//!
//! Why this holds on 64 cores: a connection lives on one network thread, and each of these threads
//! has its own epoll, timers and run queue (a single-threaded runtime), so there is no shared
//! driver and no stealing between them. Ten times a second the balancer may move whole connections
//! (`balance.rs` says when that pays). A light command runs from read to write on the thread that
//! its bytes arrived on. It touches shared memory only where its data is (sharded locks of the
//! keyspace), and counters that have a cache line for each thread. Options are read through a
//! snapshot that is kept until a generation number, which is otherwise only read, has changed. The
//! register of clients is locked when they come and go. Heavy commands take so long that one queue
//! serves all compute threads: 64 threads at 100 µs a command lock it 640,000 times a second for
//! some nanoseconds each. The queue needs no bound of its own, as each client waits for its one
//! command in it.

mod aof_thread;
mod balance;
mod cold_thread;
mod connection;
mod cron;
mod files;
mod health;
mod http;
mod input;
mod join_deadline;
mod listener;
mod listeners;
mod memory_thread;
mod network;
mod output;
mod pool;
mod signals;
mod snapshot_thread;
mod socket;
mod startup;
mod thread_table;
mod tls;

use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::runtime::Runtime;

use crate::commands::recovery::{self, Failed, Plan};
use crate::commands::{Server, StopStep, load_users};
use crate::config::Config;
use crate::keyspace::{Clock, Keyspace, TierDir};
use crate::persistence::files::remove_leftovers;
use aof_thread::AofThread;
use cold_thread::ColdThread;
use cron::Cron;
pub use files::TooFewFiles;
pub use health::{Health, Stage};
use http::Http;
use join_deadline::JoinDeadline;
use listener::Listener;
pub use listener::{BindError, check_places};
use listeners::{Moves, OpenListeners};
use memory_thread::MemoryThread;
use network::NetworkThreads;
use pool::Pools;
use snapshot_thread::SnapshotThread;
use thread_table::Balancer;
pub use tls::Unusable;

/// How long clients may take to get their last replies when the server stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// How often the drain looks whether all have left.
const DRAIN_STEP: Duration = Duration::from_millis(2);

/// Why the server could not start.
#[derive(Debug)]
pub enum RunError {
    /// An address cannot be listened on.
    Bind(BindError),
    /// So few files may be open that no client could connect.
    TooFewFiles(TooFewFiles),
    /// The system gives no thread, or no epoll.
    Resources(std::io::Error),
    /// The data are not there.
    Load(Failed),
    /// `tier-dir` cannot be used.
    Tier(String),
    /// An option of TLS cannot be used.
    Tls(tls::Unusable),
    /// The users of the configuration, or of `aclfile`, are wrong.
    Users(String),
}

impl std::fmt::Display for RunError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bind(error) => error.fmt(out),
            Self::TooFewFiles(error) => error.fmt(out),
            Self::Resources(error) => write!(out, "the system gives no threads: {error}"),
            Self::Load(error) => error.fmt(out),
            Self::Tls(unusable) => write!(out, "TLS cannot be configured: {unusable}"),
            Self::Tier(why) | Self::Users(why) => out.write_str(why),
        }
    }
}

impl std::error::Error for RunError {}

impl From<std::io::Error> for RunError {
    fn from(error: std::io::Error) -> Self {
        Self::Resources(error)
    }
}

impl From<Failed> for RunError {
    fn from(error: Failed) -> Self {
        Self::Load(error)
    }
}

/// A server that listens; no connection is accepted until [`Running::serve`].
pub struct Running {
    server: Arc<Server>,
    control: Runtime,
    listeners: Vec<Listener>,
    moves: Moves,
    tls: Arc<tls::Context>,
    network: NetworkThreads,
    pools: Arc<Pools>,
    cron: Cron,
    memory_thread: MemoryThread,
    snapshot_thread: SnapshotThread,
    aof_thread: AofThread,
    cold_thread: Option<ColdThread>,
    http: Http,
    plan: Option<Plan>,
    health: Health,
}

/// Binds all addresses, looks for the data and starts the threads.
///
/// # Errors
/// An address is taken or not ours, the system gives no files or threads, or the files with the
/// data cannot be looked at.
pub fn start(config: impl Into<Config>) -> Result<Running, RunError> {
    let config = config.into();
    let files_of_sets = files::make_room(&config).map_err(RunError::TooFewFiles)?;
    let settings = config.settings();
    if let Err(error) = remove_leftovers(Path::new(".")) {
        tracing::warn!("cannot look for files that were never completed: {error}");
    }
    let control = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listeners = {
        let _inside = control.enter();
        listener::bind_all(&settings).map_err(RunError::Bind)?
    };
    let tls = Arc::new(tls::Context::default());
    tls.replace(tls::prepare(&settings.tls).map_err(RunError::Tls)?);
    let moves = Moves::of(&config, &tls);
    let keyspace = Keyspace::new(Clock::system());
    if !settings.tier_dir.is_empty() {
        let dir = tier(&settings.tier_dir)?;
        dir.set_most_files(files_of_sets);
        keyspace.set_tier(dir);
    }
    let server = Arc::new(Server::new(config, keyspace));
    load_users(&server).map_err(RunError::Users)?;
    let port = listeners.iter().find_map(Listener::tcp_address).map_or(0, |address| address.port());
    server.tcp_port.store(port, Ordering::Relaxed);
    let plan = recovery::plan(&server)?;
    if plan.is_none() {
        server.open_log()?;
    }
    let pools = Arc::new(Pools::start(settings.heavy_threads())?);
    let network = NetworkThreads::start(settings.network_threads(), &server, &pools, &tls)?;
    let cron = Cron::start(Arc::clone(&server), Balancer::new(network.thread_table()))?;
    let memory_thread = MemoryThread::start(Arc::clone(&server))?;
    let snapshot_thread = SnapshotThread::start(Arc::clone(&server))?;
    let aof_thread = AofThread::start(Arc::clone(&server))?;
    let cold_thread = ColdThread::start(Arc::clone(&server))?;
    let health = Health::new(&server, network.thread_table());
    let http = Http::start(&server)?;
    Ok(Running {
        server,
        control,
        listeners,
        moves,
        tls,
        network,
        pools,
        cron,
        memory_thread,
        snapshot_thread,
        aof_thread,
        cold_thread,
        http,
        plan,
        health,
    })
}

fn tier(path: &str) -> Result<Arc<TierDir>, RunError> {
    TierDir::open(Path::new(path)).map_err(|why| RunError::Tier(format!("tier-dir '{path}': {why}")))
}

impl Running {
    /// The state that clients share, also to [stop](crate::commands::Stop) the server.
    pub fn server(&self) -> Arc<Server> {
        Arc::clone(&self.server)
    }

    /// The TCP addresses it listens on, with the ports that the system chose for port 0.
    pub fn tcp_addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(Listener::tcp_address).collect()
    }

    /// How the server is, for a service manager.
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// The addresses of `http-port`.
    pub fn http_addresses(&self) -> &[SocketAddr] {
        self.http.addresses()
    }

    /// All it listens on, for the log.
    pub fn places(&self) -> Vec<String> {
        let http = self.http_addresses().iter().map(|address| format!("http://{address}"));
        self.listeners.iter().map(Listener::place).chain(http).collect()
    }

    /// Serves until the server is to stop: by `SHUTDOWN`, or by SIGTERM and SIGINT after
    /// [`Running::stop_on_signals`]. Then lets running commands finish and replies be written.
    /// Clients are accepted at once, and most of their commands are refused until the data are
    /// loaded; then `ready` is called.
    ///
    /// # Errors
    /// The data cannot be loaded.
    pub fn serve(self, ready: impl FnOnce()) -> Result<(), Failed> {
        let Running {
            server,
            control,
            listeners,
            mut moves,
            tls,
            network,
            pools,
            cron,
            memory_thread,
            snapshot_thread,
            aof_thread,
            cold_thread,
            http,
            plan,
            health,
        } = self;
        let outcome = control.block_on(async {
            let mut stop = server.stop.subscribe();
            let mut listeners = OpenListeners::open(listeners, &server, network.thread_table(), tls);
            http.stage().listening();
            let mut loading = pin!(startup::load(&server, plan));
            let mut ready = Some(ready);
            let outcome = loop {
                tokio::select! {
                    // The sender lives in `server`, so this ends by a request only.
                    _ = stop.wait_for(|requested| *requested) => break Ok(()),
                    loaded = &mut loading, if ready.is_some() => match loaded {
                        Ok(()) => {
                            health.enter_service();
                            http.stage().loaded();
                            ready.take().into_iter().for_each(|ready| ready());
                        }
                        failed => break failed,
                    },
                    request = moves.next() => listeners.apply(request).await,
                    () = health.control_turn() => {}
                }
            };
            if outcome.is_ok() {
                startup::give_up(&server);
            }
            // Requests to move listeners fail from now on.
            drop(moves);
            listeners.close().await;
            drain(&server).await;
            outcome
        });
        server.stop.enter(StopStep::Joining);
        // What is saved names these files.
        server.keyspace.tier().iter().for_each(|tier| tier.keep_files());
        let deadline = JoinDeadline::of(server.config.settings().shutdown_patience());
        cron.stop(deadline);
        memory_thread.stop(deadline);
        snapshot_thread.stop(deadline);
        cold_thread.into_iter().for_each(|thread| thread.stop(deadline));
        network.stop(deadline);
        pools.stop();
        // It has said meanwhile that the server is stopping.
        http.stop(deadline);
        // Last: no thread changes data any more.
        aof_thread.stop(deadline);
        outcome
    }

    /// From now on SIGTERM and SIGINT make the server save the data, if save rules say so, and
    /// to stop; and the process ends when that takes too long, by whatever it was begun.
    ///
    /// # Errors
    /// The system takes no handler, or gives no thread.
    pub fn stop_on_signals(&self) -> std::io::Result<()> {
        signals::start(self.server())
    }
}

/// Closes all connections, and waits until they are closed or their time is over.
async fn drain(server: &Server) {
    let all_closed = async {
        loop {
            let clients = server.clients.list();
            if clients.is_empty() {
                break;
            }
            clients.iter().for_each(|client| client.kill());
            tokio::time::sleep(DRAIN_STEP).await;
        }
    };
    let half = server.config.settings().shutdown_patience().map(|timeout| timeout / 2);
    let timeout = half.map_or(DRAIN_TIMEOUT, |half| DRAIN_TIMEOUT.min(half));
    if tokio::time::timeout(timeout, all_closed).await.is_err() {
        tracing::warn!(clients = server.clients.len(), "some clients did not take their last replies");
    }
}
