//! From a filter to sets of slots: runs its program on sets instead of values, asking indexes for
//! the conditions that depend on one field.

use std::borrow::Cow;

use roaring::RoaringBitmap;

use super::Filter;
use super::bounds::Bounds;
use super::condition::Condition;
use super::function::Circle;
use super::operator::Operator;
use super::path::Path;
use super::program::{Missing, Near, Program, Step};
use super::value::{Constant, Value};

/// What the indexes of a set of attributes know. All sets are of slots with an attribute.
pub trait Fields {
    /// The slots that have an attribute.
    fn all(&self) -> &RoaringBitmap;

    /// The slots with a readable value at this path, `null` included; none if that is not known.
    fn readable<'a>(&'a self, path: &Path) -> Option<Cow<'a, RoaringBitmap>>;

    /// Those of the [readable](Self::readable) slots whose value satisfies a condition; none if no
    /// index can answer it.
    fn slots_where<'a>(&'a self, condition: &Condition<'_>) -> Option<Bounds<'a>>;

    /// The slots that have, as numbers at these two paths, the degrees of a place in a circle; none
    /// if no index can answer it.
    fn slots_within<'a>(&'a self, _lat: &Path, _lon: &Path, _circle: &Circle) -> Option<Bounds<'a>> {
        None
    }
}

impl Filter {
    /// Between which sets of slots the answer lies. Exact if each condition of the expression
    /// depends on one field and has an exact answer.
    pub fn bounds<'a>(&self, fields: &'a impl Fields) -> Bounds<'a> {
        let mut lowering = Lowering { program: &self.program, fields, stack: Vec::new() };
        for (at, step) in self.program.steps.iter().enumerate() {
            // The right operand of `and` and `or` is needed to know the answer for all slots.
            if !matches!(step, Step::Skip { .. }) {
                let value = lowering.step(step, at).unwrap_or(Abstract::Unknown);
                lowering.stack.push(value);
            }
        }
        let answer = lowering.stack.pop().and_then(|value| lowering.truth(value));
        let answer = answer.unwrap_or_else(|| lowering.unknown());
        match self.program.missing {
            Missing::Fails => lowering.where_resolved(answer),
            Missing::IsNull => answer,
        }
    }
}

struct Lowering<'f, 'a, F> {
    program: &'f Program,
    fields: &'a F,
    stack: Vec<Abstract<'a>>,
}

/// What is known of a value on the stack, of all slots at once.
enum Abstract<'a> {
    /// The constant that this step pushes.
    Constant { at: usize },
    /// What the steps from here to the present one make of one field.
    OfField(OfField),
    /// True for the slots in these bounds.
    Truth(Bounds<'a>),
    /// It depends on several fields.
    Unknown,
}

#[derive(Clone, Copy)]
struct OfField {
    field: usize,
    start: usize,
    end: usize,
    /// Whether an index of texts or arrays can answer it as it is, which it could not any more when
    /// it becomes a part of a longer condition.
    has_shape: bool,
}

impl<'a, F: Fields> Lowering<'_, 'a, F> {
    fn step(&mut self, step: &Step, at: usize) -> Option<Abstract<'a>> {
        match step {
            Step::Push(_) => Some(Abstract::Constant { at }),
            Step::PushField(field) => {
                Some(Abstract::OfField(OfField { field: *field, start: at, end: at + 1, has_shape: false }))
            }
            Step::Apply(Operator::Not) => {
                let operand = self.stack.pop()?;
                self.not(operand, at)
            }
            Step::Negate => self.extended(at, false),
            Step::Call(_) => self.extended(at, true),
            Step::Exists(field) => self.readable(*field).map(Abstract::Truth),
            Step::Near(near) => self.near(near).map(Abstract::Truth),
            Step::Skip { .. } => None,
            Step::Apply(operator) | Step::ApplyToKnown(operator) => {
                let (right, left) = (self.stack.pop()?, self.stack.pop()?);
                match operator {
                    Operator::And | Operator::Or => self.connective(*operator, left, right, at),
                    _ => self.of_one_field(*operator, &left, &right, at).map(Abstract::OfField),
                }
            }
        }
    }

    fn not(&self, operand: Abstract<'a>, at: usize) -> Option<Abstract<'a>> {
        match operand {
            Abstract::OfField(part) => Some(Abstract::OfField(OfField { end: at + 1, ..part })),
            other => self.truth(other).map(|bounds| Abstract::Truth(bounds.not(self.fields.all()))),
        }
    }

    /// The result of a step with one operand.
    fn extended(&mut self, at: usize, has_shape: bool) -> Option<Abstract<'a>> {
        let Abstract::OfField(part) = self.stack.pop()? else { return None };
        Some(Abstract::OfField(OfField { end: at + 1, has_shape, ..part }))
    }

    fn readable(&self, field: usize) -> Option<Bounds<'a>> {
        self.fields.readable(&self.program.reader.paths()[field]).map(Bounds::exact)
    }

    fn near(&self, near: &Near) -> Option<Bounds<'a>> {
        let path = |field: usize| &self.program.reader.paths()[field];
        self.fields.slots_within(path(near.lat), path(near.lon), &near.circle)
    }

    fn connective(
        &self,
        operator: Operator,
        left: Abstract<'a>,
        right: Abstract<'a>,
        at: usize,
    ) -> Option<Abstract<'a>> {
        if let (Abstract::OfField(left), Abstract::OfField(right)) = (&left, &right)
            && left.field == right.field
            && !left.has_shape
            && !right.has_shape
        {
            return Some(Abstract::OfField(OfField { end: at + 1, ..*left }));
        }
        let left = self.truth(left);
        let combined = if operator == Operator::And { self.and(left, right) } else { self.or(left, right) };
        combined.map(Abstract::Truth)
    }

    fn and(&self, left: Option<Bounds<'a>>, right: Abstract<'a>) -> Option<Bounds<'a>> {
        if left.as_ref().is_some_and(Bounds::is_empty) {
            return left;
        }
        match (left, self.truth(right)) {
            (Some(left), Some(right)) => Some(left.and(right)),
            (Some(known), None) | (None, Some(known)) => Some(known.unsure()),
            (None, None) => None,
        }
    }

    fn or(&self, left: Option<Bounds<'a>>, right: Abstract<'a>) -> Option<Bounds<'a>> {
        match (left, self.truth(right)) {
            (Some(left), Some(right)) => Some(left.or(right)),
            (Some(known), None) | (None, Some(known)) => Some(known.or(self.unknown())),
            (None, None) => None,
        }
    }

    /// The result of an operator of which at most one field is known to play a part.
    fn of_one_field(
        &self,
        operator: Operator,
        left: &Abstract<'a>,
        right: &Abstract<'a>,
        at: usize,
    ) -> Option<OfField> {
        let (field, start) = match (left, right) {
            (Abstract::OfField(left), Abstract::OfField(right)) if left.field == right.field => {
                (left.field, left.start)
            }
            (Abstract::OfField(part), Abstract::Constant { .. }) => (part.field, part.start),
            (Abstract::Constant { at }, Abstract::OfField(part)) => (part.field, *at),
            _ => return None,
        };
        let is_text = |side: &Abstract<'_>| matches!(side, Abstract::Constant { at } if matches!(self.program.steps[*at], Step::Push(Constant::Text(_))));
        let has_shape = match operator {
            Operator::In => true,
            Operator::Equal => is_text(left) || is_text(right),
            _ => false,
        };
        Some(OfField { field, start, end: at + 1, has_shape })
    }

    /// The slots for which a value is true; `None` if nothing is known.
    fn truth(&self, value: Abstract<'a>) -> Option<Bounds<'a>> {
        match value {
            Abstract::Truth(bounds) => Some(bounds),
            Abstract::OfField(part) => self.ask(part),
            Abstract::Constant { at } => match &self.program.steps[at] {
                Step::Push(constant) if constant.value().truth() => {
                    Some(Bounds::exact(Cow::Borrowed(self.fields.all())))
                }
                _ => Some(Bounds::none()),
            },
            Abstract::Unknown => None,
        }
    }

    /// The slots that satisfy a condition. One with a shape is asked for without the `not`s after
    /// it.
    fn ask(&self, part: OfField) -> Option<Bounds<'a>> {
        let path = &self.program.reader.paths()[part.field];
        let mut steps = &self.program.steps[part.start..part.end];
        let mut is_negated = false;
        while part.has_shape
            && let [shorter @ .., Step::Apply(Operator::Not)] = steps
        {
            steps = shorter;
            is_negated = !is_negated;
        }
        let condition = Condition::new(path, steps);
        let mut bounds = self.fields.slots_where(&condition)?;
        if self.program.missing == Missing::IsNull && condition.holds(&Value::Null) {
            bounds = bounds.or(self.without(part.field));
        }
        Some(if is_negated { bounds.not(self.fields.all()) } else { bounds })
    }

    /// The slots without a readable value of a field.
    fn without(&self, field: usize) -> Bounds<'a> {
        self.readable(field).map_or_else(|| self.unknown(), |readable| readable.not(self.fields.all()))
    }

    /// A selector that cannot be resolved makes the whole expression false.
    fn where_resolved(&self, mut answer: Bounds<'a>) -> Bounds<'a> {
        for path in self.program.reader.paths() {
            answer = match self.fields.readable(path) {
                _ if path.is_empty() => return Bounds::none(),
                Some(readable) => answer.and(Bounds::exact(readable)),
                None => answer.unsure(),
            };
        }
        answer
    }

    fn unknown(&self) -> Bounds<'a> {
        Bounds::between(Cow::Owned(RoaringBitmap::new()), Cow::Borrowed(self.fields.all()))
    }
}
