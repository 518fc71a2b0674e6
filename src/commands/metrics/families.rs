//! The text format of Prometheus: samples, grouped by their names.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter, Write};

/// What the samples of a name are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Gauge,
    Counter,
    Histogram,
    Summary,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
        }
    }
}

/// The value of a sample. Whole numbers are written in full, also beyond 2⁵³.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Whole(u64),
    Signed(i64),
    Decimal(f64),
}

impl Number {
    /// In another unit.
    pub(super) fn scaled(self, factor: f64) -> Self {
        match self {
            _ if factor == 1.0 => self,
            Self::Whole(number) => Self::Decimal(number as f64 * factor),
            Self::Signed(number) => Self::Decimal(number as f64 * factor),
            Self::Decimal(number) => Self::Decimal(number * factor),
        }
    }
}

impl Display for Number {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(number) => number.fmt(out),
            Self::Signed(number) => number.fmt(out),
            Self::Decimal(number) => number.fmt(out),
        }
    }
}

/// All samples, by name.
#[derive(Default)]
pub(super) struct Families {
    families: BTreeMap<&'static str, Family>,
    len: usize,
}

struct Family {
    kind: Kind,
    help: Cow<'static, str>,
    samples: String,
}

impl Families {
    /// Adds a sample.
    pub(super) fn add(
        &mut self,
        name: &'static str,
        kind: Kind,
        help: impl Into<Cow<'static, str>>,
        labels: &[(&str, &str)],
        value: Number,
    ) {
        self.part((name, ""), kind, help, labels, value);
    }

    /// Adds a sample of several that belong together: its name ends with `suffix`.
    pub(super) fn part(
        &mut self,
        (name, suffix): (&'static str, &str),
        kind: Kind,
        help: impl Into<Cow<'static, str>>,
        labels: &[(&str, &str)],
        value: Number,
    ) {
        let new = || Family { kind, help: help.into(), samples: String::new() };
        let samples = &mut self.families.entry(name).or_insert_with(new).samples;
        let before = samples.len();
        let written = writeln!(samples, "{name}{suffix}{} {value}", Labels(labels));
        debug_assert!(written.is_ok(), "a string takes any text");
        self.len += samples.len() - before;
    }

    /// Bytes of the samples so far.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The whole text.
    pub(super) fn finish(self) -> String {
        let mut text = String::with_capacity(self.len + self.families.len() * 128);
        for (name, Family { kind, help, samples }) in self.families {
            let kind = kind.name();
            let header = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
            debug_assert!(header.is_ok(), "a string takes any text");
            text.push_str(&samples);
        }
        text
    }
}

/// `{name="value",…}`, or nothing.
struct Labels<'a>(&'a [(&'a str, &'a str)]);

impl Display for Labels<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        for (number, (name, value)) in self.0.iter().enumerate() {
            let before = if number == 0 { '{' } else { ',' };
            write!(out, "{before}{name}=\"{}\"", Escaped(value))?;
        }
        out.write_char('}')
    }
}

struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|char| match char {
            '\\' => out.write_str("\\\\"),
            '"' => out.write_str("\\\""),
            '\n' => out.write_str("\\n"),
            char => out.write_char(char),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_a_name_stand_together_below_its_header() {
        let mut families = Families::default();
        families.add("b", Kind::Gauge, "Second", &[("x", "1")], Number::Decimal(0.5));
        families.add("a", Kind::Counter, "First", &[], Number::Whole(u64::MAX));
        families.add("b", Kind::Gauge, "Second", &[("x", "a\"\\\n")], Number::Signed(-1));
        assert_eq!(
            families.finish(),
            "# HELP a First\n# TYPE a counter\na 18446744073709551615\n\
             # HELP b Second\n# TYPE b gauge\nb{x=\"1\"} 0.5\nb{x=\"a\\\"\\\\\\n\"} -1\n"
        );
    }

    #[test]
    fn numbers_in_another_unit_have_fractions() {
        assert_eq!(Number::Whole(1500).scaled(1e-3), Number::Decimal(1.5));
        assert_eq!(Number::Whole(7).scaled(1.0), Number::Whole(7));
    }
}
