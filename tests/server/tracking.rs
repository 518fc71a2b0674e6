//! Events of keys, and clients that cache what they read, while others change it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use nearhit::splitmix::SplitMix64;

use super::*;

const KEYS: u64 = 6;
const WRITERS: usize = 3;
const CHANGES: usize = 1500;

/// A client that caches replies as they come, and removes what messages name.
struct Cache {
    client: Client<TcpStream>,
    values: BTreeMap<String, Option<String>>,
}

impl Cache {
    fn new(running: &Running, modes: &[&str]) -> Self {
        let mut client = running.connect();
        client.request(&["HELLO", "3"]);
        client.request(&[&["CLIENT", "TRACKING", "ON"], modes].concat());
        while client.line() != "+OK\r\n" {}
        Self { client, values: BTreeMap::new() }
    }

    /// Reads a key, and caches what comes.
    fn read(&mut self, key: &str) {
        self.client.request(&["GET", key]);
        let value = self.reply();
        self.values.insert(key.to_owned(), value);
    }

    /// The next reply. Messages before it are followed.
    fn reply(&mut self) -> Option<String> {
        loop {
            match &*self.client.line() {
                ">2\r\n" => self.follow(),
                "_\r\n" => return None,
                "+PONG\r\n" => return Some("PONG".to_owned()),
                header => {
                    assert!(header.starts_with('$'), "{header}");
                    return Some(self.client.line());
                }
            }
        }
    }

    fn follow(&mut self) {
        self.client.expect("$10\r\ninvalidate\r\n");
        match &*self.client.line() {
            "_\r\n" => self.values.clear(),
            count => {
                let count: usize = count.trim_start_matches('*').trim().parse().expect("an array of keys");
                for _ in 0..count {
                    self.client.line();
                    let key = self.client.line().trim().to_owned();
                    self.values.remove(&key);
                }
            }
        }
    }
}

/// Random changes of the keys, some of all of them; now and then a client that tracks comes, and
/// leaves without reading what it is sent.
fn write(running: &Running, seed: u64) {
    let mut random = SplitMix64::new(seed);
    let mut client = running.connect();
    let mut visitor = None;
    for number in 0..CHANGES {
        let mut key = || format!("k{}", random.below(KEYS));
        let (key, other) = (key(), key());
        let number = number.to_string();
        match random.below(60) {
            0 => client.request(&["FLUSHALL"]),
            1 => client.request(&["SWAPDB", "0", "1"]),
            2..10 => client.request(&["RENAME", &key, &other]),
            10..16 => client.request(&["DEL", &key, &other]),
            16..22 => client.request(&["MSET", &key, &number, &other, &number]),
            22..28 => client.request(&["SET", &key, &number, "PX", "1"]),
            28 => {
                let mut cache = Cache::new(running, &["BCAST"]);
                cache.client.request(&["GET", &key]);
                visitor = Some(cache);
                client.request(&["PING"]);
            }
            29 => {
                drop(visitor.take());
                client.request(&["CLIENT", "KILL", "TYPE", "pubsub"]);
            }
            30..36 => {
                let queued: [&[&str]; 4] = [&["MULTI"], &["SET", &key, &number], &["DEL", &other], &["EXEC"]];
                client.send(queued.map(encode).concat());
                client.expect("+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n");
            }
            _ => client.request(&["SET", &key, &number]),
        }
        client.line();
    }
}

#[test]
fn caches_have_nothing_old_when_all_is_quiet() {
    let running = start(settings());
    let left = AtomicUsize::new(WRITERS);
    let running = &running;
    let left = &left;
    let modes: [&[&str]; 4] = [&[], &["BCAST"], &["BCAST", "PREFIX", "k"], &["NOLOOP"]];
    let caches: Vec<Cache> = std::thread::scope(|scope| {
        for seed in 0..WRITERS as u64 {
            scope.spawn(move || {
                write(running, seed);
                left.fetch_sub(1, Ordering::SeqCst);
            });
        }
        let readers: Vec<_> = (0..)
            .zip(modes)
            .map(|(seed, modes)| {
                scope.spawn(move || {
                    let mut random = SplitMix64::new(1_000 + seed);
                    let mut cache = Cache::new(running, modes);
                    while left.load(Ordering::SeqCst) > 0 {
                        cache.read(&format!("k{}", random.below(KEYS)));
                    }
                    // Each key once more, so that all are compared.
                    (0..KEYS).for_each(|key| cache.read(&format!("k{key}")));
                    cache
                })
            })
            .collect();
        readers.into_iter().map(|reader| reader.join().expect("no reader fails")).collect()
    });
    let mut other = Cache::new(running, &[]);
    (0..KEYS).for_each(|key| other.read(&format!("k{key}")));
    for mut cache in caches {
        cache.client.request(&["PING"]);
        assert_eq!(cache.reply().as_deref(), Some("PONG"));
        for (key, value) in &cache.values {
            // It may have expired since it was read, which the look of the other client has told.
            assert_eq!(Some(value), other.values.get(key), "{key}");
        }
    }
}

/// A client that has been told of a change sees it, over any connection.
#[test]
fn who_is_told_of_a_change_sees_it() {
    const SETS: usize = 2000;
    let running = start(Settings { notify_keyspace_events: "E$".to_owned(), ..settings() });
    let (mut writer, mut reader, mut subscriber) = (running.connect(), running.connect(), running.connect());
    let channel = "__keyevent@0__:set";
    subscriber.ask(&["SUBSCRIBE", channel], "*3\r\n$9\r\nsubscribe\r\n$18\r\n__keyevent@0__:set\r\n:1\r\n");
    let sets: Vec<_> = (0..SETS).map(|number| encode(&["SET", "k", &number.to_string()])).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..SETS {
                subscriber.expect("*3\r\n$7\r\nmessage\r\n$18\r\n__keyevent@0__:set\r\n$1\r\nk\r\n");
                let seen: usize = reader.bulk(&["GET", "k"]).trim().parse().expect("a number");
                assert!(seen >= number, "{seen} after the event of {number}");
            }
        });
        writer.send(sets.concat());
        writer.expect("+OK\r\n".repeat(SETS));
    });
}
