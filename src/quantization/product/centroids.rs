//! The 256 centroids of one sub-space, and how they are found: Lloyd's k-means from a random start.

use half::f16;

use super::arithmetic::{Draws, dot, least};

/// Centroids of a sub-space: what one byte can name.
pub(super) const CENTROIDS: usize = 256;
/// Centroids that lie side by side, as many as registers hold sums for.
const BLOCK: usize = 32;
/// Rounds of k-means. Further ones change recall by less than other seeds do.
const ROUNDS: usize = 5;

/// A number for each centroid.
pub(super) type PerCentroid = [f32; CENTROIDS];

/// The centroids of one sub-space, in blocks of 32: the first components of all in the block, then
/// the second ones, …
///
/// They are representable as f16, which is how they are kept once more for decoding.
pub(super) struct Centroids {
    width: usize,
    components: Box<[f32]>,
    /// Half of each one's squared length: of two centroids, the one with the lesser `|c|²/2 − c·x`
    /// is nearer to `x`.
    half_squares: Box<PerCentroid>,
}

impl Centroids {
    /// Of points of `width` components, one after the other; at least one.
    pub(super) fn of(points: &[f32], width: usize, draws: &mut Draws) -> Self {
        let mut centroids = Self::new(&started(points, width, draws), width);
        for _ in 0..ROUNDS {
            centroids = Self::new(&centroids.moved(points), width);
        }
        centroids
    }

    /// `rows`: one centroid after the other.
    pub(super) fn new(rows: &[f32], width: usize) -> Self {
        let mut components = vec![0.0; CENTROIDS * width];
        let mut half_squares = Box::new([0.0; CENTROIDS]);
        for (centroid, row) in rows.chunks_exact(width).enumerate() {
            let row: Vec<f32> = row.iter().map(|&x| f16::from_f32(x).to_f32()).collect();
            half_squares[centroid] = dot(&row, &row) / 2.0;
            for (at, &x) in row.iter().enumerate() {
                components[place(centroid, at, width)] = x;
            }
        }
        Self { width, components: components.into(), half_squares }
    }

    /// The dot product of a point with each centroid.
    pub(super) fn dots(&self, point: &[f32]) -> PerCentroid {
        let mut dots = [0.0; CENTROIDS];
        let blocks = self.components.chunks_exact(BLOCK * self.width);
        for (dots, block) in dots.as_chunks_mut::<BLOCK>().0.iter_mut().zip(blocks) {
            let mut sums = [0.0; BLOCK];
            for (x, components) in point.iter().zip(block.as_chunks::<BLOCK>().0) {
                for (sum, component) in sums.iter_mut().zip(components) {
                    *sum += x * component;
                }
            }
            *dots = sums;
        }
        dots
    }

    /// The nearest centroid, and half of the squared distance to it less half of the point's
    /// squared length.
    pub(super) fn nearest(&self, point: &[f32]) -> (u8, f32) {
        let mut distances = self.dots(point);
        for (distance, half) in distances.iter_mut().zip(&*self.half_squares) {
            *distance = half - *distance;
        }
        let (nearest, distance) = least(&distances);
        (nearest as u8, distance)
    }

    /// The components of a centroid.
    pub(super) fn row(&self, centroid: usize) -> impl Iterator<Item = f32> {
        (0..self.width).map(move |at| self.components[place(centroid, at, self.width)])
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.components) + size_of_val(&*self.half_squares)
    }

    /// The means of the points that each centroid is nearest to, one after the other. A centroid
    /// that is nearest to none moves to one of the points that are worst off.
    fn moved(&self, points: &[f32]) -> Vec<f32> {
        let mut sums = vec![0.0; CENTROIDS * self.width];
        let mut counts = [0u32; CENTROIDS];
        let mut errors = Vec::with_capacity(points.len() / self.width);
        for point in points.chunks_exact(self.width) {
            let (nearest, distance) = self.nearest(point);
            let nearest = usize::from(nearest);
            counts[nearest] += 1;
            errors.push(distance + dot(point, point) / 2.0);
            sums[nearest * self.width..][..self.width].iter_mut().zip(point).for_each(|(sum, x)| *sum += x);
        }
        let mut worst_off = worst(&errors, counts.iter().filter(|&&count| count == 0).count());
        for (row, &count) in sums.chunks_exact_mut(self.width).zip(&counts) {
            if count > 0 {
                row.iter_mut().for_each(|x| *x /= count as f32);
            } else if let Some(point) = worst_off.pop() {
                row.copy_from_slice(&points[point * self.width..][..self.width]);
            }
        }
        sums
    }
}

/// Where a component lies.
fn place(centroid: usize, at: usize, width: usize) -> usize {
    centroid / BLOCK * BLOCK * width + at * BLOCK + centroid % BLOCK
}

/// So many different points, drawn at random; if there are fewer, some twice.
fn started(points: &[f32], width: usize, draws: &mut Draws) -> Vec<f32> {
    let count = points.len() / width;
    let mut order: Vec<usize> = (0..count).collect();
    for at in 0..CENTROIDS.min(count) {
        order.swap(at, at + draws.below(count - at));
    }
    order.iter().cycle().take(CENTROIDS).flat_map(|&at| &points[at * width..][..width]).copied().collect()
}

/// The indexes of the `count` greatest errors.
fn worst(errors: &[f32], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = if count == 0 { Vec::new() } else { (0..errors.len()).collect() };
    order.sort_by(|&a, &b| errors[b].total_cmp(&errors[a]));
    order.truncate(count);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points of two components around so many places of a grid.
    fn clustered(places: usize, each: usize) -> Vec<f32> {
        let mut draws = Draws::new(3);
        let mut jitter = || (draws.next() >> 40) as f32 / (1u64 << 24) as f32 * 0.01;
        (0..places * each)
            .flat_map(|n| [(n % places % 16) as f32 + jitter(), (n % places / 16) as f32 + jitter()])
            .collect()
    }

    fn squared_error(centroids: &Centroids, points: &[f32]) -> f32 {
        let error = |point: &[f32]| {
            let (nearest, _) = centroids.nearest(point);
            let away = |(x, y): (&f32, f32)| (x - y) * (x - y);
            point.iter().zip(centroids.row(usize::from(nearest))).map(away).sum::<f32>()
        };
        points.chunks_exact(centroids.width).map(error).sum()
    }

    #[test]
    fn the_nearest_centroid_is_the_nearest() {
        let points = clustered(300, 3);
        let centroids = Centroids::of(&points, 2, &mut Draws::new(1));
        for point in points.chunks_exact(2) {
            let distance =
                |c: &usize| centroids.row(*c).zip(point).map(|(x, y)| (x - y) * (x - y)).sum::<f32>();
            let expected = (0..CENTROIDS).map(|c| distance(&c)).fold(f32::INFINITY, f32::min);
            let (nearest, _) = centroids.nearest(point);
            assert!(distance(&usize::from(nearest)) <= expected + 1e-4);
        }
    }

    #[test]
    fn rounds_lessen_the_error() {
        let points = clustered(400, 5);
        let start = Centroids::new(&started(&points, 2, &mut Draws::new(1)), 2);
        let trained = Centroids::of(&points, 2, &mut Draws::new(1));
        assert!(squared_error(&trained, &points) < 0.7 * squared_error(&start, &points));
    }

    /// Where most points are the same, a random start takes that one many times.
    #[test]
    fn centroids_that_are_nearest_to_none_find_a_place() {
        let mut points = vec![0.0; 2 * 3000];
        points.extend(clustered(200, 1).iter().map(|x| x + 5.0));
        let start = Centroids::new(&started(&points, 2, &mut Draws::new(1)), 2);
        let trained = Centroids::of(&points, 2, &mut Draws::new(1));
        assert!(squared_error(&start, &points) > 10.0);
        assert!(squared_error(&trained, &points) < 0.01);
    }

    #[test]
    fn few_points_are_all_kept() {
        let points = clustered(9, 1);
        let trained = Centroids::of(&points, 2, &mut Draws::new(1));
        assert!(squared_error(&trained, &points) < 1e-4);
    }
}
