use proptest::prelude::*;

use super::*;
use crate::field_index::testing::{self, Model, Owned};
use crate::field_index::{FieldIndex, Kind};

fn degrees() -> impl Strategy<Value = Place> {
    let lat = prop_oneof![-90.0..=90.0_f64, 88.0..=90.0_f64, -1.0..1.0_f64, Just(-90.0)];
    let lon = prop_oneof![-180.0..=180.0_f64, 179.0..=180.0_f64, -180.0..=-179.0_f64, -1.0..1.0_f64];
    (lat, lon).prop_map(|(lat, lon)| Place::new(lat, lon).expect("it is on the earth"))
}

fn radii() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), 0.0..5.0_f64, 0.0..300.0_f64, 0.0..21_000.0_f64, Just(f64::INFINITY), Just(-1.0)]
}

fn agrees(index: &FieldIndex, model: &Model, circles: &[(Place, f64)]) -> Result<(), TestCaseError> {
    testing::agrees(index, model, |value| matches!(value, Owned::Place(_)))?;
    let FieldIndex::Geo(index) = index else { panic!("it is of another kind") };
    for &(centre, radius_km) in circles {
        let is_near =
            |value: &Owned| matches!(value, Owned::Place(place) if centre.distance_km(*place) <= radius_km);
        prop_assert_eq!(index.within(centre, radius_km), testing::slots(model, is_near));
        prop_assert!(index.estimate(centre, radius_km) <= index.entries());
    }
    for (&slot, value) in model {
        let place = if let Owned::Place(place) = value { Some(*place) } else { None };
        prop_assert_eq!(index.place(slot), place);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn places_agree_with_a_map(
        first in testing::changes(degrees().prop_map(Owned::Place)),
        second in testing::changes(degrees().prop_map(Owned::Place)),
        circles in prop::collection::vec((degrees(), radii()), 16),
    ) {
        let (mut index, mut model) = (FieldIndex::new(Kind::Geo, None), Model::new());
        for changes in [&first, &second] {
            testing::apply(changes, &mut index, &mut model);
            // Circles around places, too, which have to be found at a distance of 0.
            let places = model.values().filter_map(|value| match value {
                Owned::Place(place) => Some((*place, 0.0)),
                _ => None,
            });
            let circles: Vec<_> = circles.iter().copied().chain(places.take(4)).collect();
            agrees(&index, &model, &circles)?;
        }
        let all = first.into_iter().chain(second).collect();
        agrees(&testing::built(Kind::Geo, &all), &model, &circles)?;
        testing::empties(index, &model)?;
    }
}
