//! `DEBUG POPULATE count [prefix [size]]`: adds many strings, for tests.

use crate::commands::Context;
use crate::keyspace::{Deadline, StringValue, Value};
use crate::resp::{Args, Error, Reply};

/// The length of the longest string.
const LONGEST: u64 = 512 << 20;

const NOT_POSITIVE: Error = Error::new("ERR value is out of range, must be positive");

/// Existing keys stay as they are. As in Redis nothing is logged.
pub(super) fn populate(mut args: Args, cx: &Context) -> Result<Reply, Error> {
    let count = positive(&mut args)?;
    let prefix = args.take().unwrap_or(b"key");
    let len = if args.is_empty() { None } else { Some(positive(&mut args)?).filter(|len| *len > 0) };
    if len.is_some_and(|len| len > LONGEST) {
        return Err(NOT_POSITIVE);
    }
    for number in 0..count {
        add(cx, prefix, number, len);
    }
    Ok(Reply::OK)
}

fn positive(args: &mut Args) -> Result<u64, Error> {
    args.integer_or(NOT_POSITIVE)
}

/// Adds the key `prefix:number` with the value `value:number`, truncated or padded with zeros to
/// `len` bytes.
fn add(cx: &Context, prefix: &[u8], number: u64, len: Option<u64>) {
    let key = [prefix, b":", number.to_string().as_bytes()].concat();
    let mut keys = cx.db().exclusive(&[&key]);
    if keys.contains(&key) {
        return;
    }
    let mut text = format!("value:{number}").into_bytes();
    if let Some(len) = len {
        text.resize(len as usize, 0);
    }
    keys.put(&key, Value::String(StringValue::new(&text)), Deadline::NEVER);
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Session;

    #[test]
    fn keys_are_made_as_redis_makes_them_and_not_logged() {
        let mut session = Session::debugging(0).streaming();
        session.ask("set key:1 mine");
        session.streamed();
        session.hold_to(&[
            (
                "debug populate",
                "-ERR unknown subcommand or wrong number of arguments for 'populate'. Try DEBUG HELP.",
            ),
            ("debug populate x", "-ERR value is out of range, must be positive"),
            ("debug populate -1", "-ERR value is out of range, must be positive"),
            ("debug populate 1 a -5", "-ERR value is out of range, must be positive"),
            ("debug populate 3", "+OK"),
            ("dbsize", ":3"),
            ("get key:0", "$7 value:0"),
            ("get key:1", "$4 mine"),
            ("debug populate 2 pre 9", "+OK"),
            ("get pre:1", "$9 value:1\0\0"),
            ("debug populate 1 cut 3", "+OK"),
            ("get cut:0", "$3 val"),
            ("debug populate 1 all 0", "+OK"),
            ("get all:0", "$7 value:0"),
        ]);
        assert_eq!(session.streamed(), "");
    }
}
