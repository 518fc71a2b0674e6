//! The form in which changes are written down: commands, as clients send them.

use std::io::Write;

/// The commands that have the effect of a change.
#[derive(Debug)]
pub struct Effects<'b> {
    out: &'b mut Vec<u8>,
}

impl<'b> Effects<'b> {
    pub(super) fn new(out: &'b mut Vec<u8>) -> Self {
        Self { out }
    }

    /// Adds a command.
    pub fn command<A: AsRef<[u8]>>(&mut self, words: &[A]) {
        self.begin(words.len());
        words.iter().for_each(|word| self.word(word.as_ref()));
    }

    /// Adds a command of these words and more.
    pub fn command_with(&mut self, words: &[&[u8]], more: &[&[u8]]) {
        self.begin(words.len() + more.len());
        words.iter().chain(more).for_each(|word| self.word(word));
    }

    /// Adds the header of a command of so many words, which must follow.
    pub fn begin(&mut self, words: usize) {
        let _ = write!(self.out, "*{words}\r\n");
    }

    /// Adds a word of the command that was begun last.
    pub fn word(&mut self, word: &[u8]) {
        let _ = write!(self.out, "${}\r\n", word.len());
        self.out.extend_from_slice(word);
        self.out.extend_from_slice(b"\r\n");
    }

    /// Adds a word of binary numbers: float32, little-endian.
    pub fn floats(&mut self, numbers: &[f32]) {
        let _ = write!(self.out, "${}\r\n", size_of_val(numbers));
        numbers.iter().for_each(|number| self.out.extend_from_slice(&number.to_le_bytes()));
        self.out.extend_from_slice(b"\r\n");
    }
}
