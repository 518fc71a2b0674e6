//! Vector sets that are not used go into files: `tier-cold-after`; so do sets when memory is
//! scarce: `tier-policy`, and come back (`raise`); and the files of warm sets are merged, and
//! compared with their checksums.

use std::io;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::Server;
use super::raise::Comebacks;
use crate::keyspace::DATABASES;
use crate::persistence::rdb::vector_set::cold::{CannotCool, cool};
use crate::persistence::rdb::vector_set::sealed::merge;
use crate::thread_signal::ThreadSignal;
use crate::vector_set::{Haste, TierDir, TierPolicy, VectorSet};

/// Time between two looks for sets that are not used.
const ROUND: Duration = Duration::from_secs(1);

/// The same while data are loaded: behind that, searches wait for the disk.
const WHILE_LOADING: Duration = Duration::from_millis(20);

/// Time between two looks whether memory is scarce.
const WHEN_SCARCE: Duration = Duration::from_millis(50);

/// Time without a try after a disk did not take a set: it would be written again and again.
const AFTER_FAILURE: Duration = Duration::from_secs(60);

/// Smaller sets stay: a file takes a block of the disk, and the set's key stays in memory anyway.
const MIN_BYTES: usize = 64 << 10;

/// When sets may be tried again whose new files did not take their place: there was no room for
/// them, or writers were faster.
#[derive(Default)]
struct Merges(Vec<(Weak<VectorSet>, Instant)>);

impl Merges {
    fn is_due(&self, set: &Arc<VectorSet>) -> bool {
        let now = Instant::now();
        !self.0.iter().any(|(other, not_before)| Weak::as_ptr(other) == Arc::as_ptr(set) && now < *not_before)
    }

    fn put_off(&mut self, set: &Arc<VectorSet>, pause: Duration) {
        let now = Instant::now();
        self.0.retain(|(_, not_before)| now < *not_before);
        self.0.push((Arc::downgrade(set), now + pause));
    }
}

impl Server {
    /// The work of the thread that puts sets into files, until it is stopped.
    pub(crate) fn cool_idle_sets(&self, signal: &ThreadSignal) {
        let mut not_before = Instant::now();
        while !signal.wait_for(ROUND) {
            let after_s = self.config.settings().tier_cold_after;
            if after_s > 0 && !self.loading.is_on() && Instant::now() >= not_before {
                let idle_s = u32::try_from(after_s).unwrap_or(u32::MAX);
                if let Err(why) = self.cool_sets(idle_s, signal) {
                    tracing::warn!("a vector set stays in memory, it cannot be put into a file: {why}");
                    not_before = Instant::now() + AFTER_FAILURE;
                }
            }
        }
    }

    /// The work of the thread for sealed sets, until it is stopped: those that a snapshot has
    /// written take the place of what is in memory, those that have changed much are written anew,
    /// and checksums are compared.
    pub(crate) fn tend_sealed_sets(&self, signal: &ThreadSignal) {
        let Some(dir) = self.keyspace.tier() else { return };
        let mut pause = Duration::ZERO;
        let mut merges = Merges::default();
        let mut comebacks = Comebacks::default();
        while !signal.wait_for(pause) {
            // What is loaded comes first.
            let is_loading = self.loading.is_on();
            if !is_loading {
                self.saving.exchange_sealed_sets(&self.keyspace, &|| !signal.is_stopped());
                let tell = || {
                    let damages = dir.sealed().take_damages().into_iter();
                    damages.for_each(|what| tracing::error!("a warm vector set is damaged: {what}"));
                };
                dir.verify_opened(|| {
                    tell();
                    signal.is_stopped()
                });
                tell();
                self.merge_sets(dir, &mut merges, signal);
                self.raise_a_set(dir, &mut comebacks, signal);
            }
            pause = if is_loading { WHILE_LOADING } else { ROUND };
        }
    }

    /// The work of the thread that puts whole sets into files when memory is scarce, until it is
    /// stopped. Others take their time, and this has none to lose.
    pub(crate) fn demote_whole_sets(&self, signal: &ThreadSignal) {
        let Some(dir) = self.keyspace.tier() else { return };
        let mut merges = Merges::default();
        let mut pause = WHEN_SCARCE;
        while !signal.wait_for(pause) {
            let is_moved = !self.loading.is_on() && self.demote_a_set(dir, &mut merges, signal);
            // Its memory is freed, and what is scarce is measured again.
            let is_at_rest = is_moved || dir.balance().policy() == TierPolicy::Off;
            pause = if is_at_rest { ROUND } else { WHEN_SCARCE };
        }
    }

    /// Writes the files of warm sets anew of which much is beside them.
    fn merge_sets(&self, dir: &Arc<TierDir>, merges: &mut Merges, signal: &ThreadSignal) {
        let may_begin = || !signal.is_stopped() && self.saving.status().running.is_none();
        for number in 0..DATABASES {
            if !may_begin() {
                return;
            }
            for (key, set) in self.keyspace.sets_to_merge(number) {
                if !may_begin() || !merges.is_due(&set) || set.is_damaged() {
                    continue;
                }
                if self.write_anew((number, &key, &set), (dir, Haste::Background), merges, signal) {
                    dir.sealed().counters.merged.add(1);
                }
            }
        }
    }

    /// Puts a whole set into files if memory is scarce, or what is beside the files of a warm one:
    /// before elements are evicted. True if it did.
    fn demote_a_set(&self, dir: &Arc<TierDir>, merges: &mut Merges, signal: &ThreadSignal) -> bool {
        let balance = dir.balance();
        let may_be_tried = |set: &Arc<VectorSet>| merges.is_due(set) && !set.is_damaged();
        let has_room = |set: &Arc<VectorSet>| may_be_tried(set) && set.expected_file_bytes() <= dir.room();
        let is_scarce = balance.demotes_sets();
        let next = if is_scarce { self.keyspace.set_to_demote(has_room) } else { None };
        let is_stuck = is_scarce && next.is_none();
        if is_stuck || balance.is_stuck() {
            self.keyspace.let_lent_elements_go(dir, is_stuck, may_be_tried);
        }
        let Some((number, key, set)) = next else { return false };
        self.note_set_moving(balance, true);
        let is_moved = self.write_anew((number, &key, &set), (dir, Haste::Now), merges, signal);
        self.note_set_moving(balance, false);
        let counters = &dir.sealed().counters;
        let counter = if set.options().is_warm { &counters.merged } else { &counters.demoted };
        counter.add(is_moved.into());
        is_moved
    }

    /// Writes a set into files, and lets its key mean what they have. False if it stays as it is.
    fn write_anew(
        &self,
        (number, key, set): (usize, &[u8], &Arc<VectorSet>),
        how: (&Arc<TierDir>, Haste),
        merges: &mut Merges,
        signal: &ThreadSignal,
    ) -> bool {
        let began = Instant::now();
        let is_wanted = || self.is_wanted((number, key, set), signal);
        let goes_on = || if is_wanted() { Ok(()) } else { Err(io::ErrorKind::Interrupted.into()) };
        let files = merge(set, (number, key), how, &goes_on);
        let has_room = files.is_some();
        let is_exchanged =
            files.is_some_and(|files| files.exchange(&self.keyspace, &|| !signal.is_stopped()));
        if !is_exchanged {
            // Where memory is short, only a disk without room is left alone for long.
            let took = began.elapsed();
            let is_urgent = has_room && matches!(how.1, Haste::Now);
            let pause = if is_urgent { ROUND.max(took) } else { AFTER_FAILURE.max(took * 10) };
            merges.put_off(set, pause);
        }
        is_exchanged
    }

    /// True while a key means this set, which would keep its memory and its files until it has been
    /// written or read as a whole, and while that is not to end.
    pub(super) fn is_wanted(
        &self,
        (number, key, set): (usize, &[u8], &Arc<VectorSet>),
        signal: &ThreadSignal,
    ) -> bool {
        let present = self.keyspace.db(number).vector_set_in_memory(key);
        !signal.is_stopped() && present.is_some_and(|handle| Arc::ptr_eq(&handle.set, set))
    }

    /// Puts each set into a file that was not used for so long; sets that are changed meanwhile
    /// stay.
    ///
    /// # Errors
    /// Files cannot be written.
    fn cool_sets(&self, idle_s: u32, signal: &ThreadSignal) -> Result<(), io::Error> {
        let Some(dir) = self.keyspace.tier() else { return Ok(()) };
        for number in 0..DATABASES {
            for (key, set) in self.keyspace.idle_sets(number, idle_s, MIN_BYTES) {
                if signal.is_stopped() {
                    return Ok(());
                }
                if set.is_damaged() {
                    continue;
                }
                match cool(self.keyspace.db(number), &key, &set, dir, Haste::Background) {
                    Err(CannotCool::Io(error)) => return Err(error),
                    Ok(()) | Err(CannotCool::NotCooled(_)) => {}
                }
            }
        }
        Ok(())
    }

    /// Removes cold files that no key has, once all keys have been loaded.
    pub fn remove_unclaimed_files(&self) {
        let Some(dir) = self.keyspace.tier() else { return };
        match dir.remove_unclaimed() {
            Ok(0) => {}
            Ok(removed) => {
                tracing::info!("{removed} files of tier-dir belonged to no vector set, and are removed")
            }
            Err(error) => tracing::warn!("tier-dir cannot be listed: {error}"),
        }
        let cold = dir.cold();
        if cold.any() {
            tracing::info!("{} vector sets stay in cold files, {} MB", cold.files(), cold.bytes() >> 20);
        }
        let sealed = dir.sealed();
        if sealed.count() > 0 {
            let (count, megabytes) = (sealed.count(), sealed.bytes() >> 20);
            tracing::info!("{count} warm vector sets are mapped from their files, {megabytes} MB");
        }
    }
}
