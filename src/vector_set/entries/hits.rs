//! What a search has found, as an entry.

use std::borrow::Cow;
use std::cell::OnceCell;

use super::figures::Verdict;
use super::state::count_hit;
use super::{Cache, Certainty, Entries, entry_number};
use crate::certainty::Lead;
use crate::compressed::Stored;
use crate::vector_set::search::Hit;
use crate::vector_set::{Metric, SCORE_BUCKETS, Tier};

/// An entry of a cache that was found, by its own vector or by one of its aliases.
pub struct EntryHit<'h> {
    hit: &'h Hit<'h>,
    entries: &'h Entries,
    score: f64,
    /// Of the entry.
    slot: u32,
    element: &'h [u8],
    lead: OnceCell<Lead>,
}

impl<'h> Hit<'h> {
    /// The same as an entry, if the set is a cache. None as well for an alias whose entry has
    /// expired.
    pub fn entry(&'h self) -> Option<EntryHit<'h>> {
        let set = self.hits.set;
        let score = set.params().metric().score(self.distance);
        let entries = set.set.entries.as_deref()?;
        let (slot, element) = match entries.entry_of(self.slot, self.element) {
            Some(entry) => (set.slot(entry)?, entry),
            None => (self.slot, self.element),
        };
        Some(EntryHit { hit: self, entries, score, slot, element, lead: OnceCell::new() })
    }
}

impl<'h> EntryHit<'h> {
    /// Its name.
    pub fn element(&self) -> &'h [u8] {
        self.element
    }

    /// Its attribute.
    pub fn attribute(&self) -> Option<Cow<'h, [u8]>> {
        self.hit.hits.set.set.attributes.get(self.slot, &self.hit.hits.pin).map(Stored::text)
    }

    /// Its score, as commands show it.
    pub fn score(&self) -> f64 {
        self.score
    }

    /// Its distance, as commands show it.
    pub fn distance(&self) -> f64 {
        f64::from(self.metric().user_distance(self.hit.distance))
    }

    /// What its score is made of.
    pub fn metric(&self) -> Metric {
        self.hit.hits.set.set.params().metric()
    }

    /// What it answers; none if it was added without.
    pub fn payload(&self) -> Option<Cow<'h, [u8]>> {
        let payload = self.entries.payloads.get(self.slot, &self.hit.hits.pin).map(Stored::text);
        payload.or_else(|| self.entries.state(self.slot).is_entry().then_some(Cow::Borrowed(&[])))
    }

    /// When it expires, in milliseconds since 1970, if it does.
    pub fn deadline_ms(&self) -> Option<i64> {
        self.hit.hits.set.set.deadlines.get(self.slot)
    }

    /// Confirmations that it needs before it is a hit.
    pub fn missing_confirmations(&self) -> u8 {
        self.entries.state(self.slot).missing()
    }

    /// What making it cost.
    pub fn cost(&self) -> f32 {
        self.entries.state(self.slot).cost()
    }

    /// How likely it is the right answer; none while nothing is known of the set.
    pub fn certainty(&self) -> Option<Certainty> {
        let fit = (*self.entries.common.fit.read())?;
        let threshold = self.entries.threshold(self.slot, &fit, &self.hit.hits.pin);
        Some(Certainty::new(&fit.prior, threshold, self.score, self.lead()))
    }

    /// How much nearer it is than the next other entry, as far as the search has looked.
    pub fn lead(&self) -> Lead {
        *self.lead.get_or_init(|| self.find_lead())
    }

    fn find_lead(&self) -> Lead {
        let hits = self.hit.hits;
        let entry_of = |hit: &Hit<'h>| self.entries.entry_of(hit.slot, hit.element).unwrap_or(hit.element);
        let other = hits.iter().find(|hit| entry_of(hit) != self.element);
        // If all are its own, another one is not nearer than the last of them.
        let other = match other {
            None if hits.is_whole_set() => return Lead::MOST,
            None => hits.iter().last(),
            other => other,
        };
        let distance = |hit: &Hit<'_>| f64::from(self.metric().user_distance(hit.distance));
        other.map_or(Lead::UNKNOWN, |other| Lead::between(distance(self.hit), distance(&other)))
    }

    /// Observations that there are of it.
    pub fn observations(&self) -> usize {
        self.entries.observations_of(self.slot, &self.hit.hits.pin).count()
    }

    /// For a token: its slot, and a number that tells its elements apart.
    pub fn place(&self) -> (u32, u32) {
        (self.slot, entry_number(self.element))
    }

    /// It is served: counts as a use, and in its tally. Returns where what was nearest lay, the
    /// entry or an alias of it.
    pub fn mark_served(&self) -> Tier {
        let tier = self.hit.mark_used();
        if self.slot != self.hit.slot {
            self.hit.hits.set.count_hit(self.slot, &self.hit.hits.pin);
        }
        count_hit(self.entries.tallies.get(self.slot));
        tier
    }
}

impl Cache<'_> {
    /// Counts a search. `nearest`: the entry that it found first. `is_dry`: a hit is not served.
    pub fn note(&self, verdict: Verdict, is_dry: bool, nearest: Option<&EntryHit<'_>>) {
        self.entries.common.figures.note(verdict, is_dry, nearest.map_or(0.0, EntryHit::cost));
        if let Some(nearest) = nearest {
            let is_hit = verdict == Verdict::Hit;
            let [hits, others] = &self.entries.common.histograms;
            if is_hit { hits } else { others }.add(nearest.score);
        }
    }

    /// Searches by the score of the nearest entry: hits, and others.
    pub fn histograms(&self) -> [[u64; SCORE_BUCKETS]; 2] {
        self.entries.common.histograms.each_ref().map(|histogram| histogram.counts())
    }
}
