//! Writers pass a turnstile, change data and leave; a closer closes it, and looks at the data while
//! no writer is inside.

use loom::cell::UnsafeCell;

use crate::turnstile::Turnstile;

/// A turnstile, and a datum for each writer. Loom knows for each which accesses overlap.
pub struct Guarded {
    turnstile: Turnstile,
    data: Vec<UnsafeCell<u32>>,
}

// SAFETY: that accesses to the data do not overlap is what loom checks here.
unsafe impl Sync for Guarded {}
// SAFETY: as above.
unsafe impl Send for Guarded {}

/// Faults that the model must be able to find.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// None: the protocol as it is.
    None,
    /// The closer looks for writers before it closes, and not after it.
    LookFirst,
    /// The closer opens before it is done.
    OpenEarly,
    /// A writer leaves before it is done.
    LeaveEarly,
}

impl Guarded {
    /// Data for so many writers.
    pub fn new(writers: usize) -> Self {
        Self { turnstile: Turnstile::new(), data: (0..writers).map(|_| UnsafeCell::new(0)).collect() }
    }

    /// A writer: adds 1 to its datum as soon as it may. `stripe`: where it is counted.
    pub fn write(&self, writer: usize, stripe: usize, fault: Fault) {
        let counted = self.turnstile.enter(stripe);
        let counted = (fault != Fault::LeaveEarly).then_some(counted);
        // SAFETY: each writer has its datum, and the closer is not looking while this thread is
        // counted.
        self.data[writer].with_mut(|datum| unsafe { *datum += 1 });
        drop(counted);
    }

    /// The closer: tries once. Nothing if there was a writer inside; else the data, which it
    /// doubles.
    pub fn cut(&self, fault: Fault) -> Option<Vec<u32>> {
        let was_empty = fault == Fault::LookFirst && self.turnstile.is_empty();
        self.turnstile.close();
        let is_empty = if fault == Fault::LookFirst { was_empty } else { self.turnstile.is_empty() };
        if fault == Fault::OpenEarly {
            self.turnstile.open();
        }
        let cut = is_empty.then(|| self.double());
        self.turnstile.open();
        cut
    }

    /// True if no writer is counted.
    pub fn is_empty(&self) -> bool {
        self.turnstile.is_empty()
    }

    /// What the data were before.
    pub fn double(&self) -> Vec<u32> {
        let double = |datum: &UnsafeCell<u32>| {
            datum.with_mut(|datum| {
                // SAFETY: no writer is inside, and no other thread is a closer.
                let datum = unsafe { &mut *datum };
                let before = *datum;
                *datum *= 2;
                before
            })
        };
        self.data.iter().map(double).collect()
    }
}
