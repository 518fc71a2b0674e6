//! `INFO [section …]`: figures of the server.

use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight};
use crate::info;
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "info",
    arity: Arity::AtLeast(1),
    flags: Flags::LOADING.and(Flags::STALE).and(Flags::DANGEROUS),
    keys: &[],
    scope: Scope::AllKeys,
    redact: None,
    group: Group::Server,
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Figures about the server, in sections of name:value lines",
    syntax: "[section...]",
    tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
    weight: Weight::Asked(|args, _| info::is_heavy(&sections(args))),
    run: Run::Read(answer),
};

fn answer(args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let text = info::render(cx.server, &sections(args));
    Ok(Reply::Verbatim { format: *b"txt", text: text.into() })
}

fn sections(args: Args) -> Vec<Vec<u8>> {
    args.iter().map(<[u8]>::to_ascii_lowercase).collect()
}
