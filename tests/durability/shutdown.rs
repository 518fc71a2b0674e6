//! SIGTERM stops a server whatever hangs; tests of that, and of the data on the disk afterwards.

use std::io::Write;
use std::net::TcpStream;

use crate::connection::{Connection, Reply, words};
use crate::process::{Process, Program, Site};
use crate::shim::FailingDisk;

/// A snapshot at shutdown, and no other.
const SAVE: [&str; 2] = ["--save", "86400 1000000"];
const LOG: [&str; 4] = ["--appendonly", "yes", "--aof-load-truncated", "no"];
const SOON: [&str; 2] = ["--shutdown-timeout", "2"];
/// Longer than the tests wait for the server's exit.
const LATE: [&str; 2] = ["--shutdown-timeout", "600"];

/// Not for Redis: its time-out concerns replicas, and a disk that hangs blocks its shutdown for
/// ever.
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

/// Checks that the server exits with status 1, and logs what it did not wait for.
fn exits_without(process: &mut Process, what: &str) {
    process.terminate();
    assert_eq!(process.wait(), Some(1), "it did not wait for all");
    process.wait_for_line(&format!("Shutdown timed out after 2s, waiting for {what}. Exiting."));
}

#[test]
fn a_snapshot_that_hangs_does_not_prevent_the_exit_and_the_log_has_all() {
    let Some((site, disk)) = site_with_disk("background", &[&SAVE, &LOG, &SOON]) else { return };
    let mut process = site.start();
    let mut connection = process.connect();
    write_keys(&mut connection, 0..100);
    disk.fail("rename HANG");
    connection.must("BGSAVE");
    write_keys(&mut connection, 100..200);
    exits_without(&mut process, "a running snapshot to be given up");
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
        exits_without(&mut process, "the final RDB snapshot");
        disk.mend();
        assert_eq!(count_keys(&site), keys);
    }
}

#[test]
fn a_log_that_hangs_does_not_prevent_the_exit() {
    let Some((site, disk)) = site_with_disk("log", &[&["--save", ""], &LOG, &SOON]) else { return };
    let mut process = site.start();
    let mut connection = process.connect();
    connection.must("CONFIG SET appendfsync always");
    write_keys(&mut connection, 0..100);
    disk.fail("sync HANG");
    // The reply is withheld: the write is not acknowledged.
    connection.send(&[words("SET key:100 100")]).expect("the server reads");
    exits_without(&mut process, "the end of the AOF");
    disk.mend();
    assert!(count_keys(&site) >= 100, "all that was acknowledged is there");
}

#[test]
fn the_second_signal_stops_it_at_once() {
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
fn a_command_that_never_ends_does_not_prevent_the_exit() {
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
fn a_transaction_that_never_ends_does_not_prevent_the_exit_and_the_log_has_all() {
    let flags: [&[&str]; 4] = [&SAVE, &LOG, &SOON, &["--enable-debug-command", "yes"]];
    let Some(site) = site("transaction", &flags) else { return };
    let mut process = site.start();
    write_keys(&mut process.connect(), 0..100);
    let mut sleeper = process.connect();
    // While the commands are queued, PING is the client's last command; when DEBUG runs, it is
    // DEBUG again.
    ["MULTI", "DEBUG SLEEP 1000", "PING"].iter().for_each(|line| drop(sleeper.must(line)));
    sleeper.send(&[words("EXEC")]).expect("the server reads");
    process.wait_for_command("debug");
    exits_without(&mut process, "the final RDB snapshot");
    assert_eq!(count_keys(&site), 100);
}

#[test]
fn clients_that_read_nothing_do_not_prevent_the_exit() {
    let Some(site) = site("clients", &[&SAVE, &SOON]) else { return };
    let mut process = site.start();
    let mut connection = process.connect();
    connection.must(&format!("SET large {}", "x".repeat(1 << 20)));
    let mut client = TcpStream::connect(process.address()).expect("it listens");
    client.write_all(&b"GET large\r\n".repeat(40)).expect("it reads");
    process.wait_for_command("get");
    process.terminate();
    assert_eq!(process.wait(), Some(0));
    assert_eq!(count_keys(&site), 1);
    drop(client);
}

#[test]
fn a_signal_after_shutdown_does_not_abort_it() {
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
