//! Threads beside the network threads: one pool for heavy commands, one for blocking ones.
//!
//! | pool | its commands | threads | beyond these |
//! |---|---|---|---|
//! | compute | compute for long | `compute-threads`, from the start | they queue |
//! | blocking | wait for disks, clients, threads | 1 to [`MAX_BLOCKING`], on demand | they queue |
//!
//! More compute threads would only share the same cores. A thread that waits uses no core, so
//! blocking commands have threads of their own: as many SAVEs as there are compute threads would
//! otherwise stop every heavy search, and `configs/sidecar.conf` has one. Where one pool is full,
//! the other one and the network threads go on. SHUTDOWN is a blocking command, and may have to
//! queue behind others; SIGTERM does not (`signals.rs`).
//!
//! Requests that wait for a long transaction, for the end of a pause or for room in the journal use
//! neither pool: their connections hold them back ([`Hold`](crate::commands::Hold)).

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use crate::commands::Place;
use crate::system::lower_priority;

/// Blocking commands that run at one time.
const MAX_BLOCKING: usize = 32;
/// How long a thread beyond the first ones waits for another job before it ends.
const IDLE_TIME: Duration = Duration::from_secs(10);
/// How much the threads stand back behind the network threads (`nice`): a core that has both first
/// answers the short requests.
const NICENESS: i32 = 5;

type Job = Box<dyn FnOnce() + Send>;

/// All threads that commands run on beside the network threads.
pub(super) struct Pools {
    compute: ThreadPool,
    blocking: ThreadPool,
}

impl Pools {
    /// Starts the threads that are always there.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub(super) fn start(compute_threads: usize) -> io::Result<Self> {
        Ok(Self {
            compute: ThreadPool::start("compute", compute_threads, compute_threads)?,
            blocking: ThreadPool::start("blocking", 1, MAX_BLOCKING)?,
        })
    }

    /// Runs `work` on a thread of the pool for this place. None if the pool was stopped before.
    pub(super) async fn run<R: Send + 'static>(
        &self,
        place: Place,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Option<R> {
        let pool = if place == Place::Blocking { &self.blocking } else { &self.compute };
        pool.run(work).await
    }

    /// Ends the threads after their current jobs; jobs in the queues are dropped. Does not wait for
    /// the threads: running commands had their time when the server drained.
    pub(super) fn stop(&self) {
        self.compute.queue.close();
        self.blocking.queue.close();
    }
}

/// Threads and their queue. A client has at most one job in it, so it is no longer than there are
/// clients.
struct ThreadPool {
    queue: Arc<Queue>,
}

struct Queue {
    name: &'static str,
    /// Threads at most.
    most: usize,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    threads: usize,
    /// Threads that wait for a job.
    idle: usize,
    closed: bool,
}

impl ThreadPool {
    fn start(name: &'static str, permanent: usize, most: usize) -> io::Result<Self> {
        let state = Mutex::new(State { threads: permanent, ..State::default() });
        let queue = Arc::new(Queue { name, most, state, wake: Condvar::new() });
        for number in 0..permanent {
            queue.spawn(number, None)?;
        }
        Ok(Self { queue })
    }

    async fn run<R: Send + 'static>(&self, work: impl FnOnce() -> R + Send + 'static) -> Option<R> {
        let (sender, receiver) = oneshot::channel();
        self.queue.push(Box::new(move || {
            // The receiver is gone if the connection was dropped with its runtime: then the result
            // is not needed.
            let _ = sender.send(work());
        }));
        receiver.await.ok()
    }
}

impl Queue {
    /// Starts a thread, which ends when it has had no job for so long; never without a limit.
    fn spawn(self: &Arc<Self>, number: usize, idle_time: Option<Duration>) -> io::Result<()> {
        let queue = Arc::clone(self);
        let thread = std::thread::Builder::new().name(format!("{}-{number}", self.name));
        thread.spawn(move || queue.work(idle_time)).map(drop)
    }

    fn push(self: &Arc<Self>, job: Job) {
        let mut state = self.state.lock();
        if state.closed {
            return;
        }
        state.jobs.push_back(job);
        let grows = state.jobs.len() > state.idle && state.threads < self.most;
        state.threads += usize::from(grows);
        let number = state.threads - 1;
        drop(state);
        if !grows {
            self.wake.notify_one();
        } else if let Err(error) = self.spawn(number, Some(IDLE_TIME)) {
            // The job waits for one of the permanent threads.
            tracing::debug!(%error, "the system gives no more threads");
            self.state.lock().threads -= 1;
            self.wake.notify_one();
        }
    }

    fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.jobs.clear();
        self.wake.notify_all();
    }

    fn work(&self, idle_time: Option<Duration>) {
        lower_priority(NICENESS);
        while let Some(job) = self.next(idle_time) {
            job();
        }
    }

    /// The next job; none if the thread is to end.
    fn next(&self, idle_time: Option<Duration>) -> Option<Job> {
        let mut state = self.state.lock();
        let mut was_idle = false;
        loop {
            if state.closed {
                return None;
            }
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            if was_idle {
                state.threads -= 1;
                return None;
            }
            state.idle += 1;
            was_idle = match idle_time {
                None => {
                    self.wake.wait(&mut state);
                    false
                }
                Some(time) => self.wake.wait_for(&mut state, time).timed_out(),
            };
            state.idle -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn jobs_run_elsewhere_and_come_back() {
        let pools = Pools::start(2).expect("there are threads");
        let here = std::thread::current().id();
        for (place, name) in [(Place::Compute, "compute-"), (Place::Blocking, "blocking-")] {
            let there = pools.run(place, std::thread::current).await.expect("the pool runs");
            assert!(there.id() != here && there.name().is_some_and(|full| full.starts_with(name)));
        }
        pools.stop();
        assert!(pools.run(Place::Compute, || ()).await.is_none());
        assert!(pools.run(Place::Blocking, || ()).await.is_none());
    }

    /// Jobs that have begun say so, and end when the sender is dropped.
    struct Waiting {
        begun: mpsc::Receiver<()>,
        hold: Vec<mpsc::Sender<()>>,
    }

    fn wait_in(pool: &ThreadPool, jobs: usize) -> Waiting {
        let (begin, begun) = mpsc::channel();
        let job = |_| {
            let (hold, held) = mpsc::channel::<()>();
            let begin = begin.clone();
            pool.queue.push(Box::new(move || {
                let _ = begin.send(());
                let _ = held.recv();
            }));
            hold
        };
        let hold = (0..jobs).map(job).collect();
        Waiting { begun, hold }
    }

    #[test]
    fn threads_are_started_on_demand_and_beyond_the_limit_jobs_queue() {
        let pool = ThreadPool::start("test", 1, 3).expect("there are threads");
        let mut waiting = wait_in(&pool, 4);
        (0..3).for_each(|_| waiting.begun.recv().expect("three run"));
        let state = pool.queue.state.lock();
        assert_eq!((state.threads, state.jobs.len()), (3, 1));
        drop(state);
        waiting.hold.clear();
        waiting.begun.recv().expect("the fourth runs when another one has ended");
        pool.queue.close();
    }

    #[test]
    fn a_thread_on_demand_ends_when_it_is_idle() {
        let pool = ThreadPool::start("test", 0, 1).expect("there are threads");
        pool.queue.state.lock().threads = 1;
        assert!(pool.queue.next(Some(Duration::ZERO)).is_none());
        assert_eq!(pool.queue.state.lock().threads, 0);
    }
}
