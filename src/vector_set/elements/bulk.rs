//! Both maps made at once from names that are all there: what loading a set needs.
//!
//! One by one, each name would be looked for among the sorted ones, twenty reads from memory that
//! no cache holds. Here they are sorted by eight bytes that stand beside the slot, and the names
//! themselves are read where those are equal.

use super::name_table::NameTable;
use super::sorted::SortedSlots;
use super::{Elements, Names};
use crate::epoch::pin;

/// From this many elements each map is made by a thread of its own.
const PARALLEL_FROM: u32 = 10_000;

impl Elements {
    /// Of the slots `0 .. len`, which all bear a name. A name that two of them bear makes it fail,
    /// with the second slot.
    pub(in crate::vector_set) fn of_all(len: u32, names: &Names) -> Result<Self, u32> {
        let table = || NameTable::of_all(len, names, &pin());
        let sorted = || {
            let pin = pin();
            SortedSlots::of(sorted(len, |slot| names.get(slot, &pin)))
        };
        let (table, sorted) = if len < PARALLEL_FROM { (table(), sorted()) } else { both(table, sorted) };
        Ok(Self { table: table?, sorted, lent: None })
    }
}

/// What two functions return that run at the same time.
fn both<A: Send, B>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B) -> (A, B) {
    std::thread::scope(|scope| {
        let a = scope.spawn(a);
        let b = b();
        (a.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), b)
    })
}

/// The slots `0 .. len` in the byte order of their names. Takes 16 bytes for each meanwhile.
pub(in crate::vector_set) fn sorted<'n, N: Fn(u32) -> &'n [u8]>(
    len: u32,
    name: N,
) -> impl ExactSizeIterator<Item = u32> + use<N> {
    let shared = common_prefix(len, &name);
    let mut keyed: Vec<(u64, u32)> = (0..len).map(|slot| (key(&name(slot)[shared..]), slot)).collect();
    keyed
        .sort_unstable_by(|(a, a_slot), (b, b_slot)| a.cmp(b).then_with(|| name(*a_slot).cmp(name(*b_slot))));
    keyed.into_iter().map(|(_, slot)| slot)
}

/// How many bytes all names begin with.
fn common_prefix<'n>(len: u32, name: &impl Fn(u32) -> &'n [u8]) -> usize {
    if len == 0 {
        return 0;
    }
    let first = name(0);
    (1..len).fold(first.len(), |most, slot| {
        first[..most].iter().zip(name(slot)).take_while(|(a, b)| a == b).count()
    })
}

/// The first eight bytes, as a number that sorts alike. Missing ones count as 0: equal keys need
/// not be equal names.
fn key(name: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    let len = name.len().min(8);
    bytes[..len].copy_from_slice(&name[..len]);
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn named(list: &[Vec<u8>]) -> Names {
        let names = Names::default();
        names.grow_to(list.len() as u32);
        list.iter().enumerate().for_each(|(slot, name)| names.set(slot as u32, name));
        names
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]
        #[test]
        fn it_is_what_one_by_one_gives(
            prefix in "[a-b]{0,9}",
            endings in prop::collection::btree_set(prop::collection::vec(0u8..4, 0..12), 0..2000),
            turn in 0usize..2000,
        ) {
            let mut list: Vec<Vec<u8>> =
                endings.iter().map(|ending| [prefix.as_bytes(), ending].concat()).collect();
            let turn = turn.min(list.len());
            list.rotate_left(turn);
            let names = named(&list);
            let mut one_by_one = Elements::default();
            for (slot, name) in list.iter().enumerate() {
                one_by_one.insert(name, slot as u32, &names);
            }
            let all = Elements::of_all(list.len() as u32, &names).expect("all names differ");
            prop_assert!(all.slots().eq(one_by_one.slots()));
            prop_assert_eq!(all.len(), list.len());
            for (slot, name) in list.iter().enumerate() {
                prop_assert_eq!(all.slot(name, &names), Some(slot as u32));
            }
        }
    }

    #[test]
    fn large_sets_too_and_they_can_be_changed() {
        let list: Vec<Vec<u8>> =
            (0..PARALLEL_FROM + 7).rev().map(|n| format!("n{n:07}").into_bytes()).collect();
        let names = named(&list);
        let mut all = Elements::of_all(list.len() as u32, &names).expect("all names differ");
        assert!(all.slots().eq((0..list.len() as u32).rev()));
        for name in &list {
            assert!(all.remove(name, &names).is_some());
        }
        assert_eq!(all.len(), 0);
    }

    #[test]
    fn a_name_borne_twice_is_found() {
        let names = named(&[b"a".to_vec(), b"b".to_vec(), b"a".to_vec()]);
        assert_eq!(Elements::of_all(3, &names).err(), Some(2));
    }
}
