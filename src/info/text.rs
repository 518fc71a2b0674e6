//! The text form of `INFO`: headers, `name:value` lines, sizes for people.

use std::fmt::{Display, Write};

/// `INFO` as it grows.
#[derive(Default)]
pub(super) struct Text(String);

impl Text {
    /// Begins a section.
    pub(super) fn section(&mut self, name: &str) {
        let gap = if self.0.is_empty() { "" } else { "\r\n" };
        self.put(format_args!("{gap}# {name}\r\n"));
    }

    /// A line.
    pub(super) fn field(&mut self, name: &str, value: impl Display) {
        self.put(format_args!("{name}:{value}\r\n"));
    }

    /// A size as a number, and again for people.
    pub(super) fn size(&mut self, name: &str, bytes: u64) {
        self.field(name, bytes);
        self.put(format_args!("{name}_human:{}\r\n", human(bytes)));
    }

    pub(super) fn finish(self) -> String {
        self.0
    }

    fn put(&mut self, line: std::fmt::Arguments) {
        let written = self.0.write_fmt(line);
        debug_assert!(written.is_ok(), "a string takes any text");
    }
}

/// `1.50M`, as Redis writes sizes.
pub(super) fn human(bytes: u64) -> String {
    let units = [(1u64 << 40, 'T'), (1 << 30, 'G'), (1 << 20, 'M'), (1 << 10, 'K')];
    match units.into_iter().find(|(size, _)| bytes >= *size) {
        Some((size, letter)) => format!("{:.2}{letter}", bytes as f64 / size as f64),
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_as_redis_does() {
        assert_eq!(human(0), "0B");
        assert_eq!(human(1023), "1023B");
        assert_eq!(human(1 << 10), "1.00K");
        assert_eq!(human(3 << 19), "1.50M");
        assert_eq!(human(5 << 40), "5.00T");
    }
}
