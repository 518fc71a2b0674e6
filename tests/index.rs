//! The graph over points in the plane, where the truth is easy to have.
//!
//! A program of its own, whose tests run one at a time: when a slot may be used again depends on
//! every reader that is pinned anywhere in the process.

use std::sync::{Mutex, MutexGuard};

use nearhit::epoch::pin;
use nearhit::index::{Candidate, Index, Scorer, State, Walk};

/// Lets one test run at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Scrambles a number.
fn mix(number: u64) -> u64 {
    let mut x = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^ (x >> 31)
}

struct Plane<'a> {
    points: &'a Mutex<Vec<[f32; 2]>>,
    query: [f32; 2],
}

impl Plane<'_> {
    fn at(&self, slot: u32) -> [f32; 2] {
        self.points.lock().expect("no panic")[slot as usize]
    }
}

fn l2(a: [f32; 2], b: [f32; 2]) -> f32 {
    (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2)
}

impl Scorer for Plane<'_> {
    fn distance(&self, slot: u32) -> f32 {
        l2(self.query, self.at(slot))
    }
    fn between(&self, a: u32, b: u32) -> f32 {
        l2(self.at(a), self.at(b))
    }
    fn prefetch(&self, _slot: u32) {}
}

struct World {
    index: Index,
    points: Mutex<Vec<[f32; 2]>>,
}

impl World {
    fn new(m: usize) -> Self {
        Self { index: Index::new(m, 1), points: Mutex::default() }
    }

    fn add(&self, point: [f32; 2]) -> u32 {
        let slot =
            self.index.reserve(|len| self.points.lock().expect("no panic").resize(len as usize, [0.0; 2]));
        self.points.lock().expect("no panic")[slot as usize] = point;
        let _pin = pin();
        self.index.link(slot, 64, &Plane { points: &self.points, query: point });
        self.index.slots().publish(slot);
        slot
    }

    fn fill(&self, numbers: std::ops::Range<usize>) {
        for n in numbers {
            self.add(point(n));
        }
    }

    fn remove(&self, slot: u32) -> Vec<u32> {
        self.index.kill(slot);
        let mut freed = Vec::new();
        self.index.sweep(1, &Plane { points: &self.points, query: [0.0; 2] }, |slot| freed.push(slot));
        freed
    }

    fn nearest(&self, query: [f32; 2], ef: usize) -> Vec<u32> {
        let _pin = pin();
        let start = self.index.slots().moment();
        let found = self.index.search(&Plane { points: &self.points, query }, Walk::new(ef), |slot| {
            self.index.slots().admits(slot, start)
        });
        found.found.iter().map(|c| c.slot()).collect()
    }

    fn truth(&self, query: [f32; 2], k: usize) -> Vec<u32> {
        let scorer = Plane { points: &self.points, query };
        let live =
            (0..self.index.slots().end()).filter(|&slot| self.index.slots().state(slot) == State::Live);
        let mut all: Vec<_> = live.map(|slot| Candidate::new(scorer.distance(slot), slot)).collect();
        all.sort_unstable();
        all.iter().take(k).map(|c| c.slot()).collect()
    }

    fn recall(&self, queries: usize) -> f64 {
        let mut hits = 0;
        for n in 0..queries {
            let query = point(1_000_000 + n);
            let truth = self.truth(query, 10);
            hits += self.nearest(query, 40).iter().take(10).filter(|slot| truth.contains(slot)).count();
        }
        hits as f64 / (queries * 10) as f64
    }
}

fn point(n: usize) -> [f32; 2] {
    [mix(n as u64) as u32 as f32 / u32::MAX as f32, mix(!n as u64) as u32 as f32 / u32::MAX as f32]
}

#[test]
fn nothing_is_found_in_nothing() {
    let _alone = alone();
    assert!(World::new(8).nearest([0.5, 0.5], 10).is_empty());
}

#[test]
fn a_search_finds_what_a_scan_finds() {
    let _alone = alone();
    let world = World::new(8);
    world.fill(0..3000);
    assert!(world.recall(100) > 0.99, "{}", world.recall(100));
}

#[test]
fn the_same_seed_gives_the_same_graph() {
    let _alone = alone();
    let graphs: Vec<_> = (0..2)
        .map(|_| {
            let world = World::new(8);
            let slots: Vec<u32> = (0..500).map(|n| world.add(point(n))).collect();
            (0..100).for_each(|n| drop(world.remove(slots[n * 3])));
            world.fill(500..700);
            (0..world.index.slots().end()).map(|slot| world.index.links(slot)).collect::<Vec<_>>()
        })
        .collect();
    assert!(graphs[0] == graphs[1], "two graphs from one seed differ");
}

#[test]
fn replacing_everything_keeps_recall_and_slots() {
    let _alone = alone();
    let world = World::new(8);
    let mut slots: Vec<u32> = (0..2000).map(|n| world.add(point(n))).collect();
    for n in 2000..8000 {
        let slot = std::mem::replace(&mut slots[n % 2000], world.add(point(n)));
        world.remove(slot);
    }
    assert!(world.recall(100) > 0.98, "{}", world.recall(100));
    assert!(world.index.slots().end() < 2200, "{} slots for 2000 points", world.index.slots().end());
    assert_eq!(world.index.slots().live(), 2000);
}

#[test]
fn no_list_leads_to_a_freed_slot() {
    let _alone = alone();
    let world = World::new(8);
    let slots: Vec<u32> = (0..1000).map(|n| world.add(point(n))).collect();
    for &slot in &slots[..900] {
        for freed in world.remove(slot) {
            for other in 0..world.index.slots().end() {
                let linked = world.index.links(other).iter().flatten().any(|&link| link == freed);
                let living = world.index.slots().state(other) == State::Live;
                assert!(!(living && linked), "{other} still leads to {freed}");
            }
        }
    }
    assert_eq!(world.nearest([0.5, 0.5], 200).len(), 100, "all that is left is reachable");
}

#[test]
fn an_emptied_graph_is_filled_again() {
    let _alone = alone();
    let world = World::new(8);
    for round in 0..5 {
        let slots: Vec<u32> = (0..50).map(|n| world.add(point(round * 50 + n))).collect();
        assert_eq!(world.nearest([0.1, 0.9], 100).len(), 50);
        slots.iter().for_each(|&slot| drop(world.remove(slot)));
        assert!(world.nearest([0.1, 0.9], 100).is_empty());
    }
}

#[test]
fn a_walk_stops_after_its_expansions() {
    let _alone = alone();
    let world = World::new(8);
    world.fill(0..1000);
    let _pin = pin();
    let scorer = Plane { points: &world.points, query: [0.5, 0.5] };
    let mut asked = 0;
    world.index.search(&scorer, Walk { expansions: 3, ..Walk::new(1000) }, |_| {
        asked += 1;
        true
    });
    assert!((3..=3 * 16 + 1).contains(&asked), "{asked}");
}

#[test]
fn threads_insert_remove_and_search_at_once() {
    let _alone = alone();
    let world = World::new(8);
    world.fill(0..500);
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let world = &world;
            scope.spawn(move || {
                let mut mine = Vec::new();
                for n in 0..1500 {
                    mine.push(world.add(point(10_000 * (thread + 1) + n)));
                    if mine.len() > 300 {
                        world.remove(mine.swap_remove(n % 300));
                    }
                    assert!(world.nearest(point(n), 20).len() >= 10);
                }
            });
        }
    });
    assert_eq!(world.index.slots().live(), 500 + 3 * 300);
    assert!(world.recall(100) > 0.97, "{}", world.recall(100));
}
