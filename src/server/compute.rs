//! Where heavy commands run, away from the network threads.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use crate::system::lower_priority;

/// How much the compute threads stand back behind the network threads (`nice`): a core that has both first answers
/// the short requests.
const NICENESS: i32 = 5;

type Job = Box<dyn FnOnce() + Send>;

/// Threads and their queue. A client has at most one job in it, so it is no longer than there are clients.
pub(super) struct ComputePool {
    queue: Arc<Queue>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl ComputePool {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub(super) fn start(count: usize) -> io::Result<Self> {
        let queue = Arc::new(Queue::default());
        for number in 0..count {
            let queue = Arc::clone(&queue);
            std::thread::Builder::new().name(format!("compute-{number}")).spawn(move || queue.work())?;
        }
        Ok(Self { queue })
    }

    /// Runs `work` on some thread of the pool. None if the pool was stopped before it came to it.
    pub(super) async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Option<R> {
        let (sender, receiver) = oneshot::channel();
        self.queue.push(Box::new(move || {
            // The receiver is gone if the connection was dropped with its runtime: then nobody asks.
            let _ = sender.send(work());
        }));
        receiver.await.ok()
    }

    /// Ends the threads after their current jobs; jobs that wait are dropped. Does not wait for them: the server had
    /// its patience with running commands when it drained.
    pub(super) fn stop(&self) {
        self.queue.close();
    }
}

impl Queue {
    fn push(&self, job: Job) {
        let mut state = self.state.lock();
        if state.closed {
            return;
        }
        state.jobs.push_back(job);
        drop(state);
        self.wake.notify_one();
    }

    fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.jobs.clear();
        self.wake.notify_all();
    }

    fn work(&self) {
        lower_priority(NICENESS);
        while let Some(job) = self.next() {
            job();
        }
    }

    fn next(&self) -> Option<Job> {
        let mut state = self.state.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            self.wake.wait(&mut state);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn jobs_run_elsewhere_and_come_back() {
        let pool = ComputePool::start(2).expect("there are threads");
        let here = std::thread::current().id();
        let there = pool.run(std::thread::current).await.expect("the pool runs");
        assert!(there.id() != here && there.name().is_some_and(|name| name.starts_with("compute-")));
        pool.stop();
        assert!(pool.run(|| ()).await.is_none());
    }
}
