//! `GETRANGE key start end`, `SUBSTR key start end`: a part of a string. Negative positions count
//! from its end.

use std::ops::Range;

use bytes::Bytes;

use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const GETRANGE: Spec = Spec {
    name: "getrange",
    arity: Arity::Exactly(4),
    flags: Flags::READONLY,
    keys: &[Keys::at(1, &["RO", "access"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::String,
    since: "2.4.0",
    complexity: "O(N) for N bytes in the reply",
    summary: "Bytes of a string from one position to another; negative ones count from the end",
    syntax: "key start:integer end:integer",
    tips: &[],
    weight: Weight::Light,
    run: Run::Read(getrange),
};

pub(in crate::commands) const SUBSTR: Spec = Spec {
    name: "substr",
    arity: Arity::Exactly(4),
    flags: Flags::READONLY,
    keys: &[Keys::at(1, &["RO", "access"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::String,
    since: "1.0.0",
    complexity: "O(N) for N bytes in the reply",
    summary: "Old name of GETRANGE",
    syntax: "key start:integer end:integer",
    tips: &[],
    weight: Weight::Light,
    run: Run::Read(getrange),
};

fn getrange(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let start = args.integer()?;
    let end = args.integer()?;
    let Some(string) = cx.db().string(key)? else { return Ok(Reply::bulk("")) };
    let text = string.to_bytes();
    Ok(Reply::Bulk(part(&text, positions(start, end, text.len()))))
}

/// A large part is shared with the string. A small one is copied: a reference would keep the whole
/// string in memory until the client has read the reply.
fn part(text: &Bytes, range: Range<usize>) -> Bytes {
    if range.len() < text.len() / 2 { Bytes::copy_from_slice(&text[range]) } else { text.slice(range) }
}

/// `start` to `end`, both included, in a text of so many bytes. Positions before the text count as
/// its first byte, also for `end`: `0 -100` is one byte.
fn positions(start: i64, end: i64, len: usize) -> Range<usize> {
    let len = i64::try_from(len).unwrap_or(i64::MAX);
    let from_front = |at: i64| if at < 0 { at + len } else { at }.max(0);
    let first = from_front(start);
    let last = from_front(end).min(len - 1);
    let reversed = start < 0 && end < 0 && start > end;
    if reversed || first > last {
        return 0..0;
    }
    first as usize..last as usize + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_large_part_keeps_the_text_in_memory() {
        let text = Bytes::from(vec![b'x'; 1000]);
        for (range, is_shared) in [(0..499, false), (500..1000, true), (0..1000, true), (7..7, false)] {
            let part = part(&text, range.clone());
            assert_eq!(part.len(), range.len());
            assert_eq!(part.as_ptr() == text[range].as_ptr(), is_shared);
        }
    }

    #[test]
    fn no_positions_leave_the_text() {
        let edges = [i64::MIN, -12, -11, -10, -1, 0, 1, 10, 11, 12, i64::MAX];
        for (start, end) in edges.into_iter().flat_map(|start| edges.map(|end| (start, end))) {
            for len in [0, 1, 11] {
                let range = positions(start, end, len);
                assert!(range.start <= range.end && range.end <= len, "{start} {end} {len}");
            }
        }
    }
}
