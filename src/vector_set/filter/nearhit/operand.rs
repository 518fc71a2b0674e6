//! Operands that are one token: constants, parameters and paths.

use super::scanner::Scanner;
use crate::vector_set::filter::value::Constant;
use crate::vector_set::filter::{FilterError, MAX_EXPRESSION_BYTES, Params};

/// What constants are made of, and how much of it is left.
pub(super) struct Constants<'p> {
    params: &'p Params<'p>,
    /// Bytes that parameters may still take: each use of one is a copy.
    left: usize,
}

impl<'p> Constants<'p> {
    pub(super) fn new(params: &'p Params<'p>) -> Self {
        Self { params, left: MAX_EXPRESSION_BYTES }
    }

    /// The constant that begins here: a number without sign, a string, `true`, `false`, `null` or a
    /// parameter; `None` if there is something else.
    pub(super) fn read(&mut self, scanner: &mut Scanner<'_>) -> Result<Option<Constant>, FilterError> {
        match scanner.peek() {
            Some(b'0'..=b'9') => scanner.number().map(|number| Some(Constant::Number(number))),
            Some(b'"' | b'\'') => scanner.string().map(|text| Some(Constant::Text(text.into()))),
            Some(b'$') => self.param(scanner).map(|text| Some(Constant::Text(text.into()))),
            _ => Ok(literal(scanner)),
        }
    }

    /// A number with or without sign, or a parameter that reads as one in whole.
    pub(super) fn number(&mut self, scanner: &mut Scanner<'_>, what: &str) -> Result<f64, FilterError> {
        if scanner.peek() == Some(b'$') {
            let start = scanner.position();
            let text = self.param(scanner)?;
            let number = crate::vector_set::filter::number::decimal(text);
            return number.ok_or_else(|| scanner.expected_at(start, what));
        }
        let is_negative = scanner.take(b'-');
        if !scanner.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(scanner.expected(what));
        }
        scanner.number().map(|number| if is_negative { -number } else { number })
    }

    /// A string or a parameter.
    pub(super) fn text(&mut self, scanner: &mut Scanner<'_>, what: &str) -> Result<Box<[u8]>, FilterError> {
        match scanner.peek() {
            Some(b'"' | b'\'') => scanner.string().map(Vec::into_boxed_slice),
            Some(b'$') => self.param(scanner).map(Box::from),
            _ => Err(scanner.expected(what)),
        }
    }

    /// A tuple after its opening bracket. A comma may stand before the closing one.
    pub(super) fn tuple(&mut self, scanner: &mut Scanner<'_>) -> Result<Constant, FilterError> {
        let mut items = Vec::new();
        while !scanner.take(b']') {
            items.push(self.item(scanner)?);
            if !scanner.take(b',') && scanner.peek() != Some(b']') {
                return Err(scanner.expected("`,` or `]`"));
            }
        }
        Ok(Constant::Tuple(items.into()))
    }

    fn item(&mut self, scanner: &mut Scanner<'_>) -> Result<Constant, FilterError> {
        if scanner.peek() == Some(b'-') {
            return self.number(scanner, "a number").map(Constant::Number);
        }
        self.read(scanner)?.ok_or_else(|| scanner.expected("a constant or `]`"))
    }

    /// The value of `$1`, `$2`, ….
    fn param(&mut self, scanner: &mut Scanner<'_>) -> Result<&'p [u8], FilterError> {
        let start = scanner.position();
        scanner.skip(1);
        let digits = scanner.word();
        let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<usize>().ok());
        let value = number.and_then(|number| self.params.get(number));
        let value = value.ok_or_else(|| {
            scanner.expected_at(start, &format!("`$` and a number from 1 to {}", self.params.len()))
        })?;
        self.left = self.left.checked_sub(value.len()).ok_or_else(|| {
            scanner.expected_at(start, &format!("parameters of at most {MAX_EXPRESSION_BYTES} bytes in all"))
        })?;
        scanner.skip(digits.len());
        Ok(value)
    }
}

fn literal(scanner: &mut Scanner<'_>) -> Option<Constant> {
    let word = scanner.word();
    let constant = match word {
        b"null" => Constant::Null,
        b"true" => Constant::Number(1.0),
        b"false" => Constant::Number(0.0),
        _ => return None,
    };
    scanner.skip(word.len());
    Some(constant)
}
