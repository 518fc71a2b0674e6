//! Vector sets: all of them together, and the largest ones each for itself.
//!
//! Which are shown: those with the most elements, as many as `metrics-max-sets` says; of equal ones
//! those of the lower database, then by the key. A set that is overtaken by another one loses its
//! samples, and begins anew when it is shown again, with the counts it has by then. Each shown set
//! has 15 samples, and a semantic cache 11 more.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write;
use std::sync::Arc;

use super::MAX_BYTES;
use super::families::{Families, Kind, Number};
use crate::commands::Server;
use crate::vector_set::{CacheFigures, SCORE_BUCKETS, VectorSet};

/// Longest key that is shown in full, in bytes.
const MAX_KEY: usize = 120;

/// A set that is shown; the order is that in which they are chosen.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Shown {
    elements: Reverse<usize>,
    db: usize,
    key: Vec<u8>,
}

/// All sets.
pub(in crate::commands) struct Sets {
    pub(in crate::commands) count: usize,
    pub(in crate::commands) elements: usize,
    /// The largest ones with their databases and keys, in order.
    pub(in crate::commands) largest: Vec<(usize, Vec<u8>, Arc<VectorSet>)>,
}

impl Sets {
    /// The largest ones are at most `max`.
    pub(in crate::commands) fn of(server: &Server, max: usize) -> Self {
        let (mut count, mut elements) = (0, 0);
        let mut largest: BinaryHeap<Shown> = BinaryHeap::new();
        for (db, database) in server.keyspace.databases().iter().enumerate() {
            database.direct().for_each_vector_set(|key, set| {
                let len = set.approximate_len();
                count += 1;
                elements += len;
                let is_last =
                    |last: &Shown| (Reverse(len), db, key) > (last.elements, last.db, last.key.as_slice());
                if max == 0 || largest.len() == max && largest.peek().is_some_and(is_last) {
                    return;
                }
                largest.push(Shown { elements: Reverse(len), db, key: key.to_vec() });
                if largest.len() > max {
                    largest.pop();
                }
            });
        }
        let find = |shown: Shown| {
            let set = server.keyspace.db(shown.db).vector_set_in_memory(&shown.key)?.set;
            Some((shown.db, shown.key, set))
        };
        // One that was removed meanwhile is left out.
        let largest = largest.into_sorted_vec().into_iter().filter_map(find).collect();
        Self { count, elements, largest }
    }
}

pub(super) fn add(server: &Server, families: &mut Families) {
    let max = usize::try_from(server.config.settings().metrics_max_sets).unwrap_or(usize::MAX);
    let sets = Sets::of(server, max);
    families.gauge("nearhit_vector_sets", "Vector sets in all databases", &[], sets.count);
    families.gauge("nearhit_vector_elements", "Elements of all vector sets", &[], sets.elements);
    best_scores(server.keyspace.element_figures().best_scores(), families);
    let mut shown = 0u64;
    for (db, key, set) in &sets.largest {
        if families.len() > MAX_BYTES {
            break;
        }
        shown += 1;
        one(&format!("db{db}"), &label_of(key), set, families);
    }
    let help = "Vector sets with samples of their own: the largest, at most metrics-max-sets";
    families.gauge("nearhit_sets_shown", help, &[], shown);
}

/// Without a sum, which is not counted.
fn best_scores(scores: [u64; SCORE_BUCKETS], families: &mut Families) {
    const NAME: &str = "nearhit_search_best_score";
    const HELP: &str = "Searches that returned something, by the score of their best element";
    let mut below = 0;
    for (bucket, count) in scores.into_iter().enumerate() {
        below += count;
        let end = (bucket + 1) as f64 / SCORE_BUCKETS as f64;
        let le = if bucket + 1 == SCORE_BUCKETS { "+Inf".to_owned() } else { format!("{end:.2}") };
        families.part((NAME, "_bucket"), Kind::Histogram, HELP, &[("le", &le)], Number::Whole(below));
    }
    families.part((NAME, "_count"), Kind::Histogram, HELP, &[], Number::Whole(below));
}

fn one(db: &str, key: &str, set: &VectorSet, families: &mut Families) {
    let set_labels = [("db", db), ("key", key)];
    let figures = set.figures();
    let searches = &figures.searches;
    let found = searches.found();
    let mut gauge = |name, help, value: usize| families.gauge(name, help, &set_labels, value);
    gauge("nearhit_set_elements", "Elements of a vector set", set.approximate_len());
    gauge("nearhit_set_dimensions", "Dimensions of its vectors", set.params().dim());
    let mut counter = |name, help, value: u64| families.counter(name, help, &set_labels, value);
    counter("nearhit_set_searches_total", "Searches of a vector set", found + searches.empty());
    counter("nearhit_set_search_hits_total", "Those of them that returned something", found);
    counter("nearhit_set_elements_returned_total", "Elements that they returned", searches.returned());
    for (reason, count) in [
        ("expired", figures.expired.get()),
        ("evicted_for_memory", figures.evicted_for_memory.get()),
        ("evicted_for_limit", figures.evicted_for_limit.get()),
    ] {
        let labels = [("db", db), ("key", key), ("reason", reason)];
        let help = "Elements that the server removed from a vector set, by why";
        families.counter("nearhit_set_removed_elements_total", help, &labels, count);
    }
    let memory = set.memory();
    for (part, bytes) in [
        ("vectors", memory.vectors),
        ("graph", memory.graph),
        ("names", memory.names),
        ("attributes", memory.attributes),
        ("indexes", memory.fields),
        ("expiry", memory.expiry),
        ("snapshot", memory.snapshot),
    ] {
        memory_part(&[("db", db), ("key", key), ("part", part)], bytes, families);
    }
    if let Some(cache) = set.untimed().cache() {
        of_cache(db, key, cache.figures(), families);
        memory_part(&[("db", db), ("key", key), ("part", "payloads")], memory.payloads, families);
    }
}

fn memory_part(labels: &[(&'static str, &str)], bytes: usize, families: &mut Families) {
    families.gauge("nearhit_set_memory_bytes", "Memory of a vector set, by what for", labels, bytes);
}

fn of_cache(db: &str, key: &str, figures: &CacheFigures, families: &mut Families) {
    for (verdict, count) in [
        ("hit", figures.hits.get()),
        ("dry_hit", figures.dry_hits.get()),
        ("near", figures.near.get()),
        ("explore", figures.explored.get()),
        ("miss", figures.misses.get()),
    ] {
        let labels = [("db", db), ("key", key), ("verdict", verdict)];
        let help = "Lookups of a semantic cache, by what they were answered";
        families.counter("nearhit_set_cache_lookups_total", help, &labels, count);
    }
    for (verdict, count) in [("right", figures.right.get()), ("wrong", figures.wrong.get())] {
        let labels = [("db", db), ("key", key), ("verdict", verdict)];
        let help = "What was reported of answers of a semantic cache";
        families.counter("nearhit_set_cache_observations_total", help, &labels, count);
    }
    for (verdict, count) in [("right", figures.hits_right.get()), ("wrong", figures.hits_wrong.get())] {
        let labels = [("db", db), ("key", key), ("verdict", verdict)];
        let help = "Those of them about answers that were decided to be hits";
        families.counter("nearhit_set_cache_hit_observations_total", help, &labels, count);
    }
    let help = "What the entries of hits of a semantic cache cost";
    families.counter(
        "nearhit_set_cache_cost_saved_total",
        help,
        &[("db", db), ("key", key)],
        figures.cost_saved(),
    );
}

/// The key as a label: bytes that are no text are escaped, so that two keys never have the same
/// label. A long one is cut, and a hash of the whole key stands behind it.
pub(in crate::commands) fn label_of(key: &[u8]) -> String {
    let mut label = String::new();
    let shown = if key.len() > MAX_KEY { &key[..MAX_KEY] } else { key };
    for chunk in shown.utf8_chunks() {
        chunk.valid().chars().for_each(|char| match char {
            '\\' => label.push_str("\\\\"),
            char if char.is_control() => label.extend(char.escape_default()),
            char => label.push(char),
        });
        chunk.invalid().iter().for_each(|byte| {
            let written = write!(label, "\\x{byte:02x}");
            debug_assert!(written.is_ok(), "a string takes any text");
        });
    }
    if key.len() > MAX_KEY {
        let written = write!(label, "…\\{:016x}", xxhash_rust::xxh3::xxh3_64(key));
        debug_assert!(written.is_ok(), "a string takes any text");
    }
    label
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_keys_have_different_labels() {
        let label = |key: &[u8]| label_of(key);
        assert_eq!(label("docs:ä".as_bytes()), "docs:ä");
        assert_eq!(label(b"\xff"), "\\xff");
        assert_eq!(label(b"\\xff"), "\\\\xff");
        assert_eq!(label(b"a\nb"), "a\\nb");
        let [one, other] = [b'a', b'b'].map(|last| label(&[&[b'k'; 500][..], &[last]].concat()));
        assert!(one != other && one.len() < 2 * MAX_KEY, "{one} {other}");
        // A letter of two bytes, cut in the middle.
        let cut = "ä".repeat(100);
        assert!(label(&[b"k", cut.as_bytes()].concat()).contains("\\xc3…\\"));
    }
}
