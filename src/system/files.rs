//! Open files: how many there may be, when they are written to the disk, and files without a name.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit of open files to `wanted` if it is lower, as far as the hard limit allows.
/// Returns how many of those wanted there may be.
pub fn raise_open_files(wanted: u64) -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let Some(current) = current.filter(|current| *current < wanted) else { return wanted };
    let raised = maximum.map_or(wanted, |maximum| wanted.min(maximum));
    let outcome = setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum });
    if outcome.is_ok() { raised } else { current }
}

/// A file without a name, which is gone when it is closed. Where the system or the file system
/// knows no such files, it has a name for a moment.
///
/// # Errors
/// The folder is not writable.
pub fn unnamed_file(folder: &Path) -> io::Result<File> {
    never_named_file(folder).or_else(|_| once_named_file(folder))
}

fn once_named_file(folder: &Path) -> io::Result<File> {
    static FILES: AtomicU64 = AtomicU64::new(0);
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    let path = folder.join(format!("temp-unnamed-{}-{number}", std::process::id()));
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).mode(0o600).create(true).truncate(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(target_os = "linux")]
fn never_named_file(folder: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, open};
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    Ok(open(folder, flags, Mode::RUSR | Mode::WUSR)?.into())
}

#[cfg(not(target_os = "linux"))]
fn never_named_file(_folder: &Path) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Takes blocks of the disk for a part of a file, so that writing there cannot fail for want of
/// room.
///
/// # Errors
/// There is no room, or the file system cannot do that.
#[cfg(target_os = "linux")]
pub fn allocate_blocks(file: &File, range: Range<u64>) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    Ok(fallocate(file, FallocateFlags::KEEP_SIZE, range.start, range.end - range.start)?)
}

/// Takes blocks of the disk for a part of a file.
///
/// # Errors
/// Always: this system has no such call.
#[cfg(not(target_os = "linux"))]
pub fn allocate_blocks(_file: &File, _range: Range<u64>) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Lets the system begin to write this part of the file to the disk, if it can do that for a part.
///
/// # Errors
/// The system could not write.
#[cfg(target_os = "linux")]
pub fn begin_writeback(file: &File, range: Range<u64>) -> io::Result<()> {
    sync_range(file, range, libc::SYNC_FILE_RANGE_WRITE)
}

/// Waits until this part of the file is written to the disk, if the system can do that for a part.
/// The data are not safe yet: for that the file must be synchronised as a whole.
///
/// # Errors
/// The system could not write.
#[cfg(target_os = "linux")]
pub fn await_writeback(file: &File, range: Range<u64>) -> io::Result<()> {
    let flags =
        libc::SYNC_FILE_RANGE_WAIT_BEFORE | libc::SYNC_FILE_RANGE_WRITE | libc::SYNC_FILE_RANGE_WAIT_AFTER;
    sync_range(file, range, flags)
}

/// `rustix` does not have this call.
#[cfg(target_os = "linux")]
fn sync_range(file: &File, range: Range<u64>, flags: libc::c_uint) -> io::Result<()> {
    use rustix::io::Errno;
    use std::os::fd::AsRawFd;

    /// What file systems say that cannot do it: then all is written at the end.
    const UNSUPPORTED: [Errno; 3] = [Errno::NOSYS, Errno::INVAL, Errno::SPIPE];
    if range.is_empty() {
        return Ok(());
    }
    let at = range.start as i64;
    let len = (range.end - range.start) as i64;
    // SAFETY: the call takes numbers only, and the descriptor is open as long as `file` lives.
    if unsafe { libc::sync_file_range(file.as_raw_fd(), at, len, flags) } == 0 {
        return Ok(());
    }
    match io::Error::last_os_error() {
        error if super::errors::is_one_of(&error, &UNSUPPORTED) => Ok(()),
        error => Err(error),
    }
}

/// Does nothing: this system writes a file as a whole, when it is synchronised.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn begin_writeback(_file: &File, _range: Range<u64>) -> io::Result<()> {
    Ok(())
}

/// Does nothing: this system writes a file as a whole, when it is synchronised.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn await_writeback(_file: &File, _range: Range<u64>) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use super::*;

    #[test]
    fn the_limit_of_files_is_raised_no_further_than_allowed() {
        let allowed = raise_open_files(u64::MAX);
        assert!(allowed > 0 && raise_open_files(1) == 1);
        assert_eq!(raise_open_files(u64::MAX), allowed);
    }

    #[test]
    fn unnamed_files_hold_what_is_written_and_leave_nothing() {
        let folder = std::env::temp_dir().join(format!("nearhit-unnamed-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("it can be made");
        for open in [unnamed_file, once_named_file] {
            let mut file = open(&folder).expect("the folder can be written to");
            file.write_all(b"text").and_then(|()| file.rewind()).expect("it can be written to");
            assert_eq!(io::read_to_string(&file).expect("it can be read"), "text");
            assert_eq!(std::fs::read_dir(&folder).expect("it is there").count(), 0);
        }
        std::fs::remove_dir(&folder).expect("it is empty");
        assert!(unnamed_file(&folder).is_err());
    }
}
