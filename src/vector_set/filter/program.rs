//! A compiled expression: steps in postfix order, and the fields they use.

use std::collections::HashMap;

use super::evaluator;
use super::operator::Operator;
use super::path::Path;
use super::reader::FieldReader;
use super::value::Constant;

/// One step of a program that works on a stack of values.
#[derive(Debug)]
pub(super) enum Step {
    /// Push a constant of the expression.
    Push(Constant),
    /// Push the field with this number among the reader's paths.
    PushField(usize),
    /// Replace the operands on top by their result.
    Apply(Operator),
}

/// A compiled expression: no step finds too few values on the stack, and the last leaves exactly
/// one.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) steps: Vec<Step>,
    pub(super) reader: FieldReader,
}

/// Makes a program, step by step. What depends on no field is computed at once.
#[derive(Debug, Default)]
pub(super) struct Builder {
    steps: Vec<Step>,
    /// Values on the stack when the steps so far have run.
    values: usize,
    paths: Vec<Path>,
    numbers: HashMap<Path, usize>,
}

impl Builder {
    pub(super) fn constant(&mut self, constant: Constant) {
        self.steps.push(Step::Push(constant));
        self.values += 1;
    }

    pub(super) fn field(&mut self, path: Path) {
        let number = *self.numbers.entry(path).or_insert_with_key(|path| {
            self.paths.push(path.clone());
            self.paths.len() - 1
        });
        self.steps.push(Step::PushField(number));
        self.values += 1;
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
        match self.result(operator) {
            Some(result) => {
                self.steps.truncate(self.steps.len() - operator.operands());
                self.steps.push(Step::Push(Constant::Number(result)));
            }
            None => self.steps.push(Step::Apply(operator)),
        }
    }

    /// The result, if all operands are constants.
    fn result(&self, operator: Operator) -> Option<f64> {
        match &self.steps[self.steps.len() - operator.operands()..] {
            [Step::Push(operand)] => Some(evaluator::not(&operand.value())),
            [Step::Push(left), Step::Push(right)] => {
                Some(evaluator::binary(operator, &left.value(), &right.value()))
            }
            _ => None,
        }
    }

    /// `None` if not exactly one value is left.
    pub(super) fn finish(self) -> Option<Program> {
        (self.values == 1).then(|| Program { steps: self.steps, reader: FieldReader::new(self.paths) })
    }
}
