//! How many hits would a cache with more or less memory have? From a sample of its entries, and of
//! those that were evicted (`VCACHE.STATS … CURVE`).
//!
//! The idea is that of SHARDS (Waldspurger et al., *Efficient MRC Construction with SHARDS*, FAST
//! 2015): entries are sampled by a hash of their names, so that an entry is followed always or
//! never; the sample has a fixed size, for which the share of names that are followed is lowered.
//! What was evicted is followed as a *ghost*: where it is, and how much was evicted after it.
//!
//! | what happens | what it says |
//! |---|---|
//! | an entry is hit, and what was used after it takes half of what the cache may have | half the memory would not have it |
//! | a question is not answered, and would be by a ghost, behind which there are no more bytes than the cache has | twice the memory would |
//! | the same, with three times the bytes | four times the memory would |
//!
//! In the first case the question is searched for once more: half the memory may have another entry
//! that would be served.
//!
//! Each counts as often as one entry was followed of so many. Relations of bytes are those among
//! sampled entries, so that they need no scale.
//!
//! A hit of a semantic cache is not by key but by nearness. So a question is compared with all
//! ghosts, by the rule that it is answered by. The entry that is stored for it afterwards is
//! another one, and stands where the ghost would have stood: a ghost is dropped when an entry is
//! stored in whose place it would be served. What is near to several ghosts would be counted
//! several times where not all are followed: how many that are is counted too, and taken out.
//!
//! The order of ghosts is that in which they were evicted, so that the forecast for more memory is
//! one for the policy in force; that for half of it is one for `lru`. Aliases are not followed.
//!
//! # What it costs
//!
//! Nothing before `CURVE` is asked for: a forecast is of the time since. From then on a search that
//! hits hashes a name, and is made twice for a part of the sampled entries. One that does not
//! computes some hundred distances of one byte a component, as long as few searches were seen, and
//! later one in eight does; what stores an entry does so as well. In a cache of 8,000 entries with
//! 384 dimensions that is 19 of 100 µs of a search without a hit at first, and 2 to 3 later, 1 of
//! 80 of one with a hit. [`MAX_SAMPLES`] entries are kept, most of them as ghosts with a vector:
//! half a megabyte. All of it is counted as memory of payloads, and ends with the process.

mod ghosts;

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use smallvec::SmallVec;

use self::ghosts::{Ghost, Ghosts};
use super::serving::{Served, is_served};
use super::{Cache, Certainty, Entries, EntryHit};
use crate::certainty::{Fit, Lead};
use crate::epoch::{Pin, pin};
use crate::index::State;
use crate::memory::{Category, Held, allocated_bytes};
use crate::quantization::{Format, Kind, Metric};
use crate::splitmix::SplitMix64;
use crate::vector_set::filter::Filter;
use crate::vector_set::{Present, Search};

/// Entries that are followed at most, with ghosts.
const MAX_SAMPLES: usize = if cfg!(test) { 128 } else { 1024 };
/// Ghosts are kept until so many times the bytes of the cache were evicted after them: what four
/// times the memory would have, and a little for those that are dropped a moment later.
const DEPTH: f64 = 3.125;
/// Attributes of ghosts that are longer are not kept: no filter finds them.
const MAX_ATTRIBUTE: usize = 1024;
/// When so many searches were counted, all counts are halved: what was long ago fades.
const FADES_AT: f64 = (1 << 20) as f64;
/// Of so many searches at first each is looked at that is not a hit, of later ones one in
/// [`LATER`].
const EAGER: f64 = 16_384.0;
const LATER: u64 = 8;
/// Questions whose ghosts are remembered, for what is stored after them.
const REMEMBERED: usize = 64;

/// What half the memory would have instead of an entry is looked for among so many that are
/// nearest.
const OTHERS: usize = 8;
const OTHERS_EF: usize = 32;

/// Slots looked at while pinned.
const BLOCK: u32 = 1024;

/// A question, as a forecast sees it.
pub struct Asked<'q> {
    /// The vector, as the caller gave it.
    pub vector: &'q [f32],
    /// Which entries may answer.
    pub filter: Option<&'q Filter>,
    /// By what rule.
    pub served: Served,
}

/// The rates of hits at several sizes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Curve {
    /// Searches that it was made of; old ones count less.
    pub searches: u64,
    /// The share of entries that are followed.
    pub followed: f64,
    /// Hits by searches with half, one, two and four times the memory; none before the first
    /// search.
    pub rates: Option<[f64; 4]>,
}

/// A forecast, once it was asked for.
pub(super) struct Forecasting {
    is_on: AtomicBool,
    /// Locked under the set's lock or without it; nothing else is locked under it.
    forecast: Mutex<Option<Box<Forecast>>>,
}

impl Default for Forecasting {
    fn default() -> Self {
        Self { is_on: AtomicBool::new(false), forecast: Mutex::new(None) }
    }
}

impl Forecasting {
    #[inline]
    fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Bytes held.
    pub(super) fn heap_bytes(&self) -> usize {
        if !self.is_on() {
            return 0;
        }
        self.forecast.lock().as_ref().map_or(0, |forecast| forecast.held.bytes())
    }

    fn with<R>(&self, look: impl FnOnce(&mut Forecast) -> R) -> Option<R> {
        if !self.is_on() {
            return None;
        }
        self.forecast.lock().as_mut().map(|forecast| {
            let looked = look(forecast);
            forecast.count_memory();
            looked
        })
    }
}

/// An entry that is followed.
#[derive(Clone, Copy)]
struct Live {
    id: u64,
    bytes: u32,
    used: u64,
    used_ms: i64,
}

/// What is near a vector that was asked about: its hash, and the ghosts.
struct Near {
    question: u64,
    ghosts: SmallVec<[u64; 2]>,
}

#[derive(Default)]
struct Counts {
    searches: f64,
    hits: f64,
    lost_by_half: f64,
    won_by_double: f64,
    won_by_fourfold: f64,
    /// Ghosts that were near questions, and pairs of them.
    near: f64,
    pairs: f64,
}

struct Forecast {
    format: Format,
    /// Entries are followed up to this hash of their names.
    most: u32,
    clock: u64,
    live: Vec<Live>,
    ghosts: Ghosts,
    remembered: Vec<Near>,
    next_remembered: usize,
    random: SplitMix64,
    counts: Counts,
    held: Held,
}

/// The name of an entry, as forecasts know it.
fn id_of(name: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(name)
}

fn rank_of(id: u64) -> u32 {
    (id >> 32) as u32
}

fn hash_of(vector: &[f32]) -> u64 {
    let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
    xxhash_rust::xxh3::xxh3_64(&bytes)
}

impl Forecast {
    fn new(format: Format) -> Self {
        let ghosts = Ghosts::new(&format);
        Self {
            format,
            most: u32::MAX,
            clock: 0,
            live: Vec::new(),
            ghosts,
            remembered: Vec::new(),
            next_remembered: 0,
            random: SplitMix64::new(0),
            counts: Counts::default(),
            held: Held::nothing(Category::Payloads),
        }
    }

    fn share(&self) -> f64 {
        (f64::from(self.most) + 1.0) / (f64::from(u32::MAX) + 1.0)
    }

    fn is_followed(&self, id: u64) -> bool {
        rank_of(id) <= self.most
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn live_bytes(&self) -> u64 {
        self.live.iter().map(|live| u64::from(live.bytes)).sum()
    }

    /// A search was counted.
    fn search(&mut self, is_hit: bool) {
        let counts = &mut self.counts;
        counts.searches += 1.0;
        counts.hits += f64::from(u8::from(is_hit));
        if counts.searches >= FADES_AT {
            for count in [
                &mut counts.searches,
                &mut counts.hits,
                &mut counts.lost_by_half,
                &mut counts.won_by_double,
                &mut counts.won_by_fourfold,
                &mut counts.near,
                &mut counts.pairs,
            ] {
                *count /= 2.0;
            }
        }
    }

    /// An entry was hit. `fill`: so many times the bytes that it has now the cache may have.
    ///
    /// If half the memory would not have it: when what it would have was used last.
    fn hit(&mut self, id: u64, bytes: u32, used_ms: i64, fill: f64) -> Option<i64> {
        self.search(true);
        if !self.is_followed(id) {
            return None;
        }
        let used = self.tick();
        let Some(at) = self.live.iter().position(|live| live.id == id) else {
            self.follow(Live { id, bytes, used, used_ms });
            return None;
        };
        let last = self.live[at].used;
        let after = self.live.iter().filter(|live| live.used > last);
        let after: u64 = after.map(|live| u64::from(live.bytes)).sum();
        let half = self.live_bytes() as f64 * fill / 2.0;
        let lost = ((after + u64::from(bytes)) as f64 > half).then(|| self.used_within(half));
        (self.live[at].used, self.live[at].used_ms) = (used, used_ms);
        lost
    }

    /// When the oldest of so many bytes was used.
    fn used_within(&self, bytes: f64) -> i64 {
        let mut live = self.live.clone();
        live.sort_unstable_by_key(|live| std::cmp::Reverse(live.used));
        let mut sum = 0.0;
        let within = live.iter().take_while(|live| {
            sum += f64::from(live.bytes);
            sum <= bytes
        });
        within.last().map_or(i64::MAX, |live| live.used_ms)
    }

    /// Half the memory would not have had what was hit last, nor another answer.
    fn lose_by_half(&mut self) {
        self.counts.lost_by_half += 1.0 / self.share();
    }

    /// A question was not answered. For how many it stands if it is to be looked at: by
    /// [`missed`](Self::missed).
    fn looks_at(&mut self) -> Option<f64> {
        self.search(false);
        if self.counts.searches < EAGER {
            return Some(1.0);
        }
        self.random.next().is_multiple_of(LATER).then_some(LATER as f64)
    }

    /// A question was not answered that stands for so many. `serves`: whether a ghost would, with
    /// its score.
    fn missed(
        &mut self,
        stands_for: f64,
        (question, vector): (u64, &[f32]),
        serves: impl Fn(&Ghost, f64) -> bool,
    ) {
        let found = self.ghosts.near(&self.format, vector, serves);
        let now = self.live_bytes().max(1);
        let before = |at: &usize| self.ghosts.bytes_after(*at);
        if let Some(depth) = found.iter().map(before).min() {
            let (weight, count) = (1.0 / self.share(), found.len() as f64);
            let is_within = |times: u64| f64::from(u8::from(depth <= times * now));
            let counts = &mut self.counts;
            counts.won_by_double += stands_for * weight * is_within(1);
            counts.won_by_fourfold += stands_for * weight * is_within(3);
            counts.near += stands_for * count * weight;
            counts.pairs += stands_for * count * (count - 1.0) * weight * weight;
        }
        let used = self.tick();
        let ghosts: SmallVec<[u64; 2]> = found.iter().map(|&at| self.ghosts.touch(at, used)).collect();
        let near = Near { question, ghosts };
        if let Some(before) = self.remembered.iter_mut().find(|before| before.question == question) {
            *before = near;
            return;
        }
        match self.remembered.get_mut(self.next_remembered) {
            Some(place) => *place = near,
            None => self.remembered.push(near),
        }
        self.next_remembered = (self.next_remembered + 1) % REMEMBERED;
    }

    /// An entry was stored with this vector: it stands where near ghosts stood.
    fn stored(
        &mut self,
        id: u64,
        bytes: u32,
        used_ms: i64,
        (question, vector): (u64, &[f32]),
        serves: impl Fn(&Ghost, f64) -> bool,
    ) {
        self.ghosts.drop_one(id);
        match self.remembered.iter().find(|near| near.question == question) {
            Some(near) => near.ghosts.iter().for_each(|&ghost| self.ghosts.drop_one(ghost)),
            None => {
                let found = self.ghosts.near(&self.format, vector, serves);
                let ghosts: Vec<u64> = found.iter().map(|&at| self.ghosts.id(at)).collect();
                ghosts.iter().for_each(|&ghost| self.ghosts.drop_one(ghost));
            }
        }
        if self.is_followed(id) {
            let used = self.tick();
            self.live.retain(|live| live.id != id);
            self.follow(Live { id, bytes, used, used_ms });
        }
    }

    fn follow(&mut self, live: Live) {
        self.live.push(live);
        self.follow_fewer();
    }

    /// Keeps the sample at its size: those with the highest hashes are followed no more.
    fn follow_fewer(&mut self) {
        while self.live.len() + self.ghosts.len() > MAX_SAMPLES {
            let ids = self.live.iter().map(|live| live.id).chain(self.ghosts.ids());
            let Some(highest) = ids.map(rank_of).max() else { return };
            self.most = highest.saturating_sub(1);
            self.live.retain(|live| rank_of(live.id) < highest);
            self.ghosts.retain(|id| rank_of(id) < highest);
        }
    }

    /// An entry has left, and does not come back as a ghost.
    fn left(&mut self, id: u64) -> bool {
        let before = self.live.len();
        self.live.retain(|live| live.id != id);
        self.live.len() < before
    }

    /// An entry that is followed was evicted.
    fn evicted(&mut self, ghost: Ghost, vector: &[f32]) {
        let most = (self.live_bytes() as f64 * DEPTH) as u64;
        self.left(ghost.id);
        let used = self.tick();
        self.ghosts.add(Ghost { used, ..ghost }, self.format.encode(vector).as_code());
        self.ghosts.keep_bytes(most);
        self.follow_fewer();
    }

    fn curve(&self) -> Curve {
        let counts = &self.counts;
        let share = self.share();
        let rates = (counts.searches > 0.0).then(|| {
            let others = if counts.near > 0.0 { counts.pairs / counts.near } else { 0.0 };
            // Of a question near so many ghosts, followed or not, one is met with this chance.
            let seen = |ghosts: f64| -> f64 { (1.0 - (1.0 - share).powf(ghosts)) / share };
            let excess = seen(1.0 + others).max(1.0);
            let now = counts.hits / counts.searches;
            let won = |count: f64| (now + count / excess / counts.searches).min(1.0);
            let half = (now - counts.lost_by_half / counts.searches).max(0.0);
            let double = won(counts.won_by_double);
            [half, now, double, won(counts.won_by_fourfold).max(double)]
        });
        Curve { searches: counts.searches as u64, followed: share, rates }
    }

    fn count_memory(&mut self) {
        let lists = [
            self.live.capacity() * size_of::<Live>(),
            self.remembered.capacity() * size_of::<Near>(),
            size_of::<Self>(),
        ];
        let bytes = lists.map(allocated_bytes).iter().sum::<usize>() + self.ghosts.heap_bytes();
        self.held.set(bytes);
    }
}

/// Whether ghosts would be served, by what is known now.
fn ghost_rule<'a>(
    served: Served,
    fit: Option<Fit>,
    now_ms: i64,
    filter: Option<&'a Filter>,
) -> impl Fn(&Ghost, f64) -> bool + 'a {
    move |ghost, score| {
        let certainty = || Some(Certainty::new(&fit.as_ref()?.prior, ghost.threshold?, score, Lead::UNKNOWN));
        !ghost.is_cool
            && is_served(served, score, certainty)
            && ghost.deadline_ms.is_none_or(|at_ms| at_ms >= now_ms)
            && filter.is_none_or(|filter| ghost.attribute.as_deref().is_some_and(|text| filter.matches(text)))
    }
}

impl Cache<'_> {
    /// The forecast so far. The first call begins it.
    pub fn curve(&self) -> Curve {
        let forecasting = &self.entries.common.forecasting;
        if let Some(curve) = forecasting.with(|forecast| forecast.curve()) {
            return curve;
        }
        let params = self.set.params();
        let format = |kind| Format::new(params.dim(), kind, params.metric());
        // The latter has every metric.
        let Some(format) = format(Kind::Int8).or_else(|| format(Kind::Float32)) else {
            return Curve { searches: 0, followed: 0.0, rates: None };
        };
        let (most, sampled) = self.sampled();
        let mut place = forecasting.forecast.lock();
        // Another caller may have begun it meanwhile.
        let forecast = place.get_or_insert_with(|| {
            let mut forecast = Box::new(Forecast { most, ..Forecast::new(format) });
            for (used_ms, bytes, id) in sampled {
                let used = forecast.tick();
                forecast.follow(Live { id, bytes, used, used_ms });
            }
            forecast.count_memory();
            forecast
        });
        forecasting.is_on.store(true, Ordering::Relaxed);
        forecast.curve()
    }

    /// A sample of the entries that are there, in the order of their use: when each was used, its
    /// bytes, and its hash. With the highest hash that is followed. Takes no lock.
    fn sampled(&self) -> (u32, Vec<(i64, u32, u64)>) {
        let set = self.set.set;
        let slots = set.vectors.graph().slots();
        let all = slots.end();
        let (mut most, mut found) = (u32::MAX, Vec::new());
        for first in (0..all).step_by(BLOCK as usize) {
            let pin = pin();
            for slot in first..all.min(first + BLOCK).min(slots.end()) {
                let is_entry = slots.state(slot) == State::Live && self.set.is_live(slot);
                if !is_entry || self.entries.state(slot).is_alias() {
                    continue;
                }
                let id = id_of(set.names.get(slot, &pin));
                if rank_of(id) <= most {
                    let used_ms = set.uses.used_ms(slot, self.set.now.used_ms);
                    found.push((used_ms, bytes_of(&self.set, slot), id));
                }
            }
            if found.len() > MAX_SAMPLES {
                found.sort_unstable_by_key(|&(_, _, id)| rank_of(id));
                most = rank_of(found[MAX_SAMPLES].2).saturating_sub(1);
                found.retain(|&(_, _, id)| rank_of(id) <= most);
            }
        }
        found.sort_unstable();
        (most, found)
    }

    /// Lets a forecast see a search, and the entry that was its answer, if one was.
    #[inline]
    pub fn foresee(&self, asked: &Asked<'_>, answer: Option<&EntryHit<'_>>) {
        if self.entries.common.forecasting.is_on() {
            self.foresee_now(asked, answer);
        }
    }

    #[cold]
    fn foresee_now(&self, asked: &Asked<'_>, answer: Option<&EntryHit<'_>>) {
        if let Some(entry) = answer {
            let (id, bytes) = (id_of(entry.element()), bytes_of(&self.set, entry.place().0));
            let (used_ms, fill) = (self.set.now.used_ms, self.set.fill());
            let lost =
                self.entries.common.forecasting.with(|forecast| forecast.hit(id, bytes, used_ms, fill));
            if let Some(since_ms) = lost.flatten()
                && !self.has_other(asked, entry, since_ms)
            {
                self.entries.common.forecasting.with(Forecast::lose_by_half);
            }
            return;
        }
        let looks_at = self.entries.common.forecasting.with(Forecast::looks_at);
        let Some(stands_for) = looks_at.flatten() else { return };
        let fit = *self.entries.common.fit.read();
        let serves = ghost_rule(asked.served, fit, self.set.now.expiry_ms, asked.filter);
        let question = hash_of(asked.vector);
        let vector = self.set.vectors.projected(asked.vector);
        self.entries
            .common
            .forecasting
            .with(|forecast| forecast.missed(stands_for, (question, &vector), serves));
    }

    /// True if another entry that was used by then would have been the answer as well.
    fn has_other(&self, asked: &Asked<'_>, answer: &EntryHit<'_>, since_ms: i64) -> bool {
        let Ok(query) = self.set.query(asked.vector) else { return false };
        let search = Search {
            count: OTHERS,
            ef: OTHERS_EF,
            filter: asked.filter,
            filter_ef: None,
            truth: false,
            plan: None,
            deadline: None,
        };
        let hits = self.set.untouched().search(&query, &search);
        hits.iter().any(|hit| {
            hit.entry().is_some_and(|entry| {
                let slot = entry.place().0;
                slot != answer.place().0
                    && self.set.uses.used_ms(slot, self.set.now.used_ms) > since_ms
                    && entry.missing_confirmations() == 0
                    && is_served(asked.served, entry.score(), || entry.certainty())
            })
        })
    }

    /// The same of an entry that was stored.
    pub(super) fn foresee_entry(&self, element: &[u8], vector: &[f32]) {
        if !self.entries.common.forecasting.is_on() {
            return;
        }
        let Some(slot) = self.set.slot(element) else { return };
        let (bytes, used_ms) = (bytes_of(&self.set, slot), self.set.now.used_ms);
        let fit = *self.entries.common.fit.read();
        let served = self.entries.served();
        // It stands where a ghost stood whatever filter finds it: those of other scopes have other
        // questions, but where they ask the same, one of them is lost to the forecast.
        let rule = served.map(|served| ghost_rule(served, fit, self.set.now.expiry_ms, None));
        let serves = |ghost: &Ghost, score: f64| rule.as_ref().is_some_and(|rule| rule(ghost, score));
        let question = hash_of(vector);
        let vector = self.set.vectors.projected(vector);
        self.entries
            .common
            .forecasting
            .with(|forecast| forecast.stored(id_of(element), bytes, used_ms, (question, &vector), serves));
    }
}

fn bytes_of(set: &Present<'_>, slot: u32) -> u32 {
    u32::try_from(set.bytes_of(slot)).unwrap_or(u32::MAX)
}

impl Entries {
    /// An element leaves its slot, under the set's lock.
    #[inline]
    pub(in crate::vector_set) fn foresee_loss(
        &self,
        set: &Present<'_>,
        slot: u32,
        name: &[u8],
        is_evicted: bool,
        pin: &Pin,
    ) {
        if self.common.forecasting.is_on() && !self.state(slot).is_alias() {
            self.foresee_loss_now(set, slot, name, is_evicted, pin);
        }
    }

    #[cold]
    fn foresee_loss_now(&self, set: &Present<'_>, slot: u32, name: &[u8], is_evicted: bool, pin: &Pin) {
        let id = id_of(name);
        let is_followed = self.common.forecasting.with(|forecast| {
            if !is_evicted {
                forecast.left(id);
            }
            forecast.is_followed(id)
        });
        if !is_evicted || is_followed != Some(true) {
            return;
        }
        let fit = *self.common.fit.read();
        let attribute = set.attributes.get(slot, pin).map(|stored| stored.text().into_owned());
        let attribute = attribute.unwrap_or_default();
        let ghost = Ghost {
            id,
            used: 0,
            bytes: bytes_of(set, slot),
            deadline_ms: set.deadlines.get(slot),
            is_cool: self.state(slot).missing() > 0,
            threshold: fit.map(|fit| self.threshold(slot, &fit, pin)),
            attribute: (attribute.len() <= MAX_ATTRIBUTE).then(|| attribute.into()),
        };
        let vector = set.vectors.rough_vector(slot, pin);
        self.common.forecasting.with(|forecast| forecast.evicted(ghost, &vector));
    }
}

#[cfg(test)]
mod tests;
