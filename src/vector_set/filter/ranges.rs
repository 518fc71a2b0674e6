//! Sets of numbers as ranges: what comparisons of a field with constants accept.

use std::ops::Bound;

/// A set of numbers (infinities too, not NaN) as ranges that do not touch, in ascending order.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranges {
    /// Where the set begins and ends in turn.
    cuts: Vec<Cut>,
}

/// A place just before or just after a number.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
struct Cut {
    at: f64,
    is_after: bool,
}

/// A range of numbers: its lower and upper end, as [`std::collections::BTreeMap::range`] wants it.
pub type Range = (Bound<f64>, Bound<f64>);

impl Ranges {
    /// The ranges.
    pub fn iter(&self) -> impl Iterator<Item = Range> {
        let (pairs, _) = self.cuts.as_chunks::<2>();
        pairs.iter().map(|[low, high]| (low.as_lower(), high.as_upper()))
    }

    /// Whether a number is in one of them.
    pub fn contains(&self, number: f64) -> bool {
        let passed = self.cuts.partition_point(|cut| cut.at < number || (cut.at == number && !cut.is_after));
        passed % 2 == 1
    }

    pub(super) fn none() -> Self {
        Self { cuts: Vec::new() }
    }

    pub(super) fn all() -> Self {
        Self::between(Cut::before(f64::NEG_INFINITY), Cut::after(f64::INFINITY))
    }

    pub(super) fn above(number: f64) -> Self {
        Self::between(Cut::after(number), Cut::after(f64::INFINITY))
    }

    pub(super) fn from(number: f64) -> Self {
        Self::between(Cut::before(number), Cut::after(f64::INFINITY))
    }

    pub(super) fn below(number: f64) -> Self {
        Self::between(Cut::before(f64::NEG_INFINITY), Cut::before(number))
    }

    pub(super) fn up_to(number: f64) -> Self {
        Self::between(Cut::before(f64::NEG_INFINITY), Cut::after(number))
    }

    /// Just these numbers; NaN is left out, since it equals none.
    pub(super) fn of(numbers: impl Iterator<Item = f64>) -> Self {
        let mut numbers: Vec<f64> = numbers.filter(|number| !number.is_nan()).collect();
        numbers.sort_unstable_by(f64::total_cmp);
        numbers.dedup_by(|left, right| left == right);
        Self {
            cuts: numbers.into_iter().flat_map(|number| [Cut::before(number), Cut::after(number)]).collect(),
        }
    }

    /// Empty if the second cut is not after the first, or one is at NaN.
    fn between(low: Cut, high: Cut) -> Self {
        if low < high { Self { cuts: vec![low, high] } } else { Self::none() }
    }

    pub(super) fn and(&self, other: &Self) -> Self {
        self.combined(other, |left, right| left && right)
    }

    pub(super) fn or(&self, other: &Self) -> Self {
        self.combined(other, |left, right| left || right)
    }

    /// The numbers that are not in the set.
    pub(super) fn not(&self) -> Self {
        self.combined(&Self::all(), |inside, all| all && !inside)
    }

    /// Passes over the cuts of both sets; `belongs` says whether numbers are in the result that are
    /// or are not in each of them.
    fn combined(&self, other: &Self, belongs: fn(bool, bool) -> bool) -> Self {
        let (mut left, mut right) = (self.cuts.iter().peekable(), other.cuts.iter().peekable());
        let (mut in_left, mut in_right) = (false, false);
        let mut cuts: Vec<Cut> = Vec::new();
        loop {
            let cut = match (left.peek(), right.peek()) {
                (Some(left), Some(right)) => {
                    if left < right {
                        **left
                    } else {
                        **right
                    }
                }
                (Some(cut), None) | (None, Some(cut)) => **cut,
                (None, None) => return Self { cuts },
            };
            in_left ^= left.next_if(|next| **next == cut).is_some();
            in_right ^= right.next_if(|next| **next == cut).is_some();
            let is_inside = cuts.len() % 2 == 1;
            if belongs(in_left, in_right) != is_inside {
                cuts.push(cut);
            }
        }
    }
}

impl Cut {
    fn before(number: f64) -> Self {
        Self { at: number, is_after: false }
    }

    fn after(number: f64) -> Self {
        Self { at: number, is_after: true }
    }

    fn as_lower(self) -> Bound<f64> {
        if self.is_after { Bound::Excluded(self.at) } else { Bound::Included(self.at) }
    }

    fn as_upper(self) -> Bound<f64> {
        if self.is_after { Bound::Included(self.at) } else { Bound::Excluded(self.at) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NUMBERS: [f64; 7] = [f64::NEG_INFINITY, -1.5, -0.0, 0.0, 1.0, 2.0, f64::INFINITY];

    fn some() -> impl Strategy<Value = Ranges> {
        let number = || prop::sample::select(NUMBERS.to_vec());
        let simple = prop_oneof![
            number().prop_map(Ranges::above),
            number().prop_map(Ranges::from),
            number().prop_map(Ranges::below),
            number().prop_map(Ranges::up_to),
            prop::collection::vec(number(), 0..4).prop_map(|numbers| Ranges::of(numbers.into_iter())),
        ];
        (simple.clone(), simple.clone(), simple).prop_map(|(a, b, c)| a.or(&b).and(&c.not()))
    }

    #[test]
    fn each_comparison_has_its_ends() {
        use Bound::{Excluded, Included};
        let inf = f64::INFINITY;
        for (ranges, expected) in [
            (Ranges::above(1.0), (Excluded(1.0), Included(inf))),
            (Ranges::from(1.0), (Included(1.0), Included(inf))),
            (Ranges::below(1.0), (Included(-inf), Excluded(1.0))),
            (Ranges::up_to(1.0), (Included(-inf), Included(1.0))),
            (Ranges::of([1.0].into_iter()), (Included(1.0), Included(1.0))),
            (Ranges::from(1.0).and(&Ranges::below(2.0)), (Included(1.0), Excluded(2.0))),
            (Ranges::below(2.0).not(), (Included(2.0), Included(inf))),
            (Ranges::none().not(), (Included(-inf), Included(inf))),
        ] {
            assert_eq!(ranges.iter().collect::<Vec<_>>(), [expected]);
        }
        for ranges in
            [Ranges::above(inf), Ranges::below(-inf), Ranges::above(f64::NAN), Ranges::up_to(f64::NAN)]
        {
            assert_eq!(ranges, Ranges::none());
        }
    }

    proptest! {
        #[test]
        fn combinations_are_those_of_sets(left in some(), right in some()) {
            for number in NUMBERS.into_iter().chain([-7.0, 0.5, 1.5, 9.0]) {
                let (in_left, in_right) = (left.contains(number), right.contains(number));
                prop_assert_eq!(left.and(&right).contains(number), in_left && in_right);
                prop_assert_eq!(left.or(&right).contains(number), in_left || in_right);
                prop_assert_eq!(left.not().contains(number), !in_left);
                let within = |(low, high): Range| {
                    (match low { Bound::Included(at) => at <= number, Bound::Excluded(at) => at < number, _ => false })
                        && (match high { Bound::Included(at) => number <= at, Bound::Excluded(at) => number < at, _ => false })
                };
                prop_assert_eq!(left.iter().filter(|range| within(*range)).count(), usize::from(in_left));
            }
        }
    }
}
