//! Expression text → tokens.

use super::number;
use super::operator::Operator;
use super::value::Constant;
use super::{FilterError, MAX_TOKENS, Release, json, until_nul};

/// Longest number literal in bytes; a longer one is an error, as in Redis.
const MAX_NUMBER_BYTES: usize = 255;

/// One token; a selector borrows its name from the expression.
#[derive(Debug)]
pub(super) enum Token<'e> {
    Constant(Constant),
    Selector(&'e [u8]),
    Operator(Operator),
    Open,
    Close,
}

/// Reading stopped: the lexer's position is the place.
struct Unreadable;

/// All tokens of an expression. It ends at its first NUL.
pub(super) fn tokens(expression: &[u8], release: Release) -> Result<Vec<Token<'_>>, FilterError> {
    let mut lexer = Lexer { text: until_nul(expression), at: 0, release };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blanks();
        let Some(first) = lexer.peek() else { return Ok(tokens) };
        if tokens.len() == MAX_TOKENS {
            return Err(FilterError::limit(format!("expression of more than {MAX_TOKENS} tokens")));
        }
        let operand_expected = matches!(tokens.last(), None | Some(Token::Operator(_) | Token::Open));
        match lexer.token(first, operand_expected) {
            Ok(token) => tokens.push(token),
            Err(Unreadable) => return Err(FilterError::at(expression, lexer.at)),
        }
    }
}

struct Lexer<'e> {
    text: &'e [u8],
    at: usize,
    release: Release,
}

impl<'e> Lexer<'e> {
    fn token(&mut self, first: u8, operand_expected: bool) -> Result<Token<'e>, Unreadable> {
        let next = self.text.get(self.at + 1);
        match first {
            b'0'..=b'9' => self.number().map(Token::Constant),
            b'-' if operand_expected && next.is_some_and(u8::is_ascii_digit) => {
                self.number().map(Token::Constant)
            }
            b'"' | b'\'' => self.string(first).map(Token::Constant),
            b'.' if next.is_none_or(|&byte| is_name(byte)) => Ok(self.selector()),
            b'[' => self.tuple().map(Token::Constant),
            _ if is_word(first) => self.word(),
            _ => Err(Unreadable),
        }
    }

    /// A sign ends the run, so `1e-5` is no number.
    fn number(&mut self) -> Result<Constant, Unreadable> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        while self.peek().is_some_and(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E')) {
            if self.at - start == MAX_NUMBER_BYTES {
                return Err(Unreadable);
            }
            self.at += 1;
        }
        number::decimal(&self.text[start..self.at]).map(Constant::Number).ok_or(Unreadable)
    }

    /// A backslash protects a quote. It stays in the string, until escapes began to be decoded.
    fn string(&mut self, quote: u8) -> Result<Constant, Unreadable> {
        let start = self.at + 1;
        let mut end = start;
        loop {
            match self.text.get(end) {
                Some(&byte) if byte == quote => break,
                Some(b'\\') if end + 1 < self.text.len() => end += 2,
                Some(_) => end += 1,
                None => {
                    self.at = end;
                    return Err(Unreadable);
                }
            }
        }
        self.at = end + 1;
        let raw = &self.text[start..end];
        Ok(Constant::Text(match self.release {
            Release::V8_6 => raw.into(),
            Release::V8_12 => json::unescape(raw).into(),
        }))
    }

    fn selector(&mut self) -> Token<'e> {
        let start = self.at + 1;
        self.at = start + run_length(&self.text[start..], is_name);
        Token::Selector(&self.text[start..self.at])
    }

    fn tuple(&mut self) -> Result<Constant, Unreadable> {
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.skip_blanks();
            if self.take(b']') {
                break;
            }
            items.push(self.tuple_item()?);
            self.skip_blanks();
            if self.take(b']') {
                break;
            }
            if !self.take(b',') {
                return Err(Unreadable);
            }
        }
        Ok(Constant::Tuple(items.into()))
    }

    fn tuple_item(&mut self) -> Result<Constant, Unreadable> {
        match self.peek() {
            Some(b'0'..=b'9' | b'-') => self.number(),
            Some(quote @ (b'"' | b'\'')) => self.string(quote),
            _ => Err(Unreadable),
        }
    }

    /// `null` must be the whole run of word characters; of any other run, the longest operator it
    /// starts with is the token.
    fn word(&mut self) -> Result<Token<'e>, Unreadable> {
        let rest = &self.text[self.at..];
        if let Some(after) = rest.strip_prefix(b"null")
            && !after.first().copied().is_some_and(is_word)
        {
            self.at += b"null".len();
            return Ok(Token::Constant(Constant::Null));
        }
        let (token, len) = match rest[0] {
            b'(' => (Token::Open, 1),
            b')' => (Token::Close, 1),
            _ => match Operator::prefix_of(rest) {
                Some((operator, len)) => (Token::Operator(operator), len),
                None => {
                    self.at += run_length(rest, is_word);
                    return Err(Unreadable);
                }
            },
        };
        self.at += len;
        Ok(token)
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn skip_blanks(&mut self) {
        self.at += run_length(&self.text[self.at..], number::is_blank);
    }
}

fn run_length(text: &[u8], belongs: fn(u8) -> bool) -> usize {
    text.iter().position(|&byte| !belongs(byte)).unwrap_or(text.len())
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || b"+-*%/!()<>=|&".contains(&byte)
}
