//! The bytes of a codebook: what a file keeps, so that the codes of a set stay what they are.
//!
//! ```text
//! [components per byte: u32][axes: u32][spread: f32]
//! [component: u32] …              for each place of each sub-space; ff ff ff ff where it is empty
//! [f32 …] …                       the reflections: the first has as many numbers as a vector, each other one less
//! [f16 …] …                       the centroids of each sub-space, one after the other
//! ```
//!
//! All little-endian. The dimension is the set's.

use super::axes::Axes;
use super::centroids::{CENTROIDS, Centroids};
use super::codebook::{Codebook, NONE};
use super::codec::WIDTH;
use crate::kernels::{as_bytes, kernels};
use half::f16;

const HEADER: usize = 12;

impl Codebook {
    /// The bytes that [`Codebook::from_bytes`] understands.
    pub fn to_bytes(&self) -> Vec<u8> {
        let axes = self.axes.reflections();
        let counts = [self.width as u32, axes.len() as u32];
        let mut bytes: Vec<u8> = counts.iter().flat_map(|count| count.to_le_bytes()).collect();
        bytes.extend(self.spread.to_le_bytes());
        bytes.extend(self.places.iter().flat_map(|place| place.to_le_bytes()));
        axes.iter().for_each(|reflection| bytes.extend_from_slice(as_bytes(reflection)));
        bytes.extend_from_slice(&self.rows);
        bytes
    }

    /// The most bytes that a codebook for vectors of `dim` components can have.
    pub fn most_bytes(dim: usize) -> usize {
        let places = dim.div_ceil(WIDTH) * WIDTH;
        HEADER + 4 * places + 4 * Axes::most(dim) * dim + 2 * places * CENTROIDS
    }

    /// None if these are not the bytes of a codebook for vectors of `dim` components, at least 1.
    pub fn from_bytes(dim: usize, bytes: &[u8]) -> Option<Self> {
        let (header, mut rest) = bytes.split_at_checked(HEADER)?;
        let [width, axes, spread] = header.as_chunks::<4>().0 else { return None };
        let width = u32::from_le_bytes(*width) as usize;
        let axes = u32::from_le_bytes(*axes) as usize;
        let spread = f32::from_le_bytes(*spread);
        if width != WIDTH || axes > Axes::most(dim) || !(spread >= 0.0 && spread.is_finite()) {
            return None;
        }
        let places = places(take(&mut rest, 4 * dim.div_ceil(width) * width)?, dim)?;
        let reflections: Option<Box<[_]>> =
            (0..axes).map(|k| finite(take(&mut rest, 4 * (dim - k))?)).collect();
        let rows: Box<[u8]> = rest.into();
        let subspaces = subspaces(&rows, places.len() / width, width)?;
        let axes = Axes::from_reflections(reflections?);
        Some(Self { dim, width, axes, places, subspaces, rows, spread, kernels: kernels() })
    }
}

fn take<'b>(bytes: &mut &'b [u8], len: usize) -> Option<&'b [u8]> {
    let (taken, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(taken)
}

fn finite(bytes: &[u8]) -> Option<Box<[f32]>> {
    let numbers = bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
    numbers.map(|number| number.is_finite().then_some(number)).collect()
}

/// Each component must have one place.
fn places(bytes: &[u8], dim: usize) -> Option<Box<[u32]>> {
    let places: Box<[u32]> =
        bytes.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
    let mut placed = vec![false; dim];
    for &place in places.iter().filter(|&&place| place != NONE) {
        if std::mem::replace(placed.get_mut(place as usize)?, true) {
            return None;
        }
    }
    placed.iter().all(|&placed| placed).then_some(places)
}

fn subspaces(rows: &[u8], count: usize, width: usize) -> Option<Box<[Centroids]>> {
    let numbers: Option<Vec<f32>> = rows
        .as_chunks::<2>()
        .0
        .iter()
        .map(|bytes| Some(f16::from_le_bytes(*bytes)).filter(|x| x.is_finite()).map(f16::to_f32))
        .collect();
    if rows.len() != 2 * count * CENTROIDS * width {
        return None;
    }
    Some(numbers?.chunks_exact(CENTROIDS * width).map(|rows| Centroids::new(rows, width)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learnt(dim: usize) -> Codebook {
        let sample = (0..300 * dim).map(|i| ((i * i) as f32 * 0.37).sin()).collect();
        Codebook::of(sample, dim, 7)
    }

    #[test]
    fn a_codebook_comes_back_as_it_was() {
        for dim in [1, 8, 20, 64] {
            let codebook = learnt(dim);
            let bytes = codebook.to_bytes();
            assert!(bytes.len() <= Codebook::most_bytes(dim));
            let back = Codebook::from_bytes(dim, &bytes).expect("as it was written");
            assert_eq!(back.to_bytes(), bytes);
            let vector: Vec<f32> = (0..dim).map(|i| (i as f32).cos()).collect();
            let mut code = vec![0; codebook.subspaces()];
            let mut again = vec![0; codebook.subspaces()];
            let fits = (codebook.encode(&vector, &mut code), back.encode(&vector, &mut again));
            assert_eq!((fits.0, &code), (fits.1, &again));
            assert_eq!(codebook.dot(&code, &code), back.dot(&code, &code));
            assert_eq!(codebook.tables(&vector).steps, back.tables(&vector).steps);
        }
    }

    #[test]
    fn other_bytes_are_refused() {
        let dim = 20;
        let bytes = learnt(dim).to_bytes();
        for len in (0..bytes.len()).step_by(97) {
            assert!(Codebook::from_bytes(dim, &bytes[..len]).is_none());
        }
        assert!(Codebook::from_bytes(dim + 8, &bytes).is_none());
        let with = |at: usize, new: &[u8]| {
            let mut bytes = bytes.clone();
            bytes[at..at + new.len()].copy_from_slice(new);
            Codebook::from_bytes(dim, &bytes)
        };
        assert!(with(0, &[16]).is_none(), "another width");
        assert!(with(4, &u32::MAX.to_le_bytes()).is_none(), "too many axes");
        assert!(with(8, &f32::NAN.to_le_bytes()).is_none(), "no spread");
        assert!(with(HEADER, &[99]).is_none(), "a component that is not there");
        assert!(with(HEADER + 4, &bytes[HEADER..HEADER + 4]).is_none(), "a component twice");
        assert!(with(HEADER + 4 * 24, &f32::INFINITY.to_le_bytes()).is_none(), "an endless reflection");
        assert!(with(bytes.len() - 2, &f16::NAN.to_le_bytes()).is_none(), "a centroid nowhere");
    }
}
