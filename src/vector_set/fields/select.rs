//! What is known of the elements that match a filter, before they are searched.

use std::time::Instant;

use roaring::RoaringBitmap;

use super::slots::slot_set;
use crate::epoch::Pin;
use crate::index::{SlotSet, State};
use crate::vector_index::Known;
use crate::vector_set::filter::Filter;
use crate::vector_set::{Present, Search};

/// Elements that are tested for an estimate.
const SAMPLE: usize = 64;

/// What was found out of the slots that match.
pub(in crate::vector_set) enum Selected {
    /// These match, and no others.
    Exactly(SlotSet),
    /// Those in `sure` match, and no others than those in `possible` may.
    Between {
        sure: RoaringBitmap,
        possible: SlotSet,
        /// An estimate of how many do.
        matching: usize,
    },
    /// About this share of all does.
    Share(f64),
}

/// What was known of the elements that match, for people.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Knowledge {
    /// Indexes know them.
    Exact {
        /// How many there are.
        matching: usize,
    },
    /// Indexes know some, and exclude others.
    Partial {
        /// That match.
        sure: usize,
        /// That may match, those included.
        possible: usize,
    },
    /// No index knows anything: a sample was tested.
    Sample {
        /// The share that matches.
        share: f64,
    },
}

impl Selected {
    /// True if the slot is known to match.
    #[inline]
    pub(in crate::vector_set) fn is_sure(&self, slot: u32) -> bool {
        match self {
            // Only slots of the set are asked for.
            Self::Exactly(_) => true,
            Self::Between { sure, .. } => sure.contains(slot),
            Self::Share(_) => false,
        }
    }

    /// All slots that may match, if that is known.
    pub(super) fn slots(&self) -> Option<&SlotSet> {
        match self {
            Self::Exactly(slots) | Self::Between { possible: slots, .. } => Some(slots),
            Self::Share(_) => None,
        }
    }

    /// What the index of vectors has to know; and how many nodes it may follow.
    pub(in crate::vector_set) fn known(&self, search: &Search) -> (Known<'_>, Option<usize>) {
        match self {
            Self::Exactly(slots) => (Known::Among { slots, matching: slots.len() }, search.filter_ef),
            Self::Between { possible, matching, .. } => {
                (Known::Among { slots: possible, matching: *matching }, search.filter_ef)
            }
            Self::Share(share) => (Known::Share(*share), Some(search.expansions_of_tests())),
        }
    }

    pub(in crate::vector_set) fn knowledge(&self) -> Knowledge {
        match self {
            Self::Exactly(slots) => Knowledge::Exact { matching: slots.len() },
            Self::Between { sure, possible, .. } => {
                Knowledge::Partial { sure: sure.len() as usize, possible: possible.len() }
            }
            Self::Share(share) => Knowledge::Sample { share: *share },
        }
    }
}

impl Present<'_> {
    /// The slots that match, as far as indexes have them; else an estimate from a sample.
    pub(in crate::vector_set) fn select(&self, filter: &Filter, pin: &Pin) -> Selected {
        if let Some(selected) = self.look_up(filter, pin) {
            return selected;
        }
        let end = self.vectors.end();
        let stride = (end as usize).div_ceil(SAMPLE).max(1);
        let sample = (0..end).step_by(stride).filter(|&slot| self.is_element(slot));
        Selected::Share(self.matching_share(sample, filter, pin))
    }

    /// The slots that match, as far as indexes have them. Unless that is all that there is to know,
    /// attributes will be read.
    pub(super) fn look_up(&self, filter: &Filter, pin: &Pin) -> Option<Selected> {
        let selected = self.ask_indexes(filter, pin);
        if !matches!(selected, Some(Selected::Exactly(_))) {
            self.attributes.begin_filtering();
        }
        selected
    }

    /// None if no index says anything of this filter.
    fn ask_indexes(&self, filter: &Filter, pin: &Pin) -> Option<Selected> {
        if !self.fields.exist() {
            return None;
        }
        let indexes = self.fields.read();
        if !indexes.is_any_complete() {
            return None;
        }
        let asked = indexes.asked();
        let bounds = filter.bounds(&asked);
        let end = self.vectors.end();
        if bounds.is_exact() {
            return Some(Selected::Exactly(slot_set(bounds.possible(), end)));
        }
        if bounds.sure().is_empty() && bounds.possible().len() == indexes.attributed.len() {
            return None;
        }
        let possible = slot_set(bounds.possible(), end);
        let sure = bounds.sure().clone();
        drop(bounds);
        drop(indexes);
        let unsure = possible.sample(SAMPLE).into_iter().filter(|&slot| !sure.contains(slot));
        let share = self.matching_share(unsure, filter, pin);
        let rest = possible.len() - sure.len() as usize;
        let matching = sure.len() as usize + (share * rest as f64) as usize;
        Some(Selected::Between { sure, possible, matching })
    }

    fn is_element(&self, slot: u32) -> bool {
        self.vectors.graph().slots().state(slot) == State::Live
    }

    /// The share of slots that match, above 0: a sample in which none does says only that they are
    /// few.
    fn matching_share(&self, slots: impl Iterator<Item = u32>, filter: &Filter, pin: &Pin) -> f64 {
        let began = Instant::now();
        let (mut tested, mut matching) = (0, 0);
        for slot in slots {
            tested += 1;
            matching += usize::from(self.matches(slot, filter, pin));
        }
        self.vectors.learn_test(tested, began.elapsed());
        (matching as f64 + 0.5) / (tested as f64 + 1.0)
    }
}
