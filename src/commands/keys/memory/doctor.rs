//! `MEMORY DOCTOR`: problems with the memory, in words.

use super::{SUBCOMMAND, client_bytes, report};
use crate::commands::memory_uses::ratio;
use crate::commands::{Run, Server, Spec};
use crate::memory::{self, Allocator, Level};
use crate::system;

pub(super) const SPEC: Spec = Spec {
    name: "memory|doctor",
    summary: "Name the problems with memory, each with a remedy",
    tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
    run: Run::Read(|_, cx| Ok(report(Signs::of(cx.server).diagnosis()))),
    ..SUBCOMMAND
};

/// With fewer bytes in use, ratios are not meaningful.
const MIN_USED_BYTES: u64 = 5 << 20;

/// A peak above so many times the present use is reported.
const MAX_PEAK_RATIO: f64 = 1.5;

/// Memory beyond the bytes in use is reported if it exceeds this ratio and so many bytes.
const MAX_WASTE_RATIO: f64 = 1.1;
const MAX_WASTE_BYTES: u64 = 10 << 20;

/// Bytes of the process that may be swapped out without a report.
const MAX_SWAPPED_BYTES: u64 = 1 << 20;

/// Bytes in the buffers of a client, on average.
const MAX_CLIENT_BYTES: u64 = 200 * 1024;

/// The figures that the diagnosis uses.
struct Signs {
    used: u64,
    peak: u64,
    allocator: Allocator,
    clients: u64,
    client_bytes: u64,
    limit: u64,
    level: Level,
    evicts: bool,
    in_group: bool,
    /// Bytes of the process that are swapped out.
    swapped: u64,
    is_under_pressure: bool,
}

const TOO_SMALL: &str =
    "Less than 5 MB are in use: too few for a diagnosis. Ask again when the server holds its usual data.\n";
const HEALTHY: &str = "No problem found: the limit, fragmentation, memory kept by the allocator, the peak and buffers of clients are \
     all within their bounds.\n";

impl Signs {
    fn of(server: &Server) -> Self {
        Self {
            used: memory::used_bytes(),
            peak: memory::peak_bytes(),
            allocator: memory::allocator(),
            clients: server.clients.len() as u64,
            client_bytes: client_bytes(server),
            limit: server.memory.bytes(),
            level: server.memory.level(),
            evicts: server.evicts(),
            in_group: system::memory_limit().is_some(),
            swapped: system::process_swap_bytes().unwrap_or(0),
            is_under_pressure: server.memory.pressure().is_sustained(),
        }
    }

    fn diagnosis(&self) -> String {
        let issues = self.issues();
        if self.used < MIN_USED_BYTES && issues.is_empty() {
            return TOO_SMALL.to_owned();
        }
        if issues.is_empty() {
            return HEALTHY.to_owned();
        }
        let items: String = issues.iter().map(|issue| format!(" * {issue}\n\n")).collect();
        let count =
            if issues.len() == 1 { "One problem".to_owned() } else { format!("{} problems", issues.len()) };
        format!("{count} found:\n\n{items}")
    }

    fn issues(&self) -> Vec<String> {
        let outside = [self.near_limit(), self.no_limit(), self.swap(), self.pressure()];
        let inside = [self.fragmentation(), self.kept_pages(), self.past_peak(), self.big_buffers()];
        let inside = inside.into_iter().filter(|_| self.used >= MIN_USED_BYTES);
        outside.into_iter().chain(inside).flatten().collect()
    }

    /// Not for a cache that evicts: it is meant to be full.
    fn near_limit(&self) -> Option<String> {
        (!self.evicts && self.level >= Level::High).then(|| {
            format!(
                "Limit: memory is {} for the limit of {} bytes, and 'maxmemory-policy noeviction' frees nothing. \
                 Writes are refused at the limit: raise maxmemory, remove data, or choose a policy that evicts.",
                self.level.name(),
                self.limit
            )
        })
    }

    fn no_limit(&self) -> Option<String> {
        (self.limit == 0 && self.in_group).then(|| {
            "No limit: a control group (a container or pod) bounds the memory of this process, and kills it beyond \
             that, but maxmemory is 0. Set 'maxmemory auto', and a policy that evicts if this is a cache."
                .to_owned()
        })
    }

    fn swap(&self) -> Option<String> {
        (self.swapped > MAX_SWAPPED_BYTES).then(|| {
            format!(
                "Swap: {} bytes of this process are swapped out, and each access to them waits for a disk. Lower \
                 maxmemory, or let fewer processes share the machine.",
                self.swapped
            )
        })
    }

    fn pressure(&self) -> Option<String> {
        self.is_under_pressure.then(|| {
            "Pressure: tasks have to wait for memory, whatever this server's limit is. Lower maxmemory, give the \
             machine or the control group more, or move other processes."
                .to_owned()
        })
    }

    fn fragmentation(&self) -> Option<String> {
        let Allocator { allocated, active, .. } = self.allocator;
        wasted(active, allocated).map(|(times, waste)| {
            format!(
                "Fragmentation: pages take {times:.2} times what is allocated in them; {waste} bytes lie between \
                 allocations and fill up when data of like sizes come. If they do not, restart the server from a \
                 snapshot."
            )
        })
    }

    fn kept_pages(&self) -> Option<String> {
        let Allocator { active, resident, .. } = self.allocator;
        wasted(resident, active).map(|(times, waste)| {
            format!(
                "Kept pages: resident memory is {times:.2} times what is in use; the allocator keeps {waste} bytes for \
                 later. MEMORY PURGE returns them to the system."
            )
        })
    }

    fn past_peak(&self) -> Option<String> {
        let times = ratio(self.peak, self.used);
        (times > MAX_PEAK_RATIO).then(|| {
            format!(
                "Past peak: {} bytes were in use once, {times:.1} times the {} of now. If that was an exception, MEMORY \
                 PURGE lowers the resident memory; if it comes again, leave room for it.",
                self.peak, self.used
            )
        })
    }

    fn big_buffers(&self) -> Option<String> {
        let each = self.client_bytes.checked_div(self.clients).unwrap_or(0);
        (each > MAX_CLIENT_BYTES).then(|| {
            format!(
                "Client buffers: {each} bytes for each of {} clients on average. Find those with a large 'omem' or \
                 'qbuf' in CLIENT LIST: they do not read their replies, or send very long requests. \
                 client-output-buffer-limit disconnects the former.",
                self.clients
            )
        })
    }
}

/// The ratio of `taken` to `needed`, and the difference in bytes, if they are large enough to be
/// reported.
fn wasted(taken: u64, needed: u64) -> Option<(f64, u64)> {
    let times = ratio(taken, needed);
    let waste = taken.saturating_sub(needed);
    (times > MAX_WASTE_RATIO && waste > MAX_WASTE_BYTES).then_some((times, waste))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;

    fn healthy() -> Signs {
        let allocator = Allocator { allocated: 100 * MB, active: 101 * MB, resident: 102 * MB, muzzy: 0 };
        Signs {
            used: 100 * MB,
            peak: 110 * MB,
            allocator,
            clients: 2,
            client_bytes: 1000,
            limit: 1000 * MB,
            level: Level::Normal,
            evicts: false,
            in_group: true,
            swapped: 0,
            is_under_pressure: false,
        }
    }

    #[test]
    fn each_issue_is_found_alone() {
        let allocator = |active, resident| Allocator { allocated: 100 * MB, active, resident, muzzy: 0 };
        let cases = [
            (Signs { used: MB, ..healthy() }, TOO_SMALL),
            (healthy(), HEALTHY),
            (Signs { peak: 151 * MB, ..healthy() }, "158334976 bytes were in use once, 1.5 times"),
            (
                Signs { allocator: allocator(120 * MB, 121 * MB), ..healthy() },
                "Fragmentation: pages take 1.20 times",
            ),
            (
                Signs { allocator: allocator(100 * MB, 120 * MB), ..healthy() },
                "Kept pages: resident memory is 1.20 times",
            ),
            (
                Signs { level: Level::Critical, ..healthy() },
                "memory is critical for the limit of 1048576000 bytes",
            ),
            (Signs { level: Level::Critical, evicts: true, ..healthy() }, HEALTHY),
            (Signs { used: MB, level: Level::High, ..healthy() }, "Limit: memory is high"),
            (Signs { limit: 0, ..healthy() }, "No limit: a control group"),
            (Signs { limit: 0, in_group: false, ..healthy() }, HEALTHY),
            (Signs { swapped: 2 * MB, ..healthy() }, "Swap: 2097152 bytes"),
            (Signs { is_under_pressure: true, ..healthy() }, "Pressure: tasks"),
            (Signs { client_bytes: MB, ..healthy() }, "Client buffers: 524288 bytes"),
        ];
        for (signs, words) in cases {
            let text = signs.diagnosis();
            assert!(text.contains(words), "{text}");
            assert!(signs.issues().len() <= 1, "{text}");
        }
    }
}
