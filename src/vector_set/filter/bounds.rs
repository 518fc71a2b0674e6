//! Between which sets the answer of a filter lies.

use std::borrow::Cow;

use roaring::RoaringBitmap;

/// Two sets of slots: those that match for sure, and those that possibly match. The slots that
/// match contain the first and are contained in the second.
#[derive(Debug, Clone)]
pub struct Bounds<'a> {
    sure: Cow<'a, RoaringBitmap>,
    /// None: the same as `sure`.
    possible: Option<Cow<'a, RoaringBitmap>>,
}

impl<'a> Bounds<'a> {
    /// The answer itself.
    pub fn exact(answer: Cow<'a, RoaringBitmap>) -> Self {
        Self { sure: answer, possible: None }
    }

    /// An answer that contains `sure` and is contained in `possible`.
    pub fn between(sure: Cow<'a, RoaringBitmap>, possible: Cow<'a, RoaringBitmap>) -> Self {
        Self { sure, possible: Some(possible) }
    }

    /// No slot.
    pub fn none() -> Self {
        Self::exact(Cow::Owned(RoaringBitmap::new()))
    }

    /// Slots that match.
    pub fn sure(&self) -> &RoaringBitmap {
        &self.sure
    }

    /// All slots that match, and perhaps others.
    pub fn possible(&self) -> &RoaringBitmap {
        self.possible.as_ref().unwrap_or(&self.sure)
    }

    /// Whether both sets are the same: no slot has to be tested.
    pub fn is_exact(&self) -> bool {
        self.possible.as_ref().is_none_or(|possible| possible.len() == self.sure.len())
    }

    /// Free of what it was made from.
    pub fn into_owned(self) -> Bounds<'static> {
        let possible = self.possible.map(|possible| Cow::Owned(possible.into_owned()));
        Bounds { sure: Cow::Owned(self.sure.into_owned()), possible }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.possible().is_empty()
    }

    pub(super) fn and(self, other: Self) -> Self {
        self.combined(other, intersection)
    }

    pub(super) fn or(self, other: Self) -> Self {
        self.combined(other, union)
    }

    /// The slots of `all` that are not in the answer.
    pub(super) fn not(self, all: &RoaringBitmap) -> Self {
        let others = |set: &RoaringBitmap| Cow::Owned(all - set);
        match &self.possible {
            None => Self::exact(others(&self.sure)),
            Some(possible) => Self::between(others(possible), others(&self.sure)),
        }
    }

    /// The sure slots are no longer sure.
    pub(super) fn unsure(self) -> Self {
        Self::between(Cow::Owned(RoaringBitmap::new()), self.possible.unwrap_or(self.sure))
    }

    fn combined(self, other: Self, combine: Combine<'a>) -> Self {
        let possible = match (&self.possible, &other.possible) {
            (None, None) => None,
            _ => Some(combine(
                self.possible.unwrap_or_else(|| self.sure.clone()),
                other.possible.unwrap_or_else(|| other.sure.clone()),
            )),
        };
        Self { sure: combine(self.sure, other.sure), possible }
    }
}

/// Makes one set of two, in the memory of one that may be changed.
type Combine<'a> = fn(Cow<'a, RoaringBitmap>, Cow<'a, RoaringBitmap>) -> Cow<'a, RoaringBitmap>;

fn intersection<'a>(left: Cow<'a, RoaringBitmap>, right: Cow<'a, RoaringBitmap>) -> Cow<'a, RoaringBitmap> {
    Cow::Owned(match (left, right) {
        (Cow::Borrowed(left), Cow::Borrowed(right)) => left & right,
        (Cow::Owned(left), Cow::Owned(right)) => left & right,
        (Cow::Owned(changed), Cow::Borrowed(kept)) | (Cow::Borrowed(kept), Cow::Owned(changed)) => {
            changed & kept
        }
    })
}

fn union<'a>(left: Cow<'a, RoaringBitmap>, right: Cow<'a, RoaringBitmap>) -> Cow<'a, RoaringBitmap> {
    Cow::Owned(match (left, right) {
        (Cow::Borrowed(left), Cow::Borrowed(right)) => left | right,
        (Cow::Owned(left), Cow::Owned(right)) => left | right,
        (Cow::Owned(changed), Cow::Borrowed(kept)) | (Cow::Borrowed(kept), Cow::Owned(changed)) => {
            changed | kept
        }
    })
}
