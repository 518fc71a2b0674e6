//! Requests mean the same however their bytes are cut into packets; and what is journalled of them
//! is canonical.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use nearhit::resp::{Limits, ProtocolError, Request, RequestParser};

type Words = Vec<Vec<u8>>;

/// What a stream came to: its requests, and the error that ended it.
type Outcome = (Vec<Words>, Option<ProtocolError>);

// The first byte chooses the limits, the second how the rest is cut into packets.
fuzz_target!(|data: &[u8]| {
    let [limits, seed, stream @ ..] = data else { return };
    let limits = limits_of(*limits);
    let whole = parse(std::iter::once(stream), &limits);
    assert_eq!(parse(packets(stream, *seed), &limits), whole);
    assert_eq!(parse(stream.chunks(1), &limits), whole, "byte by byte");
});

/// Three kinds: the defaults, bounds so tight that short inputs pass them, and those before AUTH.
fn limits_of(choice: u8) -> Limits {
    let tight =
        Limits { max_bulk_len: 20, max_args: 6, max_query_buffer: 64, max_inline: 24, authenticated: true };
    match choice % 3 {
        0 => Limits::default(),
        1 => tight,
        _ => Limits::default().anonymous(),
    }
}

/// Pieces of 1 to 16 bytes, by a linear congruential generator.
fn packets(mut stream: &[u8], seed: u8) -> impl Iterator<Item = &[u8]> {
    let mut state = u32::from(seed);
    std::iter::from_fn(move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let len = (1 + (state >> 28) as usize).min(stream.len());
        let (packet, rest) = stream.split_at(len);
        stream = rest;
        (len > 0).then_some(packet)
    })
}

fn parse<'p>(packets: impl Iterator<Item = &'p [u8]>, limits: &Limits) -> Outcome {
    let mut parser = RequestParser::new();
    let mut buf = BytesMut::new();
    let mut requests = Vec::new();
    for packet in packets {
        buf.extend_from_slice(packet);
        loop {
            match parser.next(&mut buf, limits) {
                Ok(Some(request)) => requests.push(words(&request, limits)),
                Ok(None) => break,
                Err(error) => return (requests, Some(error)),
            }
        }
    }
    (requests, None)
}

fn words(request: &Request, limits: &Limits) -> Words {
    let words: Words = request.words().iter().map(<[u8]>::to_vec).collect();
    assert!(!words.is_empty() && words.len() == request.len());
    assert!(words.iter().all(|word| word.len() <= limits.bulk_len().max(limits.max_inline)));
    assert_eq!(request.wire(), Request::from_args(&words).wire());
    words
}
