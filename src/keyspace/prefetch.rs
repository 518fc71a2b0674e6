//! Prefetching for several lookups at once, so that they wait for the memory once instead of one by
//! one.
//!
//! A lookup follows three pointers, each of which is a cache miss in a large database: index,
//! entry, block. One lookup cannot start the second before the first is complete; those of a
//! pipeline, or of one command with many keys, can run side by side. Redis does the same
//! (`prefetch-batch-max-size`, `lookahead`).

use smallvec::SmallVec;

use super::Database;
use super::shard::shard_of;
use super::table::Table;

/// Keys that are prefetched side by side; a CPU handles about a dozen misses at a time.
const BATCH: usize = 16;

/// A table with fewer keys is in a cache already, with all the others of its database.
const MIN_KEYS: usize = 128;

impl Database {
    /// Prefetches what lookups of these keys read. Changes nothing, and does not wait for locks.
    pub fn prefetch<K: AsRef<[u8]>>(&self, keys: &[K]) {
        for keys in keys.chunks(BATCH) {
            let hashes: SmallVec<[u64; BATCH]> =
                keys.iter().map(|key| self.common.hash(key.as_ref())).collect();
            for step in [Table::prefetch_index, Table::prefetch_entry, Table::prefetch_block] {
                for &hash in &hashes {
                    let table = self.shards[shard_of(hash)].peek();
                    if let Some(table) = table.filter(|table| table.len() >= MIN_KEYS) {
                        step(&table, hash);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::keyspace::{Clock, Deadline, Keyspace, StringValue, Value};

    #[test]
    fn keys_may_be_there_or_not() {
        let keyspace = Keyspace::new(Clock::manual(0));
        let db = keyspace.db(0);
        let keys: Vec<Vec<u8>> = (0..40_000_u32).map(|n| n.to_be_bytes().to_vec()).collect();
        for key in &keys[..20_000] {
            db.exclusive(&[key]).put(key, Value::String(StringValue::new(key)), Deadline::NEVER);
        }
        db.prefetch(&keys);
        let _locked = db.exclusive(&keys[..1]);
        db.prefetch(&keys[..1]);
    }
}
