//! Output that a client did not request: messages for a subscriber, lines for a monitor.
//!
//! | the thread that has the output | the connection of the client |
//! |---|---|
//! | adds it to the queue and its length to the sum | takes it, on its own thread |
//! | wakes the connection if nothing waited before | encodes it and writes it |
//!
//! So a thread that has output never waits for a client, however slow the client is. What waits is
//! shared by all clients it waits for. It is bounded for each client, together with its replies, by
//! `client-output-buffer-limit` of its class, or by [`MAX_LINES`] and [`MAX_MESSAGES`]. A client
//! that exceeds the hard limit is disconnected by the thread that finds it so, and its queue is
//! freed at once. The time of the soft limit is measured by the connection, which is woken when
//! that limit is passed.
//!
//! A connection that sleeps while something waits here waits for its socket, so it needs to be
//! woken only when the first bytes come.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::ClientInfo;
use crate::config::{ClientClass, OutputLimit, OutputLimits};
use crate::memory::{Category, Held};
use crate::resp::{Encoded, Protocol, Reply};

/// Limit of the bytes that wait for a monitor, if its class has no smaller one.
const MAX_LINES: u64 = 32 * 1024 * 1024;
/// Limit of the bytes that wait for a subscriber, if its class has none.
const MAX_MESSAGES: u64 = 1024 * 1024 * 1024;

/// Bytes that a message takes in each queue, beside its own, which are shared.
const PART_BYTES: usize = size_of::<Part>();
/// Bytes that a message takes beside its texts.
const PUSH_BYTES: usize = size_of::<Push>() + 2 * size_of::<usize>();

/// Output that waits for its connection.
#[derive(Default)]
pub(super) struct PushQueue {
    /// Bytes that wait. Those of a monitor's lines are counted before the lines are queued.
    waiting_bytes: AtomicUsize,
    parts: Mutex<Parts>,
    /// Too much waited: the client is being disconnected, and the queue stays empty.
    has_overflowed: AtomicBool,
}

/// The parts in order, and the bytes of their list.
struct Parts {
    list: VecDeque<Part>,
    memory: Held,
}

impl Default for Parts {
    fn default() -> Self {
        Self { list: VecDeque::new(), memory: Held::nothing(Category::Clients) }
    }
}

impl Parts {
    fn add(&mut self, part: Part) {
        self.list.push_back(part);
        self.count();
    }

    /// Removes the first parts, and returns them.
    fn take(&mut self, count: usize) -> VecDeque<Part> {
        let is_all = count == self.list.len();
        let taken = if is_all { mem::take(&mut self.list) } else { self.list.drain(..count).collect() };
        self.count();
        taken
    }

    fn clear(&mut self) {
        self.list = VecDeque::new();
        self.count();
    }

    fn count(&mut self) {
        self.memory.set(self.list.capacity() * PART_BYTES);
    }
}

/// What waits: complete lines, or a message. Small, since there may be many.
enum Part {
    Lines(Box<Bytes>),
    Push(Arc<Push>),
    Form(Arc<PushForm>),
}

impl Part {
    /// Bytes that count against the limits.
    fn counted_bytes(&self) -> usize {
        match self {
            Self::Lines(lines) => lines.len(),
            Self::Push(push) => push.counted_bytes(),
            Self::Form(form) => form.bytes.len() + PART_BYTES,
        }
    }

    fn encode(self, protocol: Protocol, out: &mut Encoded) {
        match self {
            Self::Lines(lines) => out.put_text(*lines),
            Self::Push(push) => Reply::encode_push(&push.texts, protocol, out),
            Self::Form(form) if form.needs_resp3 && protocol == Protocol::Resp2 => {}
            Self::Form(form) => out.put_text(form.bytes.clone()),
        }
    }
}

/// A message: a push of RESP3, an array of RESP2. It is in memory once, for all the clients that it
/// is for, and its bytes are counted once.
pub(in crate::commands) struct Push {
    texts: SmallVec<[Bytes; 4]>,
    encoded_len: usize,
    _memory: Held,
}

impl Push {
    /// A message of these texts, the first of which says what it is. Of them, `own_bytes` are
    /// allocated for this message.
    pub(in crate::commands) fn new(texts: SmallVec<[Bytes; 4]>, own_bytes: usize) -> Arc<Self> {
        let encoded_len = Reply::push_len(&texts);
        Arc::new(Self { texts, encoded_len, _memory: Held::new(Category::Clients, PUSH_BYTES + own_bytes) })
    }

    fn counted_bytes(&self) -> usize {
        self.encoded_len + PART_BYTES
    }
}

/// A message that is encoded already. It is in memory once, as a [`Push`] is.
pub(in crate::commands) struct PushForm {
    bytes: Bytes,
    /// It is dropped if the client has changed to RESP2 before it is written.
    needs_resp3: bool,
    _memory: Held,
}

impl PushForm {
    /// A message of these bytes.
    pub(in crate::commands) fn new(bytes: Bytes, needs_resp3: bool) -> Arc<Self> {
        let held = Held::new(Category::Clients, size_of::<Self>() + bytes.len());
        Arc::new(Self { bytes, needs_resp3, _memory: held })
    }
}

/// A block of lines whose bytes are counted as long as it exists.
pub(in crate::commands) fn counted_block(lines: Bytes) -> Bytes {
    struct Block(Bytes, #[expect(dead_code, reason = "gives the bytes back on drop")] Held);
    impl AsRef<[u8]> for Block {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    let held = Held::new(Category::Clients, lines.len());
    Bytes::from_owner(Block(lines, held))
}

/// Whether a client keeps up with what is pushed to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(in crate::commands) enum Pushed {
    /// It waits for the connection.
    Queued,
    /// The connection closes, and takes nothing any more.
    Closing,
    /// The client is being disconnected because too much waits for it.
    Overflowed,
}

impl ClientInfo {
    /// The class that decides how much output may wait.
    pub fn class(&self) -> ClientClass {
        if self.is_subscribed() { ClientClass::PubSub } else { ClientClass::Normal }
    }

    /// Queues a message for the connection.
    pub(in crate::commands) fn push(&self, push: &Arc<Push>, limits: &OutputLimits) -> Pushed {
        self.push_part(Part::Push(Arc::clone(push)), limits)
    }

    /// The same with one that is encoded.
    pub(in crate::commands) fn push_form(&self, form: &Arc<PushForm>, limits: &OutputLimits) -> Pushed {
        self.push_part(Part::Form(Arc::clone(form)), limits)
    }

    fn push_part(&self, part: Part, limits: &OutputLimits) -> Pushed {
        let mut parts = self.pushes.parts.lock();
        if self.is_killed() {
            return Pushed::Closing;
        }
        // Counted under the lock, so that the connection takes off only what was counted.
        if self.announce(part.counted_bytes(), limits) == Pushed::Overflowed {
            self.overflow(&mut parts);
            return Pushed::Overflowed;
        }
        parts.add(part);
        Pushed::Queued
    }

    /// Counts a monitor's line, which is queued in a block later.
    pub(in crate::commands) fn announce_line(&self, len: usize, limits: &OutputLimits) -> Pushed {
        let verdict = self.announce(len, limits);
        if verdict == Pushed::Overflowed {
            self.overflow(&mut self.pushes.parts.lock());
        }
        verdict
    }

    /// Queues lines that were announced.
    pub(in crate::commands) fn push_lines(&self, block: Bytes) {
        let mut parts = self.pushes.parts.lock();
        if !self.has_overflowed() {
            parts.add(Part::Lines(Box::new(block)));
        }
    }

    /// Counts output that waits from now on. The connection is woken when the first bytes wait, and
    /// when the soft limit is passed.
    fn announce(&self, bytes: usize, limits: &OutputLimits) -> Pushed {
        let class = self.class();
        let limit = limits.of(class);
        let before = self.pushes.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        let unsent = (self.output_buffer.load(Ordering::Relaxed) + before) as u64;
        let unsent_now = unsent + bytes as u64;
        if unsent_now > hard_bytes(limit, class) {
            return Pushed::Overflowed;
        }
        let passes_soft_limit = unsent <= limit.soft_bytes && unsent_now > limit.soft_bytes;
        if before == 0 || passes_soft_limit {
            self.wake();
        }
        Pushed::Queued
    }

    fn overflow(&self, parts: &mut Parts) {
        self.pushes.has_overflowed.store(true, Ordering::Relaxed);
        parts.clear();
        self.pushes.waiting_bytes.store(0, Ordering::Relaxed);
        self.kill();
    }

    /// Disconnects the client because all clients take too much memory: what waits for it is
    /// dropped.
    pub(in crate::commands) fn evict(&self) {
        self.evicted.store(true, Ordering::Relaxed);
        self.overflow(&mut self.pushes.parts.lock());
    }

    /// True if the client is being disconnected because too much waited for it.
    pub fn has_overflowed(&self) -> bool {
        self.pushes.has_overflowed.load(Ordering::Relaxed)
    }

    /// Bytes that wait in the queue.
    pub fn pushed_bytes(&self) -> usize {
        self.pushes.waiting_bytes.load(Ordering::Relaxed)
    }

    /// Takes what is queued, encoded for the client: about so many bytes, but at least one message
    /// or block. Only the connection, or the command that it runs, may call this.
    pub fn take_pushes(&self, max_bytes: usize, out: &mut Encoded) {
        let taken = {
            let mut parts = self.pushes.parts.lock();
            let (count, bytes) = first_parts(&parts.list, max_bytes);
            self.pushes.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            parts.take(count)
        };
        let protocol = self.encoding();
        taken.into_iter().for_each(|part| part.encode(protocol, out));
    }

    /// Drops what is queued. The client is no monitor any more: its lines may be counted already
    /// and not yet queued.
    pub(in crate::commands) fn drop_pushes(&self) {
        let mut parts = self.pushes.parts.lock();
        parts.clear();
        self.pushes.waiting_bytes.store(0, Ordering::Relaxed);
    }

    fn encoding(&self) -> Protocol {
        if self.is_resp3() { Protocol::Resp3 } else { Protocol::Resp2 }
    }
}

/// How many parts have at most so many bytes together, but at least one; and how many bytes.
fn first_parts(parts: &VecDeque<Part>, max_bytes: usize) -> (usize, usize) {
    let mut sum = 0;
    for (count, part) in parts.iter().enumerate() {
        let bytes = part.counted_bytes();
        if count > 0 && sum + bytes > max_bytes {
            return (count, sum);
        }
        sum += bytes;
    }
    (parts.len(), sum)
}

fn hard_bytes(limit: OutputLimit, class: ClientClass) -> u64 {
    match (class, limit.hard_bytes) {
        (ClientClass::PubSub, 0) => MAX_MESSAGES,
        (ClientClass::PubSub, bytes) => bytes,
        (_, 0) => MAX_LINES,
        (_, bytes) => bytes.min(MAX_LINES),
    }
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;

    use super::*;
    use crate::commands::client::Endpoints;

    fn client() -> ClientInfo {
        let info = ClientInfo::new(1, Endpoints::default());
        info.subscriptions[0].store(1, Ordering::Relaxed);
        info
    }

    fn message(len: usize) -> Arc<Push> {
        Push::new(smallvec![Bytes::from_static(b"message"), Bytes::from(vec![b'x'; len])], len)
    }

    fn limits(hard_bytes: u64) -> OutputLimits {
        let pubsub = OutputLimit { hard_bytes, ..OutputLimit::default() };
        OutputLimits { pubsub, ..OutputLimits::default() }
    }

    fn taken(info: &ClientInfo, max_bytes: usize) -> String {
        let mut out = Encoded::default();
        info.take_pushes(max_bytes, &mut out);
        String::from_utf8(out.to_vec()).expect("messages of these tests are text")
    }

    #[test]
    fn what_is_queued_comes_in_order_and_in_the_protocol_of_the_client() {
        let info = client();
        let one = message(1);
        assert_eq!(info.push(&one, &limits(0)), Pushed::Queued);
        assert_eq!(info.push(&message(2), &limits(0)), Pushed::Queued);
        assert_eq!(info.pushed_bytes(), 2 * one.counted_bytes() + 1);
        assert_eq!(taken(&info, 1), "*2\r\n$7\r\nmessage\r\n$1\r\nx\r\n", "at least one");
        info.protocol.store(3, Ordering::Relaxed);
        assert_eq!(taken(&info, usize::MAX), ">2\r\n$7\r\nmessage\r\n$2\r\nxx\r\n");
        assert_eq!((info.pushed_bytes(), taken(&info, usize::MAX)), (0, String::new()));
    }

    #[test]
    fn a_message_is_in_memory_once_however_many_it_waits_for() {
        let (one, other) = (client(), client());
        let push = message(100_000);
        let outs = [one, other].map(|info| {
            assert_eq!(info.push(&push, &limits(0)), Pushed::Queued);
            let mut out = Encoded::default();
            info.take_pushes(usize::MAX, &mut out);
            out
        });
        let text = push.texts[1].as_ptr();
        assert!(outs.iter().all(|out| out.pieces().any(|piece| piece.as_ptr() == text)));
        assert!(outs.iter().all(|out| out.own_len() < 1000));
    }

    #[test]
    fn a_client_for_which_too_much_waits_is_disconnected_and_its_queue_is_freed() {
        let info = client();
        let push = message(1000);
        let limits = limits(3 * push.counted_bytes() as u64);
        for _ in 0..3 {
            assert_eq!(info.push(&push, &limits), Pushed::Queued);
        }
        assert_eq!(info.push(&push, &limits), Pushed::Overflowed);
        assert!(info.is_killed() && info.has_overflowed());
        assert_eq!((info.pushed_bytes(), Arc::strong_count(&push)), (0, 1));
        assert_eq!(info.push(&push, &limits), Pushed::Closing, "it is counted once");
        assert_eq!(info.pushed_bytes(), 0);
    }

    #[test]
    fn replies_that_wait_count_too() {
        let info = client();
        info.output_buffer.store(5000, Ordering::Relaxed);
        assert_eq!(info.push(&message(1), &limits(5000)), Pushed::Overflowed);
    }

    #[test]
    fn a_limit_of_zero_is_none_of_the_operators() {
        let limit = |hard_bytes| OutputLimit { hard_bytes, ..OutputLimit::default() };
        assert_eq!(hard_bytes(limit(0), ClientClass::PubSub), MAX_MESSAGES);
        assert_eq!(hard_bytes(limit(1 << 40), ClientClass::PubSub), 1 << 40);
        assert_eq!(hard_bytes(limit(0), ClientClass::Normal), MAX_LINES);
        assert_eq!(hard_bytes(limit(1 << 40), ClientClass::Normal), MAX_LINES);
        assert_eq!(hard_bytes(limit(7), ClientClass::Normal), 7);
    }
}
