//! Runs a program on the fields of an attribute.

use smallvec::SmallVec;

use super::operator::Operator;
use super::parser::{Program, Step};
use super::value::Value;

/// Expressions that keep no more values than this waiting are evaluated without an allocation.
const USUAL_DEPTH: usize = 8;

type Stack<'v> = SmallVec<[Value<'v>; USUAL_DEPTH]>;

/// Whether the program's value is true for this attribute. A selector that cannot be resolved makes
/// all of it false.
pub(super) fn matches(program: &Program, attribute: &[u8]) -> bool {
    let Some(fields) = program.names.resolve(attribute) else { return false };
    let mut stack = Stack::new();
    for step in &program.steps {
        let value = match step {
            Step::Push(constant) => Some(constant.value()),
            Step::PushField(number) => fields.get(*number).copied().flatten(),
            Step::Apply(operator) => apply(*operator, &mut stack),
        };
        // The parser has seen to it that there is always a value; without one, nothing matches.
        let Some(value) = value else { return false };
        stack.push(value);
    }
    stack.pop().is_some_and(Value::truth)
}

fn apply<'v>(operator: Operator, stack: &mut Stack<'v>) -> Option<Value<'v>> {
    let right = stack.pop()?;
    if operator == Operator::Not {
        return Some(Value::of_bool(!right.truth()));
    }
    Some(binary(operator, stack.pop()?, right))
}

fn binary<'v>(operator: Operator, left: Value<'v>, right: Value<'v>) -> Value<'v> {
    match operator {
        Operator::Power => Value::Number(left.number().powf(right.number())),
        Operator::Multiply => Value::Number(left.number() * right.number()),
        Operator::Divide => Value::Number(left.number() / right.number()),
        Operator::Remainder => Value::Number(left.number() % right.number()),
        Operator::Add => Value::Number(left.number() + right.number()),
        Operator::Subtract => Value::Number(left.number() - right.number()),
        Operator::Greater => Value::of_bool(left.number() > right.number()),
        Operator::GreaterOrEqual => Value::of_bool(left.number() >= right.number()),
        Operator::Less => Value::of_bool(left.number() < right.number()),
        Operator::LessOrEqual => Value::of_bool(left.number() <= right.number()),
        Operator::Equal => Value::of_bool(left.equals(right)),
        Operator::NotEqual => Value::of_bool(!left.equals(right)),
        Operator::In => Value::of_bool(left.is_in(right)),
        Operator::And => Value::of_bool(left.truth() && right.truth()),
        Operator::Or => Value::of_bool(left.truth() || right.truth()),
        Operator::Not => Value::of_bool(!right.truth()),
    }
}
