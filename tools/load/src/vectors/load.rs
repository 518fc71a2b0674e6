//! Adding every element, each connection waiting for its reply before it sends the next.

use super::{Bench, CONNECTIONS};
use crate::Failure;
use crate::figures::Figures;
use crate::requests::{KEY, additions};

/// The base is added block by block, so that both rates are taken over the whole growth of the
/// graph: adding to a large graph is slower than to a small one.
const BLOCKS: usize = 20;
/// The share of a block that one connection adds; the rest is added by many.
const ALONE: f64 = 0.1;

/// Adds the whole base once, and prints `vadd/1/…` and `vadd/16/…`.
pub(super) fn measure(bench: &mut Bench) -> Result<(), Failure> {
    let requests = additions(&bench.set, 0..bench.set.base.len());
    let mut figures = CONNECTIONS.map(|_| Figures::default());
    for block in 0..BLOCKS {
        let bounds = bounds(requests.len(), block);
        for (way, figures) in figures.iter_mut().enumerate() {
            let rows = bounds[way]..bounds[way + 1];
            figures.extend(bench.fleets[way].drive(&requests, rows, 1, |_, _| {})?);
        }
    }
    for (figures, connections) in figures.into_iter().zip(CONNECTIONS) {
        figures.print(&format!("vadd/{connections}"));
    }
    expect_all(bench)
}

/// Where block `block` of `len` rows begins, where its second part begins, and where it ends.
fn bounds(len: usize, block: usize) -> [usize; 3] {
    let (start, end) = (block * len / BLOCKS, (block + 1) * len / BLOCKS);
    [start, start + ((end - start) as f64 * ALONE) as usize, end]
}

/// A server that lost elements would be measured with an easier task.
fn expect_all(bench: &mut Bench) -> Result<(), Failure> {
    let n = bench.set.base.len();
    let count = bench.control.call(&[b"VCARD", KEY])?.integer()?;
    if count != n as i64 { Err(format!("VCARD is {count} after {n} VADDs").into()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_every_row_once() {
        let mut next = 0;
        for block in 0..BLOCKS {
            let [start, middle, end] = bounds(1_013, block);
            assert_eq!(start, next);
            assert!(start < middle && middle < end);
            next = end;
        }
        assert_eq!(next, 1_013);
    }
}
