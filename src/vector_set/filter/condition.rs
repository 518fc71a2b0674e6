//! Conditions on one field: the parts of a filter that an index of this field can answer.

use std::fmt;

use super::evaluator;
use super::function::{Function, Words};
use super::operator::Operator;
use super::path::Path;
use super::program::Step;
use super::ranges::Ranges;
use super::value::{Constant, Value};

/// A part of a filter that depends on one field only.
///
/// An index answers it from the shape for the type of value it has in order
/// ([`texts`](Self::texts), [`numbers`](Self::numbers), [`arrays`](Self::arrays)), and for values
/// of other types, or without a shape, by [`holds`](Self::holds) for each distinct value. The
/// shapes are exact, and each says nothing of values of another type: comparisons convert, and so a
/// text that is no number equals 0.
#[derive(Clone, Copy)]
pub struct Condition<'f> {
    path: &'f Path,
    test: Test<'f>,
}

#[derive(Clone, Copy)]
enum Test<'f> {
    /// Steps in which each field is the one of the condition.
    Steps(&'f [Step]),
    /// An item of an array equals this.
    Equals(&'f Constant),
    /// An item of an array is a text for which this is true.
    Text(&'f Function),
}

/// Which texts a condition accepts.
#[derive(Debug, Clone)]
pub enum TextShape<'f> {
    /// Those that equal one of these; none if there are none.
    OneOf(Vec<&'f [u8]>),
    /// Those that have this part; any has the empty one.
    Contains(&'f [u8]),
    /// Those that begin with this.
    Prefix(&'f [u8]),
    /// Those in which these words occur.
    Match(&'f Words),
}

impl<'f> TextShape<'f> {
    fn of(function: &'f Function) -> Self {
        match function {
            Function::Prefix(prefix) => Self::Prefix(prefix),
            Function::Contains(part) => Self::Contains(part.needle()),
            Function::Match(words) => Self::Match(words),
        }
    }
}

/// Which arrays a condition accepts.
#[derive(Debug, Clone, Copy)]
pub enum ArrayShape<'f> {
    /// All, or none.
    Each(bool),
    /// Those with an item for which this holds.
    Any(Condition<'f>),
    /// Those in whose texts, taken together, these words occur.
    Match(&'f Words),
    /// Something else: ask [`Condition::holds`].
    Other,
}

impl<'f> Condition<'f> {
    pub(super) fn new(path: &'f Path, steps: &'f [Step]) -> Self {
        Self { path, test: Test::Steps(steps) }
    }

    /// The field.
    pub fn path(&self) -> &'f Path {
        self.path
    }

    /// Whether a field of this value satisfies it.
    pub fn holds(&self, value: &Value<'_>) -> bool {
        match self.test {
            Test::Steps(steps) => evaluator::is_true(steps, |_| Some(*value)),
            Test::Equals(constant) => constant.value().equals(*value),
            Test::Text(function) => function.holds_for_text(*value),
        }
    }

    /// The texts that satisfy it, if it is of a form that an index of texts knows.
    pub fn texts(&self) -> Option<TextShape<'f>> {
        let steps = match self.test {
            Test::Steps(steps) => steps,
            Test::Equals(constant) => return equal_texts(constant),
            Test::Text(function) => return Some(TextShape::of(function)),
        };
        match steps {
            [Step::PushField(_), Step::Push(constant), Step::Apply(Operator::Equal)]
            | [Step::Push(constant), Step::PushField(_), Step::Apply(Operator::Equal)] => {
                equal_texts(constant)
            }
            [Step::PushField(_), Step::Push(Constant::Tuple(items)), Step::Apply(Operator::In)] => {
                let texts = items.iter().map(|item| item.text());
                texts.collect::<Option<Vec<_>>>().map(TextShape::OneOf)
            }
            [Step::Push(constant), Step::PushField(_), Step::Apply(Operator::In)] => {
                Some(constant.text().map_or(TextShape::OneOf(Vec::new()), TextShape::Contains))
            }
            [Step::PushField(_), Step::Call(function)] => Some(TextShape::of(function)),
            _ => None,
        }
    }

    /// The numbers that satisfy it, if they are known to be certain ranges.
    pub fn numbers(&self) -> Option<Ranges> {
        match self.test {
            Test::Steps(steps) => number_ranges(steps),
            Test::Equals(constant) => Some(equal_numbers(constant)),
            Test::Text(_) => Some(Ranges::none()),
        }
    }

    /// The arrays that satisfy it.
    pub fn arrays(&self) -> ArrayShape<'f> {
        match self.test {
            Test::Steps([Step::Push(constant), Step::PushField(_), Step::Apply(Operator::In)]) => {
                ArrayShape::Any(Self { path: self.path, test: Test::Equals(constant) })
            }
            Test::Steps([Step::PushField(_), Step::Call(Function::Match(words))]) => ArrayShape::Match(words),
            Test::Steps([Step::PushField(_), Step::Call(function)]) => {
                ArrayShape::Any(Self { path: self.path, test: Test::Text(function) })
            }
            Test::Steps(steps) if looks_into(steps) => ArrayShape::Other,
            _ => ArrayShape::Each(self.holds(&Value::EMPTY_ARRAY)),
        }
    }
}

impl fmt::Debug for Condition<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.test {
            Test::Steps(steps) => write!(out, "{}: {steps:?}", self.path),
            Test::Equals(constant) => write!(out, "item of {}: == {constant:?}", self.path),
            Test::Text(function) => write!(out, "item of {}: {function:?}", self.path),
        }
    }
}

/// Whether the result may depend on what is in an array: only functions look into one, and `in`
/// with a container that is no constant.
fn looks_into(steps: &[Step]) -> bool {
    let looks = |pair: &[Step]| match &pair[1] {
        Step::Apply(Operator::In) => !matches!(pair[0], Step::Push(_)),
        step => matches!(step, Step::Call(_)),
    };
    steps.windows(2).any(looks)
}

/// The texts that equal a constant. With numbers and arrays they are compared as numbers.
fn equal_texts(constant: &Constant) -> Option<TextShape<'_>> {
    match constant {
        Constant::Text(text) => Some(TextShape::OneOf(vec![text])),
        Constant::Null => Some(TextShape::OneOf(Vec::new())),
        Constant::Number(_) | Constant::Tuple(_) => None,
    }
}

/// The numbers that equal a constant.
fn equal_numbers(constant: &Constant) -> Ranges {
    match constant {
        Constant::Null => Ranges::none(),
        other => Ranges::of([other.value().number()].into_iter()),
    }
}

/// What a part of a condition is, when the field is a number.
enum Part<'f> {
    Field,
    Constant(&'f Constant),
    /// True for the numbers in these ranges.
    True(Ranges),
}

impl Part<'_> {
    fn is_null(&self) -> bool {
        matches!(self, Part::Constant(Constant::Null))
    }

    fn truth(self) -> Ranges {
        match self {
            Part::Field => Ranges::of([0.0].into_iter()).not(),
            Part::Constant(constant) if constant.value().truth() => Ranges::all(),
            Part::Constant(_) => Ranges::none(),
            Part::True(ranges) => ranges,
        }
    }
}

/// The numbers for which these steps are true, if each comparison in them is of the field with a
/// constant.
fn number_ranges(steps: &[Step]) -> Option<Ranges> {
    let mut stack = Vec::new();
    for step in steps {
        let part = match step {
            Step::Push(constant) => Part::Constant(constant),
            Step::PushField(_) => Part::Field,
            Step::Apply(Operator::Not) => Part::True(Part::truth(stack.pop()?).not()),
            Step::Apply(operator) => {
                let right = stack.pop()?;
                Part::True(binary_ranges(*operator, stack.pop()?, right)?)
            }
            Step::ApplyToKnown(operator) => {
                let (right, left) = (stack.pop()?, stack.pop()?);
                let is_unknown = (left.is_null() || right.is_null()) && !operator.is_arithmetic();
                let ranges = if is_unknown { Ranges::none() } else { binary_ranges(*operator, left, right)? };
                Part::True(ranges)
            }
            // No function is true for a number.
            Step::Call(_) if matches!(stack.pop()?, Part::Field) => Part::True(Ranges::none()),
            Step::Skip { .. } => continue,
            _ => return None,
        };
        stack.push(part);
    }
    stack.pop().map(Part::truth)
}

fn binary_ranges(operator: Operator, left: Part<'_>, right: Part<'_>) -> Option<Ranges> {
    match (operator, left, right) {
        (Operator::And, left, right) => Some(left.truth().and(&right.truth())),
        (Operator::Or, left, right) => Some(left.truth().or(&right.truth())),
        (Operator::In, Part::Field, Part::Constant(Constant::Tuple(items))) => {
            let numbers = items.iter().filter(|item| !matches!(item, Constant::Null));
            Some(Ranges::of(numbers.map(|item| item.value().number())))
        }
        (Operator::In, _, Part::Field) => Some(Ranges::none()),
        (operator, Part::Field, Part::Constant(constant)) => compared(operator, constant),
        (operator, Part::Constant(constant), Part::Field) => compared(mirrored(operator)?, constant),
        _ => None,
    }
}

/// The numbers that stand in this relation to a constant.
fn compared(operator: Operator, constant: &Constant) -> Option<Ranges> {
    let number = constant.value().number();
    match operator {
        Operator::Greater => Some(Ranges::above(number)),
        Operator::GreaterOrEqual => Some(Ranges::from(number)),
        Operator::Less => Some(Ranges::below(number)),
        Operator::LessOrEqual => Some(Ranges::up_to(number)),
        Operator::Equal => Some(equal_numbers(constant)),
        _ => None,
    }
}

/// The comparison that is the same with its sides swapped.
fn mirrored(operator: Operator) -> Option<Operator> {
    match operator {
        Operator::Greater => Some(Operator::Less),
        Operator::GreaterOrEqual => Some(Operator::LessOrEqual),
        Operator::Less => Some(Operator::Greater),
        Operator::LessOrEqual => Some(Operator::GreaterOrEqual),
        Operator::Equal => Some(Operator::Equal),
        _ => None,
    }
}
