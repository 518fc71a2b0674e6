//! How many files may be open: each client needs one.

/// Files that are no clients: listeners, epolls, the log, and what libraries open.
const OTHER_FILES: u64 = 64;

/// Raises the soft limit of open files so that `clients` fit, as far as the hard limit allows; says so if they do not.
pub(super) fn make_room_for(clients: u64) {
    let wanted = clients.saturating_add(OTHER_FILES);
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is an rlimit that lives through the call.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } != 0 || limit.rlim_cur >= wanted {
        return;
    }
    limit.rlim_cur = wanted.min(limit.rlim_max);
    // SAFETY: `limit` is an rlimit that lives through the call.
    let refused = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) } != 0;
    if refused || limit.rlim_cur < wanted {
        tracing::warn!(
            wanted,
            allowed = limit.rlim_max,
            "fewer than 'maxclients' fit: raise the limit of open files"
        );
    }
}
