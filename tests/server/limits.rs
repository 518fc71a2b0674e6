//! Limits for a server that many share: memory of clients, commands a second, time of searches.

use std::time::{Duration, Instant};

use nearhit::config::ClientMemory;

use super::*;

/// How long something may take that happens at once on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::yield_now();
    }
}

impl Running {
    fn evicted_clients(&self) -> u64 {
        self.server.traffic.iter().map(|traffic| traffic.evicted_clients.get()).sum()
    }

    fn largest_client(&self) -> usize {
        self.server.clients.list().iter().map(|info| info.memory_bytes()).max().unwrap_or(0)
    }
}

#[test]
fn clients_that_take_most_are_disconnected_at_maxmemory_clients() {
    let limited = Settings { maxmemory_clients: ClientMemory::Bytes(1 << 20), ..settings() };
    let running = start(limited);
    let mut observer = running.connect();
    observer.ask(&["SET", "k", &"x".repeat(10_000)], "+OK\r\n");
    // One that does not read its replies, which are made for it alone.
    let mut slow = running.connect();
    let _ = slow.0.write_all(&b"ECHO 0123456789012345678901234567890123456789\r\n".repeat(400_000));
    wait_until("it is disconnected", || running.evicted_clients() == 1);
    // One that sends a long argument, and never its end.
    let mut long = running.connect();
    long.send("*2\r\n$4\r\nECHO\r\n$100000000\r\n");
    let _ = long.0.write_all(&vec![b'x'; 8_000_000]);
    wait_until("it is disconnected", || running.evicted_clients() == 2);
    assert_eq!(long.rest(), "");
    // One that queues commands.
    let mut queuing = running.connect();
    queuing.ask(&["MULTI"], "+OK\r\n");
    let _ = queuing.0.write_all(&encode(&["SET", "a", &"x".repeat(100_000)]).repeat(100));
    wait_until("it is disconnected", || running.evicted_clients() == 3);
    let stats = observer.bulk(&["INFO", "stats"]);
    assert!(stats.contains("\r\nevicted_clients:3\r\n"), "{stats}");
    wait_until("all but one are gone", || running.server.clients.len() == 1);
}

#[test]
fn a_client_that_is_not_to_be_evicted_stays_until_it_no_longer_asks_for_that() {
    let running = start(settings());
    let mut operator = running.connect();
    let mut queuing = running.connect();
    queuing.ask(&["CLIENT", "NO-EVICT", "on"], "+OK\r\n");
    queuing.ask(&["MULTI"], "+OK\r\n");
    queuing.send(encode(&["SET", "a", &"x".repeat(100_000)]).repeat(20));
    queuing.expect(b"+QUEUED\r\n".repeat(20));
    wait_until("it is counted", || running.largest_client() > 2_000_000);
    let mut other = running.connect();
    other.ask(&["MULTI"], "+OK\r\n");
    other.send(encode(&["SET", "a", &"x".repeat(100_000)]).repeat(3));
    other.expect(b"+QUEUED\r\n".repeat(3));
    operator.ask(&["CONFIG", "SET", "maxmemory-clients", "1mb"], "+OK\r\n");
    // The one that is protected is too large alone, so that all others go, the operator too.
    wait_until("the others are gone", || running.server.clients.len() == 1);
    assert_eq!((other.rest(), operator.rest()), (String::new(), String::new()));
    queuing.ask(&["DISCARD"], "+OK\r\n");
    queuing.ask(&["CLIENT", "NO-EVICT", "off"], "+OK\r\n");
    queuing.ask(&["PING"], "+PONG\r\n");
    running.connect().ask(&["PING"], "+PONG\r\n");
    assert_eq!(running.evicted_clients(), 2);
}

#[test]
fn subscribers_for_which_much_waits_count_too() {
    let limited = Settings {
        maxmemory_clients: ClientMemory::Bytes(4 << 20),
        // Else a fast publisher can exceed that of subscribers first, between two looks.
        client_output_buffer_limit: OutputLimits::default(),
        ..settings()
    };
    let running = start(limited);
    let mut subscriber = running.connect();
    subscriber.ask(&["SUBSCRIBE", "c"], "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
    let mut publisher = running.connect();
    let text = "x".repeat(100_000);
    wait_until("it is disconnected", || {
        publisher.request(&["PUBLISH", "c", &text]);
        publisher.line();
        running.evicted_clients() == 1
    });
    publisher.ask(&["PING"], "+PONG\r\n");
}

#[test]
fn commands_beyond_the_rate_of_a_client_wait_and_none_is_lost() {
    let running = start(Settings { max_commands_per_second_per_client: 2000, ..settings() });
    let limited = || running.server.traffic.iter().map(|traffic| traffic.rate_limited.get()).sum::<u64>();
    let mut client = running.connect();
    client.ask(&["PING"], "+PONG\r\n");
    assert_eq!(limited(), 0, "it has sent one");
    let requests: Vec<u8> = (0..3000).flat_map(|n| encode(&["ECHO", &n.to_string()])).collect();
    client.send(&requests);
    // Also if it says that it sends no more.
    client.0.shutdown(Shutdown::Write).expect("it is connected");
    let replies: String =
        (0..3000).map(|n| n.to_string()).map(|text| format!("${}\r\n{text}\r\n", text.len())).collect();
    client.expect(replies);
    client.expect_end();
    assert!(limited() > 0);
    let mut other = running.connect();
    other.ask(&["CONFIG", "SET", "max-commands-per-second-per-client", "0"], "+OK\r\n");
    other.send(b"PING\r\n".repeat(10_000));
    other.expect(b"+PONG\r\n".repeat(10_000));
}

#[test]
fn connections_of_one_user_share_a_rate_and_those_of_another_do_not() {
    let running = start(settings());
    let mut admin = running.connect();
    admin.ask(&["ACL", "SETUSER", "busy", "on", "nopass", "+@all", "~*"], "+OK\r\n");
    let limited = || running.server.traffic.iter().map(|traffic| traffic.rate_limited.get()).sum::<u64>();
    let mut clients = [running.connect(), running.connect()];
    clients.iter_mut().for_each(|client| client.ask(&["AUTH", "busy", ""], "+OK\r\n"));
    admin.ask(&["CONFIG", "SET", "max-commands-per-second-per-user", "2000"], "+OK\r\n");
    // The admin's connection has a bucket of another user.
    clients.iter_mut().for_each(|client| client.send(b"PING\r\n".repeat(1500)));
    admin.ask(&["PING"], "+PONG\r\n");
    clients.iter_mut().for_each(|client| client.expect(b"+PONG\r\n".repeat(1500)));
    assert!(limited() > 0, "1,500 of each are more than 2,000");
    admin.ask(&["CONFIG", "SET", "max-commands-per-second-per-user", "0"], "+OK\r\n");
    clients[0].send(b"PING\r\n".repeat(10_000));
    clients[0].expect(b"+PONG\r\n".repeat(10_000));
}

#[test]
fn a_client_over_its_rate_can_be_disconnected_and_holds_nobody_up() {
    let running = start(Settings { max_commands_per_second_per_client: 1, ..settings() });
    let mut greedy = running.connect();
    greedy.send(b"PING\r\n".repeat(100_000));
    greedy.expect("+PONG\r\n");
    running.connect().ask(&["CLIENT", "KILL", "SKIPME", "yes"], ":1\r\n");
    // Replies that it was owed before may come; most do not.
    assert!(greedy.rest().len() < 1000);
    wait_until("both are gone", || running.server.clients.is_empty());
}

#[test]
fn a_search_that_takes_too_long_answers_an_error() {
    let running = start(settings());
    let mut client = running.connect();
    // Escapes are read one by one: a plain text of this length takes some microseconds.
    let attribute = format!(r#"{{"a":"{}","b":1}}"#, r"\n".repeat(50_000));
    for n in 0..300 {
        let (element, x) = (format!("e{n}"), n.to_string());
        client.ask(&["VADD", "v", "VALUES", "2", &x, "1", &element, "SETATTR", &attribute], ":1\r\n");
    }
    let search = ["VSIM", "v", "VALUES", "2", "1", "1", "COUNT", "600", "FILTER", ".b == 2", "TRUTH"];
    client.ask(&search, "*0\r\n");
    client.ask(&["CONFIG", "SET", "search-timeout-ms", "1"], "+OK\r\n");
    let error = "-TIMEOUT the search took longer than search-timeout-ms\r\n";
    client.ask(&search, error);
    client.ask(&["VSEARCH", "v", "ELE", "e1", "COUNT", "600", "FILTER", ".b == 2", "TRUTH"], error);
    client.ask(&["MULTI"], "+OK\r\n");
    client.ask(&search, "+QUEUED\r\n");
    client.ask(&["PING"], "+QUEUED\r\n");
    client.ask(&["EXEC"], &format!("*2\r\n{error}+PONG\r\n"));
    let errors = client.bulk(&["INFO", "errorstats"]);
    assert!(errors.contains("errorstat_TIMEOUT:count=3"), "{errors}");
    client.ask(&["CONFIG", "SET", "search-timeout-ms", "3600000"], "+OK\r\n");
    client.ask(&search, "*0\r\n");
}
