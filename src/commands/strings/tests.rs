//! The expected replies are those of Redis 8.6.2 to the same requests.

use crate::commands::testing::Session;

/// A time in 2026; the replies below do not depend on it.
const NOW_MS: i64 = 1_790_000_000_000;

#[test]
fn options_of_set() {
    Session::at(NOW_MS).hold_to(&[
        ("set s v", "+OK"),
        ("set s v ex 0", "-ERR invalid expire time in 'set' command"),
        ("set s v ex -1", "-ERR invalid expire time in 'set' command"),
        ("set s v ex x", "-ERR value is not an integer or out of range"),
        ("set s v px 9223372036854775807", "-ERR invalid expire time in 'set' command"),
        ("set s v ex 9223372036854775807", "-ERR invalid expire time in 'set' command"),
        ("set s v pxat 0", "-ERR invalid expire time in 'set' command"),
        ("set s v ex 10 px 10", "-ERR syntax error"),
        ("set s v ex 10 ex 20", "+OK"),
        ("set s v nx xx", "-ERR syntax error"),
        ("set s v xx nx", "-ERR syntax error"),
        ("set s v nx nx", "$-1"),
        ("set s v keepttl ex 10", "-ERR syntax error"),
        ("set s v ex 10 keepttl", "-ERR syntax error"),
        ("set s v foo", "-ERR syntax error"),
        ("set s v ex", "-ERR syntax error"),
        ("set s v ex x foo", "-ERR syntax error"),
        ("set s v get ex 0", "-ERR invalid expire time in 'set' command"),
        ("set s w get nx", "$1 v"),
        ("get s", "$1 v"),
        ("set t x xx", "$-1"),
        ("set t x xx get", "$-1"),
        ("set t x nx get", "$-1"),
        ("set s w xx get", "$1 v"),
        ("get s", "$1 w"),
        ("set s v exat 5000000000", "+OK"),
        ("expiretime s", ":5000000000"),
        ("set s w keepttl", "+OK"),
        ("expiretime s", ":5000000000"),
        ("set s w", "+OK"),
        ("ttl s", ":-1"),
        ("set s v PXAT 5000000000000 GET", "$1 w"),
        ("pexpiretime s", ":5000000000000"),
        ("set s v exat 1", "+OK"),
        ("exists s", ":0"),
        ("set s v keepttl keepttl", "+OK"),
        ("set '' ''", "+OK"),
        ("get ''", "$0"),
        ("set", "-ERR wrong number of arguments for 'set' command"),
    ]);
}

#[test]
fn older_words_for_set() {
    Session::at(NOW_MS).hold_to(&[
        ("setex s 0 v", "-ERR invalid expire time in 'setex' command"),
        ("setex s -1 v", "-ERR invalid expire time in 'setex' command"),
        ("setex s x v", "-ERR value is not an integer or out of range"),
        ("setex s 9223372036854775807 v", "-ERR invalid expire time in 'setex' command"),
        ("psetex s 0 v", "-ERR invalid expire time in 'psetex' command"),
        ("psetex s -5 v", "-ERR invalid expire time in 'psetex' command"),
        ("setex s 0", "-ERR wrong number of arguments for 'setex' command"),
        ("setex s 100 v", "+OK"),
        ("ttl s", ":100"),
        ("psetex s 100000 v", "+OK"),
        ("ttl s", ":100"),
        ("setnx s w", ":0"),
        ("setnx t w", ":1"),
        ("get t", "$1 w"),
        ("mset a", "-ERR wrong number of arguments for 'mset' command"),
        ("mset a 1 b", "-ERR wrong number of arguments for 'mset' command"),
        ("mset a 1 b 2 a 3", "+OK"),
        ("mget a b nope", "*3 $1 3 $1 2 $-1"),
        ("msetnx a 1 c 2", ":0"),
        ("msetnx c 1 d 2", ":1"),
        ("mget c d", "*2 $1 1 $1 2"),
        ("ttl c", ":-1"),
        ("msetnx c", "-ERR wrong number of arguments for 'msetnx' command"),
    ]);
}

#[test]
fn numbers_and_lengths() {
    Session::at(NOW_MS).hold_to(&[
        ("incr n", ":1"),
        ("incr n", ":2"),
        ("decr n", ":1"),
        ("incrby n 10", ":11"),
        ("decrby n 4", ":7"),
        ("get n", "$1 7"),
        ("set s v", "+OK"),
        ("incr s", "-ERR value is not an integer or out of range"),
        ("incrby n x", "-ERR value is not an integer or out of range"),
        ("incrby nope x", "-ERR value is not an integer or out of range"),
        ("incrby n 9223372036854775807", "-ERR increment or decrement would overflow"),
        ("decrby n -9223372036854775808", "-ERR decrement would overflow"),
        ("set m -9223372036854775808", "+OK"),
        ("decr m", "-ERR increment or decrement would overflow"),
        ("incr m", ":-9223372036854775807"),
        ("set p 010", "+OK"),
        ("incr p", "-ERR value is not an integer or out of range"),
        ("expireat n 5000000000", ":1"),
        ("incr n", ":8"),
        ("expiretime n", ":5000000000"),
        ("append zz abc", ":3"),
        ("append zz def", ":6"),
        ("get zz", "$6 abcdef"),
        ("strlen zz", ":6"),
        ("strlen n", ":1"),
        ("strlen nope", ":0"),
        ("append n 0", ":2"),
        ("incr n", ":81"),
        ("expiretime n", ":5000000000"),
        ("getdel zz", "$6 abcdef"),
        ("getdel zz", "$-1"),
        ("get zz", "$-1"),
        ("exists zz", ":0"),
        ("append e 12", ":2"),
        ("object encoding e", "$3 int"),
        ("append e ''", ":2"),
        ("object encoding e", "$3 raw"),
        ("get", "-ERR wrong number of arguments for 'get' command"),
    ]);
}

#[test]
fn vector_sets_are_no_strings() {
    let mut session = Session::at(NOW_MS);
    session.create_set("v");
    session.hold_to(&[
        ("get v", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("getdel v", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("strlen v", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("append v x", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("incr v", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("decrby v 2", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("set v x get", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("set v x nx", "$-1"),
        ("setnx v x", ":0"),
        ("mget v nope", "*2 $-1 $-1"),
        ("msetnx a 1 v 2", ":0"),
        ("type v", "+vectorset"),
        ("set v x", "+OK"),
        ("get v", "$1 x"),
        ("type v", "+string"),
    ]);
}

#[test]
fn comparisons_of_set_and_delex() {
    let mut session = Session::like_redis("8.6", NOW_MS);
    session.create_set("vs");
    session.hold_to(&[
        ("set s hello", "+OK"),
        ("digest s", "$16 9555e8555c62dcfd"),
        ("digest nope", "$-1"),
        ("set s v ifeq a ifne a", "-ERR syntax error"),
        ("set s v nx ifeq hello", "-ERR syntax error"),
        ("set s v ifeq hello nx", "$-1"),
        ("set s v ifeq", "-ERR syntax error"),
        ("set s v ifeq a", "$-1"),
        ("set s v ifeq a ifeq hello", "+OK"),
        ("set s w ifne v", "$-1"),
        ("set s w ifne x get", "$1 v"),
        ("set s v ifdeq x", "-ERR must be exactly 16 hexadecimal characters"),
        ("set s v ifdeq x ex 0", "-ERR invalid expire time in 'set' command"),
        ("set nope v ifeq a", "$-1"),
        ("set nope v ifdeq x", "$-1"),
        ("set nope v ifdne x", "+OK"),
        ("set vs v ifeq a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("set vs v ifeq a nx", "$-1"),
        ("set s hello", "+OK"),
        ("delex s ifdeq 9555E8555C62DCFE", ":0"),
        ("delex s ifdeq 9555E8555C62DCFD", ":1"),
        ("delex s foo bar", ":0"),
        ("delex nope foo bar", "-ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE"),
        ("delex nope ifeq", "-ERR wrong number of arguments for 'delex' command"),
        ("delex vs ifeq a", "-ERR Key should be of string type if conditions are specified"),
        ("delex vs", ":1"),
    ]);
}

#[test]
fn parts_of_texts() {
    Session::at(NOW_MS).hold_to(&[
        ("set s hello", "+OK"),
        ("getrange s 1 -2", "$3 ell"),
        ("getrange s -100 -50", "$1 h"),
        ("getrange s -1 -5", "$0"),
        ("substr s 4 100", "$1 o"),
        ("getrange nope 0 -1", "$0"),
        ("setrange nope 5 ''", ":0"),
        ("exists nope", ":0"),
        ("setrange nope -1 x", "-ERR offset is out of range"),
        (
            "setrange nope 9223372036854775807 x",
            "-ERR string exceeds maximum allowed size (proto-max-bulk-len)",
        ),
        ("setrange s 1 EL", ":5"),
        ("get s", "$5 hELlo"),
        ("config set proto-max-bulk-len 1mb", "+OK"),
        ("setrange s 1048576 x", "-ERR string exceeds maximum allowed size (proto-max-bulk-len)"),
        ("setrange s 1048575 x", ":1048576"),
        ("append s x", "-ERR string exceeds maximum allowed size (proto-max-bulk-len)"),
        ("getset s t", &format!("$1048576 hELlo{}x", "\0".repeat(1_048_570))),
        ("getset s u", "$1 t"),
    ]);
}

#[test]
fn deadlines_given_by_getex_and_msetex() {
    Session::at(NOW_MS).hold_to(&[
        ("getex nope ex x", "$-1"),
        ("getex nope ex", "-ERR syntax error"),
        ("set s v", "+OK"),
        ("getex s ex 0", "-ERR invalid expire time in 'getex' command"),
        ("getex s ex 10 persist", "-ERR syntax error"),
        ("getex s ex 10", "$1 v"),
        ("getex s", "$1 v"),
        ("ttl s", ":10"),
        ("getex s persist", "$1 v"),
        ("ttl s", ":-1"),
        ("getex s pxat 1", "$1 v"),
        ("exists s", ":0"),
        ("msetex 2 a 1 b 2 ex 10", ":1"),
        ("msetex 2 a 1 c 2 nx", ":0"),
        ("msetex 2 a 1 c 2 xx", ":0"),
        ("msetex 2 a 3 c 2 keepttl", ":1"),
        ("mget a c", "*2 $1 3 $1 2"),
        ("ttl a", ":10"),
        ("ttl c", ":-1"),
        ("msetex 0 a 1", "-ERR invalid numkeys value"),
        ("msetex 2 a 1 nx", "-ERR wrong number of key-value pairs"),
        ("msetex 1 a 1 nx xx", "-ERR syntax error"),
        ("msetex 1 a 1 ex 0", "-ERR invalid expire time in 'msetex' command"),
        ("msetex 1 a 1 exat 1", ":1"),
        ("exists a", ":0"),
    ]);
}

#[test]
fn sums_of_floats() {
    Session::at(NOW_MS).hold_to(&[
        ("set f 10.50 ex 10", "+OK"),
        ("incrbyfloat f 0.1", "$4 10.6"),
        ("incrbyfloat f 5.0e3", "$22 5010.60000000000000009"),
        ("ttl f", ":10"),
        ("incrbyfloat f x", "-ERR value is not a valid float"),
        ("incrbyfloat f inf", "-ERR increment would produce NaN or Infinity"),
        ("incrbyfloat n 3.0", "$1 3"),
        ("object encoding n", "$6 embstr"),
        ("incr n", ":4"),
    ]);
}

/// As Redis 8.6.2 logs it, but without conditions that were true beside a deadline, and without
/// strings that have expired.
#[test]
fn logged_commands_have_the_same_effect_later() {
    Session::at(NOW_MS).streaming().hold_stream_to(&[
        ("set a 1", "SELECT 0 | set a 1"),
        ("set a 1 EX 100", "SET a 1 PXAT 1790000100000"),
        ("set a 1 px 100000 get", "SET a 1 PXAT 1790000100000"),
        ("set a 1 EXAT 1790000001 XX", "SET a 1 PXAT 1790000001000"),
        ("set a 3 IFEQ 2 EX 1", ""),
        ("set a 1 KEEPTTL", "set a 1 KEEPTTL"),
        ("set a 2 XX IFEQ 1", ""),
        ("set a 2 IFEQ 1", "set a 2 IFEQ 1"),
        ("set a 3 PXAT 1789999999999", "DEL a"),
        ("setex a 100 v", "SET a v PXAT 1790000100000"),
        ("psetex a 5 v", "SET a v PXAT 1790000000005"),
        ("setnx a v", ""),
        ("getset a w", "SET a w"),
        ("getex a", ""),
        ("getex a PERSIST", ""),
        ("getex a EX 100", "PEXPIREAT a 1790000100000"),
        ("getex a PERSIST", "PERSIST a"),
        ("getex a PXAT 5", "DEL a"),
        ("incrbyfloat a 1.5", "SET a 1.5 KEEPTTL"),
        ("incr a", ""),
        ("delex a IFEQ 2", ""),
        ("delex a IFEQ 1.5", "DEL a"),
        ("incrby a 5", "incrby a 5"),
        ("append a x", "append a x"),
        ("setrange a 1 yy", "setrange a 1 yy"),
        ("getdel a", "DEL a"),
        ("getdel a", ""),
        ("msetex 2 a 1 b 2 EX 100 NX", "MSETEX 2 a 1 b 2 PXAT 1790000100000"),
        ("msetex 2 a 1 b 2 KEEPTTL", "msetex 2 a 1 b 2 KEEPTTL"),
        ("msetex 2 a 1 b 2 PXAT 5", "DEL a b"),
    ]);
}

/// Replies of Redis 8.6.2 and 8.10.2; both refuse a comparison after NX or XX.
#[test]
fn nx_or_xx_after_a_comparison_is_accepted_by_8_6_only() {
    for (release, reply) in [("8.6", "+OK"), ("8.10", "-ERR syntax error")] {
        Session::like_redis(release, NOW_MS).hold_to(&[
            ("set s a", "+OK"),
            ("set s b ifeq a xx", reply),
            ("set n v ifne q nx", reply),
            ("set s v nx ifeq a", "-ERR syntax error"),
            ("set s c ifne x get ex 10", if release == "8.6" { "$1 b" } else { "$1 a" }),
        ]);
    }
}

#[test]
fn a_command_of_8_10_is_unknown_in_8_6() {
    let unknown = "-ERR unknown command 'increx', with args beginning with: 'a'";
    Session::like_redis("8.6", NOW_MS).hold_to(&[("increx a", unknown), ("command info increx", "*1 $-1")]);
}

/// Replies of Redis 8.10.2.
#[test]
fn increx_stays_within_bounds() {
    Session::like_redis("8.10", NOW_MS).hold_to(&[
        ("increx a", "*2 :1 :1"),
        ("increx a byint 5", "*2 :6 :5"),
        ("increx a byint 5 ubound 8", "*2 :6 :0"),
        ("increx a byint 5 ubound 8 saturate", "*2 :8 :2"),
        ("increx a byint -50 lbound -3 saturate", "*2 :-3 :-11"),
        ("increx a ubound -4", "*2 :-3 :0"),
        ("increx a byint 0 ubound -4 saturate", "*2 :-4 :-1"),
        ("increx n byint 5 ubound 3 ex 100", "*2 :0 :0"),
        ("exists n", ":0"),
        ("increx b byint 9223372036854775807", "*2 :9223372036854775807 :9223372036854775807"),
        ("increx b", "*2 :9223372036854775807 :0"),
        ("increx b saturate", "*2 :9223372036854775807 :0"),
        ("set m -9223372036854775808", "+OK"),
        ("increx m byint -1 saturate", "*2 :-9223372036854775808 :0"),
        ("increx m byint 0 lbound 5 saturate", "-ERR applied increment would overflow"),
        ("get m", "$20 -9223372036854775808"),
        ("increx f byfloat 0.1", "*2 $3 0.1 $3 0.1"),
        ("increx f byfloat 0.2", "*2 $3 0.3 $3 0.2"),
        ("increx f byfloat 5 ubound 1", "*2 $3 0.3 $1 0"),
        ("increx f byfloat 5 ubound 1 saturate", "*2 $1 1 $3 0.7"),
        ("set z 1e18", "+OK"),
        ("increx z byfloat 0.1", "*2 $23 1000000000000000000.125 $5 0.125"),
        ("set z -5", "+OK"),
        ("increx z byfloat 0 lbound -0.0 saturate", "*2 $1 0 $1 5"),
        ("set z 1e4932", "+OK"),
        ("increx z byfloat 1e4932 ubound inf saturate", "-ERR applied increment would be Infinity"),
        ("set z -1.1e4932", "+OK"),
        ("increx z byfloat 1 lbound 1.1e4932 saturate", "-ERR applied increment would be Infinity"),
        ("set z inf", "+OK"),
        ("increx z byfloat 1", "-ERR value cannot be Infinity"),
        ("increx z", "-ERR value is not an integer or out of range"),
        ("set z no", "+OK"),
        ("increx z byfloat 1", "-ERR value is not a valid float"),
        ("hset h f v", ":1"),
        ("increx h", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("increx h ex x", "-ERR value is not an integer or out of range"),
    ]);
}

/// Replies of Redis 8.10.2.
#[test]
fn increx_sets_times_to_live() {
    Session::like_redis("8.10", NOW_MS).hold_to(&[
        ("increx a ex 10", "*2 :1 :1"),
        ("pttl a", ":10000"),
        ("increx a", "*2 :2 :1"),
        ("pttl a", ":10000"),
        ("increx a enx ex 100", "*2 :3 :1"),
        ("ttl a", ":10"),
        ("increx a ubound 3 ex 100", "*2 :3 :0"),
        ("ttl a", ":10"),
        ("increx a ubound 3 ex 100 saturate", "*2 :3 :0"),
        ("ttl a", ":100"),
        ("increx a ubound 1 persist", "*2 :3 :0"),
        ("ttl a", ":100"),
        ("increx a persist", "*2 :4 :1"),
        ("ttl a", ":-1"),
        ("increx a px 100000 enx", "*2 :5 :1"),
        ("ttl a", ":100"),
        ("increx a exat 1 enx", "*2 :6 :1"),
        ("ttl a", ":100"),
        ("increx a exat 1", "*2 :7 :1"),
        ("exists a", ":0"),
        ("increx a pxat 9999999999999", "*2 :1 :1"),
        ("pexpiretime a", ":9999999999999"),
    ]);
}

/// Replies of Redis 8.10.2: which error comes first.
#[test]
fn words_of_increx() {
    let syntax = "-ERR syntax error";
    let no_integer = "-ERR value is not an integer or out of range";
    let no_upper = "-ERR UBOUND is not an integer or out of range";
    let invalid = "-ERR invalid expire time in 'increx' command";
    Session::like_redis("8.10", NOW_MS).hold_to(&[
        ("increx", "-ERR wrong number of arguments for 'increx' command"),
        ("increx s enx", "-ERR ENX flag requires an expiration"),
        ("increx s persist enx", syntax),
        ("increx s enx persist ex 5", syntax),
        ("increx s enx enx ex 5", syntax),
        ("increx s ex 0", invalid),
        ("increx s ex -1", invalid),
        ("increx s px 9223372036854775807", invalid),
        ("increx s ex x", no_integer),
        ("increx s ex", syntax),
        ("increx s ex 1 px 1", syntax),
        ("increx s ex 5 ex 6", syntax),
        ("increx s persist persist", syntax),
        ("increx s byint", syntax),
        ("increx s byint 1 byfloat 1", syntax),
        ("increx s byint 1 byint 1", syntax),
        ("increx s byint x foo", "-ERR Increment is not an integer or out of range"),
        ("increx s byint 1.0", "-ERR Increment is not an integer or out of range"),
        ("increx s byfloat x", "-ERR Increment is not a valid float"),
        ("increx s byfloat nan", "-ERR Increment is not a valid float"),
        ("increx s byfloat -inf", "-ERR BYFLOAT increment cannot be Infinity"),
        ("increx s byfloat 1 ubound nan", "-ERR UBOUND is not a valid float"),
        ("increx s byfloat 1 lbound x ubound x", "-ERR LBOUND is not a valid float"),
        ("increx s saturate saturate", syntax),
        ("increx s ubound 1 ubound 2", syntax),
        ("increx s lbound", syntax),
        ("increx s ubound 1.5", no_upper),
        ("increx s ubound x foo", syntax),
        ("increx s ex x foo", syntax),
        ("increx s ubound x ex x", no_upper),
        ("increx s ubound x enx", no_upper),
        ("increx s ex 0 ubound 1 lbound 2", "-ERR LBOUND can't be greater than UBOUND"),
        ("increx s byfloat 1 ubound -inf", "-ERR LBOUND can't be greater than UBOUND"),
        ("increx s foo", syntax),
        ("exists s", ":0"),
        ("increx s lbound 1 byfloat 1", "*2 $1 1 $1 1"),
    ]);
}

/// Replies of Valkey 9.1.2.
#[test]
fn delifeq_removes_a_string_that_is_equal() {
    Session::at(NOW_MS).hold_to(&[
        ("set a x", "+OK"),
        ("delifeq a y", ":0"),
        ("delifeq a x", ":1"),
        ("delifeq a x", ":0"),
        ("set n 12", "+OK"),
        ("delifeq n 12", ":1"),
        ("hset h f v", ":1"),
        ("delifeq h v", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("delifeq h", "-ERR wrong number of arguments for 'delifeq' command"),
    ]);
}
