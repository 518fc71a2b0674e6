//! The program as people start it: what it says before it serves, and what its log looks like.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

#[path = "support/folder.rs"]
mod folder;
#[path = "start/service.rs"]
mod service;
#[path = "start/tools.rs"]
mod tools;

use folder::Folder;

fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nearhit"));
    // Not to leave files behind.
    command.env("NEARHIT_SAVE", "");
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What it says on standard error before it gives up.
fn refusal(args: &[&str]) -> String {
    let folder = Folder::new("refusal");
    let output = program(args).current_dir(folder.path()).stdin(Stdio::null()).output();
    let output = output.expect("it can be started");
    assert_eq!(output.status.code(), Some(1), "{args:?}");
    String::from_utf8(output.stderr).expect("it is text")
}

/// A server that ends with its test.
struct Running {
    child: Child,
    log: BufReader<ChildStdout>,
    /// What it logged up to the line that says it is ready.
    lines: Vec<String>,
    address: String,
    _folder: Folder,
}

impl Running {
    /// `input` is what it reads from standard input.
    fn start(command: &mut Command, input: &str) -> Self {
        let folder = Folder::new("start");
        let mut child = command.current_dir(folder.path()).spawn().expect("it can be started");
        let mut stdin = child.stdin.take().expect("it is a pipe");
        stdin.write_all(input.as_bytes()).expect("it reads");
        drop(stdin);
        let log = BufReader::new(child.stdout.take().expect("it is a pipe"));
        let mut running = Self { child, log, lines: Vec::new(), address: String::new(), _folder: folder };
        while running.address.is_empty() {
            let line = running.line();
            if let Some((_, places)) = line.split_once(" ready on ") {
                running.address = places.split([',', ' ']).next().unwrap_or_default().to_owned();
            }
            running.lines.push(line);
        }
        running
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert_ne!(self.log.read_line(&mut line).expect("it is text"), 0, "it ended: {:?}", self.lines);
        line.trim_end().to_owned()
    }

    fn ask(&self, request: &str) -> String {
        let mut client = TcpStream::connect(&self.address).expect("it listens");
        client.write_all(format!("{request}\r\nQUIT\r\n").as_bytes()).expect("it reads");
        let mut reply = String::new();
        client.read_to_string(&mut reply).expect("it replies");
        // The reply to QUIT, unless the server ended before.
        reply.strip_suffix("+OK\r\n").unwrap_or_default().to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself, by SHUTDOWN.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free a moment ago.
fn free_port() -> String {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    free.local_addr().expect("it listens").port().to_string()
}

#[test]
fn what_is_wrong_is_told_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("it listens").port().to_string();
    for (args, said) in [
        (&["--port", &port][..], "another server listens there: stop it, or choose another --port"),
        (&["--port", "7000", "--bind", "192.0.2.1"], "this machine has no such address: see --bind"),
        (&["--port", "7000", "--bind", "localhorst"], "'bind' takes IP addresses"),
        (
            &["--port", "0", "--unixsocket", "/no/such/folder/x"],
            "create its folder, or choose another --unixsocket",
        ),
        (&["--logfile", "/no/such/folder/x"], "create its folder, or choose another --logfile"),
        (&["--logfile", "/"], "choose another --logfile"),
        (&["--dir", "/no/such/folder"], "create it, or choose another --dir"),
        (&["/no/such/file"], "cannot read the configuration: /no/such/file"),
        (&["--appenddirname", "a/b"], "must be the name of a file, not a path"),
        (&["--sentinel", "a"], "Redis' option 'sentinel' is not supported by nearhit: it is no Sentinel"),
        (&["--port", "0"], "nowhere to listen: set 'port', 'tls-port' or 'unixsocket'"),
        (&["--tls-port", "7000"], "TLS cannot be configured: tls-auth-clients: 'yes' needs tls-ca-cert-file"),
    ] {
        let refusal = refusal(args);
        assert!(refusal.contains(said), "{args:?}: {refusal}");
    }
}

#[test]
fn a_wrong_configuration_is_told_in_redis_shape() {
    let refusal = refusal(&["--port", "7000", "--timeout", "soon"]);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        refusal,
        format!(
            "*** FATAL CONFIG FILE ERROR (nearhit {version}) ***\nReading the flags\n>>> '--timeout soon'\n\
             argument couldn't be parsed into an integer\n"
        )
    );
}

#[test]
fn help_and_version_end_well() {
    for (flag, said) in [("--help", "Usage: nearhit [FILE]"), ("-v", "nearhit "), ("--version", "nearhit ")] {
        let output = program(&[flag]).output().expect("it can be started");
        assert!(output.status.success(), "{flag}");
        assert!(String::from_utf8_lossy(&output.stdout).contains(said), "{flag}");
    }
}

#[test]
fn options_come_from_standard_input_variables_and_flags() {
    let mut command = program(&["--timeout", "3", "--port", &free_port(), "-"]);
    command.env("NEARHIT_TIMEOUT", "2").env("NEARHIT_MAXCLIENTS", "22").env("NEARHIT_HZ", "1");
    let running = Running::start(&mut command, "bind 127.0.0.1\ntimeout 1\nmaxclients 11\ntcp-keepalive 1\n");
    let value = |name: &str| running.ask(&format!("CONFIG GET {name}"));
    assert_eq!(value("timeout"), "*2\r\n$7\r\ntimeout\r\n$1\r\n3\r\n");
    assert_eq!(value("maxclients"), "*2\r\n$10\r\nmaxclients\r\n$2\r\n22\r\n");
    assert_eq!(value("tcp-keepalive"), "*2\r\n$13\r\ntcp-keepalive\r\n$1\r\n1\r\n");
}

#[test]
fn lines_of_the_log_have_redis_form_and_its_level_can_be_changed() {
    let mut running = Running::start(&mut program(&["--port", &free_port()]), "");
    let pid = running.child.id();
    let line = running.lines.last().expect("it is ready").clone();
    let (head, text) = line.split_once(" * ").expect("a notice");
    assert!(head.starts_with(&format!("{pid}:M ")) && text.starts_with("nearhit "), "{line}");
    assert_eq!(head.split_once(' ').map(|(_, time)| time.len()), Some("22 Nov 2026 16:40:47.543".len()));
    // Failing to rewrite is a warning; success would be a notice.
    running.ask("CONFIG SET loglevel nothing");
    running.ask("CONFIG REWRITE");
    running.ask("CONFIG SET loglevel warning");
    running.ask("CONFIG REWRITE");
    assert!(
        running.line().ends_with(" # CONFIG REWRITE failed: The server is running without a config file")
    );
    running.ask("SHUTDOWN NOW");
    let mut rest = String::new();
    running.log.read_to_string(&mut rest).expect("it is text");
    assert_eq!(rest, "", "one warning, and no notice");
}

#[test]
fn the_log_may_be_a_file_in_the_folder_that_is_named() {
    let folder = Folder::new("log");
    let log = folder.path().join("a.log");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("it listens").port().to_string();
    let folder_name = folder.path().to_str().expect("the path is text");
    let said = refusal(&["--dir", folder_name, "--logfile", "a.log", "--port", &port]);
    let logged = std::fs::read_to_string(&log).expect("it is there");
    assert!(logged.contains(" # cannot listen on ") && logged.ends_with(&said), "{logged}{said}");
}

#[test]
fn fewer_open_files_mean_fewer_clients() {
    let program: PathBuf = env!("CARGO_BIN_EXE_nearhit").into();
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 200 && exec \"$0\" \"$@\"", &program.display().to_string()]);
    limited
        .args(["--port", &free_port()])
        .args(["--io-threads", "2", "--save", ""])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let running = Running::start(&mut limited, "");
    let warning = &running.lines[0];
    assert!(
        warning.contains(" # maxclients is lowered from 10000 to 160") && warning.contains("ulimit"),
        "{warning}"
    );
    assert_eq!(running.ask("CONFIG GET maxclients"), "*2\r\n$10\r\nmaxclients\r\n$3\r\n160\r\n");
}

/// Options as packages set them, with everything that they leave to the defaults written out.
const STOCK: &str = include_str!("data/stock.conf");

#[test]
fn a_packaged_configuration_starts_with_one_warning() {
    let running = Running::start(&mut program(&["--port", &free_port(), "-"]), STOCK);
    let warnings: Vec<&String> =
        running.lines.iter().filter(|line| line.contains("have no effect")).collect();
    let [warning] = warnings.as_slice() else { panic!("one warning: {:?}", running.lines) };
    for name in ["hz", "replica-priority", "list-max-listpack-size"] {
        assert!(warning.contains(name), "{name}: {warning}");
    }
    assert!(!warning.contains("tcp-backlog") && !warning.contains("protected-mode"), "{warning}");
    assert_eq!(running.ask("CONFIG GET hz"), "*2\r\n$2\r\nhz\r\n$2\r\n25\r\n");
    assert_eq!(running.ask("CONFIG SET hz 25"), "+OK\r\n");
    let refused = running.ask("CONFIG SET hz 30");
    assert!(refused.contains("must be '25' here: the option has no effect"), "{refused}");
    assert_eq!(running.ask("CONFIG GET slave-priority"), "*2\r\n$14\r\nslave-priority\r\n$3\r\n100\r\n");
}

#[test]
fn promises_that_would_not_be_kept_are_refused_all_at_once() {
    let lines = [
        "rename-command FLUSHALL x",
        "user",
        "tls-ciphers DEFAULT",
        "cluster-enabled yes",
        "replicaof 10.0.0.1 6379",
        "loadmodule x.so",
        "min-replicas-to-write 1",
        "shutdown-on-sigterm nosave",
        "syslog-enabled yes",
        "databases 32",
        "daemonize yes",
        "nonsense 1",
    ];
    let folder = Folder::new("refused");
    let file = folder.path().join("nearhit.conf");
    std::fs::write(&file, format!("hz 10\n{}\n", lines.join("\n"))).expect("the folder is writable");
    let refusal = refusal(&[file.to_str().expect("the path is text"), "--ignore-unknown-config", "nothing"]);
    for (number, line) in lines.iter().enumerate() {
        let place = format!("at line {}\n>>> '{line}'\n", number + 2);
        assert!(refusal.contains(&place), "{line}: {refusal}");
    }
}

#[test]
fn what_users_may_do_is_right_or_nothing_starts() {
    let folder = Folder::new("users");
    let file = folder.path().join("nearhit.conf");
    let path = file.to_str().expect("the path is text");
    let missing = folder.path().join("none.acl").display().to_string();
    for (lines, expected) in [
        (
            "user bob on +nonsense",
            "Error loading ACL rule '+nonsense' for the user named 'bob': Unknown command",
        ),
        ("user bob on >secret-word (+get", "Unmatched parenthesis in acl selector starting at '(+get'"),
        ("user bob on\nuser bob off", "Duplicate user found"),
        ("user bob on\naclfile users.acl", "the configuration has 'user' lines and an 'aclfile'"),
        (&format!("aclfile {missing}"), "opening file '"),
    ] {
        std::fs::write(&file, lines).expect("the folder is writable");
        let refusal = refusal(&[path, "--port", &free_port()]);
        assert!(refusal.contains(expected) && !refusal.contains("secret-word"), "{lines}: {refusal}");
    }
}

#[test]
fn protected_mode_refuses_other_machines_while_there_is_no_password() {
    // The address that packets to the outside would have; a machine without one has no other
    // machines either.
    let outside = std::net::UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
        socket.connect("192.0.2.77:9")?;
        socket.local_addr()
    });
    let Ok(outside) = outside.map(|address| address.ip()) else { return };
    let port = free_port();
    let running = Running::start(&mut program(&["--port", &port, "--bind", "0.0.0.0"]), "");
    let from_outside = || {
        let mut client = TcpStream::connect((outside, port.parse().expect("a port"))).expect("it listens");
        let _ = client.write_all(b"PING\r\nQUIT\r\n");
        let mut reply = String::new();
        // A reset after the refusal is one too.
        let _ = client.read_to_string(&mut reply);
        reply
    };
    assert!(from_outside().starts_with("-DENIED Redis is running in protected mode because"));
    assert_eq!(running.ask("CONFIG SET protected-mode no"), "+OK\r\n");
    assert_eq!(from_outside(), "+PONG\r\n+OK\r\n");
    assert_eq!(running.ask("CONFIG SET protected-mode yes requirepass x"), "+OK\r\n");
    assert!(from_outside().starts_with("-NOAUTH"));
}
