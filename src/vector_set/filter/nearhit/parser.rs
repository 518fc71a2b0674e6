//! Expression → program: operands and operators in turn, by their precedence. Needs no stack of
//! calls, however deep an expression is.

use super::function::Call;
use super::operand::Constants;
use super::scanner::Scanner;
use crate::vector_set::filter::operator::Operator;
use crate::vector_set::filter::program::{Builder, Missing, Program};
use crate::vector_set::filter::{FilterError, MAX_NESTING, Params};

/// Compiles an expression.
pub(in crate::vector_set::filter) fn parse(
    expression: &[u8],
    params: &Params<'_>,
) -> Result<Program, FilterError> {
    let mut parser = Parser {
        scanner: Scanner::new(expression),
        constants: Constants::new(params),
        program: Builder::new(Missing::IsNull),
        waiting: Vec::new(),
        nesting: 0,
    };
    parser.operand()?;
    while parser.operator()? {
        parser.operand()?;
    }
    let scanner = parser.scanner;
    parser.program.finish().ok_or_else(|| scanner.expected("one value"))
}

struct Parser<'e, 'p> {
    scanner: Scanner<'e>,
    constants: Constants<'p>,
    program: Builder,
    waiting: Vec<Waiting>,
    /// How many of those waiting are parentheses and prefixes.
    nesting: usize,
}

/// What waits for its right operand or its closing parenthesis.
#[derive(Clone, Copy)]
enum Waiting {
    Open,
    Prefix(Prefix),
    Infix(Infix),
}

#[derive(Clone, Copy)]
enum Prefix {
    Not,
    Minus,
}

/// An operator between two operands.
#[derive(Clone, Copy)]
struct Infix {
    operator: Operator,
    /// `not in`.
    is_negated: bool,
    /// Of `and` and `or`: what [`Builder::skip`] returned.
    skip: Option<usize>,
}

impl Parser<'_, '_> {
    /// Reads prefixes, opening parentheses and what they stand before.
    fn operand(&mut self) -> Result<(), FilterError> {
        loop {
            self.scanner.count_token()?;
            let waiting = match self.scanner.peek() {
                Some(b'(') => Waiting::Open,
                Some(b'!') => Waiting::Prefix(Prefix::Not),
                Some(b'-') => Waiting::Prefix(Prefix::Minus),
                _ if self.scanner.word() == b"not" => Waiting::Prefix(Prefix::Not),
                _ => return self.value(),
            };
            self.nest(waiting)?;
            let is_word = self.scanner.peek() == Some(b'n');
            self.scanner.skip(if is_word { b"not".len() } else { 1 });
        }
    }

    fn nest(&mut self, waiting: Waiting) -> Result<(), FilterError> {
        if self.nesting == MAX_NESTING {
            let what = format!("no more than {MAX_NESTING} parentheses and prefixes in one another");
            return Err(self.scanner.expected(&what));
        }
        self.nesting += 1;
        self.waiting.push(waiting);
        Ok(())
    }

    fn value(&mut self) -> Result<(), FilterError> {
        match self.scanner.peek() {
            Some(b'.') => {
                let path = self.scanner.path()?;
                self.program.field(path);
                return Ok(());
            }
            Some(b'[') => {
                self.scanner.skip(1);
                let tuple = self.constants.tuple(&mut self.scanner)?;
                self.program.constant(tuple);
                return Ok(());
            }
            _ => {}
        }
        if let Some(constant) = self.constants.read(&mut self.scanner)? {
            self.program.constant(constant);
            return Ok(());
        }
        let call =
            Call { scanner: &mut self.scanner, constants: &mut self.constants, program: &mut self.program };
        if call.read()? { Ok(()) } else { Err(self.scanner.expected("a value")) }
    }

    /// Reads closing parentheses and the operator after them; false at the end.
    fn operator(&mut self) -> Result<bool, FilterError> {
        loop {
            match self.scanner.peek() {
                None => return self.end().map(|()| false),
                Some(b')') => self.close()?,
                Some(_) => break,
            }
        }
        self.scanner.count_token()?;
        let infix = self.infix()?;
        while let Some(Waiting::Prefix(_) | Waiting::Infix(_)) = self.waiting.last()
            && self.is_before(infix.operator)
        {
            self.apply_last()?;
        }
        let is_connective = matches!(infix.operator, Operator::And | Operator::Or);
        let skip = if is_connective { self.program.skip(infix.operator) } else { None };
        self.waiting.push(Waiting::Infix(Infix { skip, ..infix }));
        Ok(true)
    }

    /// Whether what waits last is to be computed before `next`.
    fn is_before(&self, next: Operator) -> bool {
        match self.waiting.last() {
            Some(Waiting::Prefix(_)) => true,
            Some(Waiting::Infix(infix)) => infix.operator.binds_before(next),
            Some(Waiting::Open) | None => false,
        }
    }

    fn infix(&mut self) -> Result<Infix, FilterError> {
        let word = self.scanner.word();
        if word == b"not" {
            self.scanner.skip(word.len());
            self.scanner.peek();
            return self.infix_word(true);
        }
        if !word.is_empty() {
            return self.infix_word(false);
        }
        match Operator::prefix_of(self.scanner.rest()) {
            Some((operator, len)) if operator != Operator::Not => {
                self.scanner.skip(len);
                Ok(Infix { operator, is_negated: false, skip: None })
            }
            _ => Err(self.scanner.expected("an operator")),
        }
    }

    fn infix_word(&mut self, is_negated: bool) -> Result<Infix, FilterError> {
        let word = self.scanner.word();
        let operator = match word {
            b"in" => Operator::In,
            b"and" if !is_negated => Operator::And,
            b"or" if !is_negated => Operator::Or,
            _ => return Err(self.scanner.expected(if is_negated { "`in`" } else { "an operator" })),
        };
        self.scanner.skip(word.len());
        Ok(Infix { operator, is_negated, skip: None })
    }

    fn close(&mut self) -> Result<(), FilterError> {
        self.scanner.count_token()?;
        loop {
            match self.waiting.last() {
                Some(Waiting::Open) => break,
                Some(_) => self.apply_last()?,
                None => return Err(self.scanner.expected("an operator or the end")),
            }
        }
        self.waiting.pop();
        self.nesting -= 1;
        self.scanner.skip(1);
        Ok(())
    }

    fn end(&mut self) -> Result<(), FilterError> {
        while let Some(waiting) = self.waiting.last() {
            if let Waiting::Open = waiting {
                return Err(self.scanner.expected("an operator or `)`"));
            }
            self.apply_last()?;
        }
        Ok(())
    }

    /// Applies what waits last, whose operands are all there.
    fn apply_last(&mut self) -> Result<(), FilterError> {
        match self.waiting.pop() {
            Some(Waiting::Prefix(prefix)) => {
                self.nesting -= 1;
                match prefix {
                    Prefix::Not => self.apply(Operator::Not),
                    Prefix::Minus => {
                        self.program.negate();
                        Ok(())
                    }
                }
            }
            Some(Waiting::Infix(infix)) => self.apply_infix(infix),
            Some(Waiting::Open) | None => Ok(()),
        }
    }

    fn apply_infix(&mut self, infix: Infix) -> Result<(), FilterError> {
        self.apply(infix.operator)?;
        if infix.is_negated {
            self.apply(Operator::Not)?;
        }
        if let Some(skip) = infix.skip {
            self.program.patch(skip);
        }
        Ok(())
    }

    fn apply(&mut self, operator: Operator) -> Result<(), FilterError> {
        self.program.apply(operator).ok_or_else(|| self.scanner.expected("an operand"))
    }
}
