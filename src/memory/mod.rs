//! How many bytes does this process use, and for what? Knows the allocator, and what it does not
//! see; no structure of the server.

mod allocator;
mod category;
mod tracked;
mod used;

pub use allocator::{
    ALLOCATOR, Allocator, allocated_bytes, allocator, allocator_report, purge, purge_in_background,
};
pub use category::Category;
pub use tracked::{Held, SLACK, give_back, held_bytes, take};
pub use used::{peak_bytes, peak_unix_s, reset_peak, used_bytes};
