//! Bytes of a file in the place of what is mapped at some addresses.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;

/// Who sees what is written there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Writes {
    /// The file.
    ToFile,
    /// This process alone: the file never changes, and pages become memory as they are written.
    ToMemory,
}

/// Maps the bytes of a file from `offset` on at these addresses. What reads there meanwhile finds
/// the old bytes or the new ones.
///
/// # Safety
/// The addresses are whole pages of a mapping of the caller's, and what is there is not needed, or
/// is the same in the file.
///
/// # Errors
/// The system does not let it: then nothing has changed.
pub(super) unsafe fn lay(
    addresses: &Range<usize>,
    file: &File,
    offset: usize,
    writes: Writes,
) -> io::Result<()> {
    let (start, len) = (addresses.start as *mut libc::c_void, addresses.len());
    if len == 0 {
        return Ok(());
    }
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let sharing = match writes {
        Writes::ToFile => libc::MAP_SHARED,
        Writes::ToMemory => libc::MAP_PRIVATE | libc::MAP_NORESERVE,
    };
    let (flags, offset) = (sharing | libc::MAP_FIXED, offset as libc::off_t);
    // SAFETY: the caller guarantees it.
    if unsafe { libc::mmap(start, len, protection, flags, file.as_raw_fd(), offset) } == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // A hint: reads are here and there, so that what the kernel would read ahead is of no use.
    // SAFETY: advice about pages of a live mapping, which changes nothing in them.
    let _ = unsafe { libc::madvise(start, len, libc::MADV_RANDOM) };
    Ok(())
}
