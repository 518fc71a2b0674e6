//! The expected replies are those of Redis 8.6.2 to the same requests.

use std::sync::atomic::Ordering;

use crate::commands::testing::Session;
use crate::config::Settings;

/// A time in 2026; only lifetimes depend on it.
const NOW_MS: i64 = 1_790_000_000_000;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

fn session() -> Session {
    session_like("8.10")
}

fn session_like(release: &'static str) -> Session {
    let mut session = Session::like_redis(release, NOW_MS);
    session.hold_to(&[("hset h a 1 b 2 c 3", ":3"), ("set s x", "+OK")]);
    session
}

#[test]
fn fields_are_set_and_read() {
    session().hold_to(&[
        ("hset h a 4 a 5 d 6", ":1"),
        ("hset h a", "-ERR wrong number of arguments for 'hset' command"),
        ("hmset h a 1 b", "-ERR wrong number of arguments for 'hmset' command"),
        ("hmset h e 7", "+OK"),
        ("hsetnx h e 8", ":0"),
        ("hsetnx h f 8", ":1"),
        ("hget h a", "$1 5"),
        ("hget h nope", "$-1"),
        ("hmget h a nope b", "*3 $1 5 $-1 $1 2"),
        ("hexists h a", ":1"),
        ("hexists h nope", ":0"),
        ("hstrlen h a", ":1"),
        ("hstrlen h nope", ":0"),
        ("hlen h", ":6"),
        ("hkeys h", "*6 $1 a $1 b $1 c $1 d $1 e $1 f"),
        ("hvals h", "*6 $1 5 $1 2 $1 3 $1 6 $1 7 $1 8"),
        ("hdel h a a nope b", ":2"),
        ("hgetall h", "*8 $1 c $1 3 $1 d $1 6 $1 e $1 7 $1 f $1 8"),
        ("hgetdel h FIELDS 3 c nope c", "*3 $1 3 $-1 $-1"),
        ("hdel h d e f", ":3"),
        ("exists h", ":0"),
    ]);
}

#[test]
fn no_key_is_a_hash_without_fields() {
    session().hold_to(&[
        ("hget nope a", "$-1"),
        ("hmget nope a b", "*2 $-1 $-1"),
        ("hgetall nope", "*0"),
        ("hkeys nope", "*0"),
        ("hlen nope", ":0"),
        ("hstrlen nope a", ":0"),
        ("hdel nope a", ":0"),
        ("hrandfield nope", "$-1"),
        ("hrandfield nope -3 WITHVALUES", "*0"),
        ("hscan nope 7 nonsense", "*2 $1 0 *0"),
        ("httl nope FIELDS 2 a b", "*2 :-2 :-2"),
        ("hpersist nope FIELDS 1 a", "*1 :-2"),
        ("hexpire nope 10 FIELDS 1 a", "*1 :-2"),
        ("hgetdel nope FIELDS 1 a", "*1 $-1"),
        ("hgetex nope EX 10 FIELDS 1 a", "*1 $-1"),
        ("hsetex nope FXX FIELDS 1 a 1", ":0"),
        ("hsetex nope PXAT 1 FIELDS 1 a 1", ":1"),
        ("exists nope", ":0"),
    ]);
}

#[test]
fn other_types_are_refused() {
    let mut session = session();
    let requests = [
        "hset s a 1",
        "hmset s a 1",
        "hsetnx s a 1",
        "hget s a",
        "hmget s a",
        "hexists s a",
        "hstrlen s a",
        "hlen s",
        "hgetall s",
        "hkeys s",
        "hvals s",
        "hdel s a",
        "hincrby s a 1",
        "hincrbyfloat s a 1",
        "hrandfield s",
        "hrandfield s 0",
        "hscan s 0",
        "hexpire s 1 FIELDS 1 a",
        "httl s FIELDS 1 a",
        "hpersist s FIELDS 1 a",
        "hgetdel s FIELDS 1 a",
        "hgetex s FIELDS 1 a",
        "hsetex s FIELDS 1 a 1",
        // The type is checked before the arguments …
        "hscan s 0 nonsense",
        "hexpire s x nonsense 1 a",
        "httl s nonsense 1 a",
        "hpersist s FIELDS x a",
        "hgetdel s FIELDS 9 a",
        "hgetex s nonsense 1 a",
    ];
    for request in requests {
        assert_eq!(session.ask(request), WRONG_TYPE, "{request}");
    }
    // … but not always.
    session.hold_to(&[
        ("hincrby s a x", "-ERR value is not an integer or out of range"),
        ("hincrbyfloat s a x", "-ERR value is not a valid float"),
        ("hrandfield s x", "-ERR value is not an integer or out of range"),
        ("hscan s x", "-ERR invalid cursor"),
        ("hsetex s nonsense 1 a 1", "-ERR unknown argument: nonsense"),
        ("get h", WRONG_TYPE),
    ]);
}

#[test]
fn numbers_are_added_and_their_fields_keep_the_deadline() {
    session().hold_to(&[
        ("hexpireat h 1790000010 FIELDS 1 a", "*1 :1"),
        ("hincrby h a 9", ":10"),
        ("hincrbyfloat h a 0.5", "$4 10.5"),
        ("hincrbyfloat h a 0.1", "$4 10.6"),
        ("hincrby h a 1", "-ERR hash value is not an integer"),
        ("httl h FIELDS 1 a", "*1 :10"),
        ("hincrby h new -5", ":-5"),
        ("hincrbyfloat h other 5.0e3", "$4 5000"),
        ("hset h top 9223372036854775807 word x inf inf", ":3"),
        ("hincrby h top 1", "-ERR increment or decrement would overflow"),
        ("hincrbyfloat h word 1", "-ERR hash value is not a float"),
        ("hincrbyfloat h inf 1", "-ERR increment would produce NaN or Infinity"),
        ("hincrbyfloat h a inf", "-ERR value is NaN or Infinity"),
        ("hincrbyfloat h a nan", "-ERR value is not a valid float"),
    ]);
}

#[test]
fn fields_expire() {
    let mut session = session();
    session.hold_to(&[
        ("hexpire h 10 FIELDS 2 a nope", "*2 :1 :-2"),
        ("hpexpire h 10500 FIELDS 1 b", "*1 :1"),
        ("httl h FIELDS 4 a b c nope", "*4 :10 :11 :-1 :-2"),
        ("hpttl h FIELDS 2 a b", "*2 :10000 :10500"),
        ("hexpiretime h FIELDS 2 a b", "*2 :1790000010 :1790000011"),
        ("hpexpiretime h FIELDS 2 a b", "*2 :1790000010000 :1790000010500"),
    ]);
    session.advance(10_001);
    session.hold_to(&[
        ("hgetall h", "*4 $1 b $1 2 $1 c $1 3"),
        ("hlen h", ":2"),
        ("hget h a", "$-1"),
        ("hrandfield h 5", "*2 $1 b $1 c"),
        ("hscan h 0", "*2 $1 0 *4 $1 b $1 2 $1 c $1 3"),
        ("httl h FIELDS 1 a", "*1 :-2"),
        ("hexpire h 10 FIELDS 1 a", "*1 :-2"),
        ("hincrby h a 1", ":1"),
        ("httl h FIELDS 1 a", "*1 :-1"),
        ("hpersist h FIELDS 4 a b b nope", "*4 :-1 :1 :-1 :-2"),
    ]);
    session.advance(10_000);
    session.hold_to(&[("hlen h", ":3"), ("hdel h a b c", ":3"), ("exists h", ":0")]);
}

#[test]
fn a_field_with_a_past_deadline_is_removed() {
    session().hold_to(&[
        ("hexpire h 0 FIELDS 2 a a", "*2 :2 :-2"),
        ("hgetex h PXAT 1 FIELDS 2 b b", "*2 $1 2 $-1"),
        ("hsetex h EXAT 1 FIELDS 2 x 1 x 2", ":1"),
        ("hgetall h", "*2 $1 c $1 3"),
        ("hsetex h EXAT 1790000000 FIELDS 1 c 4", ":1"),
        ("exists h", ":0"),
    ]);
}

#[test]
fn conditions_compare_with_the_present_deadline() {
    session().hold_to(&[
        ("hpexpire h 5000 GT FIELDS 1 a", "*1 :0"),
        ("hpexpire h 5000 XX FIELDS 1 a", "*1 :0"),
        ("hpexpire h 5000 LT FIELDS 1 a", "*1 :1"),
        ("hpexpire h 5000 NX FIELDS 3 a b b", "*3 :0 :1 :0"),
        ("hpexpire h 5000 GT FIELDS 1 a", "*1 :0"),
        ("hpexpire h 5001 GT FIELDS 1 a", "*1 :1"),
        ("hpexpire h 5001 LT FIELDS 1 a", "*1 :0"),
        ("hpexpire h 0 NX FIELDS 1 a", "*1 :0"),
        ("hpexpire h 7000 FIELDS 1 a XX", "*1 :1"),
        ("hpexpire h 7000 NX XX FIELDS 1 a", "-ERR Multiple condition flags specified"),
        ("hpttl h FIELDS 3 a b c", "*3 :7000 :5000 :-1"),
    ]);
}

#[test]
fn fields_are_set_with_a_deadline() {
    session().hold_to(&[
        ("hsetex h EX 10 FIELDS 2 a 5 new 6", ":1"),
        ("hsetex h KEEPTTL FIELDS 2 a 6 b 7", ":1"),
        ("httl h FIELDS 4 a b c new", "*4 :10 :-1 :-1 :10"),
        ("hsetex h FNX FIELDS 2 a 8 newer 8", ":0"),
        ("hsetex h FXX FIELDS 2 a 8 newer 8", ":0"),
        ("hmget h a b new newer", "*4 $1 6 $1 7 $1 6 $-1"),
        ("hsetex h FXX FIELDS 1 a 8", ":1"),
        ("httl h FIELDS 1 a", "*1 :-1"),
        ("hgetex h PX 2500 FIELDS 2 a nope", "*2 $1 8 $-1"),
        ("httl h FIELDS 1 a", "*1 :3"),
        ("hset h a 1", ":0"),
        ("httl h FIELDS 1 a", "*1 :-1"),
        ("hgetex h PERSIST FIELDS 1 new", "*1 $1 6"),
        ("httl h FIELDS 1 new", "*1 :-1"),
    ]);
}

#[test]
fn malformed_requests_are_refused_as_redis_does() {
    session_like("8.6").hold_to(&[
        ("httl h nonsense 1 a", "-ERR Mandatory argument FIELDS is missing or not at the right position"),
        ("httl h FIELDS 0 a", "-ERR Number of fields must be a positive integer"),
        ("httl h FIELDS 2 a", "-ERR The `numfields` parameter must match the number of arguments"),
        ("hexpire h 10 FIELDS 0 a", "-ERR Parameter `numFields` should be greater than 0"),
        ("hexpire h 10 FIELDS 2 a", "-ERR wrong number of arguments"),
        // Redis 8.6.2 crashes.
        ("hexpire h 10 FIELDS 2147483647 a", "-ERR wrong number of arguments"),
        ("hexpire h 10 FIELDS 1 a b", "-ERR unknown argument: b"),
        ("hexpire h 10 FIELDS 1 a FIELDS 1 b", "-ERR FIELDS keyword specified multiple times"),
        ("hexpire h 10 NX NX NX", "-ERR missing FIELDS argument"),
        ("hexpire h 10 NX FIELDS 1", "-ERR FIELDS requires at least numfields and one field argument"),
        ("hexpire h -1 nonsense 1 a", "-ERR invalid expire time, must be >= 0"),
        ("hexpire h 70368744177 FIELDS 1 a", "-ERR invalid expire time in 'hexpire' command"),
        ("hpexpireat h 70368744177664 FIELDS 1 a", "-ERR invalid expire time in 'hpexpireat' command"),
        ("hgetex h EX 10 FIELDS", "-ERR wrong number of arguments for 'hgetex' command"),
        ("hgetex h FIELDS 1 a EX", "-ERR missing expire time"),
        ("hgetex h FIELDS x a", "-ERR invalid number of fields"),
        ("hgetex h FNX FIELDS 1 a", "-ERR unknown argument"),
        (
            "hgetex h EX 1 PERSIST FIELDS 1 a",
            "-ERR Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified",
        ),
        (
            "hsetex h EX 1 KEEPTTL FIELDS 1 a 1",
            "-ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified",
        ),
        ("hsetex h FXX FNX FIELDS 1 a 1", "-ERR Only one of FXX or FNX arguments can be specified"),
        ("hsetex h PERSIST FIELDS 1 a 1", "-ERR unknown argument"),
        ("hrandfield h 1 nonsense", "-ERR syntax error"),
        ("hrandfield h 4611686018427387904 WITHVALUES", "-ERR value is out of range"),
        ("hscan h 0 COUNT 0", "-ERR syntax error"),
        ("hscan h 0 TYPE hash", "-ERR syntax error"),
    ]);
}

#[test]
fn digests_depend_on_which_fields_expire() {
    Session::debugging(NOW_MS).hold_to(&[
        ("hset h a 1", ":1"),
        ("debug digest-value h", "*1 +626a7b57a269f8f179a44902458ecb2f5920d35d"),
        ("hpexpireat h 70368744176999 FIELDS 1 a", "*1 :1"),
        ("debug digest-value h", "*1 +ce98eed535a9bd6c62403cf0d79da44325cdc96f"),
        ("hset h b 1 c 2", ":2"),
        ("debug digest-value h", "*1 +1145cb6587b7b33778340006afcbf71786cdc430"),
        ("hpersist h FIELDS 1 a", "*1 :1"),
        ("debug digest-value h", "*1 +bdb75ee71077f6aa63d075f43dd8987bfa20de02"),
    ]);
}

/// An extension.
#[test]
fn fields_drawn_for_one_reply_are_bounded() {
    session().hold_to(&[("hrandfield h -1048577", "-ERR value is out of range")]);
}

#[test]
fn scans_select_by_name() {
    session().hold_to(&[
        ("hset h ab 4", ":1"),
        ("hscan h 0 MATCH a*", "*2 $1 0 *4 $1 a $1 1 $2 ab $1 4"),
        ("hscan h 0 NOVALUES MATCH a* COUNT 1", "*2 $1 0 *2 $1 a $2 ab"),
        ("hscan h 0 MATCH a MATCH b", "*2 $1 0 *2 $1 b $1 2"),
    ]);
}

#[test]
fn large_hashes_are_read_in_all_ways() {
    let mut session = Session::at(NOW_MS);
    let words: String = (0..5000).map(|number| format!(" f{number} {number}")).collect();
    assert_eq!(session.ask(&format!("hset h{words}")), ":5000");
    assert_eq!(session.ask("hgetall h").matches('f').count(), 5000);
    assert_eq!(session.ask("hscan h 0 COUNT 10000 NOVALUES").matches('f').count(), 5000);
    for (count, drawn) in [(5, 5), (4000, 4000), (5001, 5000), (-5, 5), (-4000, 4000), (-6000, 6000)] {
        let reply = session.ask(&format!("hrandfield h {count}"));
        let mut fields: Vec<&str> = reply.split(' ').filter(|word| word.starts_with('f')).collect();
        assert_eq!(fields.len(), drawn, "{count}");
        fields.sort_unstable();
        fields.dedup();
        assert!(count < 0 || fields.len() == drawn, "{count}: some come twice");
    }
}

#[test]
fn resp3_has_maps_pairs_and_one_null() {
    let mut session = session();
    session.ask("hello 3");
    session.hold_to(&[
        ("hgetall h", "%3 $1 a $1 1 $1 b $1 2 $1 c $1 3"),
        ("hgetall nope", "%0"),
        ("hkeys h", "*3 $1 a $1 b $1 c"),
        ("hget h nope", "_"),
        ("hmget h a nope", "*2 $1 1 _"),
        ("hrandfield nope", "_"),
        ("hrandfield h 3 WITHVALUES", "*3 *2 $1 a $1 1 *2 $1 b $1 2 *2 $1 c $1 3"),
        ("hrandfield nope 3 WITHVALUES", "*0"),
        ("hscan h 0", "*2 $1 0 *6 $1 a $1 1 $1 b $1 2 $1 c $1 3"),
        ("hincrbyfloat h a 1.5", "$3 2.5"),
        ("hgetdel h FIELDS 2 b nope", "*2 $1 2 _"),
    ]);
}

#[test]
fn only_changes_are_logged() {
    let mut session = session();
    let before = session.server.keyspace.journal().changes();
    for unchanging in [
        "hdel h nope",
        "hdel nope a",
        "hsetnx h a 1",
        "hset h a",
        "hincrby h a x",
        "hset h a 1 b",
        "hincrbyfloat h a x",
        "hexpire h 10 FIELDS 1 nope",
        "hexpire h 10 XX FIELDS 1 a",
        "hpersist h FIELDS 2 a nope",
        "hgetdel h FIELDS 1 nope",
        "hgetex h FIELDS 1 a",
        "hgetex h PERSIST FIELDS 1 a",
        "hgetex h EX 9 FIELDS 1 nope",
        "hsetex h FNX FIELDS 1 a 1",
        "hsetex h PXAT 1 FIELDS 1 nope 1",
        "hexpire nope 10 FIELDS 1 a",
    ] {
        session.ask(unchanging);
        assert_eq!(session.server.keyspace.journal().changes(), before, "{unchanging}");
    }
    let changing = [
        "hset h a 1",
        "hmset h a 1",
        "hsetnx h new 1",
        "hincrby h a 0",
        "hincrbyfloat h a 0",
        "hexpire h 10 FIELDS 2 a a",
        "hpersist h FIELDS 1 a",
        "hgetex h EX 9 FIELDS 2 a b",
        "hgetdel h FIELDS 1 new",
        "hsetex h KEEPTTL FIELDS 1 b 1",
        "hsetex h PXAT 1 FIELDS 1 a 1",
        "hexpire h 0 FIELDS 1 b",
        "hdel h c",
    ];
    for (done, request) in (1..).zip(changing) {
        session.ask(request);
        assert_eq!(session.server.keyspace.journal().changes(), before + done, "{request}");
    }
    assert_eq!(session.ask("exists h"), ":0");
}

/// As Redis 8.6.2 logs it, but without conditions that were true.
#[test]
fn logged_commands_have_the_same_effect_later() {
    session().streaming().hold_stream_to(&[
        ("hexpire h 100 FIELDS 2 a nope", "SELECT 0 | HPEXPIREAT h 1790000100000 FIELDS 1 a"),
        ("hpexpire h 5 NX FIELDS 3 b a c", "HPEXPIREAT h 1790000000005 FIELDS 2 b c"),
        ("hexpireat h 1790000001 NX FIELDS 1 a", ""),
        ("hpexpireat h 5 FIELDS 2 a nope", "HDEL h a"),
        ("hpersist h FIELDS 2 b nope", "hpersist h FIELDS 2 b nope"),
        ("hpersist h FIELDS 1 b", ""),
        ("hgetex h FIELDS 1 b", ""),
        ("hgetex h EX 100 FIELDS 2 b nope", "HPEXPIREAT h 1790000100000 FIELDS 2 b nope"),
        ("hgetex h PERSIST FIELDS 2 b nope", "HPERSIST h FIELDS 2 b nope"),
        ("hgetex h PXAT 5 FIELDS 1 b", "HDEL h b"),
        ("hsetex h FNX EX 100 FIELDS 2 x 1 y 2", "HSETEX h PXAT 1790000100000 FIELDS 2 x 1 y 2"),
        ("hsetex h FNX EX 100 FIELDS 2 x 1 z 2", ""),
        ("hsetex h KEEPTTL FIELDS 1 x 3", "hsetex h KEEPTTL FIELDS 1 x 3"),
        ("hsetex h EXAT 1 FIELDS 2 x 1 nope 2", "HDEL h x nope"),
        ("hincrby h n 5", "hincrby h n 5"),
        ("hincrbyfloat h n 1.5", "HSETEX h KEEPTTL FIELDS 1 n 6.5"),
        ("hgetdel h FIELDS 2 n nope", "HDEL h n nope"),
        ("hdel h nope", ""),
        ("hsetnx h m 1", "hsetnx h m 1"),
    ]);
}

#[test]
fn expired_fields_are_logged() {
    let mut session = Session::at(NOW_MS).streaming();
    session.hold_stream_to(&[
        ("hset h a 1 b 2 c 3", "SELECT 0 | hset h a 1 b 2 c 3"),
        ("hset g a 1", "hset g a 1"),
        ("hpexpire h 1 FIELDS 2 a b", "HPEXPIREAT h 1790000000001 FIELDS 2 a b"),
        ("hpexpire g 1 FIELDS 1 a", "HPEXPIREAT g 1790000000001 FIELDS 1 a"),
    ]);
    session.advance(2);
    session.hold_stream_to(&[
        ("hincrby h a 5", "HDEL h b a | hincrby h a 5"),
        ("hset g x 1", "DEL g | hset g x 1"),
        ("hpexpire h 1 FIELDS 2 a c", "HPEXPIREAT h 1790000000003 FIELDS 2 a c"),
    ]);
    session.advance(2);
    session.server.keyspace.db(0).expire_cycle(10);
    session.hold_stream_to(&[("exists h", "DEL h")]);
}

/// There are more expired fields than a lookup removes, which is one here. The others cannot be
/// read, but are still in memory.
#[test]
fn expired_fields_that_are_replaced_are_logged() {
    let few = Settings { hash_max_listpack_entries: 1, ..Settings::defaults() };
    let mut session = Session::with(few, NOW_MS).streaming();
    session.ask("hset h a 1 b 2 c 3 d 4 e 5");
    session.ask("hpexpire h 1 FIELDS 2 a b");
    session.ask("hpexpire h 2 FIELDS 2 c d");
    session.stream();
    session.advance(3);
    session.hold_stream_to(&[
        ("hsetnx h c 1", "HDEL h a | HDEL h b | HDEL h c | hsetnx h c 1"),
        ("hset h e 6", "HDEL h d | hset h e 6"),
        ("hpexpire h 1 FIELDS 2 c e", "HPEXPIREAT h 1790000000004 FIELDS 2 c e"),
        ("hset h f 7 a 1 b 2", "hset h f 7 a 1 b 2"),
        ("hpexpire h 1 FIELDS 2 a b", "HPEXPIREAT h 1790000000004 FIELDS 2 a b"),
    ]);
    session.advance(2);
    session.hold_stream_to(&[("hdel h f", "HDEL h e | HDEL h b | DEL h | hdel h f")]);
}

#[test]
fn hashes_of_a_fieldset_have_its_fields_in_order() {
    let mut session = Session::like_redis("8.10", NOW_MS);
    session.hold_to(&[
        ("himport prepare people name email age", "+OK"),
        ("himport set k people v w 1", "+OK"),
        ("hgetall k", "*6 $3 age $1 1 $4 name $1 v $5 email $1 w"),
        ("himport set k people v w", "-ERR value count does not match fieldset field count"),
        ("himport set k none v w 1", "-ERR no such fieldset"),
        ("himport prepare people a a", "-ERR duplicate field name in fieldset"),
        ("expire k 100", ":1"),
        ("himport set k people x y 2", "+OK"),
        ("ttl k", ":-1"),
        ("himport prepare people a", "+OK"),
        ("himport set k people 7", "+OK"),
        ("hgetall k", "*2 $1 a $1 7"),
        ("set s x", "+OK"),
        ("himport set s people 1", WRONG_TYPE),
        ("himport set s none 1", WRONG_TYPE),
        ("himport discard people", ":1"),
        ("himport discard people", ":0"),
        ("himport set k people 7", "-ERR no such fieldset"),
    ]);
}

#[test]
fn fieldsets_are_of_one_connection_until_reset_and_their_bytes_are_bounded() {
    let mut session = Session::like_redis("8.10", NOW_MS);
    session.hold_to(&[("himport prepare a f", "+OK"), ("himport prepare b f g", "+OK")]);
    let mut other = session.connect();
    assert_eq!(session.ask_as(&mut other, "himport set k a 1"), "-ERR no such fieldset");
    let bytes = || session.client.info.fieldset_bytes.load(Ordering::Relaxed);
    let before = bytes();
    assert!(before > 0);
    session.hold_to(&[
        ("himport prepare b g f", "+OK"),
        ("reset", "+RESET"),
        ("himport set k a 1", "-ERR no such fieldset"),
        ("himport discardall", ":0"),
    ]);
    assert_eq!(session.client.info.fieldset_bytes.load(Ordering::Relaxed), 0);
    let settings = Settings { client_query_buffer_limit: 300, compat: "8.10", ..Settings::defaults() };
    let mut session = Session::with(settings, NOW_MS);
    session.hold_to(&[
        ("himport prepare a f", "+OK"),
        ("himport prepare a g", "+OK"),
        (
            "himport prepare b f g h i j k l m",
            "-ERR too many fieldsets: they exceed client-query-buffer-limit",
        ),
        ("himport set k a 1", "+OK"),
        ("himport discardall", ":1"),
    ]);
}

#[test]
fn himport_is_unknown_in_a_release_without_it() {
    let mut session = Session::like_redis("8.6", NOW_MS);
    let reply = session.ask("himport prepare a f");
    assert!(reply.starts_with("-ERR unknown command 'himport'"), "{reply}");
}

/// Replies of Redis 8.10.2, which checks the words in order.
#[test]
fn options_of_the_other_command_are_unknown_in_8_10() {
    let unknown = |word: &str| format!("-ERR unknown argument: {word}");
    let mut session = Session::like_redis("8.10", NOW_MS);
    for (line, word) in [
        ("hgetex h FNX FIELDS 1 a", "FNX"),
        ("hgetex h EX 10 fxx", "fxx"),
        ("hgetex h PERSIST KEEPTTL FIELDS 0", "KEEPTTL"),
        ("hsetex h FNX PERSIST FIELDS x", "PERSIST"),
        ("hsetex h persist EX 10 FIELDS 1 a 1", "persist"),
    ] {
        assert_eq!(session.ask(line), unknown(word), "{line}");
    }
}
