//! Work of the background on the disk, within `tier-io-limit`.

use std::time::{Duration, Instant};

use super::TierDir;

/// Between two looks whether it is over.
const LONGEST_SLEEP: Duration = Duration::from_millis(100);

/// Whether files are written as fast as the disk takes them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Haste {
    /// A client waits.
    Now,
    /// Within `tier-io-limit`.
    Background,
}

/// What a piece of work has read and written since it began.
#[derive(Debug)]
pub struct Pace {
    haste: Haste,
    began: Instant,
    bytes: u64,
}

impl Pace {
    /// Nothing so far.
    pub fn new(haste: Haste) -> Self {
        Self { haste, began: Instant::now(), bytes: 0 }
    }

    /// Counts bytes, and waits until all together are no more than the limit allows by now, or
    /// until it is over.
    pub fn keep(&mut self, bytes: u64, dir: &TierDir, is_over: impl Fn() -> bool) {
        self.bytes += bytes;
        while self.haste == Haste::Background && !is_over() {
            // It may be changed meanwhile.
            let limit = dir.io_limit();
            if limit == 0 {
                break;
            }
            let due = Duration::from_secs_f64(self.bytes as f64 / limit as f64);
            let rest = due.saturating_sub(self.began.elapsed());
            if rest.is_zero() {
                break;
            }
            std::thread::sleep(rest.min(LONGEST_SLEEP));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::persistence::files::testing::Folder;

    #[test]
    fn the_background_waits_until_it_is_over_and_others_do_not() {
        let folder = Folder::new();
        let dir = TierDir::open(folder.path()).expect("it can be used");
        dir.set_io_limit(1);
        Pace::new(Haste::Now).keep(u64::MAX, &dir, || unreachable!("it does not wait"));
        let looks = Cell::new(0);
        let is_over = || looks.replace(looks.get() + 1) == 3;
        Pace::new(Haste::Background).keep(1 << 30, &dir, is_over);
        assert_eq!(looks.get(), 4);
        dir.set_io_limit(0);
        Pace::new(Haste::Background).keep(u64::MAX, &dir, || false);
    }
}
