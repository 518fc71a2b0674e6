//! A frozen set → its parts: one element after the other, each part from its first byte to its
//! last. Memory: two bits for each slot of the set, a block for each part, and at the end 16 bytes
//! for each element, while names are sorted.

use std::io::{self, Write};
use std::sync::Arc;

use crate::arena::{LENT_ALIGN, Marked, lent_cell, lent_header};
use crate::compressed::{Ready, Stored};
use crate::memory::{Category, Held};
use crate::quantization::Code;
use crate::tier::{Mapped, Part, PartWriter, Sealed, SealedWriter, TierDir};
use crate::vector_index::stride;
use crate::vector_set::elements::{fill_table, sorted, table_len};
use crate::vector_set::entries::Saved;
use crate::vector_set::snapshot::Ranks;
use crate::vector_set::{Element, Frozen, Spill};

/// What is pinned, in the words of [`Part::Lives`]: the rest is the deadline.
pub(super) const PINNED: u64 = 1 << 63;

/// Takes the elements of a frozen set.
pub struct SetWriter {
    out: SealedWriter,
    ranks: Ranks,
    elements: usize,
    dim: usize,
    /// Links that a list holds, on layer 0 and above.
    capacities: [usize; 2],
    links: PartWriter,
    towers: PartWriter,
    levels: PartWriter,
    best: Codes,
    coarse: Option<Codes>,
    names: Texts,
    attributes: Texts,
    entries: Option<EntryParts>,
    /// From the first element that has something on.
    lives: Option<PartWriter>,
    len: u64,
    list: Vec<u8>,
}

/// Codes of one format.
struct Codes {
    heads: PartWriter,
    bodies: PartWriter,
    stride: u64,
}

impl Codes {
    fn put(&mut self, Code { head, body }: Code<'_>) -> io::Result<()> {
        self.heads.write_all(head)?;
        self.bodies.write_all(body)?;
        self.bodies.pad_to(self.stride)
    }
}

/// Texts of which an element may have one, and where they are.
struct Texts {
    parts: (Part, Part),
    /// Cells and blobs, from the first element that has one on.
    out: Option<(PartWriter, PartWriter)>,
}

impl Texts {
    fn new(cells: Part, blobs: Part) -> Self {
        Self { parts: (cells, blobs), out: None }
    }

    /// Takes what the next element has, before which so many were.
    fn put(&mut self, out: &SealedWriter, before: u64, text: Option<Stored<'_>>) -> io::Result<()> {
        if self.out.is_none() && text.is_some() {
            let mut cells = out.part(self.parts.0)?;
            begin_late(&mut cells, before)?;
            self.out = Some((cells, out.part(self.parts.1)?));
        }
        let Some((cells, blobs)) = &mut self.out else { return Ok(()) };
        let Some(text) = text else { return cells.write_all(&[0; 8]) };
        let (bytes, mark) = text.parts();
        cells.write_all(&lent_cell(blobs.position()).to_ne_bytes())?;
        blobs.write_all(&lent_header(Marked { bytes, mark }))?;
        blobs.write_all(bytes)?;
        blobs.pad_to(LENT_ALIGN)?;
        blobs.count_item();
        Ok(())
    }

    fn end(self, out: &mut SealedWriter) -> io::Result<()> {
        let Some((cells, blobs)) = self.out else { return Ok(()) };
        out.end(cells)?;
        out.end(blobs)
    }
}

/// What a cache has of its elements.
struct EntryParts {
    words: PartWriter,
    payloads: Texts,
    observations: Texts,
}

impl EntryParts {
    fn begin(out: &SealedWriter) -> io::Result<Self> {
        Ok(Self {
            words: out.part(Part::Entries)?,
            payloads: Texts::new(Part::PayloadCells, Part::Payloads),
            observations: Texts::new(Part::ObservationCells, Part::Observations),
        })
    }

    fn put(&mut self, out: &SealedWriter, before: u64, entry: &[u8]) -> io::Result<()> {
        let saved = Saved::read_any(entry).ok_or(io::ErrorKind::InvalidData)?;
        self.words.write_all(&saved.words())?;
        let payload = saved.payload().map(Stored::text);
        let payload = payload.as_deref().map(Ready::new);
        self.payloads.put(out, before, payload.as_ref().map(Ready::stored))?;
        self.observations.put(out, before, saved.observations().map(Stored::Plain))
    }

    fn end(self, out: &mut SealedWriter) -> io::Result<()> {
        out.end(self.words)?;
        self.payloads.end(out)?;
        self.observations.end(out)
    }
}

/// Zeros for elements that came before the first that has something.
fn begin_late(part: &mut PartWriter, elements: u64) -> io::Result<()> {
    (0..elements).try_for_each(|_| part.write_all(&[0; 8]))
}

impl SetWriter {
    /// Begins the files of a frozen set, of which no element has been read.
    ///
    /// # Errors
    /// They cannot be made.
    pub fn begin(dir: &Arc<TierDir>, frozen: &mut Frozen, spill: &mut dyn Spill) -> io::Result<Self> {
        let out = SealedWriter::begin(dir)?;
        let ranks = frozen.ranks(spill)?;
        let (best, coarse) = frozen.body_bytes();
        let codes = |heads, bodies, len| -> io::Result<Codes> {
            Ok(Codes { heads: out.part(heads)?, bodies: out.part(bodies)?, stride: stride(len) as u64 })
        };
        let m = frozen.set().params().m();
        Ok(Self {
            ranks,
            elements: frozen.len(),
            dim: frozen.set().params().dim(),
            capacities: [2 * m, m],
            links: out.part(Part::Links)?,
            towers: out.part(Part::Towers)?,
            levels: out.part(Part::Levels)?,
            best: codes(Part::BestHeads, Part::BestBodies, best)?,
            coarse: coarse.map(|len| codes(Part::CoarseHeads, Part::CoarseBodies, len)).transpose()?,
            names: Texts::new(Part::NameCells, Part::Names),
            attributes: Texts::new(Part::AttributeCells, Part::Attributes),
            entries: frozen.set().is_cache().then(|| EntryParts::begin(&out)).transpose()?,
            lives: None,
            len: 0,
            list: Vec::new(),
            out,
        })
    }

    /// By which a snapshot names the files.
    pub fn id(&self) -> crate::tier::FileId {
        self.out.id()
    }

    /// Takes the next element. Slots rise.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn add(&mut self, element: &Element<'_>) -> io::Result<()> {
        debug_assert_eq!(u64::from(self.ranks.of(element.slot)), self.len);
        self.levels.write_all(&[(element.links.len() - 1) as u8])?;
        for (layer, links) in element.links.iter().enumerate() {
            self.put_list(layer, links)?;
        }
        self.best.put(element.best)?;
        if let (Some(codes), Some(code)) = (&mut self.coarse, element.coarse) {
            codes.put(code)?;
        }
        self.names.put(&self.out, self.len, Some(Stored::Plain(element.name)))?;
        let attribute = Some(element.attribute).filter(|attribute| !attribute.is_empty());
        self.attributes.put(&self.out, self.len, attribute.map(Stored::Plain))?;
        if let Some(entries) = &mut self.entries {
            entries.put(&self.out, self.len, element.entry)?;
        }
        let life = element.deadline_ms.unwrap_or(0) as u64 | if element.is_pinned { PINNED } else { 0 };
        if life != 0 && self.lives.is_none() {
            let mut lives = self.out.part(Part::Lives)?;
            begin_late(&mut lives, self.len)?;
            self.lives = Some(lives);
        }
        if let Some(lives) = &mut self.lives {
            lives.write_all(&life.to_ne_bytes())?;
        }
        self.len += 1;
        Ok(())
    }

    fn put_list(&mut self, layer: usize, links: &[u32]) -> io::Result<()> {
        let capacity = self.capacities[layer.min(1)];
        self.list.clear();
        for &link in links.iter().take(capacity) {
            self.list.extend_from_slice(&(self.ranks.of(link) + 1).to_ne_bytes());
        }
        self.list.resize(capacity * size_of::<u32>(), 0);
        if layer == 0 { self.links.write_all(&self.list) } else { self.towers.write_all(&self.list) }
    }

    /// All elements were taken: what is written of them is closed.
    ///
    /// # Errors
    /// The disk does not take them, or elements are missing: then there are no files.
    pub fn end(self) -> io::Result<EndedSet> {
        let Self { mut out, ranks, elements, dim, len, .. } = self;
        if len != elements as u64 {
            return Err(io::Error::other(format!("{len} elements of {elements} were written")));
        }
        for codes in [Some(self.best), self.coarse].into_iter().flatten() {
            out.end(codes.heads)?;
            out.end(codes.bodies)?;
        }
        self.names.end(&mut out)?;
        self.attributes.end(&mut out)?;
        self.entries.map_or(Ok(()), |entries| entries.end(&mut out))?;
        for part in [Some(self.links), Some(self.towers), Some(self.levels), self.lives].into_iter().flatten()
        {
            out.end(part)?;
        }
        Ok(EndedSet { out, ranks, elements, dim })
    }
}

/// A set all of whose elements were written.
pub struct EndedSet {
    out: SealedWriter,
    ranks: Ranks,
    elements: usize,
    dim: usize,
}

impl EndedSet {
    /// The files, and the slots from which their elements come. `words`: what is to be known of the
    /// set besides. `goes_on` is asked now and then: names are sorted, and the disk may take long.
    ///
    /// # Errors
    /// The disk does not take them, or it does not go on: then there are none.
    pub fn finish(
        self,
        words: Vec<u8>,
        goes_on: &dyn Fn() -> io::Result<()>,
    ) -> io::Result<(Arc<Sealed>, Ranks)> {
        let Self { mut out, ranks, elements, dim } = self;
        let held = Held::new(Category::Snapshot, elements * size_of::<(u64, u32)>());
        put_names(&mut out, elements, goes_on)?;
        drop(held);
        Ok((out.finish((dim, elements), words, goes_on)?, ranks))
    }
}

/// The two arrays by which names are found.
fn put_names(
    out: &mut SealedWriter,
    elements: usize,
    goes_on: &dyn Fn() -> io::Result<()>,
) -> io::Result<()> {
    let key = out.id().key();
    let (cells, blobs) = (out.map(Part::NameCells)?, out.map(Part::Names)?);
    let name = |slot| name_at(slot, &cells, &blobs);
    let mut sorted_part = out.part(Part::Sorted)?;
    for slot in sorted(elements as u32, name) {
        sorted_part.write_all(&slot.to_ne_bytes())?;
    }
    goes_on()?;
    out.end(sorted_part)?;
    let slots = out.map(Part::Sorted)?;
    out.whole_part(Part::Table, table_len(elements) * size_of::<u64>(), |table| {
        fill_table(table, key, (0..slots.words()).map(|place| name(slots.word(place))));
    })
}

/// The name of a slot, as it was written just now.
fn name_at<'m>(slot: u32, cells: &Mapped, blobs: &'m Mapped) -> &'m [u8] {
    let cell = cells.all()[slot as usize * 8..].first_chunk().expect("each slot has a cell");
    let blob = &blobs.all()[(u64::from_ne_bytes(*cell) >> 1) as usize..];
    let (header, rest) = blob.split_first_chunk().expect("a blob begins with its length");
    &rest[..u32::from_ne_bytes(*header) as usize]
}
