//! The real server on a free port, spoken to through plain sockets.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use nearhit::config::{OutputLimit, OutputLimits, Settings};
use nearhit::keyspace::{Deadline, Reach, StringValue, Value};

#[path = "server/acl.rs"]
mod acl;
#[path = "server/limits.rs"]
mod limits;
#[path = "server/pubsub.rs"]
mod pubsub;
#[path = "server/slow_clients.rs"]
mod slow_clients;
mod support;
#[path = "server/tls.rs"]
mod tls;
#[path = "server/tracking.rs"]
mod tracking;

use support::Running;
use support::folder::Folder;

fn settings() -> Settings {
    support::settings(2, 1)
}

/// A limit for the clients that there are.
fn of_normal(limit: OutputLimit) -> OutputLimits {
    OutputLimits { normal: limit, ..OutputLimits::default() }
}

fn start(settings: Settings) -> Running {
    Running::with(settings, None)
}

impl Running {
    fn connect(&self) -> Client<TcpStream> {
        Client(TcpStream::connect(self.address).expect("the server listens"))
    }

    fn commands_on_compute_pool(&self) -> u64 {
        self.server.traffic.iter().map(|traffic| traffic.commands_on_compute_pool.get()).sum()
    }

    /// Waits until the compute pool has been given something.
    fn wait_for_compute(&self) {
        while self.commands_on_compute_pool() == 0 {
            std::thread::yield_now();
        }
    }

    /// Waits until some client runs this command.
    fn wait_for_command(&self, name: &str) {
        let mut observer = self.connect();
        while !observer.bulk(&["CLIENT", "LIST"]).contains(&format!("cmd={name} ")) {}
    }
}

struct Client<S>(S);

impl<S: Read + Write> Client<S> {
    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).expect("the server reads");
    }

    fn request(&mut self, args: &[&str]) {
        self.send(encode(args));
    }

    fn expect(&mut self, reply: impl AsRef<[u8]>) {
        let mut got = vec![0; reply.as_ref().len()];
        self.0.read_exact(&mut got).expect("the server replies");
        assert_eq!(got.escape_ascii().to_string(), reply.as_ref().escape_ascii().to_string());
    }

    /// Nothing more comes.
    fn expect_end(&mut self) {
        assert_eq!(self.rest(), "");
    }

    fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
            _ => String::from_utf8_lossy(&rest).into_owned(),
        }
    }

    fn ask(&mut self, args: &[&str], reply: &str) {
        self.request(args);
        self.expect(reply);
    }

    fn line(&mut self) -> String {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte).expect("the server replies");
            line.extend(byte);
        }
        String::from_utf8_lossy(&line).into_owned()
    }

    fn line_to(&mut self, args: &[&str]) -> String {
        self.request(args);
        self.line().trim_end().to_owned()
    }

    /// The text of a bulk string reply.
    fn bulk(&mut self, args: &[&str]) -> String {
        self.request(args);
        let header = self.line();
        let len: usize = header.trim_start_matches('$').trim().parse().expect("a bulk string");
        let mut text = vec![0; len + 2];
        self.0.read_exact(&mut text).expect("the server replies");
        String::from_utf8_lossy(&text[..len]).into_owned()
    }
}

fn encode(args: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
    args.iter().for_each(|arg| bytes.extend(format!("${}\r\n{arg}\r\n", arg.len()).bytes()));
    bytes
}

#[test]
fn a_pipeline_is_answered_in_order() {
    let running = start(settings());
    let mut client = running.connect();
    let numbers: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
    let requests: Vec<u8> = numbers.iter().flat_map(|number| encode(&["ECHO", number])).collect();
    client.send(requests);
    for number in &numbers {
        client.expect(format!("${}\r\n{number}\r\n", number.len()));
    }
}

#[test]
fn heavy_commands_keep_their_place_in_a_pipeline() {
    let running = start(Settings { enable_debug_command: "yes", ..settings() });
    let mut client = running.connect();
    let requests = [encode(&["ECHO", "a"]), encode(&["DEBUG", "SLEEP", "0.01"]), encode(&["ECHO", "b"])];
    client.send(requests.concat());
    client.expect("$1\r\na\r\n+OK\r\n$1\r\nb\r\n");
}

#[test]
fn requests_may_arrive_byte_by_byte_and_inline() {
    let running = start(settings());
    let mut client = running.connect();
    for byte in [encode(&["ECHO", "héllo\r\n"]), b"\r\nPING\r\n".to_vec()].concat() {
        client.send([byte]);
    }
    client.expect("$8\r\nhéllo\r\n\r\n+PONG\r\n");
}

#[test]
fn long_arguments_arrive_whole() {
    let running = start(settings());
    let mut client = running.connect();
    let long = "x".repeat(3 << 20);
    client.ask(&["ECHO", &long], &format!("${}\r\n{long}\r\n", long.len()));
}

#[test]
fn hello_changes_the_protocol_of_its_own_reply() {
    let running = start(settings());
    let mut client = running.connect();
    client.ask(
        &["HELLO", "3"],
        "%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n8.10.2\r\n$5\r\nproto\r\n:3\r\n",
    );
    let mut other = running.connect();
    other.ask(&["HELLO"], "*14\r\n$6\r\nserver\r\n");
}

#[test]
fn protocol_errors_end_their_connection_only() {
    let running = start(settings());
    let mut bystander = running.connect();
    bystander.ask(&["PING"], "+PONG\r\n");
    for (bytes, reason) in [
        ("*1\r\n+a\r\n", "expected '$', got '+'"),
        ("*9999999999\r\n", "invalid multibulk length"),
        ("*1\r\n$-1\r\n", "invalid bulk length"),
        ("*1\r\n$1000000000\r\n", "invalid bulk length"),
        ("PING \"a\r\n", "unbalanced quotes in request"),
    ] {
        let mut client = running.connect();
        client.send(format!("PING\r\n{bytes}"));
        client.expect("+PONG\r\n");
        assert_eq!(client.rest(), format!("-ERR Protocol error: {reason}\r\n"));
    }
    bystander.ask(&["PING"], "+PONG\r\n");
}

#[test]
fn a_request_beyond_the_query_limit_ends_its_connection() {
    let running = start(Settings { client_query_buffer_limit: 1 << 20, ..settings() });
    let mut client = running.connect();
    client.send("*2\r\n$4\r\nECHO\r\n$3000000\r\n");
    // The server may hang up before it has read everything.
    let _ = client.0.write_all(&vec![b'x'; 2_000_000]);
    client.expect_end();
    let stats = running.connect().bulk(&["INFO", "stats"]);
    assert!(stats.contains("client_query_buffer_limit_disconnections:1\r\n"), "{stats}");
}

#[test]
fn unknown_commands_and_wrong_arities_are_answered() {
    let running = start(settings());
    let mut client = running.connect();
    client.ask(&["FOO", "bar"], "-ERR unknown command 'FOO', with args beginning with: 'bar' \r\n");
    client.ask(&["CLIENT", "FOO"], "-ERR unknown subcommand 'FOO'. Try CLIENT HELP.\r\n");
    client.ask(&["a\r\nb"], "-ERR unknown command 'a  b'\r\n");
    client.ask(&["ECHO"], "-ERR wrong number of arguments for 'echo' command\r\n");
    client.ask(&["CLIENT", "ID", "1"], "-ERR wrong number of arguments for 'client|id' command\r\n");
    let info = client.bulk(&["INFO", "commandstats", "errorstats"]);
    assert!(
        info.contains("cmdstat_echo:calls=0,usec=0,usec_per_call=0.00,rejected_calls=1,failed_calls=0"),
        "{info}"
    );
    assert!(info.contains("errorstat_ERR:count=5"), "{info}");
}

#[test]
fn web_pages_get_no_reply() {
    let running = start(settings());
    for bytes in ["POST / HTTP/1.1\r\nPING\r\n", "GET / HTTP/1.1\r\nhost: x\r\nPING\r\n"] {
        let mut client = running.connect();
        client.send(bytes);
        assert_eq!(client.rest(), "");
    }
    running.connect().ask(&["Host:x"], "-ERR unknown command 'Host:x'\r\n");
}

#[test]
fn clients_beyond_the_limit_are_told_so() {
    let running = start(Settings { maxclients: 1, ..settings() });
    let mut first = running.connect();
    first.ask(&["PING"], "+PONG\r\n");
    assert_eq!(running.connect().rest(), "-ERR max number of clients reached\r\n");
    first.ask(&["CONFIG", "SET", "maxclients", "2"], "+OK\r\n");
    running.connect().ask(&["PING"], "+PONG\r\n");
}

#[test]
fn silent_clients_are_disconnected() {
    let running = start(Settings { timeout: 1, ..settings() });
    let mut client = running.connect();
    client.ask(&["PING"], "+PONG\r\n");
    client.expect_end();
}

#[test]
fn a_password_is_asked_for() {
    let running = start(Settings { requirepass: "secret".into(), ..settings() });
    let mut client = running.connect();
    client.ask(&["PING"], "-NOAUTH Authentication required.\r\n");
    client.ask(&["AUTH", "wrong"], "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    client.ask(&["HELLO", "3"], "-NOAUTH HELLO must be called");
    let mut client = running.connect();
    client.ask(&["AUTH", "secret"], "+OK\r\n");
    client.ask(&["PING"], "+PONG\r\n");
    client.ask(&["RESET"], "+RESET\r\n");
    client.ask(&["PING"], "-NOAUTH Authentication required.\r\n");
    client.ask(&["HELLO", "2", "AUTH", "default", "secret"], "*14\r\n");
    let mut unauthenticated = running.connect();
    unauthenticated.send("*1\r\n$20000\r\n");
    unauthenticated.expect("-ERR Protocol error: unauthenticated bulk length\r\n");
}

#[test]
fn a_panic_harms_nobody() {
    let running = start(Settings { enable_debug_command: "yes", ..settings() });
    let mut client = running.connect();
    client.send([encode(&["DEBUG", "PANIC"]), encode(&["PING"])].concat());
    assert!(client.line().starts_with("-ERR internal error"));
    client.expect("+PONG\r\n");
    let info = client.bulk(&["INFO", "everything"]);
    assert!(info.contains("\r\npanics:1\r\n") && info.contains("cmdstat_debug:calls=1,"), "{info}");
}

#[test]
fn debug_is_off_by_default() {
    let running = start(settings());
    running
        .connect()
        .ask(&["DEBUG", "SLEEP", "0"], "-ERR DEBUG command not allowed. If the enable-debug-command");
    let running = start(Settings { enable_debug_command: "local", ..settings() });
    running.connect().ask(&["DEBUG", "SLEEP", "0"], "+OK\r\n");
}

#[test]
fn replies_can_be_turned_off() {
    let running = start(settings());
    let mut client = running.connect();
    let requests: [&[&str]; 8] = [
        &["CLIENT", "REPLY", "SKIP"],
        &["ECHO", "skipped"],
        &["ECHO", "shown"],
        &["CLIENT", "REPLY", "OFF"],
        &["ECHO", "off"],
        &["NONSENSE"],
        &["CLIENT", "REPLY", "ON"],
        &["ECHO", "on"],
    ];
    client.send(requests.map(encode).concat());
    client.expect("$5\r\nshown\r\n+OK\r\n$2\r\non\r\n");
}

#[test]
fn clients_can_be_killed_by_id() {
    let running = start(settings());
    let mut victim = running.connect();
    victim.request(&["CLIENT", "ID"]);
    let id = victim.line();
    let mut killer = running.connect();
    killer.ask(&["CLIENT", "KILL", "ID", id.trim().trim_start_matches(':')], ":1\r\n");
    victim.expect_end();
    killer.ask(&["CLIENT", "KILL", "ID", "12345"], ":0\r\n");
}

#[test]
fn a_client_may_send_all_before_it_reads_any() {
    const REQUESTS: usize = 20_000;
    let running = start(settings());
    let mut client = running.connect();
    let text = "x".repeat(1000);
    client.send(encode(&["ECHO", &text]).repeat(REQUESTS));
    client.expect(format!("$1000\r\n{text}\r\n").repeat(REQUESTS));
}

#[test]
fn a_client_that_does_not_read_is_disconnected_at_the_limit() {
    const REQUESTS: usize = 64;
    let limit = OutputLimit { hard_bytes: 1 << 20, ..OutputLimit::default() };
    let running = start(Settings { client_output_buffer_limit: of_normal(limit), ..settings() });
    let mut client = running.connect();
    let request = encode(&["ECHO", &"x".repeat(1 << 20)]);
    // The server hangs up before it has read everything.
    let sent = (0..REQUESTS).all(|_| client.0.write_all(&request).is_ok());
    assert!(!sent || client.rest().len() < REQUESTS << 20);
    let stats = running.connect().bulk(&["INFO", "stats"]);
    assert!(stats.contains("client_output_buffer_limit_disconnections:1\r\n"), "{stats}");
}

#[test]
fn running_commands_are_finished_when_the_server_ends() {
    let mut running = start(Settings { enable_debug_command: "yes", ..settings() });
    let mut client = running.connect();
    client.request(&["DEBUG", "SLEEP", "0.2"]);
    running.wait_for_command("debug");
    running.server.stop.request();
    client.expect("+OK\r\n");
    client.expect_end();
    running.join();
    assert!(TcpStream::connect(running.address).is_err(), "nobody listens any more");
}

#[test]
fn shutdown_ends_the_server_without_a_reply() {
    let mut running = start(settings());
    let mut client = running.connect();
    client.ask(&["SHUTDOWN", "ABORT"], "-ERR No shutdown in progress.\r\n");
    client.request(&["SHUTDOWN", "NOSAVE"]);
    client.expect_end();
    running.join();
}

#[test]
fn a_half_closed_client_still_gets_its_replies() {
    let running = start(settings());
    let mut client = running.connect();
    client.send(encode(&["ECHO", "last"]));
    client.0.shutdown(Shutdown::Write).expect("it is connected");
    assert_eq!(client.rest(), "$4\r\nlast\r\n");
}

#[test]
fn unix_sockets_are_served_and_removed() {
    let folder = Folder::new("socket");
    let path = folder.path().join("socket");
    let unixsocket = path.to_str().expect("the path is text").to_owned();
    let mut running = start(Settings { unixsocket, ..settings() });
    let mut client = Client(UnixStream::connect(&path).expect("the socket is there"));
    client.ask(&["PING"], "+PONG\r\n");
    assert!(client.bulk(&["CLIENT", "INFO"]).contains(" flags=U "));
    running.server.stop.request();
    client.expect_end();
    running.join();
    assert!(!path.exists());
}

/// A command with so many arguments leaves the network thread.
const MANY: usize = 1001;

fn many_times(command: &str, key: &str) -> Vec<u8> {
    let words = std::iter::once(command).chain(std::iter::repeat_n(key, MANY));
    encode(&words.collect::<Vec<_>>())
}

fn wait_until_blocked(observer: &mut Client<TcpStream>, clients: usize) {
    let wanted = format!("blocked_clients:{clients}\r\n");
    while !observer.bulk(&["INFO", "clients"]).contains(&wanted) {}
}

/// Adds so large vectors, in database 1, that a search among them is heavy. The search, and its
/// reply's header.
fn add_large_vectors(client: &mut Client<TcpStream>) -> (Vec<u8>, String) {
    const DIM: usize = 65_536;
    const ELEMENTS: usize = 36;
    client.ask(&["SELECT", "1"], "+OK\r\n");
    for element in 0..ELEMENTS {
        // The bytes of a number of about 0.9, and of some that differ.
        let vector = "abc?".repeat(DIM - element) + &"cba?".repeat(element);
        client.ask(&["VADD", "set", "FP32", &vector, &element.to_string(), "NOQUANT"], ":1\r\n");
    }
    (encode(&["VSIM", "set", "ELE", "1", "COUNT", "1", "TRUTH"]), "*1\r\n".to_owned())
}

#[test]
fn what_waits_for_a_long_transaction_holds_no_thread() {
    const WAITING: usize = 100;
    let running = start(Settings { io_threads: 1, ..settings() });
    let mut heavy = running.connect();
    let mut other = running.connect();
    let (search, found) = add_large_vectors(&mut other);
    let keyspace = &running.server.keyspace;
    let reach = Reach::Keys(vec![(0, b"k")]);
    let long = keyspace.announce_long_transaction(&reach);
    let mut waiting: Vec<_> = (0..WAITING).map(|_| running.connect()).collect();
    keyspace.transaction(&reach, || {
        waiting.iter_mut().for_each(|client| client.request(&["GET", "k"]));
        heavy.send(many_times("EXISTS", "k"));
        wait_until_blocked(&mut running.connect(), WAITING + 1);
        // On the only network thread, and on the only compute thread.
        other.ask(&["PING"], "+PONG\r\n");
        let before = running.commands_on_compute_pool();
        other.send(&search);
        other.expect(&found);
        assert_eq!(running.commands_on_compute_pool(), before + 1);
        let value = Value::String(StringValue::new(b"during"));
        keyspace.db(0).exclusive(&["k"]).put(b"k", value, Deadline::NEVER);
    });
    drop(long);
    waiting.iter_mut().for_each(|client| client.expect("$6\r\nduring\r\n"));
    heavy.expect(format!(":{MANY}\r\n"));
}

#[test]
fn a_heavy_command_in_the_queue_when_a_long_transaction_begins_does_not_wait_on_its_thread() {
    let running = start(settings());
    let mut late = running.connect();
    let mut busy = running.connect();
    busy.ask(&["SELECT", "1"], "+OK\r\n");
    let keyspace = &running.server.keyspace;
    // The only compute thread waits for this lock.
    let locked = keyspace.db(1).exclusive(&["k"]);
    busy.send(many_times("EXISTS", "k"));
    running.wait_for_compute();
    late.send(many_times("EXISTS", "k"));
    while running.commands_on_compute_pool() < 2 {}
    let long = keyspace.announce_long_transaction(&Reach::Keys(vec![(0, b"k")]));
    drop(locked);
    busy.expect(":0\r\n");
    wait_until_blocked(&mut running.connect(), 1);
    busy.send(many_times("EXISTS", "k"));
    busy.expect(":0\r\n");
    drop(long);
    late.expect(":0\r\n");
}

#[test]
fn a_taken_port_is_reported_with_advice() {
    let running = start(settings());
    let taken = Settings { port: running.address.port().into(), ..settings() };
    let error = nearhit::server::start(taken).err().expect("the port is taken").to_string();
    assert!(error.contains("another server listens there"), "{error}");
}

#[test]
fn the_port_can_be_moved_while_clients_stay() {
    let running = start(settings());
    let mut client = running.connect();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("it listens").port().to_string();
    let refused = "-ERR CONFIG SET failed (possibly related to argument 'port') - \
                   Unable to listen on this port. Check server logs.\r\n";
    client.ask(&["CONFIG", "SET", "port", &port], refused);
    running.connect().ask(&["PING"], "+PONG\r\n");
    drop(taken);
    client.ask(&["CONFIG", "SET", "port", &port, "timeout", "5"], "+OK\r\n");
    client.ask(&["PING"], "+PONG\r\n");
    assert!(TcpStream::connect(running.address).is_err(), "the old port is closed");
    let moved = TcpStream::connect(format!("127.0.0.1:{port}")).expect("the new port is open");
    Client(moved).ask(&["CONFIG", "GET", "timeout"], "*2\r\n$7\r\ntimeout\r\n$1\r\n5\r\n");
}

#[test]
fn addresses_can_be_changed_and_stay_if_the_new_ones_cannot_be_had() {
    let running = start(settings());
    let mut client = running.connect();
    let refused = "-ERR CONFIG SET failed (possibly related to argument 'bind') - \
                   Failed to bind to specified addresses.\r\n";
    // 192.0.2.0/24 is for documentation: no machine has such an address.
    for addresses in ["192.0.2.1", "127.0.0.1 192.0.2.1", "", "nonsense"] {
        client.ask(&["CONFIG", "SET", "bind", addresses], refused);
        running.connect().ask(&["PING"], "+PONG\r\n");
    }
    // With the port that it has, the second address overlaps the first.
    for addresses in ["*", "127.0.0.1", "127.0.0.1 -::1", "127.0.0.1 127.0.0.2"] {
        client.ask(&["CONFIG", "SET", "bind", addresses], "+OK\r\n");
        running.connect().ask(&["PING"], "+PONG\r\n");
    }
    let port = running.address.port();
    assert!(TcpStream::connect(("127.0.0.2", port)).is_ok());
    client.ask(&["CONFIG", "SET", "bind", "127.0.0.2"], "+OK\r\n");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn the_configuration_is_rewritten_into_its_file() {
    let folder = Folder::new("rewrite");
    let path = folder.path().join("nearhit.conf");
    std::fs::write(&path, "# mine\ntimeout 3\n").expect("the folder is writable");
    let running = Running::with(settings(), Some(path.clone()));
    let mut client = running.connect();
    client.ask(&["CONFIG", "SET", "timeout", "9", "requirepass", "a b"], "+OK\r\n");
    client.ask(&["CONFIG", "REWRITE"], "+OK\r\n");
    let text = std::fs::read_to_string(&path).expect("it is there");
    assert!(text.starts_with("# mine\ntimeout 9\n"), "{text}");
    assert!(
        text.contains("\n# Generated by CONFIG REWRITE\n") && text.contains("requirepass \"a b\"\n"),
        "{text}"
    );
    let running = start(settings());
    let refused = "-ERR The server is running without a config file\r\n";
    running.connect().ask(&["CONFIG", "REWRITE"], refused);
}

#[test]
fn options_change_for_all_clients_at_once() {
    let running = start(settings());
    let mut one = running.connect();
    let mut other = running.connect();
    other.ask(&["PING"], "+PONG\r\n");
    one.ask(&["CONFIG", "SET", "proto-max-bulk-len", "1mb", "timeout", "77"], "+OK\r\n");
    other.ask(&["CONFIG", "GET", "timeout"], "*2\r\n$7\r\ntimeout\r\n$2\r\n77\r\n");
    other.send("*1\r\n$1048577\r\n");
    other.expect("-ERR Protocol error: invalid bulk length\r\n");
}

#[test]
fn a_monitor_sees_what_others_do_but_no_secrets() {
    let running = start(settings());
    let mut monitor = running.connect();
    let mut client = running.connect();
    monitor.ask(&["MONITOR"], "+OK\r\n");
    client.ask(&["SET", "k", "a\"b"], "+OK\r\n");
    client.ask(&["CLIENT", "KILL", "ID", "99"], ":0\r\n");
    client.ask(&["AUTH", "default", "secret"], "+OK\r\n");
    let address = client.0.local_addr().expect("it is connected");
    let mut sees = |words: &str| {
        let line = monitor.line();
        assert!(line.ends_with(&format!(" [0 {address}] {words}\r\n")), "{line}");
    };
    sees(r#""SET" "k" "a\"b""#);
    sees(r#""AUTH" "(redacted)" "(redacted)""#);
    monitor.ask(&["GET", "k"], "-ERR Replica can't interact with the keyspace\r\n");
    monitor.ask(&["RESET"], "+RESET\r\n");
    client.ask(&["SET", "k", "b"], "+OK\r\n");
    monitor.ask(&["GET", "k"], "$1\r\nb\r\n");
}

#[test]
fn a_monitor_that_does_not_read_is_disconnected() {
    let client_output_buffer_limit = of_normal(OutputLimit { hard_bytes: 1 << 16, ..OutputLimit::default() });
    let running = start(Settings { client_output_buffer_limit, ..settings() });
    let mut monitor = running.connect();
    let mut client = running.connect();
    monitor.ask(&["MONITOR"], "+OK\r\n");
    let long = "x".repeat(1 << 15);
    while running.server.clients.len() > 1 {
        client.ask(&["ECHO", &long], &format!("${}\r\n{long}\r\n", long.len()));
    }
}

#[test]
fn a_pause_holds_writes_while_others_of_the_same_thread_go_on() {
    let running = start(Settings { io_threads: 1, ..settings() });
    let mut operator = running.connect();
    let mut writer = running.connect();
    operator.ask(&["CLIENT", "PAUSE", "1000000", "WRITE"], "+OK\r\n");
    writer.ask(&["GET", "k"], "$-1\r\n");
    writer.send([encode(&["PING"]), encode(&["SET", "k", "1"]), encode(&["GET", "k"])].concat());
    writer.expect("+PONG\r\n");
    while !operator.bulk(&["CLIENT", "LIST"]).contains("flags=b ") {}
    operator.ask(&["GET", "k"], "$-1\r\n");
    operator.ask(&["CLIENT", "UNPAUSE"], "+OK\r\n");
    writer.expect("+OK\r\n$1\r\n1\r\n");
}

#[test]
fn a_held_client_can_leave_and_its_request_with_it() {
    let running = start(settings());
    let mut operator = running.connect();
    let mut writer = running.connect();
    operator.ask(&["CLIENT", "PAUSE", "1000000", "WRITE"], "+OK\r\n");
    writer.request(&["SET", "k", "1"]);
    while !operator.bulk(&["CLIENT", "LIST"]).contains("flags=b ") {}
    drop(writer);
    while running.server.clients.len() > 1 {}
    operator.ask(&["CLIENT", "UNPAUSE"], "+OK\r\n");
    operator.ask(&["GET", "k"], "$-1\r\n");
}

#[test]
fn a_client_that_waits_for_replicas_holds_nothing_else_up() {
    let running = start(Settings { io_threads: 1, ..settings() });
    let mut operator = running.connect();
    let mut waiting = running.connect();
    waiting.request(&["CLIENT", "ID"]);
    let id = waiting.line().trim_start_matches(':').trim_end().to_owned();
    waiting.send([encode(&["PING"]), encode(&["WAIT", "1", "0"]), encode(&["ECHO", "x"])].concat());
    waiting.expect("+PONG\r\n");
    while !operator.bulk(&["CLIENT", "LIST"]).contains("flags=b ") {}
    operator.ask(&["CLIENT", "UNBLOCK", &id], ":1\r\n");
    waiting.expect(":0\r\n$1\r\nx\r\n");
    operator.ask(&["CLIENT", "UNBLOCK", &id], ":0\r\n");
    waiting.send([encode(&["WAITAOF", "0", "1", "1"]), encode(&["WAIT", "7", "0"])].concat());
    waiting.expect("*2\r\n:0\r\n:0\r\n");
    while !operator.bulk(&["CLIENT", "LIST"]).contains("flags=b ") {}
    operator.ask(&["CLIENT", "KILL", "ID", &id], ":1\r\n");
    waiting.expect_end();
}

#[test]
fn the_end_of_the_server_does_not_wait_for_a_client_that_waits() {
    let mut running = start(settings());
    let mut operator = running.connect();
    let mut waiting = running.connect();
    waiting.request(&["WAIT", "1", "0"]);
    while !operator.bulk(&["CLIENT", "LIST"]).contains("flags=b ") {}
    operator.request(&["SHUTDOWN", "NOSAVE"]);
    waiting.expect_end();
    running.join();
}

#[test]
fn a_client_waits_until_its_change_is_synced() {
    let running = start(Settings { io_threads: 1, appendonly: true, ..settings() });
    let mut client = running.connect();
    while running.server.loading.is_on() {}
    client.ask(&["WAITAOF", "1", "0", "0"], "*2\r\n:1\r\n:0\r\n");
    for _ in 0..2 {
        client.send([encode(&["INCR", "k"]), encode(&["WAITAOF", "1", "0", "0"])].concat());
        client.line();
        client.expect("*2\r\n:1\r\n:0\r\n");
    }
    client.ask(&["CONFIG", "SET", "appendfsync", "no"], "+OK\r\n");
    client.send([encode(&["INCR", "k"]), encode(&["WAITAOF", "1", "0", "0"])].concat());
    client.expect(":3\r\n");
    let mut operator = running.connect();
    while !operator.bulk(&["CLIENT", "LIST"]).contains("flags=b ") {}
    operator.ask(&["CONFIG", "SET", "appendfsync", "always"], "+OK\r\n");
    client.expect("*2\r\n:1\r\n:0\r\n");
}

#[test]
fn slow_commands_are_noted_with_who_sent_them() {
    let running = start(Settings { slowlog_log_slower_than: 0, ..settings() });
    let mut client = running.connect();
    client.ask(&["CLIENT", "SETNAME", "me"], "+OK\r\n");
    client.ask(&["PING"], "+PONG\r\n");
    let newest = running.server.observers.slow_log.newest(1).remove(0);
    let address = client.0.local_addr().expect("it is connected");
    assert_eq!((newest.arguments, newest.client_name.as_str()), (vec![b"PING".to_vec()], "me"));
    assert_eq!(newest.address, address.to_string());
}

#[test]
fn a_background_save_ends_however_many_swapdbs_come_with_it_in_one_pipeline() {
    let running = start(settings());
    let mut client = running.connect();
    (0..100).for_each(|key| client.ask(&["SET", &key.to_string(), "v"], "+OK\r\n"));
    for round in 0..300 {
        let swaps = 1 + round % 7;
        client.send([encode(&["BGSAVE"]), encode(&["SWAPDB", "0", "1"]).repeat(swaps)].concat());
        client.expect(["+Background saving started\r\n", &"+OK\r\n".repeat(swaps)].concat());
        let began = std::time::Instant::now();
        while running.server.saving.status().running.is_some() {
            assert!(began.elapsed().as_secs() < 60, "the save of round {round} does not end");
            std::thread::yield_now();
        }
        assert_eq!(running.server.saving.status().history.saves, round as u64 + 1, "every save succeeds");
    }
}
