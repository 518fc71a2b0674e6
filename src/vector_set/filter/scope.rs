//! Does a filter keep to one value of a field?

use super::Filter;
use super::operator::Operator;
use super::path::Path;
use super::program::Step;
use super::value::Constant;

/// What is known of a value on the stack.
#[derive(Clone, Copy)]
enum Known {
    Field(bool),
    Text,
    /// It is true only where the field has one text.
    Truth(bool),
}

impl Filter {
    /// True if attributes that satisfy it have one and the same text at this path, as far as they
    /// have a text there: an equality of the field and a text is one of the parts that `and`
    /// connects, or there is one in each of the parts that `or` connects.
    ///
    /// Equalities with numbers do not count: a text that is no number equals 0.
    pub fn keeps_to_one(&self, path: &Path) -> bool {
        let mut stack: Vec<Known> = Vec::new();
        for step in &self.program.steps {
            let value = match step {
                Step::Skip { .. } => continue,
                Step::Push(Constant::Text(_)) => Known::Text,
                Step::PushField(number) => {
                    Known::Field(self.program.reader.paths().get(*number) == Some(path))
                }
                Step::Push(_) | Step::Exists(_) | Step::Near(_) => Known::Truth(false),
                Step::Apply(operator) | Step::ApplyToKnown(operator) => {
                    let right = stack.pop();
                    let left = if operator.operands() == 1 { None } else { stack.pop() };
                    applied(*operator, left, right)
                }
                Step::Negate | Step::Call(_) => {
                    stack.pop();
                    Known::Truth(false)
                }
            };
            stack.push(value);
        }
        matches!(stack.pop(), Some(Known::Truth(true)))
    }
}

fn applied(operator: Operator, left: Option<Known>, right: Option<Known>) -> Known {
    let keeps = |side| matches!(side, Some(Known::Truth(true)));
    Known::Truth(match operator {
        Operator::Equal => matches!(
            (left, right),
            (Some(Known::Field(true)), Some(Known::Text)) | (Some(Known::Text), Some(Known::Field(true)))
        ),
        Operator::And => keeps(left) || keeps(right),
        Operator::Or => keeps(left) && keeps(right),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Dialect, Params};
    use super::*;

    fn keeps(expression: &str) -> bool {
        let params = Params::new([&b"acme"[..]]);
        let filter = Filter::compile(expression.as_bytes(), Dialect::Nearhit, &params).expect("valid");
        filter.keeps_to_one(&Path::parse(b".tenant").expect("a path"))
    }

    #[test]
    fn only_an_equality_that_must_hold_counts() {
        for yes in [
            ".tenant == \"acme\"",
            "\"acme\" == .tenant",
            ".tenant == $1",
            ".year > 1990 and .tenant == $1",
            ".tenant == $1 and (.year > 1990 or .lang == \"de\")",
            "(.tenant == $1 and .a == 1) or (.b == 2 and .tenant == \"other\")",
        ] {
            assert!(keeps(yes), "{yes}");
        }
        for no in [
            ".tenant != $1",
            "not (.tenant == $1)",
            "not (.tenant != $1)",
            ".tenant == $1 or .year > 1990",
            ".tenant == 0",
            ".tenant == null",
            ".tenant == .other",
            ".other == $1",
            ".tenant in [\"acme\"]",
            "prefix(.tenant, \"acme\")",
            "exists(.tenant)",
            ".tenant.name == $1",
            "(.tenant == $1) == 0",
            "1",
        ] {
            assert!(!keeps(no), "{no}");
        }
    }
}
