//! What the steps of a search cost in one index, measured there: the constants by which a filtered
//! search chooses its plan.
//!
//! How long a distance takes depends on the kind of codes, the dimension, the machine, and on
//! whether the codes are in its caches. So nothing is assumed: the first filtered search of an
//! index measures with its own query, and each later search corrects what it has used. A thread
//! that had to wait for a processor has seen too long a time, and never too short a one: so a
//! shorter time is believed by half, a longer one by a thirty-second. Threads may lose each other's
//! corrections.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::plan::Plan;
use crate::index::Effort;

/// Measured costs; 0 for what was not measured yet.
#[derive(Default)]
pub(super) struct Costs {
    /// Nanoseconds for a distance in a scan.
    scan_ns: Number,
    /// The same in a walk, with all that belongs to the walk.
    walk_ns: Number,
    /// Nanoseconds for a node of a walk over bridges: about as many are followed as results are
    /// kept.
    bridge_node_ns: Number,
    /// Distances that a walk computes for each result that it keeps, if every slot may be one.
    scored_per_result: Number,
    /// Nanoseconds to read an attribute and to apply a filter to it.
    test_ns: Number,
}

/// A step with fewer distances, or nodes, says little.
const LEAST_DISTANCES: usize = 256;
const LEAST_NODES: usize = 32;
/// A node of a walk over bridges costs so many times one of a walk, until it was measured.
const BRIDGES_PER_WALK: f32 = 2.5;
/// Assumed until a filter was timed.
const TEST_NS: f32 = 300.0;

impl Costs {
    /// True if nothing was measured yet.
    pub(super) fn are_unknown(&self) -> bool {
        self.walk_ns.get() == 0.0
    }

    /// The first measurements: of a walk that kept so many results, and of a scan.
    pub(super) fn begin(&self, kept: usize, walk: (usize, Duration), scan: (usize, Duration)) {
        let (scored, walked) = walk;
        self.scored_per_result.set(scored.max(1) as f32 / kept.max(1) as f32);
        self.scan_ns.set(each(scan.0, scan.1).max(0.5));
        self.bridge_node_ns.set(BRIDGES_PER_WALK * each(kept, walked));
        self.walk_ns.set(each(scored, walked).max(0.5));
    }

    /// Learns what a step cost.
    pub(super) fn learn(&self, plan: Plan, effort: Effort, time: Duration) {
        let Effort { expanded, scored } = effort;
        match plan {
            Plan::Scan if scored >= LEAST_DISTANCES => self.scan_ns.correct(each(scored, time)),
            Plan::Walk if scored >= LEAST_DISTANCES => self.walk_ns.correct(each(scored, time)),
            Plan::Bridges if expanded >= LEAST_NODES => self.bridge_node_ns.correct(each(expanded, time)),
            _ => {}
        }
    }

    /// Learns what it took to test so many slots.
    pub(super) fn learn_test(&self, tested: usize, time: Duration) {
        if tested > 0 {
            self.test_ns.correct(each(tested, time));
        }
    }

    /// Nanoseconds for a distance of a scan.
    pub(super) fn scan_ns(&self) -> f32 {
        self.scan_ns.get()
    }

    /// Nanoseconds for a distance of a walk.
    pub(super) fn walk_ns(&self) -> f32 {
        self.walk_ns.get()
    }

    /// Nanoseconds for a node of a walk over bridges.
    pub(super) fn bridge_node_ns(&self) -> f32 {
        self.bridge_node_ns.get()
    }

    /// Nanoseconds for the test of a filter.
    pub(super) fn test_ns(&self) -> f32 {
        let measured = self.test_ns.get();
        if measured == 0.0 { TEST_NS } else { measured }
    }

    /// Distances that a walk computes for each result that it keeps.
    pub(super) fn scored_per_result(&self) -> f32 {
        self.scored_per_result.get()
    }
}

pub(super) fn each(count: usize, time: Duration) -> f32 {
    time.as_nanos() as f32 / count.max(1) as f32
}

/// A number that many threads read and correct.
#[derive(Default)]
pub(super) struct Number(AtomicU32);

impl Number {
    pub(super) fn get(&self) -> f32 {
        f32::from_bits(self.0.load(Ordering::Relaxed))
    }

    pub(super) fn set(&self, number: f32) {
        self.0.store(number.to_bits(), Ordering::Relaxed);
    }

    /// Moves it towards what was seen.
    pub(super) fn correct(&self, seen: f32) {
        let known = self.get();
        let part = if seen < known { 0.5 } else { 1.0 / 32.0 };
        let usual = seen.min(MOST_LONGER * known);
        self.set(if known > 0.0 { known + (usual - known) * part } else { seen });
    }
}

/// What took more times as long as it usually does had to wait.
const MOST_LONGER: f32 = 4.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_follow_what_is_seen() {
        let costs = Costs::default();
        let scan = |scored, ns| {
            costs.learn(Plan::Scan, Effort { expanded: 0, scored }, Duration::from_nanos(ns));
        };
        assert!(costs.are_unknown());
        costs.begin(10, (100, Duration::from_nanos(5000)), (100, Duration::from_nanos(1000)));
        assert!(!costs.are_unknown());
        assert_eq!((costs.scan_ns(), costs.walk_ns()), (10.0, 50.0));
        assert_eq!((costs.scored_per_result(), costs.bridge_node_ns()), (10.0, 1250.0));
        (0..500).for_each(|_| scan(1000, 20_000));
        assert!((costs.scan_ns() - 20.0).abs() < 0.1);
        scan(10, 1_000_000_000);
        assert!((costs.scan_ns() - 20.0).abs() < 0.1, "too few to count");
        scan(1000, 1_000_000_000);
        assert!(costs.scan_ns() < 22.0, "the thread had to wait");
        (0..5).for_each(|_| scan(1000, 5000));
        assert!(costs.scan_ns() < 6.0);
    }
}
