//! How likely is a cached answer right? What was said of past answers, and what follows from it.
//! Knows no set, no element and no command: it is arithmetic over a few numbers.
//!
//! ```text
//! observation.rs  one answer that was right or wrong, at its score and lead, in 5 bytes
//! lead.rs         how much nearer an answer is than the next other one
//! prior.rs        what all entries of a set have in common: a slope, and how thresholds are spread
//! doubt.rs        how much that may be wrong
//! threshold.rs    what is known of the threshold of one entry, in 64 bits
//! rule.rs         from a chance to a decision, for an accepted share of errors
//! learner.rs      the last observations of a set, when they are fitted again, what they advise
//! interval.rs     bounds of a share that was counted (Clopper and Pearson)
//! ```
//!
//! # The model
//!
//! An entry answers questions that are near enough to its own. Each entry has a *threshold* `t`,
//! and an answer at score `s` is right with the chance `1 / (1 + exp(-slope (s - t)))`. The slope
//! is shared by the set; the thresholds of its entries are spread around a center as a normal
//! distribution. To the score counts the *lead* as well: how much nearer the entry is than the next
//! other one, at a weight that the set shares. An answer in a crowd of entries is mistaken for
//! another more easily than one that stands alone: with the lead, replays had a third to three
//! quarters more hits (`tools/bench semantic`).
//!
//! Slope, center, spread and weight are those under which the last observations of the whole set
//! are most likely (empirical Bayes, by expectation and maximisation), with weak priors that keep
//! them finite where right and wrong answers are separated, or all are of one kind. The threshold
//! of an entry is then a distribution as well: that of the set, and the entry's last observations.
//! What a few observations say of the set may be wrong itself: that *doubt* makes each chance less
//! sure.
//!
//! So an entry without observations is judged like the set, and one with some by its own. That is
//! the question of vCache (Schroeder et al., *vCache: Verified Semantic Prompt Caching*, arXiv
//! 2502.03771), which fits each entry alone; `tools/bench semantic` has both beside static
//! thresholds. Fitted alone, an entry needs more observations than most ever get.

mod doubt;
mod interval;
mod lead;
mod learner;
mod observation;
mod prior;
mod rule;
mod threshold;

pub use self::doubt::Doubt;
pub use self::interval::{CONFIDENCE, clopper_pearson};
pub use self::lead::Lead;
pub use self::learner::{Advice, Fit, Learner};
pub use self::observation::Observation;
pub use self::prior::Prior;
pub use self::rule::{Account, Per};
pub use self::threshold::{KEPT, Threshold};

/// The logistic function.
fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// The logarithm of [`logistic`], without cancellation.
fn log_logistic(x: f64) -> f64 {
    if x < 0.0 { x - x.exp().ln_1p() } else { -(-x).exp().ln_1p() }
}
