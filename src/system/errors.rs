//! Errors that have no [`ErrorKind`](std::io::ErrorKind), or share one with others.

use std::io;

use rustix::io::Errno;

/// True if a hard link failed because the file system gives no file two names, or not this one.
pub fn has_no_links(error: &io::Error) -> bool {
    is_one_of(error, &[Errno::PERM, Errno::OPNOTSUPP, Errno::NOSYS, Errno::MLINK, Errno::XDEV])
}

/// True if this machine has no such addresses, as one without IPv6.
pub fn is_unsupported_family(error: &io::Error) -> bool {
    is_one_of(error, &[Errno::AFNOSUPPORT])
}

pub(super) fn is_one_of(error: &io::Error, errors: &[Errno]) -> bool {
    Errno::from_io_error(error).is_some_and(|errno| errors.contains(&errno))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_known_by_their_number_alone() {
        assert!(has_no_links(&Errno::XDEV.into()) && !has_no_links(&Errno::ACCESS.into()));
        assert!(!has_no_links(&io::ErrorKind::PermissionDenied.into()));
        assert!(is_unsupported_family(&Errno::AFNOSUPPORT.into()));
    }
}
