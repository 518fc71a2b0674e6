//! `VEXPLAIN key query … [options]`: how `VSEARCH` with the same arguments finds its answers,
//! without them (an extension). It searches, and nothing counts as used.
//!
//! The reply has an array for each query, with a map for each set:
//!
//! ```text
//! key         the set
//! knowledge   all       there is no filter
//!             exact     indexes know what matches; `matching`: how many elements
//!             partial   indexes know some, `sure`, of those that may match, `possible`
//!             sample    no index knows anything; `share` of a sample that matches
//! expected    elements that were expected to match
//! near-share  of the elements nearest to the query, the share that may match, where that decides
//! lookup-us   microseconds in which this was found out
//! tested      attributes that were read and tested meanwhile
//! steps       what was done, in order: `plan` (scan, walk, bridges), `nodes` whose links were
//!             followed, `distances` computed, elements `found` of those that it keeps, 1 if it was
//!             `given-up` for the next step, `us`: microseconds
//! costs       by which the plan was chosen: nanoseconds for a distance of a scan and of a walk, for
//!             a node of a walk over bridges, for a test of an attribute; distances for each result
//!             of a walk
//! ```

use super::vsearch::{self, VSearch};
use crate::commands::{Run, Spec};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "VEXPLAIN",
    summary: "How a search is done: what is known of its filter, plans, costs (an extension to Redis)",
    run: Run::Read(|args, cx| VSearch::parse(args)?.only_explained().execute(cx)),
    ..vsearch::SPEC
};
