//! Decisions over graphs of all shapes, also such as no insertion makes.

use proptest::prelude::*;

use super::super::tests::Given;
use super::*;

const M: usize = 4;

/// Lists by slot and layer; a slot without lists is no member.
#[derive(Debug)]
struct Lists(Vec<Vec<Links>>);

impl Graph for Lists {
    fn capacity(&self, layer: u32) -> usize {
        if layer == 0 { 2 * M } else { M }
    }

    fn prefetch(&self, _: u32, _: u32) {}

    fn leads(&self, from: u32, to: u32, layer: u32) -> bool {
        self.0[from as usize].get(layer as usize).is_some_and(|links| links.contains(&to))
    }
}

impl Lists {
    fn members(&self) -> Members {
        let mut members = Members::new(self.0.len() as u32);
        let lists = (0..).zip(&self.0).filter(|(_, lists)| !lists.is_empty());
        lists.for_each(|(slot, lists)| members.add(slot, lists.len() as u32 - 1));
        members
    }

    /// What is decided, after proposals of these slots, and checked.
    fn decided(&self, copied: &[u32]) -> Given {
        let members = self.members();
        let end = self.0.len() as u32;
        let mut spill = Vec::new();
        let mut reciprocal = Reciprocal::new(end, 2 * M);
        reciprocal.begin(&members);
        for &slot in copied {
            reciprocal.propose(slot, &self.0[slot as usize], end, &mut spill).expect("memory");
        }
        let mut given = Given::default();
        for slot in (0..end).rev().filter(|&slot| members.reaches(slot, 0)) {
            reciprocal.turn_to(slot, &mut spill).expect("memory");
            let mut lists = self.0[slot as usize].clone();
            for (layer, links) in (0..).zip(&mut lists) {
                reciprocal.decide(slot, layer, links, (&members, self), &mut spill).expect("memory");
            }
            given.links.insert(slot, lists);
        }
        given.check_reciprocal(M);
        given
    }
}

/// One slot in five is no member, one in four reaches higher. Lists lead anywhere, once to each.
fn lists(slots: usize) -> impl Strategy<Value = Lists> {
    let links = |most| {
        prop::collection::btree_set(0..slots as u32, 0..=most).prop_map(|links| links.into_iter().collect())
    };
    let above = prop_oneof![
        3 => Just(Vec::new()),
        1 => prop::collection::vec(links(M), 1..4),
    ];
    let member = (links(2 * M), above).prop_map(|(base, above)| [vec![base], above].concat());
    let slot = prop_oneof![4 => member, 1 => Just(Vec::new())];
    prop::collection::vec(slot, slots).prop_map(|mut lists| {
        for (slot, lists) in (0..).zip(&mut lists) {
            lists.iter_mut().for_each(|links: &mut Links| links.retain(|&link| link != slot));
        }
        Lists(lists)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn links_have_their_other_way_and_all_hang_together(
        lists in prop_oneof![Just(1usize), Just(2), 3usize..40, 300usize..1200].prop_flat_map(lists),
        copied in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
    ) {
        let copied: Vec<u32> = copied.iter().map(|index| index.index(lists.0.len()) as u32).collect();
        lists.decided(&copied);
    }
}

/// The slots around a slot on a ring, each with a link to it.
fn ring(slots: u32) -> Lists {
    let around = |slot: u32| [1, 2, slots - 2, slots - 1].map(|step| (slot + step) % slots);
    Lists((0..slots).map(|slot| vec![around(slot).to_vec()]).collect())
}

#[test]
fn links_in_both_directions_stay() {
    let ring = ring(1000);
    let given = ring.decided(&[]);
    assert!(given.links.iter().all(|(&slot, lists)| {
        ring.0[slot as usize][0].iter().all(|link| lists[0].contains(link)) && lists[0].len() == 4
    }));
}

/// All link to the first; it has links to its neighbours, which link to it too.
#[test]
fn whoever_everybody_wants_has_no_more_links_than_fit() {
    let mut ring = ring(1000);
    ring.0[3..998].iter_mut().for_each(|lists| lists[0].push(0));
    ring.decided(&[]);
}

#[test]
fn those_who_have_no_links_hang_together_in_a_row() {
    let given = Lists(vec![vec![Links::new(); 3]; 600]).decided(&[]);
    assert!(given.links.values().flatten().all(|links| links.len() <= 2));
}

#[test]
fn whoever_was_handed_over_is_linked_to_higher_slots_that_forgot_it() {
    let mut lists = ring(20);
    lists.0[2][0].push(9);
    assert!(!lists.decided(&[]).links[&9][0].contains(&2));
    assert!(lists.decided(&[2]).links[&9][0].contains(&2));
}
