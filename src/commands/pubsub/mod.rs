//! Messages to channels: `SUBSCRIBE`, `PUBLISH` and their like.
//!
//! ```text
//! PUBLISH → channels.rs   subscribers of a channel, by name ┐
//!         → patterns.rs   subscribers of patterns, compared ├→ queue of the client → its connection
//! SPUBLISH → channels.rs  a second table                    ┘  (client/push_queue.rs)
//! SUBSCRIBE …             subscriptions.rs: what one client has subscribed to
//! events of keys          events.rs: published by the threads that change keys
//! ```
//!
//! Design decisions:
//!
//! - *A publisher never waits for a subscriber.* It puts a reference to the message into the queue
//!   of each subscriber. The subscriber's own thread encodes it, in the protocol that the client
//!   has then, so a message is in memory once and a fan-out is a walk over a map with a short lock
//!   and a counter for each client. What a slow client may leave waiting is limited there.
//! - *No lock for messages without subscribers.* Each table has a filter of counters that only
//!   (un)subscribing writes. If it rules out that the channel has subscribers, and no pattern
//!   matches, `PUBLISH` has only read memory that does not change, on however many cores.
//! - *Order.* A message is queued for all its subscribers under the lock of its channel's shard, so
//!   all of them get the messages of a channel in one order, those by patterns too. A client's own
//!   messages keep their order, as each is queued before its `PUBLISH` is answered. Between
//!   channels of different shards, two subscribers may see two publishers in different order, which
//!   Redis' single thread rules out.
//! - *Patterns* are compared by every `PUBLISH`. Each thread has its own list of them behind its
//!   own lock, so publishers do not share one; only a new pattern, or one that loses its last
//!   subscriber, changes all the lists.
//! - *Slow clients that send commands* get what is queued copied into their output, short messages
//!   at least: then these are in memory for them alone, within the same limit.
//! - *Messages and replies.* For a client with subscriptions, the connection takes what is queued
//!   before and after each command, so that a client that changes a key after a `PUBLISH` is seen
//!   to do both in this order, and its own messages follow the reply to `PUBLISH`, as in Redis.
//!   `UNSUBSCRIBE` removes the client first, then takes what is queued, then confirms: no message
//!   comes after the confirmation, except within `EXEC`, whose messages follow its reply.
//! - *Durability.* Messages are not held back until the changes made before them are on disk, even
//!   if `appendfsync always` holds back the reply to the publisher.
//! - *Memory.* Subscriptions of one connection are limited by `client-query-buffer-limit`, as are
//!   transactions. They end with the `Subscriptions` of the client, however its connection ends.

mod channels;
mod events;
mod inspect;
mod patterns;
mod publish;
mod subscribe;
mod subscriptions;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::RwLock;
use smallvec::{SmallVec, smallvec};

use super::client::{ClientInfo, Push, Pushed};
use super::{Arity, Flags, Group, Run, Scope, Spec, Weight, glob};
use crate::config::OutputLimits;
use channels::Channels;
pub(super) use events::KeyspaceEvents;
use patterns::Patterns;
pub(super) use subscriptions::Subscriptions;

/// The family, in the order of `COMMAND`.
pub(super) const COMMANDS: &[&Spec] = &[
    &subscribe::PSUBSCRIBE,
    &publish::PUBLISH,
    &inspect::SPEC,
    &subscribe::PUNSUBSCRIBE,
    &publish::SPUBLISH,
    &subscribe::SSUBSCRIBE,
    &subscribe::SUBSCRIBE,
    &subscribe::SUNSUBSCRIBE,
    &subscribe::UNSUBSCRIBE,
];

/// Shared fields of the family.
const BASE: Spec = Spec {
    name: "",
    arity: Arity::AtLeast(1),
    flags: Flags::PUBSUB.and(Flags::LOADING).and(Flags::STALE),
    keys: &[],
    scope: Scope::NoKeys,
    redact: None,
    group: Group::PubSub,
    since: "2.0.0",
    complexity: "",
    summary: "",
    syntax: "",
    tips: &[],
    weight: Weight::Light,
    run: Run::Container(&[]),
};

/// A message to more clients is not sent on a network thread, which has other clients to serve; and
/// so many subscriptions do not begin or end there.
const MANY_RECEIVERS: usize = 1000;

/// True if the name of a channel matches. As in Redis an empty name matches only an empty pattern,
/// not `*`, unlike an empty key.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    if name.is_empty() { pattern.is_empty() } else { glob::matches(pattern, name) }
}

/// What a client subscribes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A channel.
    Channel,
    /// All channels whose names match.
    Pattern,
    /// A channel of `SPUBLISH`. Without a cluster these are just channels of their own.
    Shard,
}

/// The clients that get a message, by id.
type Subscribers = BTreeMap<u64, Arc<ClientInfo>>;

/// All subscriptions.
#[derive(Default)]
pub struct PubSub {
    channels: Channels,
    patterns: Patterns,
    shard_channels: Channels,
    /// For messages that no command sends.
    limits: RwLock<OutputLimits>,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sent {
    /// Subscriptions that it is queued for.
    pub(super) receivers: usize,
    /// Clients that are being disconnected because too much waits for them.
    pub(super) overflowed: usize,
}

impl Sent {
    fn to(&mut self, subscribers: &Subscribers, message: &Arc<Push>, limits: &OutputLimits) {
        for client in subscribers.values() {
            match client.push(message, limits) {
                Pushed::Queued => self.receivers += 1,
                Pushed::Overflowed => self.overflowed += 1,
                Pushed::Closing => {}
            }
        }
    }
}

impl PubSub {
    /// Sends a message to the subscribers of a channel and to those of patterns. The limits are
    /// looked up only if there are any.
    pub(super) fn publish(&self, channel: &[u8], text: &[u8], limits: impl FnOnce() -> OutputLimits) -> Sent {
        let patterns = self.patterns.matching(channel);
        if patterns.is_empty() && !self.channels.may_have(channel) {
            return Sent::default();
        }
        let mut message = Message::new(channel, text);
        let mut sent = Sent::default();
        self.channels.with_subscribers(channel, |subscribers| {
            if subscribers.is_none() && patterns.is_empty() {
                return;
            }
            let limits = limits();
            if let Some(subscribers) = subscribers {
                sent.to(subscribers, &message.push("message", None), &limits);
            }
            for pattern in &patterns {
                let push = message.push("pmessage", Some(pattern.text.clone()));
                sent.to(&pattern.subscribers.lock(), &push, &limits);
            }
        });
        sent
    }

    /// Sends a message to the subscribers of a shard channel.
    pub(super) fn publish_to_shard(
        &self,
        channel: &[u8],
        text: &[u8],
        limits: impl FnOnce() -> OutputLimits,
    ) -> Sent {
        let mut sent = Sent::default();
        if self.shard_channels.may_have(channel) {
            self.shard_channels.with_subscribers(channel, |subscribers| {
                if let Some(subscribers) = subscribers {
                    sent.to(subscribers, &Message::new(channel, text).push("smessage", None), &limits());
                }
            });
        }
        sent
    }

    /// Sets the limits for messages that no command sends.
    pub(super) fn set_limits(&self, limits: OutputLimits) {
        *self.limits.write() = limits;
    }

    /// False if there is no subscriber of a channel or pattern.
    fn has_subscribers(&self) -> bool {
        self.channels.may_have_any() || self.patterns.len() > 0
    }

    /// Visits all subscriptions: name, whether it is a pattern, client.
    pub(super) fn for_each(&self, mut visit: impl FnMut(&[u8], bool, &Arc<ClientInfo>)) {
        self.channels.for_each(|name, client| visit(name, false, client));
        self.shard_channels.for_each(|name, client| visit(name, false, client));
        self.patterns.for_each(|name, client| visit(name, true, client));
    }

    /// True if a message to the channel takes long to send.
    fn has_many_receivers(&self, channel: &[u8]) -> bool {
        self.patterns.subscriptions() > MANY_RECEIVERS || self.channels.has_many(channel)
    }

    /// Subscribes a client to something that it has not subscribed to yet; returns the name, which
    /// all subscribers share.
    fn add(&self, kind: Kind, name: &[u8], client: &Arc<ClientInfo>) -> Bytes {
        match kind {
            Kind::Channel => self.channels.add(name, client),
            Kind::Pattern => self.patterns.add(name, client),
            Kind::Shard => self.shard_channels.add(name, client),
        }
    }

    /// Ends a subscription. No message to it is queued after this.
    fn remove(&self, kind: Kind, name: &[u8], client: &ClientInfo) {
        match kind {
            Kind::Channel => self.channels.remove(name, client.id),
            Kind::Pattern => self.patterns.remove(name, client.id),
            Kind::Shard => self.shard_channels.remove(name, client.id),
        }
    }

    /// Channels with subscribers, for `INFO`.
    pub fn channels(&self) -> usize {
        self.channels.len()
    }

    /// Patterns with subscribers, each counted once.
    pub fn patterns(&self) -> usize {
        self.patterns.len()
    }

    /// Shard channels with subscribers.
    pub fn shard_channels(&self) -> usize {
        self.shard_channels.len()
    }
}

/// A message, copied out of its request when it is known to have a receiver.
struct Message<'m> {
    channel: &'m [u8],
    text: &'m [u8],
    /// Copies of both, shared by the pushes for the channel and for all patterns.
    copies: Option<(Bytes, Bytes)>,
}

impl<'m> Message<'m> {
    fn new(channel: &'m [u8], text: &'m [u8]) -> Self {
        Self { channel, text, copies: None }
    }

    /// What subscribers get: the kind, the pattern if there is one, the channel, the text.
    fn push(&mut self, kind: &'static str, pattern: Option<Bytes>) -> Arc<Push> {
        let is_first = self.copies.is_none();
        let (channel, text) = self
            .copies
            .get_or_insert_with(|| (Bytes::copy_from_slice(self.channel), Bytes::copy_from_slice(self.text)));
        let own_bytes = if is_first { channel.len() + text.len() } else { 0 };
        let mut texts: SmallVec<[Bytes; 4]> = smallvec![Bytes::from_static(kind.as_bytes())];
        texts.extend(pattern);
        texts.extend([channel.clone(), text.clone()]);
        Push::new(texts, own_bytes)
    }
}
