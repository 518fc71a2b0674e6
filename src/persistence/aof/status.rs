//! The state of the log, for other threads: how far it is safe, whether it can be written, its
//! figures.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;

use crate::counters::Counter;
use crate::journal::{Journal, Reader, RefusalCause};

/// Between two lines in the log of the server about the same failure.
const LOG_EVERY: Duration = Duration::from_secs(30);

/// When what was written is made safe: `appendfsync`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum SyncPolicy {
    /// Before the reply is sent.
    Always = 0,
    /// Each second.
    #[default]
    EverySecond = 1,
    /// When the system does it by itself.
    Never = 2,
}

impl SyncPolicy {
    /// The policy of this name.
    pub fn named(name: &str) -> Self {
        match name {
            "always" => Self::Always,
            "no" => Self::Never,
            _ => Self::EverySecond,
        }
    }
}

/// What the writer is to do where the stream was divided.
pub(super) enum Order {
    /// Go on in a new increment, and say which one.
    Turn(Arc<NextIncrement>),
    /// End.
    End,
}

/// The number of the increment that begins at a division, when it has begun.
#[derive(Default)]
pub(super) struct NextIncrement {
    state: Mutex<Turn>,
    news: Condvar,
}

#[derive(Clone, Copy, Default)]
enum Turn {
    #[default]
    Awaited,
    Begun(u64),
    /// The log ended before.
    Never,
}

impl NextIncrement {
    pub(super) fn set(&self, seq: u64) {
        self.settle(Turn::Begun(seq));
    }

    /// The increment will not begin.
    pub(super) fn give_up(&self) {
        self.settle(Turn::Never);
    }

    fn settle(&self, turn: Turn) {
        *self.state.lock() = turn;
        self.news.notify_all();
    }

    /// Waits for the number; none if it does not come in time, or not at all.
    pub(super) fn wait(&self, time: Duration) -> Option<u64> {
        let mut state = self.state.lock();
        let is_awaited = |state: &mut Turn| matches!(state, Turn::Awaited);
        self.news.wait_while_for(&mut state, is_awaited, time);
        if let Turn::Begun(seq) = *state { Some(seq) } else { None }
    }
}

/// What the writer shares with other threads.
pub(super) struct Status {
    pub(super) journal: Arc<Journal>,
    /// Of the journal's stream: what it is given is written to the log.
    pub(super) reader: Reader,
    policy: AtomicU8,
    /// Whether nothing is synced while a snapshot is being written.
    spares_snapshots: AtomicBool,
    reached: watch::Sender<Reached>,
    /// Whether there is a log that can be waited for.
    is_on: AtomicBool,
    orders: Mutex<VecDeque<(u64, Order)>>,
    trouble: Mutex<Trouble>,
    /// Set to let the writer end although it cannot write.
    gives_up: AtomicBool,
    pause: (Mutex<()>, Condvar),
    /// Bytes in base and increments.
    pub(super) size: AtomicU64,
    /// What `size` was after the last rewrite, or at the start.
    pub(super) size_of_base: AtomicU64,
    /// Writes that waited for a sync that took too long.
    pub(super) delayed: Counter,
    /// The most bytes of old states that were in memory while the last base was made.
    pub(super) last_peak_bytes: AtomicU64,
    /// A sync is running aside, 0 or 1.
    pub(super) syncing: AtomicU64,
    /// What was in the files may be lost: a new base is needed.
    pub(super) needs_base: AtomicBool,
}

/// How far the log has come.
#[derive(Clone, Copy, Debug, Default)]
struct Reached {
    /// The place of the stream up to which all was given to the system.
    written: u64,
    /// The place up to which all is safe.
    durable: u64,
    /// The files have all that they should: there is a base, and nothing after it was lost.
    is_whole: bool,
}

#[derive(Default)]
struct Trouble {
    now: Option<String>,
    logged: Option<Instant>,
}

impl Status {
    pub(super) fn new(journal: Arc<Journal>) -> Self {
        Self {
            reader: journal.reader(),
            journal,
            policy: AtomicU8::new(SyncPolicy::default() as u8),
            spares_snapshots: AtomicBool::new(false),
            reached: watch::Sender::new(Reached::default()),
            is_on: AtomicBool::new(false),
            orders: Mutex::default(),
            trouble: Mutex::default(),
            gives_up: AtomicBool::new(false),
            pause: Default::default(),
            size: AtomicU64::new(0),
            size_of_base: AtomicU64::new(0),
            delayed: Counter::new(),
            last_peak_bytes: AtomicU64::new(0),
            syncing: AtomicU64::new(0),
            needs_base: AtomicBool::new(false),
        }
    }

    /// The policy in force now.
    pub(super) fn policy(&self) -> SyncPolicy {
        let policy = match self.policy.load(Ordering::Relaxed) {
            0 => SyncPolicy::Always,
            1 => SyncPolicy::EverySecond,
            _ => SyncPolicy::Never,
        };
        let spares = self.spares_snapshots.load(Ordering::Relaxed) && self.journal.is_cut();
        if spares { SyncPolicy::Never } else { policy }
    }

    /// Sets the policy, and wakes the writer and all that wait for it.
    pub(super) fn set_policy(&self, policy: SyncPolicy, spares_snapshots: bool) {
        self.policy.store(policy as u8, Ordering::Relaxed);
        self.spares_snapshots.store(spares_snapshots, Ordering::Relaxed);
        self.reader.set_eager(policy == SyncPolicy::Always);
        self.wake();
        self.reader.wake();
    }

    /// A writer begins; `is_whole`: its log has a base.
    pub(super) fn begin(&self, is_whole: bool) {
        self.reached.send_modify(|reached| reached.is_whole = is_whole);
        self.drop_orders();
        self.gives_up.store(false, Ordering::Relaxed);
        self.is_on.store(true, Ordering::Release);
    }

    /// The writer has ended: replies wait for it no more.
    pub(super) fn end(&self) {
        self.is_on.store(false, Ordering::Release);
        self.trouble.lock().now = None;
        self.drop_orders();
        self.wake();
    }

    fn drop_orders(&self) {
        for (_, order) in self.orders.lock().drain(..) {
            if let Order::Turn(next) = order {
                next.give_up();
            }
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Acquire)
    }

    /// True if a change that ends at this place of the stream must not be answered yet.
    pub(super) fn withholds(&self, place: u64) -> bool {
        self.is_on() && self.answers_up_to(&self.reached.borrow()) < place
    }

    /// True if all before this place of the stream was given to the system.
    pub(super) fn is_written(&self, place: u64) -> bool {
        self.reached.borrow().written >= place
    }

    /// True if all before this place of the stream would be there after a failure of power.
    pub(super) fn is_durable(&self, place: u64) -> bool {
        self.keeps(&self.reached.borrow(), place)
    }

    fn keeps(&self, reached: &Reached, place: u64) -> bool {
        let is_whole = reached.is_whole && !self.needs_base.load(Ordering::Relaxed);
        self.is_on() && is_whole && reached.durable >= place
    }

    /// Waits until `condition` of whether the log is on, and of whether it keeps what is before
    /// this place of the stream.
    pub(super) async fn until(&self, place: u64, condition: impl Fn(bool, bool) -> bool) {
        let holds = |reached: &Reached| condition(self.is_on(), self.keeps(reached, place));
        // It fails if the sender is gone, which lives as long as this.
        let _ = self.reached.subscribe().wait_for(holds).await;
    }

    /// A file was left that is not synced, and will not be before the system does it: what is in it
    /// is not safe before there is a new base.
    pub(super) fn note_unsafe(&self) {
        self.reached.send_modify(|reached| reached.is_whole = false);
    }

    /// A new base is about to be made, which makes up for what was lost; true if something was.
    pub(super) fn begin_base(&self) -> bool {
        let mut is_needed = false;
        self.reached.send_modify(|reached| {
            is_needed = self.needs_base.swap(false, Ordering::Relaxed);
            reached.is_whole &= !is_needed;
        });
        is_needed
    }

    /// A new base is in place, which has all before this place of the stream.
    pub(super) fn note_base(&self, place: u64) {
        self.reached.send_modify(|reached| reached.is_whole = true);
        self.note_durable(place);
    }

    /// The place up to which changes may be answered.
    fn answers_up_to(&self, reached: &Reached) -> u64 {
        if self.policy() == SyncPolicy::Always { reached.durable } else { reached.written }
    }

    /// Waits until a change that ends at this place may be answered.
    pub(super) async fn until_answerable(&self, place: u64) {
        let may_go = |reached: &Reached| !self.is_on() || self.answers_up_to(reached) >= place;
        // It fails if the sender is gone, which lives as long as this.
        let _ = self.reached.subscribe().wait_for(may_go).await;
    }

    /// All before this place of the stream was given to the system.
    pub(super) fn note_written(&self, place: u64) {
        self.reached.send_if_modified(|reached| {
            let is_news = reached.written < place;
            reached.written = place.max(reached.written);
            is_news
        });
    }

    /// All before this place of the stream is safe.
    pub(super) fn note_durable(&self, place: u64) {
        self.reached.send_if_modified(|reached| {
            let is_news = reached.durable < place;
            reached.durable = place.max(reached.durable);
            reached.written = reached.written.max(reached.durable);
            is_news
        });
    }

    /// Wakes all that wait, to check whether they still have to.
    pub(super) fn wake(&self) {
        self.reached.send_modify(|_| ());
    }

    /// What is to be done where the stream is divided, at this place.
    pub(super) fn order(&self, place: u64, order: Order) {
        self.orders.lock().push_back((place, order));
    }

    /// The order for the division at this place, if there is one.
    pub(super) fn take_order(&self, place: u64) -> Option<Order> {
        let mut orders = self.orders.lock();
        let is_here = orders.front().is_some_and(|(at, _)| *at == place);
        if is_here { orders.pop_front().map(|(_, order)| order) } else { None }
    }

    /// The log cannot be written: writes are refused.
    pub(super) fn fail(&self, error: &io::Error) {
        let reason = reason(error);
        let mut trouble = self.trouble.lock();
        if trouble.logged.is_none_or(|logged| logged.elapsed() > LOG_EVERY) {
            trouble.logged = Some(Instant::now());
            tracing::error!(
                "Error writing to the AOF file: {reason}; writes are refused, it is tried again each second"
            );
        }
        self.journal
            .refuse(RefusalCause::Log, Some(format!("MISCONF Errors writing to the AOF file: {reason}")));
        trouble.now = Some(reason);
    }

    /// The log can be written.
    pub(super) fn recover(&self) {
        let mut trouble = self.trouble.lock();
        if trouble.now.take().is_some() {
            trouble.logged = None;
            self.journal.refuse(RefusalCause::Log, None);
            tracing::warn!("AOF write error looks solved. The server can write again.");
        }
    }

    /// True if the last attempt to write has failed.
    pub(super) fn has_trouble(&self) -> bool {
        self.trouble.lock().now.is_some()
    }

    /// Lets the writer end although it cannot write.
    pub(super) fn give_up(&self) {
        self.gives_up.store(true, Ordering::Relaxed);
        let _held = self.pause.0.lock();
        self.pause.1.notify_all();
    }

    pub(super) fn gives_up(&self) -> bool {
        self.gives_up.load(Ordering::Relaxed)
    }

    /// Waits, unless the server ends.
    pub(super) fn pause(&self, time: Duration) {
        let mut held = self.pause.0.lock();
        if !self.gives_up() {
            self.pause.1.wait_for(&mut held, time);
        }
    }
}

/// The text of the system, without the number that Rust appends.
pub(super) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}
