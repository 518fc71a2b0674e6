//! Values as JSON text (RFC 8259): only written, never read.

use std::fmt::{self, Display, Formatter, Write};

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Flag(bool),
    Whole(u64),
    /// What is no number, or infinite, is `null`.
    Number(f64),
    Text(String),
    List(Vec<Json>),
    /// Names are plain words.
    Object(Vec<(&'static str, Json)>),
}

impl Display for Json {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => flag.fmt(out),
            Self::Whole(number) => number.fmt(out),
            Self::Number(number) if number.is_finite() => number.fmt(out),
            Self::Null | Self::Number(_) => out.write_str("null"),
            Self::Text(text) => Quoted(text).fmt(out),
            Self::List(values) => list(values, out),
            Self::Object(fields) => object(fields, out),
        }
    }
}

fn list(values: &[Json], out: &mut Formatter<'_>) -> fmt::Result {
    out.write_char('[')?;
    for (number, value) in values.iter().enumerate() {
        let comma = if number == 0 { "" } else { "," };
        write!(out, "{comma}{value}")?;
    }
    out.write_char(']')
}

fn object(fields: &[(&'static str, Json)], out: &mut Formatter<'_>) -> fmt::Result {
    out.write_char('{')?;
    for (number, (name, value)) in fields.iter().enumerate() {
        let comma = if number == 0 { "" } else { "," };
        write!(out, "{comma}\"{name}\":{value}")?;
    }
    out.write_char('}')
}

/// A text between quotes.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_char('"')?;
        self.0.chars().try_for_each(|char| match char {
            '"' => out.write_str("\\\""),
            '\\' => out.write_str("\\\\"),
            '\n' => out.write_str("\\n"),
            '\r' => out.write_str("\\r"),
            '\t' => out.write_str("\\t"),
            '\0'..='\x1f' => write!(out, "\\u{:04x}", u32::from(char)),
            char => out.write_char(char),
        })?;
        out.write_char('"')
    }
}

impl From<u64> for Json {
    fn from(number: u64) -> Self {
        Self::Whole(number)
    }
}

impl From<usize> for Json {
    fn from(number: usize) -> Self {
        Self::Whole(number as u64)
    }
}

impl From<f64> for Json {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Json {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl<T: Into<Json>> From<Option<T>> for Json {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<T: Into<Json>> FromIterator<T> for Json {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_read_back_by_another_program() {
        let text = "a\"\\\n\r\t\u{1}\u{7f}ä\u{2028}😀</script>";
        let value = Json::Object(vec![
            ("none", Json::Null),
            ("flag", true.into()),
            ("whole", u64::MAX.into()),
            ("number", (-0.25).into()),
            ("infinite", f64::INFINITY.into()),
            ("text", text.into()),
            ("list", [Some(1u64), None].into_iter().collect()),
            ("empty", Json::Object(Vec::new())),
        ]);
        let read: serde_json::Value = serde_json::from_str(&value.to_string()).expect("it is JSON");
        assert_eq!(
            read,
            serde_json::json!({
                "none": null, "flag": true, "whole": u64::MAX, "number": -0.25, "infinite": null,
                "text": text, "list": [1, null], "empty": {},
            })
        );
    }
}
