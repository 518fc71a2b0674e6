//! How many pages of files a thread waits for while it does something.

use crate::system::major_page_faults_of_thread;

/// What the calling thread had waited for when this was made. Two system calls, of some hundred
/// nanoseconds each.
#[derive(Debug)]
pub struct Waits(u64);

impl Waits {
    /// Counts from now on.
    pub fn begin() -> Self {
        Self(major_page_faults_of_thread())
    }

    /// Pages since then, by the same thread; 0 where the system does not say.
    pub fn pages(&self) -> u64 {
        major_page_faults_of_thread().saturating_sub(self.0)
    }
}
