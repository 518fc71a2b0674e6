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
