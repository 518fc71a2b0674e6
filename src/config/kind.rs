//! The kinds of options: how a value is read, checked and shown.

use super::client_memory::ClientMemory;
use super::events;
use super::max_memory::MaxMemory;
use super::settings::{ClientClass, OutputLimit, OutputLimits, SaveRule, Settings};

/// The values that an option takes, and where they are stored (`field`).
#[expect(missing_docs, reason = "the fields mean what their names say")]
pub enum Kind {
    /// A number between two bounds (both allowed).
    Number { field: fn(&mut Settings) -> &mut u64, min: u64, max: u64 },
    /// A number that may be negative.
    Integer { field: fn(&mut Settings) -> &mut i64, min: i64, max: i64 },
    /// A number between two bounds (both allowed), perhaps with a fraction.
    Decimal { field: fn(&mut Settings) -> &mut f64, min: f64, max: f64 },
    /// A number of bytes, `80%` of what there is, or `auto`.
    MaxMemory(fn(&mut Settings) -> &mut MaxMemory),
    /// A number of bytes, or a percentage of `maxmemory`.
    ClientMemory(fn(&mut Settings) -> &mut ClientMemory),
    /// A number of bytes: `512`, `64kb`, `1gb`.
    Memory { field: fn(&mut Settings) -> &mut u64, min: u64, max: u64 },
    /// File permissions, octal.
    Octal { field: fn(&mut Settings) -> &mut u64, max: u64 },
    /// Any text that is not a secret.
    Text(fn(&mut Settings) -> &mut String),
    /// A password: as `Text`, but MONITOR and SLOWLOG do not show it.
    Secret(fn(&mut Settings) -> &mut String),
    /// The path of a file or folder that is read when the option is set, also to the same path.
    File(fn(&mut Settings) -> &mut String),
    /// The name of a file, without a folder.
    FileName(fn(&mut Settings) -> &mut String),
    /// Words with blanks between them.
    Words(fn(&mut Settings) -> &mut Vec<String>),
    /// One of some words.
    Choice { field: fn(&mut Settings) -> &mut &'static str, choices: &'static [&'static str] },
    /// `yes` or `no`.
    Switch(fn(&mut Settings) -> &mut bool),
    /// Pairs of seconds and changes.
    SaveRules(fn(&mut Settings) -> &mut Vec<SaveRule>),
    /// Percentages, with blanks between them.
    Percentiles(fn(&mut Settings) -> &mut Vec<f64>),
    /// One value only; `reason` is why.
    Only { value: &'static str, reason: &'static str },
    /// Any value of a shape: it is stored and shown, and has no effect.
    Inert { name: &'static str, default: &'static str, shape: Shape },
    /// Letters for classes of events.
    Events(fn(&mut Settings) -> &mut String),
    /// `<class> <hard> <soft> <seconds>`, once or several times.
    OutputLimits(fn(&mut Settings) -> &mut OutputLimits),
}

/// Shapes of the values of options without effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A number between two bounds (both allowed).
    Integer(i64, i64),
    /// A number of bytes.
    Memory,
    /// One of some words.
    Choice(&'static [&'static str]),
    /// Any text that is not a secret.
    Text,
    /// A password: as `Text`, but MONITOR and SLOWLOG do not show it.
    Secret,
    /// Words with blanks between them.
    Words,
}

/// Why a value is refused; the texts are those of Redis.
#[derive(Debug, PartialEq, Eq)]
pub enum InvalidValue {
    /// Not a number.
    NotInteger,
    /// Not a number of bytes.
    NotMemory,
    /// Neither a number of bytes nor a percentage.
    NotMemoryOrPercent,
    /// A percentage above a hundred.
    PercentTooLarge,
    /// No percentage that a limit can be.
    NotAPercentage,
    /// Not a number, with or without a fraction.
    NotDecimal,
    /// Outside of its bounds, which are numbers with fractions, here as text.
    DecimalOutOfRange(String, String),
    /// Outside of its bounds.
    OutOfRange(u64, u64),
    /// Outside of its bounds, of which one is negative.
    IntegerOutOfRange(i64, i64),
    /// Not an octal number.
    NotOctal,
    /// An octal number beyond its bound.
    OctalOutOfRange(u64),
    /// No name of a file.
    NoFileName,
    /// None of the words.
    NotAChoice(&'static [&'static str]),
    /// Neither `yes` nor `no`.
    NotASwitch,
    /// No pairs of seconds and changes.
    NotSaveRules,
    /// Not all are numbers.
    NotPercentiles,
    /// Not all are percentages.
    PercentilesOutOfRange,
    /// Another value than this one of an option that has no effect.
    NoEffect(String),
    /// Another value than the only one there is, and why.
    NotOnly(&'static str, &'static str),
    /// A letter that stands for no class of events.
    NotEvents,
    /// Not three numbers after each class.
    LimitShape,
    /// No class of clients.
    LimitClass,
    /// The numbers after a class are not valid.
    LimitNumbers,
}

impl std::fmt::Display for InvalidValue {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotInteger => out.write_str("argument couldn't be parsed into an integer"),
            Self::NotMemory => out.write_str("argument must be a memory value"),
            Self::NotMemoryOrPercent => out.write_str("argument must be a memory or percent value"),
            Self::PercentTooLarge => out.write_str("percentage argument must be less or equal to 100"),
            Self::NotAPercentage => out.write_str("argument must be a percentage between 1% and 100%"),
            Self::NotDecimal => out.write_str("argument couldn't be parsed into a number"),
            Self::DecimalOutOfRange(min, max) => {
                write!(out, "argument must be between {min} and {max} inclusive")
            }
            Self::OutOfRange(min, max) => write!(out, "argument must be between {min} and {max} inclusive"),
            Self::IntegerOutOfRange(min, max) => {
                write!(out, "argument must be between {min} and {max} inclusive")
            }
            Self::NotOctal => out.write_str("argument couldn't be parsed as an octal number"),
            Self::OctalOutOfRange(max) => write!(out, "argument must be between 0 and {max:o} inclusive"),
            Self::NoFileName => out.write_str("must be the name of a file, not a path"),
            Self::NotAChoice(all) => {
                write!(out, "argument(s) must be one of the following: {}", all.join(", "))
            }
            Self::NotASwitch => out.write_str("argument must be 'yes' or 'no'"),
            Self::NotSaveRules => out.write_str("Invalid save parameters"),
            Self::NotPercentiles => out.write_str("Invalid latency-tracking-info-percentiles parameters"),
            Self::PercentilesOutOfRange => {
                out.write_str("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]")
            }
            Self::NoEffect(value) if value.is_empty() => {
                out.write_str("must be empty here: the option has no effect")
            }
            Self::NoEffect(value) => write!(out, "must be '{value}' here: the option has no effect"),
            Self::NotOnly("", reason) => write!(out, "must be empty here: {reason}"),
            Self::NotOnly(only, reason) => write!(out, "must be '{only}' here: {reason}"),
            Self::NotEvents => out.write_str("Invalid event class character. Use 'Ag$lshzxeKEtmdn'."),
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
    /// Parses a value and stores it.
    ///
    /// # Errors
    /// The text is no value of this kind; nothing changed then.
    pub fn set(&self, settings: &mut Settings, value: &str) -> Result<(), InvalidValue> {
        match *self {
            Kind::Number { field, min, max } => *field(settings) = number(value, min, max)?,
            Kind::Integer { field, min, max } => *field(settings) = integer(value, min, max)?,
            Kind::Memory { field, min, max } => {
                *field(settings) = in_range(memory(value).ok_or(InvalidValue::NotMemory)?, min, max)?;
            }
            Kind::Decimal { field, min, max } => *field(settings) = decimal(value, min, max)?,
            Kind::MaxMemory(field) => *field(settings) = MaxMemory::parse(value)?,
            Kind::ClientMemory(field) => *field(settings) = ClientMemory::parse(value)?,
            Kind::Octal { field, max } => *field(settings) = octal(value, max)?,
            Kind::Text(field) | Kind::Secret(field) => *field(settings) = value.to_owned(),
            Kind::File(field) => {
                *field(settings) = value.to_owned();
                settings.tls.readings += 1;
            }
            Kind::FileName(field) => *field(settings) = file_name(value)?,
            Kind::Words(field) => {
                *field(settings) = value.split_ascii_whitespace().map(str::to_owned).collect()
            }
            Kind::Choice { field, choices } => *field(settings) = choice(value, choices)?,
            Kind::Switch(field) => *field(settings) = switch(value)?,
            Kind::SaveRules(field) => *field(settings) = save_rules(value)?,
            Kind::Percentiles(field) => *field(settings) = percentiles(value)?,
            Kind::Only { value: only, reason } => require(only, value, reason)?,
            Kind::Inert { name, default, shape } => {
                let value = shape.read(value)?;
                settings.inert.remove(name);
                if value != default {
                    settings.inert.insert(name, value);
                }
            }
            Kind::Events(field) => *field(settings) = events::parse(value).ok_or(InvalidValue::NotEvents)?,
            Kind::OutputLimits(field) => *field(settings) = output_limits(value, *field(settings))?,
        }
        Ok(())
    }

    /// True if a value may hold blanks, so that several words are one value.
    pub fn holds_blanks(&self) -> bool {
        let of_words = matches!(self, Kind::Words(_) | Kind::Percentiles(_) | Kind::SaveRules(_));
        let is_inert = matches!(self, Kind::Inert { shape: Shape::Words, .. });
        of_words || is_inert || matches!(self, Kind::Only { .. } | Kind::OutputLimits(_))
    }

    /// True if MONITOR and SLOWLOG must not show the value.
    pub fn is_secret(&self) -> bool {
        matches!(self, Kind::Secret(_) | Kind::Inert { shape: Shape::Secret, .. })
    }

    /// The value as `CONFIG GET` shows it. Takes a copy of the settings, since a field is reached
    /// by `&mut` only.
    pub fn show(&self, mut settings: Settings) -> String {
        let settings = &mut settings;
        match self {
            Kind::Number { field, .. } | Kind::Memory { field, .. } => field(settings).to_string(),
            Kind::Integer { field, .. } => field(settings).to_string(),
            Kind::Decimal { field, .. } => field(settings).to_string(),
            Kind::MaxMemory(field) => field(settings).to_string(),
            Kind::ClientMemory(field) => field(settings).to_string(),
            Kind::Octal { field, .. } => format!("{:o}", field(settings)),
            Kind::Text(field) | Kind::Secret(field) | Kind::File(field) | Kind::FileName(field) => {
                field(settings).clone()
            }
            Kind::Words(field) => field(settings).join(" "),
            Kind::Choice { field, .. } => (*field(settings)).to_owned(),
            Kind::Switch(field) => if *field(settings) { "yes" } else { "no" }.to_owned(),
            Kind::SaveRules(field) => {
                let pair = |rule: &SaveRule| format!("{} {}", rule.seconds, rule.changes);
                field(settings).iter().map(pair).collect::<Vec<_>>().join(" ")
            }
            Kind::Percentiles(field) => {
                field(settings).iter().map(f64::to_string).collect::<Vec<_>>().join(" ")
            }
            Kind::Only { value, .. } => (*value).to_owned(),
            Kind::Inert { name, default, .. } => {
                settings.inert.remove(name).unwrap_or_else(|| (*default).to_owned())
            }
            Kind::Events(field) => events::shown(field(settings)),
            Kind::OutputLimits(field) => {
                let limits = *field(settings);
                let group = |class: ClientClass| format!("{} {}", class.shown_name(), limits.of(class));
                ClientClass::ALL.map(group).join(" ")
            }
        }
    }
}

impl Shape {
    /// The value as it is shown.
    fn read(self, value: &str) -> Result<String, InvalidValue> {
        Ok(match self {
            Self::Integer(min, max) => integer(value, min, max)?.to_string(),
            Self::Memory => memory(value).ok_or(InvalidValue::NotMemory)?.to_string(),
            Self::Choice(&["yes", "no"]) => if switch(value)? { "yes" } else { "no" }.to_owned(),
            Self::Choice(choices) => choice(value, choices)?.to_owned(),
            Self::Text | Self::Secret | Self::Words => value.to_owned(),
        })
    }
}

fn in_range(value: u64, min: u64, max: u64) -> Result<u64, InvalidValue> {
    (min..=max).contains(&value).then_some(value).ok_or(InvalidValue::OutOfRange(min, max))
}

/// Not with leading zeros or a `+`: as strict as Redis.
fn is_canonical(text: &str) -> bool {
    text == "0" || text.strip_prefix('-').unwrap_or(text).starts_with(|first| matches!(first, '1'..='9'))
}

/// A negative number is a number, but outside of all bounds; one beyond 64 bits is none.
fn number(text: &str, min: u64, max: u64) -> Result<u64, InvalidValue> {
    let value: i128 = text.parse().ok().filter(|_| is_canonical(text)).ok_or(InvalidValue::NotInteger)?;
    if value < i64::MIN.into() || value > i128::from(max.max(i64::MAX as u64)) {
        return Err(InvalidValue::NotInteger);
    }
    let value = u64::try_from(value).map_err(|_| InvalidValue::OutOfRange(min, max))?;
    in_range(value, min, max)
}

fn integer(text: &str, min: i64, max: i64) -> Result<i64, InvalidValue> {
    let value: i64 = text.parse().ok().filter(|_| is_canonical(text)).ok_or(InvalidValue::NotInteger)?;
    (min..=max).contains(&value).then_some(value).ok_or(InvalidValue::IntegerOutOfRange(min, max))
}

/// Without an exponent and a sign.
fn decimal(text: &str, min: f64, max: f64) -> Result<f64, InvalidValue> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let value: f64 = text.parse().ok().filter(|_| is_plain).ok_or(InvalidValue::NotDecimal)?;
    (min..=max)
        .contains(&value)
        .then_some(value)
        .ok_or_else(|| InvalidValue::DecimalOutOfRange(min.to_string(), max.to_string()))
}

fn octal(text: &str, max: u64) -> Result<u64, InvalidValue> {
    let value = u64::from_str_radix(text, 8).map_err(|_| InvalidValue::NotOctal)?;
    (value <= max).then_some(value).ok_or(InvalidValue::OctalOutOfRange(max))
}

/// `k` is a thousand and `kb` 1024, as in redis.conf. No digits are zero, as in Redis.
pub(super) fn memory(text: &str) -> Option<u64> {
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
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = if digits.is_empty() { Some(0) } else { digits.parse::<u64>().ok() };
    number.filter(|_| is_number)?.checked_mul(*factor)
}

fn file_name(text: &str) -> Result<String, InvalidValue> {
    let leads_elsewhere = text.contains(['/', '\\', '\0']) || matches!(text, "" | "." | "..");
    if leads_elsewhere { Err(InvalidValue::NoFileName) } else { Ok(text.to_owned()) }
}

fn save_rules(text: &str) -> Result<Vec<SaveRule>, InvalidValue> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let (pairs, rest) = words.as_chunks::<2>();
    let rule = |[seconds, changes]: &[&str; 2]| {
        let rule = SaveRule { seconds: seconds.parse().ok()?, changes: changes.parse().ok()? };
        (rule.seconds > 0).then_some(rule)
    };
    let rules = pairs.iter().map(rule).collect::<Option<Vec<_>>>();
    rules.filter(|_| rest.is_empty()).ok_or(InvalidValue::NotSaveRules)
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

/// `0` may have a unit: `maxmemory 0mb`.
fn require(only: &'static str, value: &str, reason: &'static str) -> Result<(), InvalidValue> {
    let is_same = value.eq_ignore_ascii_case(only) || only == "0" && memory(value) == Some(0);
    is_same.then_some(()).ok_or(InvalidValue::NotOnly(only, reason))
}

/// Groups of a class and three numbers; classes that are not named stay as they are.
fn output_limits(text: &str, before: OutputLimits) -> Result<OutputLimits, InvalidValue> {
    // Redis counts two blanks in a row as an empty word between them.
    let words: Vec<&str> = if text.is_empty() { Vec::new() } else { text.split(' ').collect() };
    if !words.len().is_multiple_of(4) {
        return Err(InvalidValue::LimitShape);
    }
    words.chunks_exact(4).try_fold(before, |mut limits, group| {
        let class = ClientClass::named(group[0]).ok_or(InvalidValue::LimitClass)?;
        *limits.of_mut(class) = output_limit(&group[1..]).ok_or(InvalidValue::LimitNumbers)?;
        Ok(limits)
    })
}

fn output_limit(numbers: &[&str]) -> Option<OutputLimit> {
    let [hard, soft, seconds] = numbers else { return None };
    let soft_seconds = seconds.parse().ok()?;
    Some(OutputLimit { hard_bytes: memory(hard)?, soft_bytes: memory(soft)?, soft_seconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_takes_redis_units() {
        for (text, bytes) in [
            ("7", 7),
            ("7b", 7),
            ("1k", 1000),
            ("1kB", 1024),
            ("2MB", 2 << 20),
            ("1g", 1_000_000_000),
            ("", 0),
            ("kb", 0),
        ] {
            assert_eq!(memory(text), Some(bytes), "{text}");
        }
        for text in ["-1", "+1", "1tb", "99999999999gb", "1 kb", "1.5mb"] {
            assert_eq!(memory(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_outside_their_bounds_are_told_apart_from_words() {
        assert_eq!(number("x", 0, 9), Err(InvalidValue::NotInteger));
        assert_eq!(number("-1", 0, 9), Err(InvalidValue::OutOfRange(0, 9)));
        assert_eq!(number("10", 0, 9), Err(InvalidValue::OutOfRange(0, 9)));
        assert_eq!((number("9", 0, 9), number("0", 0, 9)), (Ok(9), Ok(0)));
        for text in ["", "+1", "01", "-0", " 1", "1.5", "99999999999999999999"] {
            assert_eq!(number(text, 0, 9), Err(InvalidValue::NotInteger), "{text}");
        }
        assert_eq!(number("18446744073709551615", 0, u64::MAX), Ok(u64::MAX));
    }

    #[test]
    fn decimals_are_plain_numbers_within_their_bounds() {
        assert_eq!((decimal("0.8", 0.0, 1.0), decimal("1", 0.0, 1.0)), (Ok(0.8), Ok(1.0)));
        assert_eq!(decimal("1.1", 0.0, 1.0), Err(InvalidValue::DecimalOutOfRange("0".into(), "1".into())));
        for text in ["", "x", "-0.5", "+1", "1e0", "nan", "inf", "0,5", "."] {
            assert_eq!(decimal(text, 0.0, 1.0), Err(InvalidValue::NotDecimal), "{text}");
        }
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
    fn negative_numbers_are_numbers() {
        assert_eq!((integer("-1", -1, 9), integer("x", -1, 9)), (Ok(-1), Err(InvalidValue::NotInteger)));
        assert_eq!(integer("-2", -1, 9), Err(InvalidValue::IntegerOutOfRange(-1, 9)));
    }

    #[test]
    fn octal_numbers_and_switches_are_told_from_others() {
        assert_eq!((octal("770", 0o777), octal("", 7)), (Ok(0o770), Err(InvalidValue::NotOctal)));
        assert_eq!(octal("999", 0o777), Err(InvalidValue::NotOctal));
        assert_eq!(octal("1777", 0o777), Err(InvalidValue::OctalOutOfRange(0o777)));
        assert_eq!(
            (switch("YES"), switch("no"), switch("1")),
            (Ok(true), Ok(false), Err(InvalidValue::NotASwitch))
        );
    }

    #[test]
    fn file_names_are_no_paths() {
        assert_eq!(file_name("dump 1.rdb"), Ok("dump 1.rdb".to_owned()));
        for path in ["", ".", "..", "/a", "a/b", "..\\b", "a\0b"] {
            assert_eq!(file_name(path), Err(InvalidValue::NoFileName), "{path}");
        }
    }

    #[test]
    fn rules_of_saving_are_pairs() {
        let rules = |text| save_rules(text).map(|rules| rules.len());
        assert_eq!((rules(""), rules("60 1"), rules(" 60 1  5 0 ")), (Ok(0), Ok(1), Ok(2)));
        for text in ["60", "0 1", "1 -1", "a b", "60 1 5"] {
            assert_eq!(rules(text), Err(InvalidValue::NotSaveRules), "{text}");
        }
    }

    #[test]
    fn options_with_one_value_take_no_other() {
        let set = |value, to| Kind::Only { value, reason: "so" }.set(&mut Settings::default(), to);
        assert_eq!((set("", ""), set("no", "NO"), set("0", "0mb")), (Ok(()), Ok(()), Ok(())));
        let error = set("no", "yes").expect_err("it takes only no");
        assert_eq!(error.to_string(), "must be 'no' here: so");
        assert_eq!(set("", "900 1").expect_err("it takes nothing").to_string(), "must be empty here: so");
    }

    #[test]
    fn output_limits_are_of_a_class_of_clients() {
        let limits = |text| output_limits(text, OutputLimits::default());
        let expected = OutputLimit { hard_bytes: 1024, soft_bytes: 2, soft_seconds: 3 };
        let normal = OutputLimits { normal: expected, ..OutputLimits::default() };
        assert_eq!(limits("normal 1kb 2 3"), Ok(normal));
        assert_eq!(limits("normal 9 9 9 NORMAL 1kb 2 3"), Ok(normal));
        assert_eq!(output_limits("", normal), Ok(normal));
        let both = OutputLimits { normal: expected, replica: expected, pubsub: expected };
        assert_eq!(output_limits("Slave 1kb 2 3 pubsub 1024 2 3", normal), Ok(both));
        assert_eq!(output_limits("replica 1kb 2 3 pubsub 1024 2 3", normal), Ok(both));
        assert_eq!(limits("others 1 2 3"), Err(InvalidValue::LimitClass));
        for text in ["normal 1 2", "normal 1 2  3", " normal 1 2 3"] {
            assert_eq!(limits(text), Err(InvalidValue::LimitShape), "{text}");
        }
        for text in ["normal 1 2 x", "normal 1 2 -3", "normal -1 2 3", "pubsub 1 1.5 3"] {
            assert_eq!(limits(text), Err(InvalidValue::LimitNumbers), "{text}");
        }
    }

    #[test]
    fn output_limits_are_shown_as_redis_shows_them() {
        let kind = Kind::OutputLimits(|settings| &mut settings.client_output_buffer_limit);
        let mut settings = Settings::defaults();
        assert_eq!(kind.set(&mut settings, "pubsub 1kb 2 3"), Ok(()));
        let expected = "normal 0 0 0 slave 268435456 67108864 60 pubsub 1024 2 3";
        assert_eq!(kind.show(settings), expected);
    }
}
