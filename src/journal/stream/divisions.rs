//! Where the stream is divided: places, each with a number, in their order.

use std::collections::VecDeque;

#[derive(Debug, Default)]
pub(super) struct Divisions {
    /// The number of the first one that is kept.
    first: u64,
    places: VecDeque<u64>,
}

impl Divisions {
    pub(super) fn push(&mut self, place: u64) {
        self.places.push_back(place);
    }

    /// The place of the division of this number; none if there is none yet.
    pub(super) fn place(&self, number: u64) -> Option<u64> {
        self.places.get(usize::try_from(number.checked_sub(self.first)?).ok()?).copied()
    }

    /// The number that the next division will have.
    pub(super) fn next(&self) -> u64 {
        self.first + self.places.len() as u64
    }

    /// The number of the first division that is not before this place.
    pub(super) fn first_from(&self, place: u64) -> u64 {
        self.first + self.places.partition_point(|division| *division < place) as u64
    }

    /// Divisions of lower numbers need not be kept, as far as they lie before this place.
    pub(super) fn release(&mut self, number: u64, place: u64) {
        while self.first < number && self.places.front().is_some_and(|division| *division < place) {
            self.places.pop_front();
            self.first += 1;
        }
    }
}
