//! A cursor over the arguments of a request: typed takes, and `finish`, which refuses left-overs.

use super::error::Error;
use super::number::{parse_float, parse_integer};

/// Where an argument lies in its request: offset and length.
pub(super) type Range = (u32, u32);

/// The arguments not taken yet. Taking borrows from the request, never from the cursor; a copy
/// looks ahead.
///
/// A take from an empty cursor is a syntax error: dispatch has checked the arity, so an option
/// lacks its argument.
#[derive(Clone, Copy, Debug)]
pub struct Args<'r> {
    wire: &'r [u8],
    ranges: &'r [Range],
}

impl<'r> Args<'r> {
    pub(super) fn new(wire: &'r [u8], ranges: &'r [Range]) -> Self {
        Self { wire, ranges }
    }

    /// How many arguments are left.
    pub fn remaining(&self) -> usize {
        self.ranges.len()
    }

    /// True if none is left.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The next argument, without taking it.
    pub fn peek(&self) -> Option<&'r [u8]> {
        let &(at, len) = self.ranges.first()?;
        Some(&self.wire[at as usize..][..len as usize])
    }

    /// Takes the next argument, if there is one.
    pub fn take(&mut self) -> Option<&'r [u8]> {
        let taken = self.peek()?;
        self.ranges = &self.ranges[1..];
        Some(taken)
    }

    /// Skips `count` arguments, or all that are left.
    pub fn skip(&mut self, count: usize) {
        self.ranges = &self.ranges[count.min(self.ranges.len())..];
    }

    /// Takes `count` arguments, or all that are left, as a cursor of their own.
    pub fn split_off(&mut self, count: usize) -> Self {
        let (taken, left) = self.ranges.split_at(count.min(self.ranges.len()));
        self.ranges = left;
        Self { ranges: taken, ..*self }
    }

    /// All arguments that are left.
    pub fn iter(mut self) -> impl Iterator<Item = &'r [u8]> {
        std::iter::from_fn(move || self.take())
    }

    /// Takes an argument as it is.
    pub fn bytes(&mut self) -> Result<&'r [u8], Error> {
        self.take().ok_or(Error::syntax())
    }

    /// Takes an integer that fits `T`.
    pub fn integer<T: TryFrom<i64>>(&mut self) -> Result<T, Error> {
        self.integer_or(Error::not_an_integer())
    }

    /// Takes an integer that fits `T`, with the command's own error otherwise, also if there is no
    /// argument.
    pub fn integer_or<T: TryFrom<i64>>(&mut self, error: impl Into<Error>) -> Result<T, Error> {
        let integer = self.take().and_then(parse_integer);
        integer.and_then(|value| T::try_from(value).ok()).ok_or_else(|| error.into())
    }

    /// Takes a number; it may be infinite but is never NaN.
    pub fn float(&mut self) -> Result<f64, Error> {
        self.float_or(Error::not_a_float())
    }

    /// Takes a number, with the command's own error otherwise, also if there is no argument.
    pub fn float_or(&mut self, error: impl Into<Error>) -> Result<f64, Error> {
        self.take().and_then(parse_float).ok_or_else(|| error.into())
    }

    /// Takes `len` numbers as float32; one beyond its range becomes infinite. None if there are
    /// fewer, or if one is no number. Memory is bounded by the arguments that are there, not by
    /// `len`.
    pub fn floats(&mut self, len: usize) -> Option<Vec<f32>> {
        if len > self.remaining() {
            return None;
        }
        (0..len).map(|_| self.take().and_then(parse_float).map(|value| value as f32)).collect()
    }

    /// Takes the next argument if it is `word`, in any case.
    pub fn keyword(&mut self, word: &str) -> bool {
        let found = self.peek().is_some_and(|next| next.eq_ignore_ascii_case(word.as_bytes()));
        if found {
            self.ranges = &self.ranges[1..];
        }
        found
    }

    /// Takes the next argument if it is one of `words`, in any case, and returns what it stands
    /// for.
    pub fn keyword_of<T: Copy>(&mut self, words: &[(&str, T)]) -> Option<T> {
        words.iter().find(|(word, _)| self.keyword(word)).map(|&(_, meaning)| meaning)
    }

    /// A syntax error if arguments are left.
    pub fn finish(self) -> Result<(), Error> {
        self.finish_or(Error::syntax())
    }

    /// The command's own error if arguments are left.
    pub fn finish_or(self, error: impl Into<Error>) -> Result<(), Error> {
        if self.is_empty() { Ok(()) } else { Err(error.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Request;
    use super::*;

    #[test]
    fn typed_takes() {
        let request = Request::from_args(&["CMD", "key", "12", "1e2", "COUNT", "5"]);
        let mut args = request.args();
        assert_eq!(args.remaining(), 5);
        assert_eq!(args.bytes(), Ok(b"key".as_slice()));
        assert_eq!(args.integer::<u8>(), Ok(12));
        assert_eq!(args.float(), Ok(100.0));
        assert!(!args.keyword("EF"));
        assert!(args.keyword("count"));
        assert_eq!(args.finish(), Err(Error::syntax()));
        assert_eq!(args.integer::<usize>(), Ok(5));
        assert_eq!(args.finish(), Ok(()));
        assert_eq!(args.bytes(), Err(Error::syntax()));
    }

    #[test]
    fn integers_must_fit_their_type() {
        let request = Request::from_args(&["CMD", "256"]);
        assert_eq!(request.args().integer::<u8>(), Err(Error::not_an_integer()));
        assert_eq!(request.args().integer_or::<u8>("ERR invalid EF"), Err(Error::new("ERR invalid EF")));
        assert_eq!(request.args().integer::<u16>(), Ok(256));
    }

    #[test]
    fn floats_are_all_there_or_none() {
        let request = Request::from_args(&["CMD", "1", "-2.5", "1e39", "x"]);
        assert_eq!(request.args().floats(3), Some(vec![1.0, -2.5, f32::INFINITY]));
        assert_eq!(request.args().floats(4), None);
        assert_eq!(request.args().floats(usize::MAX), None);
    }

    #[test]
    fn one_keyword_of_several() {
        let request = Request::from_args(&["CMD", "q8", "other"]);
        let mut args = request.args();
        let words = [("NOQUANT", 0), ("Q8", 1)];
        assert_eq!(args.keyword_of(&words), Some(1));
        assert_eq!(args.keyword_of(&words), None);
        assert_eq!(args.iter().collect::<Vec<_>>(), [b"other"]);
    }
}
