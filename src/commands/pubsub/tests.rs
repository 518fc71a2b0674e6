//! Subscriptions and messages as clients see them, without sockets.

use std::sync::Arc;

use crate::commands::Client;
use crate::commands::testing::Session;
use crate::config::{OutputLimit, OutputLimits, Settings};
use crate::resp::{Encoded, Request};

fn session() -> Session {
    Session::at(1_000_000)
}

/// What is pushed to a client, with blanks in place of line ends.
fn pushed(client: &Client) -> String {
    let mut out = Encoded::default();
    client.info.take_pushes(usize::MAX, &mut out);
    String::from_utf8_lossy(&out.to_vec()).trim_end().replace("\r\n", " ")
}

#[test]
fn each_name_is_confirmed_with_the_count_of_subscriptions() {
    let mut session = session();
    session.hold_to(&[
        ("subscribe a b", "*3 $9 subscribe $1 a :1 *3 $9 subscribe $1 b :2"),
        ("subscribe a", "*3 $9 subscribe $1 a :2"),
        ("psubscribe a*", "*3 $10 psubscribe $2 a* :3"),
        ("ssubscribe a", "*3 $10 ssubscribe $1 a :1"),
        ("unsubscribe nope", "*3 $11 unsubscribe $4 nope :3"),
        ("unsubscribe", "*3 $11 unsubscribe $1 a :2 *3 $11 unsubscribe $1 b :1"),
        ("unsubscribe", "*3 $11 unsubscribe $-1 :1"),
        ("punsubscribe", "*3 $12 punsubscribe $2 a* :0"),
        ("sunsubscribe a a", "*3 $12 sunsubscribe $1 a :0 *3 $12 sunsubscribe $1 a :0"),
        ("ping", "+PONG"),
        ("punsubscribe", "*3 $12 punsubscribe $-1 :0"),
    ]);
    session.ask("hello 3");
    session.hold_to(&[
        ("subscribe a", ">3 $9 subscribe $1 a :1"),
        ("sunsubscribe", ">3 $12 sunsubscribe _ :0"),
        ("unsubscribe", ">3 $11 unsubscribe $1 a :0"),
    ]);
}

#[test]
fn only_messages_are_for_a_client_of_resp2_with_subscriptions() {
    let mut session = session();
    let refused = |name: &str| {
        format!(
            "-ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in \
             this context"
        )
    };
    session.ask("ssubscribe a");
    for (request, name) in
        [("get k", "get"), ("client id", "client|id"), ("hello 3", "hello"), ("multi", "multi")]
    {
        assert_eq!(session.ask(request), refused(name));
    }
    session.hold_to(&[
        ("get", "-ERR wrong number of arguments for 'get' command"),
        ("nope", "-ERR unknown command 'nope'"),
        ("ping", "*2 $4 pong $0"),
        ("ping x", "*2 $4 pong $1 x"),
        ("ping x y", "-ERR wrong number of arguments for 'ping' command"),
        ("reset", "+RESET"),
        ("get k", "$-1"),
    ]);
    session.ask("hello 3");
    session.ask("subscribe a");
    session.hold_to(&[("get k", "_"), ("ping", "+PONG"), ("ping x", "$1 x")]);
    session.ask("hello 2");
    assert_eq!(session.ask("get k"), refused("get"));
}

#[test]
fn messages_go_to_channels_and_patterns() {
    let mut session = session();
    let mut other = session.connect();
    session.ask_as(&mut other, "hello 3");
    for request in ["subscribe news x", "psubscribe n* *s x*", "ssubscribe news"] {
        session.ask_as(&mut other, request);
    }
    session.hold_to(&[
        ("publish news hello", ":3"),
        ("publish News hello", ":1"),
        ("publish '' hello", ":0"),
    ]);
    let by_pattern = |pattern: &str, channel: &str| {
        format!(">4 $8 pmessage ${} {pattern} $4 {channel} $5 hello", pattern.len())
    };
    let expected =
        [">3 $7 message $4 news $5 hello", &by_pattern("n*", "news"), &by_pattern("*s", "news")].join(" ");
    assert_eq!(pushed(&other), [expected, by_pattern("*s", "News")].join(" "));
    session.hold_to(&[("spublish news hello", ":1"), ("spublish x hello", ":0")]);
    assert_eq!(pushed(&other), ">3 $8 smessage $4 news $5 hello");
    session.ask_as(&mut other, "unsubscribe news");
    session.ask_as(&mut other, "punsubscribe n* *s x*");
    session.hold_to(&[("publish news hello", ":0"), ("publish x ''", ":1")]);
    assert_eq!(pushed(&other), ">3 $7 message $1 x $0");
}

#[test]
fn subscriptions_end_with_their_client_and_with_reset() {
    let mut session = session();
    let mut one = session.connect();
    let mut other = session.connect();
    for client in [&mut one, &mut other] {
        for request in ["subscribe a", "psubscribe a*", "ssubscribe a"] {
            session.ask_as(client, request);
        }
    }
    session.hold_to(&[("publish a x", ":4"), ("pubsub numsub a", "*2 $1 a :2")]);
    drop(one);
    session.hold_to(&[("publish a x", ":2"), ("spublish a x", ":1"), ("pubsub numpat", ":1")]);
    assert_eq!(session.ask_as(&mut other, "reset"), "+RESET");
    assert_eq!(pushed(&other), "", "messages from before are no longer for it");
    session.hold_to(&[
        ("publish a x", ":0"),
        ("spublish a x", ":0"),
        ("pubsub numpat", ":0"),
        ("pubsub channels", "*0"),
        ("pubsub shardchannels", "*0"),
    ]);
    assert_eq!(
        (other.info.class(), other.info.own_bytes()),
        (session.connect().info.class(), session.connect().info.own_bytes())
    );
}

#[test]
fn what_was_published_before_comes_before_the_end_of_a_subscription() {
    let mut session = session();
    session.ask("hello 3");
    session.ask("subscribe a");
    session.ask("publish a x");
    let message = ">3 $7 message $1 a $1 x";
    assert_eq!(session.ask("unsubscribe a"), [message, ">3 $11 unsubscribe $1 a :0"].join(" "));
    assert_eq!(session.ask("publish a x"), ":0");
}

/// As in Redis, the confirmations are replies of the transaction, and messages come behind it.
#[test]
fn a_transaction_may_subscribe_but_not_to_shard_channels() {
    let mut session = session();
    for request in ["multi", "subscribe a", "publish a x", "ssubscribe a", "unsubscribe a", "publish a y"] {
        session.ask(request);
    }
    let replies = [
        "*5",
        "*3 $9 subscribe $1 a :1",
        ":1",
        "-ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client",
        "*3 $11 unsubscribe $1 a :0",
        ":0",
    ];
    assert_eq!(session.ask("exec"), replies.join(" "));
    assert_eq!(pushed(&session.client), "*3 $7 message $1 a $1 x");
}

#[test]
fn messages_and_confirmations_come_without_replies_too() {
    let mut session = session();
    session.ask("client reply off");
    session.hold_to(&[
        ("ping", ""),
        ("subscribe a", "*3 $9 subscribe $1 a :1"),
        ("ping", ""),
        ("unsubscribe a", "*3 $11 unsubscribe $1 a :0"),
    ]);
    session.ask("multi");
    session.ask("subscribe a");
    assert_eq!(session.ask("exec"), "*3 $9 subscribe $1 a :1");
}

#[test]
fn channels_are_listed_and_counted() {
    let mut session = session();
    let mut other = session.connect();
    session.ask_as(&mut other, "subscribe a b");
    session.ask_as(&mut other, "ssubscribe s");
    session.hold_to(&[
        ("pubsub channels b*", "*1 $1 b"),
        (
            "pubsub channels x y",
            "-ERR unknown subcommand or wrong number of arguments for 'channels'. Try PUBSUB HELP.",
        ),
        ("pubsub numsub", "*0"),
        ("pubsub numsub a x", "*4 $1 a :1 $1 x :0"),
        ("pubsub shardchannels", "*1 $1 s"),
        ("pubsub shardnumsub s a", "*4 $1 s :1 $1 a :0"),
        ("pubsub numpat x", "-ERR wrong number of arguments for 'pubsub|numpat' command"),
        ("pubsub nope", "-ERR unknown subcommand 'nope'. Try PUBSUB HELP."),
    ]);
    let info = session.ask("info stats");
    assert!(info.contains("pubsub_channels:2 pubsub_patterns:0 pubsubshard_channels:1"), "{info}");
    assert!(session.ask("info clients").contains("pubsub_clients:1"));
    let list = session.ask("client list type pubsub");
    assert!(list.contains(" flags=P db=0 sub=2 psub=0 ssub=1 "), "{list}");
    assert!(session.ask("client list type normal").contains("flags=N db=0 sub=0 psub=0 ssub=0"));
    assert_eq!(session.ask("client kill type pubsub"), ":1");
    assert!(other.info.is_killed());
    session.hold_to(&[("publish a x", ":0")]);
}

#[test]
fn a_slow_subscriber_is_disconnected_and_others_are_not() {
    let pubsub = OutputLimit { hard_bytes: 500, ..OutputLimit::default() };
    let client_output_buffer_limit = OutputLimits { pubsub, ..OutputLimits::default() };
    let mut session = Session::with(Settings { client_output_buffer_limit, ..Settings::defaults() }, 0);
    let (mut slow, mut other) = (session.connect(), session.connect());
    session.ask_as(&mut slow, "subscribe a");
    session.ask_as(&mut other, "subscribe a");
    while session.ask("publish a xxxxxxxx") == ":2" {
        pushed(&other);
    }
    assert_eq!(session.ask("publish a xxxxxxxx"), ":1");
    assert!(slow.info.is_killed() && slow.info.waiting_bytes() == 0 && !other.info.is_killed());
    let stats = session.ask("info stats");
    assert!(stats.contains("client_output_buffer_limit_disconnections:1"), "{stats}");
}

#[test]
fn the_subscriptions_of_one_client_are_limited() {
    let settings = Settings { client_query_buffer_limit: 10_000, ..Settings::defaults() };
    let mut session = Session::with(settings, 0);
    let names = |count: usize| (0..count).map(|n| format!("c{n}")).collect::<Vec<_>>().join(" ");
    session.hold_to(&[(
        &format!("subscribe {}", names(40)),
        "-ERR too many subscriptions: they exceed client-query-buffer-limit",
    )]);
    assert_eq!(session.ask("ping"), "+PONG", "nothing is subscribed to");
    let before = session.client.info.memory_bytes();
    session.ask(&format!("subscribe {}", names(20)));
    assert!(session.client.info.memory_bytes() > before + 20 * 320);
    session.ask("unsubscribe");
    assert_eq!(session.client.info.memory_bytes(), before);
}

#[test]
fn wide_messages_and_long_lists_leave_the_network_thread() {
    let mut session = session();
    let many: Vec<String> = (0..1001).map(|n| format!("c{n}")).collect();
    let request = |words: &[&str]| Request::from_args(words);
    let subscribe: Vec<&str> = ["subscribe"].into_iter().chain(many.iter().map(String::as_str)).collect();
    assert!(session.is_heavy(&request(&subscribe)) && !session.is_heavy(&request(&subscribe[..1001])));
    session.ask("hello 3");
    session.ask(&subscribe.join(" "));
    assert!(session.is_heavy(&request(&["reset"])) && session.client.has_many_subscriptions());
    assert!(session.is_heavy(&request(&["unsubscribe"])) && !session.is_heavy(&request(&["sunsubscribe"])));
    assert!(!session.is_heavy(&request(&["publish", "c1", "x"])));
    let mut clients: Vec<_> = (0..1001).map(|_| session.connect()).collect();
    clients.iter_mut().for_each(|client| drop(session.ask_as(client, "subscribe c1")));
    assert!(session.is_heavy(&request(&["publish", "c1", "x"])));
    assert!(!session.is_heavy(&request(&["publish", "c2", "x"])));
    assert!(!session.is_heavy(&request(&["spublish", "c1", "x"])));
}

/// Publishers and subscribers on many threads: all that was published while a client was subscribed
/// comes, once and in the order of its publisher.
#[test]
fn subscribers_get_each_message_once_and_in_order() {
    const PUBLISHERS: usize = 4;
    const MESSAGES: usize = if cfg!(miri) { 10 } else { 2000 };
    let session = session();
    let server = &session.server;
    let subscribers: Vec<Client> = ["subscribe c0 c1 c2 c3", "psubscribe c*", "subscribe c2"]
        .into_iter()
        .map(|request| {
            let mut client = session.connect();
            session.ask_as(&mut client, request);
            client
        })
        .collect();
    std::thread::scope(|scope| {
        for publisher in 0..PUBLISHERS {
            let mut client = session.connect();
            scope.spawn(move || {
                for number in 0..MESSAGES {
                    let words = ["publish".into(), format!("c{publisher}"), number.to_string()];
                    crate::commands::dispatch(server, &mut client, &Request::from_args(&words));
                }
            });
        }
        // Subscriptions come and go meanwhile.
        let mut client = session.connect();
        scope.spawn(move || {
            for number in 0..MESSAGES {
                let word = if number % 2 == 0 { "psubscribe" } else { "punsubscribe" };
                let pattern = format!("*{}", number / 2 % 5);
                crate::commands::dispatch(server, &mut client, &Request::from_args(&[word, &pattern]));
                client.info.take_pushes(usize::MAX, &mut Encoded::default());
            }
        });
    });
    let texts: Vec<String> = subscribers.iter().map(pushed).collect();
    for (text, channels) in texts.iter().zip([0..4, 0..4, 2..3]) {
        for channel in channels.clone() {
            let header = format!("$2 c{channel} $");
            let numbers = text.split(&header).skip(1).map(|rest| {
                let number = rest.split(' ').nth(1).expect("a message");
                number.parse::<usize>().expect("a number")
            });
            assert!(numbers.eq(0..MESSAGES), "channel {channel}");
        }
        assert_eq!(text.matches("message").count(), channels.len() * MESSAGES);
    }
    let message = "one for the server, one for events, one for each client with subscriptions";
    assert_eq!(Arc::strong_count(&session.server.pubsub), 5, "{message}");
}

#[test]
fn an_empty_channel_matches_only_an_empty_pattern() {
    let mut session = session();
    let mut other = session.connect();
    session.ask_as(&mut other, "psubscribe *");
    session.hold_to(&[("publish '' x", ":0"), ("publish y x", ":1")]);
    session.ask_as(&mut other, "psubscribe ''");
    session.ask_as(&mut other, "subscribe ''");
    session.hold_to(&[
        ("publish '' x", ":2"),
        ("pubsub channels", "*1 $0"),
        ("pubsub channels *", "*0"),
        ("pubsub channels ''", "*1 $0"),
    ]);
}
