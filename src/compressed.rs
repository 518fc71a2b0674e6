//! Bytes in less room: LZ4 blocks, made of values that are long enough and compress well.
//!
//! ```text
//! compressed  [length of the text: u32, little-endian][LZ4 block]
//! ```
//!
//! A text is compressed if it is longer than the threshold and a fifth is saved; all others are
//! stored as they are. What holds the bytes also holds the mark that says which of the two they
//! are. Such blocks leave the process in files of `tier-dir` alone: other files, and replies, have
//! the text.
//!
//! What it costs, by a loop over both calls on one core of the machine of the benchmarks: random
//! text of 1 KiB is given up after 0.4 µs, since LZ4 makes longer steps the longer it finds
//! nothing; JSON of 1 KiB takes 0.7 µs to compress and 0.2 µs to decompress. With pipelining,
//! 0.4 µs are a tenth of a SET, so a thread whose last 16 texts of a size did not shrink tries one
//! in eight, until one does.

use std::borrow::Cow;
use std::cell::RefCell;
use std::iter::Sum;
use std::ops::{Add, AddAssign, SubAssign};
use std::sync::atomic::{AtomicUsize, Ordering};

use lz4_flex::block::{CompressTable, compress_into_with_table, decompress_into, get_maximum_output_size};

/// The default of `compression-threshold`, in bytes.
pub const DEFAULT_THRESHOLD: usize = 256;

/// Shorter texts are never compressed, whatever the threshold: the allocator's size classes leave
/// little to save. Numbers and what Redis calls `embstr` are shorter.
const MIN_LEN: usize = 64;

/// Each thread keeps the memory in which it compresses texts up to this length; for longer ones it
/// is allocated anew.
const MAX_KEPT_LEN: usize = 32 * 1024;

/// Texts longer than [`MAX_KEPT_LEN`] are compressed only if so many bytes of them can be.
const SAMPLE_LEN: usize = 4 * 1024;

/// Failures in a row after which most texts of a size are stored as they are without a try.
const PATIENCE: u8 = 16;

/// One in so many is tried then.
const RETRY: u8 = 8;

/// The length of the text.
const HEADER_LEN: usize = size_of::<u32>();

/// A byte of an LZ4 block stands for no more bytes of its text.
const MAX_RATIO: usize = 255;

static THRESHOLD: AtomicUsize = AtomicUsize::new(DEFAULT_THRESHOLD);

thread_local! {
    static WORKSPACE: RefCell<Workspace> = RefCell::new(Workspace::new(CompressTable::small()));
}

/// Sets the length in bytes above which texts are compressed from now on, in the whole process; 0:
/// none is.
pub fn set_threshold(bytes: usize) {
    THRESHOLD.store(bytes, Ordering::Relaxed);
}

/// The text compressed; none if it is not longer than the threshold, or less than a fifth would be
/// saved.
pub fn compress(text: &[u8]) -> Option<Box<[u8]>> {
    let threshold = THRESHOLD.load(Ordering::Relaxed);
    if threshold == 0 || text.len() <= threshold.max(MIN_LEN) { None } else { compress_well(text) }
}

/// As [`compress`], whatever the threshold.
fn compress_well(text: &[u8]) -> Option<Box<[u8]>> {
    WORKSPACE.with_borrow_mut(|workspace| {
        if workspace.is_to_be_skipped(text.len()) {
            return None;
        }
        let compressed = workspace.compress_any(text);
        workspace.note(text.len(), compressed.is_some());
        compressed
    })
}

/// Memory in which texts are compressed.
struct Workspace {
    table: CompressTable,
    output: Vec<u8>,
    /// Failures in a row, by the binary logarithm of the length; from [`PATIENCE`] on, also the
    /// texts that were skipped since.
    failures: [u8; u32::BITS as usize + 1],
}

impl Workspace {
    fn new(table: CompressTable) -> Self {
        Self { table, output: Vec::new(), failures: [0; u32::BITS as usize + 1] }
    }

    /// True if texts of this size have not shrunk lately, and it is not the turn of a try.
    fn is_to_be_skipped(&mut self, len: usize) -> bool {
        let failures = self.failures_at(len);
        if *failures < PATIENCE {
            return false;
        }
        *failures += 1;
        *failures < PATIENCE + RETRY
    }

    fn note(&mut self, len: usize, has_shrunk: bool) {
        let failures = self.failures_at(len);
        *failures = if has_shrunk { 0 } else { (*failures + 1).min(PATIENCE) };
    }

    fn failures_at(&mut self, len: usize) -> &mut u8 {
        let class = len.checked_ilog2().unwrap_or(0) as usize;
        &mut self.failures[class.min(u32::BITS as usize)]
    }

    fn compress_any(&mut self, text: &[u8]) -> Option<Box<[u8]>> {
        if text.len() <= MAX_KEPT_LEN {
            return self.compress(text);
        }
        self.compress(&text[..SAMPLE_LEN])?;
        Self::new(CompressTable::large()).compress(text)
    }

    fn compress(&mut self, text: &[u8]) -> Option<Box<[u8]>> {
        let header = u32::try_from(text.len()).ok()?.to_le_bytes();
        let room = HEADER_LEN + get_maximum_output_size(text.len());
        if self.output.len() < room {
            self.output.resize(room, 0);
        }
        let (head, body) = self.output.split_at_mut(HEADER_LEN);
        head.copy_from_slice(&header);
        let len = HEADER_LEN + compress_into_with_table(text, body, &mut self.table).ok()?;
        saves_a_fifth(len, text.len()).then(|| self.output[..len].into())
    }
}

fn saves_a_fifth(compressed: usize, len: usize) -> bool {
    len - len / 5 >= compressed
}

/// A compressed text, in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compressed<'c>(&'c [u8]);

impl<'c> Compressed<'c> {
    /// The text of which [`compress`] made these bytes.
    pub fn new(bytes: &'c [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes that are stored.
    pub fn as_stored(self) -> &'c [u8] {
        self.0
    }

    /// Bytes in the text; read from the header.
    pub fn len(self) -> usize {
        self.0.first_chunk().map_or(0, |header| u32::from_le_bytes(*header) as usize)
    }

    /// True if the text has no bytes; [`compress`] makes no such block.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The text. Empty if the bytes are not what [`compress`] made: those that lie in a file may
    /// have been damaged.
    pub fn text(self) -> Vec<u8> {
        self.decompress().unwrap_or_default()
    }

    /// What it saves.
    pub fn savings(self) -> Savings {
        Savings { values: 1, bytes: self.len().saturating_sub(self.0.len()) }
    }

    /// None if the bytes are no text of the length in their header.
    fn decompress(self) -> Option<Vec<u8>> {
        let block = self.0.get(HEADER_LEN..)?;
        let len = self.len();
        if len > block.len().saturating_mul(MAX_RATIO) {
            return None;
        }
        let mut text = vec![0; len];
        decompress_into(block, &mut text).is_ok_and(|written| written == len).then_some(text)
    }
}

/// Bytes that are stored compressed or as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored<'s> {
    /// As they are.
    Plain(&'s [u8]),
    /// Compressed.
    Compressed(Compressed<'s>),
}

impl<'s> Stored<'s> {
    /// Bytes with their mark: whether they are compressed.
    pub fn new(bytes: &'s [u8], is_compressed: bool) -> Self {
        if is_compressed { Self::Compressed(Compressed::new(bytes)) } else { Self::Plain(bytes) }
    }

    /// The bytes that are stored, and whether they are compressed.
    pub fn parts(self) -> (&'s [u8], bool) {
        match self {
            Self::Plain(bytes) => (bytes, false),
            Self::Compressed(compressed) => (compressed.as_stored(), true),
        }
    }

    /// The text.
    pub fn text(self) -> Cow<'s, [u8]> {
        match self {
            Self::Plain(bytes) => Cow::Borrowed(bytes),
            Self::Compressed(compressed) => Cow::Owned(compressed.text()),
        }
    }

    /// Bytes in the text.
    pub fn len(self) -> usize {
        match self {
            Self::Plain(bytes) => bytes.len(),
            Self::Compressed(compressed) => compressed.len(),
        }
    }

    /// True if the text has no bytes.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// What is saved by storing it so.
    pub fn savings(self) -> Savings {
        match self {
            Self::Plain(_) => Savings::default(),
            Self::Compressed(compressed) => compressed.savings(),
        }
    }
}

/// A text made ready to be stored.
#[derive(Debug)]
pub enum Ready<'t> {
    /// As it is.
    Plain(&'t [u8]),
    /// Compressed.
    Compressed(Box<[u8]>),
}

impl<'t> Ready<'t> {
    /// Compressed if [`compress`] does so.
    pub fn new(text: &'t [u8]) -> Self {
        compress(text).map_or(Self::Plain(text), Self::Compressed)
    }

    /// The bytes to be stored.
    pub fn stored(&self) -> Stored<'_> {
        match self {
            Self::Plain(text) => Stored::Plain(text),
            Self::Compressed(bytes) => Stored::new(bytes, true),
        }
    }
}

/// What compression saves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Savings {
    /// How many texts are compressed.
    pub values: usize,
    /// Bytes of the texts beyond those that are stored.
    pub bytes: usize,
}

impl Add for Savings {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { values: self.values + other.values, bytes: self.bytes + other.bytes }
    }
}

impl AddAssign for Savings {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Savings {
    fn sub_assign(&mut self, other: Self) {
        self.values -= other.values;
        self.bytes -= other.bytes;
    }
}

impl Sum for Savings {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Self::add)
    }
}

/// Text for tests, of any length: the same words again and again.
#[cfg(test)]
pub(crate) fn repetitive(len: usize) -> Vec<u8> {
    (0_u32..).flat_map(|word| format!("word{} ", word % 100).into_bytes()).take(len).collect()
}

/// Bytes for tests that do not compress.
#[cfg(test)]
pub(crate) fn random(len: usize) -> Vec<u8> {
    let mut numbers = crate::splitmix::SplitMix64::new(1);
    (0..len).map(|_| numbers.next() as u8).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_text_comes_back(pieces in prop::collection::vec((any::<u8>(), 1..300_usize, any::<bool>()), 1..20)) {
            let run = |(byte, len, is_run): (u8, usize, bool)| {
                if is_run { vec![byte; len] } else { random(len) }
            };
            let text: Vec<u8> = pieces.into_iter().flat_map(run).collect();
            if let Some(bytes) = compress_well(&text) {
                let compressed = Compressed::new(&bytes);
                prop_assert!(bytes.len() * 5 <= text.len() * 4 + 4);
                prop_assert_eq!(compressed.text(), &text[..]);
                prop_assert_eq!(compressed.len(), text.len());
                let saved = text.len() - bytes.len();
                prop_assert_eq!(compressed.savings(), Savings { values: 1, bytes: saved });
            }
        }

        #[test]
        fn any_bytes_are_text_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), len in 0..3000_u32) {
            let with_header = [&len.to_le_bytes()[..], &bytes].concat();
            for bytes in [&bytes, &with_header] {
                let compressed = Compressed::new(bytes);
                let text = compressed.decompress();
                prop_assert!(text.is_none_or(|text| text.len() == compressed.len()));
            }
        }
    }

    #[test]
    fn only_long_texts_that_shrink_are_compressed() {
        for len in [0, 10, MIN_LEN, DEFAULT_THRESHOLD] {
            assert_eq!(compress(&repetitive(len)), None, "{len}");
        }
        for len in [DEFAULT_THRESHOLD + 200, MAX_KEPT_LEN, MAX_KEPT_LEN + 1, 1 << 20] {
            let text = repetitive(len);
            let bytes = compress(&text).expect("it repeats itself");
            assert!(bytes.len() < len * 2 / 3, "{len} bytes became {}", bytes.len());
            assert_eq!(Compressed::new(&bytes).text(), text);
            assert_eq!(compress(&random(len)), None, "{len}");
        }
    }

    #[test]
    fn after_many_failures_one_text_in_eight_is_tried_until_one_shrinks() {
        let tries = |count: usize| (0..count).filter(|_| compress(&repetitive(1000)).is_some()).count();
        assert_eq!(tries(3), 3);
        for _ in 0..PATIENCE {
            assert_eq!(compress(&random(1000)), None);
        }
        assert_eq!(tries(usize::from(RETRY) - 1), 0);
        assert!(compress(&repetitive(3000)).is_some(), "another size");
        assert_eq!(tries(10), 10);
    }

    #[test]
    fn a_long_text_is_given_up_by_its_beginning() {
        let text = [random(SAMPLE_LEN), vec![b'x'; MAX_KEPT_LEN]].concat();
        assert_eq!(compress(&text), None);
    }

    #[test]
    fn a_length_that_no_block_can_have_allocates_nothing() {
        let bytes = [&u32::MAX.to_le_bytes()[..], &[0x1f; 100]].concat();
        assert_eq!(Compressed::new(&bytes).decompress(), None);
        assert_eq!(Compressed::new(&[1, 2, 3]).decompress(), None);
        assert_eq!(Compressed::new(&[]).decompress(), None);
    }

    #[test]
    fn a_fifth_is_the_least() {
        assert!(saves_a_fifth(800, 1000) && !saves_a_fifth(801, 1000));
        assert!(saves_a_fifth(241, 301) && !saves_a_fifth(242, 301));
    }

    #[test]
    fn savings_add_up() {
        let one = Savings { values: 1, bytes: 10 };
        let mut sum: Savings = [one, one, one].into_iter().sum();
        assert_eq!(sum, Savings { values: 3, bytes: 30 });
        sum -= one;
        sum += Savings::default();
        assert_eq!(sum, one + one);
        assert_eq!(Stored::new(b"abc", false).savings(), Savings::default());
    }
}
