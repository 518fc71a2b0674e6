//! `DEBUG OBJECT key`: a line about a key, in the format that Redis' tools parse.

use crate::commands::Context;
use crate::keyspace::{Accounting, Entry};
use crate::persistence::rdb::dump::serialized_len;
use crate::resp::{Error, Reply};

/// Redis stores the time of the last use in 24 bits, as seconds.
const LRU_CLOCK_MASK: i64 = (1 << 24) - 1;

/// The value is copied under the lock, and serialized without it.
pub(super) fn describe(key: &[u8], cx: &Context) -> Result<Reply, Error> {
    let now_ms = cx.now_ms();
    let seen = |entry: &Entry| (line(entry, now_ms), entry.value().to_value());
    let ((before, after), value) = cx.db().lookup(key, Accounting::None, seen).ok_or(Error::no_such_key())?;
    let len = serialized_len(value.view()).map_err(|error| Error::from(format!("ERR {error}")))?;
    Ok(Reply::SimpleOwned(format!("{before} serializedlength:{len} {after}")))
}

/// The parts of the line before and after `serializedlength`.
fn line(entry: &Entry, now_ms: i64) -> (String, String) {
    let idle_s = entry.idle_s(now_ms);
    let lru = (now_ms / 1000 - i64::from(idle_s)) & LRU_CLOCK_MASK;
    let encoding = entry.value().encoding(entry.key().len());
    let before = format!("Value at:{entry:p} refcount:1 encoding:{encoding}");
    (before, format!("lru:{lru} lru_seconds_idle:{idle_s}"))
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Session;

    #[test]
    fn the_line_has_the_fields_that_tools_look_for() {
        let mut session = Session::debugging(1_795_356_891_000);
        session.hold_to(&[
            ("debug object nope", "-ERR no such key"),
            ("vadd v VALUES 2 1 2 e", ":1"),
            ("set s 1", "+OK"),
        ]);
        let set = session.ask("debug object v");
        assert!(set.starts_with("+Value at:0x"), "{set}");
        assert!(set.contains(" refcount:1 encoding:raw serializedlength:"), "{set}");
        assert!(set.ends_with(" lru:194779 lru_seconds_idle:0"), "{set}");
        assert!(session.ask("debug object s").contains(" encoding:int serializedlength:2 lru:"));
    }
}
