//! Sets that were sealed and mapped, beside the sets that they were.

mod caches;

use super::*;
use crate::eviction::Rule;
use crate::journal::Record;
use crate::persistence::files::testing::Folder;
use crate::splitmix::SplitMix64;
use crate::tier::{Part, TierDir};
use crate::vector_index::LentIndex;
use crate::vector_set::{
    Bits, Bound, CacheOutline, Element, EvictionCriteria, Hold, Kind, Lifetime, LimitsChange, Linked, Metric,
    Params, Put, Residence, Search, SetOptions,
};

const DIM: usize = 16;
const OPTIONS: SetOptions =
    SetOptions { may_be_empty: true, has_chosen_kind: false, is_warm: true, is_demoted: false };
const LATER_MS: i64 = 4_000_000_000_000;

fn vector(n: u64) -> Vec<f32> {
    let mut random = SplitMix64::new(n);
    (0..DIM).map(|_| (random.next() >> 40) as f32 / (1 << 23) as f32 - 1.0).collect()
}

fn params(kind: Kind, rerank: Option<Kind>) -> Params {
    let params = Params::new(DIM).and_then(|params| params.with_format(kind, Metric::Cosine)).expect("valid");
    rerank.map_or(Ok(params.clone()), |rerank| params.with_rerank(rerank)).expect("valid")
}

fn warm(params: Params, dir: &Arc<TierDir>) -> Arc<VectorSet> {
    let set = VectorSet::new_in(params, 1, Residence::of(Some(dir), true));
    Arc::new(set.with_options(OPTIONS))
}

fn name(n: u64) -> Vec<u8> {
    format!("element:{n}").into_bytes()
}

/// What is done to one set, or to several alike.
fn change(sets: &[&Arc<VectorSet>], random: &mut SplitMix64, names: u64) {
    let n = random.next() % names;
    let what = random.next() % 8;
    let chosen = random.next() % 1000;
    for set in sets {
        let (set, name) = (set.untimed(), name(n));
        let done = match what {
            0 | 1 => set.remove(Hold::Exclusive, &[&name], Record::unlogged()).is_ok(),
            2 => {
                let attribute = if chosen < 300 { String::new() } else { format!(r#"{{"x":{chosen}}}"#) };
                let record = Record::unlogged();
                set.set_attribute(Hold::Exclusive, &name, attribute.as_bytes(), record).is_ok()
            }
            _ => {
                let attribute = format!(r#"{{"n":{chosen}}}"#);
                let attribute = chosen.is_multiple_of(2).then_some(attribute.as_bytes());
                let lifetime = if chosen < 200 { Lifetime::Until(LATER_MS) } else { Lifetime::Endless };
                let put = Put {
                    element: &name,
                    vector: vector(chosen.wrapping_mul(names).wrapping_add(n)),
                    attribute,
                    lifetime,
                };
                set.upsert(Hold::Exclusive, &[put], 60, Record::unlogged()).is_ok()
            }
        };
        assert!(done, "no limit refuses it");
    }
}

fn seal(set: &Arc<VectorSet>, dir: &Arc<TierDir>) -> Arc<Sealed> {
    let mut frozen = set.freeze_now(Linked::AsTheyAre);
    let mut writer = SetWriter::begin(dir, &mut frozen, &mut Vec::new()).expect("there is room");
    while frozen.next_block(&mut Vec::new(), &mut |element| writer.add(&element)).expect("it is whole") {}
    let files = writer.end().and_then(|ended| ended.finish(b"words".to_vec(), &|| Ok(())));
    files.expect("there is room").0
}

fn open(sealed: &Arc<Sealed>, params: &Params) -> Arc<VectorSet> {
    assert_eq!(sealed.words(), b"words");
    Arc::new(try_open(sealed, params, None).expect("it is whole"))
}

fn try_open(
    sealed: &Arc<Sealed>,
    params: &Params,
    cache: Option<CacheOutline>,
) -> std::io::Result<VectorSet> {
    let index = LentIndex { seed: 1, codebook: None, matrix: None, reserved: 1 << 20 };
    VectorSet::of_sealed(sealed, params.clone(), OPTIONS, index, cache)
}

/// Names, each with a number: the bits of a distance, where there is one.
type Found = Vec<(Vec<u8>, u32)>;

fn found(set: &VectorSet, query: u64, truth: bool) -> Found {
    let query = set.query(&vector(query)).expect("right dimension");
    let search =
        Search { count: 10, ef: 100, filter: None, filter_ef: None, truth, plan: None, deadline: None };
    let hits = set.untimed().search(&query, &search);
    let mut found: Vec<_> = hits.iter().map(|hit| (hit.element.to_vec(), hit.distance.to_bits())).collect();
    // Slots differ, by which elements of the same distance are ordered.
    found.sort();
    found
}

/// All that can be asked of two sets.
fn compare(a: &Arc<VectorSet>, b: &Arc<VectorSet>, random: &mut SplitMix64, names: u64) {
    assert_eq!((a.len(), a.untimed().digest()), (b.len(), b.untimed().digest()));
    let (a_now, b_now) = (a.untimed(), b.untimed());
    for _ in 0..20 {
        let (from, to) = (name(random.next() % names), name(random.next() % names));
        let range =
            |set: &super::super::Present<'_>| set.range(Bound::Included(&from), Bound::Excluded(&to), 25);
        assert_eq!(range(&a_now), range(&b_now));
        assert_eq!(a_now.attributes(&[&from]), b_now.attributes(&[&from]));
        assert_eq!(a_now.contains(&from), b_now.contains(&from));
        let query = random.next();
        // Of several elements that are as far away, any may be among the ten.
        let distances = |set| found(set, query, true).into_iter().map(|(_, distance)| distance).max();
        assert_eq!(distances(a), distances(b));
    }
    let mut all = b_now.random_distinct(usize::MAX, |n| random.next() as usize % n);
    all.sort();
    assert_eq!(all, a_now.range(Bound::Unbounded, Bound::Unbounded, usize::MAX));
}

/// Of the ten nearest to each of some queries, how many a walk finds.
fn recall(set: &VectorSet) -> f64 {
    let of_query = |query| {
        let exact = found(set, query, true);
        found(set, query, false).iter().filter(|found| exact.contains(found)).count()
    };
    (0..40).map(of_query).sum::<usize>() as f64 / 400.0
}

#[test]
fn a_mapped_set_is_the_set_that_was_sealed_whatever_is_done_to_both() {
    const NAMES: u64 = 800;
    let kinds = [
        (Kind::Float32, None),
        (Kind::Int8, None),
        (Kind::Binary, None),
        (Kind::RaBitQ(Bits::One), Some(Kind::Float16)),
    ];
    for (seed, (kind, rerank)) in (0..).zip(kinds) {
        let folder = Folder::new();
        let dir = TierDir::open(folder.path()).expect("it can be used");
        let (mut random, params) = (SplitMix64::new(seed), params(kind, rerank));
        let set = warm(params.clone(), &dir);
        (0..2000).for_each(|_| change(&[&set], &mut random, NAMES));
        set.untimed().set_pinned(&name(0));
        let mut other = open(&seal(&set, &dir), &params);
        compare(&set, &other, &mut random, NAMES);
        let (before, after) = (recall(&set), recall(&other));
        assert!(after > before - 0.02, "{kind:?}: {before} {after}");
        for round in 0..2 {
            (0..800).for_each(|_| change(&[&set, &other], &mut random, NAMES));
            compare(&set, &other, &mut random, NAMES);
            while other.compact_step(64, super::super::Urgency::MemoryIsShort) == super::super::Progress::Some
            {
            }
            compare(&set, &other, &mut random, NAMES);
            let (before, after) = (recall(&set), recall(&other));
            assert!(after > before - 0.03, "{kind:?}, {round}: {before} {after}");
            let sealed = seal(&other, &dir);
            assert_eq!(sealed.elements(), other.len() as u64, "what was removed is not in the files");
            other = open(&sealed, &params);
        }
        drop(other);
        assert_eq!((dir.sealed().count(), dir.sealed().bytes()), (0, 0));
        drop(set);
        assert_eq!((dir.bytes(), dir.spaces(), dir.refused_bytes()), (0, 0, 0));
        assert!(crate::tier::sealed_in(folder.path()).is_ok_and(|folders| folders.is_empty()));
    }
}

#[test]
fn a_mapped_set_follows_the_one_that_goes_on_changing() {
    const NAMES: u64 = 600;
    for (seed, rerank) in (0..).zip([None, Some(Kind::Float16)]) {
        let folder = Folder::new();
        let dir = TierDir::open(folder.path()).expect("it can be used");
        let kind = if rerank.is_some() { Kind::RaBitQ(Bits::One) } else { Kind::Int8 };
        let (mut random, params) = (SplitMix64::new(seed), params(kind, rerank));
        let mut set = warm(params.clone(), &dir);
        (0..2000).for_each(|_| change(&[&set], &mut random, NAMES));
        for round in 0..3 {
            let mut frozen = set.freeze_to_seal();
            let mut writer = SetWriter::begin(&dir, &mut frozen, &mut Vec::new()).expect("there is room");
            while frozen
                .next_block(&mut Vec::new(), &mut |element| writer.add(&element))
                .expect("it is whole")
            {
                change(&[&set], &mut random, NAMES);
                set.untimed().set_pinned(&name(random.next() % NAMES));
            }
            let changed = Arc::clone(frozen.changed().expect("it is noted"));
            drop(frozen);
            let ended = writer.end().expect("there is room");
            (0..300).for_each(|_| change(&[&set], &mut random, NAMES));
            let (sealed, ranks) = ended.finish(b"words".to_vec(), &|| Ok(())).expect("there is room");
            let mapped = open(&sealed, &params);
            mapped.use_as(&set, Some(&ranks));
            assert!(set.is_held(), "ranks are those of slots");
            for _ in 0..3 {
                assert!(mapped.follow(&set, &changed, &changed.take().expect("they are few"), &|| true));
                (0..30).for_each(|_| change(&[&set], &mut random, NAMES));
            }
            assert!(!mapped.follow(&set, &changed, &[Box::from(&b"any"[..])], &|| false));
            assert!(mapped.follow(&set, &changed, &changed.take().expect("they are few"), &|| true));
            assert!(changed.is_empty() && mapped.is_like(&set));
            compare(&set, &mapped, &mut random, NAMES);
            for n in 0..NAMES {
                let word = |set: &Arc<VectorSet>| {
                    let slot = set.untimed().slot_in(&set.elements.read(), &name(n))?;
                    Some((set.uses.is_pinned(slot), set.uses.idle_ms(slot, 1 << 40), set.deadlines.get(slot)))
                };
                assert_eq!(word(&set), word(&mapped), "{n}");
            }
            let (before, after) = (recall(&set), recall(&mapped));
            assert!(after > before - 0.03, "{round}: {before} {after}");
            drop(changed);
            (0..50).for_each(|_| change(&[&set], &mut random, NAMES));
            assert!(!set.notes.any() && !set.is_held(), "nobody wants to know any more");
            set = mapped;
        }
    }
}

#[test]
fn writers_help_the_set_that_takes_the_place_of_theirs() {
    const NAMES: u64 = 300;
    let folder = Folder::new();
    let dir = TierDir::open(folder.path()).expect("it can be used");
    let params = params(Kind::Int8, None);
    let set = warm(params.clone(), &dir);
    let mut random = SplitMix64::new(9);
    (0..1000).for_each(|_| change(&[&set], &mut random, NAMES));
    let (moved, changed) = set.moved(None, false).expect("it is whole");
    let moved = Arc::new(moved);
    (0..400).for_each(|_| change(&[&set], &mut random, NAMES));
    changed.be_helped(Some(&moved));
    let before = changed.len();
    std::thread::scope(|scope| {
        for seed in 20..23 {
            let (set, mut random) = (&set, SplitMix64::new(seed));
            scope.spawn(move || (0..500).for_each(|_| change(&[set], &mut random, NAMES)));
        }
    });
    assert!(before > 100 && changed.len() < 10, "{before} {}", changed.len());
    changed.be_helped(None);
    assert!(moved.follow(&set, &changed, &changed.take().expect("they are few"), &|| true));
    compare(&set, &moved, &mut random, NAMES);
    assert!(!moved.options().is_warm && moved.space().is_none());
}

#[test]
fn a_set_comes_up_with_its_finer_codes_or_without() {
    let folder = Folder::new();
    let dir = TierDir::open(folder.path()).expect("it can be used");
    let params = params(Kind::RaBitQ(Bits::One), Some(Kind::Float16));
    let options = SetOptions { is_demoted: true, ..OPTIONS };
    let set = VectorSet::new_in(params.clone(), 1, Residence::of(Some(&dir), true)).with_options(options);
    let mut set = Arc::new(set);
    let mut random = SplitMix64::new(5);
    (0..1500).for_each(|_| change(&[&set], &mut random, 400));
    for is_sealed in [false, true] {
        for finer in [Tier::Hot, Tier::Warm] {
            let expected = set.bytes_to_come_up(finer) as usize;
            let mut bytes = 0;
            let tend = &mut |read| {
                bytes += read;
                Ok(())
            };
            assert!(set.may_come_up());
            let raised = Arc::new(set.raised(&dir, finer, tend).expect("it is whole").0);
            assert!(!raised.options().is_warm && !raised.may_come_up());
            let (len, none) = (set.len(), 0);
            let counts = if finer == Tier::Hot { (len, none) } else { (none, len) };
            assert_eq!(raised.tier_counts(), Some(counts));
            assert!(bytes as usize > params.bytes_per_slot() * len);
            // Arenas grow in steps, which count here.
            assert!(raised.heap_bytes() < expected + (256 << 10), "{} {expected}", raised.heap_bytes());
            compare(&set, &raised, &mut random, 400);
            let stopped = set.raised(&dir, finer, &mut |_| Err(std::io::ErrorKind::Interrupted.into()));
            assert!(stopped.is_err());
        }
        if !is_sealed {
            let sealed = seal(&set, &dir);
            let mapped = Arc::try_unwrap(open(&sealed, &params)).map_err(|_| ()).expect("one has it");
            set = Arc::new(mapped.with_options(options));
        }
    }
    let change = LimitsChange { tier: Some(Tier::Warm), ..LimitsChange::default() };
    assert!(set.untimed().configure(Hold::Exclusive, &change, false, Record::unlogged()).is_ok());
    assert!(!set.may_come_up(), "it is to stay");
}

#[test]
fn what_changes_is_noted_up_to_a_bound() {
    let folder = Folder::new();
    let dir = TierDir::open(folder.path()).expect("it can be used");
    let set = warm(params(Kind::Int8, None), &dir);
    let frozen = set.freeze_to_seal();
    let changed = Arc::clone(frozen.changed().expect("it is noted"));
    let commit = super::super::commit::exclusive_for_tests();
    let long = vec![0; 1 << 20];
    for n in 0..70u8 {
        set.notes.note(&[&long[..], &[n]].concat(), &commit);
        set.notes.note(&[&long[..], &[n]].concat(), &commit);
        assert_eq!(changed.len(), if n < 63 { usize::from(n) + 1 } else { 0 });
    }
    assert_eq!(changed.take(), None);
}

impl super::super::Present<'_> {
    fn set_pinned(&self, name: &[u8]) {
        let slot = self.slot_in(&self.elements.read(), name);
        slot.map(|slot| super::super::commit::Commit::lock(self).set_pinned(slot, true));
    }
}

#[test]
fn what_was_sealed_costs_no_memory_until_it_is_changed() {
    let folder = Folder::new();
    let dir = TierDir::open(folder.path()).expect("it can be used");
    let params = params(Kind::Float32, None);
    let set = warm(params.clone(), &dir);
    let mut random = SplitMix64::new(3);
    (0..1500).for_each(|_| change(&[&set], &mut random, u64::MAX));
    let sealed = seal(&set, &dir);
    let other = open(&sealed, &params);
    let (before, after) = (set.memory(), other.memory());
    assert!(after.vectors == 0 && after.names < 100 && after.attributes == 0, "{after:?}");
    assert!(after.total() * 2 < before.total(), "{after:?} {before:?}");
    assert!(other.is_to_be_sealed());
    // To evict what takes no memory would free none; what is beside the files does.
    let criteria = EvictionCriteria { spares_lent: true, ..EvictionCriteria::by(Rule::Lru) };
    assert!(set.untimed().sample(&criteria, &mut random).is_some());
    assert!(other.untimed().sample(&criteria, &mut random).is_none());
    // A limit of the set itself is one of elements, wherever they are.
    assert!(other.untimed().sample(&EvictionCriteria::by(Rule::Lru), &mut random).is_some());
    assert!(other.let_lent_go(Some(u64::MAX)));
    assert!(other.untimed().sample(&criteria, &mut random).is_some());
    assert!(!other.let_lent_go(Some(10_000)), "they would not fit without the coldest");
    assert!(other.untimed().sample(&criteria, &mut random).is_none());
    assert!(other.sealed_at(0).is_some_and(|kept| Arc::ptr_eq(&kept, &sealed)));
    change(&[&other], &mut random, 1);
    change(&[&other], &mut random, u64::MAX);
    assert!(other.sealed_at(other.changes()).is_none() && other.changes() > 0);
    assert!(other.memory().total() < before.total());
}

#[test]
fn searches_and_writers_share_a_mapped_set() {
    let folder = Folder::new();
    let dir = TierDir::open(folder.path()).expect("it can be used");
    let params = params(Kind::Int8, None);
    let set = warm(params.clone(), &dir);
    let mut random = SplitMix64::new(5);
    (0..1500).for_each(|_| change(&[&set], &mut random, u64::MAX));
    let names = set.untimed().range(Bound::Unbounded, Bound::Unbounded, usize::MAX);
    let other = open(&seal(&set, &dir), &params);
    let is_over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let searchers: Vec<_> = (0..3)
            .map(|seed| {
                let (other, names, is_over) = (&other, &names, &is_over);
                scope.spawn(move || {
                    let mut random = SplitMix64::new(seed);
                    while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                        assert_eq!(found(other, random.next(), false).len(), 10);
                        let name = &names[random.next() as usize % names.len()];
                        other.untimed().attributes(&[name]);
                    }
                })
            })
            .collect();
        for seed in 10..12 {
            let other = &other;
            let mut random = SplitMix64::new(seed);
            (0..400).for_each(|_| change(&[other], &mut random, u64::MAX));
        }
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
        searchers.into_iter().for_each(|thread| thread.join().expect("no panic"));
    });
    let again = open(&seal(&other, &dir), &params);
    compare(&other, &again, &mut random, 1000);
}

#[test]
fn damage_is_found_by_its_block_and_leads_nowhere() {
    let folder = Folder::new();
    let dir = TierDir::open(folder.path()).expect("it can be used");
    let params = params(Kind::Float32, None);
    let set = warm(params.clone(), &dir);
    let mut random = SplitMix64::new(7);
    (0..2000).for_each(|_| change(&[&set], &mut random, 1000));
    let id = seal(&set, &dir).id();
    // Sealed again, since nothing held the files.
    assert!(dir.claim_sealed(id).is_none());
    for part in [Part::Links, Part::Towers, Part::NameCells, Part::Names, Part::Sorted, Part::Table] {
        let sealed = seal(&set, &dir);
        let path = sealed.path().join(part.name());
        let mut bytes = std::fs::read(&path).expect("it is there");
        let at = bytes.len() / 2 / 8 * 8;
        bytes[at..at + 8].fill(0xf6);
        bytes[8..16].fill(0xf6);
        std::fs::write(&path, bytes).expect("it is ours");
        let why = crate::tier::check_sealed(&sealed.path()).expect_err("it is damaged").to_string();
        assert!(why.contains(part.name()) && why.contains("block 0 at offset 0: its checksum"), "{why}");
        let other = open(&sealed, &params);
        // Whatever is returned, nothing of it leads out of the files.
        for n in 0..100 {
            found(&other, n, false);
            other.untimed().range(Bound::Included(&name(n)), Bound::Unbounded, 5);
            other.untimed().contains(&name(n));
            change(&[&other], &mut SplitMix64::new(n), 1000);
        }
        dir.reopen_for_tests(&sealed);
        dir.verify_opened(|| false);
        assert!(other.is_damaged() && sealed.damage().is_some_and(|what| what.contains("block 0")));
        assert!(other.sealed_at(0).is_none());
        let mut frozen = other.freeze_now(Linked::AsTheyAre);
        assert!((0..1000).any(|_| frozen.next_block(&mut Vec::new(), &mut |_| Ok(())).is_err()));
    }
}

#[test]
fn nothing_wrong_is_read_before_the_set_is_known_to_be_damaged() {
    const NAMES: u64 = 3000;
    let folder = Folder::new();
    let dir = TierDir::open(folder.path()).expect("it can be used");
    let params = params(Kind::RaBitQ(Bits::One), Some(Kind::Float16));
    let set = warm(params.clone(), &dir);
    let mut random = SplitMix64::new(11);
    (0..6000).for_each(|_| change(&[&set], &mut random, NAMES));
    let good = open(&seal(&set, &dir), &params);
    let parts = [
        Part::Links,
        Part::Towers,
        Part::BestHeads,
        Part::BestBodies,
        Part::CoarseHeads,
        Part::CoarseBodies,
        Part::NameCells,
        Part::Names,
        Part::AttributeCells,
        Part::Attributes,
        Part::Sorted,
        Part::Table,
    ];
    for part in parts {
        let sealed = seal(&set, &dir);
        let path = sealed.path().join(part.name());
        let mut bytes = std::fs::read(&path).expect("it is there");
        // In the last block, of which some are not met for long.
        let at = bytes.len() - 1 - random.next() as usize % (bytes.len() % (64 << 10)).max(1);
        bytes[at] ^= 0x10;
        std::fs::write(&path, bytes).expect("it is ours");
        dir.reopen_for_tests(&sealed);
        let bad = open(&sealed, &params);
        let is_same = |answer: &dyn Fn(&VectorSet) -> Found| {
            let (right, answer) = (answer(&good), answer(&bad));
            bad.is_damaged() || answer == right
        };
        for n in 0..200 {
            let asked = name(random.next() % NAMES);
            let range = |set: &VectorSet| {
                let names = set.untimed().range(Bound::Included(&asked), Bound::Unbounded, 3);
                names.into_iter().map(|name| (name, 0)).collect()
            };
            let attribute = |set: &VectorSet| {
                let attributes = set.untimed().attributes(&[&asked]);
                vec![(format!("{attributes:?}").into_bytes(), 0)]
            };
            let has = |set: &VectorSet| vec![(Vec::new(), set.untimed().contains(&asked).into())];
            assert!(is_same(&range) && is_same(&attribute) && is_same(&has), "{part:?}");
            assert!(is_same(&|set| found(set, n, false)), "{part:?}");
        }
        // What no command has read is found in the background.
        dir.verify_opened(|| false);
        assert!(sealed.damage().is_some_and(|what| what.contains(part.name())), "{part:?}");
    }
}

#[test]
fn without_room_there_are_no_files() {
    let folder = Folder::new();
    let dir = TierDir::open(folder.path()).expect("it can be used");
    let set = warm(params(Kind::Float32, None), &dir);
    let mut random = SplitMix64::new(9);
    (0..3000).for_each(|_| change(&[&set], &mut random, u64::MAX));
    dir.set_max_bytes(dir.bytes() + (300 << 10));
    let taken = dir.bytes();
    let mut frozen = set.freeze_now(Linked::AsTheyAre);
    let mut writer = SetWriter::begin(&dir, &mut frozen, &mut Vec::new()).expect("folders take nothing");
    let mut outcome = Ok(true);
    while let Ok(true) = outcome {
        outcome = frozen.next_block(&mut Vec::new(), &mut |element| writer.add(&element));
    }
    let outcome = outcome.and_then(|_| writer.end()?.finish(Vec::new(), &|| Ok(())).map(drop));
    assert_eq!(outcome.expect_err("there is no room").kind(), std::io::ErrorKind::StorageFull);
    assert_eq!((dir.bytes(), dir.sealed().count()), (taken, 0));
}
