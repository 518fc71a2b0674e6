//! Elements on their way to the thread that puts them into the set: one after the other, in two
//! buffers.

use crate::quantization::Code;

/// A batch with so many bytes, or links, is full.
const BYTES: usize = 256 << 10;
const LINKS: usize = 64 << 10;

/// Elements with their slots.
#[derive(Default)]
pub(super) struct Batch {
    elements: Vec<Lengths>,
    /// For each: name, attribute, entry, and of each code its head and its body.
    bytes: Vec<u8>,
    /// For each, layer by layer: the length of the list, and its labels.
    lists: Vec<u32>,
}

struct Lengths {
    slot: u32,
    name: u32,
    attribute: u32,
    entry: u32,
    layers: u32,
    /// Head and body.
    codes: [[u32; 2]; 2],
}

/// An element of a batch.
pub(super) struct Packed<'b> {
    pub(super) slot: u32,
    pub(super) name: &'b [u8],
    pub(super) attribute: &'b [u8],
    pub(super) entry: &'b [u8],
    /// The best code, and the coarse one if it came along: else empty.
    pub(super) codes: [Code<'b>; 2],
    layers: u32,
    lists: &'b [u32],
}

impl Batch {
    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= BYTES || self.lists.len() >= LINKS
    }

    /// Empties it, for use again. What a single long element took is given back.
    pub(super) fn clear(&mut self) {
        self.elements.clear();
        self.bytes.clear();
        self.lists.clear();
        self.bytes.shrink_to(2 * BYTES);
        self.lists.shrink_to(2 * LINKS);
    }

    /// Begins an element without links: its name, attribute and entry, and its codes. Its parts are
    /// shorter than 4 GiB each.
    pub(super) fn push(&mut self, slot: u32, texts: [&[u8]; 3], best: Code, coarse: Option<Code>) {
        let [name, attribute, entry] = texts;
        let coarse = coarse.unwrap_or(Code { head: &[], body: &[] });
        for part in [name, attribute, entry, best.head, best.body, coarse.head, coarse.body] {
            self.bytes.extend_from_slice(part);
        }
        let codes = [best, coarse].map(|code| [code.head.len() as u32, code.body.len() as u32]);
        let [name, attribute, entry] = texts.map(|text| text.len() as u32);
        self.elements.push(Lengths { slot, name, attribute, entry, layers: 0, codes });
    }

    /// Gives the element that was begun last its list on the next layer.
    pub(super) fn push_list(&mut self, labels: &[u32]) {
        if let Some(last) = self.elements.last_mut() {
            last.layers += 1;
            self.lists.push(labels.len() as u32);
            self.lists.extend_from_slice(labels);
        }
    }

    /// Shows all elements, until one is refused.
    pub(super) fn try_for_each<E>(&self, mut each: impl FnMut(Packed) -> Result<(), E>) -> Result<(), E> {
        let mut bytes = &self.bytes[..];
        let mut lists = &self.lists[..];
        for lengths in &self.elements {
            let mut part = |len: u32| {
                let (part, rest) = bytes.split_at(len as usize);
                bytes = rest;
                part
            };
            let name = part(lengths.name);
            let attribute = part(lengths.attribute);
            let entry = part(lengths.entry);
            let codes = lengths.codes.map(|[head, body]| Code { head: part(head), body: part(body) });
            each(Packed {
                slot: lengths.slot,
                name,
                attribute,
                entry,
                codes,
                layers: lengths.layers,
                lists,
            })?;
            for _ in 0..lengths.layers {
                lists = next_list(lists).1;
            }
        }
        Ok(())
    }
}

impl<'b> Packed<'b> {
    /// Its lists of labels, from layer 0 up.
    pub(super) fn lists(&self) -> impl Iterator<Item = &'b [u32]> {
        let mut lists = self.lists;
        (0..self.layers).map(move |_| {
            let (list, rest) = next_list(lists);
            lists = rest;
            list
        })
    }
}

/// The list at the beginning, and what is behind it.
fn next_list(lists: &[u32]) -> (&[u32], &[u32]) {
    lists.split_first().map_or((&[], &[]), |(&len, rest)| rest.split_at(len as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_is_seen() {
        let mut batch = Batch::default();
        for round in 0..2 {
            let code = |n: u8| Code { head: &[1, 2][..usize::from(n)], body: &[7, 8, 9][..usize::from(n)] };
            batch.push(5, [b"name", b"", b"entry"], code(2), None);
            batch.push_list(&[1, 2, 3]);
            batch.push(6, [b"", b"attribute", b""], code(1), Some(code(2)));
            batch.push_list(&[]);
            batch.push_list(&[4]);
            let mut seen = Vec::new();
            let all = batch.try_for_each(|e| {
                let lists: Vec<Vec<u32>> = e.lists().map(<[u32]>::to_vec).collect();
                let bodies = e.codes.map(|code| code.body.len());
                seen.push((e.slot, [e.name, e.attribute, e.entry].map(<[u8]>::to_vec), bodies, lists));
                Ok::<(), ()>(())
            });
            let first = (5, [b"name".to_vec(), vec![], b"entry".to_vec()], [2, 0], vec![vec![1, 2, 3]]);
            let second = (6, [vec![], b"attribute".to_vec(), vec![]], [1, 2], vec![vec![], vec![4]]);
            assert_eq!((all, seen), (Ok(()), vec![first, second]), "round {round}");
            batch.clear();
            assert!(batch.elements.is_empty() && !batch.is_full());
        }
    }

    #[test]
    fn it_is_full_in_time() {
        let mut batch = Batch::default();
        let code = Code { head: &[], body: &[0; 1000] };
        while !batch.is_full() {
            batch.push(0, [b"", b"", b""], code, None);
        }
        assert_eq!(batch.elements.len(), BYTES.div_ceil(1000));
        assert_eq!(batch.try_for_each(|_| Err("stop")), Err("stop"));
    }
}
