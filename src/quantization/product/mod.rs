//! Product quantisation (Jégou, Douze and Schmid, 2011): components are grouped into sub-spaces of 8 or 16, and each
//! group is kept as the number of the nearest of 256 centroids, one byte.
//!
//! What the centroids are is learnt from a sample of the set, with a rotation that gives each byte as much to tell as
//! any other. All of it learns from directions: vectors of length 1.
//!
//! *Why:* recall@10 of a plain scan over 60,000 sentence embeddings of 384 components is 0.73 with 8 components per
//! byte (48 bytes) where RaBitQ's codes of one bit per component have 0.66, and 0.54 with 16 (24 bytes), which no code
//! of whole bits reaches. The price is a set that starts with other codes and has to learn.

mod arithmetic;
mod axes;
mod centroids;
mod codebook;
pub(super) mod codec;

pub use codebook::{Codebook, SAMPLE};
use codebook::{Fit, steps};

#[cfg(test)]
mod tests;
