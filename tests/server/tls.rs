//! Connections with TLS: who is let in, and that all that holds on other sockets holds there.

use std::io::BufRead;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use nearhit::config::Tls;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned, SupportedProtocolVersion,
    version,
};

use super::*;

/// How long something may take that happens at once on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a free port is looked for: another process may take it in between.
const ATTEMPTS: usize = 20;

/// An authority, a server, and clients with certificates of all sorts, as files of one folder.
struct Certificates {
    folder: Folder,
    authority: Authority,
}

struct Authority(Issuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> (Self, String) {
        let mut params = CertificateParams::new(Vec::new()).expect("there are no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("keys can be made");
        let pem = params.self_signed(&key).expect("it signs itself").pem();
        (Self(Issuer::new(params, key)), pem)
    }

    /// The certificate of this name, and its key.
    fn sign(&self, name: &str, is_expired: bool) -> (String, String) {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("it is a name");
        params.distinguished_name.push(DnType::CommonName, name);
        if is_expired {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().expect("keys can be made");
        let pem = params.signed_by(&key, &self.0).expect("it can be signed").pem();
        (pem, key.serialize_pem())
    }
}

impl Certificates {
    fn new() -> Self {
        let (authority, pem) = Authority::new("an authority");
        let all = Self { folder: Folder::new("tls"), authority };
        all.write("ca.crt", &pem);
        all.renew("server", "server");
        all.renew("alice", "alice");
        let (stranger, _) = Authority::new("an authority");
        for (file, (pem, key)) in
            [("expired", all.authority.sign("late", true)), ("stranger", stranger.sign("mallory", false))]
        {
            all.write(&format!("{file}.crt"), &pem);
            all.write(&format!("{file}.key"), &key);
        }
        all
    }

    /// Writes a new certificate with this name into a file.
    fn renew(&self, file: &str, name: &str) {
        let (pem, key) = self.authority.sign(name, false);
        self.write(&format!("{file}.crt"), &pem);
        self.write(&format!("{file}.key"), &key);
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn text(&self, file: &str) -> String {
        self.path(file).to_str().expect("the path is text").to_owned()
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.path(file), text).expect("the folder is writable");
    }

    fn options(&self) -> Tls {
        Tls {
            cert_file: self.text("server.crt"),
            key_file: self.text("server.key"),
            ca_cert_file: self.text("ca.crt"),
            auth_clients: "no",
            ..Settings::defaults().tls
        }
    }

    /// What a client knows: the authority, perhaps a certificate of its own, and these versions.
    fn client(&self, own: Option<&str>, versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_file(self.path("ca.crt")).expect("it was written");
        roots.add(authority).expect("it is an authority");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder =
            builder.with_protocol_versions(versions).expect("there is one").with_root_certificates(roots);
        Arc::new(match own {
            None => builder.with_no_client_auth(),
            Some(file) => {
                let pem =
                    CertificateDer::from_pem_file(self.path(&format!("{file}.crt"))).expect("it is there");
                let key =
                    PrivateKeyDer::from_pem_file(self.path(&format!("{file}.key"))).expect("it is there");
                builder.with_client_auth_cert(vec![pem], key).expect("they fit")
            }
        })
    }
}

/// Those that no test changes.
static CERTIFICATES: LazyLock<Certificates> = LazyLock::new(Certificates::new);

const BOTH: &[&SupportedProtocolVersion] = &[&version::TLS13, &version::TLS12];

/// A server with TLS beside plain TCP, and its port.
struct TlsServer {
    running: Running,
    port: u16,
}

impl std::ops::Deref for TlsServer {
    type Target = Running;

    fn deref(&self) -> &Running {
        &self.running
    }
}

fn free_port() -> u16 {
    let probe = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    probe.local_addr().expect("it listens").port()
}

fn start_tls(options: Tls, others: &Settings) -> TlsServer {
    for _ in 0..ATTEMPTS {
        let port = free_port();
        // A server with a TLS port has no other, unless it is named.
        let tls = Tls { port: port.into(), ..options.clone() };
        let settings = Settings { tls, port: free_port().into(), ..others.clone() };
        match Running::try_with(settings, None) {
            Ok(running) => return TlsServer { running, port },
            Err(nearhit::server::RunError::Bind(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("no free port");
}

type TlsClient = Client<StreamOwned<ClientConnection, TcpStream>>;

impl TlsServer {
    fn usual() -> Self {
        start_tls(CERTIFICATES.options(), &settings())
    }

    fn socket(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).expect("the server listens")
    }

    fn connect_as(&self, config: &Arc<ClientConfig>) -> TlsClient {
        let name = ServerName::try_from("localhost").expect("it is a name");
        let session = ClientConnection::new(Arc::clone(config), name).expect("it can be made");
        Client(StreamOwned::new(session, self.socket()))
    }

    fn connect_tls(&self) -> TlsClient {
        self.connect_as(&CERTIFICATES.client(None, BOTH))
    }

    /// Whether a client that knows this is served.
    fn serves(&self, config: &Arc<ClientConfig>) -> bool {
        let mut client = self.connect_as(config);
        let sent = client.0.write_all(b"PING\r\n").and_then(|()| client.0.flush());
        let mut reply = [0; 7];
        sent.and_then(|()| client.0.read_exact(&mut reply)).is_ok() && &reply == b"+PONG\r\n"
    }

    fn handshake_failures(&self) -> u64 {
        self.server.traffic.iter().map(|traffic| traffic.tls_handshake_failures.get()).sum()
    }

    /// The rest of the server goes on, and so many handshakes have failed.
    fn expect_failures(&self, failures: u64) {
        wait_until("the handshakes have failed", || self.handshake_failures() == failures);
        wait_until("their clients are gone", || self.server.clients.is_empty());
        self.connect_tls().ask(&["PING"], "+PONG\r\n");
        self.connect().ask(&["PING"], "+PONG\r\n");
    }
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn both_versions_are_served_and_each_can_be_the_only_one() {
    let versions = [&version::TLS12, &version::TLS13];
    for (protocols, served) in
        [(&[][..], [true, true]), (&["TLSv1.2"], [true, false]), (&["TLSv1.3"], [false, true])]
    {
        let protocols = protocols.iter().map(|&name| name.to_owned()).collect();
        let server = start_tls(Tls { protocols, ..CERTIFICATES.options() }, &settings());
        let found = versions.map(|version| server.serves(&CERTIFICATES.client(None, &[version])));
        assert_eq!(found, served);
    }
}

#[test]
fn certificates_of_clients_are_ignored_optional_or_required() {
    for (auth_clients, expected) in
        [("no", [true; 4]), ("optional", [true, true, false, false]), ("yes", [false, true, false, false])]
    {
        let server = start_tls(Tls { auth_clients, ..CERTIFICATES.options() }, &settings());
        for version in BOTH {
            let clients = [None, Some("alice"), Some("stranger"), Some("expired")];
            let found = clients.map(|own| server.serves(&CERTIFICATES.client(own, &[*version])));
            assert_eq!(found, expected, "{auth_clients} {version:?}");
        }
    }
}

#[test]
fn a_certificate_says_which_user_a_client_is() {
    let options = Tls { auth_clients: "optional", auth_clients_user: "CN", ..CERTIFICATES.options() };
    let server = start_tls(options, &Settings { requirepass: "secret".into(), ..settings() });
    let mut operator = server.connect();
    operator.ask(&["AUTH", "secret"], "+OK\r\n");
    let who = |own| {
        let mut client = server.connect_as(&CERTIFICATES.client(own, BOTH));
        client.request(&["ACL", "WHOAMI"]);
        let reply = client.line();
        if reply == "$5\r\n" { client.line() } else { reply }
    };
    let none = "-NOAUTH Authentication required.\r\n";
    // There is no such user, then it is off, then it is on; and none without a certificate.
    assert_eq!((who(Some("alice")), who(None)), (none.into(), none.into()));
    operator.ask(&["ACL", "SETUSER", "alice", "off", "+acl|whoami"], "+OK\r\n");
    assert_eq!(who(Some("alice")), none);
    operator.ask(&["ACL", "SETUSER", "alice", "on"], "+OK\r\n");
    assert_eq!((who(Some("alice")), who(None)), ("alice\r\n".into(), none.into()));
    let stats = operator.bulk(&["INFO", "stats"]);
    assert!(stats.contains("\r\nacl_access_denied_tls_cert:2\r\n"), "{stats}");
    // It has the rights of this user, and goes when the user does.
    let mut alice = server.connect_as(&CERTIFICATES.client(Some("alice"), BOTH));
    alice.request(&["GET", "k"]);
    assert!(alice.line().starts_with("-NOPERM"));
    operator.ask(&["ACL", "DELUSER", "alice"], ":1\r\n");
    assert_eq!(alice.0.read(&mut [0; 16]).expect("the end is announced"), 0);
}

#[test]
fn a_folder_of_authorities_is_one_too_and_without_any_there_is_no_server() {
    let folder = CERTIFICATES.folder.path().to_str().expect("the path is text").to_owned();
    let options = CERTIFICATES.options();
    let of_folder = Tls { ca_cert_file: String::new(), auth_clients: "yes", ..options.clone() };
    let server = start_tls(Tls { ca_cert_dir: folder, ..of_folder.clone() }, &settings());
    assert!(server.serves(&CERTIFICATES.client(Some("alice"), BOTH)));
    assert!(!server.serves(&CERTIFICATES.client(None, BOTH)));
    let refused = |tls: Tls| {
        let tls = Tls { port: 1, ..tls };
        nearhit::server::start(Settings { tls, ..settings() }).err().expect("it cannot be used").to_string()
    };
    assert!(refused(of_folder).contains("tls-auth-clients: 'yes' needs tls-ca-cert-file"));
    assert!(
        refused(Tls { key_file: CERTIFICATES.text("alice.key"), ..options.clone() })
            .contains("is not the key")
    );
    assert!(
        refused(Tls { key_file: CERTIFICATES.text("alice.crt"), ..options.clone() })
            .contains("no private key")
    );
    assert!(
        refused(Tls { cert_file: String::new(), ..options.clone() })
            .contains("tls-cert-file: it must be set")
    );
    assert!(refused(Tls { cert_file: "/dev/zero".into(), ..options }).contains("it is no file"));
}

#[test]
fn certificates_are_read_again_while_connections_live() {
    let own = Certificates::new();
    let server = start_tls(own.options(), &settings());
    let client = own.client(None, BOTH);
    let certificate = || {
        let mut client = server.connect_as(&client);
        client.ask(&["PING"], "+PONG\r\n");
        client.0.conn.peer_certificates().expect("the server has one")[0].to_vec()
    };
    let first = certificate();
    let mut lives = server.connect_as(&client);
    lives.ask(&["PING"], "+PONG\r\n");
    // The same path is read again.
    own.renew("server", "server");
    lives.ask(&["CONFIG", "SET", "tls-cert-file", &own.text("server.crt")], "+OK\r\n");
    let second = certificate();
    assert_ne!(first, second);
    // A broken file, and one that does not fit, leave what there is.
    own.write("server.crt", "-----BEGIN CERTIFICATE-----\nnonsense\n");
    server.server.config.reload().expect_err("the file is broken");
    lives.request(&["CONFIG", "SET", "tls-key-file", &own.text("alice.key")]);
    let error = lives.line();
    assert!(error.contains("'tls-cert-file'") && error.contains("server.crt' is no PEM file"), "{error}");
    assert_eq!(certificate(), second);
    own.renew("server", "server");
    server.server.config.reload().expect("the files are whole again");
    assert_ne!(certificate(), second);
    lives.ask(&["PING"], "+PONG\r\n");
}

#[test]
fn clients_of_an_authority_that_was_replaced_do_not_come_back() {
    let own = Certificates::new();
    let options = Tls { auth_clients: "yes", ..own.options() };
    let server = start_tls(options, &settings());
    let alice = own.client(Some("alice"), BOTH);
    assert!(server.serves(&alice));
    let (_, other) = Authority::new("another authority");
    own.write("other.crt", &other);
    server.connect().ask(&["CONFIG", "SET", "tls-ca-cert-file", &own.text("other.crt")], "+OK\r\n");
    // It has a ticket of its first connection.
    assert!(!server.serves(&alice));
}

#[test]
fn clients_come_back_with_a_short_handshake_unless_that_is_switched_off() {
    for (session_caching, expected) in [(true, HandshakeKind::Resumed), (false, HandshakeKind::Full)] {
        let server = start_tls(Tls { session_caching, ..CERTIFICATES.options() }, &settings());
        for version in BOTH {
            let config = CERTIFICATES.client(None, &[*version]);
            let kinds = [(); 2].map(|()| {
                let mut client = server.connect_as(&config);
                client.ask(&["PING"], "+PONG\r\n");
                client.0.conn.handshake_kind().expect("it is complete")
            });
            assert_eq!(kinds, [HandshakeKind::Full, expected], "{version:?}");
        }
    }
}

#[test]
fn the_port_of_tls_can_be_moved_and_be_the_only_one() {
    let server = TlsServer::usual();
    let mut client = server.connect_tls();
    let plain = server.address.port();
    let refused = "-ERR CONFIG SET failed (possibly related to argument 'tls-port') - \
                   Unable to listen on this port. Check server logs.\r\n";
    client.ask(&["CONFIG", "SET", "tls-port", &plain.to_string()], refused);
    server.connect_tls().ask(&["PING"], "+PONG\r\n");
    client.ask(&["CONFIG", "SET", "port", "0"], "+OK\r\n");
    assert!(TcpStream::connect(server.address).is_err(), "the plain port is closed");
    let info = client.bulk(&["INFO", "server"]);
    let listener = format!("listener2:name=tls,bind=127.0.0.1,port={}\r\n", server.port);
    assert!(info.contains(&listener) && !info.contains("listener0"), "{info}");
    assert!(info.contains(&format!("tcp_port:{}\r\n", server.port)), "{info}");
    server.connect_tls().ask(&["PING"], "+PONG\r\n");
    client.request(&["CONFIG", "SET", "tls-port", "0"]);
    assert!(client.line().starts_with("-ERR CONFIG SET failed"), "there would be no way in");
    client.ask(&["CONFIG", "SET", "port", &plain.to_string(), "tls-port", "0"], "+OK\r\n");
    assert!(TcpStream::connect(("127.0.0.1", server.port)).is_err(), "the TLS port is closed");
    server.connect().ask(&["PING"], "+PONG\r\n");
    client.ask(&["PING"], "+PONG\r\n");
}

#[test]
fn a_long_pipeline_of_long_replies_is_answered_in_order() {
    for version in BOTH {
        let server = TlsServer::usual();
        let mut client = server.connect_as(&CERTIFICATES.client(None, &[*version]));
        let value = |number: usize| number.to_string().repeat(300);
        let sets: Vec<u8> = (0..3000).flat_map(|n| encode(&["SET", &format!("k{n}"), &value(n)])).collect();
        client.send(&sets);
        client.expect(b"+OK\r\n".repeat(3000));
        let gets: Vec<u8> = (0..3000).flat_map(|n| encode(&["GET", &format!("k{n}")])).collect();
        client.send(&gets);
        let replies: String =
            (0..3000).map(value).map(|value| format!("${}\r\n{value}\r\n", value.len())).collect();
        client.expect(replies);
        // One argument and one reply, longer than all buffers.
        let long = "x".repeat(3_000_000);
        client.ask(&["SET", "long", &long], "+OK\r\n");
        client.ask(&["GET", "long"], &format!("${}\r\n{long}\r\n", long.len()));
    }
}

#[test]
fn many_clients_on_many_threads_get_their_own_replies() {
    let server = start_tls(CERTIFICATES.options(), &support::settings(4, 1));
    std::thread::scope(|scope| {
        for number in 0..16 {
            let server = &server;
            scope.spawn(move || {
                let mut client = server.connect_tls();
                for round in 0..300 {
                    let text = format!("{number}-{round}");
                    client.ask(&["ECHO", &text], &format!("${}\r\n{text}\r\n", text.len()));
                }
            });
        }
    });
}

#[test]
fn a_client_that_does_not_read_is_disconnected_at_its_limit() {
    let limit = OutputLimit { hard_bytes: 1 << 20, ..OutputLimit::default() };
    let limits = Settings { client_output_buffer_limit: of_normal(limit), ..settings() };
    let server = start_tls(CERTIFICATES.options(), &limits);
    let mut observer = server.connect();
    observer.ask(&["SET", "k", &"x".repeat(100_000)], "+OK\r\n");
    let mut client = server.connect_tls();
    client.ask(&["PING"], "+PONG\r\n");
    let closed =
        || server.server.traffic.iter().map(|traffic| traffic.output_buffer_closed.get()).sum::<u64>();
    // What it is sent fills the sockets first.
    for _ in 0..10_000 {
        if closed() > 0 || client.0.write_all(b"GET k\r\n").is_err() {
            break;
        }
    }
    wait_until("it is disconnected", || closed() == 1);
    observer.ask(&["PING"], "+PONG\r\n");
}

#[test]
fn a_slow_reader_gets_all_in_the_end() {
    let server = TlsServer::usual();
    let value = "x".repeat(100_000);
    server.connect().ask(&["SET", "k", &value], "+OK\r\n");
    let mut client = server.connect_tls();
    client.send(b"GET k\r\n".repeat(300));
    let output = || server.server.clients.list().iter().map(|info| info.waiting_bytes()).max().unwrap_or(0);
    wait_until("replies wait", || output() > 1 << 20);
    let reply = format!("${}\r\n{value}\r\n", value.len());
    client.expect(reply.repeat(300));
    wait_until("none waits any more", || output() == 0);
}

#[test]
fn monitors_and_subscribers_get_what_they_did_not_ask_for() {
    let server = TlsServer::usual();
    let mut subscriber = server.connect_tls();
    subscriber.ask(&["SUBSCRIBE", "c"], "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
    let mut monitor = server.connect_tls();
    monitor.ask(&["MONITOR"], "+OK\r\n");
    let mut client = server.connect_tls();
    let text = "x".repeat(200_000);
    for _ in 0..20 {
        client.ask(&["PUBLISH", "c", &text], ":1\r\n");
    }
    let message = format!("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n${}\r\n{text}\r\n", text.len());
    subscriber.expect(message.repeat(20));
    for _ in 0..20 {
        let mut line = String::new();
        std::io::BufReader::with_capacity(1, &mut monitor.0).read_line(&mut line).expect("it is text");
        assert!(line.contains("\"PUBLISH\" \"c\" \"xxx"), "{}", &line[..100.min(line.len())]);
    }
}

#[test]
fn a_client_that_says_that_it_sends_no_more_gets_its_replies_and_a_farewell() {
    for version in BOTH {
        let server = TlsServer::usual();
        let mut client = server.connect_as(&CERTIFICATES.client(None, &[*version]));
        client.ask(&["PING"], "+PONG\r\n");
        client.0.write_all(&b"PING\r\n".repeat(100)).expect("the server reads");
        client.0.conn.send_close_notify();
        client.0.flush().expect("the server reads");
        client.expect(b"+PONG\r\n".repeat(100));
        // Without the farewell this would be an error.
        assert_eq!(client.0.read(&mut [0; 16]).expect("the end is announced"), 0);
        let mut quits = server.connect_tls();
        quits.ask(&["QUIT"], "+OK\r\n");
        assert_eq!(quits.0.read(&mut [0; 16]).expect("the end is announced"), 0);
    }
}

#[test]
fn a_client_that_is_cut_off_leaves() {
    let server = TlsServer::usual();
    let mut client = server.connect_tls();
    client.ask(&["PING"], "+PONG\r\n");
    client.0.sock.shutdown(Shutdown::Both).expect("it is connected");
    wait_until("it is gone", || server.server.clients.is_empty());
    let mut killed = server.connect_tls();
    killed.ask(&["PING"], "+PONG\r\n");
    server.connect().ask(&["CLIENT", "KILL", "TYPE", "normal"], ":1\r\n");
    assert_eq!(killed.0.read(&mut [0; 16]).expect("the end is announced"), 0);
}

#[test]
fn what_is_no_tls_ends_in_a_failed_handshake_and_costs_nobody_else() {
    let server = TlsServer::usual();
    let garbage: Vec<u8> = (0..100_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    // A record that announces more than it may, and a greeting that breaks off.
    let record = [0x16, 3, 1, 0xff, 0xff, 1, 2, 3];
    let broken = [0x16, 3, 1, 0, 4, 1, 0, 0, 0];
    for (number, bytes) in
        [&b"*1\r\n$4\r\nPING\r\n"[..], b"GET / HTTP/1.1\r\n\r\n", &garbage, &record, &broken]
            .iter()
            .enumerate()
    {
        let mut socket = Client(server.socket());
        // The server may close before it has read all.
        let _ = socket.0.write_all(bytes);
        let rest = socket.rest();
        assert!(!rest.contains("PONG"), "{rest:?}");
        drop(socket);
        server.expect_failures(number as u64 + 1);
    }
    // The other way round: TLS on the port without it.
    let plain = TlsServer { port: server.address.port(), running: Running::with(settings(), None) };
    assert!(!plain.serves(&CERTIFICATES.client(None, BOTH)));
}

#[test]
fn a_record_that_was_changed_on_its_way_ends_the_connection() {
    let server = TlsServer::usual();
    let mut client = server.connect_tls();
    client.ask(&["PING"], "+PONG\r\n");
    client.0.sock.write_all(&[0x17, 3, 3, 0, 32]).expect("the server reads");
    client.0.sock.write_all(&[7; 32]).expect("the server reads");
    assert!(client.0.read(&mut [0; 16]).is_err(), "an alert says why");
    wait_until("it is gone", || server.server.clients.is_empty());
}

#[test]
fn a_client_that_is_silent_in_its_handshake_is_disconnected() {
    let options = Tls { handshake_timeout_ms: 20, ..CERTIFICATES.options() };
    let server = start_tls(options, &settings());
    for (failures, bytes) in [(1, &b""[..]), (2, &[0x16, 3, 1])] {
        let mut silent = Client(server.socket());
        silent.send(bytes);
        assert_eq!(silent.rest(), "");
        wait_until("it has failed", || server.handshake_failures() == failures);
    }
}

#[test]
fn a_client_in_its_handshake_is_in_the_list_and_can_be_disconnected() {
    let server = TlsServer::usual();
    let mut silent = Client(server.socket());
    let mut observer = server.connect();
    wait_until("both are there", || observer.bulk(&["CLIENT", "LIST"]).lines().count() == 2);
    observer.ask(&["CLIENT", "KILL", "SKIPME", "yes"], ":1\r\n");
    assert_eq!(silent.rest(), "");
}

#[test]
fn a_client_in_its_handshake_makes_room_for_another() {
    let server = start_tls(CERTIFICATES.options(), &Settings { maxclients: 2, ..settings() });
    let mut first = server.connect_tls();
    first.ask(&["PING"], "+PONG\r\n");
    let mut silent = Client(server.socket());
    wait_until("both are there", || server.server.clients.len() == 2);
    let mut second = server.connect_tls();
    second.ask(&["PING"], "+PONG\r\n");
    assert_eq!(silent.rest(), "");
    // Those that are served stay, and whoever comes now is refused without a word.
    wait_until("the silent one is gone", || server.server.clients.len() == 2);
    assert!(!server.serves(&CERTIFICATES.client(None, BOTH)));
    first.ask(&["PING"], "+PONG\r\n");
}
