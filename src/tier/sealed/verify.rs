//! Are the bytes of sealed sets those that were written?

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::checks::{compare_block, wrong_block};
use super::format::{BLOCK, Head, Written};
use super::{Sealed, read_head};
use crate::tier::kept::damaged;
use crate::tier::{Haste, Pace, TierDir};

/// Before the next block in the background, where commands read blocks as well.
const PAUSE: Duration = Duration::from_millis(5);

/// What files were found to have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Verified {
    /// Components of the vectors.
    pub dim: u32,
    /// Elements.
    pub elements: u64,
    /// Bytes of all parts.
    pub bytes: u64,
}

impl TierDir {
    /// Compares the blocks of sets that were opened, but for those that commands have compared
    /// already, until all are done, or `is_over` says so.
    ///
    /// What searches walk on comes first, and as fast as the disk reads it: read one after the
    /// other, it is in memory in seconds, where searches that meet it block by block take longer.
    /// The rest is read within `tier-io-limit`.
    pub fn verify_opened(&self, is_over: impl Fn() -> bool) {
        loop {
            let Some(set) = self.sealed.unverified.lock().pop() else { return };
            if let Some(set) = set.upgrade()
                && !self.verify(&set, &is_over)
            {
                // To be continued by the next call.
                self.sealed.unverified.lock().push(Arc::downgrade(&set));
                return;
            }
        }
    }

    /// False if it was over before the end.
    fn verify(&self, set: &Arc<Sealed>, is_over: &impl Fn() -> bool) -> bool {
        let mut pace = None;
        for place in set.head.in_order() {
            let written = &set.head.parts[place];
            for block in 0..written.checksums.len() {
                // Files without any other reference are about to be removed.
                if set.is_damaged() || Arc::strong_count(set) == 1 {
                    return true;
                }
                if set.compared[place].has(block) {
                    continue;
                }
                let before = self.sealed.counters.verified_blocks.get();
                set.compare(place, block);
                if self.sealed.counters.verified_blocks.get() > before + 1 {
                    // Commands read too, and would wait longer for the disk.
                    std::thread::sleep(PAUSE);
                }
                if !written.part.is_walked_on() {
                    let pace = pace.get_or_insert_with(|| Pace::new(Haste::Background));
                    pace.keep(BLOCK as u64, self, is_over);
                }
                if is_over() {
                    return false;
                }
            }
        }
        true
    }
}

/// Reads all of a set's files.
///
/// # Errors
/// The words say which file and which block is wrong.
pub fn check_sealed(folder: &Path) -> io::Result<Verified> {
    let head = read_head(folder)?;
    head.in_order().into_iter().try_for_each(|place| check_part(folder, &head, place))?;
    let bytes = head.parts.iter().map(|part| part.bytes).sum();
    Ok(Verified { dim: head.dim, elements: head.elements, bytes })
}

fn check_part(folder: &Path, head: &Head, place: usize) -> io::Result<()> {
    let Written { part, bytes, checksums, .. } = &head.parts[place];
    let path = folder.join(part.name());
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let file = File::open(&path).map_err(named)?;
    if file.metadata().map_err(named)?.len() != *bytes {
        return Err(damaged(&path, "it has another length than its head says"));
    }
    (0..checksums.len()).try_for_each(|block| {
        compare_block(head, &file, place, block).map_err(|error| wrong_block(&path, block, &error))
    })
}
