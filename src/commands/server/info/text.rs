//! The text form of the rows: `name:value`, one a line.

use std::fmt::{self, Display, Formatter};

use super::row::{Row, Value};

impl Display for Row {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.name, self.value)
    }
}

impl Display for Value {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(number) | Self::Bytes(number) => number.fmt(out),
            Self::Integer(number) => number.fmt(out),
            Self::Decimal(number, decimals) => write!(out, "{number:.decimals$}"),
            Self::Percent(number) => write!(out, "{number:.2}%"),
            Self::BytesWithUnit(bytes) => with_unit(*bytes, out),
            Self::Flag(flag) => u8::from(*flag).fmt(out),
            Self::Outcome(is_ok) => out.write_str(if *is_ok { "ok" } else { "err" }),
            Self::Text(text) => out.write_str(text),
            Self::Record(fields) => record(fields, out),
        }
    }
}

fn record<N: Display>(fields: &[(N, Value)], out: &mut Formatter<'_>) -> fmt::Result {
    for (number, (name, value)) in fields.iter().enumerate() {
        let comma = if number == 0 { "" } else { "," };
        write!(out, "{comma}{name}={value}")?;
    }
    Ok(())
}

/// `1.50M`, as Redis writes sizes.
fn with_unit(bytes: u64, out: &mut Formatter<'_>) -> fmt::Result {
    let units = [(1u64 << 40, 'T'), (1 << 30, 'G'), (1 << 20, 'M'), (1 << 10, 'K')];
    match units.into_iter().find(|(size, _)| bytes >= *size) {
        Some((size, letter)) => write!(out, "{:.2}{letter}", bytes as f64 / size as f64),
        None => write!(out, "{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_as_redis_does() {
        let sizes = [0, 1023, 1 << 10, 3 << 19, 5 << 40].map(|size| Value::BytesWithUnit(size).to_string());
        assert_eq!(sizes, ["0B", "1023B", "1.00K", "1.50M", "5.00T"]);
    }

    #[test]
    fn each_type_has_its_form() {
        let parts = vec![("a".into(), Value::Count(1)), ("b".into(), Value::Decimal(0.5, 2))];
        for (value, text) in [
            (Value::Integer(-1), "-1"),
            (Value::Percent(12.345), "12.35%"),
            (Value::Flag(true), "1"),
            (Value::Outcome(false), "err"),
            (Value::Record(parts), "a=1,b=0.50"),
            (Value::Record(vec![]), ""),
        ] {
            assert_eq!(value.to_string(), text);
        }
    }
}
