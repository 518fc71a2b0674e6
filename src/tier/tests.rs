use super::*;
use crate::persistence::files::testing::Folder;

fn bytes(area: &Area, len: usize) -> &[u8] {
    // SAFETY: the bytes are usable, and no test writes while it reads.
    unsafe { std::slice::from_raw_parts(area.as_mut_ptr(), len) }
}

fn fill(area: &Area, len: usize, byte: u8) {
    // SAFETY: as above.
    unsafe { area.as_mut_ptr().write_bytes(byte, len) };
}

#[test]
fn what_is_written_to_an_area_is_read() {
    let folder = Folder::new();
    let dir = TierDir::open(folder.path()).expect("it can be used");
    let space = dir.space();
    let mut area = space.area(1 << 20).expect("there are addresses");
    assert_eq!((dir.bytes(), dir.spaces()), (0, 1));
    for len in [1, 70_000, 70_001, 1 << 20] {
        area.extend_to(len);
        assert!(space.bytes() >= len as u64 && dir.bytes() == space.bytes());
        fill(&area, len, 7);
    }
    assert!(bytes(&area, 1 << 20).iter().all(|&byte| byte == 7));
    assert_eq!((area.in_memory(), dir.refused_bytes(), dir.refusals()), (0, 0, 0));
    drop(area);
    drop(space);
    assert_eq!((dir.bytes(), dir.spaces()), (0, 0));
}

#[test]
fn beyond_the_bound_bytes_are_in_memory_at_the_same_addresses() {
    let folder = Folder::new();
    let dir = TierDir::open(folder.path()).expect("it can be used");
    dir.set_max_bytes(256 << 10);
    let space = dir.space();
    let mut area = space.area(1 << 20).expect("there are addresses");
    area.extend_to(200_000);
    fill(&area, 200_000, 7);
    let start = area.as_mut_ptr();
    area.extend_to(1 << 20);
    assert_eq!(area.as_mut_ptr(), start);
    assert!(bytes(&area, 200_000).iter().all(|&byte| byte == 7));
    fill(&area, 1 << 20, 9);
    assert!(bytes(&area, 1 << 20).iter().all(|&byte| byte == 9));
    assert_eq!(dir.bytes() + dir.refused_bytes(), 1 << 20);
    assert_eq!((area.in_memory() as u64, dir.refusals()), (dir.refused_bytes(), 1));
    assert!(dir.bytes() <= 256 << 10 && !dir.is_disk_full());
    // Back, and forth again.
    area.extend_to(100);
    assert_eq!((area.in_memory(), dir.refused_bytes()), (0, 0));
    area.extend_to(1 << 20);
    drop(area);
    assert_eq!((dir.bytes(), dir.refused_bytes()), (0, 0));
}

#[test]
fn files_are_open_until_they_have_all_blocks_and_no_more_than_may_be() {
    let folder = Folder::new();
    let dir = TierDir::open(folder.path()).expect("it can be used");
    let space = dir.space();
    dir.set_most_files(2);
    let mut first = space.area(1 << 20).expect("there may be two");
    let second = space.area(1 << 20);
    assert!(second.is_some() && space.area(1 << 20).is_none());
    first.extend_to(1 << 20);
    let third = space.area(1 << 20);
    assert!(third.is_some() && space.area(1 << 20).is_none());
    drop((second, third));
    assert_eq!(dir.open_files.load(Ordering::Relaxed), 0);
}

#[test]
fn a_second_user_of_a_directory_is_refused() {
    let folder = Folder::new();
    let dir = TierDir::open(folder.path()).expect("it can be used");
    assert!(matches!(TierDir::open(folder.path()), Err(Unusable::InUse)));
    drop(dir);
    assert!(TierDir::open(folder.path()).is_ok());
}

#[test]
fn a_path_that_is_no_directory_is_refused() {
    let folder = Folder::new();
    let file = folder.path().join("file");
    fs::write(&file, b"x").expect("it can be written");
    assert!(matches!(TierDir::open(&file), Err(Unusable::Io(_))));
}

#[test]
fn a_page_that_cannot_be_read_is_zeros_and_damages_its_space_alone() {
    let folder = Folder::new();
    let dir = TierDir::open(folder.path()).expect("it can be used");
    let (space, other) = (dir.space(), dir.space());
    let mut area = space.area(1 << 22).expect("there are addresses");
    let mut whole = other.area(1 << 22).expect("there are addresses");
    for area in [&mut area, &mut whole] {
        // Not all, so that the file is open.
        area.extend_to(1 << 20);
        fill(area, 1 << 20, 7);
    }
    let before = TierDir::unreadable_pages();
    area.lose_blocks();
    assert!(!space.is_damaged());
    assert_eq!(bytes(&area, 1 << 20).iter().filter(|&&byte| byte == 0).count(), 1 << 20);
    assert!(space.is_damaged() && !other.is_damaged());
    assert!(TierDir::unreadable_pages() > before);
    // Pages that were put there can be used.
    fill(&area, 1 << 20, 9);
    assert!(bytes(&area, 1 << 20).iter().all(|&byte| byte == 9));
    assert!(bytes(&whole, 1 << 20).iter().all(|&byte| byte == 7));
}
