//! Clients that do not read, or have not given the password: what they may hold, and that the others are not harmed.

use std::time::{Duration, Instant};

use super::*;

/// How long something may take that happens at once on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something is so.
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn protected() -> Settings {
    Settings { requirepass: "secret".to_owned(), ..settings() }
}

/// The figure of this name in a line of CLIENT LIST or a section of INFO.
fn figure(text: &str, name: &str) -> Option<u64> {
    let mut words = text.split([' ', '\r', '\n']);
    let value = words.find_map(|word| word.strip_prefix(name)?.strip_prefix(['=', ':']))?;
    value.parse().ok()
}

#[test]
fn a_client_without_the_password_is_disconnected_when_it_does_not_read() {
    let running = start(protected());
    let mut operator = running.connect();
    operator.ask(&["AUTH", "secret"], "+OK\r\n");
    let mut client = running.connect();
    let requests = b"GET a\r\n".repeat(1000);
    // Its replies fill the sockets first; what waits in the server is 1,024 bytes and one slice of work.
    let mut longest = 0;
    wait_until("the server hangs up", || {
        longest = longest.max(figure(&operator.bulk(&["CLIENT", "LIST"]), "omem").unwrap_or(0));
        client.0.write_all(&requests).is_err()
    });
    let stats = operator.bulk(&["INFO", "stats"]);
    assert_eq!(figure(&stats, "client_output_buffer_limit_disconnections"), Some(1), "{stats}");
    assert!(longest <= 16 * 1024, "{longest} bytes waited for it");
}

#[test]
fn a_client_that_reads_may_pipeline_before_it_gives_the_password() {
    let running = start(protected());
    let mut client = running.connect();
    client.send([b"GET a\r\n".repeat(5000), encode(&["AUTH", "secret"]), encode(&["GET", "a"])].concat());
    client.expect(
        [b"-NOAUTH Authentication required.\r\n".repeat(5000).as_slice(), b"+OK\r\n$-1\r\n"].concat(),
    );
}

#[test]
fn a_client_that_has_given_the_password_once_may_be_slow() {
    let running = start(protected());
    let mut operator = running.connect();
    operator.ask(&["AUTH", "secret"], "+OK\r\n");
    let mut client = running.connect();
    client.send([encode(&["AUTH", "secret"]), encode(&["RESET"])].concat());
    let requests = b"GET a\r\n".repeat(1000);
    let mut sent = 0;
    wait_until("more waits than a client may leave that was never authenticated", || {
        client.send(&requests);
        sent += 1000;
        figure(&operator.bulk(&["CLIENT", "INFO"]), "omem") == Some(0)
            && operator.bulk(&["CLIENT", "LIST"]).lines().any(|line| figure(line, "omem") > Some(16 * 1024))
    });
    client.expect("+OK\r\n+RESET\r\n");
    client.expect(b"-NOAUTH Authentication required.\r\n".repeat(sent));
}

#[test]
fn a_client_without_the_password_may_send_little() {
    let running = start(protected());
    for (request, error) in [
        ("*11\r\n", "-ERR Protocol error: unauthenticated multibulk length\r\n"),
        ("*1\r\n$16385\r\n", "-ERR Protocol error: unauthenticated bulk length\r\n"),
    ] {
        let mut client = running.connect();
        client.send(request);
        client.expect(error);
        client.expect_end();
    }
    for request in [&["MULTI"][..], &["MONITOR"], &["CLIENT", "SETNAME", "x"]] {
        running.connect().ask(request, "-NOAUTH Authentication required.\r\n");
    }
    running.connect().ask(&["HELLO", "3", "SETNAME", "x"], "-NOAUTH HELLO must be called with the client");
}

#[test]
fn clients_without_the_password_do_not_keep_others_out() {
    let running = start(Settings { maxclients: 8, ..protected() });
    let mut known = running.connect();
    known.ask(&["AUTH", "secret"], "+OK\r\n");
    let mut strangers: Vec<_> = (0..7).map(|_| running.connect()).collect();
    wait_until("all are connected", || running.server.clients.len() == 8);
    let mut newcomer = running.connect();
    newcomer.ask(&["AUTH", "secret"], "+OK\r\n");
    strangers[0].expect_end();
    strangers[1].ask(&["PING"], "-NOAUTH Authentication required.\r\n");
    known.ask(&["PING"], "+PONG\r\n");
}

#[test]
fn a_full_server_without_a_password_refuses_newcomers() {
    let running = start(Settings { maxclients: 1, ..settings() });
    let mut first = running.connect();
    first.ask(&["PING"], "+PONG\r\n");
    running.connect().expect("-ERR max number of clients reached\r\n");
    first.ask(&["PING"], "+PONG\r\n");
}

/// As Redis 8.6.2 answers them, except that it never closes the connection after a `QUIT` without a reply.
#[test]
fn client_reply_is_what_it_is_in_redis() {
    let running = start(settings());
    const SKIP: &str = "CLIENT REPLY SKIP";
    const ON: &str = "CLIENT REPLY ON";
    const OFF: &str = "CLIENT REPLY OFF";
    const QUEUED: &str = "+OK\r\n+QUEUED\r\n+QUEUED\r\n";
    let cases: &[(&[&str], &str)] = &[
        (&[SKIP, ON, "PING"], "+OK\r\n+PONG\r\n"),
        (&[SKIP, OFF, "PING", ON, "ECHO x"], "+OK\r\n$1\r\nx\r\n"),
        (&[SKIP, SKIP, "ECHO 1", "ECHO 2"], "$1\r\n2\r\n"),
        (&[OFF, SKIP, ON, "ECHO 1", "ECHO 2"], "+OK\r\n$1\r\n1\r\n$1\r\n2\r\n"),
        (&[SKIP, "NONSENSE", "ECHO 2"], "$1\r\n2\r\n"),
        (&[SKIP, "CLIENT REPLY x", "ECHO 2"], "$1\r\n2\r\n"),
        (&[OFF, "CLIENT REPLY x", "HELLO 2", ON], "+OK\r\n"),
        (&[SKIP, "MULTI", "ECHO 1", "EXEC", "ECHO 2"], "+QUEUED\r\n*1\r\n$1\r\n1\r\n$1\r\n2\r\n"),
        (
            &["MULTI", SKIP, "ECHO 1", "EXEC", "ECHO 2", "ECHO 3"],
            &[QUEUED, "*2\r\n$1\r\n1\r\n$1\r\n3\r\n"].concat(),
        ),
        (
            &["MULTI", OFF, "ECHO 1", "EXEC", "ECHO 2", ON, "ECHO 3"],
            &[QUEUED, "*2\r\n+OK\r\n$1\r\n3\r\n"].concat(),
        ),
        (&["MULTI", SKIP, ON, "EXEC", "ECHO 1", "ECHO 2"], &[QUEUED, "*2\r\n+OK\r\n$1\r\n2\r\n"].concat()),
        (&[OFF, "MULTI", ON, "ECHO 1", "EXEC", "ECHO 2"], "+OK\r\n$1\r\n1\r\n$1\r\n2\r\n"),
        (&["MULTI", "ECHO 1", SKIP, "DISCARD", "ECHO 3"], &[QUEUED, "+OK\r\n$1\r\n3\r\n"].concat()),
        (&[SKIP, "RESET", "ECHO 1"], "$1\r\n1\r\n"),
        (&[OFF, "RESET", "ECHO 1"], "+RESET\r\n$1\r\n1\r\n"),
        (&[SKIP, "QUIT"], ""),
        (&[OFF, "QUIT"], ""),
    ];
    for (requests, replies) in cases {
        let mut client = running.connect();
        let words = |request: &&str| encode(&request.split(' ').collect::<Vec<_>>());
        client.send(requests.iter().flat_map(words).collect::<Vec<_>>());
        client.request(&["QUIT"]);
        let rest = client.rest();
        assert_eq!(rest.strip_suffix("+OK\r\n").unwrap_or(&rest), *replies, "{requests:?}");
    }
}

#[test]
fn a_client_without_replies_that_breaks_the_protocol_is_disconnected_without_a_word() {
    let running = start(settings());
    let mut client = running.connect();
    client.request(&["CLIENT", "REPLY", "OFF"]);
    client.send("*1\r\nx4\r\n");
    client.expect_end();
}

#[test]
fn a_monitor_without_replies_sees_nothing() {
    let running = start(settings());
    let (mut monitor, mut client) = (running.connect(), running.connect());
    let address = client.0.local_addr().expect("it is connected");
    monitor.ask(&["MONITOR"], "+OK\r\n");
    let sees = |monitor: &mut Client<TcpStream>, words: &str| {
        let line = monitor.line();
        assert!(line.ends_with(&format!("] {words}\r\n")), "{line}");
        line.contains(&address.to_string())
    };
    monitor.send([encode(&["CLIENT", "REPLY", "OFF"]), encode(&["PING"])].concat());
    wait_until("nothing is written to it", || {
        running.server.clients.list()[0].is_silent.load(std::sync::atomic::Ordering::Relaxed)
    });
    client.ask(&["ECHO", "1"], "$1\r\n1\r\n");
    monitor.ask(&["CLIENT", "REPLY", "ON"], "+OK\r\n");
    sees(&mut monitor, r#""CLIENT" "REPLY" "ON""#);
    client.ask(&["ECHO", "2"], "$1\r\n2\r\n");
    assert!(sees(&mut monitor, r#""ECHO" "2""#));
    monitor.request(&["CLIENT", "REPLY", "SKIP"]);
    sees(&mut monitor, r#""CLIENT" "REPLY" "SKIP""#);
    monitor.send([encode(&["ECHO", "3"]), encode(&["ECHO", "4"])].concat());
    monitor.expect("$1\r\n4\r\n");
    sees(&mut monitor, r#""ECHO" "4""#);
}

#[test]
fn an_idle_client_is_closed_when_its_time_is_over() {
    let running = start(Settings { timeout: 1, ..settings() });
    let mut client = running.connect();
    client.ask(&["PING"], "+PONG\r\n");
    let began = Instant::now();
    client.expect_end();
    assert!(began.elapsed() >= Duration::from_millis(900), "{:?}", began.elapsed());
}
