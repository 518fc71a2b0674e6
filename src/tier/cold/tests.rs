use std::fs;
use std::io::{Read, Write};
use std::sync::Arc;

use super::*;
use crate::persistence::files::testing::Folder;
use crate::splitmix::SplitMix64;
use crate::tier::Haste;

fn dir(folder: &Folder) -> Arc<TierDir> {
    TierDir::open(folder.path()).expect("it can be used")
}

/// Some of it can be compressed, and some cannot.
fn content(len: usize) -> Vec<u8> {
    let mut random = SplitMix64::new(len as u64);
    (0..len).map(|i| if i / 100_000 % 2 == 0 { random.next() as u8 } else { (i / 7) as u8 }).collect()
}

fn written(dir: &Arc<TierDir>, bytes: &[u8]) -> Arc<ColdFile> {
    let mut writer = ColdWriter::begin(dir, Haste::Now).expect("begun");
    bytes.chunks(777).for_each(|part| writer.write_all(part).expect("there is room"));
    writer.finish(3, 5, i64::MAX).expect("written")
}

fn read(file: &ColdFile) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.read()?.read_to_end(&mut bytes).map(|_| bytes)
}

#[test]
fn what_was_written_is_read() {
    let folder = Folder::new();
    let dir = dir(&folder);
    for len in [0, 1, 1000, (256 << 10) - 1, 256 << 10, (256 << 10) + 1, 1_234_567] {
        let file = written(&dir, &content(len));
        assert!(read(&file).expect("whole") == content(len), "{len}");
        let outline = file.outline();
        assert_eq!((outline.dim, outline.elements, outline.bytes), (3, 5, len as u64));
        assert_eq!((dir.bytes(), dir.cold().bytes()), (file.bytes(), file.bytes()));
        assert_eq!(fs::metadata(file.path()).expect("there").len(), file.bytes());
        let path = file.path();
        drop(file);
        assert!(!path.exists() && dir.bytes() == 0 && !dir.cold().any());
    }
}

#[test]
fn what_compresses_takes_less() {
    let folder = Folder::new();
    let dir = dir(&folder);
    let file = written(&dir, &[7; 1 << 20]);
    assert!(file.bytes() < 1 << 14, "{}", file.bytes());
}

/// Each byte of a file counts: whichever is flipped, nothing wrong is read, and the error names
/// the file.
#[test]
fn a_flipped_bit_is_an_error_that_names_the_block() {
    let folder = Folder::new();
    let dir = dir(&folder);
    let file = written(&dir, &content(600_000));
    let good = fs::read(file.path()).expect("there");
    let mut random = SplitMix64::new(3);
    let mut places: Vec<usize> = (0..super::format::HEADER + 40).collect();
    places.extend((0..400).map(|_| random.next() as usize % good.len()));
    for place in places {
        let mut bad = good.clone();
        bad[place] ^= 1 << (random.next() % 8);
        fs::write(file.path(), &bad).expect("written");
        let error = read(&file).expect_err("it is damaged").to_string();
        assert!(error.contains(&format!("{}.cold", file.id())), "{error}");
        assert!(place < super::format::HEADER || error.contains(": block "), "{error}");
    }
    for len in [0, 71, 72, 80, 90, good.len() - 1] {
        fs::write(file.path(), &good[..len]).expect("written");
        assert!(read(&file).is_err(), "{len}");
    }
    fs::remove_file(file.path()).expect("there");
    assert!(read(&file).expect_err("it is gone").to_string().contains(".cold"));
    fs::write(file.path(), &good).expect("written");
    assert!(read(&file).expect("whole") == content(600_000));
}

#[test]
fn blocks_of_other_files_and_in_another_order_are_refused() {
    let folder = Folder::new();
    let dir = dir(&folder);
    // Incompressible, so that all blocks have one size.
    let random = |seed| {
        let mut random = SplitMix64::new(seed);
        (0..3 * super::format::BLOCK).map(|_| random.next() as u8).collect::<Vec<u8>>()
    };
    let [one, other] = [1, 2].map(|seed| written(&dir, &random(seed)));
    let [mine, theirs] = [&one, &other].map(|file| fs::read(file.path()).expect("there"));
    let block = super::format::BLOCK_HEAD + super::format::BLOCK;
    let from = super::format::HEADER;
    let mut swapped = mine.clone();
    swapped[from..from + block].copy_from_slice(&mine[from + block..from + 2 * block]);
    let mut foreign = mine.clone();
    foreign[from..from + block].copy_from_slice(&theirs[from..from + block]);
    for bad in [swapped, foreign] {
        fs::write(one.path(), bad).expect("written");
        assert!(read(&one).expect_err("damaged").to_string().contains("block 0 at offset 72: its checksum"));
    }
    fs::write(one.path(), theirs).expect("written");
    assert!(read(&one).is_err(), "another file under this name");
}

#[test]
fn files_outlive_the_server_and_are_claimed_by_what_they_are() {
    let folder = Folder::new();
    let before = dir(&folder);
    let file = written(&before, &content(1000));
    let lost = written(&before, &content(2000));
    let (id, outline) = (file.id(), *file.outline());
    let mut unfinished = ColdWriter::begin(&before, Haste::Now).expect("begun");
    unfinished.write_all(&content(1_000_000)).expect("there is room");
    before.keep_files();
    drop((file, lost));
    // As after a kill.
    std::mem::forget(unfinished);
    // The lock is held by the open file, which the forgotten writer still refers to.
    let folder_of_next = Folder::new();
    for entry in fs::read_dir(folder.path()).expect("a folder") {
        let path = entry.expect("an entry").path();
        fs::copy(&path, folder_of_next.path().join(path.file_name().expect("named"))).expect("copied");
    }
    let after = dir(&folder_of_next);
    assert_eq!(fs::read_dir(folder_of_next.path()).expect("a folder").count(), 3, "two, and the lock");
    assert!(after.claim(id, &Outline { sum: outline.sum ^ 1, ..outline }).is_none());
    let file = after.claim(id, &outline).expect("it is there");
    assert!(Arc::ptr_eq(&file, &after.claim(id, &outline).expect("it is there")));
    assert_eq!((after.cold().files(), after.bytes()), (1, file.bytes()));
    assert_eq!(after.remove_unclaimed().expect("listed"), 1);
    assert!(read(&file).expect("whole") == content(1000));
    // A file that is claimed while its last reference is dropped is not removed: see `Drop`.
    drop(file);
    assert!(after.claim(id, &outline).is_none());
}

#[test]
fn without_room_there_is_no_file() {
    let folder = Folder::new();
    let dir = dir(&folder);
    dir.set_max_bytes(400_000);
    let kept = written(&dir, &content(1000));
    let mut writer = ColdWriter::begin(&dir, Haste::Now).expect("begun");
    let outcome = writer.write_all(&content(2_000_000));
    assert_eq!(outcome.expect_err("too much").kind(), io::ErrorKind::StorageFull);
    drop(writer);
    assert_eq!((dir.bytes(), dir.refusals()), (kept.bytes(), 1));
    assert_eq!(files_in(folder.path()).expect("a folder").len(), 1);
}

#[test]
fn ids_are_names() {
    let id = FileId::new().expect("random");
    assert_eq!(id.to_string().parse(), Ok(id));
    for text in ["", "0", &"g".repeat(32), &"A".repeat(32), &format!("+{}", "0".repeat(31))] {
        assert!(text.parse::<FileId>().is_err(), "{text}");
    }
}
