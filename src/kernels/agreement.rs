//! Every table of this machine against the specification: all lengths around the lane widths, all
//! alignments, and at the edges of memory that may not be read.

use half::f16;

use super::{Each, Kernels, all, scalar};

const LONGEST_OF_ALL: usize = 300;
const LONG: [usize; 5] = [383, 384, 768, 1536, 1601];

fn lengths() -> impl Iterator<Item = usize> {
    (0..=LONGEST_OF_ALL).chain(LONG)
}

/// A kind of number of a float kernel's argument.
#[derive(Clone, Copy)]
enum Kind {
    F32,
    F16,
}
use Kind::{F16, F32};

impl Kind {
    fn encode(self, numbers: &[f32]) -> Vec<u8> {
        match self {
            F32 => numbers.iter().flat_map(|number| number.to_le_bytes()).collect(),
            F16 => numbers.iter().flat_map(|&number| f16::from_f32(number).to_le_bytes()).collect(),
        }
    }

    fn decode(self, bytes: &[u8]) -> Vec<f32> {
        match self {
            F32 => scalar::f32s(bytes).collect(),
            F16 => scalar::f16s(bytes).collect(),
        }
    }
}

/// A float kernel, the kinds it takes and the term it sums.
struct FloatKernel {
    name: &'static str,
    run: fn(&[u8], &[u8]) -> f32,
    a: Kind,
    b: Kind,
    term: fn(f32, f32) -> f32,
}

fn float_kernels(table: &Kernels) -> [FloatKernel; 6] {
    let product = |x, y| x * y;
    let squared_difference = |x: f32, y: f32| (x - y) * (x - y);
    [
        FloatKernel { name: "dot_f32", run: table.dot_f32, a: F32, b: F32, term: product },
        FloatKernel { name: "l2_f32", run: table.l2_f32, a: F32, b: F32, term: squared_difference },
        FloatKernel { name: "dot_f32_f16", run: table.dot_f32_f16, a: F32, b: F16, term: product },
        FloatKernel { name: "l2_f32_f16", run: table.l2_f32_f16, a: F32, b: F16, term: squared_difference },
        FloatKernel { name: "dot_f16", run: table.dot_f16, a: F16, b: F16, term: product },
        FloatKernel { name: "l2_f16", run: table.l2_f16, a: F16, b: F16, term: squared_difference },
    ]
}

/// The same numbers in every run, and no pattern that a lane could fall into step with
/// (xorshift64*).
pub(super) struct Noise(pub(super) u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(super) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| (self.next() >> 56) as u8).collect()
    }

    /// From −15.5 to 15.5 without 0: at the lengths tested no sum of their products or squares
    /// needs rounding.
    fn halves(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| (self.next() >> 59) as f32 - 15.5).collect()
    }

    /// Between −1 and 1.
    fn fractions(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0).collect()
    }
}

/// `bytes` at `offset` bytes into memory of its own, with bytes before and after that would change
/// every answer.
pub(super) fn at_offset(bytes: &[u8], offset: usize) -> Vec<u8> {
    let mut memory = vec![0x5a; offset];
    memory.extend_from_slice(bytes);
    memory.extend_from_slice(&[0x5a; 64]);
    memory
}

/// Runs `kernel` at all alignments to eight bytes, of each side against another one of the other.
fn assert_everywhere<R: PartialEq + std::fmt::Debug>(
    kernel: fn(&[u8], &[u8]) -> R,
    a: &[u8],
    b: &[u8],
    expected: R,
    what: &str,
) {
    for offset in 0..8 {
        let a_memory = at_offset(a, offset);
        let b_memory = at_offset(b, 7 - offset);
        let a = &a_memory[offset..][..a.len()];
        let b = &b_memory[7 - offset..][..b.len()];
        assert_eq!(kernel(a, b), expected, "{what}, {} and {} bytes, offset {offset}", a.len(), b.len());
    }
}

#[test]
fn integers_are_equal() {
    let mut noise = Noise(1);
    for len in lengths() {
        let a = noise.bytes(len);
        let b = noise.bytes(len);
        for table in all() {
            assert_everywhere(table.dot_i8, &a, &b, scalar::dot_i8(&a, &b), table.isa);
            assert_everywhere(table.hamming, &a, &b, scalar::hamming(&a, &b), table.isa);
        }
    }
}

#[test]
fn extreme_integers_are_equal() {
    for len in lengths() {
        for (x, y) in
            [(i8::MIN, i8::MIN), (i8::MIN, i8::MAX), (i8::MAX, i8::MIN), (i8::MAX, i8::MAX), (0, -1)]
        {
            let a = vec![x as u8; len];
            let b = vec![y as u8; len];
            let product = len as i32 * i32::from(x) * i32::from(y);
            let bits = len as u32 * (x ^ y).count_ones();
            for table in all() {
                assert_everywhere(table.dot_i8, &a, &b, product, table.isa);
                assert_everywhere(table.hamming, &a, &b, bits, table.isa);
            }
        }
    }
}

#[test]
fn floats_are_equal_where_nothing_is_rounded() {
    let mut noise = Noise(2);
    for len in lengths() {
        let x = noise.halves(len);
        let y = noise.halves(len);
        for table in all() {
            for kernel in float_kernels(&table) {
                let expected = x.iter().zip(&y).map(|(&x, &y)| (kernel.term)(x, y)).sum();
                let what = format!("{} {}", table.isa, kernel.name);
                assert_everywhere(kernel.run, &kernel.a.encode(&x), &kernel.b.encode(&y), expected, &what);
            }
        }
    }
}

#[test]
fn floats_differ_by_rounding_alone() {
    let mut noise = Noise(3);
    for len in lengths() {
        let x = noise.fractions(len);
        let y = noise.fractions(len);
        for table in all() {
            for kernel in float_kernels(&table) {
                assert_near(&kernel, &kernel.a.encode(&x), &kernel.b.encode(&y), table.isa);
            }
        }
    }
}

/// Compares with the sum in f64. Each addition, difference and product may be off by half a unit in
/// the last place.
fn assert_near(kernel: &FloatKernel, a: &[u8], b: &[u8], isa: &str) {
    let pairs = kernel.a.decode(a).into_iter().zip(kernel.b.decode(b));
    let terms: Vec<_> = pairs.map(|(x, y)| f64::from((kernel.term)(x, y))).collect();
    let exact: f64 = terms.iter().sum();
    let size: f64 = terms.iter().map(|term| term.abs()).sum();
    let tolerance = (terms.len() + 3) as f64 * f64::from(f32::EPSILON) / 2.0 * size;
    let got = f64::from((kernel.run)(a, b));
    let name = kernel.name;
    assert!((got - exact).abs() <= tolerance, "{isa} {name}, {} numbers: {got}, not {exact}", terms.len());
}

#[test]
fn every_f16_is_widened_exactly() {
    let one = 1f32.to_le_bytes();
    for number in (0..=u16::MAX).map(f16::from_bits).filter(|number| !number.is_nan()) {
        // Alone it is what is left over; among zeros it fills a register.
        let mut many = [f16::ZERO; 16];
        many[5] = number;
        let many: Vec<u8> = many.iter().flat_map(|number| number.to_le_bytes()).collect();
        for table in all() {
            let alone = (table.dot_f32_f16)(&one, &number.to_le_bytes());
            assert_eq!(alone, number.to_f32(), "{} {:#06x}", table.isa, number.to_bits());
            if number.is_finite() {
                let among = (table.dot_f32_f16)(&one.repeat(16), &many);
                assert_eq!(among, number.to_f32(), "{} {:#06x}", table.isa, number.to_bits());
            }
        }
    }
}

#[test]
fn what_is_not_a_number_stays_so() {
    for len in 1..=LONGEST_OF_ALL {
        let mut x = vec![1.0; len];
        x[len * 7 / 11] = f32::NAN;
        for table in all() {
            for kernel in float_kernels(&table) {
                let got = (kernel.run)(&kernel.a.encode(&x), &kernel.b.encode(&vec![1.0; len]));
                assert!(got.is_nan(), "{} {}, {len} numbers: {got}", table.isa, kernel.name);
            }
        }
    }
}

/// The batch forms answer what the pair forms do, float sums to the bit, for any count of codes.
#[test]
fn each_is_as_one() {
    fn agree<R: PartialEq + std::fmt::Debug + Copy + Default>(
        each: Each<R>,
        one: fn(&[u8], &[u8]) -> R,
        query: &[u8],
        codes: &[Vec<u8>],
        isa: &str,
    ) {
        for count in 0..=codes.len() {
            let codes: Vec<&[u8]> = codes[..count].iter().map(Vec::as_slice).collect();
            let mut results = vec![R::default(); count];
            each(query, &codes, &mut results);
            let expected: Vec<R> = codes.iter().map(|code| one(query, code)).collect();
            assert_eq!(results, expected, "{isa}, {} bytes", query.len());
        }
    }
    let mut noise = Noise(4);
    for len in lengths() {
        let query = noise.fractions(len);
        let codes: Vec<_> = (0..5).map(|_| noise.fractions(len)).collect();
        let encoded = |kind: Kind| -> Vec<Vec<u8>> { codes.iter().map(|code| kind.encode(code)).collect() };
        let f32s = encoded(F32);
        let f16s = encoded(F16);
        let query_f32 = F32.encode(&query);
        let query_bytes = noise.bytes(len);
        let bytes = (0..5).map(|_| noise.bytes(len)).collect::<Vec<_>>();
        for table in all() {
            agree(table.dots_f32, table.dot_f32, &query_f32, &f32s, table.isa);
            agree(table.l2s_f32, table.l2_f32, &query_f32, &f32s, table.isa);
            agree(table.dots_f32_f16, table.dot_f32_f16, &query_f32, &f16s, table.isa);
            agree(table.l2s_f32_f16, table.l2_f32_f16, &query_f32, &f16s, table.isa);
            agree(table.dots_i8, table.dot_i8, &query_bytes, &bytes, table.isa);
            agree(table.hammings, table.hamming, &query_bytes, &bytes, table.isa);
        }
    }
}

/// One page of memory between two that may not be touched.
pub(super) struct Fenced {
    map: memmap2::MmapMut,
    page: usize,
}

impl Fenced {
    pub(super) fn new() -> Self {
        let page = rustix::param::page_size();
        let mut map = memmap2::MmapMut::map_anon(3 * page).unwrap();
        for fence in [0, 2 * page] {
            // SAFETY: a whole page of the map made above, which `page()` never gives out.
            let denied = unsafe { libc::mprotect(map[fence..].as_mut_ptr().cast(), page, libc::PROT_NONE) };
            assert_eq!(denied, 0);
        }
        Self { map, page }
    }

    pub(super) fn page(&self) -> &[u8] {
        &self.map[self.page..2 * self.page]
    }
}

/// A byte read outside of the slices ends the test run with a fault.
#[test]
fn nothing_outside_is_read() {
    let fenced = Fenced::new();
    let page = fenced.page();
    for len in 0..=LONGEST_OF_ALL {
        for table in all() {
            for bytes in [&page[..len], &page[page.len() - len..]] {
                assert_eq!((table.dot_i8)(bytes, bytes), 0);
                assert_eq!((table.hamming)(bytes, bytes), 0);
                let mut dots = [1];
                (table.dots_i8)(bytes, &[bytes], &mut dots);
                assert_eq!(dots, [0]);
            }
            for kernel in float_kernels(&table) {
                let (a_len, b_len) =
                    (kernel.a.encode(&[0.0]).len() * len, kernel.b.encode(&[0.0]).len() * len);
                assert_eq!((kernel.run)(&page[..a_len], &page[..b_len]), 0.0);
                assert_eq!((kernel.run)(&page[page.len() - a_len..], &page[page.len() - b_len..]), 0.0);
            }
        }
    }
}
