//! The operators: spelling, precedence, number of operands.

/// An operator that computes a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Not,
    Power,
    Multiply,
    Divide,
    Remainder,
    Add,
    Subtract,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
    In,
    And,
    Or,
}

/// Longer spellings stand before their own prefixes, so that the first that fits is the longest.
const SPELLINGS: &[(&[u8], Operator)] = &[
    (b"!=", Operator::NotEqual),
    (b"!", Operator::Not),
    (b"not", Operator::Not),
    (b"**", Operator::Power),
    (b"*", Operator::Multiply),
    (b"/", Operator::Divide),
    (b"%", Operator::Remainder),
    (b"+", Operator::Add),
    (b"-", Operator::Subtract),
    (b">=", Operator::GreaterOrEqual),
    (b">", Operator::Greater),
    (b"<=", Operator::LessOrEqual),
    (b"<", Operator::Less),
    (b"==", Operator::Equal),
    (b"in", Operator::In),
    (b"and", Operator::And),
    (b"&&", Operator::And),
    (b"or", Operator::Or),
    (b"||", Operator::Or),
];

impl Operator {
    /// The longest operator that `text` starts with, and its length.
    pub(super) fn prefix_of(text: &[u8]) -> Option<(Self, usize)> {
        let (spelling, operator) = SPELLINGS.iter().find(|(spelling, _)| text.starts_with(spelling))?;
        Some((*operator, spelling.len()))
    }

    /// How many values it consumes; it always leaves one.
    pub(super) fn operands(self) -> usize {
        if self == Self::Not { 1 } else { 2 }
    }

    /// Whether it is computed before `next`, which follows it in the expression without a
    /// parenthesis between them.
    pub(super) fn binds_before(self, next: Self) -> bool {
        let right_associative = next == Self::Power;
        self.precedence() > next.precedence()
            || (self.precedence() == next.precedence() && !right_associative)
    }

    /// Whether it computes a number from numbers.
    pub(super) fn is_arithmetic(self) -> bool {
        matches!(self.precedence(), 3..=5)
    }

    /// Whether its operands count as numbers, whatever they are.
    pub(super) fn is_of_numbers(self) -> bool {
        let is_ordered =
            matches!(self, Self::Greater | Self::GreaterOrEqual | Self::Less | Self::LessOrEqual);
        is_ordered || self.is_arithmetic()
    }

    fn precedence(self) -> u8 {
        match self {
            Self::Not => 6,
            Self::Power => 5,
            Self::Multiply | Self::Divide | Self::Remainder => 4,
            Self::Add | Self::Subtract => 3,
            Self::Greater | Self::GreaterOrEqual | Self::Less | Self::LessOrEqual => 2,
            Self::Equal | Self::NotEqual | Self::In => 2,
            Self::And => 1,
            Self::Or => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_spelling_stands_after_a_prefix_of_itself() {
        for (at, (earlier, _)) in SPELLINGS.iter().enumerate() {
            assert!(SPELLINGS[at + 1..].iter().all(|(later, _)| !later.starts_with(earlier)), "{earlier:?}");
        }
    }

    #[test]
    fn operators_of_numbers_are_arithmetic_or_compare_order() {
        let of = |spelling: &[u8]| Operator::prefix_of(spelling).unwrap().0;
        assert!(
            [&b"**"[..], b"*", b"/", b"%", b"+", b"-"].iter().all(|spelling| of(spelling).is_arithmetic())
        );
        assert!([&b"<"[..], b"<=", b">", b">=", b"-"].iter().all(|spelling| of(spelling).is_of_numbers()));
        assert!(
            [&b"=="[..], b"!=", b"in", b"and", b"or", b"!"]
                .iter()
                .all(|spelling| !of(spelling).is_of_numbers())
        );
    }

    #[test]
    fn only_power_is_right_associative() {
        assert!(!Operator::Power.binds_before(Operator::Power));
        assert!(Operator::Less.binds_before(Operator::In));
        assert!(Operator::Not.binds_before(Operator::Power));
        assert!(!Operator::Or.binds_before(Operator::And));
    }
}
