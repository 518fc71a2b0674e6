//! One line: process, time, level, text; as text, or as JSON.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

use crate::json::Quoted;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const MS_PER_DAY: u64 = 86_400_000;
/// Escape sequences of terminals: yellow, red, and reset.
const YELLOW: &str = "\x1b[33m";
const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";

/// The form of our lines.
pub(super) struct Line {
    /// True if lines are JSON objects: `time` (RFC 3339, UTC), `level`, `pid`, `message`, and the
    /// values that belong to the message, each by its name.
    pub(super) is_json: Arc<AtomicBool>,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, cx: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let level = *event.metadata().level();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = Utc(now.as_millis() as u64);
        if self.is_json.load(Ordering::Relaxed) {
            return json(level, &now, event, &mut out);
        }
        write!(out, "{}:M {now} ", std::process::id())?;
        let colour = colour(level).filter(|_| out.has_ansi_escapes());
        write!(out, "{}{} ", colour.unwrap_or_default(), mark(level))?;
        cx.field_format().format_fields(out.by_ref(), event)?;
        writeln!(out, "{}", colour.map_or("", |_| PLAIN))
    }
}

fn json(level: Level, now: &Utc, event: &Event<'_>, out: &mut Writer<'_>) -> fmt::Result {
    let level = match level {
        Level::ERROR => "error",
        Level::WARN => "warning",
        Level::INFO => "notice",
        Level::DEBUG => "verbose",
        Level::TRACE => "debug",
    };
    let pid = std::process::id();
    write!(out, "{{\"time\":\"{}\",\"level\":\"{level}\",\"pid\":{pid}", Rfc3339(now))?;
    let mut fields = JsonFields { out, written: Ok(()) };
    event.record(&mut fields);
    fields.written?;
    writeln!(out, "}}")
}

/// Writes each value of an event as a field.
struct JsonFields<'a, 'w> {
    out: &'a mut Writer<'w>,
    written: fmt::Result,
}

impl JsonFields<'_, '_> {
    fn field(&mut self, name: &str, value: impl fmt::Display) {
        let write = |()| write!(self.out, ",{}:{value}", Quoted(name));
        self.written = self.written.and_then(write);
    }
}

impl Visit for JsonFields<'_, '_> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.field(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.field(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.field(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.field(field.name(), Quoted(value));
    }

    /// Also the message.
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.field(field.name(), Quoted(&format!("{value:?}")));
    }
}

/// The same time as `2026-11-22T16:40:00.123Z`.
struct Rfc3339<'a>(&'a Utc);

impl fmt::Display for Rfc3339<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date(self.0.0 / MS_PER_DAY);
        let (hour, minute, second, ms) = self.0.of_day();
        write!(out, "{year}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z", month + 1)
    }
}

/// Redis' marks. An error is a warning to Redis.
fn mark(level: Level) -> char {
    match level {
        Level::ERROR | Level::WARN => '#',
        Level::INFO => '*',
        Level::DEBUG => '-',
        Level::TRACE => '.',
    }
}

fn colour(level: Level) -> Option<&'static str> {
    match level {
        Level::ERROR => Some(RED),
        Level::WARN => Some(YELLOW),
        _ => None,
    }
}

/// A time in Unix milliseconds, shown as `22 Nov 2026 16:40:00.123`. In UTC, since the names of
/// time zones are a matter of files that only the C library reads, and not from several threads.
struct Utc(u64);

impl Utc {
    /// Hour, minute, second, millisecond.
    fn of_day(&self) -> (u64, u64, u64, u64) {
        let ms = self.0 % MS_PER_DAY;
        (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000)
    }
}

impl fmt::Display for Utc {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date(self.0 / MS_PER_DAY);
        let (hour, minute, second, ms) = self.of_day();
        let month = MONTHS[month as usize];
        write!(out, "{day:02} {month} {year} {hour:02}:{minute:02}:{second:02}.{ms:03}")
    }
}

/// Year, month (January is 0) and day of a number of days since 1970. Years are counted from March,
/// so that the leap day is their last one: then the months' lengths repeat, 153 days in five of
/// them, and 400 years have always 146,097 days.
fn date(days: u64) -> (u64, u64, u64) {
    const FROM_MARCH_OF_YEAR_0: u64 = 719_468;
    let days = days + FROM_MARCH_OF_YEAR_0;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12;
    (era * 400 + year_of_era + u64::from(month < 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_as_redis_does() {
        for (ms, text) in [
            (0, "01 Jan 1970 00:00:00.000"),
            (951_782_399_999, "28 Feb 2000 23:59:59.999"),
            (951_782_400_000, "29 Feb 2000 00:00:00.000"),
            (951_868_800_000, "01 Mar 2000 00:00:00.000"),
            (1_795_365_647_543, "22 Nov 2026 16:40:47.543"),
            (4_107_542_400_000, "01 Mar 2100 00:00:00.000"),
        ] {
            assert_eq!(Utc(ms).to_string(), text);
        }
    }

    /// What is written while `log` runs.
    fn written(is_json: bool, log: impl FnOnce()) -> String {
        use std::io;
        use std::sync::Mutex;

        #[derive(Clone, Default)]
        struct Buffer(Arc<Mutex<Vec<u8>>>);

        impl io::Write for Buffer {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().expect("no thread panics").extend(bytes);
                Ok(bytes.len())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        let buffer = Buffer::default();
        let target = buffer.clone();
        let line = Line { is_json: Arc::new(AtomicBool::new(is_json)) };
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .event_format(line)
            .with_writer(move || target.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, log);
        let bytes = buffer.0.lock().expect("no thread panics").clone();
        String::from_utf8(bytes).expect("it is text")
    }

    #[test]
    fn a_line_of_json_is_an_object_with_the_values() {
        let error = std::io::Error::other("no \"room\"\nleft");
        let text = written(true, || tracing::warn!(%error, clients = 3, full = true, "cannot {}", "go on"));
        let line: serde_json::Value = serde_json::from_str(text.trim_end()).expect("it is JSON");
        assert_eq!((&line["level"], &line["message"]), (&"warning".into(), &"cannot go on".into()));
        assert_eq!((&line["clients"], &line["full"]), (&3.into(), &true.into()));
        assert_eq!(line["error"], "no \"room\"\nleft");
        assert_eq!(line["pid"], std::process::id());
        assert!(line["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{text}");
        assert_eq!(text.matches('\n').count(), 1);
    }

    #[test]
    fn a_line_of_text_is_as_in_redis() {
        let text = written(false, || tracing::info!(clients = 3, "ready"));
        assert!(text.starts_with(&format!("{}:M ", std::process::id())), "{text}");
        assert!(text.ends_with(" * ready clients=3\n"), "{text}");
    }

    #[test]
    fn times_of_json_are_of_rfc_3339() {
        assert_eq!(Rfc3339(&Utc(1_795_365_647_543)).to_string(), "2026-11-22T16:40:47.543Z");
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut before = date(0);
        for days in 1..200_000 {
            let (year, month, day) = date(days);
            let is_next = (year, month, day) == (before.0, before.1, before.2 + 1);
            let begins_month = day == 1 && (year, month) == (before.0, before.1 + 1);
            let begins_year = (month, day) == (0, 1) && year == before.0 + 1 && before.1 == 11;
            assert!(is_next || begins_month || begins_year, "{before:?} then {:?}", (year, month, day));
            before = (year, month, day);
        }
    }
}
