//! One thread reads and checks, others put what it has read into the set.
//!
//! A set of one batch is put by the thread that reads. When a second batch is full, workers are
//! started; what lies between is bounded, so a reader that is faster waits.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use parking_lot::Mutex;

use super::Invalid;
use super::batch::Batch;
use super::parts::Parts;

/// More workers than this would wait for the one that reads.
const MOST_WORKERS: usize = 4;

/// The set under construction, and the threads that fill it.
pub(super) struct Pipeline {
    parts: Arc<Parts>,
    filling: Batch,
    workers: Option<Workers>,
}

/// Threads that put batches, until there are no more or one is refused.
struct Workers {
    full: Option<SyncSender<Batch>>,
    /// Batches to be used again.
    empty: Receiver<Batch>,
    threads: Vec<JoinHandle<Result<(), Invalid>>>,
}

impl Pipeline {
    pub(super) fn new(parts: Parts) -> Self {
        Self { parts: Arc::new(parts), filling: Batch::default(), workers: None }
    }

    pub(super) fn parts(&self) -> &Parts {
        &self.parts
    }

    /// The batch that is being filled.
    pub(super) fn filling(&mut self) -> &mut Batch {
        &mut self.filling
    }

    /// To be called after each element: passes the batch on if it is full.
    pub(super) fn pass_on(&mut self) -> Result<(), Invalid> {
        if !self.filling.is_full() {
            return Ok(());
        }
        let workers = self.workers.get_or_insert_with(|| Workers::new(&self.parts));
        let next = workers.empty.try_recv().unwrap_or_default();
        let full = std::mem::replace(&mut self.filling, next);
        match workers.full.as_ref().map(|full_ones| full_ones.send(full)) {
            Some(Ok(())) => Ok(()),
            // All workers have stopped, which they do when an element is refused.
            _ => workers.join(),
        }
    }

    /// The parts, when all elements are in their places.
    pub(super) fn finish(mut self) -> Result<Parts, Invalid> {
        self.parts.put_all(&self.filling)?;
        if let Some(mut workers) = self.workers.take() {
            workers.join()?;
        }
        Ok(Arc::into_inner(self.parts).expect("workers are gone, and nobody else has it"))
    }
}

impl Workers {
    fn new(parts: &Arc<Parts>) -> Self {
        let count = (super::cores() - 1).clamp(1, MOST_WORKERS);
        let (full, full_ones) = sync_channel::<Batch>(count);
        let (emptied, empty) = sync_channel(2 * count);
        let full_ones = Arc::new(Mutex::new(full_ones));
        let work = |_| {
            let parts = Arc::clone(parts);
            let full_ones = Arc::clone(&full_ones);
            let emptied = emptied.clone();
            std::thread::spawn(move || work(&parts, &full_ones, &emptied))
        };
        Self { full: Some(full), empty, threads: (0..count).map(work).collect() }
    }

    /// Waits until all is put; the first refusal, if there was one.
    fn join(&mut self) -> Result<(), Invalid> {
        self.full = None;
        let outcomes: Vec<_> = self.threads.drain(..).map(JoinHandle::join).collect();
        outcomes.into_iter().try_for_each(|outcome| outcome.unwrap_or_else(|p| std::panic::resume_unwind(p)))
    }
}

/// Also if the outcome is not used.
impl Drop for Workers {
    fn drop(&mut self) {
        self.full = None;
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

fn work(
    parts: &Parts,
    full_ones: &Mutex<Receiver<Batch>>,
    emptied: &SyncSender<Batch>,
) -> Result<(), Invalid> {
    loop {
        let next = full_ones.lock().recv();
        let Ok(mut batch) = next else { return Ok(()) };
        parts.put_all(&batch)?;
        batch.clear();
        // If the channel is full, it is not needed.
        let _ = emptied.try_send(batch);
    }
}
