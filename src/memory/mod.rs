//! How many bytes does this process use, and for what? Knows the allocator, and what it does not
//! see; no structure of the server.

mod allocator;
mod mapped;
mod used;

pub use allocator::{ALLOCATOR, Allocator, allocator, allocator_report, purge, purge_in_background};
pub use mapped::{add_mapped, mapped_bytes, subtract_mapped};
pub use used::{peak_bytes, peak_unix_s, reset_peak, used_bytes};
