//! Adding entries, unless one is near.

use super::state::State;
use super::{Cache, MAX_ALIASES};
use crate::compressed::Ready;
use crate::journal::Record;
use crate::vector_index::Prepared;
use crate::vector_set::commit::Commit;
use crate::vector_set::filter::Filter;
use crate::vector_set::footprint::text_bytes;
use crate::vector_set::limits::Full;
use crate::vector_set::{Hold, Probe, Put, Refused, Search, Upserted};

/// What an entry is besides an element.
pub struct NewEntry<'a> {
    /// What it answers.
    pub payload: &'a [u8],
    /// What making it cost: finite, and not negative.
    pub cost: f32,
    /// Confirmations that it needs before it is a hit.
    pub cool: u8,
    /// It is not to be evicted.
    pub is_pinned: bool,
}

/// A condition for an entry: that none is near.
pub struct Unless<'a> {
    /// An entry of this score is near.
    pub score: f64,
    /// The vector of the new one.
    pub probe: &'a Probe,
    /// Only such entries matter.
    pub filter: Option<&'a Filter>,
    /// Candidates explored.
    pub ef: usize,
}

/// How an entry is stored.
pub struct StoreOptions<'a> {
    /// On what condition.
    pub unless: Option<&'a Unless<'a>>,
    /// Candidates explored for its links.
    pub ef: usize,
    /// The set's limits are kept: others are evicted for it.
    pub evicts: bool,
}

/// What became of an entry.
#[derive(Clone, PartialEq, Debug)]
pub enum StoredEntry {
    /// It was added or updated.
    Done {
        /// See above.
        upserted: Upserted,
        /// How many others were evicted for it.
        evicted: usize,
    },
    /// Nothing was changed, since another one is near.
    Near {
        /// Its name.
        element: Vec<u8>,
        /// Its score.
        score: f64,
    },
    /// Nothing was changed: it would exceed a limit, and not enough may be evicted.
    Full(Full),
}

impl Cache<'_> {
    /// Adds or updates an entry. That none is near is made sure of inside the change, so that of
    /// two at the same time only one is stored.
    pub fn store<'r>(
        &self,
        hold: Hold,
        put: &Put<'_>,
        entry: &NewEntry<'_>,
        options: &StoreOptions<'_>,
        record: Record<'r>,
    ) -> Result<StoredEntry, Refused<'r>> {
        let StoreOptions { unless, ef, evicts } = *options;
        // Looked for before anything is prepared: in most cases that is all.
        let is_there = |name: &[u8]| self.set.contains(name);
        if let Some(near) = unless.and_then(|unless| self.nearest(unless, put.element, is_there)) {
            return Ok(near);
        }
        let payload = self.entries.payloads.ready(entry.payload);
        let state = State::new(entry.cost, entry.cool);
        let puts = std::slice::from_ref(put);
        let more_bytes = text_bytes(payload.stored().parts().0);
        let admit = |commit: &mut Commit<'_>, attributes: &[Option<Ready<'_>>], prepared: &[Prepared]| {
            let is_there = |name: &[u8]| commit.slot(name).is_some();
            if let Some(near) = unless.and_then(|unless| self.nearest(unless, put.element, is_there)) {
                return Err(near);
            }
            let room = evicts.then(|| self.set.make_room(commit, puts, attributes, more_bytes)).transpose();
            let evicted = room.map_err(StoredEntry::Full)?.unwrap_or(0);
            match prepared[0] {
                Prepared::Same(slot) => commit.begin_change(slot),
                Prepared::New(_) => {}
            }
            self.entries.set(slot_of(prepared[0]), payload.stored(), state, commit.exclusive());
            Ok(evicted)
        };
        let complete = |commit: &mut Commit<'_>, prepared: &[Prepared]| {
            if entry.is_pinned {
                commit.set_pinned(slot_of(prepared[0]), true);
            }
        };
        let outcome = self.set.upsert_if(hold, puts, ef, admit, complete, record)?;
        if outcome.is_ok() {
            self.foresee_entry(put.element, &put.vector);
        }
        Ok(outcome.map_or_else(
            |(declined, _)| declined,
            |(upserted, evicted)| StoredEntry::Done { upserted: upserted[0], evicted },
        ))
    }

    /// The nearest other entry, if it is near. May be called under the set's lock, where no other
    /// can be added: so it takes no lock, and `is_there` says whether an entry of a name is there.
    fn nearest(
        &self,
        unless: &Unless<'_>,
        element: &[u8],
        is_there: impl Fn(&[u8]) -> bool,
    ) -> Option<StoredEntry> {
        let Unless { score, probe, filter, ef } = *unless;
        let metric = self.set.params().metric();
        for count in [LOOKED_AT, LOOKED_AT + HIDDEN] {
            let search =
                Search { count, ef, filter, filter_ef: None, truth: false, plan: None, deadline: None };
            let (hits, _) = self.set.untouched().search_once(probe, &search, true);
            let near = hits.iter().find_map(|hit| {
                let entry = self.entries.entry_of(hit.slot, hit.element).unwrap_or(hit.element);
                let found = metric.score(hit.distance);
                let is_near = entry != element && found >= score && is_there(entry);
                is_near.then(|| StoredEntry::Near { element: entry.to_vec(), score: found })
            });
            let may_be_hidden =
                hits.len() == count && hits.iter().all(|hit| metric.score(hit.distance) >= score);
            if near.is_some() || !may_be_hidden {
                return near;
            }
        }
        None
    }
}

/// Elements that are looked at: more than one, since the entry itself may be among them.
const LOOKED_AT: usize = 4;
/// Those that are looked at beside these where they are all near, and none counts: as many as the
/// entry itself and one that has expired may have, with their aliases.
const HIDDEN: usize = 2 * (MAX_ALIASES as usize + 1);

fn slot_of(prepared: Prepared) -> u32 {
    match prepared {
        Prepared::New(slot) | Prepared::Same(slot) => slot,
    }
}
