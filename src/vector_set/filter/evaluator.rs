//! Runs a program on the fields of an attribute.

use smallvec::SmallVec;

use super::operator::Operator;
use super::program::{Missing, Program, Step};
use super::value::Value;

/// Expressions that keep no more values than this waiting are evaluated without an allocation.
const USUAL_DEPTH: usize = 8;

type Stack<'v> = SmallVec<[Value<'v>; USUAL_DEPTH]>;

/// Whether the program's value is true for this attribute.
pub(super) fn matches(program: &Program, attribute: &[u8]) -> bool {
    let mut values = program.reader.no_values();
    let scan = program.reader.fill(attribute, &mut values);
    if program.missing == Missing::Fails && (scan.is_none() || !values.iter().all(Option::is_some)) {
        return false;
    }
    is_true(&program.steps, |number| values.get(number).copied().flatten())
}

/// Whether the value that these steps leave is true; `field` gives the value of each field, if it
/// can be read.
pub(super) fn is_true<'v>(steps: &'v [Step], field: impl Fn(usize) -> Option<Value<'v>>) -> bool {
    let mut stack = Stack::new();
    let mut rest = steps;
    while let [step, later @ ..] = rest {
        rest = later;
        match step {
            Step::Push(constant) => stack.push(constant.value()),
            Step::PushField(number) => stack.push(field(*number).unwrap_or(Value::Null)),
            Step::Exists(number) => stack.push(Value::Number(number_of(field(*number).is_some()))),
            Step::Near(near) => {
                let is_inside = near.circle.contains_values(field(near.lat), field(near.lon));
                stack.push(Value::Number(number_of(is_inside)));
            }
            Step::Skip { if_true, steps } => {
                if let Some(left) = stack.last_mut()
                    && left.truth() == *if_true
                {
                    *left = Value::Number(number_of(*if_true));
                    rest = later.get(*steps..).unwrap_or_default();
                }
            }
            // The parsers have seen to it that no operand is missing; without one, nothing
            // matches.
            _ => match apply(step, &mut stack) {
                Some(()) => {}
                None => return false,
            },
        }
    }
    stack.last().is_some_and(|value| value.truth())
}

/// Replaces the operands on top of the stack by the result.
#[inline]
fn apply(step: &Step, stack: &mut Stack<'_>) -> Option<()> {
    if let Step::Apply(Operator::Not) | Step::Negate | Step::Call(_) = step {
        let operand = stack.last_mut()?;
        *operand = unary(step, operand)?;
        return Some(());
    }
    let [.., left, right] = stack.as_mut_slice() else { return None };
    match step {
        Step::Apply(operator) => *left = Value::Number(binary(*operator, left, right)),
        _ => *left = result(step, left, right)?,
    }
    stack.pop();
    Some(())
}

/// The result of a step with one operand.
pub(super) fn unary(step: &Step, operand: &Value<'_>) -> Option<Value<'static>> {
    match step {
        Step::Apply(Operator::Not) => Some(Value::Number(not(operand))),
        Step::Negate if matches!(operand, Value::Null) => Some(Value::Null),
        Step::Negate => Some(Value::Number(-operand.number())),
        Step::Call(function) => Some(Value::Number(number_of(function.holds(*operand)))),
        _ => None,
    }
}

/// The result of a step with two operands.
pub(super) fn result(step: &Step, left: &Value<'_>, right: &Value<'_>) -> Option<Value<'static>> {
    match step {
        Step::Apply(operator) => Some(Value::Number(binary(*operator, left, right))),
        Step::ApplyToKnown(operator) => Some(match (left, right) {
            (Value::Null, _) | (_, Value::Null) if operator.is_arithmetic() => Value::Null,
            (Value::Null, _) | (_, Value::Null) => Value::Number(0.0),
            _ => Value::Number(binary(*operator, left, right)),
        }),
        _ => None,
    }
}

/// There are no booleans: 1 and 0 stand for them.
fn number_of(truth: bool) -> f64 {
    f64::from(u8::from(truth))
}

fn not(operand: &Value<'_>) -> f64 {
    number_of(!operand.truth())
}

/// All operators make numbers.
#[inline]
fn binary(operator: Operator, left: &Value<'_>, right: &Value<'_>) -> f64 {
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
