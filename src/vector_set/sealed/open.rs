//! Parts → a set: in a time that does not depend on what it has, but for a byte of each element,
//! for deadlines and pins, and for 16 bytes of each entry of a cache.

use std::io;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::Copies;
use super::write::PINNED;
use crate::memory::Category;
use crate::tier::{Part, Sealed};
use crate::vector_index::{LentIndex, VectorIndex};
use crate::vector_set::attributes::Attributes;
use crate::vector_set::elements::{Elements, LentElements, Names};
use crate::vector_set::entries::Entries;
use crate::vector_set::uses::Uses;
use crate::vector_set::{CacheOutline, MAX_DEADLINE_MS, Now, Params, SetOptions, VectorSet};

impl VectorSet {
    /// The set of these files; a cache, if that is what it was.
    ///
    /// # Errors
    /// They are not there, or do not have the parts of such a set.
    pub fn of_sealed(
        sealed: &Arc<Sealed>,
        params: Params,
        options: SetOptions,
        index: LentIndex<'_>,
        cache: Option<CacheOutline>,
    ) -> io::Result<Self> {
        let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        if u64::from(sealed.dim()) != params.dim() as u64 {
            return Err(invalid("it has another dimension"));
        }
        let space = sealed.dir().space_over(Arc::clone(sealed));
        let mut set = Self::of(VectorIndex::lent(params, &space, index)?, options);
        let len = set.vectors.graph().slots().end();
        if u64::from(len) != sealed.elements() {
            return Err(invalid("it has another number of elements than its head says"));
        }
        set.names = Names::over(&space, len)?;
        let attributes = (Part::AttributeCells, Part::Attributes);
        set.attributes = Attributes::over(Category::Attributes, &space, attributes, len)?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        set.uses = Uses::of_unused(len, &Now { used_ms: since.as_millis() as i64, ..Now::UNTIMED });
        *set.elements.get_mut() = Elements::over(LentElements::new(sealed, len as usize)?);
        if sealed.has(Part::Lives) {
            set.load_lives(sealed, len)?;
        }
        set.copies = Copies::of(sealed);
        let entries = cache.map(|cache| Entries::over(&space, cache, len)).transpose()?;
        Ok(set.with_entries(entries))
    }

    fn load_lives(&self, sealed: &Arc<Sealed>, len: u32) -> io::Result<()> {
        let lives = sealed.map(Part::Lives)?;
        let (words, rest) = lives.all().as_chunks::<8>();
        if words.len() != len as usize || !rest.is_empty() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        for (slot, word) in (0..len).zip(words) {
            let word = u64::from_ne_bytes(*word);
            let deadline_ms = (word & !PINNED) as i64;
            if deadline_ms != 0 {
                self.deadlines.load(slot, Some(deadline_ms.min(MAX_DEADLINE_MS)), len);
            }
            if word & PINNED != 0 {
                self.uses.set_pinned(slot, true);
            }
        }
        Ok(())
    }
}
