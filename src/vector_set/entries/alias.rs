//! Further vectors by which entries are found.
//!
//! An alias is an element of its own, whose name is that of its entry, NUL, and a number. It has a
//! vector, and a copy of the entry's attribute, so that filters find it as they find the entry.
//! What is found by it is the entry: payload, life, cost and statistics are shared and not copied.
//! With the entry its aliases are removed, in the same change, whoever removes it. A single alias
//! may be removed or evicted like any element.

use super::state::State;
use super::{Cache, Entries};
use crate::compressed::Ready;
use crate::epoch::pin;
use crate::journal::{PartChange, Record};
use crate::vector_index::Prepared;
use crate::vector_set::commit::Commit;
use crate::vector_set::limits::Full;
use crate::vector_set::{Hold, Lifetime, Put, Refused};

/// Aliases that an entry may be given.
pub const MAX_ALIASES: u8 = 64;

/// What became of an alias.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Aliased {
    /// The entry has so many now, or had some that were removed since.
    Added(u8),
    /// There is no such entry.
    NoEntry,
    /// It has [`MAX_ALIASES`].
    TooMany,
    /// A limit of the set would be exceeded, and not enough may be evicted.
    Full(Full),
}

/// The names of so many aliases of an entry.
pub(in crate::vector_set) fn alias_names(entry: &[u8], count: u8) -> impl Iterator<Item = Vec<u8>> + '_ {
    (1..=count).map(|number| alias_name(entry, number))
}

fn alias_name(entry: &[u8], number: u8) -> Vec<u8> {
    [entry, b"\0", number.to_string().as_bytes()].concat()
}

impl Entries {
    /// Of which entry the element of this name, in this slot, is an alias.
    pub(super) fn entry_of<'n>(&self, slot: u32, name: &'n [u8]) -> Option<&'n [u8]> {
        let end = name.iter().rposition(|&byte| byte == 0)?;
        self.state(slot).is_alias().then_some(&name[..end])
    }
}

/// Why an alias was not added in this try.
enum Declined {
    /// The entry has changed since it was looked at.
    Changed,
    Finally(Aliased),
}

impl Cache<'_> {
    fn attribute(&self, slot: u32) -> Option<Vec<u8>> {
        let pin = pin();
        self.set.set.attributes.get(slot, &pin).map(|attribute| attribute.text().into_owned())
    }

    /// Gives an entry another vector by which it is found. `evicts`: the set's limits are kept.
    pub fn alias<'r>(
        &self,
        hold: Hold,
        entry: &[u8],
        vector: &[f32],
        evicts: bool,
        mut record: Record<'r>,
    ) -> Result<Aliased, Refused<'r>> {
        loop {
            let slot = self.set.slot(entry).filter(|&slot| self.entries.state(slot).is_entry());
            let Some(slot) = slot else { return Ok(Aliased::NoEntry) };
            let count = self.entries.aliases(slot);
            if count >= MAX_ALIASES {
                return Ok(Aliased::TooMany);
            }
            let name = alias_name(entry, count + 1);
            let attribute = self.attribute(slot);
            let put = Put {
                element: &name,
                vector: vector.to_vec(),
                attribute: attribute.as_deref(),
                lifetime: Lifetime::Endless,
            };
            let ef = self.set.params().ef_construction();
            let admit = |commit: &mut Commit<'_>, attributes: &[Option<Ready<'_>>], prepared: &[Prepared]| {
                let now = commit.slot(entry).filter(|&now| self.entries.state(now).is_entry());
                let is_same = |now| self.entries.aliases(now) == count && self.attribute(now) == attribute;
                if !now.is_some_and(is_same) {
                    return Err(Declined::Changed);
                }
                let puts = std::slice::from_ref(&put);
                let room = evicts.then(|| self.set.make_room(commit, puts, attributes, 0)).transpose();
                let evicted = room.map_err(|full| Declined::Finally(Aliased::Full(full)))?.unwrap_or(0);
                if let Some(now) = commit.slot(entry) {
                    commit.begin_change(now);
                    let state = self.entries.state(now).with_aliases(count + 1);
                    self.entries.set_state(now, state, commit.exclusive());
                }
                if let [Prepared::New(alias)] = prepared {
                    self.entries.set_state(*alias, State::of_alias(), commit.exclusive());
                }
                Ok(evicted)
            };
            // If it was the entry itself that made room, the alias goes as well.
            let complete = |commit: &mut Commit<'_>, _: &[Prepared]| {
                if commit.slot(entry).is_none() {
                    commit.lose(&name, PartChange::Evicted);
                }
            };
            match self.set.upsert_if(hold, std::slice::from_ref(&put), ef, admit, complete, record)? {
                Ok(_) => return Ok(Aliased::Added(count + 1)),
                Err((Declined::Finally(why), _)) => return Ok(why),
                Err((Declined::Changed, unspent)) => record = unspent,
            }
        }
    }
}
