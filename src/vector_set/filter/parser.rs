//! Tokens → postfix program, by the shunting-yard algorithm.

use super::fields::Names;
use super::lexer::Token;
use super::operator::Operator;
use super::value::Constant;

/// One step of a program that works on a stack of values.
#[derive(Debug)]
pub(super) enum Step {
    /// Push a constant of the expression.
    Push(Constant),
    /// Push the field with this number in the program's names.
    PushField(usize),
    /// Replace the operands on top by their result.
    Apply(Operator),
}

/// A compiled expression: no step finds too few values on the stack, and the last leaves exactly
/// one.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) steps: Vec<Step>,
    pub(super) names: Names,
}

/// `None` if parentheses or operands do not add up. Like Redis, this checks nothing else: postfix
/// forms pass.
pub(super) fn parse(tokens: Vec<Token<'_>>) -> Option<Program> {
    let selectors =
        tokens.iter().filter_map(|token| if let Token::Selector(name) = token { Some(*name) } else { None });
    let names = Names::new(selectors.collect());
    let mut yard = Yard { steps: Vec::with_capacity(tokens.len()), values: 0, waiting: Vec::new() };
    for token in tokens {
        match token {
            Token::Constant(constant) => yard.push(Step::Push(constant)),
            Token::Selector(name) => yard.push(Step::PushField(names.position(name)?)),
            Token::Operator(operator) => yard.operator(operator)?,
            Token::Open => yard.waiting.push(Waiting::Open),
            Token::Close => yard.close()?,
        }
    }
    yard.finish().map(|steps| Program { steps, names })
}

/// What waits for its right operand or its closing parenthesis.
enum Waiting {
    Open,
    Operator(Operator),
}

struct Yard {
    steps: Vec<Step>,
    /// Values on the stack when the steps so far have run.
    values: usize,
    waiting: Vec<Waiting>,
}

impl Yard {
    fn push(&mut self, step: Step) {
        self.steps.push(step);
        self.values += 1;
    }

    fn operator(&mut self, operator: Operator) -> Option<()> {
        while let Some(&Waiting::Operator(earlier)) = self.waiting.last()
            && earlier.binds_before(operator)
        {
            self.waiting.pop();
            self.apply(earlier)?;
        }
        self.waiting.push(Waiting::Operator(operator));
        Some(())
    }

    fn close(&mut self) -> Option<()> {
        while let Waiting::Operator(operator) = self.waiting.pop()? {
            self.apply(operator)?;
        }
        Some(())
    }

    fn apply(&mut self, operator: Operator) -> Option<()> {
        self.values = self.values.checked_sub(operator.operands())? + 1;
        self.steps.push(Step::Apply(operator));
        Some(())
    }

    fn finish(mut self) -> Option<Vec<Step>> {
        while let Some(waiting) = self.waiting.pop() {
            let Waiting::Operator(operator) = waiting else { return None };
            self.apply(operator)?;
        }
        (self.values == 1).then_some(self.steps)
    }
}

#[cfg(test)]
mod tests {
    use super::super::lexer;
    use super::*;

    /// The program with one character a step.
    fn postfix(expression: &str) -> Option<String> {
        let program = parse(lexer::tokens(expression.as_bytes()).unwrap())?;
        let spell = |step: &Step| match step {
            Step::Push(_) => '#',
            Step::PushField(number) => char::from(b'a' + *number as u8),
            Step::Apply(Operator::Not) => '!',
            Step::Apply(Operator::Power) => '^',
            Step::Apply(Operator::Subtract) => '-',
            Step::Apply(Operator::Multiply) => '*',
            Step::Apply(_) => '?',
        };
        Some(program.steps.iter().map(spell).collect())
    }

    #[test]
    fn precedence_and_associativity_give_the_order() {
        for (expression, expected) in [
            (".a - .b - .c", "ab-c-"),
            (".a ** .b ** .c", "abc^^"),
            (".a - .b * .c", "abc*-"),
            ("(.a - .b) * .c", "ab-c*"),
            ("! .a * .b", "a!b*"),
            (".b - .a - .b", "ba-b-"),
            (".a .b -", "ab-"),
        ] {
            assert_eq!(postfix(expression).as_deref(), Some(expected), "{expression}");
        }
    }

    #[test]
    fn unbalanced_programs_are_refused() {
        for expression in ["", "()", "1 2", "1 -", "- 1", "!!1", "(1", "1)", ")1("] {
            assert_eq!(postfix(expression), None, "{expression}");
        }
    }
}
