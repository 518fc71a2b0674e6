//! The kinds of options: how a value is read, checked and shown.

use super::settings::{OutputLimit, Settings};
use super::words;

/// What an option takes, and where it is kept (`field`).
#[expect(missing_docs, reason = "the fields mean what their names say")]
pub enum Kind {
    /// A number between two bounds (both allowed).
    Number { field: fn(&mut Settings) -> &mut u64, min: u64, max: u64 },
    /// A number that may be negative.
    Integer { field: fn(&mut Settings) -> &mut i64, min: i64, max: i64 },
    /// A number of bytes: `512`, `64kb`, `1gb`.
    Memory { field: fn(&mut Settings) -> &mut u64, min: u64, max: u64 },
    /// File permissions, octal.
    Octal { field: fn(&mut Settings) -> &mut u64, max: u64 },
    /// Any text.
    Text(fn(&mut Settings) -> &mut String),
    /// Words with blanks between them.
    Words(fn(&mut Settings) -> &mut Vec<String>),
    /// One of some words.
    Choice { field: fn(&mut Settings) -> &mut &'static str, choices: &'static [&'static str] },
    /// `yes` or `no`.
    Switch(fn(&mut Settings) -> &mut bool),
    /// Percentages, with blanks between them.
    Percentiles(fn(&mut Settings) -> &mut Vec<f64>),
    /// This value only: any other would ask for files, which are not written.
    WithoutFiles(&'static str),
    /// `normal <hard> <soft> <seconds>`.
    OutputLimit(fn(&mut Settings) -> &mut OutputLimit),
}

/// Why a value is not one; shown as Redis words it.
#[derive(Debug, PartialEq, Eq)]
pub enum InvalidValue {
    /// Not a number.
    NotInteger,
    /// Not a number of bytes.
    NotMemory,
    /// Outside of its bounds.
    OutOfRange(i128, i128),
    /// Not an octal number.
    NotOctal(u64),
    /// None of the words.
    NotAChoice(&'static [&'static str]),
    /// Neither `yes` nor `no`.
    NotASwitch,
    /// Not all are numbers.
    NotPercentiles,
    /// Not all are percentages.
    PercentilesOutOfRange,
    /// It asks for data to be kept in files.
    NoPersistence,
    /// Not three numbers after each class.
    LimitShape,
    /// A class other than `normal`.
    LimitClass,
    /// Its numbers are none.
    LimitNumbers,
}

impl std::fmt::Display for InvalidValue {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotInteger => out.write_str("argument couldn't be parsed into an integer"),
            Self::NotMemory => out.write_str("argument must be a memory value"),
            Self::OutOfRange(min, max) => write!(out, "argument must be between {min} and {max} inclusive"),
            Self::NotOctal(max) => write!(out, "argument must be between 0 and {max:o} inclusive"),
            Self::NotAChoice(all) => {
                write!(out, "argument(s) must be one of the following: {}", all.join(", "))
            }
            Self::NotASwitch => out.write_str("argument must be 'yes' or 'no'"),
            Self::NotPercentiles => out.write_str("Invalid latency-tracking-info-percentiles parameters"),
            Self::PercentilesOutOfRange => {
                out.write_str("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]")
            }
            Self::NoPersistence => out.write_str("persistence is not available in this version"),
            Self::LimitShape => out.write_str("Wrong number of arguments in buffer limit configuration."),
            Self::LimitClass => {
                out.write_str("Invalid client class specified in buffer limit configuration.")
            }
            Self::LimitNumbers => {
                out.write_str("Error in hard, soft or soft_seconds setting in buffer limit configuration.")
            }
        }
    }
}

impl std::error::Error for InvalidValue {}

impl Kind {
    /// Reads a value and keeps it.
    ///
    /// # Errors
    /// The value is none of this kind; nothing changed then.
    pub fn set(&self, settings: &mut Settings, value: &str) -> Result<(), InvalidValue> {
        match *self {
            Kind::Number { field, min, max } => *field(settings) = number(value, min, max)?,
            Kind::Integer { field, min, max } => *field(settings) = integer(value, min, max)?,
            Kind::Memory { field, min, max } => {
                *field(settings) = in_range(memory(value).ok_or(InvalidValue::NotMemory)?, min, max)?;
            }
            Kind::Octal { field, max } => *field(settings) = octal(value, max)?,
            Kind::Text(field) => *field(settings) = value.to_owned(),
            Kind::Words(field) => {
                *field(settings) = value.split_ascii_whitespace().map(str::to_owned).collect()
            }
            Kind::Choice { field, choices } => *field(settings) = choice(value, choices)?,
            Kind::Switch(field) => *field(settings) = switch(value)?,
            Kind::Percentiles(field) => *field(settings) = percentiles(value)?,
            Kind::WithoutFiles(only) if value.eq_ignore_ascii_case(only) => {}
            Kind::WithoutFiles(_) => return Err(InvalidValue::NoPersistence),
            Kind::OutputLimit(field) => *field(settings) = output_limit(value)?,
        }
        Ok(())
    }

    /// True if a value may hold blanks, so that several words are one value.
    pub fn holds_blanks(&self) -> bool {
        matches!(self, Kind::Words(_) | Kind::Percentiles(_) | Kind::WithoutFiles(_) | Kind::OutputLimit(_))
    }

    /// The value as `CONFIG GET` shows it. Takes a copy of the settings since a field is reached by `&mut` only.
    pub fn show(&self, mut settings: Settings) -> String {
        let settings = &mut settings;
        match self {
            Kind::Number { field, .. } | Kind::Memory { field, .. } => field(settings).to_string(),
            Kind::Integer { field, .. } => field(settings).to_string(),
            Kind::Octal { field, .. } => format!("{:o}", field(settings)),
            Kind::Text(field) => field(settings).clone(),
            Kind::Words(field) => field(settings).join(" "),
            Kind::Choice { field, .. } => (*field(settings)).to_owned(),
            Kind::Switch(field) => if *field(settings) { "yes" } else { "no" }.to_owned(),
            Kind::Percentiles(field) => {
                field(settings).iter().map(f64::to_string).collect::<Vec<_>>().join(" ")
            }
            Kind::WithoutFiles(only) => (*only).to_owned(),
            Kind::OutputLimit(field) => {
                let limit = field(settings);
                format!("normal {} {} {}", limit.hard_bytes, limit.soft_bytes, limit.soft_seconds)
            }
        }
    }
}

fn in_range(value: u64, min: u64, max: u64) -> Result<u64, InvalidValue> {
    let out_of_range = InvalidValue::OutOfRange(min.into(), max.into());
    (min..=max).contains(&value).then_some(value).ok_or(out_of_range)
}

/// A negative number is a number, but outside of all bounds.
fn number(text: &str, min: u64, max: u64) -> Result<u64, InvalidValue> {
    let value: i128 = text.parse().map_err(|_| InvalidValue::NotInteger)?;
    let value = u64::try_from(value).map_err(|_| InvalidValue::OutOfRange(min.into(), max.into()))?;
    in_range(value, min, max)
}

fn integer(text: &str, min: i64, max: i64) -> Result<i64, InvalidValue> {
    let value: i64 = text.parse().map_err(|_| InvalidValue::NotInteger)?;
    let out_of_range = InvalidValue::OutOfRange(min.into(), max.into());
    (min..=max).contains(&value).then_some(value).ok_or(out_of_range)
}

fn octal(text: &str, max: u64) -> Result<u64, InvalidValue> {
    let value = u64::from_str_radix(text, 8).map_err(|_| InvalidValue::NotInteger)?;
    (value <= max).then_some(value).ok_or(InvalidValue::NotOctal(max))
}

/// `k` is a thousand and `kb` 1024, as in redis.conf.
fn memory(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 8] = [
        ("kb", 1 << 10),
        ("mb", 1 << 20),
        ("gb", 1 << 30),
        ("k", 1_000),
        ("m", 1_000_000),
        ("g", 1_000_000_000),
        ("b", 1),
        ("", 1),
    ];
    let text = text.to_ascii_lowercase();
    let (digits, factor) =
        UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))?;
    digits.parse::<u64>().ok()?.checked_mul(*factor)
}

fn choice(text: &str, choices: &'static [&'static str]) -> Result<&'static str, InvalidValue> {
    let same = |choice: &&&str| choice.eq_ignore_ascii_case(text);
    choices.iter().find(same).copied().ok_or(InvalidValue::NotAChoice(choices))
}

fn switch(text: &str) -> Result<bool, InvalidValue> {
    match text.to_ascii_lowercase().as_str() {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err(InvalidValue::NotASwitch),
    }
}

fn percentiles(text: &str) -> Result<Vec<f64>, InvalidValue> {
    let percentile = |word: &str| {
        let value: f64 =
            word.parse().ok().filter(|value: &f64| !value.is_nan()).ok_or(InvalidValue::NotPercentiles)?;
        (0.0..=100.0).contains(&value).then_some(value).ok_or(InvalidValue::PercentilesOutOfRange)
    };
    text.split_ascii_whitespace().map(percentile).collect()
}

fn output_limit(text: &str) -> Result<OutputLimit, InvalidValue> {
    let words = words::split(text).map_err(|_| InvalidValue::LimitShape)?;
    let [class, hard, soft, seconds] = words.as_slice() else { return Err(InvalidValue::LimitShape) };
    if !class.eq_ignore_ascii_case("normal") {
        return Err(InvalidValue::LimitClass);
    }
    let bytes = |word: &String| memory(word).ok_or(InvalidValue::LimitNumbers);
    let soft_seconds = seconds.parse().map_err(|_| InvalidValue::LimitNumbers)?;
    Ok(OutputLimit { hard_bytes: bytes(hard)?, soft_bytes: bytes(soft)?, soft_seconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_takes_redis_units() {
        for (text, bytes) in
            [("7", 7), ("7b", 7), ("1k", 1000), ("1kB", 1024), ("2MB", 2 << 20), ("1g", 1_000_000_000)]
        {
            assert_eq!(memory(text), Some(bytes), "{text}");
        }
        for text in ["", "kb", "-1", "1tb", "99999999999gb", "1 kb"] {
            assert_eq!(memory(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_outside_their_bounds_are_told_apart_from_words() {
        assert_eq!(number("x", 0, 9), Err(InvalidValue::NotInteger));
        assert_eq!(number("-1", 0, 9), Err(InvalidValue::OutOfRange(0, 9)));
        assert_eq!(number("10", 0, 9), Err(InvalidValue::OutOfRange(0, 9)));
        assert_eq!(number("9", 0, 9), Ok(9));
    }

    #[test]
    fn percentiles_are_numbers_up_to_a_hundred() {
        assert_eq!(percentiles("50 99.9 1e1"), Ok(vec![50.0, 99.9, 10.0]));
        assert_eq!((percentiles(""), percentiles("x")), (Ok(Vec::new()), Err(InvalidValue::NotPercentiles)));
        assert_eq!(percentiles("nan"), Err(InvalidValue::NotPercentiles));
        for text in ["-1", "50 101", "inf"] {
            assert_eq!(percentiles(text), Err(InvalidValue::PercentilesOutOfRange), "{text}");
        }
    }

    #[test]
    fn negative_numbers_and_switches_are_read() {
        assert_eq!((integer("-1", -1, 9), integer("x", -1, 9)), (Ok(-1), Err(InvalidValue::NotInteger)));
        assert_eq!(integer("-2", -1, 9), Err(InvalidValue::OutOfRange(-1, 9)));
        assert_eq!((switch("YES"), switch("on")), (Ok(true), Err(InvalidValue::NotASwitch)));
    }

    #[test]
    fn what_would_write_files_is_refused() {
        let set = |only, value| Kind::WithoutFiles(only).set(&mut Settings::default(), value);
        assert_eq!((set("", ""), set("no", "NO")), (Ok(()), Ok(())));
        assert_eq!(set("", "900 1"), Err(InvalidValue::NoPersistence));
        assert_eq!(set("no", "yes"), Err(InvalidValue::NoPersistence));
    }

    #[test]
    fn output_limits_name_the_class_of_clients_there_is() {
        assert_eq!(
            output_limit("normal 1kb 2 3"),
            Ok(OutputLimit { hard_bytes: 1024, soft_bytes: 2, soft_seconds: 3 })
        );
        assert_eq!(output_limit("pubsub 1 2 3"), Err(InvalidValue::LimitClass));
        assert_eq!(output_limit("normal 1 2"), Err(InvalidValue::LimitShape));
        assert_eq!(output_limit("normal 1 2 x"), Err(InvalidValue::LimitNumbers));
    }
}
