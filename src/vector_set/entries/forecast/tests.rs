use super::*;
use crate::splitmix::SplitMix64;

const DIM: usize = 32;

fn forecast() -> Forecast {
    Forecast::new(Format::new(DIM, Kind::Int8, Metric::Cosine).expect("it has this metric"))
}

/// A vector for each topic; those of two topics are not near.
fn vector(topic: u64) -> Vec<f32> {
    let mut random = SplitMix64::new(topic + 1);
    (0..DIM).map(|_| random.next() as i8 as f32).collect()
}

fn serves(_: &Ghost, score: f64) -> bool {
    score > 0.99
}

/// A cache of so many entries in the order of use, of which the last one is evicted; with a
/// forecast beside it. An entry is named by its topic and by how often it was stored.
struct Model {
    forecast: Forecast,
    capacity: usize,
    entries: Vec<(u64, u64)>,
    stored: u64,
    hits: u64,
    searches: u64,
}

const BYTES: u32 = 100;

impl Model {
    fn new(capacity: usize) -> Self {
        Self { forecast: forecast(), capacity, entries: Vec::new(), stored: 0, hits: 0, searches: 0 }
    }

    fn ask(&mut self, topic: u64) {
        self.searches += 1;
        let id = |(topic, number): (u64, u64)| id_of(format!("{topic}-{number}").as_bytes());
        if let Some(at) = self.entries.iter().position(|entry| entry.0 == topic) {
            self.hits += 1;
            let entry = self.entries.remove(at);
            self.entries.insert(0, entry);
            let fill = self.capacity as f64 / self.entries.len() as f64;
            if self.forecast.hit(id(entry), BYTES, 0, fill).is_some() {
                self.forecast.lose_by_half();
            }
            return;
        }
        let vector = vector(topic);
        if let Some(stands_for) = self.forecast.looks_at() {
            self.forecast.missed(stands_for, (topic, &vector), serves);
        }
        self.stored += 1;
        let entry = (topic, self.stored);
        if self.entries.len() == self.capacity
            && let Some(last) = self.entries.pop()
            && self.forecast.is_followed(id(last))
        {
            let ghost = Ghost {
                id: id(last),
                used: 0,
                bytes: BYTES,
                deadline_ms: None,
                is_cool: false,
                threshold: None,
                attribute: Some(Box::default()),
            };
            self.forecast.evicted(ghost, &self::vector(last.0));
        }
        self.entries.insert(0, entry);
        self.forecast.stored(id(entry), BYTES, 0, (topic, &vector), serves);
    }

    fn rate(&self) -> f64 {
        self.hits as f64 / self.searches as f64
    }
}

/// Topics as Zipf's law has it, roughly.
fn topics(count: usize, of: u64) -> impl Iterator<Item = u64> {
    let mut random = SplitMix64::new(5);
    (0..count).map(move |_| {
        let part = (random.next() >> 11) as f64 / (1u64 << 53) as f64;
        (of as f64).powf(part) as u64
    })
}

fn compared(capacity: usize, of: u64, count: usize) -> (Curve, [f64; 4]) {
    let mut rates = [0.0; 4];
    let mut curve = None;
    for (at, size) in [capacity / 2, capacity, 2 * capacity, 4 * capacity].into_iter().enumerate() {
        let mut model = Model::new(size);
        topics(count, of).for_each(|topic| model.ask(topic));
        rates[at] = model.rate();
        if at == 1 {
            curve = Some(model.forecast.curve());
        }
    }
    (curve.expect("one of the sizes"), rates)
}

#[test]
fn where_all_is_followed_the_forecast_is_what_happens() {
    // Of 25 entries and 75 ghosts none is dropped.
    let (curve, rates) = compared(24, 400, 16_000);
    let forecast = curve.rates.expect("there were searches");
    assert_eq!((curve.followed, curve.searches), (1.0, 16_000));
    for (seen, happened) in forecast.iter().zip(rates) {
        assert!((seen - happened).abs() < 0.005, "{forecast:?}, {rates:?}");
    }
    assert!(rates[0] + 0.05 < rates[1] && rates[1] + 0.05 < rates[2], "{rates:?}");
}

#[test]
fn a_sample_tells_much_the_same_and_stays_small() {
    let (curve, rates) = compared(400, 8_000, 60_000);
    let forecast = curve.rates.expect("there were searches");
    assert!(curve.followed < 0.2, "{curve:?}");
    for (seen, happened) in forecast.iter().zip(rates) {
        assert!((seen - happened).abs() < 0.05, "{forecast:?}, {rates:?}");
    }
    let mut model = Model::new(400);
    topics(60_000, 8_000).for_each(|topic| model.ask(topic));
    model.forecast.count_memory();
    assert!(model.forecast.live.len() + model.forecast.ghosts.len() <= MAX_SAMPLES);
    assert!(model.forecast.held.bytes() < 64 << 10, "{}", model.forecast.held.bytes());
}

#[test]
fn of_several_ghosts_near_one_question_one_is_a_hit() {
    let mut forecast = forecast();
    let near = vector(1);
    let ghost = |id: u64| Ghost {
        id,
        used: 0,
        bytes: BYTES,
        deadline_ms: None,
        is_cool: false,
        threshold: None,
        attribute: None,
    };
    for id in 0..10 {
        forecast.follow(Live { id: 100 + id, bytes: BYTES, used: 0, used_ms: 0 });
    }
    (0..3).for_each(|id| forecast.evicted(ghost(id), &near));
    assert_eq!(forecast.looks_at(), Some(1.0));
    forecast.missed(1.0, (7, &near), serves);
    let rates = forecast.curve().rates.expect("one search");
    assert_eq!(rates, [0.0, 0.0, 1.0, 1.0]);
    // What is stored then stands for all of them.
    forecast.stored(50, BYTES, 0, (7, &near), serves);
    assert_eq!(forecast.ghosts.len(), 0);
    // A ghost that is stored again by its name is none, and another vector leaves ghosts alone.
    (3..5).for_each(|id| forecast.evicted(ghost(id), &vector(id)));
    forecast.stored(3, BYTES, 0, (9, &vector(77)), serves);
    assert_eq!(forecast.ghosts.ids().collect::<Vec<_>>(), [4]);
}

#[test]
fn counts_fade() {
    let mut forecast = forecast();
    (0..FADES_AT as u64).for_each(|_| forecast.search(true));
    let curve = forecast.curve();
    assert_eq!((curve.searches, curve.rates), (1 << 19, Some([1.0; 4])));
}
