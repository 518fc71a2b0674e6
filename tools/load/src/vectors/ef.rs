//! Which EF is the smallest that reaches a recall?

use std::collections::HashMap;

use crate::Failure;

/// The smallest and the largest EF tried.
const EF_RANGE: (usize, usize) = (10, 2000);
/// Each EF tried is so many times the one before it.
const STEP: f64 = 1.12;
/// How many steps of the grid are leapt over while looking for one that reaches.
const LEAP: usize = 5;

/// An EF and the recall it gave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) ef: usize,
    pub(super) recall: f64,
}

/// Looks for EFs, and remembers every recall it has measured.
pub(super) struct Finder {
    grid: Vec<usize>,
    known: HashMap<usize, f64>,
}

impl Finder {
    /// A finder that knows nothing yet.
    pub(super) fn new() -> Self {
        let mut grid = vec![EF_RANGE.0];
        while let Some(&last) = grid.last()
            && last < EF_RANGE.1
        {
            grid.push(((last as f64 * STEP).ceil() as usize).min(EF_RANGE.1));
        }
        Self { grid, known: HashMap::new() }
    }

    /// The smallest EF of the grid that reaches `target`, or `Err` with the largest and its recall.
    /// Recall is taken to grow with EF: leaps up until it is reached, then halves the leap.
    pub(super) fn find(
        &mut self,
        target: f64,
        mut measure: impl FnMut(usize) -> Result<f64, Failure>,
    ) -> Result<Result<Point, Point>, Failure> {
        let last = self.grid.len() - 1;
        let (mut below, mut at) = (0, 0);
        while self.recall(at, &mut measure)? < target {
            if at == last {
                return Ok(Err(self.point(at)));
            }
            below = at + 1;
            at = (at + LEAP).min(last);
        }
        while below < at {
            let middle = below.midpoint(at);
            if self.recall(middle, &mut measure)? < target {
                below = middle + 1;
            } else {
                at = middle;
            }
        }
        Ok(Ok(self.point(at)))
    }

    fn recall(
        &mut self,
        at: usize,
        measure: &mut impl FnMut(usize) -> Result<f64, Failure>,
    ) -> Result<f64, Failure> {
        let ef = self.grid[at];
        if let Some(&recall) = self.known.get(&ef) {
            return Ok(recall);
        }
        let recall = measure(ef)?;
        self.known.insert(ef, recall);
        Ok(recall)
    }

    fn point(&self, at: usize) -> Point {
        let ef = self.grid[at];
        Point { ef, recall: self.known[&ef] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_smallest_that_reaches() {
        let curve = |ef: usize| Ok(1.0 - 2.0 / ef as f64);
        let mut finder = Finder::new();
        let grid = finder.grid.clone();
        for target in [0.5, 0.90, 0.95, 0.99, 0.5] {
            let expected = grid.iter().copied().find(|&ef| curve(ef).unwrap() >= target).unwrap();
            let found = finder.find(target, curve).unwrap().unwrap();
            assert_eq!(found, Point { ef: expected, recall: curve(expected).unwrap() });
        }
    }

    #[test]
    fn tells_what_was_not_reached() {
        let found = Finder::new().find(0.9, |ef| Ok(ef as f64 / 10_000.0)).unwrap();
        assert_eq!(found, Err(Point { ef: EF_RANGE.1, recall: 0.2 }));
    }

    #[test]
    fn measures_each_ef_once() {
        let mut finder = Finder::new();
        let mut measured = Vec::new();
        for target in [0.90, 0.95, 0.99] {
            let curve = |ef: usize| {
                measured.push(ef);
                Ok(1.0 - 2.0 / ef as f64)
            };
            finder.find(target, curve).unwrap().unwrap();
        }
        let count = measured.len();
        measured.sort_unstable();
        measured.dedup();
        assert_eq!(measured.len(), count);
    }
}
