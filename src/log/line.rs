//! One line: process, time, level, text.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const MS_PER_DAY: u64 = 86_400_000;
/// Escape sequences of terminals: yellow, red, and reset.
const YELLOW: &str = "\x1b[33m";
const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";

/// The form of our lines.
pub(super) struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, cx: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let level = *event.metadata().level();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        write!(out, "{}:M {} ", std::process::id(), Utc(now.as_millis() as u64))?;
        let colour = colour(level).filter(|_| out.has_ansi_escapes());
        write!(out, "{}{} ", colour.unwrap_or_default(), mark(level))?;
        cx.field_format().format_fields(out.by_ref(), event)?;
        writeln!(out, "{}", colour.map_or("", |_| PLAIN))
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

impl fmt::Display for Utc {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.0 / MS_PER_DAY;
        let ms = self.0 % MS_PER_DAY;
        let (year, month, day) = date(days);
        let hour = ms / 3_600_000;
        let minute = ms / 60_000 % 60;
        let second = ms / 1000 % 60;
        write!(
            out,
            "{day:02} {} {year} {hour:02}:{minute:02}:{second:02}.{:03}",
            MONTHS[month as usize],
            ms % 1000
        )
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
