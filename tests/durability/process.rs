//! A server in a separate process, which can be killed.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::connection::{Connection, Reply, words};
use crate::folder::Folder;

/// The longest wait for a server to load its files.
const START: Duration = Duration::from_secs(120);
/// The longest wait for a server to exit.
const END: Duration = Duration::from_secs(60);
/// Between two checks of a server that starts: there is no event that all tested servers send.
const PAUSE: Duration = Duration::from_millis(2);

/// The program that is tested.
#[derive(Clone)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    /// True for Redis, whose log lacks updates of vectors, and which exits if it cannot sync with
    /// `always`.
    pub(crate) is_redis: bool,
}

impl Program {
    /// The program in `NEARHIT_DURABILITY_SERVER`, or the one that was built for this test.
    pub(crate) fn chosen() -> Self {
        let built = || env!("CARGO_BIN_EXE_nearhit").into();
        let path = std::env::var_os("NEARHIT_DURABILITY_SERVER").map_or_else(built, PathBuf::from);
        let is_redis = path.to_string_lossy().contains("redis");
        Self { path, is_redis }
    }
}

/// A folder of data, and the flags and environment of a server for it.
pub(crate) struct Site {
    pub(crate) program: Program,
    pub(crate) data: PathBuf,
    pub(crate) flags: Vec<String>,
    pub(crate) variables: Vec<(&'static str, PathBuf)>,
    folder: Folder,
}

impl Site {
    /// An empty folder that is removed when the test has passed.
    pub(crate) fn new(name: &str, flags: &[&str]) -> Self {
        let folder = Folder::new(name);
        let data = folder.path().join("data");
        fs::create_dir_all(&data).expect("the folder is writable");
        let flags = flags.iter().map(|&flag| flag.to_owned()).collect();
        Self { program: Program::chosen(), data, flags, variables: Vec::new(), folder }
    }

    /// Starts the server, and does not wait for it.
    pub(crate) fn spawn(&self) -> Process {
        let port = free_port();
        let log = self.folder.path().join("log");
        let out = File::options().create(true).append(true).open(&log).expect("the folder is writable");
        let mut command = Command::new(&self.program.path);
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir"]).arg(&self.data);
        command.args(&self.flags).envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(out.try_clone().expect("a file")).stderr(out);
        let child = command.spawn().expect("the server can be started");
        Process { child, address: (Ipv4Addr::LOCALHOST, port).into(), log }
    }

    /// Starts the server and waits until it has loaded its files.
    pub(crate) fn start(&self) -> Process {
        let mut process = self.spawn();
        process.wait_until_loaded();
        process
    }

    /// A path beside the data.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn free_port() -> u16 {
    let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    probe.local_addr().expect("it listens").port()
}

/// A server that is killed on drop.
pub(crate) struct Process {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
}

impl Process {
    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.address).expect("the server listens")
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until some client's last command is this one.
    pub(crate) fn wait_for_command(&self, name: &str) {
        let mut observer = self.connect();
        let deadline = Instant::now() + START;
        let searched = format!("cmd={name} ");
        loop {
            let list = observer.must("CLIENT LIST").bulk().unwrap_or_default();
            if String::from_utf8_lossy(&list).contains(&searched) {
                return;
            }
            assert!(Instant::now() < deadline, "no client runs {name}");
            std::thread::sleep(PAUSE);
        }
    }

    /// Kills it at once, as the operating system does when memory runs out.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Stops it by SHUTDOWN, and waits for its exit.
    pub(crate) fn shut_down(mut self) {
        // The connection closes without a reply.
        let _ = self.connect().call(words("SHUTDOWN NOSAVE"));
        self.child.wait().expect("it is a child");
    }

    /// Processor time that it has used so far, in ticks of a hundredth of a second; none without
    /// `/proc`.
    pub(crate) fn ticks(&self) -> Option<u64> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        // After the name: state, ten numbers, user time, system time.
        let mut fields = text.rsplit(')').next()?.split_ascii_whitespace().skip(11);
        let mut next = || fields.next()?.parse::<u64>().ok();
        Some(next()? + next()?)
    }

    /// Sends it SIGTERM.
    pub(crate) fn terminate(&self) {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "it runs");
    }

    /// Waits for its exit, and returns the exit status.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        let deadline = Instant::now() + END;
        loop {
            if let Some(status) = self.child.try_wait().expect("it is a child") {
                return status.code();
            }
            assert!(Instant::now() < deadline, "it does not exit:\n{}", tail(&self.log));
            std::thread::sleep(PAUSE);
        }
    }

    /// Waits until its log has these words.
    pub(crate) fn wait_for_line(&self, words: &str) {
        let deadline = Instant::now() + START;
        while !self.has_logged(words) {
            assert!(Instant::now() < deadline, "no line has {words:?}:\n{}", tail(&self.log));
            std::thread::sleep(PAUSE);
        }
    }

    pub(crate) fn has_logged(&self, words: &str) -> bool {
        tail(&self.log).contains(words)
    }

    pub(crate) fn wait_until_loaded(&mut self) {
        let deadline = Instant::now() + START;
        while !self.is_loaded().unwrap_or(false) {
            let ended = self.child.try_wait().expect("it is a child");
            assert!(ended.is_none() && Instant::now() < deadline, "it does not start:\n{}", tail(&self.log));
            std::thread::sleep(PAUSE);
        }
    }

    fn is_loaded(&self) -> io::Result<bool> {
        let reply = Connection::open(self.address)?.call(words("PING"))?;
        Ok(reply == Reply::Simple("PONG".to_owned()))
    }

    /// Kills it while it starts: after this time, or when it replies to PING.
    pub(crate) fn kill_early(mut self, after: Duration) {
        let deadline = Instant::now() + after;
        while Instant::now() < deadline && !self.is_loaded().unwrap_or(false) {
            std::thread::yield_now();
        }
        self.end();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// The end of a log.
fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    String::from_utf8_lossy(&text[text.len().saturating_sub(2000)..]).into_owned()
}
