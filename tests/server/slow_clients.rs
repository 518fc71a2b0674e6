//! Clients that do not read, or have not given the password: what they may hold, and that the
//! others are not harmed.

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
    // Its replies fill the sockets first; what waits in the server is 1,024 bytes and one slice of
    // work.
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
    let mut newcomers: Vec<_> = (0..7).map(|_| running.connect()).collect();
    wait_until("all are connected", || running.server.clients.len() == 8);
    let mut newcomer = running.connect();
    newcomer.ask(&["AUTH", "secret"], "+OK\r\n");
    newcomers[0].expect_end();
    newcomers[1].ask(&["PING"], "-NOAUTH Authentication required.\r\n");
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

/// As Redis 8.6.2 answers them, except that it never closes the connection after a `QUIT` without a
/// reply.
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
    let mut monitor = running.connect();
    let mut client = running.connect();
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

const MB: usize = 1 << 20;

/// The line of CLIENT LIST of the client at this end.
fn line_of(operator: &mut Client<TcpStream>, client: &Client<TcpStream>) -> String {
    let address = client.0.local_addr().expect("it is connected");
    let list = operator.bulk(&["CLIENT", "LIST"]);
    // Empty while it is not listed yet.
    list.lines().find(|line| line.contains(&format!(" addr={address} "))).unwrap_or_default().to_owned()
}

/// A string of this length and one byte, as a reply.
fn bulk_of(byte: u8, len: usize) -> Vec<u8> {
    [format!("${len}\r\n").into_bytes(), vec![byte; len], b"\r\n".to_vec()].concat()
}

#[test]
fn long_values_that_are_not_read_take_no_memory_of_their_own() {
    const REQUESTS: usize = 200;
    let running = start(settings());
    let mut operator = running.connect();
    // A value that is kept compressed has to be decompressed for each reply.
    operator.ask(&["CONFIG", "SET", "compression-threshold", "0"], "+OK\r\n");
    operator.ask(&["SET", "k", &"x".repeat(MB)], "+OK\r\n");
    let mut slow = running.connect();
    slow.send(encode(&["GET", "k"]).repeat(REQUESTS));
    let mut line = String::new();
    wait_until("the server stops to answer", || {
        line = line_of(&mut operator, &slow);
        figure(&line, "omem") > Some(32 << 20)
    });
    assert!(figure(&line, "omem") <= Some(34 << 20), "{line}");
    assert!(figure(&line, "tot-mem") <= Some(1 << 18), "{line}");
    let memory = operator.bulk(&["INFO", "memory"]);
    assert!(figure(&memory, "mem_clients_normal") <= Some(1 << 19), "{memory}");
    for _ in 0..REQUESTS {
        slow.expect(bulk_of(b'x', MB));
    }
    wait_until("nothing waits any more", || figure(&line_of(&mut operator, &slow), "omem") == Some(0));
}

#[test]
fn short_values_that_are_not_read_take_as_much_as_is_counted() {
    const REQUESTS: usize = 6000;
    let running = start(settings());
    let mut operator = running.connect();
    operator.ask(&["SET", "k", &"x".repeat(10_000)], "+OK\r\n");
    let mut slow = running.connect();
    slow.send(encode(&["GET", "k"]).repeat(REQUESTS));
    let mut line = String::new();
    wait_until("the server stops to answer", || {
        line = line_of(&mut operator, &slow);
        figure(&line, "omem") > Some(32 << 20)
    });
    let waiting = figure(&line, "omem").unwrap_or(0);
    let total = figure(&line, "tot-mem").unwrap_or(0);
    assert!(waiting <= 34 << 20 && total >= waiting && total <= waiting + (1 << 18), "{line}");
    for _ in 0..REQUESTS {
        slow.expect(bulk_of(b'x', 10_000));
    }
}

#[test]
fn a_client_may_send_long_requests_for_longer_replies_before_it_reads_any() {
    const REQUESTS: usize = 100;
    let running = start(settings());
    let mut client = running.connect();
    client.ask(&["SET", "k", &"x".repeat(MB)], "+OK\r\n");
    // More than the sockets hold when the server has enough replies waiting.
    client.send(encode(&["MGET", "k", &"y".repeat(130_000)]).repeat(REQUESTS));
    let reply = [b"*2\r\n", &*bulk_of(b'x', MB), b"$-1\r\n"].concat();
    (0..REQUESTS).for_each(|_| client.expect(&reply));
}

#[test]
fn all_that_was_asked_for_comes_although_the_client_has_sent_all_and_reads_later() {
    const REQUESTS: usize = 60;
    let running = start(settings());
    let mut operator = running.connect();
    operator.ask(&["SET", "k", &"x".repeat(MB)], "+OK\r\n");
    let mut client = running.connect();
    client.send(encode(&["GET", "k"]).repeat(REQUESTS));
    client.0.shutdown(Shutdown::Write).expect("it is connected");
    wait_until("the server stops to answer", || {
        figure(&line_of(&mut operator, &client), "omem") > Some(32 << 20)
    });
    (0..REQUESTS).for_each(|_| client.expect(bulk_of(b'x', MB)));
    client.expect_end();
}

#[test]
fn a_reply_on_its_way_is_not_changed_by_what_happens_to_its_key() {
    const LEN: usize = 20 * MB;
    let running = start(settings());
    let mut writer = running.connect();
    for change in [
        &["SETRANGE", "k", "0", "yyyy"][..],
        &["APPEND", "k", "yyyy"],
        &["SET", "k", "y"],
        &["DEL", "k"],
        &["FLUSHALL"],
        &["GETSET", "k", "y"],
    ] {
        writer.ask(&["SET", "k", &"x".repeat(LEN)], "+OK\r\n");
        let mut slow = running.connect();
        slow.request(&["GET", "k"]);
        wait_until("the sockets are full", || figure(&line_of(&mut writer, &slow), "omem") > Some(0));
        let mut changer = running.connect();
        changer.request(change);
        changer.0.shutdown(Shutdown::Write).expect("it is connected");
        changer.rest();
        slow.expect(bulk_of(b'x', LEN));
    }
}

#[test]
fn long_values_come_whole_in_all_kinds_of_replies() {
    const LENS: [usize; 4] = [10_000, 16 * 1024, 70_000, MB];
    let running = start(settings());
    let mut client = running.connect();
    for len in LENS {
        let text = "x".repeat(len);
        let bulk = bulk_of(b'x', len);
        client.ask(&["SET", "k", &text], "+OK\r\n");
        client.ask(&["HSET", "h", "f", &text, "g", "1"], if len == LENS[0] { ":2\r\n" } else { ":0\r\n" });
        client.request(&["MGET", "k", "none", "k"]);
        client.expect([b"*3\r\n", &*bulk, b"$-1\r\n", &*bulk].concat());
        client.request(&["GETRANGE", "k", "1", "-2"]);
        client.expect(bulk_of(b'x', len - 2));
        client.request(&["GETRANGE", "k", "0", "1999"]);
        client.expect(bulk_of(b'x', 2000));
        client.request(&["HVALS", "h"]);
        client.expect([b"*2\r\n", &*bulk, b"$1\r\n1\r\n"].concat());
        let requests: [&[&str]; 5] = [&["MULTI"], &["GET", "k"], &["PING"], &["HGET", "h", "f"], &["EXEC"]];
        client.send(requests.map(encode).concat());
        client.expect("+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n");
        client.expect([b"*3\r\n", &*bulk, b"+PONG\r\n", &*bulk].concat());
    }
}

#[test]
fn monitors_that_do_not_read_see_all_when_they_do_and_are_counted() {
    let running = start(settings());
    let mut client = running.connect();
    let mut monitors = [running.connect(), running.connect()];
    for monitor in &mut monitors {
        monitor.ask(&["MONITOR"], "+OK\r\n");
    }
    let text = "x".repeat(10_000);
    let reply = bulk_of(b'x', text.len());
    let mut echoes = 0;
    wait_until("megabytes wait for each", || {
        client.request(&["ECHO", &text]);
        client.expect(&reply);
        echoes += 1;
        let waits = |info: &Arc<nearhit::commands::client::ClientInfo>| info.waiting_bytes() > 4 * MB;
        running.server.clients.list().iter().filter(|shown| waits(shown)).count() == 2
    });
    let line = line_of(&mut client, &monitors[0]);
    assert!(figure(&line, "tot-mem") > Some(3 << 20), "{line}");
    for monitor in &mut monitors {
        let first = monitor.line();
        let mut line = vec![0; first.len()];
        for _ in 1..echoes {
            monitor.0.read_exact(&mut line).expect("as many lines as echoes, of one length");
            assert!(line.starts_with(b"+") && line.ends_with(b"xxx\"\r\n"), "{}", line.escape_ascii());
        }
    }
}
