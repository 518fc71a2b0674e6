//! Can the operations of several clients be put into one order that explains every reply?
//!
//! The search of Wing and Gong (*Testing and verifying concurrent objects*, 1993) with the memory of Lowe (*Testing for
//! linearizability*, 2017): a set of operations that were put in order, with the state that they led to, is tried once.

use std::collections::HashSet;
use std::hash::Hash;
use std::time::Instant;

/// The most operations of one history: their sets are the bits of a word.
pub(crate) const MAX_OPERATIONS: usize = u128::BITS as usize;

/// One operation, and when it was under way.
#[derive(Clone, Debug)]
pub(crate) struct Timed<O> {
    pub(crate) called: Instant,
    pub(crate) returned: Instant,
    pub(crate) operation: O,
}

/// What an operation may do to a state.
pub(crate) trait Model {
    type State: Clone + Eq + Hash + Default;

    /// The state after the operation, if its reply is right in this one.
    fn apply(&self, state: &Self::State) -> Option<Self::State>;
}

/// True if there is such an order, from the default state on.
pub(crate) fn is_linearizable<O: Model>(history: &[Timed<O>]) -> bool {
    assert!(history.len() <= MAX_OPERATIONS);
    let all = history.iter().enumerate().fold(0u128, |all, (at, _)| all | 1 << at);
    let start = (0u128, O::State::default());
    let mut tried = HashSet::from([start.clone()]);
    let mut open = vec![start];
    while let Some((done, state)) = open.pop() {
        if done == all {
            return true;
        }
        let waiting = || (0..history.len()).filter(move |at| done & 1 << at == 0);
        let Some(first_return) = waiting().map(|at| history[at].returned).min() else { return true };
        // Whatever was called after some waiting operation had returned comes after that one.
        for at in waiting().filter(|&at| history[at].called <= first_return) {
            if let Some(next) = history[at].operation.apply(&state) {
                let next = (done | 1 << at, next);
                if tried.insert(next.clone()) {
                    open.push(next);
                }
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A register that starts with 0.
    #[derive(Clone, Debug)]
    enum Register {
        Write(u32),
        Read(u32),
    }

    use Register::{Read, Write};

    impl Model for Register {
        type State = u32;

        fn apply(&self, state: &u32) -> Option<u32> {
            match *self {
                Write(value) => Some(value),
                Read(value) => (value == *state).then_some(value),
            }
        }
    }

    fn check(history: &[(u64, u64, Register)]) -> bool {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let timed = |(called, returned, operation): &(u64, u64, Register)| Timed {
            called: at(*called),
            returned: at(*returned),
            operation: operation.clone(),
        };
        is_linearizable(&history.iter().map(timed).collect::<Vec<_>>())
    }

    #[test]
    fn what_was_written_is_read() {
        assert!(check(&[]));
        assert!(check(&[(0, 1, Write(5)), (2, 3, Read(5))]));
    }

    #[test]
    fn a_stale_read_is_noticed() {
        assert!(!check(&[(0, 1, Write(5)), (2, 3, Read(0))]));
        assert!(check(&[(0, 3, Write(5)), (2, 3, Read(0))]), "still being written");
    }

    #[test]
    fn a_read_of_what_nobody_wrote_is_noticed() {
        assert!(!check(&[(0, 9, Write(5)), (0, 9, Read(6))]));
    }

    #[test]
    fn a_value_that_went_away_again_is_noticed() {
        assert!(!check(&[(0, 9, Write(5)), (1, 2, Read(5)), (3, 4, Read(0))]));
    }

    #[test]
    fn two_readers_must_agree_on_the_order() {
        let writes = [(0, 9, Write(1)), (0, 9, Write(2))];
        let agree = [(1, 2, Read(1)), (3, 4, Read(2)), (1, 2, Read(1)), (3, 4, Read(2))];
        let differ = [(1, 2, Read(1)), (3, 4, Read(2)), (1, 2, Read(2)), (3, 4, Read(1))];
        assert!(check(&[&writes[..], &agree].concat()));
        assert!(!check(&[&writes[..], &differ].concat()));
    }
}
