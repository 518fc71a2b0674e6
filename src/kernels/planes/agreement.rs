//! Every table of this machine against the specification, with every count of planes and at the
//! edges of memory that may not be read.

use super::{MAX_PLANES, PLANE_NUMBERS, dot, dots};
use crate::kernels::agreement::{Fenced, Noise, at_offset};
use crate::kernels::{Kernels, all};

const GROUPS: [usize; 9] = [1, 2, 3, 4, 5, 6, 7, 12, 25];
/// As many bodies as fill the widest kernel's groups twice, and every count below.
const MOST_BODIES: usize = 9;

/// What a table says of a query and bodies that begin at different addresses and are longer than
/// their planes.
fn dots_at_offsets(table: &Kernels, query: &[u8], planes: usize, bodies: &[Vec<u8>]) -> Vec<i32> {
    let memory: Vec<_> = bodies.iter().enumerate().map(|(i, body)| at_offset(body, i % 8)).collect();
    let bodies: Vec<_> = memory.iter().enumerate().map(|(i, memory)| &memory[i % 8..]).collect();
    let mut out = vec![7; bodies.len()];
    (table.dots_planes)(query, planes, &bodies, &mut out);
    out
}

#[test]
fn dots_are_equal() {
    let mut noise = Noise(4);
    for planes in 1..=MAX_PLANES {
        for groups in GROUPS {
            let query = noise.bytes(groups * PLANE_NUMBERS);
            for count in 0..=MOST_BODIES {
                let bodies: Vec<_> = (0..count).map(|_| noise.bytes(planes * groups * 8)).collect();
                let views: Vec<_> = bodies.iter().map(Vec::as_slice).collect();
                let mut expected = vec![0; count];
                dots(&query, planes, &views, &mut expected);
                for table in all() {
                    let got = dots_at_offsets(&table, &query, planes, &bodies);
                    assert_eq!(got, expected, "{} {planes} planes, {groups} groups", table.isa);
                }
            }
        }
    }
}

#[test]
fn products_of_pairs_are_equal() {
    let mut noise = Noise(5);
    for planes in 1..=MAX_PLANES {
        for groups in GROUPS {
            let [a, b] = [(); 2].map(|()| noise.bytes(planes * groups * 8));
            let expected = dot(&a, &b, planes);
            for table in all() {
                for offset in 0..8 {
                    let x = at_offset(&a, offset);
                    let y = at_offset(&b, 7 - offset);
                    let got =
                        (table.dot_planes)(&x[offset..][..a.len()], &y[7 - offset..][..b.len()], planes);
                    assert_eq!(got, expected, "{} {planes} planes, {groups} groups", table.isa);
                }
            }
        }
    }
}

#[test]
fn the_extremes_of_the_longest_vector_are_exact() {
    const NUMBERS: usize = 65_536;
    for planes in 1..=MAX_PLANES {
        let most = (1i64 << planes) - 1;
        let ones = vec![0xff; planes * NUMBERS / 8];
        let zeros = vec![0; planes * NUMBERS / 8];
        for table in all() {
            for q in [-127i8, 127] {
                let mut out = [1, 1];
                (table.dots_planes)(&vec![q as u8; NUMBERS], planes, &[&ones, &zeros], &mut out);
                assert_eq!(out.map(i64::from), [NUMBERS as i64 * most * i64::from(q), 0], "{}", table.isa);
            }
            let square = NUMBERS as i64 * most * most;
            assert_eq!((table.dot_planes)(&ones, &ones, planes), square, "{}", table.isa);
            assert_eq!((table.dot_planes)(&ones, &zeros, planes), -square, "{}", table.isa);
        }
    }
}

/// A byte read outside of the slices ends the test run with a fault.
#[test]
fn nothing_outside_is_read() {
    let fenced = Fenced::new();
    let page = fenced.page();
    for planes in 1..=MAX_PLANES {
        for groups in GROUPS {
            let query = groups * PLANE_NUMBERS;
            let bytes = planes * groups * 8;
            let front = &page[..bytes];
            let back = &page[page.len() - bytes..];
            for table in all() {
                let mut out = [1; 2];
                for query in [&page[..query], &page[page.len() - query..]] {
                    (table.dots_planes)(query, planes, &[front, back], &mut out);
                    assert_eq!(out, [0; 2]);
                }
                let most = (1i64 << planes) - 1;
                assert_eq!((table.dot_planes)(front, back, planes), most * most * query as i64);
            }
        }
    }
}
