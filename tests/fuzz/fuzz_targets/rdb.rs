//! Any bytes as a snapshot, or as a dumped value: they are loaded or refused, memory is bounded by
//! their length, and what was loaded can be dumped and restored.
#![no_main]

#[path = "../memory.rs"]
mod memory;

use libfuzzer_sys::fuzz_target;
use memory::Counting;
use nearhit::keyspace::{Clock, Keyspace};
use nearhit::persistence::loading::Loading;
use nearhit::persistence::rdb::check;
use nearhit::persistence::rdb::dump::{DumpError, dump, restore};
use nearhit::persistence::rdb::format::{MAGIC, VALKEY_MAGIC};
use nearhit::persistence::rdb::load::{How, load};
use nearhit::persistence::rdb::{Making, Reader};

#[global_allocator]
static MEMORY: Counting = Counting::new();

const NOW_MS: i64 = 1_800_000_000_000;
/// What an empty keyspace, the threads and their buffers take.
const MAX_BASE: usize = 64 << 20;
/// A byte of a file may stand for as much: a few dozen are a vector set, or an element with room
/// for its links.
const MAX_GROWTH: usize = 16 << 10;
/// Version 13, and no checksum.
const FOOTER: [u8; 10] = [13, 0, 0, 0, 0, 0, 0, 0, 0, 0];

fuzz_target!(|data: &[u8]| {
    let before = MEMORY.live();
    MEMORY.take_peak();
    if data.starts_with(MAGIC) || data.starts_with(VALKEY_MAGIC) {
        load_file(data);
    } else {
        restore_value(data);
    }
    let grown = MEMORY.take_peak().saturating_sub(before);
    assert!(grown < MAX_BASE + data.len() * MAX_GROWTH, "{grown} bytes for {} bytes", data.len());
});

fn load_file(data: &[u8]) {
    let keyspace = Keyspace::new(Clock::manual(NOW_MS));
    let how = How { skip_unknown: true, keep_ended: true };
    // A mutated file seldom has the right checksum.
    let input = || Reader::with_total(data, data.len() as u64).without_checksum();
    let loaded = load(input(), &keyspace, how, &Loading::default());
    let checked = check::check(input(), NOW_MS);
    // A key that comes twice, or to a database that is not there, is seen by the loader only.
    assert!(loaded.is_err() || checked.is_ok());
    for db in keyspace.databases() {
        db.direct().for_each(|entry| {
            let bytes = dump(entry.value()).expect("memory does not fail");
            restore(&bytes, Making::of(&keyspace)).expect("what was dumped is in order");
        });
    }
}

fn restore_value(data: &[u8]) {
    let restored = restore(&[data, &FOOTER].concat(), Making::default());
    assert!(!matches!(restored, Err(DumpError::Footer)), "there is one");
}
