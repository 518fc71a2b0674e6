//! SIGTERM ends a server whatever hangs; and what is on the disk then.

use std::io::Write;
use std::net::TcpStream;

use crate::connection::{Connection, Reply, words};
use crate::process::{Process, Program, Site};
use crate::shim::FailingDisk;

/// The end is to be saved, and nothing else is.
const SAVE: [&str; 2] = ["--save", "86400 1000000"];
const LOG: [&str; 4] = ["--appendonly", "yes", "--aof-load-truncated", "no"];
const SOON: [&str; 2] = ["--shutdown-timeout", "2"];
/// Longer than the tests wait for an end.
const LATE: [&str; 2] = ["--shutdown-timeout", "600"];

/// Redis' time-out is about replicas: a disk that hangs holds it for ever.
fn site(name: &str, flags: &[&[&str]]) -> Option<Site> {
    (!Program::chosen().is_redis).then(|| Site::new(&format!("shutdown-{name}"), &flags.concat()))
}

fn site_with_disk(name: &str, flags: &[&[&str]]) -> Option<(Site, FailingDisk)> {
    let mut site = site(name, flags)?;
    let disk = FailingDisk::new(&mut site)?;
    Some((site, disk))
}

fn write_keys(connection: &mut Connection, keys: std::ops::Range<usize>) {
    for key in keys {
        assert_eq!(connection.must(&format!("SET key:{key} {key}")), Reply::Simple("OK".into()));
    }
}

fn count_keys(site: &Site) -> i64 {
    site.start().connect().must("DBSIZE").integer()
}

/// The status with which it ends, and the line that says what was given up.
fn ends_without(process: &mut Process, what: &str) {
    process.terminate();
    assert_eq!(process.wait(), Some(1), "something was given up");
    process.wait_for_line(&format!("Shutdown timed out after 2s, waiting for {what}. Exiting."));
}

#[test]
fn a_snapshot_that_hangs_does_not_stop_the_end_and_the_log_has_all() {
    let Some((site, disk)) = site_with_disk("background", &[&SAVE, &LOG, &SOON]) else { return };
    let mut process = site.start();
    let mut connection = process.connect();
    write_keys(&mut connection, 0..100);
    disk.fail("rename HANG");
    connection.must("BGSAVE");
    write_keys(&mut connection, 100..200);
    ends_without(&mut process, "a running snapshot to be given up");
    disk.mend();
    assert_eq!(count_keys(&site), 200);
}

#[test]
fn a_final_snapshot_that_hangs_leaves_the_one_before_and_the_log_has_all() {
    for (log, keys) in [(&LOG[..], 200), (&[], 100)] {
        let Some((site, disk)) = site_with_disk("final", &[&SAVE, log, &SOON]) else { return };
        let mut process = site.start();
        let mut connection = process.connect();
        write_keys(&mut connection, 0..100);
        assert_eq!(connection.must("SAVE"), Reply::Simple("OK".into()));
        write_keys(&mut connection, 100..200);
        disk.fail("rename HANG");
        ends_without(&mut process, "the final RDB snapshot");
        disk.mend();
        assert_eq!(count_keys(&site), keys);
    }
}

#[test]
fn a_log_that_hangs_does_not_stop_the_end() {
    let Some((site, disk)) = site_with_disk("log", &[&["--save", ""], &LOG, &SOON]) else { return };
    let mut process = site.start();
    let mut connection = process.connect();
    connection.must("CONFIG SET appendfsync always");
    write_keys(&mut connection, 0..100);
    disk.fail("sync HANG");
    // Its reply is withheld: it was not acknowledged.
    connection.send(&[words("SET key:100 100")]).expect("the server reads");
    ends_without(&mut process, "the end of the AOF");
    disk.mend();
    assert!(count_keys(&site) >= 100, "all that was acknowledged is there");
}

#[test]
fn the_second_signal_ends_it_at_once() {
    let Some((site, disk)) = site_with_disk("second", &[&SAVE, &LOG, &LATE]) else { return };
    let mut process = site.start();
    write_keys(&mut process.connect(), 0..100);
    disk.fail("rename HANG");
    process.terminate();
    process.wait_for_line("Saving the final RDB snapshot before exiting.");
    process.terminate();
    assert_eq!(process.wait(), Some(1));
    process.wait_for_line("Asked again to stop while waiting for the final RDB snapshot: exiting at once.");
    disk.mend();
    assert_eq!(count_keys(&site), 100);
}

#[test]
fn a_save_that_fails_lets_the_server_go_on_until_the_next_signal() {
    let Some((site, disk)) = site_with_disk("refused", &[&SAVE, &LATE]) else { return };
    let mut process = site.start();
    write_keys(&mut process.connect(), 0..100);
    disk.fail("rename EIO");
    process.terminate();
    process.wait_for_line("the server goes on, since its data could not be saved");
    disk.mend();
    assert_eq!(process.connect().must("GET key:99"), Reply::Bulk(Some(b"99".to_vec())));
    process.terminate();
    assert_eq!(process.wait(), Some(0), "it is a first signal again");
    assert_eq!(count_keys(&site), 100);
}

#[test]
fn a_command_that_never_ends_does_not_stop_the_end() {
    let flags: [&[&str]; 4] =
        [&SAVE, &LOG, &SOON, &["--enable-debug-command", "yes", "--compute-threads", "1"]];
    let Some(site) = site("command", &flags) else { return };
    let mut process = site.start();
    write_keys(&mut process.connect(), 0..100);
    let mut sleeper = process.connect();
    sleeper.send(&[words("DEBUG SLEEP 1000")]).expect("the server reads");
    process.wait_for_command("debug");
    process.terminate();
    assert_eq!(process.wait(), Some(0), "the data are saved all the same");
    assert_eq!(count_keys(&site), 100);
}

#[test]
fn a_transaction_that_never_ends_does_not_stop_the_end_and_the_log_has_all() {
    let flags: [&[&str]; 4] = [&SAVE, &LOG, &SOON, &["--enable-debug-command", "yes"]];
    let Some(site) = site("transaction", &flags) else { return };
    let mut process = site.start();
    write_keys(&mut process.connect(), 0..100);
    let mut sleeper = process.connect();
    // While they are queued, PING is the last: DEBUG is again when it runs.
    ["MULTI", "DEBUG SLEEP 1000", "PING"].iter().for_each(|line| drop(sleeper.must(line)));
    sleeper.send(&[words("EXEC")]).expect("the server reads");
    process.wait_for_command("debug");
    ends_without(&mut process, "the final RDB snapshot");
    assert_eq!(count_keys(&site), 100);
}

#[test]
fn clients_that_read_nothing_do_not_stop_the_end() {
    let Some(site) = site("clients", &[&SAVE, &SOON]) else { return };
    let mut process = site.start();
    let mut connection = process.connect();
    connection.must(&format!("SET large {}", "x".repeat(1 << 20)));
    let mut deaf = TcpStream::connect(process.address()).expect("it listens");
    deaf.write_all(&b"GET large\r\n".repeat(40)).expect("it reads");
    process.wait_for_command("get");
    process.terminate();
    assert_eq!(process.wait(), Some(0));
    assert_eq!(count_keys(&site), 1);
    drop(deaf);
}

#[test]
fn a_signal_behind_shutdown_does_not_break_it_off() {
    let Some((site, disk)) = site_with_disk("behind", &[&SAVE, &LATE]) else { return };
    let mut process = site.start();
    let mut connection = process.connect();
    write_keys(&mut connection, 0..100);
    disk.fail("rename HANG");
    connection.send(&[words("SHUTDOWN")]).expect("the server reads");
    process.wait_for_line("Saving the final RDB snapshot before exiting.");
    process.terminate();
    disk.mend();
    assert_eq!(process.wait(), Some(0));
    assert_eq!(count_keys(&site), 100);
}
