//! What does the operating system say of this machine and this process, and what is asked of it
//! beyond the standard library? Knows nothing of the server.
//!
//! ```text
//! machine.rs    memory and page size, kernel
//! cgroups.rs    limits and use of memory of the control groups around the process
//! total.rs      the memory that there is for the process
//! pressure.rs   time that was lost waiting for memory
//! idle.rs       how many cores were idle
//! process.rs    processor time, resident memory, other processes
//! random.rs     bytes that cannot be predicted
//! threads.rs    priority, and how long a thread ran
//! files.rs      limit of open files, write-back, files without a name
//! swap.rs       memory that was swapped out, and faults to get it back
//! errors.rs     errors of the system that have no `ErrorKind`
//! ```
//!
//! Calls go through `rustix`, which needs no `unsafe`. `libc` stays for the two calls that it does
//! not have: getrusage (`process.rs`) and sync_file_range (`files.rs`). What only Linux has returns
//! `None`, or does nothing, elsewhere.

mod cgroups;
mod errors;
mod files;
mod idle;
mod machine;
mod pressure;
mod process;
mod random;
mod swap;
mod threads;
mod total;

pub use cgroups::{available_memory, memory_limit};
pub use errors::{has_no_links, is_unsupported_family};
pub use files::{allocate_blocks, await_writeback, begin_writeback, raise_open_files, unnamed_file};
pub use idle::IdleCores;
pub use machine::{MULTIPLEXING_API, kernel, machine_memory, page_bytes};
pub use pressure::{Pressure, memory_pressure};
pub use process::{
    CpuTime, Resident, cpu_time, cpu_time_of_children, cpu_time_of_main_thread, executable, is_running,
    major_page_faults, major_page_faults_of_thread, peak_resident_bytes, resident, resident_bytes,
};
pub use random::fill_with_random;
pub use swap::{process_swap_bytes, system_swap_bytes};
pub use threads::{ThreadClock, lower_priority};
pub use total::{Bound, Total, total_memory};
