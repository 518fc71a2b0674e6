//! Disks that fail and recover: writes are refused meanwhile, reads go on, and no acknowledged
//! write is lost.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::connection::{Connection, Reply, Request, words};
use crate::process::{Process, Program, Site};
use crate::shim::FailingDisk;

/// The longest wait for a server to notice that its disk fails, or works again. It is long, for an
/// unoptimised server on a machine that does much else.
const TIMEOUT: Duration = Duration::from_secs(120);
/// Between two attempts of a write.
const PAUSE: Duration = Duration::from_millis(5);
/// Writes in a portion.
const SOME: usize = 60;

/// Numbered writes, and which were acknowledged.
#[derive(Default)]
struct Writes {
    next: usize,
    acknowledged: Vec<usize>,
    /// Writes whose replies are withheld until the disk works again: with `always` the server
    /// cannot reply before.
    withheld: Vec<(usize, Connection)>,
}

impl Writes {
    /// Each third write adds a vector.
    fn request(number: usize) -> Request {
        match number % 3 {
            0 => words(&format!("VADD set VALUES 2 {} 1 element:{number} SETATTR {number}", number + 1)),
            1 => words(&format!("SET key:{number} {number:0>500}")),
            _ => words(&format!("HSET hash {number} {number}")),
        }
    }

    /// Sends one more write, and returns its reply.
    fn one(&mut self, connection: &mut Connection) -> Reply {
        let number = self.next;
        self.next += 1;
        let reply = connection.call(Self::request(number)).expect("the server replies");
        if reply.error().is_none() {
            self.acknowledged.push(number);
        }
        reply
    }

    fn some(&mut self, connection: &mut Connection) {
        for _ in 0..SOME {
            let reply = self.one(connection);
            assert_eq!(reply.error(), None, "the disk works");
        }
    }

    /// Writes until one is refused.
    fn until_refused(&mut self, process: &Process) {
        let mut connection = process.connect();
        let mut is_refused = |_| {
            let number = self.next;
            self.next += 1;
            let Some(reply) = connection.call_promptly(Self::request(number)) else {
                let withholding = std::mem::replace(&mut connection, process.connect());
                self.withheld.push((number, withholding));
                return false;
            };
            assert!(reply.error().is_none() || is_refusal(&reply), "{reply:?}");
            self.acknowledged.extend(reply.error().is_none().then_some(number));
            is_refusal(&reply)
        };
        eventually("the server refuses writes", || (0..SOME).any(&mut is_refused));
    }

    /// Takes the replies that were withheld.
    fn take_withheld(&mut self) {
        for (number, mut connection) in self.withheld.drain(..) {
            let reply = connection.receive().expect("the server replies when the disk works");
            self.acknowledged.extend(reply.error().is_none().then_some(number));
        }
    }

    fn until_accepted(&mut self, connection: &mut Connection) {
        eventually("the server takes writes again", || {
            let reply = self.one(connection);
            assert!(reply.error().is_none() || is_refusal(&reply), "{reply:?}");
            reply.error().is_none()
        });
    }

    /// True if the data of this write exist.
    fn has(number: usize, connection: &mut Connection) -> bool {
        let request = match number % 3 {
            0 => format!("VGETATTR set element:{number}"),
            1 => format!("GET key:{number}"),
            _ => format!("HGET hash {number}"),
        };
        let value = connection.must(&request).bulk().map(|text| String::from_utf8_lossy(&text).into_owned());
        value.is_some_and(|value| value.parse() == Ok(number))
    }

    fn check_all(&self, connection: &mut Connection) {
        for &number in &self.acknowledged {
            assert!(Self::has(number, connection), "write {number} of {} was acknowledged", self.next);
        }
    }

    /// Reads go on; a write that is refused changes nothing.
    fn check_refusing(&mut self, connection: &mut Connection) {
        self.check_all(connection);
        assert!(!connection.must("VSIM set VALUES 2 1 1").array().is_empty());
        let number = self.next;
        let reply = self.one(connection);
        assert!(is_refusal(&reply), "{reply:?}");
        assert!(!Self::has(number, connection), "write {number} was refused");
    }
}

/// The reply of a server that cannot write.
fn is_refusal(reply: &Reply) -> bool {
    reply.error().is_some_and(|text| text.starts_with("MISCONF"))
}

fn eventually(what: &str, mut happens: impl FnMut() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !happens() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(PAUSE);
    }
}

/// Flags of a log without snapshots, of a policy. A torn record at its end is an error.
fn logged(policy: &str) -> Vec<&str> {
    vec!["--save", "", "--appendonly", "yes", "--appendfsync", policy, "--aof-load-truncated", "no"]
}

/// Redis exits if it cannot sync with `always`.
fn policies() -> &'static [&'static str] {
    if Program::chosen().is_redis { &["everysec"] } else { &["always", "everysec"] }
}

/// Stops the server: by a kill, if the policy allows no loss then.
fn stop(process: Process, policy: &str) {
    if policy == "always" { process.kill() } else { process.shut_down() }
}

/// The log's disk fails, and recovers.
fn fail_log(how: &str) {
    for policy in policies() {
        let mut site = Site::new(&format!("fault-{}-{policy}", how.replace(' ', "-")), &logged(policy));
        let Some(disk) = FailingDisk::new(&mut site) else { return };
        survive(&site, policy, || disk.fail(how), || disk.mend());
    }
}

fn survive(site: &Site, policy: &str, fail: impl FnOnce(), mend: impl FnOnce()) {
    let process = site.start();
    let mut connection = process.connect();
    let mut writes = Writes::default();
    writes.some(&mut connection);
    assert_eq!(connection.info("aof_last_write_status"), "ok");
    fail();
    writes.until_refused(&process);
    assert_eq!(connection.info("aof_last_write_status"), "err");
    writes.check_refusing(&mut connection);
    mend();
    writes.take_withheld();
    writes.until_accepted(&mut connection);
    assert_eq!(connection.info("aof_last_write_status"), "ok");
    writes.some(&mut connection);
    stop(process, policy);
    writes.check_all(&mut site.start().connect());
}

#[test]
fn a_full_disk_of_the_log_loses_nothing() {
    fail_log("write ENOSPC");
}

#[test]
fn a_write_cut_short_leaves_no_torn_record() {
    fail_log("write ENOSPC 777");
}

#[test]
fn a_log_that_cannot_be_synced_refuses_writes() {
    // Redis does not retry by itself.
    if !Program::chosen().is_redis {
        fail_log("sync EIO");
    }
}

/// How the disk fails when whole files are written. Redis writes those by C streams, which the shim
/// does not replace.
fn failures() -> &'static [&'static str] {
    let all = &["sync EIO", "rename EIO", "write ENOSPC", "write ENOSPC 500"];
    if Program::chosen().is_redis { &all[..2] } else { all }
}

/// Makes a snapshot, waits for its end, and returns its outcome.
fn snapshot(connection: &mut Connection) -> String {
    let reply = connection.must("BGSAVE");
    assert_eq!(reply.error(), None);
    eventually("the snapshot ends", || connection.info("rdb_bgsave_in_progress") == "0");
    connection.info("rdb_last_bgsave_status")
}

fn fail_snapshot(how: &str) {
    let flags = ["--save", "86400 1000000", "--appendonly", "no"];
    let mut site = Site::new(&format!("fault-snapshot-{}", how.replace(' ', "-")), &flags);
    let Some(disk) = FailingDisk::new(&mut site) else { return };
    let process = site.start();
    let mut connection = process.connect();
    let mut writes = Writes::default();
    writes.some(&mut connection);
    assert_eq!(snapshot(&mut connection), "ok");
    let before = fs::read(site.data.join("dump.rdb")).expect("it was saved");
    writes.some(&mut connection);
    disk.fail(how);
    assert_eq!(snapshot(&mut connection), "err");
    assert!(connection.must("SAVE").error().is_some());
    writes.check_refusing(&mut connection);
    assert_eq!(fs::read(site.data.join("dump.rdb")).expect("it is there still"), before);
    disk.mend();
    assert_eq!(snapshot(&mut connection), "ok");
    writes.some(&mut connection);
    assert_eq!(snapshot(&mut connection), "ok");
    process.kill();
    let left: Vec<_> = fs::read_dir(&site.data).expect("it is ours").collect();
    assert_eq!(left.len(), 1, "temporary files are left: {left:?}");
    writes.check_all(&mut site.start().connect());
}

#[test]
fn a_snapshot_that_fails_leaves_the_last_one() {
    failures().iter().copied().for_each(fail_snapshot);
}

/// A rewrite fails while nothing else is written; the log goes on.
fn fail_rewrite(how: &str) {
    let mut site = Site::new(&format!("fault-rewrite-{}", how.replace(' ', "-")), &logged("everysec"));
    let Some(disk) = FailingDisk::new(&mut site) else { return };
    let process = site.start();
    let mut connection = process.connect();
    let mut writes = Writes::default();
    writes.some(&mut connection);
    disk.fail(how);
    // It may fail at once.
    connection.must("BGREWRITEAOF");
    eventually("the rewrite fails", || connection.info("aof_last_bgrewrite_status") == "err");
    disk.mend();
    writes.until_accepted(&mut connection);
    writes.some(&mut connection);
    process.shut_down();
    let process = site.start();
    let mut connection = process.connect();
    writes.check_all(&mut connection);
    assert_eq!(connection.must("BGREWRITEAOF").error(), None);
    eventually("the rewrite ends", || connection.info("aof_rewrite_in_progress") == "0");
    assert_eq!(connection.info("aof_last_bgrewrite_status"), "ok");
    writes.some(&mut connection);
    process.shut_down();
    writes.check_all(&mut site.start().connect());
}

#[test]
fn a_rewrite_that_fails_leaves_the_log() {
    // The log is synced once a second too, which Redis does not retry.
    let is_supported = |how: &&str| !Program::chosen().is_redis || !how.starts_with("sync");
    failures().iter().copied().filter(is_supported).for_each(fail_rewrite);
}

/// A separate file system that is nearly full.
struct SmallDisk {
    mounted: PathBuf,
    filler: PathBuf,
}

impl SmallDisk {
    /// `None`, and a message, if it cannot be mounted.
    fn mount(site: &Site) -> Option<Self> {
        let mounted = site.data.clone();
        let options = ["-t", "tmpfs", "-o", "size=2m", "none"];
        let ran = Command::new("mount").args(options).arg(&mounted).output();
        if !ran.is_ok_and(|output| output.status.success()) {
            println!("SKIP a file system that fills up: it cannot be mounted here");
            return None;
        }
        let filler = mounted.join("filler");
        fs::write(&filler, vec![0; 1 << 20]).expect("it is ours");
        Some(Self { mounted, filler })
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.mounted).status();
    }
}

#[test]
fn a_file_system_that_fills_up_loses_nothing() {
    for policy in policies() {
        let site = Site::new(&format!("fault-full-{policy}"), &logged(policy));
        let Some(disk) = SmallDisk::mount(&site) else { return };
        survive(&site, policy, || {}, || fs::remove_file(&disk.filler).expect("it is ours"));
    }
}
