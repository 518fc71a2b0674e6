//! `QUANT AUTO`: chooses the kind of code by the memory left. The candidates are, best first,
//! [`BEST`] and then every kind that takes fewer bytes per element, without a finer copy: with one,
//! a coarse kind takes more than `Q8` alone. The first is taken with which the expected elements
//! fit into the share of the memory left, and the smallest if none fits. Not among them are:
//!
//!
//! - `NOQUANT`, `F16`: `Q8` finds more than 99 % of what they find, in a quarter or a half of their
//!   memory, and faster, since a search spends most of its time waiting for codes. If the last
//!   percent matters, the kind can be given.
//! - `BIN`: where it is the smallest, `RQ1` takes 12 bytes more and finds much more.

use std::cmp::Reverse;

use crate::vector_set::{CODECS, Kind, Params, SAMPLE, bytes_per_element};

/// The default of `EXPECT`.
pub(super) const DEFAULT_EXPECT: usize = 1_000_000;
/// The limit of a set's elements.
pub(super) const MAX_EXPECT: usize = (1 << 31) - 1;
/// The set may take this fraction of the memory left: one part in so many. The rest is for
/// attributes, long names, other keys, and a set that grows beyond what was expected.
const SHARE: u64 = 2;
const BEST: Kind = Kind::DEFAULT;
/// Kinds that are never chosen: see above.
const NEVER: [Kind; 3] = [Kind::Float32, Kind::Float16, Kind::Binary];

/// The choice, and its figures.
pub(super) struct Choice {
    pub(super) params: Params,
    pub(super) expect: usize,
    /// Bytes that the set may take.
    pub(super) share: u64,
}

impl Choice {
    /// Estimated bytes that the set will take.
    pub(super) fn bytes(&self) -> u64 {
        bytes(&self.params, self.expect)
    }
}

/// Gives a set of these parameters the best kind with which so many elements fit. `left`: bytes.
pub(super) fn choose(params: &Params, expect: usize, left: u64) -> Choice {
    let share = left / SHARE;
    let options = options(params, expect);
    let fits = |option: &&Params| bytes(option, expect) <= share;
    let chosen = options.iter().find(fits).or(options.last()).unwrap_or(params);
    Choice { params: chosen.clone(), expect, share }
}

fn bytes(params: &Params, elements: usize) -> u64 {
    (bytes_per_element(params) as u64).saturating_mul(elements as u64)
}

/// The candidates, best first. A kind that has to be trained is left out for a set that is too
/// small for training.
fn options(params: &Params, expect: usize) -> Vec<Params> {
    let of = |kind| params.clone().with_format(kind, params.metric()).ok();
    let most = of(BEST).map_or(usize::MAX, |best| bytes_per_element(&best));
    let is_tighter = |option: &Params| bytes_per_element(option) < most && !NEVER.contains(&option.kind());
    let learns_nothing = |kind: Kind| kind.learns() && expect < SAMPLE;
    let is_option =
        |option: &Params| option.kind() == BEST || is_tighter(option) && !learns_nothing(option.kind());
    let mut options: Vec<_> = CODECS.iter().filter_map(|codec| of(codec.kind)).filter(is_option).collect();
    options.sort_by_key(|option| Reverse(bytes_per_element(option)));
    options
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector_set::{Bits, Metric};

    fn params(dim: usize) -> Params {
        Params::new(dim).expect("valid")
    }

    fn kind(dim: usize, expect: usize, left: u64) -> Kind {
        choose(&params(dim), expect, left).params.kind()
    }

    #[test]
    fn no_option_takes_more_than_the_one_before() {
        for metric in [Metric::Cosine, Metric::L2, Metric::InnerProduct] {
            let params = params(384).with_format(Kind::Float32, metric).expect("valid");
            let options = options(&params, MAX_EXPECT);
            assert!(options.len() >= 8 && options[0].kind() == BEST, "{options:?}");
            assert!(options.is_sorted_by_key(|option| Reverse(bytes_per_element(option))), "{options:?}");
            assert!(options.iter().all(|option| option.metric() == metric && option.rerank().is_none()));
            assert!(options.iter().all(|option| !NEVER.contains(&option.kind())));
        }
    }

    #[test]
    fn the_best_that_fits_is_taken() {
        let bytes = |kind| {
            let params = params(384).with_format(kind, Metric::Cosine).expect("valid");
            bytes_per_element(&params) as u64 * SHARE * 1000
        };
        let five = Kind::RaBitQ(Bits::Five);
        assert_eq!(kind(384, 1000, u64::MAX), BEST);
        assert_eq!(kind(384, 1000, bytes(BEST)), BEST);
        assert_ne!(kind(384, 1000, bytes(BEST) - 1), BEST);
        assert_eq!(kind(384, 1000, bytes(five)), five);
        assert_eq!(kind(384, 2000, bytes(five) * 2), five);
    }

    #[test]
    fn the_tightest_kind_is_taken_when_none_fits() {
        let tightest = choose(&params(384), MAX_EXPECT, 0);
        let others = CODECS.iter().filter(|codec| !NEVER.contains(&codec.kind));
        let others = others.filter_map(|codec| params(384).with_format(codec.kind, Metric::Cosine).ok());
        assert_eq!(Some(bytes_per_element(&tightest.params)), others.map(|p| bytes_per_element(&p)).min());
        assert!(tightest.bytes() > tightest.share);
    }

    #[test]
    fn a_set_too_small_for_training_is_of_another_kind() {
        let learns = |expect| options(&params(384), expect).iter().any(|option| option.kind().learns());
        assert!(learns(SAMPLE) && !learns(SAMPLE - 1));
    }

    #[test]
    fn small_vectors_have_nothing_tighter() {
        assert_eq!(kind(2, MAX_EXPECT, 0), BEST);
    }
}
