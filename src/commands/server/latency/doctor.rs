//! `LATENCY DOCTOR`: what the samples say, in words.

use std::time::{SystemTime, UNIX_EPOCH};

use super::SUBCOMMAND;
use crate::commands::observers::{Event, Series};
use crate::commands::{Context, Run, Spec};
use crate::resp::Reply;

pub(super) const DOCTOR: Spec = Spec {
    name: "latency|doctor",
    summary: "Returns a human-readable latency analysis report.",
    tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
    run: Run::Read(|_, cx| Ok(Reply::Verbatim { format: *b"txt", text: report(cx).into() })),
    ..SUBCOMMAND
};

const DISABLED: &str = "Latency monitoring is off, so there is nothing to report. \
     CONFIG SET latency-monitor-threshold <milliseconds> turns it on.\n";
const HEALTHY: &str = "No latency spike was observed.\n";

fn report(cx: &Context) -> String {
    if cx.server.config.settings().latency_threshold().is_none() {
        return DISABLED.to_owned();
    }
    let events = cx.server.observers.latency.all();
    if events.is_empty() {
        return HEALTHY.to_owned();
    }
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let findings =
        events.iter().zip(1..).map(|((event, series), number)| finding(number, *event, series, now_s));
    let advice = events.iter().map(|(event, _)| format!("- {}\n", advice(*event)));
    let findings: String = findings.collect();
    format!("Latency spikes were observed.\n\n{findings}\nAdvice:\n\n{}", advice.collect::<String>())
}

/// In the words of Redis, which tools look for.
fn finding(number: usize, event: Event, series: &Series, now_s: u64) -> String {
    let millis: Vec<u64> = series.samples.iter().map(|sample| sample.millis).collect();
    let count = millis.len().max(1) as u64;
    let average = millis.iter().sum::<u64>() / count;
    let deviation = millis.iter().map(|millis| millis.abs_diff(average)).sum::<u64>() / count;
    let since = series.samples.front().map_or(0, |first| now_s.saturating_sub(first.unix_s)).max(1);
    let period = since as f64 / count as f64;
    format!(
        "{number}. {}: {} latency spikes (average {average}ms, mean deviation {deviation}ms, period {period:.2} sec). \
         Worst all time event {}ms.\n",
        event.name(),
        millis.len(),
        series.max_millis
    )
}

fn advice(event: Event) -> &'static str {
    match event {
        Event::Command => "Look at SLOWLOG GET: it has the commands that took long, with their arguments.",
        Event::FastCommand => {
            "Commands that should be fast were not: look whether the machine has fewer free cores than io-threads \
             and compute-threads, or swaps."
        }
        Event::ExpireCycle => "Many keys end at the same time: spread their times to live.",
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
        assert_eq!(
            finding(1, Event::Command, &series, 100),
            "1. command: 2 latency spikes (average 15ms, mean deviation 5ms, period 5.00 sec). \
             Worst all time event 20ms.\n"
        );
    }
}
