//! A fingerprint of a set's contents, equal to the one that Redis computes for
//! `DEBUG DIGEST-VALUE`.
//!
//! It does not depend on the graph or on the order of elements: each element's digest is XORed into
//! the whole.

use sha1::{Digest, Sha1};

use super::Present;
use super::entries::digested;
use crate::epoch::pin;

/// Redis' `mixDigest`: the next digest after hashing `data` into `digest`. The order of mixing
/// matters.
pub fn mix(digest: [u8; 20], data: &[u8]) -> [u8; 20] {
    Sha1::digest(add(digest, data)).into()
}

/// Redis' `xorDigest`: `data` added to `digest`. The order of adding does not matter.
pub fn add(digest: [u8; 20], data: &[u8]) -> [u8; 20] {
    xor(digest, Sha1::digest(data).into())
}

fn xor(a: [u8; 20], b: [u8; 20]) -> [u8; 20] {
    std::array::from_fn(|i| a[i] ^ b[i])
}

/// Added for an element with a deadline; the deadline itself is not part of the digest.
const EXPIRES: &[u8] = b"!!vexpire!!";

const NOTHING: [u8; 20] = [0; 20];

impl Present<'_> {
    /// The digest of the value, without what belongs to its key.
    pub fn digest(&self) -> [u8; 20] {
        let pin = pin();
        let view = self.vectors.codes(&pin);
        let slots: Vec<u32> = self.elements.read().slots().filter(|&slot| self.is_live(slot)).collect();
        let head =
            mix(mix(NOTHING, slots.len().to_string().as_bytes()), self.params().dim().to_string().as_bytes());
        let element = |slot: u32| {
            let named = mix(mix(NOTHING, view.best().code(slot).body), self.names.get(slot, &pin));
            let named = if self.set.deadlines.get(slot).is_some() { mix(named, EXPIRES) } else { named };
            let whole =
                self.attributes.get(slot, &pin).map_or(named, |attribute| mix(named, &attribute.text()));
            let entry = self.set.entries.as_deref().map(|entries| digested(entries, slot));
            let whole = entry.filter(|bytes| !bytes.is_empty()).map_or(whole, |bytes| mix(whole, &bytes));
            Sha1::digest(whole).into()
        };
        slots.into_iter().map(element).fold(Sha1::digest(head).into(), xor)
    }
}
