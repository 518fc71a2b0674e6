//! Pressure stall information that stays high: the machine, or the control group, is short of
//! memory, whatever the limit says.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The pressure is sustained when it was above the mark so many times in a row, once a second.
const SUSTAINED_LOOKS: u32 = 3;

/// The last figure, for `INFO`.
#[derive(Debug, Default)]
pub(in crate::commands) struct PressureFigures {
    /// The bits of a floating point number.
    some_avg10: AtomicU64,
    is_sustained: AtomicBool,
}

impl PressureFigures {
    /// Percent of the last ten seconds in which some task waited for memory.
    pub(in crate::commands) fn some_avg10(&self) -> f64 {
        f64::from_bits(self.some_avg10.load(Ordering::Relaxed))
    }

    /// True if it has been above the mark for some seconds.
    pub(in crate::commands) fn is_sustained(&self) -> bool {
        self.is_sustained.load(Ordering::Relaxed)
    }
}

/// Watches the figure.
#[derive(Debug, Default)]
pub(super) struct Watch {
    before: f64,
    looks: u32,
}

/// What a look at the pressure has shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// It has become sustained, or is no longer.
    pub(super) has_changed: bool,
    /// It is sustained, and not falling: the figure is a mean of ten seconds, so that it stays high
    /// for a while after enough was given back.
    pub(super) must_evict: bool,
}

impl Watch {
    /// Notes a figure, once a second. A mark of 0 is never reached.
    pub(super) fn look(&mut self, figures: &PressureFigures, some_avg10: f64, mark: f64) -> Seen {
        figures.some_avg10.store(some_avg10.to_bits(), Ordering::Relaxed);
        let is_above = mark > 0.0 && some_avg10 > mark;
        self.looks = if is_above { self.looks.saturating_add(1) } else { 0 };
        let is_sustained = self.looks >= SUSTAINED_LOOKS;
        let before = std::mem::replace(&mut self.before, some_avg10);
        Seen {
            has_changed: figures.is_sustained.swap(is_sustained, Ordering::Relaxed) != is_sustained,
            must_evict: is_sustained && some_avg10 >= before,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pressure_counts_when_it_stays_and_evicts_while_it_does_not_fall() {
        let figures = PressureFigures::default();
        let mut watch = Watch::default();
        let seen = |has_changed, must_evict| Seen { has_changed, must_evict };
        for (some_avg10, expected) in [
            (50.0, seen(false, false)),
            (19.0, seen(false, false)),
            (30.0, seen(false, false)),
            (40.0, seen(false, false)),
            (40.0, seen(true, true)),
            (45.0, seen(false, true)),
            (44.0, seen(false, false)),
            (20.0, seen(true, false)),
        ] {
            assert_eq!(watch.look(&figures, some_avg10, 20.0), expected, "{some_avg10}");
            assert_eq!(figures.some_avg10(), some_avg10);
        }
        assert!(!figures.is_sustained());
    }

    #[test]
    fn a_mark_of_zero_is_off() {
        let figures = PressureFigures::default();
        let mut watch = Watch::default();
        assert!((0..10).all(|_| watch.look(&figures, 100.0, 0.0) == Seen::default()));
    }
}
