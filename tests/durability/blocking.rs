//! Commands that wait hold no thread that computes.

use crate::connection::{Connection, Reply, Request, words};
use crate::process::{Program, Site};
use crate::shim::FailingDisk;

/// Components of a vector: so many that a search among a few of them is heavy.
const DIM: usize = 65_536;
/// Of 256 KiB each: a search that reads more than 8 MiB leaves the network thread.
const ELEMENTS: u32 = 36;

/// Redis saves on the thread that answers.
fn site(name: &str, flags: &[&str]) -> Option<Site> {
    let flags = [&["--io-threads", "1", "--compute-threads", "1"], flags].concat();
    (!Program::chosen().is_redis).then(|| Site::new(&format!("blocking-{name}"), &flags))
}

fn add(element: u32) -> Request {
    let mut request = words("VADD set FP32 VECTOR ELEMENT NOQUANT");
    request[3] = (0..DIM as u32).flat_map(|at| ((element * at % 7) as f32).to_le_bytes()).collect();
    request[4] = element.to_string().into_bytes();
    request
}

/// Adds elements, and makes sure that a search among them runs on the compute pool.
fn fill(connection: &mut Connection) {
    for element in 1..=ELEMENTS {
        assert_eq!(connection.ask(add(element)).expect("the server replies"), Reply::Integer(1));
    }
    let on_compute_pool = |connection: &mut Connection| {
        connection.info("commands_on_compute_pool").parse::<u64>().expect("a number")
    };
    let before = on_compute_pool(connection);
    search(connection);
    assert!(on_compute_pool(connection) > before, "the search is heavy");
}

fn search(connection: &mut Connection) {
    let found = connection.must(&format!("VSIM set ELE 1 COUNT {ELEMENTS}")).array();
    assert_eq!(found.len(), ELEMENTS as usize);
}

#[test]
fn a_save_on_a_disk_that_hangs_does_not_stop_heavy_commands() {
    let Some(mut site) = site("save", &["--save", ""]) else { return };
    let Some(disk) = FailingDisk::new(&mut site) else { return };
    let process = site.start();
    let (mut saver, mut searcher) = (process.connect(), process.connect());
    fill(&mut searcher);
    disk.fail("rename HANG");
    saver.send(&[words("SAVE")]).expect("the server reads");
    process.wait_for_command("save");
    search(&mut searcher);
    assert_eq!(searcher.must("CONFIG SET maxclients 1000"), Reply::Simple("OK".into()), "so may others wait");
    assert!(!saver.has_reply(), "it waits for the disk");
    disk.mend();
    assert_eq!(saver.receive().expect("the server replies"), Reply::Simple("OK".into()));
}
