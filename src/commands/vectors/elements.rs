//! The elements in requests and replies: one, as in Redis, or several.

use smallvec::SmallVec;

use crate::commands::{Context, Weight};
use crate::resp::{Args, Reply};

/// Elements named in one command.
pub(super) type Elements<'r> = SmallVec<[&'r [u8]; 8]>;

/// A command with more elements leaves the network thread.
const MANY_ELEMENTS: usize = 256;

/// For commands whose work grows with the number of elements that they name.
pub(super) const BY_ELEMENTS: Weight =
    Weight::HeavyIf(|args: Args, _: &Context| args.remaining() > MANY_ELEMENTS);

/// True if `count` elements are many.
pub(super) fn are_many(count: usize) -> bool {
    count > MANY_ELEMENTS
}

/// True if the set of a key has many elements, and a command requests as many.
pub(super) fn finds_many(cx: &Context, key: &[u8], count: usize) -> bool {
    let is_large = || matches!(cx.db().vector_set(key), Ok(Some(handle)) if are_many(handle.set.len()));
    are_many(count) && is_large()
}

/// The reply for the elements that a command names: for one element that of Redis, for several an
/// array.
pub(super) fn one_or_several(replies: impl Iterator<Item = Reply>) -> Reply {
    let mut replies: Vec<_> = replies.collect();
    match (replies.pop(), replies.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            replies.extend(last);
            Reply::Array(replies)
        }
    }
}

/// An array of names.
pub(super) fn names(elements: Vec<Vec<u8>>) -> Reply {
    Reply::Array(elements.into_iter().map(Reply::bulk).collect())
}
