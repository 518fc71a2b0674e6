//! What operators ask, as Redis answers.

use crate::commands::testing::Session;

fn session() -> Session {
    Session::at(1_790_000_000_000)
}

#[test]
fn slow_commands_are_counted_trimmed_and_forgotten() {
    let mut session = session();
    session.hold_to(&[
        ("slowlog get", "*0"),
        ("config set slowlog-log-slower-than 0 slowlog-max-len 2", "+OK"),
        ("get a", "$-1"),
        ("slowlog len", ":2"),
        ("ping", "+PONG"),
        ("slowlog len", ":2"),
        ("slowlog get x", "-ERR count should be greater than or equal to -1"),
        ("slowlog get -2", "-ERR count should be greater than or equal to -1"),
        (
            "slowlog get 1 2",
            "-ERR unknown subcommand or wrong number of arguments for 'get'. Try SLOWLOG HELP.",
        ),
        ("config set slowlog-log-slower-than -1", "+OK"),
        ("slowlog reset", "+OK"),
        ("slowlog len", ":0"),
    ]);
}

#[test]
fn an_entry_has_six_parts_and_no_secret() {
    let mut session = session();
    session.hold_to(&[
        ("config set slowlog-log-slower-than 0", "+OK"),
        ("client setname me", "+OK"),
        ("auth default secret", "+OK"),
    ]);
    let entry = session.ask("slowlog get 1");
    assert!(entry.starts_with("*1 *6 :2 :"), "{entry}");
    assert!(entry.ends_with(" *3 $4 auth $10 (redacted) $10 (redacted) $0  $2 me"), "{entry}");
}

#[test]
fn latency_without_samples() {
    session().hold_to(&[
        ("latency latest", "*0"),
        ("latency history command", "*0"),
        ("latency graph command", "-ERR No samples available for event 'command'"),
        ("latency reset", ":0"),
        ("latency reset command nonsense", ":0"),
        ("latency histogram nonsense", "*0"),
        ("latency nonsense", "-ERR unknown subcommand 'nonsense'. Try LATENCY HELP."),
    ]);
}

#[test]
fn calls_are_counted_by_their_times_unless_that_is_off() {
    let mut session = session();
    session.hold_to(&[("get a", "$-1"), ("get b", "$-1")]);
    let histogram = session.ask("latency histogram get nonsense");
    assert!(histogram.starts_with("*2 $3 get *4 $5 calls :2 $14 histogram_usec *"), "{histogram}");
    session.hold_to(&[
        ("config resetstat", "+OK"),
        ("config set latency-tracking no", "+OK"),
        ("get a", "$-1"),
        ("latency histogram get", "*0"),
    ]);
}

#[test]
fn the_rest_is_as_redis_has_it() {
    Session::debugging(1_790_000_000_000).hold_to(&[
        ("role", "*3 $6 master :0 *0"),
        ("debug error WRONGTYPE", "-WRONGTYPE"),
        ("debug log hello", "+OK"),
        ("debug sleep x", "+OK"),
        ("debug set-active-expire 0", "+OK"),
        ("debug set-active-expire 1", "+OK"),
        ("debug nope", "-ERR unknown subcommand or wrong number of arguments for 'nope'. Try DEBUG HELP."),
        ("shutdown abort", "-ERR No shutdown in progress."),
        ("shutdown abort now", "-ERR syntax error"),
        ("lolwut version x", "-ERR value is not an integer or out of range"),
    ]);
}
