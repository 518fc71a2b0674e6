//! What a client must be able to rely on: a reply is one value, of types that its protocol has.

use nearhit::resp::Protocol;

/// Panics unless `bytes` are exactly one value of this protocol; `None` is a mixture of both.
pub fn check(bytes: &[u8], protocol: Option<Protocol>) {
    let rest = after_value(bytes, protocol);
    assert!(rest.is_empty(), "more than a reply: {}", bytes.escape_ascii());
}

/// Panics unless `bytes` are any number of whole values, of either protocol.
pub fn check_several(bytes: &[u8]) {
    let mut rest = bytes;
    while !rest.is_empty() {
        rest = after_value(rest, None);
    }
}

fn after_value(bytes: &[u8], protocol: Option<Protocol>) -> &[u8] {
    let mut rest = bytes;
    let mut missing = 1_usize;
    while missing > 0 {
        let Some(after) = value(rest, protocol, &mut missing) else {
            panic!("not a reply in {protocol:?}: {}", bytes.escape_ascii());
        };
        rest = after;
    }
    rest
}

/// Passes one header and what belongs to it; counts the values that are to follow. None if it is
/// malformed.
fn value<'b>(bytes: &'b [u8], protocol: Option<Protocol>, missing: &mut usize) -> Option<&'b [u8]> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    let kind = *bytes.first()?;
    let line = &bytes[1..end];
    let rest = &bytes[end + 2..];
    if !kinds(protocol).contains(&kind) || line.contains(&b'\n') || line.contains(&b'\r') {
        return None;
    }
    *missing -= 1;
    match kind {
        b'$' | b'*' if line == b"-1" => (protocol != Some(Protocol::Resp3)).then_some(rest),
        b'$' | b'=' => blob(rest, number(line)?),
        b'*' | b'~' | b'>' => {
            *missing += number(line)?;
            Some(rest)
        }
        b'%' => {
            *missing += 2 * number(line)?;
            Some(rest)
        }
        b':' => str::from_utf8(line).ok()?.parse::<i64>().ok().map(|_| rest),
        b',' => str::from_utf8(line).ok()?.parse::<f64>().ok().map(|_| rest),
        b'#' => (line == b"t" || line == b"f").then_some(rest),
        b'_' => line.is_empty().then_some(rest),
        _ => Some(rest),
    }
}

fn kinds(protocol: Option<Protocol>) -> &'static [u8] {
    match protocol {
        Some(Protocol::Resp2) => b"+-:$*",
        Some(Protocol::Resp3) | None => b"+-:$*_,#%~=>(",
    }
}

fn blob(rest: &[u8], len: usize) -> Option<&[u8]> {
    rest.get(len..)?.strip_prefix(b"\r\n")
}

fn number(line: &[u8]) -> Option<usize> {
    str::from_utf8(line).ok()?.parse().ok()
}
