//! Which share of lookups found something, during the last minute.

use parking_lot::Mutex;

/// Samples that are kept. The cron takes one a second.
const SAMPLES: usize = 60;

/// Hits and misses.
type Counts = (u64, u64);

/// The rate, from a ring of what was counted between two samples.
#[derive(Debug)]
pub struct HitRate(Mutex<Ring>);

#[derive(Debug)]
struct Ring {
    /// What was counted in all at the last sample.
    total: Counts,
    cells: [Counts; SAMPLES],
    next: usize,
}

impl Ring {
    const EMPTY: Self = Self { total: (0, 0), cells: [(0, 0); SAMPLES], next: 0 };
}

impl Default for HitRate {
    fn default() -> Self {
        Self(Mutex::new(Ring::EMPTY))
    }
}

impl HitRate {
    /// Takes a sample: hits and misses counted so far. Totals below those of the last sample were
    /// set to zero meanwhile.
    pub fn sample(&self, total: Counts) {
        let mut ring = self.0.lock();
        let since = |(hits, misses)| Some((total.0.checked_sub(hits)?, total.1.checked_sub(misses)?));
        let next = ring.next;
        ring.cells[next] = since(ring.total).unwrap_or(total);
        ring.next = (next + 1) % SAMPLES;
        ring.total = total;
    }

    /// The share of hits in percent; 0 without lookups.
    pub fn percent(&self) -> f64 {
        let ring = self.0.lock();
        let (hits, misses) =
            ring.cells.iter().fold((0, 0), |(hits, misses), cell| (hits + cell.0, misses + cell.1));
        if hits == 0 { 0.0 } else { hits as f64 * 100.0 / (hits + misses) as f64 }
    }

    /// The share of hits in percent, if there were lookups.
    pub fn percent_of_any(&self) -> Option<f64> {
        let had_any = self.0.lock().cells.iter().any(|(hits, misses)| hits + misses > 0);
        had_any.then(|| self.percent())
    }

    /// Forgets all samples: the counters were set to zero.
    pub fn reset(&self) {
        *self.0.lock() = Ring::EMPTY;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_minute() {
        let rate = HitRate::default();
        assert_eq!((rate.percent(), rate.percent_of_any()), (0.0, None));
        rate.sample((30, 10));
        assert_eq!((rate.percent(), rate.percent_of_any()), (75.0, Some(75.0)));
        (1..SAMPLES as u64).for_each(|second| rate.sample((30, 10 + second)));
        assert_eq!(rate.percent(), 30.0 * 100.0 / (30.0 + 10.0 + 59.0));
        rate.sample((31, 69));
        assert_eq!(rate.percent(), 100.0 / 60.0);
        rate.reset();
        rate.sample((1, 1));
        rate.sample((0, 3));
        assert_eq!(rate.percent(), 20.0);
    }
}
