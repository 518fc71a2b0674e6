//! Events of keys as messages: the channels of `notify-keyspace-events`, and what is sent there.
//!
//! | letter | channel | message |
//! |---|---|---|
//! | `K` | `__keyspace@0__:key` | `hset` |
//! | `E` | `__keyevent@0__:hset` | `key` |
//! | `S` | `__subkeyspace@0__:key` | `hset\|1:f,1:g` |
//! | `T` | `__subkeyevent@0__:hset` | `3:key\|1:f,1:g` |
//! | `I` | `__subkeyspaceitem@0__:key\nf` | `hset`, for each part |
//! | `V` | `__subkeyspaceevent@0__:hset\|key` | `1:f,1:g` |
//!
//! The last four are those of Redis 8.8, for events about parts of a value; `I` is left out for
//! keys with a line feed, whose end would not be known.
//!
//! Events of elements of vector sets are ours: `vexpired` and `vevicted` of the class `d`, and of
//! the class `v`, which is not in `A`, `vadd`, `vrem`, `vsetattr`, `vexpire`, `vpersist`.
//! VCACHE.GET has `vhit` for the entry that it served, `vnearmiss` for one that it found near and
//! did not serve (`near` and `explore`), and `vmiss`, about the key alone, where there was none;
//! nothing with DRYRUN. With `v`, a set that loses its last element by VREM has the event `del`.
//!
//! Messages are queued for all subscribers under the lock of the key, so that their order is that
//! of the changes. With very many subscribers this takes longer than the change itself; unlike
//! `PUBLISH`, it cannot be done on another thread.

use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

use super::PubSub;
use crate::commands::Traffic;
use crate::counters::Sharded;
use crate::keyspace::{Event, EventFlags, EventSink};

/// Publishes the events of a keyspace.
pub(in crate::commands) struct KeyspaceEvents {
    pubsub: Arc<PubSub>,
    traffic: Arc<Sharded<Traffic>>,
}

/// The name of a channel, or a message.
type Text = SmallVec<[u8; 128]>;

impl fmt::Debug for KeyspaceEvents {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("KeyspaceEvents")
    }
}

impl EventSink for KeyspaceEvents {
    fn publish(&self, event: &Event<'_>, channels: EventFlags) {
        if !self.pubsub.has_subscribers() {
            return;
        }
        let name = event.name.as_bytes();
        if channels.has(EventFlags::KEYSPACE) {
            self.send("keyspace", event, &[event.key], name);
        }
        if channels.has(EventFlags::KEYEVENT) {
            self.send("keyevent", event, &[name], event.key);
        }
        if !event.parts.is_empty() {
            self.publish_parts(event, channels);
        }
    }
}

impl KeyspaceEvents {
    pub(in crate::commands) fn new(pubsub: Arc<PubSub>, traffic: Arc<Sharded<Traffic>>) -> Self {
        Self { pubsub, traffic }
    }

    fn publish_parts(&self, event: &Event<'_>, channels: EventFlags) {
        let Event { key, parts, .. } = *event;
        let name = event.name.as_bytes();
        let mut listed = Text::new();
        for (number, part) in parts.iter().enumerate() {
            if number > 0 {
                listed.push(b',');
            }
            with_length(part, &mut listed);
        }
        let behind = |mut head: Text| {
            head.push(b'|');
            head.extend_from_slice(&listed);
            head
        };
        if channels.has(EventFlags::SUBKEYSPACE) {
            self.send("subkeyspace", event, &[key], &behind(name.into()));
        }
        if channels.has(EventFlags::SUBKEYEVENT) {
            let mut head = Text::new();
            with_length(key, &mut head);
            self.send("subkeyevent", event, &[name], &behind(head));
        }
        if channels.has(EventFlags::SUBKEYSPACE_ITEM) && !key.contains(&b'\n') {
            for part in parts {
                self.send("subkeyspaceitem", event, &[key, b"\n", part], name);
            }
        }
        if channels.has(EventFlags::SUBKEYSPACE_EVENT) {
            self.send("subkeyspaceevent", event, &[name, b"|", key], &listed);
        }
    }

    /// Sends a message to the channel of a kind whose name ends with these words.
    fn send(&self, kind: &str, event: &Event<'_>, words: &[&[u8]], message: &[u8]) {
        let mut channel = Text::new();
        channel.extend_from_slice(b"__");
        channel.extend_from_slice(kind.as_bytes());
        channel.push(b'@');
        push_number(event.db, &mut channel);
        channel.extend_from_slice(b"__:");
        words.iter().for_each(|word| channel.extend_from_slice(word));
        let sent = self.pubsub.publish(&channel, message, || *self.pubsub.limits.read());
        if sent.overflowed > 0 {
            self.traffic.mine().output_buffer_closed.add(sent.overflowed as u64);
        }
    }
}

/// Appends `5:bytes`.
fn with_length(bytes: &[u8], out: &mut Text) {
    push_number(bytes.len(), out);
    out.push(b':');
    out.extend_from_slice(bytes);
}

fn push_number(number: usize, out: &mut Text) {
    if number >= 10 {
        push_number(number / 10, out);
    }
    out.push(b'0' + (number % 10) as u8);
}

#[cfg(test)]
mod tests {
    use crate::commands::Client;
    use crate::commands::testing::Session;
    use crate::config::Settings;
    use crate::resp::Encoded;

    /// A server with these letters, and a client that has subscribed to all channels.
    fn listening(letters: &str) -> (Session, Client) {
        let settings = Settings { notify_keyspace_events: letters.to_owned(), ..Settings::defaults() };
        let session = Session::with(settings, 1_000_000);
        let mut client = session.connect();
        session.ask_as(&mut client, "psubscribe *");
        (session, client)
    }

    /// What was published: `channel -> message`, one a line.
    fn published(client: &Client) -> Vec<String> {
        let mut out = Encoded::default();
        client.info.take_pushes(usize::MAX, &mut out);
        let text = String::from_utf8_lossy(&out.to_vec()).into_owned();
        let messages = text.split("*4\r\n").skip(1);
        let line = |message: &str| {
            let words: Vec<&str> = message.split("\r\n").collect();
            format!("{} -> {}", words[5], words[7])
        };
        messages.map(line).collect()
    }

    #[test]
    fn parts_of_values_have_channels_of_their_own() {
        let (mut session, client) = listening("KESTIVh");
        session.ask("hset k f 1 gg 2 f 3");
        let expected = [
            "__keyspace@0__:k -> hset",
            "__keyevent@0__:hset -> k",
            "__subkeyspace@0__:k -> hset|1:f,2:gg,1:f",
            "__subkeyevent@0__:hset -> 1:k|1:f,2:gg,1:f",
            "__subkeyspaceitem@0__:k\nf -> hset",
            "__subkeyspaceitem@0__:k\ngg -> hset",
            "__subkeyspaceitem@0__:k\nf -> hset",
            "__subkeyspaceevent@0__:hset|k -> 1:f,2:gg,1:f",
        ];
        assert_eq!(published(&client), expected);
        let (mut session, client) = listening("Ih");
        session.reply_to(&["hset", "k\nx", "f", "1"]);
        assert!(published(&client).is_empty(), "where the key ends would not be known");
        session.ask("select 12");
        session.ask("hset k f 1");
        assert_eq!(published(&client), ["__subkeyspaceitem@12__:k\nf -> hset"]);
    }

    #[test]
    fn elements_of_vector_sets_have_events() {
        let (mut session, client) = listening("Sdvg");
        let mut told = |requests: &[&str]| {
            requests.iter().for_each(|request| _ = session.ask(request));
            let space = "__subkeyspace@0__:k -> ";
            let messages = published(&client);
            messages.iter().map(|message| message.replace(space, "")).collect::<Vec<_>>().join(" ")
        };
        let add = "VADD k VALUES 2 1 0 e VALUES 2 1 1 f";
        assert_eq!(told(&[add]), "vadd|1:e,1:f");
        assert_eq!(told(&[add, "VADD k VALUES 2 0 1 g"]), "vadd|1:e,1:f vadd|1:g");
        assert_eq!(told(&["VSETATTR k e {}", "VSETATTR k none {}"]), "vsetattr|1:e");
        assert_eq!(
            told(&["VEXPIRE k 100 MEMBERS 2 e none", "VPERSIST k MEMBERS 2 e f"]),
            "vexpire|1:e vpersist|1:e"
        );
        assert_eq!(told(&["VREM k e none f", "VREM k none"]), "vrem|1:e,1:f");
        assert_eq!(told(&["VEXPIRE k 0 MEMBERS 1 g"]), "vrem|1:g");
        assert_eq!(told(&["EXISTS k"]), "");
    }

    #[test]
    fn what_a_cache_serves_and_what_it_does_not_has_events() {
        let (mut session, client) = listening("Sv");
        session.ask("VCACHE.SET k a VALUES 2 1 0 x");
        published(&client);
        let mut told = |request: &str| {
            session.ask(request);
            published(&client)
        };
        assert_eq!(told("VCACHE.GET k VALUES 2 1 0 MINSCORE 0.9"), ["__subkeyspace@0__:k -> vhit|1:a"]);
        let near = ["__subkeyspace@0__:k -> vnearmiss|1:a"];
        assert_eq!(told("VCACHE.GET k VALUES 2 1 0.1 MAXERROR 0.1"), near);
        assert!(told("VCACHE.GET k VALUES 2 1 0.1 MAXERROR 0.1 DRYRUN").is_empty());
        assert!(told("VCACHE.GET k VALUES 2 1 0 MINSCORE 0.9 DRYRUN").is_empty());
        assert!(told("VCACHE.EXPLAIN k VALUES 2 1 0 MINSCORE 0.9").is_empty());
        assert!(told("VCACHE.GET none VALUES 2 1 0.1 MAXERROR 0.1").is_empty());
        // A miss has no part.
        assert!(told("VCACHE.GET k VALUES 2 -1 0 MINSCORE 0.9").is_empty());
        let (mut session, client) = listening("Kv");
        session.ask("VCACHE.SET k a VALUES 2 1 0 x");
        published(&client);
        session.ask("VCACHE.GET k VALUES 2 -1 0 MINSCORE 0.9");
        assert_eq!(published(&client), ["__keyspace@0__:k -> vmiss"]);
    }

    #[test]
    fn elements_that_expire_or_are_evicted_have_events() {
        let (mut session, client) = listening("Sd");
        let told = |lines: Vec<String>| lines.join(" ").replace("__subkeyspace@0__:k -> ", "");
        session.ask("VADD k VALUES 2 1 0 e EX 1 VALUES 2 1 1 f EX 2 VALUES 2 0 1 g");
        session.advance(10_000);
        // A cycle has a limit of time.
        while session.server.keyspace.databases()[0].expire_cycle(100) == 0 {}
        assert_eq!(told(published(&client)), "vexpired|1:e,1:f");
        session.ask("VCONFIG k MAXELEMENTS 1 POLICY lru");
        session.ask("VADD k VALUES 2 1 0 h EX 1");
        assert_eq!(told(published(&client)), "vevicted|1:g");
        session.advance(10_000);
        assert_eq!(session.ask("EXISTS k"), ":0");
        assert_eq!(told(published(&client)), "vexpired|1:h");
    }
}
