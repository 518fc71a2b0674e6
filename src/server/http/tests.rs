//! The HTTP port of a real server, spoken to through plain sockets.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::*;
use crate::commands::StopStep;
use crate::config::{Config, Settings};
use crate::keyspace::{Clock, Keyspace};

/// A port that is served until the end of the test.
struct Port {
    server: Arc<Server>,
    http: Option<Http>,
}

impl Port {
    fn open() -> Self {
        Self::with(Settings::defaults(), Times::default())
    }

    /// The system is asked for a free port, which another test may take meanwhile.
    fn with(settings: Settings, times: Times) -> Self {
        for _ in 0..20 {
            let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
            let http_port = u64::from(free.expect("there is a free port").port());
            let settings = Settings { http_port, http_bind: vec!["127.0.0.1".into()], ..settings.clone() };
            let server = Arc::new(Server::new(Config::new(settings), Keyspace::new(Clock::system())));
            if let Ok(http) = Http::start_with(&server, times) {
                return Self { server, http: Some(http) };
            }
        }
        panic!("no port stays free")
    }

    fn http(&self) -> &Http {
        self.http.as_ref().expect("it is open")
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(self.http().addresses()[0]).expect("it listens")
    }

    /// All that is sent back until the connection is closed.
    fn raw(&self, request: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).expect("it reads");
        rest_of(&mut stream)
    }

    /// Status and body of a GET with further headers, each with a line end.
    fn get(&self, path: &str, headers: &str) -> (u16, String) {
        let text = self
            .raw(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Connection: close\r\n\r\n"));
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {text}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.unwrap_or_else(|| panic!("no status: {head}")), body.to_owned())
    }

    fn status(&self, path: &str) -> u16 {
        self.get(path, "").0
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        if let Some(http) = self.http.take() {
            http.stop(JoinDeadline::of(None));
        }
    }
}

/// A connection that is reset has ended too.
fn rest_of(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn probes_follow_the_start_the_loading_and_the_end() {
    let port = Port::open();
    let statuses = || ["/healthz", "/startupz", "/readyz"].map(|path| port.status(path));
    assert_eq!(statuses(), [200, 503, 503]);
    port.http().stage().listening();
    assert_eq!(statuses(), [200, 200, 503]);
    port.http().stage().loaded();
    assert_eq!(statuses(), [200, 200, 200]);
    port.server.loading.begin(100);
    assert_eq!(port.get("/readyz", ""), (503, "loading: 0 %\n".into()));
    port.server.loading.end();
    port.server.stop.enter(StopStep::Saving);
    assert_eq!(port.get("/readyz", ""), (503, "stopping: waiting for the final RDB snapshot\n".into()));
    assert_eq!(port.status("/healthz"), 200);
    port.server.stop.abandon();
    assert_eq!(statuses(), [200, 200, 200]);
}

#[test]
fn metrics_are_text_of_prometheus() {
    let port = Port::open();
    let text = port.raw("GET /metrics?x=y HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    assert!(
        text.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n")
    );
    assert!(text.contains("\nredis_up 1\n") && text.contains("\nnearhit_vector_sets 0\n"));
    let (status, body) = port.get("/metrics", "");
    assert!(status == 200 && body.contains("\nredis_exporter_scrapes_total 2\n"));
}

#[test]
fn unknown_paths_and_methods_have_their_statuses() {
    let port = Port::open();
    assert_eq!([port.status("/nothing"), port.status("//healthz")], [404, 404]);
    let text = port.raw("DELETE /metrics HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert!(
        text.starts_with("HTTP/1.1 405 Method Not Allowed\r\n") && text.contains("\r\nAllow: GET, HEAD\r\n")
    );
    let text = port.raw("HEAD /healthz HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert!(text.contains("\r\nContent-Length: 3\r\n") && text.ends_with("\r\n\r\n"), "{text}");
}

#[test]
fn requests_follow_each_other_on_one_connection() {
    let port = Port::open();
    let one = "GET /healthz HTTP/1.1\r\n\r\n";
    let text = port.raw(&format!("{one}{one}GET /healthz HTTP/1.0\r\n\r\n{one}"));
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 3, "{text}");
    // A body that is not read ends the connection, so that it is no request.
    let text = port.raw(&format!("GET /healthz HTTP/1.1\r\nContent-Length: 400000\r\n\r\n{one}"));
    assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{text}");
    assert!(text.starts_with("HTTP/1.1 413 "), "{text}");
}

#[test]
fn whoever_lacks_the_password_gets_the_probes_only() {
    let settings = Settings { requirepass: "pa:ss".into(), ..Settings::defaults() };
    let port = Port::with(settings, Times::default());
    let status = |header: &str| port.get("/metrics", header).0;
    assert_eq!((status(""), port.status("/nothing")), (401, 401));
    assert_eq!(status("Authorization: Bearer wrong\r\n"), 401);
    assert_eq!(status("Authorization: Basic b3RoZXI6cGE6c3M=\r\n"), 401);
    assert_eq!(status("Authorization: Bearer pa:ss\r\n"), 200);
    assert_eq!(status("Authorization: Basic ZGVmYXVsdDpwYTpzcw==\r\n"), 200);
    assert_eq!(port.status("/healthz"), 200);
    let text = port.raw("GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert!(text.contains("\r\nWWW-Authenticate: Basic realm=\"nearhit\""), "{text}");
    assert!(!text.contains("redis_"), "{text}");
    let wrong: u64 = port.server.traffic.iter().map(|traffic| traffic.wrong_passwords.get()).sum();
    assert_eq!(wrong, 1);
    port.server.config.set(&[("requirepass", "")]).expect("it can be changed");
    assert_eq!(status(""), 200);
}

#[test]
fn protected_mode_asks_for_this_machine_by_its_own_name() {
    let port = Port::open();
    let status = |host: &str| {
        let text = port.raw(&format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
        text.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!([status("localhost:9121"), status("127.0.0.1"), status("[::1]:80")], ["200", "200", "200"]);
    assert_eq!(status("rebound.example.com"), "403");
    port.server.config.set(&[("protected-mode", "no")]).expect("it can be changed");
    assert_eq!(status("metrics.example.com"), "200");
}

#[test]
fn another_machine_is_refused_in_protected_mode() {
    let server = Server::new(Config::from(Settings::defaults()), Keyspace::new(Clock::system()));
    server.config.set(&[("protected-mode", "yes")]).expect("it can be changed");
    let head = head::Head::parse(b"GET /metrics HTTP/1.1\r\n\r\n").expect("it is well-formed");
    let check = |peer: &str| access::check(&server, peer.parse().expect("an address"), &head);
    assert_eq!(check("192.0.2.1"), Err(access::Denied::Protected));
    assert_eq!([check("127.0.0.1"), check("::1"), check("::ffff:127.0.0.2")], [Ok(()), Ok(()), Ok(())]);
    server.config.set(&[("requirepass", "x")]).expect("it can be changed");
    assert_eq!(check("192.0.2.1"), Err(access::Denied::NoPassword));
}

#[test]
fn the_page_is_guarded_and_takes_nothing_from_elsewhere() {
    let settings = Settings { requirepass: "secret".into(), ..Settings::defaults() };
    let port = Port::with(settings, Times::default());
    for path in ["/", "/page.css", "/page.js", "/charts.js", "/format.js", "/api/overview", "/api/search"] {
        assert_eq!(port.status(path), 401, "{path}");
        let search = path == "/api/search";
        let status = port.get(path, "Authorization: Bearer secret\r\n").0;
        assert_eq!(status, if search { 405 } else { 200 }, "{path}");
    }
    let text = port.raw("GET / HTTP/1.0\r\nAuthorization: Bearer secret\r\n\r\n");
    assert!(text.contains("\r\nContent-Security-Policy: default-src 'none'; script-src 'self';"), "{text}");
    let (_, page) = text.split_once("\r\n\r\n").expect("it has a body");
    let script =
        [include_str!("page/page.js"), include_str!("page/charts.js"), include_str!("page/format.js")];
    for text in [page, include_str!("page/page.css")].into_iter().chain(script) {
        let without_names = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!without_names.contains("http:") && !without_names.contains("https:"), "{text}");
        assert!(
            !text.contains("innerHTML") && !text.contains("style=\"") && !text.contains("eval("),
            "{text}"
        );
    }
}

#[test]
fn a_search_is_sent_by_the_page() {
    let port = Port::open();
    let send = |headers: &str, body: &str| {
        let len = body.len();
        port.raw(&format!(
            "POST /api/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len}\r\n{headers}Connection: close\r\n\r\n{body}"
        ))
    };
    let text = send("X-Nearhit: 1\r\n", "key=v&element=a");
    assert!(text.starts_with("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"), "{text}");
    assert!(text.contains("\"hits\":[]}"), "{text}");
    let text = send("X-Nearhit: 1\r\nExpect: 100-continue\r\n", "key=v");
    assert!(text.contains("HTTP/1.1 400 Bad Request\r\n"), "{text}");
    // A form of another site cannot have the header.
    assert!(send("", "key=v&element=a").starts_with("HTTP/1.1 403 "));
    let long = format!("key=v&vector={}", "1+".repeat(100_000));
    assert!(send("X-Nearhit: 1\r\n", &long).contains("\"hits\":[]}"));
}

#[test]
fn endless_heads_are_refused() {
    let port = Port::open();
    let line = format!("X-{}: y\r\n", "a".repeat(1000));
    let text = port.raw(&format!("GET /healthz HTTP/1.1\r\n{}", line.repeat(17)));
    assert!(text.starts_with("HTTP/1.1 431 "), "{text}");
    let text = port.raw(&format!("GET /healthz HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(65)));
    assert!(text.starts_with("HTTP/1.1 431 "), "{text}");
    assert!(port.raw("nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
    assert!(port.raw("*1\r\n$4\r\nPING\r\n\r\n").starts_with("HTTP/1.1 400 "));
}

/// Nine hundred connections that say nothing, or never end what they say.
#[test]
fn silent_and_slow_clients_are_closed_for_new_ones() {
    let port = Port::open();
    let mut slow: Vec<TcpStream> = (0..900).map(|_| port.connect()).collect();
    for stream in slow.iter_mut().step_by(2) {
        // It fails if that one was closed already.
        let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nX-");
    }
    assert_eq!(port.status("/healthz"), 200);
    assert_eq!(port.get("/metrics", "").0, 200);
    assert_eq!(rest_of(&mut slow[0]), "");
    // None of them is a client of Redis.
    assert_eq!(port.server.clients.len(), 0);
}

#[test]
fn who_takes_too_long_is_closed() {
    let [request, idle] = [20, 40].map(Duration::from_millis);
    let port = Port::with(Settings::defaults(), Times { request, idle, ..Times::default() });
    let mut silent = port.connect();
    assert_eq!(rest_of(&mut silent), "");
    assert_eq!(port.raw("GET /healthz HTTP/1.1\r\nX-"), "");
    let text = port.raw("GET /healthz HTTP/1.1\r\n\r\n");
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 1, "{text}");
    assert_eq!(port.raw("POST /healthz HTTP/1.1\r\nContent-Length: 5\r\n\r\nabc"), "");
}

#[test]
fn without_the_option_there_is_no_port() {
    let server = Arc::new(Server::new(Config::from(Settings::defaults()), Keyspace::new(Clock::system())));
    let http = Http::start(&server).expect("there is nothing to open");
    assert_eq!(http.addresses(), []);
    http.stop(JoinDeadline::of(None));
}

#[test]
fn an_address_that_is_taken_is_an_error() {
    let port = Port::open();
    let taken = port.http().addresses()[0].port();
    let settings =
        Settings { http_port: taken.into(), http_bind: vec!["127.0.0.1".into()], ..Settings::defaults() };
    let server = Arc::new(Server::new(Config::new(settings), Keyspace::new(Clock::system())));
    let refused = Http::start(&server).err().expect("it is taken");
    assert!(refused.to_string().contains("cannot listen on 127.0.0.1:"), "{refused}");
}
