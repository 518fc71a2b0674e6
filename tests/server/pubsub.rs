//! Subscribers: in what order messages and replies come, and what happens to those that do not
//! read.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::*;

/// How long something may take that happens at once on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);
const MB: usize = 1 << 20;

fn of_pubsub(hard_bytes: usize, soft_bytes: usize, soft_seconds: u64) -> Settings {
    let pubsub = OutputLimit { hard_bytes: hard_bytes as u64, soft_bytes: soft_bytes as u64, soft_seconds };
    Settings { client_output_buffer_limit: OutputLimits { pubsub, ..OutputLimits::default() }, ..settings() }
}

/// A message to the channel `a` in RESP2.
fn message(text: &str) -> String {
    format!("*3\r\n$7\r\nmessage\r\n$1\r\na\r\n${}\r\n{text}\r\n", text.len())
}

fn subscribe(client: &mut Client<TcpStream>) {
    client.ask(&["SUBSCRIBE", "a"], "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
}

/// Subscribers that are connected.
fn subscribers(operator: &mut Client<TcpStream>) -> usize {
    operator.bulk(&["CLIENT", "LIST", "TYPE", "pubsub"]).lines().count()
}

fn figure(text: &str, name: &str) -> u64 {
    let value =
        text.split([' ', '\r', '\n']).find_map(|word| word.strip_prefix(name)?.strip_prefix(['=', ':']));
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in {text}"))
}

#[test]
fn a_subscriber_gets_messages_while_it_is_silent() {
    let running = start(settings());
    let mut publisher = running.connect();
    let mut subscribers = [running.connect(), running.connect()];
    subscribers.iter_mut().for_each(subscribe);
    for text in ["1", "2", &"x".repeat(100_000)] {
        publisher.ask(&["PUBLISH", "a", text], ":2\r\n");
        subscribers.iter_mut().for_each(|subscriber| subscriber.expect(message(text)));
    }
}

#[test]
fn messages_stand_between_replies_as_in_redis() {
    let running = start(settings());
    let mut client = running.connect();
    let requests: [&[&str]; 9] = [
        &["HELLO", "3"],
        &["SUBSCRIBE", "a"],
        &["PUBLISH", "a", "1"],
        &["PING"],
        &["MULTI"],
        &["PUBLISH", "a", "2"],
        &["PING"],
        &["EXEC"],
        &["UNSUBSCRIBE"],
    ];
    client.send(requests.map(encode).concat());
    let hello = "%7\r\n$6\r\nserver\r\n";
    client.expect(hello);
    while client.line() != "$7\r\n" || client.line() != "modules\r\n" {}
    while client.line() != ">3\r\n" {}
    client.expect("$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
    client.expect(":1\r\n>3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\n1\r\n+PONG\r\n");
    client.expect(
        "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n+PONG\r\n>3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\n2\r\n",
    );
    client.expect(">3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n");
}

/// A message that was published before a change is sent before the reply that shows the change.
#[test]
fn messages_come_before_replies_that_were_made_later() {
    let running = start(settings());
    let mut publisher = running.connect();
    let mut subscriber = running.connect();
    subscriber.request(&["HELLO", "3"]);
    subscriber.ask(&["SUBSCRIBE", "a"], "%7");
    while subscriber.line() != ">3\r\n" {}
    subscriber.expect("$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
    for number in 0..500 {
        let number = number.to_string();
        publisher.send([encode(&["PUBLISH", "a", &number]), encode(&["SET", "k", &number])].concat());
        subscriber.request(&["GET", "k"]);
        publisher.expect(":1\r\n+OK\r\n");
        let mut has_message = false;
        let mut value = None;
        while !has_message || value.is_none() {
            match &*subscriber.line() {
                ">3\r\n" => {
                    subscriber.expect("$7\r\nmessage\r\n$1\r\na\r\n");
                    assert_eq!(subscriber.line(), format!("${}\r\n", number.len()));
                    assert_eq!(subscriber.line(), format!("{number}\r\n"));
                    has_message = true;
                }
                "_\r\n" => value = Some(None),
                _ => value = Some(Some(subscriber.line().trim().to_owned())),
            }
            let sees_change = value.as_ref().is_some_and(|value| value.as_ref() == Some(&number));
            assert!(has_message || !sees_change, "the change came first");
        }
    }
}

#[test]
fn a_subscriber_that_does_not_read_is_disconnected_and_no_other_client_waits_for_it() {
    let running = start(of_pubsub(2 * MB, 0, 0));
    let mut publisher = running.connect();
    let (mut slow, mut reader) = (running.connect(), running.connect());
    subscribe(&mut slow);
    subscribe(&mut reader);
    let text = "x".repeat(10_000);
    let mut receivers = 2;
    while receivers == 2 {
        publisher.request(&["PUBLISH", "a", &text]);
        receivers = publisher.line().trim_start_matches(':').trim().parse().expect("a count");
        reader.expect(message(&text));
        let longest = running.server.clients.list().iter().map(|client| client.waiting_bytes()).max();
        assert!(longest < Some(2 * MB + 20_000));
    }
    assert_eq!(receivers, 1);
    let stats = publisher.bulk(&["INFO", "stats"]);
    assert_eq!(figure(&stats, "client_output_buffer_limit_disconnections"), 1);
    // What the sockets hold is a part of what was published.
    let got = slow.rest();
    assert!(message(&text).repeat(got.len() / text.len() + 1).starts_with(&got));
}

#[test]
fn a_subscriber_that_is_too_slow_for_too_long_is_disconnected() {
    let running = start(of_pubsub(0, MB, 1));
    let mut publisher = running.connect();
    let mut slow = running.connect();
    subscribe(&mut slow);
    let text = "x".repeat(MB);
    let waiting = || running.server.clients.list().iter().map(|client| client.waiting_bytes()).sum::<usize>();
    while waiting() <= 2 * MB {
        publisher.ask(&["PUBLISH", "a", &text], ":1\r\n");
    }
    let deadline = Instant::now() + PATIENCE;
    // Nothing is published any more: the connection looks at the time by itself.
    while subscribers(&mut publisher) > 0 {
        assert!(Instant::now() < deadline, "it is still there");
    }
}

#[test]
fn what_waits_for_many_silent_subscribers_is_counted_and_comes_when_they_read() {
    const SUBSCRIBERS: usize = 20;
    const MESSAGES: usize = 20;
    let running = start(settings());
    let mut publisher = running.connect();
    let mut silent: Vec<_> = (0..SUBSCRIBERS).map(|_| running.connect()).collect();
    silent.iter_mut().for_each(subscribe);
    let text = "x".repeat(MB);
    for _ in 0..MESSAGES {
        publisher.ask(&["PUBLISH", "a", &text], &format!(":{SUBSCRIBERS}\r\n"));
    }
    let list = publisher.bulk(&["CLIENT", "LIST", "TYPE", "pubsub"]);
    let waiting: u64 = list.lines().map(|line| figure(line, "omem")).sum();
    assert!(waiting > (SUBSCRIBERS * MESSAGES / 2 * MB) as u64, "{list}");
    for subscriber in &mut silent {
        (0..MESSAGES).for_each(|_| subscriber.expect(message(&text)));
    }
    let list = publisher.bulk(&["CLIENT", "LIST", "TYPE", "pubsub"]);
    assert_eq!(list.lines().map(|line| figure(line, "omem")).sum::<u64>(), 0, "{list}");
}

#[test]
fn many_small_messages_for_a_silent_subscriber_come_when_it_reads() {
    const MESSAGES: usize = 100_000;
    let running = start(settings());
    let mut publisher = running.connect();
    let mut silent = running.connect();
    subscribe(&mut silent);
    for batch in 0..MESSAGES / 1000 {
        let requests: Vec<_> =
            (0..1000).flat_map(|n| encode(&["PUBLISH", "a", &(batch * 1000 + n).to_string()])).collect();
        publisher.send(requests);
        publisher.expect(":1\r\n".repeat(1000));
    }
    (0..MESSAGES).for_each(|number| silent.expect(message(&number.to_string())));
    publisher.ask(&["PUBLISH", "a", "end"], ":1\r\n");
    silent.expect(message("end"));
}

#[test]
fn subscribers_stay_when_they_are_idle_and_go_when_they_are_killed() {
    let running = start(Settings { timeout: 1, ..settings() });
    let mut subscriber = running.connect();
    subscribe(&mut subscriber);
    let mut idle = running.connect();
    idle.ask(&["PING"], "+PONG\r\n");
    idle.expect_end();
    let mut operator = running.connect();
    operator.ask(&["PUBLISH", "a", "x"], ":1\r\n");
    subscriber.expect(message("x"));
    operator.ask(&["CLIENT", "KILL", "TYPE", "pubsub"], ":1\r\n");
    subscriber.expect_end();
    while subscribers(&mut operator) > 0 {}
    operator.ask(&["PUBLISH", "a", "x"], ":0\r\n");
}

#[test]
fn the_server_ends_although_subscribers_do_not_read() {
    let mut running = start(settings());
    let mut publisher = running.connect();
    let mut silent: Vec<_> = (0..3).map(|_| running.connect()).collect();
    silent.iter_mut().for_each(subscribe);
    let text = "x".repeat(8 * MB);
    publisher.ask(&["PUBLISH", "a", &text], ":3\r\n");
    publisher.request(&["SHUTDOWN", "NOSAVE"]);
    running.join();
}

/// Publishers at full speed, and subscribers that read, that do not read, and that come and go:
/// readers get all in the order of each publisher, the others are disconnected, and what waits for
/// each stays within the limit.
#[test]
fn publishers_go_on_whatever_subscribers_do() {
    const PUBLISHERS: usize = 3;
    const MESSAGES: usize = 3000;
    const LIMIT: usize = MB;
    const TEXT: usize = 2000;
    /// How far publishers are ahead of the reader: it must not be too slow itself.
    const AHEAD: usize = 50;
    let running = start(of_pubsub(LIMIT, 0, 0));
    let connect = |requests: &[&[&str]]| {
        let mut client = running.connect();
        requests.iter().for_each(|request| client.request(request));
        client
    };
    let silent =
        [&["SUBSCRIBE", "c0", "c1", "c2"][..], &["PSUBSCRIBE", "c*", "*"]].map(|request| connect(&[request]));
    let mut reader = connect(&[&["PSUBSCRIBE", "c*"]]);
    reader.expect("*3\r\n$10\r\npsubscribe\r\n$2\r\nc*\r\n:1\r\n");
    let done = AtomicUsize::new(0);
    let received = [const { AtomicUsize::new(0) }; PUBLISHERS];
    std::thread::scope(|scope| {
        for publisher in 0..PUBLISHERS {
            let (mut client, done, received) = (running.connect(), &done, &received[publisher]);
            scope.spawn(move || {
                let channel = format!("c{publisher}");
                for number in 0..MESSAGES {
                    client.request(&["PUBLISH", &channel, &format!("{number:0TEXT$}")]);
                    client.line();
                    while number > received.load(Ordering::Relaxed) + AHEAD {
                        std::thread::yield_now();
                    }
                }
                done.fetch_add(1, Ordering::Relaxed);
            });
        }
        let (done, running) = (&done, &running);
        scope.spawn(move || {
            while done.load(Ordering::Relaxed) < PUBLISHERS {
                let mut visitor = running.connect();
                visitor.send([encode(&["SUBSCRIBE", "c1"]), encode(&["PSUBSCRIBE", "c?"])].concat());
                visitor.expect("*3\r\n$9\r\nsubscribe\r\n$2\r\nc1\r\n:1\r\n");
                let waiting = running.server.clients.list().iter().map(|client| client.pushed_bytes()).max();
                assert!(waiting <= Some(LIMIT), "{waiting:?}");
            }
        });
        let mut next = [0; PUBLISHERS];
        while next != [MESSAGES; PUBLISHERS] {
            reader.expect("*4\r\n$8\r\npmessage\r\n$2\r\nc*\r\n$2\r\nc");
            let publisher: usize = reader.line().trim().parse().expect("a number");
            reader.expect(format!("${TEXT}\r\n{:0TEXT$}\r\n", next[publisher]));
            next[publisher] += 1;
            received[publisher].store(next[publisher], Ordering::Relaxed);
        }
    });
    let mut operator = running.connect();
    let deadline = Instant::now() + PATIENCE;
    // The reader is left, and nothing of those that did not read.
    while subscribers(&mut operator) > 1 {
        assert!(Instant::now() < deadline, "{}", operator.bulk(&["CLIENT", "LIST"]));
    }
    drop(silent);
    operator.ask(&["PUBSUB", "NUMSUB", "c0"], "*2\r\n$2\r\nc0\r\n:0\r\n");
    operator.ask(&["PUBSUB", "NUMPAT"], ":1\r\n");
    let stats = operator.bulk(&["INFO", "stats"]);
    assert!(figure(&stats, "client_output_buffer_limit_disconnections") >= 2, "{stats}");
}
