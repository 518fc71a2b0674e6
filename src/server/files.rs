//! How many files may be open: each client needs one.

use super::http::{MAX_CONNECTIONS, MAX_LEAVING};
use crate::config::{Config, NotApplied, Settings};
use crate::system::raise_open_files;

/// Files that are no clients: listeners, the log, and what libraries open.
const OTHER_FILES: u64 = 32;
/// An epoll and what wakes it.
const FILES_PER_THREAD: u64 = 4;
/// Of sets in `tier-dir`, at least; and at most, where half of what clients leave is as many.
const FILES_OF_SETS: (u64, u64) = (256, 16 << 10);

/// So few files may be open that no client could connect.
#[derive(Debug)]
pub struct TooFewFiles {
    allowed: u64,
    needed: u64,
}

impl std::fmt::Display for TooFewFiles {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { allowed, needed } = self;
        write!(
            out,
            "the limit of open files is {allowed}, but {needed} are needed at least: raise it by 'ulimit -n'"
        )
    }
}

impl std::error::Error for TooFewFiles {}

/// Raises the limit of open files for `maxclients`, now and whenever it changes. If not all fit,
/// `maxclients` is lowered now, as in Redis, since a server with fewer clients is better than none;
/// later the change is refused. Returns how many files there may be of sets in `tier-dir`.
pub(super) fn make_room(config: &Config) -> Result<u64, TooFewFiles> {
    let settings = config.settings();
    let asked = settings.maxclients;
    let reserved = reserved(&settings);
    let allowed = raise_open_files(asked.saturating_add(reserved));
    let fitting = allowed.saturating_sub(reserved);
    if fitting == 0 {
        return Err(TooFewFiles { allowed, needed: reserved + 1 });
    }
    if fitting < asked {
        tracing::warn!(
            "maxclients is lowered from {asked} to {fitting}, since the limit of open files is {allowed}: \
             raise it by 'ulimit -n' (LimitNOFILE of systemd)"
        );
        config.lower_max_clients(fitting);
    }
    let without_more = asked.min(fitting).saturating_add(reserved);
    let more = match settings.tier_dir.is_empty() {
        true => 0,
        false => {
            let (least, most) = FILES_OF_SETS;
            let wanted = without_more.saturating_add(2 * (most - least));
            raise_open_files(wanted).saturating_sub(without_more) / 2
        }
    };
    config.when_changed(move |before, after| check(before, after, reserved + more));
    Ok(FILES_OF_SETS.0 + more)
}

/// Files that clients cannot have.
fn reserved(settings: &Settings) -> u64 {
    let http = if settings.http_port > 0 { MAX_CONNECTIONS + MAX_LEAVING } else { 0 };
    let of_sets = if settings.tier_dir.is_empty() { 0 } else { FILES_OF_SETS.0 };
    OTHER_FILES + http as u64 + of_sets + FILES_PER_THREAD * settings.network_threads() as u64
}

fn check(before: &Settings, after: &Settings, reserved: u64) -> Result<(), NotApplied> {
    if after.maxclients <= before.maxclients {
        return Ok(());
    }
    let fitting = raise_open_files(after.maxclients.saturating_add(reserved)).saturating_sub(reserved);
    if fitting >= after.maxclients {
        return Ok(());
    }
    let reason = format!(
        "The operating system is not able to handle the specified number of clients, try with {fitting}"
    );
    Err(NotApplied { option: "maxclients", reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(maxclients: u64) -> Config {
        Config::new(Settings { maxclients, io_threads: 1, ..Settings::defaults() })
    }

    #[test]
    fn clients_that_fit_no_files_lower_the_limit_at_start_and_are_refused_later() {
        let config = with(u32::MAX.into());
        let of_sets = make_room(&config).expect("some clients fit");
        assert_eq!(of_sets, FILES_OF_SETS.0, "clients want all");
        let fitting = config.settings().maxclients;
        assert!(fitting < u32::MAX.into(), "no system has as many files");
        let error = config.set(&[("maxclients", &(fitting + 1).to_string())]);
        let text = format!("{error:?}");
        assert!(text.contains(&format!("try with {fitting}")), "{text}");
        config.set(&[("maxclients", "1")]).expect("fewer are no matter");
    }

    #[test]
    fn sets_in_files_leave_room_for_all_clients() {
        let tier_dir = "tier".to_owned();
        let config =
            Config::new(Settings { maxclients: 10, io_threads: 1, tier_dir, ..Settings::defaults() });
        let (least, most) = FILES_OF_SETS;
        let of_sets = make_room(&config).expect("some clients fit");
        assert!((least..=most).contains(&of_sets), "{of_sets}");
        assert_eq!(config.settings().maxclients, 10);
    }
}
