//! Cells: the earth in four quarters, each of them in four, and so on, 26 times.
//!
//! A cell is a rectangle of latitudes and longitudes. Its number has the bits of both in turns, so
//! the cells in a cell are a range of numbers. The smallest are 0.3 m high and, at the equator,
//! 0.6 m wide.

use std::ops::RangeInclusive;

use super::{EARTH_RADIUS_KM, Place};

/// How often the earth is divided.
const LEVELS: u32 = 26;

/// Distances are computed with an error far below this; bounds are so much wider.
const MARGIN_KM: f64 = 0.001;

/// The number of the smallest cell that has a place.
#[inline]
pub(super) fn cell(place: Place) -> u64 {
    let row = steps((place.lat() + 90.0) / 180.0);
    let column = steps((place.lon() + 180.0) / 360.0);
    spread(row) << 1 | spread(column)
}

/// Which of 2²⁶ steps from 0 to 1 this is in.
#[inline]
fn steps(share: f64) -> u64 {
    ((share * f64::from(1_u32 << LEVELS)) as u64).min((1 << LEVELS) - 1)
}

/// The bits of a number of 32 bits, each followed by a 0.
#[inline]
fn spread(number: u64) -> u64 {
    let number = (number | number << 16) & 0x0000_ffff_0000_ffff;
    let number = (number | number << 8) & 0x00ff_00ff_00ff_00ff;
    let number = (number | number << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    let number = (number | number << 2) & 0x3333_3333_3333_3333;
    (number | number << 1) & 0x5555_5555_5555_5555
}

/// Some cells, by the numbers of the smallest cells in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cells {
    pub(super) numbers: RangeInclusive<u64>,
    /// Each place in them is within the circle.
    pub(super) are_inside: bool,
}

/// A cell is not divided when its reach is no more than this part of the radius. Half as much makes
/// twice as many ranges, and a quarter less of the places in them is outside the circle.
const FINEST_SHARE: f64 = 0.25;
/// Nor when its reach is no more than this.
const FINEST_KM: f64 = 0.01;
/// Most cells on the edge of a circle: more are needed only near the poles, where cells are thin.
const MOST_ON_EDGE: usize = 128;

/// Cells that cover a circle, in order: some tens, whatever its size, and near the poles some
/// hundreds. Takes some tens of microseconds.
pub(super) fn covering(centre: Place, radius_km: f64) -> Vec<Cells> {
    let mut cells = Vec::new();
    let mut edge = Vec::new();
    let earth = Square { level: 0, row: 0, column: 0 };
    if radius_km >= 0.0 {
        earth.sort_into(centre, radius_km, &mut cells, &mut edge);
    }
    let is_fine = |square: &Square| square.reach_km() <= (radius_km * FINEST_SHARE).max(FINEST_KM);
    while edge.iter().any(|square| square.level < LEVELS && !is_fine(square)) {
        let (mut inside, mut finer) = (Vec::new(), Vec::new());
        for quarter in edge.iter().flat_map(|square| square.quarters()) {
            quarter.sort_into(centre, radius_km, &mut inside, &mut finer);
        }
        if finer.len() > MOST_ON_EDGE {
            break;
        }
        cells.append(&mut inside);
        edge = finer;
    }
    cells.extend(edge.into_iter().map(|square| Cells { numbers: square.numbers(), are_inside: false }));
    joined(cells)
}

/// The same cells in order, with neighbours in one range.
fn joined(mut cells: Vec<Cells>) -> Vec<Cells> {
    cells.sort_unstable_by_key(|cells| *cells.numbers.start());
    cells.dedup_by(|next, last| {
        let adjoin = last.are_inside == next.are_inside && *last.numbers.end() + 1 == *next.numbers.start();
        if adjoin {
            last.numbers = *last.numbers.start()..=*next.numbers.end();
        }
        adjoin
    });
    cells
}

/// A cell of some level.
#[derive(Clone, Copy)]
struct Square {
    level: u32,
    row: u32,
    column: u32,
}

impl Square {
    /// Adds it to the cells inside a circle or to those on its edge, or to none if it is outside.
    fn sort_into(self, centre: Place, radius_km: f64, inside: &mut Vec<Cells>, edge: &mut Vec<Self>) {
        let (distance_km, reach_km) = (centre.distance_km(self.middle()), self.reach_km());
        if distance_km + reach_km + MARGIN_KM <= radius_km {
            inside.push(Cells { numbers: self.numbers(), are_inside: true });
        } else if distance_km - reach_km - MARGIN_KM <= radius_km {
            edge.push(self);
        }
    }

    /// Height and width, in degrees.
    fn size(self) -> (f64, f64) {
        let count = f64::from(1_u32 << self.level);
        (180.0 / count, 360.0 / count)
    }

    fn middle(self) -> Place {
        let (height, width) = self.size();
        let (row, column) = (f64::from(self.row) + 0.5, f64::from(self.column) + 0.5);
        Place { lat: row * height - 90.0, lon: column * width - 180.0 }
    }

    /// A distance from the middle that no place of the cell is beyond: along a meridian and then
    /// along a parallel of latitude is no shortcut.
    fn reach_km(self) -> f64 {
        let (height, width) = self.size();
        let nearest_equator = (self.middle().lat.abs() - height / 2.0).max(0.0);
        let arc = height / 2.0 + width / 2.0 * nearest_equator.to_radians().cos();
        arc.to_radians() * EARTH_RADIUS_KM
    }

    fn numbers(self) -> RangeInclusive<u64> {
        let shift = 2 * (LEVELS - self.level);
        let first = (spread(self.row.into()) << 1 | spread(self.column.into())) << shift;
        first..=first + ((1 << shift) - 1)
    }

    /// In the order of their numbers.
    fn quarters(self) -> [Self; 4] {
        [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(row, column)| Self {
            level: self.level + 1,
            row: 2 * self.row + row,
            column: 2 * self.column + column,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place(lat: f64, lon: f64) -> Place {
        Place::new(lat, lon).expect("it is on the earth")
    }

    #[test]
    fn corners_have_the_first_and_the_last_numbers() {
        assert_eq!(cell(place(-90.0, -180.0)), 0);
        assert_eq!(cell(place(90.0, 180.0)), (1 << 52) - 1);
    }

    #[test]
    fn circles_have_few_cells() {
        for radius_km in [0.0, 0.001, 0.5, 10.0, 700.0, 9_000.0, 25_000.0, f64::INFINITY] {
            for (lat, lon) in [(0.0, 0.0), (52.0, 13.0), (89.99, 0.0), (-90.0, 1.0), (-17.0, 180.0)] {
                let cells = covering(place(lat, lon), radius_km);
                assert!((1..=256).contains(&cells.len()), "{} at {lat} {radius_km}", cells.len());
                assert!(cells.is_sorted_by(|one, next| one.numbers.end() < next.numbers.start()));
            }
        }
        assert_eq!(covering(place(1.0, 2.0), f64::INFINITY).len(), 1);
        assert!(covering(place(1.0, 2.0), f64::NAN).is_empty() && covering(place(1.0, 2.0), -1.0).is_empty());
    }

    fn radii() -> impl Strategy<Value = f64> {
        prop_oneof![0.0..1.0, 0.0..100.0, 0.0..21_000.0]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn a_covering_has_what_is_near_and_its_inside_nothing_else(
            (lat, lon) in (-90.0..=90.0_f64, -180.0..=180.0_f64),
            radius_km in radii(),
            near in prop::collection::vec((-1.5..1.5_f64, -1.5..1.5_f64), 40),
        ) {
            let centre = place(lat, lon);
            let cells = covering(centre, radius_km);
            let degrees = radius_km / 111.0;
            for (north, east) in near {
                let at_lat = (lat + north * degrees).clamp(-90.0, 90.0);
                let at_lon = lon + east * degrees / at_lat.to_radians().cos().max(1e-3);
                let at_lon = (at_lon + 180.0).rem_euclid(360.0) - 180.0;
                let other = place(at_lat, at_lon);
                let is_within = centre.distance_km(other) <= radius_km;
                let found = cells.iter().find(|cells| cells.numbers.contains(&cell(other)));
                prop_assert!(found.is_some() || !is_within);
                prop_assert!(found.is_none_or(|found| !found.are_inside) || is_within);
            }
        }
    }
}
