//! Places on the earth, how far they are from one another, and which slots have places that are
//! near.

mod cells;
mod index;

pub use index::GeoIndex;

/// Radius of the sphere on which distances are measured, in kilometres: that of Redis' `GEO`
/// commands.
pub const EARTH_RADIUS_KM: f64 = 6_372.797_560_856;

/// A place, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    lat: f64,
    lon: f64,
}

impl Place {
    /// `lat` from -90 (south) to 90 degrees and `lon` from -180 (west) to 180; `None` if a number
    /// is outside.
    #[inline]
    pub fn new(lat: f64, lon: f64) -> Option<Self> {
        let is_place = (-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon);
        is_place.then_some(Self { lat, lon })
    }

    /// Degrees north of the equator.
    pub fn lat(self) -> f64 {
        self.lat
    }

    /// Degrees east of Greenwich.
    pub fn lon(self) -> f64 {
        self.lon
    }

    /// Kilometres along a great circle of a sphere, by the haversine formula; at most half its
    /// circumference. Takes some 40 ns.
    #[inline]
    pub fn distance_km(self, other: Self) -> f64 {
        let [lat, other_lat] = [self.lat.to_radians(), other.lat.to_radians()];
        let half_sin = |angle: f64| (angle / 2.0).sin();
        let north = half_sin(other_lat - lat);
        let east = half_sin((other.lon - self.lon).to_radians());
        let square = north * north + lat.cos() * other_lat.cos() * east * east;
        2.0 * EARTH_RADIUS_KM * square.sqrt().min(1.0).asin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(lat: f64, lon: f64) -> Place {
        Place::new(lat, lon).expect("it is on the earth")
    }

    #[test]
    fn numbers_outside_are_no_places() {
        assert!(Place::new(90.0, -180.0).is_some() && Place::new(-90.0, 180.0).is_some());
        for (lat, lon) in [(90.1, 0.0), (0.0, -180.1), (f64::NAN, 0.0), (0.0, f64::NAN), (f64::INFINITY, 0.0)]
        {
            assert_eq!(Place::new(lat, lon), None);
        }
    }

    #[test]
    fn distances_are_those_of_redis() {
        // The example of Redis' GEODIST: 166274.1516 metres.
        let (palermo, catania) = (place(38.115556, 13.361389), place(37.502669, 15.087269));
        assert!((palermo.distance_km(catania) - 166.2742).abs() < 0.001);
        assert_eq!(palermo.distance_km(palermo), 0.0);
    }

    #[test]
    fn the_date_line_and_the_poles_are_no_borders() {
        assert!((place(0.0, 179.5).distance_km(place(0.0, -179.5)) - 111.226).abs() < 0.01);
        assert!(place(90.0, 0.0).distance_km(place(90.0, 120.0)) < 1e-9);
        let half = std::f64::consts::PI * EARTH_RADIUS_KM;
        assert!((place(90.0, 7.0).distance_km(place(-90.0, 7.0)) - half).abs() < 1e-6);
        assert!((place(0.0, -90.0).distance_km(place(0.0, 90.0)) - half).abs() < 1e-6);
    }
}
