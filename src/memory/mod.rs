//! How many bytes does this process use, and for what? Knows the allocator, and what it does not
//! see; no structure of the server.

mod allocator;
mod blocks;
mod category;
mod estimate;
mod limit;
mod tracked;
mod used;

pub use allocator::{
    ALLOCATOR, Allocator, allocated_bytes, allocator, allocator_report, purge, purge_in_background,
};
pub use blocks::{Blocks, join, take_out};
pub use category::Category;
pub use estimate::{estimated_bytes, recently_used_bytes, report_growth};
pub use limit::{Level, Limit, Thresholds, percent_of};
pub use tracked::{Held, SLACK, give_back, held_bytes, settle, take};
pub use used::{peak_bytes, peak_unix_s, reset_peak, used_bytes};
