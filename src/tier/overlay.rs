//! The bytes of a file in the place of what is mapped at some addresses.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;

/// Maps the first bytes of a file, which never changes, at these addresses: to be read only.
///
/// # Safety
/// The addresses are whole pages of a mapping of the caller's, and what is there is not needed, nor
/// written to any more.
///
/// # Errors
/// The system does not let it: then nothing has changed.
pub(super) unsafe fn lay(addresses: &Range<usize>, file: &File) -> io::Result<()> {
    let (start, len) = (addresses.start as *mut libc::c_void, addresses.len());
    if len == 0 {
        return Ok(());
    }
    let flags = libc::MAP_SHARED | libc::MAP_FIXED;
    // SAFETY: the caller guarantees it.
    if unsafe { libc::mmap(start, len, libc::PROT_READ, flags, file.as_raw_fd(), 0) } == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // A hint: reads are here and there, so that what the kernel would read ahead is of no use.
    // SAFETY: advice about pages of a live mapping, which changes nothing in them.
    let _ = unsafe { libc::madvise(start, len, libc::MADV_RANDOM) };
    Ok(())
}
