//! Tokens → postfix program, by the shunting-yard algorithm.

use super::Release;
use super::lexer::Token;
use super::operator::Operator;
use super::path::Path;
use super::program::{Builder, Program};

/// `None` if parentheses or operands do not add up. Like Redis, this checks nothing else: postfix
/// forms pass.
pub(super) fn parse(tokens: Vec<Token<'_>>, release: Release) -> Option<Program> {
    let mut yard = Yard { program: Builder::default(), waiting: Vec::new(), release };
    for token in tokens {
        match token {
            Token::Constant(constant) => yard.program.constant(constant),
            Token::Selector(name) => yard.program.field(Path::top_level(name)),
            Token::Operator(operator) => yard.operator(operator)?,
            Token::Open => yard.waiting.push(Waiting::Open),
            Token::Close => yard.close()?,
        }
    }
    yard.finish()
}

/// What waits for its right operand or its closing parenthesis.
enum Waiting {
    Open,
    Operator(Operator),
}

struct Yard {
    program: Builder,
    waiting: Vec<Waiting>,
    release: Release,
}

impl Yard {
    fn operator(&mut self, operator: Operator) -> Option<()> {
        if operator == Operator::Not && self.release >= Release::V8_12 {
            // What waits before a prefix waits for its result.
            self.waiting.push(Waiting::Operator(operator));
            return Some(());
        }
        while let Some(&Waiting::Operator(earlier)) = self.waiting.last()
            && earlier.binds_before(operator)
        {
            self.waiting.pop();
            self.program.apply(earlier)?;
        }
        self.waiting.push(Waiting::Operator(operator));
        Some(())
    }

    fn close(&mut self) -> Option<()> {
        while let Waiting::Operator(operator) = self.waiting.pop()? {
            self.program.apply(operator)?;
        }
        Some(())
    }

    fn finish(mut self) -> Option<Program> {
        while let Some(waiting) = self.waiting.pop() {
            let Waiting::Operator(operator) = waiting else { return None };
            self.program.apply(operator)?;
        }
        self.program.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::lexer;
    use super::super::program::Step;
    use super::*;

    /// The program with one character a step.
    fn postfix(expression: &str) -> Option<String> {
        let tokens = lexer::tokens(expression.as_bytes(), Release::V8_6).unwrap();
        let program = parse(tokens, Release::V8_6)?;
        let spell = |step: &Step| match step {
            Step::Push(_) => '#',
            Step::PushField(number) => char::from(program.reader.paths()[*number].as_bytes()[0]),
            Step::Apply(Operator::Not) => '!',
            Step::Apply(Operator::Power) => '^',
            Step::Apply(Operator::Subtract) => '-',
            Step::Apply(Operator::Multiply) => '*',
            _ => '?',
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
            ("2 * 3 - .a", "#a-"),
            ("not 1", "#"),
            (".a != .b", "ab?!"),
            (".a != 3 * 1", "a#?!"),
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
