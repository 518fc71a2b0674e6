//! How is a vector kept? Encode, decode, and the distance between two codes.
//! Knows no graph, no slots and no names.
//!
//! A stored code has two parts, which a set keeps apart, so that the bodies are aligned and walks
//! read nothing else:
//!
//! ```text
//! head [norm: f32]                body [component …]   Float32, Float16, Binary
//! head [norm: f32][range: f32]    body [int8 …]        Int8
//! head [norm: f32]                body [centroid: u8 …][gain: f16][cosine: u16]  Product
//! head [norm: f32]                body [plane …][factor, error, norm: f32]   RaBitQ
//! ```
//!
//! Under [`Metric::Cosine`] vectors are normalised first and the norm is kept, as Redis does, so
//! that what was sent can be given back. Each kind of code is a row of [`CODECS`].

mod binary;
mod code;
mod float16;
mod float32;
mod int8;
mod measured;
mod product;
mod rabitq;
mod rotation;

pub use self::code::Code;
pub(crate) use self::code::{CodeBuf, Query};
pub use self::measured::{MEASURED, Measured};
pub use self::product::{Codebook, SAMPLE};
pub use self::rabitq::Bits;
use std::borrow::Cow;
use std::sync::Arc;

use crate::kernels::{Kernels, kernels};

/// How the components of a vector are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Kind {
    /// 4 bytes per component.
    Float32,
    /// 2 bytes per component, IEEE half precision.
    Float16,
    /// 1 byte per component, with one range per vector.
    Int8,
    /// 1 bit per component: its sign.
    Binary,
    /// 1 to 8 bits per component of the turned vector, from which distances are estimated.
    RaBitQ(Bits),
    /// 1 bit per component: a byte for each 8, the number of a centroid that was learnt from a
    /// sample.
    Product,
}

/// What "near" means.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Metric {
    /// Distance `1 − cos`, 0 … 2. Vectors are normalised when they are stored.
    Cosine,
    /// Euclidean distance. Codes compare by its square.
    L2,
    /// Distance `1 − a·b`, which can be any number.
    InnerProduct,
}

impl Metric {
    /// All, with the names that commands use.
    pub const ALL: [(Metric, &'static str); 3] =
        [(Metric::Cosine, "COSINE"), (Metric::L2, "L2"), (Metric::InnerProduct, "IP")];

    /// The name that commands use.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(metric, _)| *metric == self).map_or("", |(_, name)| name)
    }

    /// The distance that codes compare by, from the squared Euclidean distance (L2) or the dot
    /// product (the others). Redis does not clamp cosine distances, and reports similarities
    /// slightly above 1; they are clamped here.
    #[inline(always)]
    fn of_kernel(self, value: f32) -> f32 {
        match self {
            Metric::Cosine => (1.0 - value).clamp(0.0, 2.0),
            Metric::L2 => value,
            Metric::InnerProduct => 1.0 - value,
        }
    }

    /// From the distance that codes compare by to the one in replies: differs for L2 only.
    pub fn user_distance(self, distance: f32) -> f32 {
        if self == Metric::L2 { distance.sqrt() } else { distance }
    }

    /// The inverse of [`Metric::user_distance`], for a limit that a user gives. Negative limits
    /// stay below every distance.
    pub fn raw_distance(self, shown: f64) -> f64 {
        if self == Metric::L2 { shown * shown.abs() } else { shown }
    }

    /// Redis' score of a distance that codes compare by: 1 is identical. `1 − d/2` for cosine and
    /// inner product (for unit vectors the two agree), `1 / (1 + d)` of the Euclidean distance.
    pub fn score(self, distance: f32) -> f64 {
        match self {
            Metric::Cosine | Metric::InnerProduct => 1.0 - distance as f64 / 2.0,
            Metric::L2 => 1.0 / (1.0 + self.user_distance(distance) as f64),
        }
    }
}

/// One kind of code: the row that commands, VINFO and tests read.
pub struct Codec {
    /// Which.
    pub kind: Kind,
    /// The word that chooses it in commands.
    pub keyword: &'static str,
    /// Its name in `VINFO` and `VEMB RAW`.
    pub name: &'static str,
    /// The metrics it can express.
    pub metrics: &'static [Metric],
    /// Bytes of the head, which begins with the norm.
    head: usize,
    /// Bytes of the body.
    body: fn(dim: usize) -> usize,
    /// Writes a vector that was already normalised, if the metric needs it. The norm is in the
    /// head, and may be changed.
    encode: fn(&Format, &[f32], head: &mut [u8], body: &mut [u8]),
    /// Gives the components back, without the norm.
    decode: fn(&Format, Code, &mut Vec<f32>),
    /// Makes a query of a vector that was already normalised, if the metric needs it.
    query: fn(&Format, &[f32]) -> Query,
    /// True if distances depend on heads.
    reads_heads: bool,
    /// From a query to each of at most [`BATCH`] codes.
    distances: Distances,
    /// Below which the true distances hardly ever are: for kinds so coarse that a finer copy serves
    /// them.
    bounds: Option<Distances>,
    /// From one code to another.
    between: fn(&Format, Code, Code) -> f32,
    /// True if the bytes behind the norm are such as `encode` writes: of codes that come from
    /// outside.
    valid: fn(&Format, Code) -> bool,
}

/// From a query to codes, given as their heads and their bodies; a result for each.
type Distances = fn(&Format, &Query, heads: &[&[u8]], bodies: &[&[u8]], results: &mut [f32]);

/// The most codes that are scored in one call.
pub(crate) const BATCH: usize = 32;

/// Every kind of code.
pub static CODECS: [&Codec; 13] = [
    &int8::CODEC,
    &float32::CODEC,
    &float16::CODEC,
    &binary::CODEC,
    &rabitq::CODECS[0],
    &rabitq::CODECS[1],
    &rabitq::CODECS[2],
    &rabitq::CODECS[3],
    &rabitq::CODECS[4],
    &rabitq::CODECS[5],
    &rabitq::CODECS[6],
    &rabitq::CODECS[7],
    &product::codec::CODEC,
];

impl Kind {
    /// Where none is chosen: 8 bits lose hardly any neighbour, and need a quarter of the memory.
    pub const DEFAULT: Self = Self::Int8;

    /// Its row.
    pub fn codec(self) -> &'static Codec {
        CODECS.iter().find(|codec| codec.kind == self).expect("each kind has its row")
    }

    /// True if its codes need a [`Codebook`], which is learnt from a sample of the vectors.
    pub fn learns(self) -> bool {
        self == Kind::Product
    }
}

const ALL_METRICS: &[Metric] = &[Metric::Cosine, Metric::L2, Metric::InnerProduct];
const NORM: std::ops::Range<usize> = 0..4;

/// How one set keeps its vectors: dimension, kind and metric. Codes of one format compare with each
/// other only.
#[derive(Clone)]
pub struct Format {
    dim: usize,
    kind: Kind,
    metric: Metric,
    codec: &'static Codec,
    codebook: Option<Arc<Codebook>>,
    kernels: &'static Kernels,
}

impl Format {
    /// `dim`: components per vector, at least 1. None if the kind cannot express the metric. A kind
    /// that learns needs [`Format::with_codebook`] before anything is encoded.
    pub fn new(dim: usize, kind: Kind, metric: Metric) -> Option<Self> {
        let codec = kind.codec();
        let codebook = None;
        let kernels = kernels();
        codec.metrics.contains(&metric).then_some(Self { dim, kind, metric, codec, codebook, kernels })
    }

    /// With what was learnt, for a kind that learns.
    pub fn with_codebook(self, codebook: Arc<Codebook>) -> Self {
        Self { codebook: Some(codebook), ..self }
    }

    /// What was learnt, for a kind that learns.
    pub fn codebook(&self) -> Option<&Codebook> {
        self.codebook.as_deref()
    }

    /// Components per vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// How they are kept.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What "near" means.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// True if [`Format::distances`] reads heads, and not bodies alone.
    pub fn reads_heads(&self) -> bool {
        self.codec.reads_heads
    }

    /// Bytes of a code's head.
    pub fn head_bytes(&self) -> usize {
        self.codec.head
    }

    /// Bytes of a code's body.
    pub fn body_bytes(&self) -> usize {
        (self.codec.body)(self.dim)
    }

    /// Bytes per code.
    pub fn code_bytes(&self) -> usize {
        self.head_bytes() + self.body_bytes()
    }

    /// Encodes a finite vector of `dim` components.
    pub fn encode(&self, vector: &[f32]) -> CodeBuf {
        assert_eq!(vector.len(), self.dim);
        let mut code = CodeBuf::new(self.head_bytes(), self.body_bytes());
        let (head, body) = code.parts_mut();
        let (vector, norm) = self.placed(vector);
        put_f32(head, NORM.start, norm);
        (self.codec.encode)(self, &vector, head, body);
        code
    }

    /// Makes a query of a finite vector of `dim` components.
    pub fn query(&self, vector: &[f32]) -> Query {
        assert_eq!(vector.len(), self.dim);
        (self.codec.query)(self, &self.placed(vector).0)
    }

    /// A vector as the metric compares it, and its length if that had to change.
    fn placed<'v>(&self, vector: &'v [f32]) -> (Cow<'v, [f32]>, f32) {
        if self.metric == Metric::Cosine {
            let (unit, norm) = normalised(vector);
            (Cow::Owned(unit), norm)
        } else {
            (Cow::Borrowed(vector), 1.0)
        }
    }

    /// The vector that a code stands for, as near to what was sent as the code allows.
    pub fn decode(&self, code: Code) -> Vec<f32> {
        let mut vector = Vec::with_capacity(self.dim);
        (self.codec.decode)(self, code, &mut vector);
        if self.metric == Metric::Cosine && self.kind != Kind::Binary {
            let norm = self.norm(code);
            vector.iter_mut().for_each(|x| *x *= norm);
        }
        vector
    }

    /// The distances that codes compare by, from a query to at most `BATCH` codes;
    /// [`Metric::user_distance`] converts them to those in replies.
    #[inline]
    pub fn distances(&self, query: &Query, heads: &[&[u8]], bodies: &[&[u8]], results: &mut [f32]) {
        (self.codec.distances)(self, query, heads, bodies, results);
    }

    /// As [`Format::distances`], of one code.
    pub fn distance(&self, query: &Query, code: Code) -> f32 {
        let mut result = [0.0];
        self.distances(query, &[code.head], &[code.body], &mut result);
        result[0]
    }

    /// True if distances are estimates that a finer copy of the vectors can refine.
    pub fn is_coarse(&self) -> bool {
        self.codec.bounds.is_some()
    }

    /// Below which the true distances hardly ever are; for a kind that is not coarse, the distances
    /// themselves.
    #[inline]
    pub fn bounds(&self, query: &Query, heads: &[&[u8]], bodies: &[&[u8]], results: &mut [f32]) {
        self.codec.bounds.unwrap_or(self.codec.distances)(self, query, heads, bodies, results);
    }

    /// From one code to another.
    #[inline]
    pub fn between(&self, a: Code, b: Code) -> f32 {
        (self.codec.between)(self, a, b)
    }

    /// True if these bytes can be a code of this format: as many as it has, and no number that is
    /// not finite.
    pub fn admits(&self, code: Code) -> bool {
        let sizes = code.head.len() == self.head_bytes() && code.body.len() == self.body_bytes();
        sizes && is_length(get_f32(code.head, NORM.start)) && (self.codec.valid)(self, code)
    }

    /// The head of a code that comes from outside, of its norm and, for Int8, its range.
    pub fn head(&self, norm: f32, range: f32) -> Vec<u8> {
        [norm, range].iter().flat_map(|number| number.to_le_bytes()).take(self.head_bytes()).collect()
    }

    /// The L2 norm before normalisation; 1 where nothing was normalised, or the vector was all
    /// zero.
    pub fn norm(&self, code: Code) -> f32 {
        if self.metric == Metric::Cosine { get_f32(code.head, NORM.start) } else { 1.0 }
    }

    /// The greatest absolute component before quantisation (Int8 alone).
    pub fn range(&self, code: Code) -> Option<f32> {
        (self.kind == Kind::Int8).then(|| int8::range(code.head))
    }
}

/// A vector of length 1 in its direction, and its length. Rounded as Redis rounds, so that stored
/// bytes agree: squares are added four at a time in float32, and components are divided, not
/// multiplied by a reciprocal. A vector whose squares add up to 0 stays as it is, with length 1.
fn normalised(vector: &[f32]) -> (Vec<f32>, f32) {
    let sum = sum_of_squares(vector);
    if sum == 0.0 {
        return (vector.to_vec(), 1.0);
    }
    let norm = sum.sqrt();
    (vector.iter().map(|x| x / norm).collect(), norm)
}

fn sum_of_squares(vector: &[f32]) -> f32 {
    let (fours, rest) = vector.as_chunks::<4>();
    let sum = fours.iter().fold(0.0f32, |sum, [a, b, c, d]| sum + (a * a + b * b + c * c + d * d));
    rest.iter().fold(sum, |sum, x| sum + x * x)
}

/// True if a vector can be stored: its components and the sum of their squares are finite.
pub fn is_storable(vector: &[f32]) -> bool {
    sum_of_squares(vector).is_finite()
}

/// True if a number can be the length of a vector.
fn is_length(number: f32) -> bool {
    number >= 0.0 && number.is_finite()
}

/// True if all numbers are finite: float32, little-endian.
fn all_finite(bytes: &[u8]) -> bool {
    const EXPONENT: u32 = 0xff << 23;
    // Without a branch in the loop, so that several are looked at at once.
    let infinite = |bytes: &[u8; 4]| u32::from_le_bytes(*bytes) & EXPONENT == EXPONENT;
    bytes.as_chunks::<4>().0.iter().fold(0, |count, bytes| count + u32::from(infinite(bytes))) == 0
}

#[inline(always)]
fn get_f32(bytes: &[u8], at: usize) -> f32 {
    f32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn put_f32(bytes: &mut [u8], at: usize, value: f32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests;
