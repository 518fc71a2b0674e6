//! `LATENCY DOCTOR`: a report on the samples, in words.

use std::time::{SystemTime, UNIX_EPOCH};

use super::SUBCOMMAND;
use crate::commands::observers::{Event, Series};
use crate::commands::{Context, Run, Spec};
use crate::resp::Reply;

pub(super) const DOCTOR: Spec = Spec {
    name: "latency|doctor",
    summary: "Describe the slow events, each with a remedy",
    tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
    run: Run::Read(|_, cx| Ok(Reply::Verbatim { format: *b"txt", text: report(cx).into() })),
    ..SUBCOMMAND
};

const DISABLED: &str = "Nothing is recorded, as latency-monitor-threshold is 0. To record events, set it to the longest time in \
     milliseconds that is fine for your application: CONFIG SET latency-monitor-threshold 100\n";
const HEALTHY: &str = "No event has taken as long as latency-monitor-threshold allows.\n";

fn report(cx: &Context) -> String {
    if cx.server.config.settings().latency_threshold().is_none() {
        return DISABLED.to_owned();
    }
    let events = cx.server.observers.latency.all();
    if events.is_empty() {
        return HEALTHY.to_owned();
    }
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let findings: Vec<String> = events.iter().map(|(event, series)| finding(*event, series, now_s)).collect();
    findings.join("\n")
}

/// A sentence on what was slow, and advice on the next line.
fn finding(event: Event, series: &Series, now_s: u64) -> String {
    let millis: Vec<u64> = series.samples.iter().map(|sample| sample.millis).collect();
    let count = millis.len().max(1);
    let average = millis.iter().sum::<u64>() / count as u64;
    let since = series.samples.front().map_or(0, |first| now_s.saturating_sub(first.unix_s)).max(1);
    let times = if count == 1 { "once".to_owned() } else { format!("{count} times") };
    format!(
        "{}: slow {times} in the last {since} s, {average} ms on average, {} ms at most.\n  {}\n",
        event.name(),
        series.max_millis,
        advice(event)
    )
}

fn advice(event: Event) -> &'static str {
    match event {
        Event::Command => {
            "Find the slow commands and their arguments with SLOWLOG GET, and ask for less at a time: SCAN for KEYS, \
             a smaller COUNT or EF for VSIM."
        }
        Event::FastCommand => {
            "Commands that take microseconds had to wait for a core or for memory: look whether the machine swaps, \
             and whether it has as many free cores as io-threads and compute-threads say."
        }
        Event::ExpireCycle => {
            "Many keys expire at one moment, or their removal waits for cores and locks that other commands use: add \
             some random seconds to times to live, and look at the other events first."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::observers::Sample;

    #[test]
    fn a_finding_sums_up_the_samples() {
        let samples = [Sample { unix_s: 90, millis: 10 }, Sample { unix_s: 95, millis: 20 }].into();
        let series = Series { samples, max_millis: 20 };
        let text = finding(Event::Command, &series, 100);
        let (what, advice) = text.split_once("\n  ").expect("two lines");
        assert_eq!(what, "command: slow 2 times in the last 10 s, 15 ms on average, 20 ms at most.");
        assert!(advice.starts_with("Find the slow commands"), "{advice}");
    }
}
