//! A set like another one, made while that one changes: from its elements, one by one.
//!
//! The elements of one moment come from a [`Frozen`], and go into a
//! [`Restored`]. Beside the two sets there are a few batches of elements in memory, and what
//! writers change of the original meanwhile.

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::restore::{Invalid, Kept, Lists, Outline, Restored};
use super::{Changed, Codebook, Element, Frozen, Linked, Residence, SetOptions, Tier, TierDir, VectorSet};

/// A set made from another one.
pub struct SetCopy {
    /// The copy.
    pub set: VectorSet,
    /// For [`VectorSet::unchanged_since`] of the original.
    pub changes: u64,
}

impl VectorSet {
    /// A set with the elements that this one has at a moment during the call, and with its graph.
    ///
    /// # Errors
    /// The set is damaged.
    pub fn duplicate(self: &Arc<Self>) -> io::Result<SetCopy> {
        // Counted first: a change between the two lines makes the copy look older than it is.
        let changes = self.changes();
        let frozen = self.freeze_now(Linked::AsTheyAre);
        let form = Form {
            residence: self.vectors.residence().another(),
            options: self.options,
            finer: self.limits().tier,
        };
        let set = self.restored(frozen, form, &mut |_| Ok(()))?;
        Ok(SetCopy { set, changes })
    }

    /// A set like this one that is to take its place, in memory or in files; and what changes here
    /// from its moment on. To be called of sets that [may move](Self::may_move).
    ///
    /// # Errors
    /// The set is damaged.
    pub fn moved(
        self: &Arc<Self>,
        dir: Option<&Arc<TierDir>>,
        is_warm: bool,
    ) -> io::Result<(Self, Arc<Changed>)> {
        let form = Form {
            residence: Residence::of(dir, is_warm),
            options: SetOptions { is_warm, is_demoted: false, ..self.options },
            finer: self.limits().tier,
        };
        self.moved_to(form, &mut |_| Ok(()))
    }

    /// The same of a set that [may come up](Self::may_come_up): in memory, but for its finer codes,
    /// which are in `finer`. `tend` is called now and then, with how many bytes of elements were
    /// read since the last call.
    ///
    /// # Errors
    /// The set is damaged; those of `tend`.
    pub fn raised(
        self: &Arc<Self>,
        dir: &Arc<TierDir>,
        finer: Tier,
        tend: Tend<'_>,
    ) -> io::Result<(Self, Arc<Changed>)> {
        let form = Form {
            residence: Residence::of(Some(dir), false),
            options: SetOptions { is_warm: false, is_demoted: false, ..self.options },
            finer,
        };
        self.moved_to(form, tend)
    }

    fn moved_to(self: &Arc<Self>, form: Form, tend: Tend<'_>) -> io::Result<(Self, Arc<Changed>)> {
        let mut frozen = self.freeze_to_seal();
        let changed = frozen.changed().map(Arc::clone).unwrap_or_default();
        let ranks = Arc::new(frozen.ranks(&mut Vec::new())?);
        let mut set = self.restored(frozen, form, tend)?;
        set.succeed(self, Some(&ranks));
        set.use_as(self, Some(&ranks));
        Ok((set, changed))
    }

    fn restored(&self, frozen: Frozen, form: Form, tend: Tend<'_>) -> io::Result<Self> {
        let reserved = self.reserved();
        let limits = self.limits();
        let fields = self.field_specs();
        let set = restored(frozen, form, tend)?.finish(reserved).map_err(invalid)?;
        Ok(set.with_limits(limits).with_fields(fields))
    }

    /// Keeps the set from being changed until the drop; none if it has been changed since a copy of
    /// it was made. To be held for a moment only.
    pub fn unchanged_since(&self, changes: u64) -> Option<impl Sized> {
        let no_changes = self.elements.read();
        (self.changes.load(Ordering::Relaxed) == changes).then_some(no_changes)
    }
}

/// Where a copy is to lie.
struct Form {
    residence: Residence,
    options: SetOptions,
    /// Of finer codes, if there is a choice.
    finer: Tier,
}

/// What is done now and then while elements are read, of which there were so many bytes.
type Tend<'t> = &'t mut dyn FnMut(u64) -> io::Result<()>;

fn restored(mut frozen: Frozen, form: Form, tend: Tend<'_>) -> io::Result<Restored> {
    let Form { residence, options, finer } = form;
    let params = frozen.set().params().clone();
    let codebook = frozen.codebook().map(Codebook::to_bytes);
    let codebook = codebook.and_then(|bytes| Codebook::from_bytes(params.dim(), &bytes));
    let matrix = frozen.set().has_matrix().then(|| matrix(frozen.set()));
    let outline = Outline {
        params,
        options,
        seed: frozen.set().seed(),
        codebook: codebook.map(Arc::new),
        matrix: matrix.as_deref(),
        residence,
        tier: finer,
        cache: frozen.cache(),
    };
    let mut restored = Restored::new(outline).map_err(invalid)?;
    let (mut links, mut spill) = (Lists::default(), Vec::new());
    let bytes_each = frozen.set().params().bytes_per_slot();
    let bytes = Cell::new(0);
    let mut add = |element: Element<'_>| {
        let texts = element.name.len() + element.attribute.len() + element.entry.len();
        bytes.set(bytes.get() + (bytes_each + texts) as u64);
        add(&mut restored, &element, &mut links)
    };
    loop {
        let goes_on = frozen.next_block(&mut spill, &mut add)?;
        tend(bytes.take())?;
        if !goes_on {
            return Ok(restored);
        }
    }
}

/// The bytes of the matrix of its projection, row by row.
fn matrix(set: &VectorSet) -> Vec<u8> {
    let mut bytes = Vec::new();
    for row in (0..set.params().dim()).filter_map(|i| set.projection_row(i)) {
        row.iter().for_each(|x| bytes.extend_from_slice(&x.to_le_bytes()));
    }
    bytes
}

fn add(restored: &mut Restored, element: &Element<'_>, links: &mut Lists) -> io::Result<()> {
    links.clear();
    for layer in element.links {
        links.begin();
        layer.iter().for_each(|&slot| links.push(slot.into()));
    }
    let Element { slot, name, attribute, deadline_ms, is_pinned, entry, best, coarse, .. } = *element;
    restored
        .add(&Kept { id: slot.into(), name, attribute, deadline_ms, is_pinned, entry, best, coarse, links })
        .map_err(invalid)
}

fn invalid(why: Invalid) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_string())
}
