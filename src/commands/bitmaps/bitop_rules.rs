//! The operations of BITOP on the bytes of several texts. A text that is too short goes on with
//! zeros.

/// What is done with the bits that have the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// 1 in all texts.
    And,
    /// 1 in any text.
    Or,
    /// 1 in an odd number of texts.
    Xor,
    /// 0 in the only text.
    Not,
    /// 1 in the first text and in no other.
    Diff,
    /// 1 in another text and not in the first.
    Diff1,
    /// 1 in the first text and in another.
    AndOr,
    /// 1 in exactly one text.
    One,
}

/// Bytes for which all texts are read before the next ones: the results stay in the cache.
const BLOCK: usize = 4096;

impl Rule {
    /// The words of BITOP.
    pub(super) const WORDS: [(&'static str, Self); 8] = [
        ("AND", Self::And),
        ("OR", Self::Or),
        ("XOR", Self::Xor),
        ("NOT", Self::Not),
        ("DIFF", Self::Diff),
        ("DIFF1", Self::Diff1),
        ("ANDOR", Self::AndOr),
        ("ONE", Self::One),
    ];

    /// True if it needs a text besides the first.
    pub(super) fn needs_two(self) -> bool {
        matches!(self, Self::Diff | Self::Diff1 | Self::AndOr)
    }

    /// The result, as long as the longest text.
    pub(super) fn combine(self, texts: &[&[u8]]) -> Vec<u8> {
        let len = texts.iter().map(|text| text.len()).max().unwrap_or(0);
        let mut result = vec![0; len];
        let Some((first, others)) = texts.split_first() else { return result };
        for (number, out) in result.chunks_mut(BLOCK).enumerate() {
            let at = number * BLOCK;
            let len = out.len();
            let part = move |text: &'_ [u8]| at.min(text.len())..(at + len).min(text.len());
            let first = &first[part(first)];
            let others = others.iter().map(|text| &text[part(text)]);
            self.combine_block(first, others, out);
        }
        result
    }

    /// `out` has zeros, and no text is longer.
    fn combine_block<'t>(self, first: &[u8], others: impl Iterator<Item = &'t [u8]>, out: &mut [u8]) {
        match self {
            Self::And => {
                each(out, first, |out, byte| *out = byte);
                others.for_each(|other| and(out, other));
            }
            Self::Or | Self::Not => {
                each(out, first, |out, byte| *out = byte);
                others.for_each(|other| or(out, other));
            }
            Self::Xor => {
                each(out, first, |out, byte| *out = byte);
                others.for_each(|other| each(out, other, |out, byte| *out ^= byte));
            }
            Self::Diff | Self::Diff1 | Self::AndOr => others.for_each(|other| or(out, other)),
            Self::One => {
                let mut repeated = [0; BLOCK];
                each(out, first, |out, byte| *out = byte);
                others.for_each(|other| note_repeated(out, other, &mut repeated));
                each(out, &repeated, |out, repeated| *out &= !repeated);
            }
        }
        match self {
            Self::Not => out.iter_mut().for_each(|byte| *byte = !*byte),
            Self::Diff => {
                each(out, first, |out, byte| *out = byte & !*out);
                out[first.len()..].fill(0);
            }
            Self::Diff1 => each(out, first, |out, byte| *out &= !byte),
            Self::AndOr => and(out, first),
            _ => {}
        }
    }
}

fn each(out: &mut [u8], text: &[u8], change: impl Fn(&mut u8, u8)) {
    out.iter_mut().zip(text).for_each(|(out, byte)| change(out, *byte));
}

fn and(out: &mut [u8], text: &[u8]) {
    each(out, text, |out, byte| *out &= byte);
    out[text.len()..].fill(0);
}

fn or(out: &mut [u8], text: &[u8]) {
    each(out, text, |out, byte| *out |= byte);
}

fn note_repeated(out: &mut [u8], text: &[u8], repeated: &mut [u8; BLOCK]) {
    for ((out, byte), repeated) in out.iter_mut().zip(text).zip(repeated) {
        *repeated |= *out & byte;
        *out ^= byte;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// By the bits that one byte has in each text.
    fn plain(rule: Rule, bytes: &[u8]) -> u8 {
        let of_bit = |bit: u8| {
            let set: Vec<bool> = bytes.iter().map(|byte| byte >> bit & 1 == 1).collect();
            let others = set[1..].contains(&true);
            let count = set.iter().filter(|set| **set).count();
            let result = match rule {
                Rule::And => count == set.len(),
                Rule::Or => count > 0,
                Rule::Xor => count % 2 == 1,
                Rule::Not => !set[0],
                Rule::Diff => set[0] && !others,
                Rule::Diff1 => !set[0] && others,
                Rule::AndOr => set[0] && others,
                Rule::One => count == 1,
            };
            u8::from(result) << bit
        };
        (0..8).map(of_bit).sum()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]

        #[test]
        fn a_result_is_that_of_each_bit(
            texts in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..9), 0..3_usize), 1..5),
        ) {
            // Some end within the second block.
            let texts: Vec<Vec<u8>> = texts.iter().map(|(text, times)| text.repeat(times * 500 + 1)).collect();
            let all: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
            for (_, rule) in Rule::WORDS {
                let texts = if rule == Rule::Not { &all[..1] } else { &all[..] };
                let len = texts.iter().map(|text| text.len()).max().unwrap_or(0);
                let bytes = |at: usize| -> Vec<u8> {
                    texts.iter().map(|text| text.get(at).copied().unwrap_or(0)).collect()
                };
                let expected: Vec<u8> = (0..len).map(|at| plain(rule, &bytes(at))).collect();
                prop_assert_eq!(rule.combine(texts), expected, "{:?}", rule);
            }
        }
    }
}
