//! Runs a program on the fields of an attribute.

use smallvec::SmallVec;

use super::operator::Operator;
use super::program::{Program, Step};
use super::value::Value;

/// Expressions that keep no more values than this waiting are evaluated without an allocation.
const USUAL_DEPTH: usize = 8;

type Stack<'v> = SmallVec<[Value<'v>; USUAL_DEPTH]>;

/// Whether the program's value is true for this attribute. A selector that cannot be resolved makes
/// all of it false.
pub(super) fn matches(program: &Program, attribute: &[u8]) -> bool {
    let values = program.reader.read(attribute);
    values.iter().all(Option::is_some)
        && is_true(&program.steps, |number| values.get(number).copied().flatten())
}

/// Whether the value that these steps leave is true; `field` gives the value of each field. A field
/// without value makes all of it false.
pub(super) fn is_true<'v>(steps: &'v [Step], field: impl Fn(usize) -> Option<Value<'v>>) -> bool {
    let mut stack = Stack::new();
    for step in steps {
        match step {
            Step::Push(constant) => stack.push(constant.value()),
            Step::PushField(number) => match field(*number) {
                Some(value) => stack.push(value),
                None => return false,
            },
            // The parser has seen to it that no operand is missing; without one, nothing matches.
            Step::Apply(operator) => match apply(*operator, &mut stack) {
                Some(()) => {}
                None => return false,
            },
        }
    }
    stack.last().is_some_and(|value| value.truth())
}

#[inline]
fn apply(operator: Operator, stack: &mut Stack<'_>) -> Option<()> {
    if operator == Operator::Not {
        let operand = stack.last_mut()?;
        *operand = Value::Number(not(operand));
        return Some(());
    }
    let [.., left, right] = stack.as_mut_slice() else { return None };
    *left = Value::Number(binary(operator, left, right));
    stack.pop();
    Some(())
}

/// There are no booleans: 1 and 0 stand for them.
fn number_of(truth: bool) -> f64 {
    f64::from(u8::from(truth))
}

pub(super) fn not(operand: &Value<'_>) -> f64 {
    number_of(!operand.truth())
}

/// All operators make numbers.
#[inline]
pub(super) fn binary(operator: Operator, left: &Value<'_>, right: &Value<'_>) -> f64 {
    match operator {
        Operator::Power => left.number().powf(right.number()),
        Operator::Multiply => left.number() * right.number(),
        Operator::Divide => left.number() / right.number(),
        Operator::Remainder => left.number() % right.number(),
        Operator::Add => left.number() + right.number(),
        Operator::Subtract => left.number() - right.number(),
        Operator::Greater => number_of(left.number() > right.number()),
        Operator::GreaterOrEqual => number_of(left.number() >= right.number()),
        Operator::Less => number_of(left.number() < right.number()),
        Operator::LessOrEqual => number_of(left.number() <= right.number()),
        Operator::Equal => number_of(left.equals(*right)),
        Operator::NotEqual => number_of(!left.equals(*right)),
        Operator::In => number_of(left.is_in(*right)),
        Operator::And => number_of(left.truth() && right.truth()),
        Operator::Or => number_of(left.truth() || right.truth()),
        Operator::Not => not(right),
    }
}
