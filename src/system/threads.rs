//! Threads of this process.

use std::fs::File;
use std::io;
use std::time::Duration;

/// Lets the calling thread stand back behind the others by so many steps of `nice`. Where it is
/// refused, and where the call would be for the whole process, nothing changes.
pub fn lower_priority(niceness: i32) {
    if cfg!(target_os = "linux") {
        // None is the calling thread there.
        let _ = rustix::process::setpriority_process(None, niceness);
    }
}

/// How long a thread ran; any thread may read it.
#[derive(Debug)]
pub struct ThreadClock {
    schedstat: File,
}

impl ThreadClock {
    /// The clock of the calling thread.
    ///
    /// # Errors
    /// The system has none.
    pub fn of_this_thread() -> io::Result<Self> {
        File::open("/proc/thread-self/schedstat").map(|schedstat| Self { schedstat })
    }

    /// Time that the thread ran until now.
    pub fn ran(&self) -> Option<Duration> {
        use std::os::unix::fs::FileExt;
        let mut text = [0; 64];
        let len = self.schedstat.read_at(&mut text, 0).ok()?;
        let first = std::str::from_utf8(&text[..len]).ok()?.split(' ').next()?;
        first.parse().ok().map(Duration::from_nanos)
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn the_clock_of_a_thread_goes_on_while_it_runs() {
        let clock = ThreadClock::of_this_thread().expect("Linux has them");
        let before = clock.ran().expect("it is readable");
        while clock.ran().is_some_and(|ran| ran == before) {
            std::hint::spin_loop();
        }
    }
}
