//! Product quantisation (Jégou, Douze and Schmid, 2011): components are grouped into sub-spaces of
//! 8 or 16, and each group is kept as the number of the nearest of 256 centroids, one byte.
//!
//! What the centroids are is learnt from a sample of the set, with a rotation by which all bytes
//! carry about as much information. All of it learns from directions: vectors of length 1.
//!
//! *Why:* recall@10 of a plain scan over 60,000 sentence embeddings of 384 components is 0.72 with
//! 8 components per byte (48 bytes), where RaBitQ's codes of one bit per component have 0.66; over
//! word vectors of 100 components 0.65 and 0.55. The price is a set that starts with other codes
//! and has to learn, and dearer queries.

mod arithmetic;
mod axes;
mod centroids;
mod codebook;
pub(super) mod codec;
mod stored;

pub use codebook::{Codebook, SAMPLE};
use codebook::{Fit, steps};

#[cfg(test)]
mod tests;
