//! What a service manager is sent, and the file with the process id.

use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::time::Duration;

use crate::folder::Folder;
use crate::{Running, free_port, program};

/// No message takes a fraction of this.
const PATIENCE: Duration = Duration::from_secs(60);

/// A service manager that reads what it is sent.
struct Manager {
    socket: UnixDatagram,
    folder: Folder,
}

impl Manager {
    fn new() -> Self {
        let folder = Folder::new("notify");
        let socket = UnixDatagram::bind(folder.path().join("notify")).expect("the folder is writable");
        socket.set_read_timeout(Some(PATIENCE)).expect("it is a socket");
        Self { socket, folder }
    }

    fn supervise(&self, command: &mut std::process::Command) {
        command.env("NOTIFY_SOCKET", self.folder.path().join("notify"));
    }

    fn message(&self) -> String {
        let mut message = [0; 4096];
        let len = self.socket.recv(&mut message).expect("a message comes");
        String::from_utf8_lossy(&message[..len]).into_owned()
    }

    /// The next message that has this line, and all before it.
    fn until(&self, line: &str) -> Vec<String> {
        let mut messages = Vec::new();
        loop {
            messages.push(self.message());
            if messages.last().is_some_and(|last| last.lines().any(|found| found == line)) {
                return messages;
            }
        }
    }
}

#[test]
fn the_service_manager_is_notified_and_the_pidfile_comes_and_goes() {
    let manager = Manager::new();
    let pid_file = manager.folder.path().join("pid");
    let pid_name = pid_file.to_str().expect("the path is text").to_owned();
    let mut command = program(&["--port", &free_port(), "--supervised", "auto", "--pidfile", &pid_name]);
    manager.supervise(&mut command);
    let mut running = Running::start(&mut command, "");
    let mut messages = manager.until("READY=1");
    let pid = std::fs::read_to_string(&pid_file).expect("it is there");
    assert_eq!(pid.trim(), running.child.id().to_string());
    // Two threads send these: either may be the first.
    if !messages.iter().any(|message| message.contains("STATUS=Serving")) {
        messages.extend(manager.until("STATUS=Serving"));
    }
    assert!(messages.iter().all(|message| !message.contains("WATCHDOG")), "{messages:?}");
    running.ask("SHUTDOWN NOSAVE");
    manager.until("STOPPING=1");
    assert!(running.child.wait().expect("it ends").success());
    assert!(!pid_file.exists());
}

#[test]
fn the_watchdog_is_served_while_clients_are() {
    let manager = Manager::new();
    let mut command = program(&["--port", &free_port(), "--supervised", "systemd"]);
    manager.supervise(&mut command);
    let running = Running::start(command.env("WATCHDOG_USEC", "200000"), "");
    manager.until("STATUS=Serving");
    for _ in 0..3 {
        manager.until("WATCHDOG=1");
    }
    running.ask("SHUTDOWN NOSAVE");
    let last = manager.until("STOPPING=1");
    assert!(last.iter().all(|message| !message.contains("READY")), "{last:?}");
}

/// A snapshot that comes through a pipe: its end is not there until the test writes it.
#[test]
fn progress_is_reported_while_data_are_loaded() {
    let manager = Manager::new();
    let snapshot = manager.folder.path().join("dump.rdb");
    let made = std::process::Command::new("mkfifo").arg(&snapshot).status().expect("there is mkfifo");
    assert!(made.success());
    let folder = manager.folder.path().to_str().expect("the path is text").to_owned();
    let port = free_port();
    let mut command = program(&["--port", &port, "--supervised", "systemd", "--dir", &folder]);
    manager.supervise(command.stdout(Stdio::null()).stderr(Stdio::null()));
    let mut child = command.spawn().expect("it can be started");
    let mut pipe = std::fs::OpenOptions::new().write(true).open(&snapshot).expect("the server reads it");
    let first = manager.message();
    assert!(first.starts_with("STATUS=Loading: ") && first.contains("\nEXTEND_TIMEOUT_USEC="), "{first}");
    let loading =
        std::process::Command::new(env!("CARGO_BIN_EXE_nearhit")).args(["ping", "-p", &port]).output();
    let loading = loading.expect("it can be started");
    assert_eq!(loading.status.code(), Some(3), "{loading:?}");
    assert!(loading.stderr.starts_with(b"LOADING "), "{loading:?}");
    // The file of a server without data: magic, end, and no checksum.
    pipe.write_all(b"REDIS0011\xff\0\0\0\0\0\0\0\0").expect("the server reads it");
    drop(pipe);
    manager.until("READY=1");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
}
