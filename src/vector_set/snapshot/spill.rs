//! Where a snapshot keeps for a while what does not fit into its bounded memory.

use std::io;

/// Bytes in a spill, which can be read again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Where it begins.
    pub at: u64,
    /// Its bytes.
    pub len: usize,
}

/// A private file that is removed with the snapshot, or something like it.
pub trait Spill {
    /// Keeps some bytes.
    fn append(&mut self, bytes: &[u8]) -> io::Result<Place>;

    /// Gives them back, behind what `into` has already.
    fn read(&mut self, place: Place, into: &mut Vec<u8>) -> io::Result<()>;
}

/// A spill in memory: for values so small, or files so short-lived, that a file would not pay.
impl Spill for Vec<u8> {
    fn append(&mut self, bytes: &[u8]) -> io::Result<Place> {
        let place = Place { at: self.len() as u64, len: bytes.len() };
        self.extend_from_slice(bytes);
        Ok(place)
    }

    fn read(&mut self, place: Place, into: &mut Vec<u8>) -> io::Result<()> {
        let kept = usize::try_from(place.at).ok().and_then(|at| self.get(at..at.checked_add(place.len)?));
        into.extend_from_slice(kept.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}
