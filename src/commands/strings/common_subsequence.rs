//! The longest common subsequence of two texts: what is left of both if bytes are taken out.
//!
//! Where there are several, it is that of Redis: from the ends on, two bytes that are equal belong
//! to it; where they are not, a byte of the first text is left out if that leaves more in common,
//! else one of the second.

/// The length of the longest common subsequence.
pub(super) fn length(one: &[u8], other: &[u8]) -> usize {
    fill(one, other, |_, _| ())
}

/// How the ends of two texts lead to their longest common subsequence.
///
/// The lengths for all pairs of prefixes would take 4 bytes each, as they do in Redis. Besides the
/// last row of them, only their comparisons are kept: a bit for each pair of bytes.
pub(super) struct Steps<'t> {
    one: &'t [u8],
    other: &'t [u8],
    /// For each pair of bytes, those of `other` in a row: whether a byte of `one` is left out.
    shortens_one: Vec<u64>,
    length: usize,
}

/// Bytes that both texts have in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Match {
    /// Where it begins in the first text.
    pub(super) one: usize,
    /// Where it begins in the second text.
    pub(super) other: usize,
    /// How many bytes.
    pub(super) len: usize,
}

impl<'t> Steps<'t> {
    /// The caller has limited the product of the lengths.
    pub(super) fn new(one: &'t [u8], other: &'t [u8]) -> Self {
        let mut shortens_one = vec![0; (one.len() * other.len()).div_ceil(64)];
        let length = fill(one, other, |pair, shortens: bool| {
            shortens_one[pair / 64] |= u64::from(shortens) << (pair % 64);
        });
        Self { one, other, shortens_one, length }
    }

    /// The length of the subsequence.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// The subsequence.
    pub(super) fn text(&self) -> Vec<u8> {
        let mut text: Vec<u8> = self.pairs().map(|(at, _)| self.one[at]).collect();
        text.reverse();
        text
    }

    /// Where both texts have it, the last part first.
    pub(super) fn matches(&self) -> Vec<Match> {
        let mut matches: Vec<Match> = Vec::new();
        for (one, other) in self.pairs() {
            match matches.last_mut() {
                Some(last) if last.one == one + 1 && last.other == other + 1 => {
                    *last = Match { one, other, len: last.len + 1 };
                }
                _ => matches.push(Match { one, other, len: 1 }),
            }
        }
        matches
    }

    /// The positions of equal bytes, from the ends on.
    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        let (mut one, mut other) = (self.one.len(), self.other.len());
        std::iter::from_fn(move || {
            while one > 0 && other > 0 {
                let pair = (one - 1) * self.other.len() + other - 1;
                if self.one[one - 1] == self.other[other - 1] {
                    (one, other) = (one - 1, other - 1);
                    return Some((one, other));
                }
                match self.shortens_one[pair / 64] >> (pair % 64) & 1 {
                    1 => one -= 1,
                    _ => other -= 1,
                }
            }
            None
        })
    }
}

/// Computes the lengths for all pairs of prefixes, row by row, and returns the last one. `compare`
/// is called with each pair of bytes: whether more is in common without the byte of `one` than
/// without that of `other`.
fn fill(one: &[u8], other: &[u8], mut compare: impl FnMut(usize, bool)) -> usize {
    let mut row = vec![0_u32; other.len()];
    for (number, byte) in one.iter().enumerate() {
        let (mut diagonal, mut left) = (0, 0);
        for (at, (other_byte, cell)) in other.iter().zip(&mut row).enumerate() {
            let up = *cell;
            compare(number * other.len() + at, up > left);
            left = if byte == other_byte { diagonal + 1 } else { up.max(left) };
            diagonal = up;
            *cell = left;
        }
    }
    row.last().map_or(0, |length| *length as usize)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// By all pairs of prefixes.
    fn plain(one: &[u8], other: &[u8]) -> usize {
        match (one, other) {
            ([], _) | (_, []) => 0,
            ([one @ .., a], [other @ .., b]) if a == b => plain(one, other) + 1,
            ([shorter @ .., _], [other_shorter @ .., _]) => {
                plain(shorter, other).max(plain(one, other_shorter))
            }
        }
    }

    fn is_left_of(text: &[u8], of: &[u8]) -> bool {
        let mut bytes = of.iter();
        text.iter().all(|byte| bytes.any(|other| other == byte))
    }

    proptest! {
        #[test]
        fn it_is_common_and_there_is_no_longer_one(
            one in prop::collection::vec(0..3_u8, 0..10),
            other in prop::collection::vec(0..3_u8, 0..10),
        ) {
            let steps = Steps::new(&one, &other);
            let text = steps.text();
            prop_assert_eq!((text.len(), steps.length()), (plain(&one, &other), plain(&one, &other)));
            prop_assert_eq!(length(&one, &other), text.len());
            prop_assert!(is_left_of(&text, &one) && is_left_of(&text, &other));
            let part = |found: &Match| one[found.one..][..found.len].to_vec();
            for found in steps.matches() {
                prop_assert_eq!(&part(&found), &other[found.other..][..found.len]);
            }
            let parts: Vec<_> = steps.matches().iter().rev().map(part).collect();
            prop_assert_eq!(parts.concat(), text);
        }
    }
}
