//! Section Keysizes: distributions of the sizes of strings, hashes and vector sets. It reads every
//! key.

use std::collections::BTreeMap;

use super::row::{Name, Rows, Value};
use crate::commands::Server;
use crate::keyspace::View;

/// Sizes from 2^n up to below 2^(n+1), by n; none for size 0.
type Sizes = BTreeMap<Option<u32>, u64>;

pub(super) fn keysizes(server: &Server, rows: &mut Rows) {
    let now_ms = server.keyspace.clock().now_ms();
    for (number, db) in server.keyspace.databases().iter().enumerate() {
        for (kind, sizes) in of(db.direct(), now_ms) {
            let name = Name::of("db", number.to_string(), format!("_distrib_{kind}"));
            rows.field(name, record(&sizes));
        }
    }
}

fn of(db: View<'_>, now_ms: i64) -> Vec<(&'static str, Sizes)> {
    // The key begins with Redis' number of the type: types are listed in this order.
    let mut types = BTreeMap::<(u32, &'static str), Sizes>::new();
    db.for_each(|entry| {
        let value = entry.value();
        let sizes = types.entry((value.type_number(), value.sizes_name())).or_default();
        *sizes.entry(value.size(now_ms).checked_ilog2()).or_default() += 1;
    });
    types.into_iter().map(|((_, name), sizes)| (name, sizes)).collect()
}

fn record(sizes: &Sizes) -> Value {
    let pair = |(power, count): (&Option<u32>, &u64)| (label(*power).into(), (*count).into());
    Value::Record(sizes.iter().map(pair).collect())
}

/// `0`, `1`, `512`, `1K`, `4M`.
fn label(power: Option<u32>) -> String {
    const UNITS: [&str; 7] = ["", "K", "M", "G", "T", "P", "E"];
    let Some(power) = power else { return "0".to_owned() };
    format!("{}{}", 1u64 << (power % 10), UNITS[(power / 10) as usize % UNITS.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_counted_by_powers_of_two() {
        let labels = [None, Some(0), Some(9), Some(10), Some(22)].map(label);
        assert_eq!(labels, ["0", "1", "512", "1K", "4M"]);
        let sizes = Sizes::from([(Some(12), 1), (None, 2)]);
        assert_eq!(record(&sizes).to_string(), "0=2,4K=1");
    }
}
