//! `MEMORY DOCTOR`: what is amiss with the memory, in words.

use super::{SUBCOMMAND, client_bytes, report};
use crate::commands::memory_uses::ratio;
use crate::commands::{Run, Server, Spec};
use crate::memory::{self, Allocator};

pub(super) const SPEC: Spec = Spec {
    name: "memory|doctor",
    summary: "Outputs a memory problems report.",
    tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
    run: Run::Read(|_, cx| Ok(report(Signs::of(cx.server).diagnosis()))),
    ..SUBCOMMAND
};

/// With fewer bytes in use, ratios say nothing.
const MIN_USED_BYTES: u64 = 5 << 20;

/// A peak so many times the present use is worth a word.
const MAX_PEAK_RATIO: f64 = 1.5;

/// Memory beyond what is used, by this ratio and by so many bytes.
const MAX_WASTE_RATIO: f64 = 1.1;
const MAX_WASTE_BYTES: u64 = 10 << 20;

/// Bytes in the buffers of a client, on average.
const MAX_CLIENT_BYTES: u64 = 200 * 1024;

/// What the diagnosis rests on.
struct Signs {
    used: u64,
    peak: u64,
    allocator: Allocator,
    clients: u64,
    client_bytes: u64,
}

const TOO_SMALL: &str = "Hi Sam, this instance is empty or is using very little memory, my issues detector can't be used in \
                         these conditions. Please, leave for your mission on Earth and fill it with some data. The new Sam \
                         and I will be back to our programming as soon as I finished rebooting.\n";
const HEALTHY: &str = "Hi Sam, I can't find any memory issue in your instance. I can only account for what occurs on this base.\n";

impl Signs {
    fn of(server: &Server) -> Self {
        Self {
            used: memory::used_bytes(),
            peak: memory::peak_bytes(),
            allocator: memory::allocator(),
            clients: server.clients.len() as u64,
            client_bytes: client_bytes(server),
        }
    }

    fn diagnosis(&self) -> String {
        if self.used < MIN_USED_BYTES {
            return TOO_SMALL.to_owned();
        }
        let issues = self.issues();
        if issues.is_empty() {
            return HEALTHY.to_owned();
        }
        let items: String = issues.iter().map(|issue| format!(" * {issue}\n\n")).collect();
        format!("Sam, I detected a few issues in this instance memory implants:\n\n{items}")
    }

    fn issues(&self) -> Vec<String> {
        let Allocator { allocated, active, resident, .. } = self.allocator;
        let issues = [
            self.past_peak(),
            wasted("High allocator fragmentation", active, allocated, "pages that are in use in part only"),
            wasted(
                "High allocator RSS overhead",
                resident,
                active,
                "pages kept for later; MEMORY PURGE returns them",
            ),
            self.big_buffers(),
        ];
        issues.into_iter().flatten().collect()
    }

    fn past_peak(&self) -> Option<String> {
        let times = ratio(self.peak, self.used);
        (times > MAX_PEAK_RATIO).then(|| {
            format!(
                "Peak memory: the server has used {times:.1} times the memory that it uses now ({} and {} bytes). Memory \
                 freed since then may still be counted as resident.",
                self.peak, self.used
            )
        })
    }

    fn big_buffers(&self) -> Option<String> {
        let each = self.client_bytes.checked_div(self.clients).unwrap_or(0);
        (each > MAX_CLIENT_BYTES).then(|| {
            format!(
                "Big client buffers: {each} bytes for each of {} clients. Some send long requests, or do not read their \
                 replies: see 'omem' and 'qbuf' in CLIENT LIST.",
                self.clients
            )
        })
    }
}

fn wasted(what: &str, taken: u64, needed: u64, why: &str) -> Option<String> {
    let waste = taken.saturating_sub(needed);
    let times = ratio(taken, needed);
    (times > MAX_WASTE_RATIO && waste > MAX_WASTE_BYTES)
        .then(|| format!("{what}: {times:.2} times what is needed, {waste} bytes in {why}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;

    fn healthy() -> Signs {
        let allocator = Allocator { allocated: 100 * MB, active: 101 * MB, resident: 102 * MB, muzzy: 0 };
        Signs { used: 100 * MB, peak: 110 * MB, allocator, clients: 2, client_bytes: 1000 }
    }

    #[test]
    fn each_issue_is_found_alone() {
        let allocator = |active, resident| Allocator { allocated: 100 * MB, active, resident, muzzy: 0 };
        let cases = [
            (Signs { used: MB, ..healthy() }, TOO_SMALL),
            (healthy(), HEALTHY),
            (Signs { peak: 151 * MB, ..healthy() }, "Peak memory: the server has used 1.5 times"),
            (
                Signs { allocator: allocator(120 * MB, 121 * MB), ..healthy() },
                "High allocator fragmentation: 1.20",
            ),
            (
                Signs { allocator: allocator(100 * MB, 120 * MB), ..healthy() },
                "High allocator RSS overhead: 1.20",
            ),
            (Signs { client_bytes: MB, ..healthy() }, "Big client buffers: 524288 bytes"),
        ];
        for (signs, words) in cases {
            let text = signs.diagnosis();
            assert!(text.contains(words), "{text}");
            assert!(signs.issues().len() <= 1, "{text}");
        }
    }
}
