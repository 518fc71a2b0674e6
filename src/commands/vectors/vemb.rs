//! `VEMB key element [element …] [RAW]`: the vectors of elements.
//!
//! Several elements are an extension: each word after the first is another element, but for `RAW`
//! at the end. Redis accepts only `RAW` there and refuses other words with `ERR invalid option`;
//! here they are elements, present or missing. An element named `RAW` can stand anywhere but at the
//! end, and always first.

use bytes::Bytes;

use super::elements::{Elements, one_or_several};
use super::{KEY, READ_FAST, look_at_set};
use crate::commands::{Arity, Context, Group, Run, Scope, Spec, Weight};
use crate::resp::{Args, Error, Reply};
use crate::vector_set::{Code, Format, Present};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "VEMB",
    arity: Arity::AtLeast(3),
    flags: READ_FAST,
    keys: KEY,
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(N) for N elements",
    summary: "The vector of an element as it is stored, or those of several",
    syntax: "key element... [RAW]",
    tips: &[],
    weight: Weight::HeavyIf(|args, _| args.remaining() > MANY_VECTORS),
    run: Run::Read(|args, cx| VEmb::parse(args)?.execute(cx)),
};

/// With more arguments the command leaves the network thread: writing a thousand components takes
/// about ten microseconds.
const MANY_VECTORS: usize = 8;

/// Limit of the components of one reply; a command with more is refused. One vector always fits.
const MAX_COMPONENTS: usize = 4 << 20;
const TOO_MANY_COMPONENTS: Error = Error::new("ERR too many vectors for one reply");

const RAW: &[u8] = b"RAW";

struct VEmb<'r> {
    key: &'r [u8],
    elements: Elements<'r>,
    raw: bool,
}

impl<'r> VEmb<'r> {
    fn parse(mut args: Args<'r>) -> Result<Self, Error> {
        let key = args.bytes()?;
        let mut elements: Elements = args.iter().collect();
        let named = elements.len();
        // However often it is given: Redis accepts it repeated.
        while elements.len() > 1 && elements.last().is_some_and(|word| word.eq_ignore_ascii_case(RAW)) {
            elements.pop();
        }
        Ok(Self { key, raw: elements.len() < named, elements })
    }

    fn execute(self, cx: &Context) -> Result<Reply, Error> {
        let vectors = look_at_set(cx, self.key, |set| self.vectors(set))?.transpose()?;
        let vectors = vectors.unwrap_or_else(|| vec![None; self.elements.len()]);
        let read = vectors.iter().flatten().count();
        cx.server.keyspace.element_figures().note_reads(vectors.len(), read);
        Ok(one_or_several(vectors.into_iter().map(|vector| vector.unwrap_or(Reply::Null))))
    }

    fn vectors(&self, set: Present<'_>) -> Result<Vec<Option<Reply>>, Error> {
        if self.elements.len().saturating_mul(set.params().dim()) > MAX_COMPONENTS {
            return Err(TOO_MANY_COMPONENTS);
        }
        let show = if self.raw { as_stored } else { as_sent };
        Ok(set.with_codes(&self.elements, show))
    }
}

/// The vector as it was sent, as exactly as the code allows.
fn as_sent(format: &Format, code: Code) -> Reply {
    Reply::Array(format.decode(code).into_iter().map(|x| Reply::Double(x.into())).collect())
}

/// The kind of code, its bytes, and the numbers that restore its scale: the norm, and the range if
/// it has one.
fn as_stored(format: &Format, code: Code) -> Reply {
    let mut parts = vec![
        Reply::Simple(format.kind().codec().name),
        Reply::Bulk(Bytes::copy_from_slice(code.body)),
        Reply::Double(format.norm(code).into()),
    ];
    parts.extend(format.range(code).map(|range| Reply::Double(range.into())));
    Reply::Array(parts)
}
