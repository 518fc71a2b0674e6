//! Where the tables of each database are now: SWAPDB exchanges those of two databases.
//!
//! A table is identified by its *origin*, the number that its database had when the keyspace was
//! made, and by the number of its shard. Neither changes, however often it changes places, nor when
//! it is cleared. A walk that must see each table once enumerates identities, and holds the
//! arrangement while it is at one of them: no table moves meanwhile.

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::DATABASES;
use super::reservation::Reservation;

/// The places of all databases, under a lock that comes before those of all shards (see
/// [`Shard`](super::shard::Shard)).
///
/// SWAPDB holds it for writing from before its first shard until after its last. A thread that
/// holds it for reading finds each exchange either complete or not begun. Commands that stay within
/// a database do not need it.
#[derive(Debug, Default)]
pub(super) struct Arrangement {
    places: RwLock<Places>,
    pub(super) reservation: Reservation,
}

/// By origin: the number of the database whose shards have the tables now.
#[derive(Debug)]
pub(super) struct Places([usize; DATABASES]);

impl Default for Places {
    fn default() -> Self {
        Self(std::array::from_fn(|origin| origin))
    }
}

impl Places {
    pub(super) fn of(&self, origin: usize) -> usize {
        self.0[origin]
    }

    /// Two databases have exchanged their tables.
    pub(super) fn swap(&mut self, one: usize, other: usize) {
        for place in &mut self.0 {
            *place = match *place {
                at if at == one => other,
                at if at == other => one,
                at => at,
            };
        }
    }
}

impl Arrangement {
    /// Keeps all tables where they are, also if a transaction has reserved everything: its changes
    /// come after the cut.
    pub(super) fn read_despite_reservation(&self) -> RwLockReadGuard<'_, Places> {
        self.places.read()
    }

    /// Locks it for an exchange, when no transaction of another thread has it.
    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Places> {
        loop {
            let places = self.places.write();
            if self.reservation.admits_this_thread() {
                return places;
            }
            let blocking = self.reservation.blocking();
            drop(places);
            blocking.wait();
        }
    }

    /// True if a thread changes it, or waits to do so.
    #[cfg(test)]
    pub(super) fn is_contended(&self) -> bool {
        self.places.try_read().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_keep_track_of_exchanges() {
        let mut places = Places::default();
        places.swap(0, 1);
        places.swap(1, 2);
        assert_eq!([0, 1, 2, 3].map(|origin| places.of(origin)), [2, 0, 1, 3]);
        places.swap(5, 5);
        assert_eq!(places.of(5), 5);
    }
}
