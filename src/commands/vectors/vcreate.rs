//! `VCREATE key DIM n [METRIC COSINE|L2|IP] [NOQUANT|Q8|BIN|F16|RQ1…RQ8|PQ] [M n] [EF n]`: an empty vector set (an extension).
//!
//! A set made on purpose may be empty, and remembers its parameters: VADD need not repeat them, and is refused if it
//! contradicts them. Answers `+OK`, or `-BUSYKEY` if the key exists.

use std::sync::Arc;

use super::KEY;
use super::errors::{INVALID_EF, INVALID_M};
use super::vadd::{INVALID_METRIC, METRICS, bounded, kind};
use crate::commands::{Arity, Context, Flags, Group, Run, Spec, Weight};
use crate::record::Record;
use crate::resp::{Args, Error, Reply};
use crate::vector_set::{Kind, MAX_DIM, MAX_EF, MAX_M, MIN_M, Metric, Params, VectorSet};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "VCREATE",
    arity: Arity::AtLeast(4),
    flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::MODULE).and(Flags::FAST),
    keys: KEY,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(1)",
    summary: "Create an empty vector set with given parameters (an extension to Redis)",
    syntax: "key DIM dim:integer [METRIC metric(COSINE|L2|IP)] [quant_type(NOQUANT|BIN|Q8|F16|RQ1|RQ2|RQ3|RQ4|RQ5|RQ6|RQ7|RQ8|PQ)] \
        [M numlinks:integer] [EF build-exploration-factor:integer]",
    tips: &[],
    weight: Weight::Light,
    run: Run::Write(execute),
};

fn execute(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let set = VectorSet::new(parse(args)?, cx.server.config.settings().index_seed);
    match cx.db().create_vector_set(key, Arc::new(set), record) {
        Ok(()) => Ok(Reply::OK),
        Err(_) => Err(Error::new("BUSYKEY Target key name already exists.")),
    }
}

fn parse(mut args: Args) -> Result<Params, Error> {
    if !args.keyword("DIM") {
        return Err(Error::syntax());
    }
    let mut params = Params::new(bounded(&mut args, 1, MAX_DIM, "ERR invalid DIM")?)?;
    let (mut asked, mut metric) = (Kind::Int8, Metric::Cosine);
    while !args.is_empty() {
        if let Some(kind) = kind(&mut args) {
            asked = kind;
        } else if args.keyword("METRIC") {
            metric = args.keyword_of(&METRICS).ok_or(Error::new(INVALID_METRIC))?;
        } else if args.keyword("M") {
            params = params.with_m(bounded(&mut args, MIN_M, MAX_M, INVALID_M)?)?;
        } else if args.keyword("EF") {
            params = params.with_ef(bounded(&mut args, 1, MAX_EF, INVALID_EF)?)?;
        } else {
            return Err(Error::syntax());
        }
    }
    Ok(params.with_format(asked, metric)?.made_on_purpose())
}
