//! A vector set in the place of another that has the same elements: it lies elsewhere.
//!
//! The new one is made while writers change the old one. So it is brought up to date: elements that
//! have changed are made in it what they are, in rounds of which each has what has changed during
//! the one before, until so few are left that they are done while the key is held. Where writers
//! are faster than that, they help: each then does more for the new set than it changes.

use std::sync::Arc;

use super::View;
use super::value::Value;
use crate::vector_set::{Changed, VectorSet};

/// Elements that are brought up to date while the key is held, which takes some milliseconds.
const FEW: usize = 8;
/// Rounds that leave no less than the one before, until writers are to help.
const MOST_IN_VAIN: usize = 1;
/// Such rounds although they do, until it is given up.
const MOST_WITH_HELP: usize = 8;

/// Why a set did not take the place of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotExchanged {
    /// The key has another value by now, or the work was not to go on.
    Replaced,
    /// The other set does not have what this one has: it was changed faster, or in another way than
    /// by its elements.
    Changed,
}

impl View<'_> {
    /// True if a client watches a key of this database.
    pub fn is_watched(self) -> bool {
        self.shards.iter().any(|shard| shard.watched.keys() > 0)
    }

    /// Makes the key's value another set, which has what `set` has but for elements that are noted
    /// in `changed`. `goes_on` is asked now and then. For clients that watch the key it is a
    /// change, and none for others.
    ///
    /// # Errors
    /// The key means what it meant.
    pub fn exchange_set(
        self,
        key: &[u8],
        set: &Arc<VectorSet>,
        other: &Arc<VectorSet>,
        changed: &Changed,
        goes_on: &dyn Fn() -> bool,
    ) -> Result<(), NotExchanged> {
        let mut left = usize::MAX;
        let mut in_vain = 0;
        while in_vain < MOST_IN_VAIN + MOST_WITH_HELP {
            changed.be_helped((in_vain >= MOST_IN_VAIN).then_some(other));
            let names = changed.take().ok_or(NotExchanged::Changed)?;
            if !other.follow(set, changed, &names, goes_on) {
                return Err(NotExchanged::Replaced);
            }
            in_vain += usize::from(names.len() > FEW && names.len() >= left);
            left = names.len();
            if changed.len() > FEW {
                continue;
            }
            let mut are_few = true;
            let follow_last = || {
                // What helpers have taken is done when this is over.
                changed.be_helped(None);
                are_few = changed.len() <= FEW;
                let names = if are_few { changed.take() } else { None };
                let is_same = names.is_some_and(|names| other.follow(set, changed, &names, &|| true))
                    && other.is_like(set);
                if is_same {
                    other.hold_files_of(set);
                }
                is_same
            };
            match self.exchange_if(key, set, Value::VectorSet(Arc::clone(other)), follow_last) {
                Err(NotExchanged::Changed) if !are_few => in_vain += 1,
                outcome => return outcome,
            }
        }
        Err(NotExchanged::Changed)
    }

    /// Makes the key's value another form of the set that it has, if `is_same` says that it has the
    /// same. No writer changes the set while that is called.
    pub(super) fn exchange_if(
        self,
        key: &[u8],
        set: &Arc<VectorSet>,
        value: Value,
        is_same: impl FnOnce() -> bool,
    ) -> Result<(), NotExchanged> {
        let mut outcome = Err(NotExchanged::Replaced);
        self.exclusive(&[key]).exchange(key, value, |value| {
            if value.as_vector_set().is_ok_and(|other| Arc::ptr_eq(other, set)) {
                // Writers do not hold the shard: after this, those under way look the key up again.
                set.unbind();
                outcome = if is_same() { Ok(()) } else { Err(NotExchanged::Changed) };
            }
            outcome.is_ok()
        });
        outcome
    }
}
