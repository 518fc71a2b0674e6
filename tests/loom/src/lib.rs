//! The protocols by which nearhit's threads share memory without locks, for the model checker loom:
//! it runs every interleaving of a few threads, and lets every load return every value that the
//! memory model allows.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test --release --manifest-path tests/loom/Cargo.toml
//! ```
//!
//! The protocols are the product's own files, included by their paths; under `cfg(loom)` they take
//! their atomics from loom. [`cut`], [`update`] and [`signal`] are what their callers do, as short
//! as it can be. [`stand_ins`] are for what those files use besides: arenas and locks.
#![cfg(loom)]

// The product's files take their locks from `parking_lot`.
extern crate self as parking_lot;

pub mod cut;
pub mod signal;
pub mod stand_ins;
pub mod update;

pub use stand_ins::{Condvar, Mutex};
use stand_ins::{arena, memory};

#[path = "../../../src/epoch.rs"]
pub mod epoch;
#[path = "../../../src/arena/lowest.rs"]
#[allow(dead_code, reason = "a model does not use all of it")]
mod lowest;
#[path = "../../../src/index/slots.rs"]
#[allow(dead_code, reason = "a model does not use all of it")]
mod slots;
#[path = "../../../src/journal/turnstile.rs"]
mod turnstile;
#[path = "../../../src/vector_set/updates.rs"]
mod updates;
#[path = "../../../src/wake.rs"]
#[allow(dead_code, reason = "a model does not use all of it")]
mod wake;
