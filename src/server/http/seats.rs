//! The connections that there are. A new one never waits for an old one: at the limit, the one that
//! has waited longest for its next request is closed.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{MAX_CONNECTIONS, MAX_LEAVING};

/// All connections.
#[derive(Debug, Default)]
pub(super) struct Seats(Arc<Mutex<Open>>);

#[derive(Debug, Default)]
struct Open {
    next_id: u64,
    seats: Vec<Taken>,
}

#[derive(Debug)]
struct Taken {
    id: u64,
    /// Since when it waits for a request; none while it is answered.
    waiting_since: Option<Instant>,
    /// Told to close.
    is_leaving: bool,
    leave: Arc<Notify>,
}

/// The place of one connection; given back on `Drop`.
#[derive(Debug)]
pub(super) struct Seat {
    id: u64,
    leave: Arc<Notify>,
    all: Arc<Mutex<Open>>,
}

impl Seats {
    /// A place for a new connection; none if too many are still being closed, or all are busy.
    pub(super) fn take(&self) -> Option<Seat> {
        let mut open = self.0.lock();
        if open.seats.len() >= MAX_CONNECTIONS + MAX_LEAVING {
            return None;
        }
        let staying = open.seats.iter().filter(|seat| !seat.is_leaving).count();
        if staying >= MAX_CONNECTIONS {
            open.close_longest_waiting()?;
        }
        let id = open.next_id;
        open.next_id += 1;
        let leave = Arc::new(Notify::new());
        let waiting_since = Some(Instant::now());
        open.seats.push(Taken { id, waiting_since, is_leaving: false, leave: Arc::clone(&leave) });
        Some(Seat { id, leave, all: Arc::clone(&self.0) })
    }
}

impl Open {
    fn close_longest_waiting(&mut self) -> Option<()> {
        let waiting = self.seats.iter_mut().filter(|seat| !seat.is_leaving && seat.waiting_since.is_some());
        let longest = waiting.min_by_key(|seat| seat.waiting_since)?;
        longest.is_leaving = true;
        longest.leave.notify_one();
        Some(())
    }
}

impl Seat {
    /// The connection waits for a request from now on, or no longer.
    pub(super) fn set_waiting(&self, waits: bool) {
        let mut open = self.all.lock();
        if let Some(seat) = open.seats.iter_mut().find(|seat| seat.id == self.id) {
            seat.waiting_since = waits.then(Instant::now);
        }
    }

    /// Ready when the connection is to be closed.
    pub(super) async fn must_leave(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.all.lock().seats.retain(|seat| seat.id != self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::*;

    fn must_leave(seat: &Seat) -> bool {
        let left = std::pin::pin!(seat.must_leave());
        left.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn the_connection_that_waits_longest_makes_room() {
        let seats = Seats::default();
        let all: Vec<Seat> = (0..MAX_CONNECTIONS).map(|_| seats.take().expect("there is room")).collect();
        all[0].set_waiting(false);
        assert!(!all.iter().any(must_leave));
        let _more = [seats.take().expect("one leaves"), seats.take().expect("one leaves")];
        let leaving: Vec<bool> = all.iter().map(must_leave).collect();
        assert_eq!((leaving[0], leaving[1], leaving[2], leaving[3]), (false, true, true, false));
    }

    #[test]
    fn no_more_come_while_all_are_busy_or_many_are_leaving() {
        let seats = Seats::default();
        let mut all: Vec<Seat> = (0..MAX_CONNECTIONS).map(|_| seats.take().expect("there is room")).collect();
        all.iter().for_each(|seat| seat.set_waiting(false));
        assert!(seats.take().is_none());
        all.iter().for_each(|seat| seat.set_waiting(true));
        all.extend((0..MAX_LEAVING).map(|_| seats.take().expect("others leave")));
        assert!(seats.take().is_none());
        all.drain(..MAX_LEAVING);
        assert!(seats.take().is_some());
    }
}
