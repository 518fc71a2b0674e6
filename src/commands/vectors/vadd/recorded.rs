//! The form in which a VADD is logged: its own words, with a few changes.
//!
//! Numbers as text become a blob of float32, which is shorter and as exact. `CAS` is left out,
//! since Redis stops if it reads one while loading. Lifetimes are logged as times of day (`PXAT`).
//! Kinds are logged without `QUANT`, as in Redis. A command that Redis accepts is logged in a form
//! that Redis accepts.

use super::{METRICS, VAdd};
use crate::journal::Record;
use crate::vector_set::Lifetime;

/// A word of the logged command.
enum Word<'w> {
    Bytes(&'w [u8]),
    Number(usize),
    Vector(&'w [f32]),
}

impl VAdd<'_> {
    /// The record of this command. Most commands are logged with the request's own words.
    pub(super) fn recorded<'a>(&self, record: Record<'a>) -> Record<'a> {
        if self.is_plain {
            return record;
        }
        record.instead(|effects| {
            let words = self.words();
            effects.begin(words.len());
            for word in words {
                match word {
                    Word::Bytes(bytes) => effects.word(bytes),
                    Word::Number(number) => effects.word(number.to_string().as_bytes()),
                    Word::Vector(vector) => effects.floats(vector),
                }
            }
        })
    }

    /// The logged words. The options follow the first element, as in Redis.
    fn words(&self) -> Vec<Word<'_>> {
        let mut words = vec![Word::Bytes(b"VADD"), Word::Bytes(self.key)];
        words.extend(self.reduce.into_iter().flat_map(|to| [Word::Bytes(b"REDUCE"), Word::Number(to)]));
        for (number, put) in self.puts.iter().enumerate() {
            words.extend([Word::Bytes(b"FP32"), Word::Vector(&put.vector), Word::Bytes(put.element)]);
            words.extend(put.attribute.into_iter().flat_map(|text| [b"SETATTR", text].map(Word::Bytes)));
            match put.lifetime {
                Lifetime::Endless => {}
                Lifetime::Kept => words.push(Word::Bytes(b"KEEPTTL")),
                Lifetime::Until(at_ms) => words.extend([Word::Bytes(b"PXAT"), Word::Number(at_ms as usize)]),
            }
            if number == 0 {
                self.add_options(&mut words);
            }
        }
        words
    }

    fn add_options<'w>(&self, words: &mut Vec<Word<'w>>) {
        let options = &self.options;
        words.extend(options.kind.map(|kind| Word::Bytes(kind.codec().keyword.as_bytes())));
        for (name, number) in [("EF", options.ef), ("M", options.m)] {
            words.extend(number.into_iter().flat_map(|n| [Word::Bytes(name.as_bytes()), Word::Number(n)]));
        }
        let rerank = options.rerank.map(|kind| ["RERANK", kind.codec().keyword]);
        let named =
            |metric| METRICS.iter().find(|(_, meant)| *meant == metric).map(|(name, _)| ["METRIC", *name]);
        let metric = options.metric.and_then(named);
        words.extend(rerank.into_iter().chain(metric).flatten().map(|word| Word::Bytes(word.as_bytes())));
    }
}
