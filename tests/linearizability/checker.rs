//! Can the operations of several clients be put into one order that explains every reply?
//!
//! The search of Wing and Gong (*Testing and verifying concurrent objects*, 1993) with the memory
//! of Lowe (*Testing for linearizability*, 2017): a set of operations that were put in order, with
//! the state that they led to, is tried once.

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

/// Where the longest attempt to put operations in order ended.
#[derive(Debug)]
pub(crate) struct Stuck<S> {
    pub(crate) state: S,
    /// The operations that could come next, none of which is right in this state.
    pub(crate) next: Vec<usize>,
}

/// Finds such an order, from the default state on.
pub(crate) fn linearize<O: Model>(history: &[Timed<O>]) -> Result<(), Stuck<O::State>> {
    assert!(history.len() <= MAX_OPERATIONS);
    let start = (0u128, O::State::default());
    let mut longest = start.clone();
    let mut tried = HashSet::from([start.clone()]);
    let mut open = vec![start];
    while let Some((done, state)) = open.pop() {
        let next = candidates(history, done);
        if next.is_empty() {
            return Ok(());
        }
        if done.count_ones() > longest.0.count_ones() {
            longest = (done, state.clone());
        }
        for at in next {
            if let Some(state) = history[at].operation.apply(&state) {
                let next = (done | 1 << at, state);
                if tried.insert(next.clone()) {
                    open.push(next);
                }
            }
        }
    }
    Err(Stuck { next: candidates(history, longest.0), state: longest.1 })
}

/// Operations that may come next. What was called after a waiting one had returned comes after that
/// one.
fn candidates<O>(history: &[Timed<O>], done: u128) -> Vec<usize> {
    let waiting = || (0..history.len()).filter(move |at| done & 1 << at == 0);
    let Some(first_return) = waiting().map(|at| history[at].returned).min() else { return Vec::new() };
    waiting().filter(|&at| history[at].called <= first_return).collect()
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
        linearize(&history.iter().map(timed).collect::<Vec<_>>()).is_ok()
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
