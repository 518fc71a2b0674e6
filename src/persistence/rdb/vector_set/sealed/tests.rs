//! Sets that take the place of others while snapshots name files.

use std::time::{Duration, Instant};

use super::*;
use crate::journal::Record;
use crate::keyspace::{Clock, Deadline, EvictReason, Keyspace, NotExchanged, Policy, Unit, Value};
use crate::persistence::files::testing::Folder;
use crate::persistence::rdb::save::{FileInfo, Progress, save};
use crate::vector_set::{Hold, Lifetime, NamedBy, Params, Put, Residence, TierPolicy, Urgency};

const DIM: usize = 64;

fn add(set: &VectorSet, n: usize) {
    let vector = (0..DIM).map(|i| ((n * 31 + i * i * 7) % 97) as f32 + 1.0).collect();
    let put = Put {
        element: &n.to_string().into_bytes(),
        vector,
        attribute: Some(b"1"),
        lifetime: Lifetime::Endless,
    };
    assert!(set.untimed().upsert(Hold::Exclusive, &[put], 40, Record::unlogged()).is_ok());
}

/// A keyspace with a directory for files.
fn with_tier() -> (Folder, Arc<TierDir>, Keyspace) {
    let folder = Folder::new();
    let dir = TierDir::open(folder.path()).expect("it can be used");
    let keyspace = Keyspace::new(Clock::manual(1));
    keyspace.set_tier(Arc::clone(&dir));
    (folder, dir, keyspace)
}

/// A warm set of some elements, with the key `w`.
fn warm(keyspace: &Keyspace, dir: &Arc<TierDir>) -> Arc<VectorSet> {
    let params = Params::new(DIM).expect("valid");
    let set = VectorSet::new_in(params, 1, Residence::of(Some(dir), true));
    let set =
        Arc::new(set.with_options(SetOptions { may_be_empty: true, is_warm: true, ..SetOptions::default() }));
    (0..300).for_each(|n| add(&set, n));
    let value = Value::VectorSet(Arc::clone(&set));
    keyspace.db(0).exclusive(&["w"]).put(b"w", value, Deadline::NEVER);
    set
}

fn present(keyspace: &Keyspace) -> Arc<VectorSet> {
    keyspace.db(0).vector_set_in_memory(b"w").expect("it is there").set
}

/// The files that a snapshot has written, which has its name now.
fn saved(keyspace: &Keyspace) -> Adoption {
    let (snapshot, ()) = keyspace.snapshot(|_| ());
    let progress = Progress::default();
    progress.begin(0);
    let out = Writer::new(Vec::new(), true, true);
    let saved = save(snapshot, out, &FileInfo::default(), &[], &mut Vec::new(), (&progress, Haste::Now));
    let mut adoption = saved.expect("memory").1.pop().expect("the set is sealed");
    adoption.adopt(NamedBy::Snapshot);
    adoption
}

fn merged(keyspace: &Keyspace, dir: &Arc<TierDir>) -> bool {
    let files = merge(&present(keyspace), (0, b"w"), (dir, Haste::Now), &|| Ok(()));
    files.expect("there is room").exchange(keyspace, &|| true)
}

#[test]
fn who_takes_the_place_of_a_set_keeps_the_files_that_a_snapshot_names() {
    let (_folder, dir, keyspace) = with_tier();
    let first = warm(&keyspace, &dir);
    // Another set comes between the snapshot and the exchange; and after it.
    for is_between in [true, false] {
        add(&present(&keyspace), 998 + usize::from(is_between));
        let files = saved(&keyspace);
        let named = files.sealed.id();
        add(&present(&keyspace), 1000);
        if is_between {
            assert!(merged(&keyspace, &dir));
            assert!(!files.exchange(&keyspace, &|| true), "the key has another set");
        } else {
            assert!(files.exchange(&keyspace, &|| true));
            add(&present(&keyspace), 1001);
            assert!(merged(&keyspace, &dir));
        }
        assert!(dir.claim_sealed(named).is_some(), "{is_between}");
        assert!(!Arc::ptr_eq(&first, &present(&keyspace)));
    }
    assert_eq!(present(&keyspace).len(), 304);
}

#[test]
fn elements_in_files_are_evicted_when_no_set_can_go_there_any_more() {
    let (_folder, dir, keyspace) = with_tier();
    keyspace.configure_eviction(Policy::named("allkeys-lru").expect("one"), 5, Unit::Element);
    dir.balance().set_policy(TierPolicy::Demote);
    warm(&keyspace, &dir);
    assert!(merged(&keyspace, &dir));
    (0..10).for_each(|n| add(&present(&keyspace), 1000 + n));
    let evict = || keyspace.evict(1, Instant::now() + Duration::from_secs(600), EvictReason::Limit);
    let is_there = |n: usize| present(&keyspace).untimed().contains(&n.to_string().into_bytes());
    while !evict().exhausted {
        assert!((0..300).all(is_there));
    }
    assert!(!(0..10).any(|n| is_there(1000 + n)));
    // Until nothing can go into files any more.
    dir.set_max_bytes(dir.bytes() + 1000);
    keyspace.let_lent_elements_go(&dir, true, |_| true);
    assert!(evict().exhausted && (0..300).all(is_there), "they would never fit");
    dir.set_max_bytes(0);
    keyspace.let_lent_elements_go(&dir, true, |_| false);
    assert!(evict().exhausted && (0..300).all(is_there), "it was tried just now");
    keyspace.let_lent_elements_go(&dir, true, |_| true);
    while !present(&keyspace).is_to_be_merged(Urgency::MemoryIsShort) {
        assert!(!evict().exhausted);
    }
    let left = (0..300).filter(|&n| is_there(n)).count();
    assert!((270..290).contains(&left), "{left}: less than one in 16 is left in the files");
    assert!(merged(&keyspace, &dir));
    assert_eq!(present(&keyspace).len(), left);
    assert!(evict().exhausted, "those of the new files stay");
}

#[test]
fn it_stays_if_its_settings_change_or_work_is_to_end() {
    let (_folder, dir, keyspace) = with_tier();
    let set = warm(&keyspace, &dir);
    let files = || merge(&set, (0, b"w"), (&dir, Haste::Now), &|| Ok(())).expect("there is room");
    add(&set, 1000);
    let before_change = files();
    add(&set, 1001);
    assert!(!before_change.exchange(&keyspace, &|| false), "it has something to do, and is not to");
    let (moved, changed) = set.moved(None, false).expect("it is whole");
    let moved = Arc::new(moved.with_limits(crate::vector_set::Limits { ttl_ms: Some(1), ..set.limits() }));
    let exchanged = keyspace.db(0).exchange_set(b"w", &set, &moved, &changed, &|| true);
    assert_eq!(exchanged, Err(NotExchanged::Changed));
    let exchanged = keyspace.db(0).exchange_set(b"other", &set, &moved, &changed, &|| true);
    assert_eq!(exchanged, Err(NotExchanged::Replaced));
    assert!(Arc::ptr_eq(&set, &present(&keyspace)));
    assert!(merge(&set, (0, b"w"), (&dir, Haste::Now), &|| Err(io::ErrorKind::Interrupted.into())).is_none());
    assert!(files().exchange(&keyspace, &|| true));
    assert!(!Arc::ptr_eq(&set, &present(&keyspace)));
}
