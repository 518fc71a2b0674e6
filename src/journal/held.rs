//! Writers that are held back while the journal is full: they wait without a thread, and are woken
//! when there is room.
//!
//! Not all at once: the first few of ten thousand may fill the journal again, and the others would
//! be woken in vain, each time. What makes room wakes [`BATCH`] of them. Each of these wakes the
//! next one, if there is still room, when its write was tried again or its client has left. One
//! whose client does not read its replies may keep the next one waiting; so the server also wakes
//! some ten times a second.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::Journal;
use crate::wake::{Waiter, WakeList};

/// Writers that are woken at once.
const BATCH: usize = 16;

/// All that are held back.
#[derive(Debug, Default)]
pub(super) struct HeldWriters(Arc<WakeList>);

impl HeldWriters {
    /// Wakes some, if there is room.
    pub(super) fn release(&self, has_room: impl FnOnce() -> bool) {
        self.0.wake_if(BATCH, has_room);
    }

    /// Wakes all, whether there is room or not.
    pub(super) fn release_all(&self) {
        self.0.wake_all();
    }
}

/// A write that is held back: ready when it is to be tried again. To be dropped when that was done.
#[derive(Debug)]
#[must_use = "it is to be awaited"]
pub struct HeldWriter {
    journal: Arc<Journal>,
    waiter: Waiter,
}

impl HeldWriter {
    /// Registers first, then looks again: what makes room in between wakes it.
    pub(super) fn register(journal: &Arc<Journal>) -> Option<Self> {
        if !journal.holds_writers() {
            return None;
        }
        let held = Self { journal: Arc::clone(journal), waiter: journal.held.0.register() };
        journal.holds_writers().then_some(held)
    }
}

impl Future for HeldWriter {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.waiter).poll(cx)
    }
}

impl Drop for HeldWriter {
    fn drop(&mut self) {
        if self.waiter.is_woken() {
            self.journal.held.0.wake_if(1, || !self.journal.holds_writers());
        }
    }
}
