//! What redis_exporter sends for each scrape, in its order, and what it reads of the replies:
//! according to its source, with all optional parts switched on. Its protocol is RESP2.

use crate::commands::testing::Session;

/// The text of a bulk string.
#[track_caller]
fn bulk(session: &mut Session, words: &[&str]) -> String {
    let reply = String::from_utf8(session.reply_to(words)).expect("it is text");
    let text = reply.strip_prefix('$').and_then(|rest| rest.split_once("\r\n"));
    text.unwrap_or_else(|| panic!("{words:?}: {reply}")).1.trim_end_matches("\r\n").to_owned()
}

/// The items of a flat array of bulk strings.
#[track_caller]
fn strings(session: &mut Session, words: &[&str]) -> Vec<String> {
    let reply = String::from_utf8(session.reply_to(words)).expect("it is text");
    assert!(reply.starts_with('*'), "{words:?}: {reply}");
    let mut rest = reply.split_once("\r\n").expect("it has a first line").1;
    let mut items = Vec::new();
    while let Some((len, behind)) = rest.strip_prefix('$').and_then(|rest| rest.split_once("\r\n")) {
        let len: usize = len.parse().expect("a length");
        items.push(behind[..len].to_owned());
        rest = &behind[len + 2..];
    }
    items
}

/// `a=1,b=2` as numbers.
fn numbers(record: &str) -> Vec<f64> {
    let number = |pair: &str| pair.split_once('=').and_then(|(_, value)| value.parse().ok());
    record.split(',').map(|pair| number(pair).unwrap_or_else(|| panic!("{record}"))).collect()
}

#[test]
fn a_scrape_finds_what_it_reads() {
    let mut session = Session::at(1_000_000);
    for line in [
        "config set slowlog-log-slower-than 0",
        "set k v px 100000",
        "get k",
        "incr k",
        "vadd v values 2 1 0 a",
        "client setinfo lib-name redigo",
    ] {
        session.ask(line);
    }
    session.hold_to(&[("ping", "+PONG"), ("client setname redis_exporter", "+OK")]);
    let info = bulk(&mut session, &["INFO", "ALL"]);
    let mut section = "";
    let mut seen = Vec::new();
    for line in info.lines().filter(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix("# ") {
            section = name;
            seen.push(name);
            continue;
        }
        let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("{line}"));
        match section {
            "Commandstats" => assert!(name.starts_with("cmdstat_") && numbers(value).len() >= 5, "{line}"),
            "Latencystats" => assert_eq!(numbers(value).len(), 3, "{line}"),
            "Errorstats" => assert_eq!(numbers(value), [1.0], "{line}"),
            "Keyspace" => assert!(name.starts_with("db") && numbers(value).len() == 4, "{line}"),
            _ => {}
        }
    }
    for name in ["Server", "Commandstats", "Errorstats", "Latencystats", "Keyspace", "Replication"] {
        assert!(seen.contains(&name), "{name}");
    }
    let config = strings(&mut session, &["CONFIG", "GET", "*"]);
    let option = |name: &str| {
        let pair = config.chunks_exact(2).find(|pair| pair[0] == name);
        pair.unwrap_or_else(|| panic!("no {name}"))[1].as_str()
    };
    assert_eq!((config.len() % 2, option("databases")), (0, "16"));
    for name in ["io-threads", "maxclients", "maxmemory", "repl-backlog-size"] {
        assert!(option(name).parse::<f64>().is_ok(), "{name}");
    }
    assert_eq!(option("client-output-buffer-limit").split(' ').count(), 12);
    session.hold_to(&[("latency latest", "*0")]);
    let histogram = session.ask("latency histogram");
    assert!(histogram.contains("$3 get *4 $5 calls :1 $14 histogram_usec *2 :"), "{histogram}");
    let slow = session.ask("slowlog get 1");
    assert!(slow.starts_with("*1 *7 :") || slow.starts_with("*1 *6 :"), "{slow}");
    assert!(session.ask("slowlog len").starts_with(':'));
    // It is no Valkey, which has another log.
    session.hold_to(&[("command info commandlog", "*1 $-1")]);
    let clients = bulk(&mut session, &["CLIENT", "LIST"]);
    for line in clients.lines() {
        assert!(line.starts_with("id=") && line.contains(" addr="), "{line}");
        assert!(line.split(' ').all(|part| part.matches('=').count() == 1), "{line}");
    }
    let modules = bulk(&mut session, &["INFO", "MODULES"]);
    let module = modules.lines().find_map(|line| line.strip_prefix("module:")).expect("there is one");
    assert_eq!(module.split(',').count(), 7);
}

/// With keys to look at.
#[test]
fn keys_are_found_and_measured() {
    let mut session = Session::at(1_000_000);
    ["select 3", "set session:1 abc", "hset user:1 a 1", "vadd v values 2 1 0 a"]
        .into_iter()
        .for_each(|line| drop(session.ask(line)));
    session.ask("select 0");
    session.hold_to(&[
        ("select 3", "+OK"),
        ("scan 0 match session:* count 1000", "*2 $1 0 *1 $9 session:1"),
        ("type session:1", "+string"),
        ("strlen session:1", ":3"),
        ("get session:1", "$3 abc"),
        ("type user:1", "+hash"),
        ("hlen user:1", ":1"),
        ("type v", "+vectorset"),
    ]);
    assert!(session.ask("memory usage session:1").starts_with(':'));
}
