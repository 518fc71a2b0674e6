//! How is a vector kept? Encode, decode, and the distance between two codes.
//! Knows no graph, no slots and no names.
//!
//! A code is one block of bytes, the same in memory for a stored vector and for a query:
//!
//! ```text
//! [norm: f32][payload]             Float32, Float16, Binary
//! [norm: f32][range: f32][int8 …]  Int8
//! ```
//!
//! Under [`Metric::Cosine`] vectors are normalised first and the norm is kept, as Redis does, so that what was sent can
//! be given back. Each kind of code is a row of [`CODECS`].

mod binary;
mod float16;
mod float32;
mod int8;
pub mod product;

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

    /// From the distance that codes compare by to the one that users are told: differs for L2 only.
    pub fn told(self, distance: f32) -> f32 {
        if self == Metric::L2 { distance.sqrt() } else { distance }
    }

    /// The inverse of [`Metric::told`], for a limit that a user gives. Negative limits stay below every distance.
    pub fn compared(self, told: f64) -> f64 {
        if self == Metric::L2 { told * told.abs() } else { told }
    }

    /// Redis' score of a distance that codes compare by: 1 is identical. `1 − d/2` for cosine and inner product (for
    /// unit vectors the two agree), `1 / (1 + d)` of the Euclidean distance.
    pub fn score(self, distance: f32) -> f64 {
        match self {
            Metric::Cosine | Metric::InnerProduct => 1.0 - distance as f64 / 2.0,
            Metric::L2 => 1.0 / (1.0 + self.told(distance) as f64),
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
    header: usize,
    payload: fn(dim: usize) -> usize,
    /// Writes a vector that was already normalised, if the metric asks for it. The norm is in place, and may be changed.
    encode: fn(&Format, &[f32], &mut [u8]),
    /// Gives the components back, without the norm.
    decode: fn(&Format, &[u8], &mut Vec<f32>),
    distance: fn(&Format, &[u8], &[u8]) -> f32,
}

/// Every kind of code.
pub static CODECS: [&Codec; 4] = [&int8::CODEC, &float32::CODEC, &float16::CODEC, &binary::CODEC];

impl Kind {
    /// Its row.
    pub fn codec(self) -> &'static Codec {
        CODECS.iter().find(|codec| codec.kind == self).expect("each kind has its row")
    }
}

const ALL_METRICS: &[Metric] = &[Metric::Cosine, Metric::L2, Metric::InnerProduct];
const NORM: std::ops::Range<usize> = 0..4;

/// How one set keeps its vectors: dimension, kind and metric. Codes of one format compare with each other only.
#[derive(Clone)]
pub struct Format {
    dim: usize,
    kind: Kind,
    metric: Metric,
    codec: &'static Codec,
    kernels: &'static Kernels,
}

impl Format {
    /// `dim`: components per vector, at least 1. None if the kind cannot express the metric.
    pub fn new(dim: usize, kind: Kind, metric: Metric) -> Option<Self> {
        let codec = kind.codec();
        codec.metrics.contains(&metric).then(|| Self { dim, kind, metric, codec, kernels: kernels() })
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

    /// Bytes per code.
    pub fn code_bytes(&self) -> usize {
        self.codec.header + (self.codec.payload)(self.dim)
    }

    /// Encodes a finite vector of `dim` components into `code_bytes` bytes.
    pub fn encode(&self, vector: &[f32], code: &mut [u8]) {
        assert_eq!((vector.len(), code.len()), (self.dim, self.code_bytes()));
        if self.metric == Metric::Cosine {
            let (unit, norm) = normalised(vector);
            put_f32(code, NORM.start, norm);
            (self.codec.encode)(self, &unit, code);
        } else {
            put_f32(code, NORM.start, 1.0);
            (self.codec.encode)(self, vector, code);
        }
    }

    /// [`Format::encode`] into bytes of its own, for a query.
    pub fn encoded(&self, vector: &[f32]) -> Box<[u8]> {
        let mut code = vec![0; self.code_bytes()].into_boxed_slice();
        self.encode(vector, &mut code);
        code
    }

    /// The vector that a code stands for, as near to what was sent as the code allows.
    pub fn decode(&self, code: &[u8]) -> Vec<f32> {
        let mut vector = Vec::with_capacity(self.dim);
        (self.codec.decode)(self, code, &mut vector);
        if self.metric == Metric::Cosine && self.kind != Kind::Binary {
            let norm = self.norm(code);
            vector.iter_mut().for_each(|x| *x *= norm);
        }
        vector
    }

    /// The distance that codes compare by; [`Metric::told`] makes it the one users are told.
    #[inline(always)]
    pub fn distance(&self, a: &[u8], b: &[u8]) -> f32 {
        (self.codec.distance)(self, a, b)
    }

    /// The L2 norm before normalisation; 1 where nothing was normalised, or the vector was all zero.
    pub fn norm(&self, code: &[u8]) -> f32 {
        if self.metric == Metric::Cosine { get_f32(code, NORM.start) } else { 1.0 }
    }

    /// The greatest absolute component before quantisation (Int8 alone).
    pub fn range(&self, code: &[u8]) -> Option<f32> {
        (self.kind == Kind::Int8).then(|| int8::range(code))
    }

    /// The stored components, as `VEMB RAW` shows them.
    pub fn payload<'c>(&self, code: &'c [u8]) -> &'c [u8] {
        &code[self.codec.header..]
    }
}

/// A vector of length 1 in its direction, and its length. Rounded as Redis rounds, so that stored bytes agree: squares
/// are added four at a time in float32, and components are divided, not multiplied by a reciprocal. A vector whose
/// squares add up to 0 stays as it is, with length 1.
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

#[inline(always)]
fn get_f32(code: &[u8], at: usize) -> f32 {
    f32::from_le_bytes(code[at..at + 4].try_into().expect("four bytes"))
}

fn put_f32(code: &mut [u8], at: usize, value: f32) {
    code[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests;
