//! `LATENCY GRAPH event`: the samples of an event as a diagram for terminals.

use std::collections::VecDeque;
use std::time::{SystemTime, UNIX_EPOCH};

use super::SUBCOMMAND;
use crate::commands::observers::{Sample, Series};
use crate::commands::{Arity, Context, Run, Spec};
use crate::resp::{Args, Error, Reply};

pub(super) const GRAPH: Spec = Spec {
    name: "latency|graph",
    arity: Arity::Exactly(3),
    summary: "Draw the recorded times of one event",
    syntax: "event",
    tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
    run: Run::Read(graph),
    ..SUBCOMMAND
};

/// Columns of the diagram; further samples are drawn below.
const WIDTH: usize = 80;
/// Lines of the diagram.
const HEIGHT: u64 = 4;
/// The character at the top of a column, from low to high within a line.
const TOPS: [char; 3] = ['_', 'o', '#'];
const FILL: char = '|';

fn graph(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let name = args.bytes()?;
    let Some(series) = super::series(name, cx) else {
        let name = String::from_utf8_lossy(name);
        return Err(Error::from(format!("ERR No samples available for event '{name}'")));
    };
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let text = drawn(&String::from_utf8_lossy(name), &series, now_s);
    Ok(Reply::Verbatim { format: *b"txt", text: text.into() })
}

fn drawn(name: &str, series: &Series, now_s: u64) -> String {
    let samples = || series.samples.iter().map(|sample| sample.millis);
    let low = samples().min().unwrap_or(0);
    let high = samples().max().unwrap_or(0);
    let worst = series.max_millis;
    let header = format!("{name} - high {high} ms, low {low} ms (all time high {worst} ms)\n");
    let mut text = header + &"-".repeat(WIDTH) + "\n";
    let mut samples: VecDeque<Sample> = series.samples.clone();
    for part in samples.make_contiguous().chunks(WIDTH) {
        draw_part(part, low, high, now_s, &mut text);
    }
    text
}

fn draw_part(samples: &[Sample], low: u64, high: u64, now_s: u64, text: &mut String) {
    for line in (0..HEIGHT).rev() {
        text.extend(samples.iter().map(|sample| cell(sample.millis - low, high - low, line)));
        text.push('\n');
    }
    let ages: Vec<String> = samples.iter().map(|sample| age(now_s.saturating_sub(sample.unix_s))).collect();
    let longest = ages.iter().map(String::len).max().unwrap_or(0);
    text.push_str(&" ".repeat(samples.len()));
    text.push('\n');
    for letter in 0..longest {
        text.extend(ages.iter().map(|age| age.chars().nth(letter).unwrap_or(' ')));
        text.push('\n');
    }
}

/// The character of a column of this height in a line, counted from below.
fn cell(height: u64, highest: u64, line: u64) -> char {
    let steps = HEIGHT * TOPS.len() as u64;
    let step = (u128::from(height) * u128::from(steps) / u128::from(highest.max(1))) as u64;
    let step = step.min(steps - 1);
    let top = step / TOPS.len() as u64;
    match line.cmp(&top) {
        std::cmp::Ordering::Less => FILL,
        std::cmp::Ordering::Equal => TOPS[step as usize % TOPS.len()],
        std::cmp::Ordering::Greater => ' ',
    }
}

/// `5s`, `2m`, `3h`, `1d`: written downwards below its column.
fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_grow_with_the_samples() {
        let sample = |unix_s, millis| Sample { unix_s, millis };
        let samples = [sample(1, 10), sample(100, 21), sample(190, 14)].into();
        let text = drawn("command", &Series { samples, max_millis: 99 }, 200);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "command - high 21 ms, low 10 ms (all time high 99 ms)");
        assert_eq!(lines[1], "-".repeat(80));
        assert_eq!(lines[2..], [" # ", " | ", " |o", "_||", "   ", "311", "mm0", "  s"]);
    }

    #[test]
    fn ages_are_short() {
        assert_eq!([59, 60, 7_200, 200_000].map(age), ["59s", "1m", "2h", "2d"]);
    }
}
