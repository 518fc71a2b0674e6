//! What a set's product quantisation has learnt from a sample: the rotation, which components go to
//! which sub-space, and the centroids of each.

use half::f16;

use super::arithmetic::extremes;
use super::arithmetic::{Draws, add_scaled, dot, length};
use super::axes::Axes;
use super::centroids::{CENTROIDS, Centroids, PerCentroid};
use crate::kernels::{Kernels, kernels};

/// Vectors that are learnt from: 16 for each centroid. Twice as many gain 0.01 of recall at twice
/// the time.
pub const SAMPLE: usize = 4096;
/// Pairs of the sample by which the error of estimates is measured.
const PAIRS: usize = 1024;
/// A code that points away from its vector says nothing: its estimates are as uncertain as this
/// makes them.
const LEAST_COSINE: f32 = 0.05;
/// Components per byte at most.
const MOST_WIDTH: usize = 16;
/// A place in a sub-space that no component fills.
pub(super) const NONE: u32 = u32::MAX;

/// Learnt once, then shared by all threads, and never changed.
pub struct Codebook {
    pub(super) dim: usize,
    pub(super) width: usize,
    pub(super) axes: Axes,
    /// For each place in each sub-space, which component of a turned vector it takes.
    pub(super) places: Box<[u32]>,
    pub(super) subspaces: Box<[Centroids]>,
    /// The same centroids one after the other, as f16: what decoding reads.
    pub(super) rows: Box<[u8]>,
    /// See [`Codebook::spread`].
    pub(super) spread: f32,
    pub(super) kernels: &'static Kernels,
}

/// How well a code stands for its vector.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Fit {
    /// What the decoded vector is to be multiplied with to get length 1; 0 if it has none.
    pub(super) gain: f32,
    /// The cosine between the vector and the decoded one, at least 0.05.
    pub(super) cosine: f32,
}

/// The dot products of one query with all centroids of all sub-spaces, as numbers of 16 bits. (With
/// 8 bits, the error of the sum comes near that of the codes, where some sub-spaces vary more than
/// others.)
pub(super) struct Tables {
    /// 256 for each sub-space, little-endian.
    pub(super) steps: Box<[u8]>,
    /// What a sum of no steps stands for.
    pub(super) offset: f32,
    /// What 1 stands for.
    pub(super) step: f32,
}

impl Codebook {
    /// Learns from vectors of length 1 (or 0), one after the other, at least one. `width`:
    /// components per byte. The same sample and seed give the same codebook, on every machine.
    ///
    /// # Panics
    /// If the sample holds no vector, or `width` is not 8 or 16.
    pub(super) fn learn(mut sample: Vec<f32>, dim: usize, width: usize, seed: u64) -> Self {
        assert!(dim > 0 && [8, MOST_WIDTH].contains(&width) && sample.len() >= dim);
        let mut draws = Draws::new(seed);
        let axes = Axes::of(&sample, dim, &mut draws);
        sample.chunks_exact_mut(dim).for_each(|vector| axes.turn(vector));
        let places = balanced(&variances(&sample, dim), width);
        let subspace = |places: &[u32]| {
            let points: Vec<f32> =
                sample.chunks_exact(dim).flat_map(|vector| placed(vector, places)).collect();
            Centroids::of(&points, width, &mut draws)
        };
        let subspaces: Box<[_]> = places.chunks_exact(width).map(subspace).collect();
        let rows = subspaces.iter().flat_map(|s| (0..CENTROIDS).flat_map(|c| s.row(c)));
        let rows = rows.flat_map(|x| f16::from_f32(x).to_le_bytes()).collect();
        let mut codebook =
            Self { dim, width, axes, places, subspaces, rows, spread: 1.0, kernels: kernels() };
        codebook.spread = codebook.measured_spread(&sample);
        codebook
    }

    /// Bytes per code: one for each sub-space.
    pub fn subspaces(&self) -> usize {
        self.subspaces.len()
    }

    /// The standard deviation of the error of an estimated dot product, measured on the sample,
    /// relative to what it would be if the parts of vectors that codes lose had no direction in
    /// common with queries.
    pub(super) fn spread(&self) -> f32 {
        self.spread
    }

    /// Writes the code of a vector of length 1 (or 0).
    pub(super) fn encode(&self, vector: &[f32], code: &mut [u8]) -> Fit {
        self.encode_turned(&self.turned(vector), code)
    }

    fn encode_turned(&self, turned: &[f32], code: &mut [u8]) -> Fit {
        let mut squared = 0.0;
        let mut along = 0.0;
        for (at, (byte, subspace)) in code.iter_mut().zip(&self.subspaces).enumerate() {
            let mut point = [0.0; MOST_WIDTH];
            self.place(turned, at, &mut point);
            (*byte, _) = subspace.nearest(&point[..self.width]);
            for (x, y) in point.iter().zip(subspace.row(usize::from(*byte))) {
                squared += y * y;
                along += x * y;
            }
        }
        let product = squared.sqrt() * length(turned);
        let fit = Fit { gain: squared.sqrt().recip(), cosine: (along / product).max(LEAST_COSINE) };
        if product > 0.0 && fit.gain.is_finite() { fit } else { Fit { gain: 0.0, cosine: 1.0 } }
    }

    /// The vector of centroids that a code names, turned back; appended to `vector`.
    pub(super) fn decode(&self, code: &[u8], vector: &mut Vec<f32>) {
        let mut named = self.named(code);
        self.axes.turn_back(&mut named);
        vector.append(&mut named);
    }

    /// The centroids that a code names, as a turned vector.
    fn named(&self, code: &[u8]) -> Vec<f32> {
        let mut named = vec![0.0; self.dim];
        for (at, (&byte, subspace)) in code.iter().zip(&self.subspaces).enumerate() {
            for (&place, x) in self.places_of(at).iter().zip(subspace.row(usize::from(byte))) {
                if place != NONE {
                    named[place as usize] = x;
                }
            }
        }
        named
    }

    /// The dot products of a query with all centroids. One step for all sub-spaces: a sum of steps
    /// is a sum of products.
    pub(super) fn tables(&self, query: &[f32]) -> Tables {
        let turned = self.turned(query);
        let mut all: Vec<PerCentroid> = Vec::with_capacity(self.subspaces());
        for (at, subspace) in self.subspaces.iter().enumerate() {
            let mut point = [0.0; MOST_WIDTH];
            self.place(&turned, at, &mut point);
            all.push(subspace.dots(&point[..self.width]));
        }
        let (least, most): (Vec<f32>, Vec<f32>) = all.iter().map(|dots| extremes(dots)).unzip();
        let range = most.iter().zip(&least).map(|(most, least)| most - least).fold(0.0, f32::max);
        let step = range / f32::from(u16::MAX);
        let per_product = if step > 0.0 { step.recip() } else { 0.0 };
        let mut steps = vec![0; 2 * CENTROIDS * all.len()].into_boxed_slice();
        for ((dots, least), bytes) in all.iter().zip(&least).zip(steps.chunks_exact_mut(2 * CENTROIDS)) {
            for (dot, bytes) in dots.iter().zip(bytes.as_chunks_mut::<2>().0) {
                *bytes = rounded((dot - least) * per_product).to_le_bytes();
            }
        }
        Tables { steps, offset: least.iter().sum(), step }
    }

    /// The dot product of the centroids that two codes name.
    pub(super) fn dot(&self, a: &[u8], b: &[u8]) -> f32 {
        // With a length that the compiler knows, copying a centroid is a load and a store.
        match self.width {
            8 => self.dot_of::<16>(a, b),
            _ => self.dot_of::<32>(a, b),
        }
    }

    fn dot_of<const ROW: usize>(&self, a: &[u8], b: &[u8]) -> f32 {
        const AT_ONCE: usize = 16;
        let mut sum = 0.0;
        let mut of_a = [[0; ROW]; AT_ONCE];
        let mut of_b = [[0; ROW]; AT_ONCE];
        let mut rows = self.rows.as_chunks::<ROW>().0;
        for (a, b) in a.chunks(AT_ONCE).zip(b.chunks(AT_ONCE)) {
            for (((subspace, of_a), of_b), (&a, &b)) in
                rows.chunks_exact(CENTROIDS).zip(&mut of_a).zip(&mut of_b).zip(a.iter().zip(b))
            {
                *of_a = subspace[usize::from(a)];
                *of_b = subspace[usize::from(b)];
            }
            rows = &rows[a.len() * CENTROIDS..];
            let of_a = of_a[..a.len()].as_flattened();
            let of_b = of_b[..a.len()].as_flattened();
            sum += (self.kernels.dot_f16)(of_a, of_b);
        }
        sum
    }

    /// Bytes held.
    pub fn heap_bytes(&self) -> usize {
        size_of::<Self>()
            + self.axes.heap_bytes()
            + size_of_val(&*self.places)
            + size_of_val(&*self.rows)
            + self.subspaces.iter().map(|s| size_of::<Centroids>() + s.heap_bytes()).sum::<usize>()
    }

    fn turned(&self, vector: &[f32]) -> Vec<f32> {
        let mut turned = vector.to_vec();
        self.axes.turn(&mut turned);
        turned
    }

    /// The components of a turned vector that a sub-space takes.
    fn place(&self, turned: &[f32], subspace: usize, point: &mut [f32; MOST_WIDTH]) {
        for (x, component) in point.iter_mut().zip(placed(turned, self.places_of(subspace))) {
            *x = component;
        }
    }

    fn places_of(&self, subspace: usize) -> &[u32] {
        &self.places[subspace * self.width..][..self.width]
    }

    /// Pairs of the sample, which was turned already: the later half as queries for the former.
    fn measured_spread(&self, sample: &[f32]) -> f32 {
        let vectors: Vec<&[f32]> = sample.chunks_exact(self.dim).collect();
        let (former, later) = vectors.split_at(vectors.len() / 2);
        let mut code = vec![0; self.subspaces()];
        let relative = |(vector, query): (&&[f32], &&[f32])| {
            let fit = self.encode_turned(vector, &mut code);
            let error = dot(query, vector) - fit.unbiased() * dot(query, &self.named(&code));
            error / fit.deviation(self.dim)
        };
        let errors: Vec<f32> =
            former.iter().zip(later).take(PAIRS).map(relative).filter(|e| e.is_finite()).collect();
        if errors.is_empty() { 1.0 } else { length(&errors) / (errors.len() as f32).sqrt() }
    }
}

impl Fit {
    /// What the dot product of a query and the centroids is to be multiplied with, so that the
    /// product with the vector is met on average (Gao and Long, *RaBitQ*, 2024).
    pub(super) fn unbiased(&self) -> f32 {
        self.gain / self.cosine
    }

    /// The standard deviation of that estimate, for a query of length 1 and errors without
    /// preferred direction.
    pub(super) fn deviation(&self, dim: usize) -> f32 {
        let lost = (1.0 - self.cosine * self.cosine).max(0.0);
        lost.sqrt() / self.cosine / (dim.max(2) as f32 - 1.0).sqrt()
    }
}

/// The steps that a code adds up to.
#[inline(always)]
pub(super) fn steps(tables: &[u8], code: &[u8]) -> u32 {
    let tables = tables.as_chunks::<2>().0.as_chunks::<CENTROIDS>().0;
    let step = |(table, &byte): (&[[u8; 2]; CENTROIDS], &u8)| u16::from_le_bytes(table[usize::from(byte)]);
    tables.iter().zip(code).map(|pair| u32::from(step(pair))).sum()
}

/// A number from 0 to 65,535, rounded: adding 2²³ leaves its integer in the lowest bits of the sum.
/// (A cast checks of each number whether it fits, which keeps the compiler from converting several
/// at once.)
fn rounded(number: f32) -> u16 {
    (number + 8_388_608.0).to_bits() as u16
}

/// How much each component varies over the vectors.
fn variances(vectors: &[f32], dim: usize) -> Vec<f32> {
    let count = (vectors.len() / dim) as f32;
    let mut means = vec![0.0; dim];
    vectors.chunks_exact(dim).for_each(|vector| add_scaled(&mut means, count.recip(), vector));
    let mut variances = vec![0.0; dim];
    for vector in vectors.chunks_exact(dim) {
        for ((variance, x), mean) in variances.iter_mut().zip(vector).zip(&means) {
            *variance += (x - mean) * (x - mean) / count;
        }
    }
    variances
}

/// Deals components out to sub-spaces, the strongest first, each to the one whose product of
/// variances is least: then all bytes carry about as much information.
fn balanced(variances: &[f32], width: usize) -> Box<[u32]> {
    let count = variances.len().div_ceil(width);
    let mut order: Vec<usize> = (0..variances.len()).collect();
    order.sort_by(|&a, &b| variances[b].total_cmp(&variances[a]));
    let mut subspaces = vec![(0.0f32, Vec::with_capacity(width)); count];
    let weakest = order.last().map_or(0.0, |&last| variances[last]).max(f32::MIN_POSITIVE);
    for component in order {
        let roomy = subspaces.iter_mut().filter(|(_, places)| places.len() < width);
        if let Some((share, places)) = roomy.min_by(|a, b| a.0.total_cmp(&b.0)) {
            // Never less than 0, and a little for each, so that the weakest are dealt out one by
            // one too.
            *share += (variances[component].max(weakest) / weakest).ln() + 1e-3;
            places.push(component as u32);
        }
    }
    let filled = |(_, mut places): (f32, Vec<u32>)| {
        places.resize(width, NONE);
        places
    };
    subspaces.into_iter().flat_map(filled).collect()
}

/// The components of a turned vector that are at these places.
fn placed(turned: &[f32], places: &[u32]) -> impl Iterator<Item = f32> {
    places.iter().map(|&place| turned.get(place as usize).copied().unwrap_or(0.0))
}
