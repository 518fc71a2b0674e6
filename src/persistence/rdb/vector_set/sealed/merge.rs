//! Files of one set, written without a snapshot: when it has changed much since those that it has,
//! or when it is to lie in files since memory is short.
//!
//! What is new in a warm set lies in memory, and what was removed takes room on the disk until the
//! whole is written anew. A snapshot does that too, but there may be none for days.

use std::io;
use std::sync::Arc;

use super::{Adoption, Sealing};
use crate::persistence::files::SpillFile;
use crate::vector_set::{Haste, TierDir, VectorSet};

/// Writes a set of a key into new files. `goes_on` is asked now and then. None if there is no room
/// for them, or if it does not go on.
pub fn merge(
    set: &Arc<VectorSet>,
    place: (usize, &[u8]),
    (dir, haste): (&Arc<TierDir>, Haste),
    goes_on: &dyn Fn() -> io::Result<()>,
) -> Option<Adoption> {
    let mut frozen = set.freeze_to_seal();
    let mut spill = SpillFile::in_folder_of(&dir.path().join("merge"));
    let mut sealing = Sealing::begin(set, place, &mut frozen, (dir, haste), &mut spill)?;
    let written = sealing.take_elements(&mut frozen, &mut spill, &mut |_| goes_on(), None);
    drop(frozen);
    written.ok()?;
    sealing.finish(goes_on)
}
