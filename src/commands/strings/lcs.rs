//! `LCS key1 key2 [LEN] [IDX] [MINMATCHLEN n] [WITHMATCHLEN]`: the longest text that is left of
//! both strings if bytes are taken out of them.

use super::common_subsequence::{Match, Steps, length};
use super::len_of;
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight};
use crate::keyspace::{Accounting, Shared, StringRef, StringValue};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "lcs",
    arity: Arity::AtLeast(3),
    flags: Flags::READONLY,
    keys: &[Keys::at(1, &["RO", "access"]).up_to(1)],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::String,
    since: "7.0.0",
    complexity: "O(N*M) for strings of N and M bytes",
    summary: "What two strings have in common in the same order: as text, its length, or where it is",
    syntax: "key1:key key2:key [LEN] [IDX] [MINMATCHLEN min-match-len:integer] [WITHMATCHLEN]",
    tips: &[],
    weight: Weight::HeavyIf(is_long),
    run: Run::Read(lcs),
};

/// Pairs of bytes that are compared on a network thread at most.
const MAX_LIGHT_PAIRS: usize = 32 * 1024;

/// What Redis allocates for a pair of prefixes. It limits the product of the lengths by that, and
/// so do we, to refuse what it refuses; here a pair of bytes takes a bit.
const REDIS_PAIR_BYTES: u64 = 4;

fn is_long(mut args: Args, cx: &Context) -> bool {
    let mut len = || args.take().map_or(0, |key| len_of(key, cx));
    len().saturating_mul(len()) > MAX_LIGHT_PAIRS
}

#[derive(Default)]
struct Options {
    shows_len: bool,
    shows_matches: bool,
    min_match_len: usize,
    shows_match_len: bool,
}

impl Options {
    fn parse(mut args: Args) -> Result<Self, Error> {
        let mut options = Self::default();
        while !args.is_empty() {
            if args.keyword("IDX") {
                options.shows_matches = true;
            } else if args.keyword("LEN") {
                options.shows_len = true;
            } else if args.keyword("WITHMATCHLEN") {
                options.shows_match_len = true;
            } else if args.remaining() > 1 && args.keyword("MINMATCHLEN") {
                options.min_match_len = usize::try_from(args.integer::<i64>()?.max(0)).unwrap_or(usize::MAX);
            } else {
                return Err(Error::syntax());
            }
        }
        if options.shows_matches && options.shows_len {
            return Err(Error::new("ERR If you want both the length and indexes, please just use IDX."));
        }
        Ok(options)
    }
}

/// As in Redis, the types are checked before the options.
fn lcs(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let names = [args.bytes()?, args.bytes()?];
    let keys = cx.db().shared(&names);
    let texts = names.map(|name| text(&keys, name));
    drop(keys);
    let [Ok(one), Ok(other)] = texts else {
        return Err(Error::new("ERR The specified keys must contain string values"));
    };
    let options = Options::parse(args)?;
    check_size([&one, &other], cx)?;
    let (one, other) = (one.text(), other.text());
    if options.shows_len {
        return Ok(Reply::count(length(&one, &other)));
    }
    let steps = Steps::new(&one, &other);
    Ok(if options.shows_matches { matches(&steps, &options) } else { Reply::Bulk(steps.text().into()) })
}

/// An empty text if there is no key.
fn text(keys: &Shared, name: &[u8]) -> Result<StringValue, Error> {
    match keys.get(name, Accounting::Used) {
        None => Ok(StringValue::written(b"")),
        Some(entry) => Ok(entry.value().as_string().map(StringRef::to_value)?),
    }
}

fn check_size(texts: [&StringValue; 2], cx: &Context) -> Result<(), Error> {
    let [one, other] = texts.map(|text| text.len() as u64 + 1);
    let bytes = one.checked_mul(other).and_then(|pairs| pairs.checked_mul(REDIS_PAIR_BYTES));
    if bytes.is_none_or(|bytes| bytes > cx.server.config.settings().proto_max_bulk_len) {
        return Err(Error::new(
            "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
        ));
    }
    Ok(())
}

fn matches(steps: &Steps, options: &Options) -> Reply {
    let shown = |found: &Match| {
        let range = |start| Reply::Array(vec![Reply::count(start), Reply::count(start + found.len - 1)]);
        let mut items = vec![range(found.one), range(found.other)];
        items.extend(options.shows_match_len.then(|| Reply::count(found.len)));
        Reply::Array(items)
    };
    let matches = steps.matches();
    let long: Vec<_> = matches.iter().filter(|found| found.len >= options.min_match_len).map(shown).collect();
    let fields = [("matches", Reply::Array(long)), ("len", Reply::count(steps.length()))];
    Reply::Map(fields.map(|(name, value)| (Reply::bulk(name), value)).into())
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Session;
    use crate::config::Settings;
    use crate::resp::Request;

    /// The expected replies are those of Redis 8.6.2 to the same requests.
    #[test]
    fn what_two_strings_have_in_common() {
        Session::at(1_790_000_000_000).hold_to(&[
            ("set a ohmytext", "+OK"),
            ("set b mynewtext", "+OK"),
            ("lcs a b", "$6 mytext"),
            ("lcs a b len", ":6"),
            ("lcs a b idx", "*4 $7 matches *2 *2 *2 :4 :7 *2 :5 :8 *2 *2 :2 :3 *2 :0 :1 $3 len :6"),
            ("lcs a b idx minmatchlen 4", "*4 $7 matches *1 *2 *2 :4 :7 *2 :5 :8 $3 len :6"),
            ("lcs a b idx minmatchlen 4 withmatchlen", "*4 $7 matches *1 *3 *2 :4 :7 *2 :5 :8 :4 $3 len :6"),
            (
                "lcs a b idx withmatchlen minmatchlen -5",
                "*4 $7 matches *2 *3 *2 :4 :7 *2 :5 :8 :4 *3 *2 :2 :3 *2 :0 :1 :2 $3 len :6",
            ),
            ("lcs a b IDX LEN", "-ERR If you want both the length and indexes, please just use IDX."),
            ("lcs a b minmatchlen", "-ERR syntax error"),
            ("lcs a b minmatchlen x", "-ERR value is not an integer or out of range"),
            ("lcs a b minmatchlen 3", "$6 mytext"),
            ("lcs a b len minmatchlen 3 withmatchlen", ":6"),
            ("lcs a b nope", "-ERR syntax error"),
            ("lcs a nope", "$0"),
            ("lcs a nope len", ":0"),
            ("lcs nope a idx", "*4 $7 matches *0 $3 len :0"),
            ("lcs a a", "$8 ohmytext"),
            ("lcs a a idx withmatchlen", "*4 $7 matches *1 *3 *2 :0 :7 *2 :0 :7 :8 $3 len :8"),
            ("set i 123456", "+OK"),
            ("set j 2356", "+OK"),
            ("lcs i j", "$4 2356"),
            ("lcs i j idx", "*4 $7 matches *2 *2 *2 :4 :5 *2 :2 :3 *2 *2 :1 :2 *2 :0 :1 $3 len :4"),
            ("hset h f v", ":1"),
            ("lcs a h", "-ERR The specified keys must contain string values"),
            ("lcs h a nope", "-ERR The specified keys must contain string values"),
            ("lcs h nope", "-ERR The specified keys must contain string values"),
            ("lcs a", "-ERR wrong number of arguments for 'lcs' command"),
            ("set e ''", "+OK"),
            ("lcs e e idx", "*4 $7 matches *0 $3 len :0"),
        ]);
    }

    #[test]
    fn long_strings_are_refused_or_compared_elsewhere() {
        let settings = Settings { proto_max_bulk_len: 1 << 20, ..Settings::defaults() };
        let mut session = Session::with(settings, 1_790_000_000_000);
        session.ask(&format!("set a {}", "ab".repeat(255)));
        session.ask(&format!("set b {}", "ba".repeat(255)));
        assert_eq!(session.ask("lcs a b len"), ":509");
        assert!(session.is_heavy(&Request::from_args(&["lcs", "a", "b"])));
        assert!(!session.is_heavy(&Request::from_args(&["lcs", "a", "nope"])));
        session.ask("append b xyz");
        let refused = "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";
        session.hold_to(&[("lcs a b", refused), ("lcs a b len", refused), ("lcs a nope", "$0")]);
    }
}
