//! Caches that were sealed and mapped, beside the caches that they were.

use super::*;
use crate::certainty::{Lead, Observation};
use crate::vector_set::{
    About, CacheRules, Hits, NewEntry, Served, Share, StoreOptions, StoredEntry, Verdict,
};

const NAMES: u64 = 400;

fn cache(params: Params, residence: Residence, is_warm: bool) -> Arc<VectorSet> {
    let rules = CacheRules { scope: Vec::new(), secret: [7; 16], max_error: Share::new(0.02) };
    let options = SetOptions { is_warm, ..OPTIONS };
    Arc::new(VectorSet::new_in(params, 1, residence).with_options(options).with_cache(rules))
}

fn warm_cache(params: Params, dir: &Arc<TierDir>) -> Arc<VectorSet> {
    cache(params, Residence::of(Some(dir), true), true)
}

/// What is done to one cache, or to several alike.
fn change_cache(sets: &[&Arc<VectorSet>], random: &mut SplitMix64) {
    let n = random.next() % NAMES;
    let (what, chosen, more) = (random.next() % 12, random.next() % 1000, random.next());
    let name = name(n);
    for set in sets {
        let set = set.untimed();
        let cache = set.cache().expect("it is one");
        let record = Record::unlogged();
        let done = match what {
            0 => set.remove(Hold::Exclusive, &[&name], record).is_ok(),
            1 => {
                let attribute = format!(r#"{{"x":{chosen}}}"#);
                set.set_attribute(Hold::Exclusive, &name, attribute.as_bytes(), record).is_ok()
            }
            2 | 3 => cache.alias(Hold::Exclusive, &name, &vector(more), true, record).is_ok(),
            4..=7 => {
                let score = 0.5 + chosen as f32 / 2000.0;
                let seen = Observation::new(score, Lead::UNKNOWN, chosen > 500, 1.0);
                cache.observe(Hold::Exclusive, About::Element(&name), seen, false, record, |_, _| ()).is_ok()
            }
            // An element of a cache that is no entry.
            8 if chosen < 300 => {
                let put = Put {
                    element: &name,
                    vector: vector(more),
                    attribute: None,
                    lifetime: Lifetime::Endless,
                };
                set.upsert(Hold::Exclusive, &[put], 60, record).is_ok()
            }
            _ => {
                let payload = match chosen % 3 {
                    0 => Vec::new(),
                    1 => format!("the answer {more} to {n}").into_bytes(),
                    _ => crate::compressed::repetitive(300 + chosen as usize),
                };
                let attribute = format!(r#"{{"n":{chosen}}}"#);
                let entry = NewEntry {
                    payload: &payload,
                    cost: chosen as f32,
                    cool: (chosen % 4) as u8,
                    is_pinned: chosen < 20,
                };
                // The same vector now and then.
                let vector = vector((n << 32) | (more % 3));
                let put = Put {
                    element: &name,
                    vector,
                    attribute: chosen.is_multiple_of(2).then_some(attribute.as_bytes()),
                    lifetime: Lifetime::Endless,
                };
                let options = StoreOptions { unless: None, ef: 60, evicts: true };
                let stored = cache.store(Hold::Exclusive, &put, &entry, &options, record);
                stored.is_ok_and(|stored| matches!(stored, StoredEntry::Done { .. }))
            }
        };
        assert!(done, "no limit refuses it");
    }
}

fn seal_cache(set: &Arc<VectorSet>, dir: &Arc<TierDir>) -> (Arc<Sealed>, CacheOutline) {
    let outline = set.freeze_now(Linked::AsTheyAre).cache().expect("it is one");
    (seal(set, dir), outline)
}

fn open_cache(sealed: &Arc<Sealed>, params: &Params, outline: CacheOutline) -> VectorSet {
    try_open(sealed, params, Some(outline)).expect("it is whole")
}

/// All that a cache says of its entries; what it has learnt.
fn compare_caches(a: &Arc<VectorSet>, b: &Arc<VectorSet>) {
    let (a_entries, b_entries) = (a.entries.as_ref().expect("one"), b.entries.as_ref().expect("another"));
    assert_eq!((a.len(), a.untimed().digest()), (b.len(), b.untimed().digest()));
    assert_eq!(a_entries.learning(), b_entries.learning());
    let pin = crate::epoch::pin();
    for name in a.untimed().range(Bound::Unbounded, Bound::Unbounded, usize::MAX) {
        let saved = |set: &Arc<VectorSet>| {
            let slot = set.untimed().slot(&name).expect("both have it");
            let entries = set.entries.as_ref().expect("a cache");
            (
                entries.saved(slot, &pin).bytes(),
                set.attributes.get(slot, &pin).map(|text| text.text().into_owned()),
            )
        };
        assert_eq!(saved(a), saved(b), "{}", name.escape_ascii());
    }
}

fn nearest<R>(set: &VectorSet, query: &[f32], look: impl FnOnce(&Hits<'_>) -> R) -> R {
    let query = set.query(query).expect("right dimension");
    let search =
        Search { count: 1, ef: 100, filter: None, filter_ef: None, truth: false, plan: None, deadline: None };
    look(&set.untimed().search(&query, &search))
}

#[test]
fn a_mapped_cache_is_the_one_that_was_sealed_whatever_is_done_to_both() {
    for (seed, rerank) in (0..).zip([None, Some(Kind::Float16)]) {
        let folder = Folder::new();
        let dir = TierDir::open(folder.path()).expect("it can be used");
        let kind = if rerank.is_some() { Kind::RaBitQ(Bits::One) } else { Kind::Int8 };
        let (mut random, params) = (SplitMix64::new(seed), params(kind, rerank));
        let set = warm_cache(params.clone(), &dir);
        (0..3000).for_each(|_| change_cache(&[&set], &mut random));
        assert!(set.is_to_be_sealed());
        let (sealed, outline) = seal_cache(&set, &dir);
        assert!([Part::Payloads, Part::Observations].into_iter().all(|part| sealed.items_of(part) > 50));
        assert!(sealed.bytes_of(Part::Payloads) < 400 * 400, "they are compressed");
        let mut other = Arc::new(open_cache(&sealed, &params, outline));
        compare_caches(&set, &other);
        let own = other.entries.as_ref().expect("a cache").own_text_bytes();
        assert!(own == 0, "payloads lie in files: {own}");
        for _ in 0..2 {
            (0..600).for_each(|_| change_cache(&[&set, &other], &mut random));
            compare_caches(&set, &other);
            while other.compact_step(64, super::super::super::Urgency::MemoryIsShort)
                == super::super::super::Progress::Some
            {}
            compare_caches(&set, &other);
            let (sealed, outline) = seal_cache(&other, &dir);
            assert_eq!(sealed.elements(), other.len() as u64);
            other = Arc::new(open_cache(&sealed, &params, outline));
            compare_caches(&set, &other);
        }
        // Fits are made again of the observations that lie in files.
        for n in 0..20 {
            let thresholds = [&set, &other].map(|set| {
                nearest(set, &vector(n << 32), |hits| {
                    let hit = hits.iter().next()?;
                    let entry = hit.entry()?;
                    Some((entry.element().to_vec(), entry.certainty()?.threshold.mean()))
                })
            });
            let [Some(a), Some(b)] = thresholds else { panic!("both are caches that have learnt") };
            assert!(a.0 != b.0 || (a.1 - b.1).abs() < 1e-9, "{a:?} {b:?}");
        }
        drop((set, other, sealed));
        assert_eq!((dir.bytes(), dir.sealed().count(), dir.spaces()), (0, 0, 0));
    }
}

#[test]
fn a_cache_follows_the_one_whose_place_it_takes_with_all_that_was_learnt_and_counted() {
    let folder = Folder::new();
    let dir = TierDir::open(folder.path()).expect("it can be used");
    let params = params(Kind::Int8, None);
    let mut random = SplitMix64::new(21);
    let mut set = cache(params.clone(), Residence::Memory, false);
    (0..2000).for_each(|_| change_cache(&[&set], &mut random));
    for round in 0..4 {
        let is_warm = round % 2 == 0;
        let (moved, changed) = if round < 2 {
            let (moved, changed) = set.moved(Some(&dir), is_warm).expect("it is whole");
            (moved, changed)
        } else {
            let mut frozen = set.freeze_to_seal();
            let mut writer = SetWriter::begin(&dir, &mut frozen, &mut Vec::new()).expect("there is room");
            let mut add = |element: Element<'_>| writer.add(&element);
            while frozen.next_block(&mut Vec::new(), &mut add).expect("it is whole") {
                (0..5).for_each(|_| change_cache(&[&set], &mut random));
            }
            let (changed, outline) = (frozen.changed().cloned(), frozen.cache().expect("a cache"));
            drop(frozen);
            let (sealed, ranks) =
                writer.end().and_then(|ended| ended.finish(Vec::new(), &|| Ok(()))).expect("there is room");
            let mut moved = open_cache(&sealed, &params, outline);
            let ranks = Arc::new(ranks);
            moved.succeed(&set, Some(&ranks));
            moved.use_as(&set, Some(&ranks));
            (moved, changed.expect("it is noted"))
        };
        let moved = Arc::new(moved);
        let rule = Served::FromScore(round as f32 / 8.0);
        set.untimed().cache().expect("one").note_rule(rule);
        for _ in 0..4 {
            assert!(moved.follow(&set, &changed, &changed.take().expect("they are few"), &|| true));
            (0..60).for_each(|_| change_cache(&[&set], &mut random));
            let set = set.untimed();
            set.cache().expect("one").note(Verdict::Miss, false, None);
        }
        assert!(moved.follow(&set, &changed, &changed.take().expect("they are few"), &|| true));
        compare_caches(&set, &moved);
        // A token of before means the same entry.
        let names = set.untimed().range(Bound::Unbounded, Bound::Unbounded, usize::MAX);
        let entries = moved.entries.as_ref().expect("a cache");
        let places = names.iter().filter_map(|name| {
            let (before, now) = (set.untimed().slot(name)?, moved.untimed().slot(name)?);
            let is_moved = before != now && entries.since_moved(before) == Some(now);
            is_moved.then_some((before, now, name))
        });
        let (before, now, name) = places.last().expect("what was removed is left out");
        let figures = || entries.saved(now, &crate::epoch::pin()).bytes();
        let figures_before = figures();
        let about = About::Place(before, xxhash_rust::xxh3::xxh3_64(name) as u32);
        let seen = Observation::new(0.9, Lead::UNKNOWN, true, 1.0);
        let cache = moved.untimed().cache().expect("another");
        let done = cache.observe(Hold::Exclusive, about, seen, false, Record::unlogged(), |_, _| ());
        assert!(done.is_ok_and(|is_there| is_there) && figures() != figures_before);
        assert_eq!(cache.figures().searches(), (round + 1) * 4);
        assert_eq!(moved.entries.as_ref().expect("a cache").served(), Some(rule));
        set = moved;
    }
}

#[test]
fn writers_of_entries_with_aliases_help_the_cache_that_takes_the_place_of_theirs() {
    let params = params(Kind::Int8, None);
    let set = cache(params, Residence::Memory, false);
    let mut random = SplitMix64::new(9);
    (0..1500).for_each(|_| change_cache(&[&set], &mut random));
    let (moved, changed) = set.moved(None, false).expect("it is whole");
    let moved = Arc::new(moved);
    changed.be_helped(Some(&moved));
    std::thread::scope(|scope| {
        for seed in 20..23 {
            let (set, mut random) = (&set, SplitMix64::new(seed));
            scope.spawn(move || (0..600).for_each(|_| change_cache(&[set], &mut random)));
        }
    });
    changed.be_helped(None);
    assert!(moved.follow(&set, &changed, &changed.take().expect("they are few"), &|| true));
    compare_caches(&set, &moved);
}

#[test]
fn damaged_entries_are_found_before_anything_of_them_is_returned() {
    let folder = Folder::new();
    let dir = TierDir::open(folder.path()).expect("it can be used");
    let params = params(Kind::Int8, None);
    let set = warm_cache(params.clone(), &dir);
    let mut random = SplitMix64::new(13);
    (0..3000).for_each(|_| change_cache(&[&set], &mut random));
    let parts =
        [Part::Entries, Part::PayloadCells, Part::Payloads, Part::ObservationCells, Part::Observations];
    for part in parts {
        for _ in 0..20 {
            let (sealed, outline) = seal_cache(&set, &dir);
            let path = sealed.path().join(part.name());
            let mut bytes = std::fs::read(&path).expect("it is there");
            let at = random.next() as usize % bytes.len();
            bytes[at] ^= 1 << (random.next() % 8);
            std::fs::write(&path, bytes).expect("it is ours");
            dir.reopen_for_tests(&sealed);
            let Ok(bad) = try_open(&sealed, &params, Some(outline)) else {
                assert_eq!(part, Part::Entries, "others are not read yet");
                continue;
            };
            let pin = crate::epoch::pin();
            for name in set.untimed().range(Bound::Unbounded, Bound::Unbounded, 50) {
                let saved = |set: &VectorSet| {
                    let slot = set.untimed().slot(&name).expect("both have it");
                    set.entries.as_ref().expect("a cache").saved(slot, &pin).bytes()
                };
                let read = saved(&bad);
                assert!(bad.is_damaged() || read == saved(&set), "{part:?}");
            }
            dir.verify_opened(|| false);
            assert!(sealed.damage().is_some_and(|what| what.contains(part.name())), "{part:?}");
        }
    }
}
