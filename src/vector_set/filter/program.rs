//! A compiled expression: steps in postfix order, and the fields they use.

use std::collections::HashMap;

use super::evaluator;
use super::function::{Circle, Function};
use super::operator::Operator;
use super::path::Path;
use super::reader::FieldReader;
use super::value::{Constant, Value};

/// One step of a program that works on a stack of values.
#[derive(Debug)]
pub(super) enum Step {
    /// Push a constant of the expression.
    Push(Constant),
    /// Push the field with this number among the reader's paths.
    PushField(usize),
    /// Replace the operands on top by their result.
    Apply(Operator),
    /// The same for an operator on numbers, which has no number for null: arithmetic gives null,
    /// and an ordered comparison is false.
    ApplyToKnown(Operator),
    /// Replace the number on top by its negative; null stays.
    Negate,
    /// Replace the field on top by what a function says of it.
    Call(Function),
    /// Push whether the field with this number can be read.
    Exists(usize),
    /// Push whether two fields are the degrees of a place in a circle.
    Near(Box<Near>),
    /// The left operand of `and` or `or` is on top: if it decides (true for `or`), replace it by
    /// the result and skip this many steps, those of the right operand and the operator.
    Skip { if_true: bool, steps: usize },
}

/// The numbers of two fields, and the circle.
#[derive(Debug)]
pub(super) struct Near {
    pub(super) lat: usize,
    pub(super) lon: usize,
    pub(super) circle: Circle,
}

/// What a field without a readable value means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Missing {
    /// The whole expression is false.
    #[default]
    Fails,
    /// The field is null.
    IsNull,
}

/// A compiled expression: no step finds too few values on the stack, and the last leaves exactly
/// one.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) steps: Vec<Step>,
    pub(super) reader: FieldReader,
    pub(super) missing: Missing,
}

/// Makes a program, step by step. What depends on no field is computed at once.
#[derive(Debug, Default)]
pub(super) struct Builder {
    steps: Vec<Step>,
    /// Values on the stack when the steps so far have run.
    values: usize,
    paths: Vec<Path>,
    numbers: HashMap<Path, usize>,
    missing: Missing,
}

impl Builder {
    pub(super) fn new(missing: Missing) -> Self {
        Self { missing, ..Self::default() }
    }

    pub(super) fn constant(&mut self, constant: Constant) {
        self.push(Step::Push(constant));
    }

    pub(super) fn field(&mut self, path: Path) {
        let number = self.number(path);
        self.push(Step::PushField(number));
    }

    pub(super) fn exists(&mut self, path: Path) {
        let number = self.number(path);
        self.push(Step::Exists(number));
    }

    pub(super) fn near(&mut self, lat: Path, lon: Path, circle: Circle) {
        let (lat, lon) = (self.number(lat), self.number(lon));
        self.push(Step::Near(Box::new(Near { lat, lon, circle })));
    }

    pub(super) fn call(&mut self, path: Path, function: Function) {
        self.field(path);
        self.steps.push(Step::Call(function));
    }

    fn push(&mut self, step: Step) {
        self.steps.push(step);
        self.values += 1;
    }

    fn number(&mut self, path: Path) -> usize {
        *self.numbers.entry(path).or_insert_with_key(|path| {
            self.paths.push(path.clone());
            self.paths.len() - 1
        })
    }

    /// `None` if there are too few operands.
    pub(super) fn apply(&mut self, operator: Operator) -> Option<()> {
        self.values = self.values.checked_sub(operator.operands())? + 1;
        if operator == Operator::NotEqual {
            // As two steps, so that an index has to know no inequality.
            self.apply_step(Operator::Equal);
            self.apply_step(Operator::Not);
        } else {
            self.apply_step(operator);
        }
        Some(())
    }

    fn apply_step(&mut self, operator: Operator) {
        let is_strict = self.missing == Missing::IsNull && operator.is_of_numbers();
        let step = if is_strict { Step::ApplyToKnown(operator) } else { Step::Apply(operator) };
        self.reduce(step, operator.operands());
    }

    pub(super) fn negate(&mut self) {
        self.reduce(Step::Negate, 1);
    }

    /// Adds a step, or its result if all its operands are constants.
    fn reduce(&mut self, step: Step, operands: usize) {
        let start = self.steps.len() - operands;
        let result = match &self.steps[start..] {
            [Step::Push(operand)] => evaluator::unary(&step, &operand.value()),
            [Step::Push(left), Step::Push(right)] => evaluator::result(&step, &left.value(), &right.value()),
            _ => None,
        };
        match result.and_then(Constant::of_result) {
            Some(result) => {
                self.steps.truncate(start);
                self.steps.push(Step::Push(result));
            }
            None => self.steps.push(step),
        }
    }

    /// To be called when the left operand of `and` or `or` is complete: where the result is known
    /// without the right one, that is left out. Returns what [`Self::patch`] needs.
    pub(super) fn skip(&mut self, operator: Operator) -> Option<usize> {
        // A constant is combined with the right operand at once, if that is a constant too.
        if let Some(Step::Push(_)) = self.steps.last() {
            return None;
        }
        self.steps.push(Step::Skip { if_true: operator == Operator::Or, steps: 0 });
        Some(self.steps.len() - 1)
    }

    /// To be called when the operator of a [`Self::skip`] was applied.
    pub(super) fn patch(&mut self, skip: usize) {
        let after = self.steps.len() - skip - 1;
        if let Some(Step::Skip { steps, .. }) = self.steps.get_mut(skip) {
            *steps = after;
        }
    }

    /// `None` if not exactly one value is left.
    pub(super) fn finish(self) -> Option<Program> {
        let reader = FieldReader::new(self.paths);
        (self.values == 1).then_some(Program { steps: self.steps, reader, missing: self.missing })
    }
}

impl Constant {
    /// What operators compute.
    fn of_result(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Number(number) => Some(Self::Number(number)),
            Value::Null => Some(Self::Null),
            Value::Text(_) | Value::Array(_) => None,
        }
    }
}
