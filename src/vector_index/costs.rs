//! What the steps of a search cost in one index, measured there: the constants by which a filtered
//! search chooses its plan.
//!
//! How long a distance takes depends on the kind of codes, the dimension, the machine, and on
//! whether the codes are in its caches. So nothing is assumed: the first filtered search of an
//! index measures with its own query, and each step of a later one corrects what it has used, by an
//! eighth of what it saw. Threads may lose each other's corrections.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::plan::Plan;

/// Measured costs; 0 for what was not measured yet.
#[derive(Default)]
pub(super) struct Costs {
    /// Nanoseconds for a distance in a scan.
    scan_ns: Number,
    /// The same in a walk, with all that belongs to the walk.
    walk_ns: Number,
    /// The same in a walk over bridges.
    bridges_ns: Number,
    /// Distances that a walk computes for each result that it keeps, if every slot may be one.
    scored_per_result: Number,
    /// Nanoseconds to read an attribute and to apply a filter to it.
    test_ns: Number,
}

/// A step that computes fewer distances says little.
const LEAST_SCORED: usize = 256;
/// A walk over bridges costs so many times a walk for each distance, until it was measured.
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
        self.bridges_ns.set(BRIDGES_PER_WALK * each(scored, walked));
        self.walk_ns.set(each(scored, walked).max(0.5));
    }

    /// Learns what a step cost.
    pub(super) fn learn(&self, plan: Plan, scored: usize, time: Duration) {
        if scored >= LEAST_SCORED {
            self.of(plan).correct(each(scored, time));
        }
    }

    /// Learns what it took to test so many slots.
    pub(super) fn learn_test(&self, tested: usize, time: Duration) {
        if tested > 0 {
            self.test_ns.correct(each(tested, time));
        }
    }

    /// Nanoseconds for a distance.
    pub(super) fn distance_ns(&self, plan: Plan) -> f32 {
        self.of(plan).get()
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

    fn of(&self, plan: Plan) -> &Number {
        match plan {
            Plan::Scan => &self.scan_ns,
            Plan::Walk => &self.walk_ns,
            Plan::Bridges => &self.bridges_ns,
        }
    }
}

fn each(count: usize, time: Duration) -> f32 {
    time.as_nanos() as f32 / count.max(1) as f32
}

/// A number that many threads read and correct.
#[derive(Default)]
struct Number(AtomicU32);

impl Number {
    fn get(&self) -> f32 {
        f32::from_bits(self.0.load(Ordering::Relaxed))
    }

    fn set(&self, number: f32) {
        self.0.store(number.to_bits(), Ordering::Relaxed);
    }

    /// Moves it by an eighth of the difference. A step during which the thread had to wait says
    /// nothing, so that more than four times what is known counts as four times.
    fn correct(&self, seen: f32) {
        let known = self.get();
        let seen = if known > 0.0 { seen.min(4.0 * known) } else { seen };
        self.set(if known > 0.0 { known + (seen - known) / 8.0 } else { seen });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_follow_what_is_seen() {
        let costs = Costs::default();
        assert!(costs.are_unknown());
        costs.begin(10, (100, Duration::from_nanos(5000)), (100, Duration::from_nanos(1000)));
        assert!(!costs.are_unknown());
        assert_eq!((costs.distance_ns(Plan::Scan), costs.distance_ns(Plan::Walk)), (10.0, 50.0));
        assert_eq!((costs.scored_per_result(), costs.distance_ns(Plan::Bridges)), (10.0, 125.0));
        (0..100).for_each(|_| costs.learn(Plan::Scan, 1000, Duration::from_nanos(20_000)));
        assert!((costs.distance_ns(Plan::Scan) - 20.0).abs() < 0.1);
        costs.learn(Plan::Scan, 10, Duration::from_secs(1));
        assert!((costs.distance_ns(Plan::Scan) - 20.0).abs() < 0.1, "too few to count");
        costs.learn(Plan::Scan, 1000, Duration::from_secs(1));
        assert!(costs.distance_ns(Plan::Scan) < 30.0, "the thread had to wait");
    }
}
