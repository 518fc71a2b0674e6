//! `FILTER`: any expression on any attribute gives an answer, and always the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nearhit::vector_set::filter::{Dialect, Filter, Params};

// The expression, a line end, and the attribute.
fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|&byte| byte == b'\n').unwrap_or(data.len());
    let (expression, attribute) = data.split_at(end);
    let attribute = attribute.strip_prefix(b"\n").unwrap_or(attribute);
    match Filter::compile(expression, Dialect::Redis, &Params::default()) {
        Ok(filter) => assert_eq!(filter.matches(attribute), filter.matches(attribute)),
        Err(error) => assert!(error.near().len() <= expression.len().max(64)),
    }
});
