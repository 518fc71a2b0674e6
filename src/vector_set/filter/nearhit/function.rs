//! Calls of functions. Their arguments are paths and constants, not expressions, so that an index
//! can answer them.

use super::operand::Constants;
use super::scanner::Scanner;
use crate::field_index::geo::Place;
use crate::field_index::tokens::Language;
use crate::vector_set::filter::FilterError;
use crate::vector_set::filter::function::{Circle, Function, Words};
use crate::vector_set::filter::path::Path;
use crate::vector_set::filter::program::Builder;

/// What takes the arguments of a function, adds its steps to the program, and leaves the scanner
/// before the closing parenthesis.
type Reader = fn(&mut Call<'_, '_, '_>) -> Result<(), FilterError>;

const FUNCTIONS: [(&[u8], Reader); 5] = [
    (b"exists", |call| {
        let path = call.path()?;
        call.program.exists(path);
        Ok(())
    }),
    (b"prefix", |call| {
        let (path, text) = (call.path()?, call.text("a string or a parameter")?);
        call.program.call(path, Function::Prefix(text));
        Ok(())
    }),
    (b"contains", |call| {
        let (path, text) = (call.path()?, call.text("a string or a parameter")?);
        call.program.call(path, Function::contains(&text));
        Ok(())
    }),
    (b"match", |call| {
        let (path, text) = (call.path()?, call.text("words as a string or a parameter")?);
        let language = call.language()?;
        call.program.call(path, Function::Match(Box::new(Words::new(&text, language))));
        Ok(())
    }),
    (b"geo", |call| {
        let lat = call.path()?;
        call.comma()?;
        let lon = call.path()?;
        let circle = call.circle()?;
        call.program.near(lat, lon, circle);
        Ok(())
    }),
];

/// A call that is being read, and where to its steps go.
pub(super) struct Call<'c, 'e, 'p> {
    pub(super) scanner: &'c mut Scanner<'e>,
    pub(super) constants: &'c mut Constants<'p>,
    pub(super) program: &'c mut Builder,
}

impl Call<'_, '_, '_> {
    /// Reads the call that begins here; false if there is none, and then nothing is read.
    pub(super) fn read(mut self) -> Result<bool, FilterError> {
        let word = self.scanner.word();
        let Some((_, reader)) = FUNCTIONS.iter().find(|(name, _)| *name == word) else { return Ok(false) };
        self.scanner.skip(word.len());
        self.expect(b'(', "`(`")?;
        reader(&mut self)?;
        self.expect(b')', "`)`")?;
        Ok(true)
    }

    fn expect(&mut self, byte: u8, what: &str) -> Result<(), FilterError> {
        if self.scanner.take(byte) { Ok(()) } else { Err(self.scanner.expected(what)) }
    }

    fn comma(&mut self) -> Result<(), FilterError> {
        self.expect(b',', "`,`")
    }

    fn path(&mut self) -> Result<Path, FilterError> {
        match self.scanner.peek() {
            Some(b'.') => self.scanner.path(),
            _ => Err(self.scanner.expected("a field")),
        }
    }

    fn text(&mut self, what: &str) -> Result<Box<[u8]>, FilterError> {
        self.comma()?;
        self.constants.text(self.scanner, what)
    }

    fn language(&mut self) -> Result<Option<Language>, FilterError> {
        if !self.scanner.take(b',') {
            return Ok(None);
        }
        self.scanner.peek();
        let start = self.scanner.position();
        let name = self.constants.text(self.scanner, "a language as a string or a parameter")?;
        let unknown = || self.scanner.expected_at(start, "a language that can be stemmed");
        Language::parse(&name).ok_or_else(unknown).map(Some)
    }

    fn circle(&mut self) -> Result<Circle, FilterError> {
        let lat = self.degrees(90, "a latitude in degrees")?;
        let lon = self.degrees(180, "a longitude in degrees")?;
        self.comma()?;
        self.scanner.peek();
        let start = self.scanner.position();
        let radius_km = self.constants.number(self.scanner, "a radius in kilometres")?;
        let circle = Place::new(lat, lon).and_then(|centre| Circle::new(centre, radius_km));
        circle.ok_or_else(|| self.scanner.expected_at(start, "a radius that is not negative"))
    }

    /// At most as many degrees to either side.
    fn degrees(&mut self, most: u8, what: &str) -> Result<f64, FilterError> {
        self.comma()?;
        self.scanner.peek();
        let start = self.scanner.position();
        let degrees = self.constants.number(self.scanner, what)?;
        let is_place = degrees.abs() <= f64::from(most);
        let error = || self.scanner.expected_at(start, &format!("{what}, from -{most} to {most}"));
        is_place.then_some(degrees).ok_or_else(error)
    }
}
