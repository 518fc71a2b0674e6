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

use super::KEY;
use super::vsearch::{self, VSearch};
use crate::commands::{Arity, Group, Keys, Run, Scope, Spec, Weight};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "VEXPLAIN",
    arity: Arity::AtLeast(4),
    flags: super::READ,
    keys: &[KEY[0], Keys::counted_behind("ALSO", 3, KEY[0].access)],
    scope: Scope::NamedKeysUnless("ALSO"),
    redact: None,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(Q*S*log(N)) for Q queries over S sets of N elements",
    summary: "How a search is done: what is known of its filter, plans, costs (an extension to Redis)",
    syntax: "key query(ELE element|FP32 blob|FP16 blob|VALUES values(dim:integer component:double...))... \
        [COUNT count:integer] [OFFSET offset:integer] \
        [limit(MINSCORE score:double|MAXDIST distance:double)] [EF search-exploration-factor:integer] \
        [FILTER expression] [PARAMS params(count:integer value...)] \
        [FILTER-EF max-filtering-effort:integer] [DISTINCT distinct(field [count:integer])] [TRUTH] \
        [NOTOUCH] [WITHSCORES] [WITHDIST] [WITHATTRIBS] [WITHVECTORS] [WITHPLAN] \
        [ALSO also(numkeys:integer key...)]",
    tips: &[],
    weight: Weight::HeavyIf(vsearch::is_heavy),
    run: Run::Read(|args, cx| VSearch::parse(args)?.only_explained().execute(cx)),
};
