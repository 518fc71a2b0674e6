//! Section Persistence: snapshots, the log, and loading.

use std::time::Duration;

use super::row::{Name, Rows, Value};
use crate::commands::Server;
use crate::commands::memory_uses::ratio;
use crate::config::Compat;
use crate::persistence::aof::Figures;
use crate::persistence::loading::{Progress, Tally};
use crate::persistence::saving::Saver;

pub(super) fn persistence(server: &Server, rows: &mut Rows) {
    let loading = server.loading.progress();
    rows.field("loading", loading.is_some());
    rows.field("async_loading", false);
    rdb(server, rows);
    last_load(&server.loading.tally(), rows);
    let is_waiting = server.saving.status().running.is_some_and(|(saver, _)| saver != Saver::Log);
    let figures = server.aof.figures();
    aof(&figures, is_waiting, rows);
    if server.compat >= Compat::V8_10 {
        rows.field("backup_in_progress", server.aof.backup_status().phase.is_active());
    }
    rows.zeros(&["module_fork_in_progress", "module_fork_last_cow_size"]);
    if figures.is_on {
        aof_sizes(&figures, is_waiting, rows);
    }
    if let Some(progress) = loading {
        loading_progress(&progress, rows);
    }
}

fn last_load(tally: &Tally, rows: &mut Rows) {
    rows.field("rdb_last_load_keys_expired", tally.ended);
    rows.field("rdb_last_load_keys_loaded", tally.loaded);
    rows.field("rdb_last_load_keys_skipped", tally.skipped.values().sum::<u64>());
    for (kind, count) in &tally.skipped {
        rows.field(Name::of("rdb_last_load_skipped_", kind.replace([':', ' '], "_"), ""), *count);
    }
}

fn loading_progress(progress: &Progress, rows: &mut Rows) {
    rows.field("loading_start_time", progress.began_unix_s);
    rows.bytes("loading_total_bytes", progress.total_bytes);
    rows.bytes("loading_rdb_used_mem", progress.memory_then);
    rows.bytes("loading_loaded_bytes", progress.loaded_bytes);
    rows.field("loading_loaded_perc", Value::Decimal(progress.percent(), 2));
    rows.field("loading_eta_seconds", progress.left_s());
}

/// Snapshots. The bytes of copies on write are those of before-images that a snapshot has not read
/// yet.
fn rdb(server: &Server, rows: &mut Rows) {
    let status = server.saving.status();
    let progress = server.saving.progress();
    let history = &status.history;
    let (done, total) = if status.running.is_some() { progress.keys() } else { (0, 0) };
    let in_background = status.running.filter(|(saver, _)| *saver == Saver::Background);
    rows.bytes("current_cow_peak", if status.running.is_some() { progress.peak_bytes() } else { 0 });
    rows.bytes("current_cow_size", server.keyspace.journal().before_image_bytes());
    rows.zeros(&["current_cow_size_age"]);
    rows.field("current_fork_perc", Value::Decimal(ratio(done, total) * 100.0, 2));
    rows.field("current_save_keys_processed", done);
    rows.field("current_save_keys_total", total);
    rows.field("rdb_changes_since_last_save", server.keyspace.journal().changes());
    rows.field("rdb_bgsave_in_progress", in_background.is_some());
    rows.field("rdb_last_save_time", history.last_save_s);
    rows.field("rdb_last_bgsave_status", Value::Outcome(history.is_ok));
    rows.field("rdb_last_bgsave_time_sec", seconds(history.last_took));
    rows.field("rdb_current_bgsave_time_sec", seconds(in_background.map(|(_, since)| since.elapsed())));
    rows.field("rdb_saves", history.saves);
    rows.field("rdb_saves_consecutive_failures", history.failures_in_a_row);
    rows.bytes("rdb_last_cow_size", history.last_peak_bytes);
    rows.field("rdb_last_cut_usec", history.last_cut.as_micros() as u64);
}

/// The log. `is_waiting`: another snapshot is being taken, so that a rewrite has to wait.
fn aof(aof: &Figures, is_waiting: bool, rows: &mut Rows) {
    rows.field("aof_enabled", aof.is_on);
    rows.field("aof_rewrite_in_progress", aof.is_rewriting && !is_waiting);
    rows.field("aof_rewrite_scheduled", is_scheduled(aof, is_waiting));
    rows.field("aof_last_rewrite_time_sec", seconds(aof.last_rewrite));
    rows.field("aof_current_rewrite_time_sec", seconds(aof.current_rewrite));
    rows.field("aof_last_bgrewrite_status", Value::Outcome(!aof.last_rewrite_failed));
    rows.field("aof_rewrites", aof.rewrites);
    rows.field("aof_rewrites_consecutive_failures", aof.failures_in_a_row);
    rows.field("aof_last_write_status", Value::Outcome(!aof.last_write_failed));
    rows.bytes("aof_last_cow_size", aof.last_peak_bytes);
}

fn is_scheduled(aof: &Figures, is_waiting: bool) -> bool {
    aof.is_scheduled || aof.is_rewriting && is_waiting
}

/// Seconds; -1 means none.
fn seconds(time: Option<Duration>) -> i64 {
    time.map_or(-1, |time| time.as_secs() as i64)
}

/// The sizes of a log that is on.
fn aof_sizes(aof: &Figures, is_waiting: bool, rows: &mut Rows) {
    rows.bytes("aof_current_size", aof.size);
    rows.bytes("aof_base_size", aof.size_of_base);
    rows.field("aof_pending_rewrite", is_scheduled(aof, is_waiting));
    rows.bytes("aof_buffer_length", aof.buffered);
    rows.field("aof_pending_bio_fsync", aof.syncing);
    rows.field("aof_delayed_fsync", aof.delayed);
}
