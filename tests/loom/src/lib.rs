//! The protocols by which nearhit's readers and writers share memory without locks, for the model checker loom: it runs
//! every interleaving of a few threads, and lets every load return every value that the memory model allows.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test --release --manifest-path tests/loom/Cargo.toml
//! ```
//!
//! [`epoch`] is the product's own file. [`update`] restates the protocol of `src/vector_set/write.rs` and
//! `src/vector_set/search.rs` over the words of `src/index/slots.rs`; a change there has to be made here too.
#![cfg(loom)]

#[path = "../../../src/epoch.rs"]
pub mod epoch;
pub mod update;
