//! Tests of the commands for operators; the expected replies are those of Redis.

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
fn an_entry_has_seven_parts_and_no_secret() {
    let mut session = session();
    session.hold_to(&[
        ("config set slowlog-log-slower-than 0", "+OK"),
        ("client setname me", "+OK"),
        ("auth default secret", "+OK"),
    ]);
    let entry = session.ask("slowlog get 1");
    assert!(entry.starts_with("*1 *7 :2 :"), "{entry}");
    assert!(entry.ends_with(" *3 $4 auth $10 (redacted) $10 (redacted) $0  $2 me :3"), "{entry}");
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

/// Replies of Redis 8.10.2.
#[test]
fn the_slow_log_of_8_10_counts_arguments_and_calls() {
    let mut session = Session::like_redis("8.10", 1_000);
    session.hold_to(&[
        ("config set slowlog-entry-max-argc 4 slowlog-entry-max-string-len 5", "+OK"),
        ("config set slowlog-log-slower-than 0", "+OK"),
        ("mset a long-one c d e f", "+OK"),
    ]);
    let entry = session.ask("slowlog get 1");
    let arguments = "*4 $4 mset $1 a $23 long-... (3 more bytes) $22 ... (4 more arguments)";
    assert!(entry.starts_with("*1 *7 ") && entry.contains(arguments) && entry.ends_with(" :7"), "{entry}");
    session.hold_to(&[("config set slowlog-log-slower-than -1", "+OK")]);
    let statistics = session.ask("info stats commandstats");
    for field in
        ["slowlog_commands_count:3", "cmdstat_mset:calls=1,", ",slowlog_count=1,slowlog_time_ms_sum="]
    {
        assert!(statistics.contains(field), "{field}: {statistics}");
    }
    session.hold_to(&[("config resetstat", "+OK")]);
    assert!(session.ask("info stats").contains("slowlog_commands_count:0 "));
}

#[test]
fn the_slow_log_of_8_6_has_neither() {
    let mut session = Session::like_redis("8.6", 1_000);
    session.hold_to(&[("config set slowlog-log-slower-than 0", "+OK"), ("get a", "$-1")]);
    assert!(session.ask("slowlog get 1").starts_with("*1 *6 "));
    let statistics = session.ask("info stats commandstats");
    assert!(!statistics.contains("slowlog_co"), "{statistics}");
}

#[test]
fn clients_see_the_version_of_the_chosen_release() {
    for (release, version) in [("8.6", "8.6.2"), ("8.10", "8.10.2")] {
        let mut session = Session::like_redis(release, 1_000);
        for (command, text) in [
            ("hello", format!("$7 version ${} {version} ", version.len())),
            ("info server", format!("redis_version:{version} ")),
            ("lolwut", format!("Redis ver. {version}")),
        ] {
            let reply = session.ask(command);
            assert!(reply.contains(&text), "{command}: {reply}");
        }
    }
}

#[test]
fn the_release_cannot_change_at_run_time() {
    let mut session = Session::at(1_000);
    let refused = session.ask("config set compat 8.6");
    assert!(refused.contains("can't set immutable config"), "{refused}");
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

/// Replies of Redis 8.6.2: which error `HOTKEYS START` has.
#[test]
fn words_of_hotkeys() {
    let syntax = "-ERR syntax error";
    let no_count = "-ERR COUNT must be between 1 and 64";
    let no_duration = "-ERR DURATION must be between 1 and 1000000";
    session().hold_to(&[
        ("hotkeys get", "$-1"),
        ("hotkeys stop", "$-1"),
        ("hotkeys reset", "+OK"),
        ("hotkeys start", "-ERR METRICS parameter is required"),
        ("hotkeys start metrics", "-ERR METRICS parameter is required"),
        ("hotkeys start count 5", "-ERR METRICS parameter is required"),
        ("hotkeys start metrics 1", "-ERR METRICS count does not match number of metric types provided"),
        ("hotkeys start metrics 2 cpu", "-ERR METRICS count does not match number of metric types provided"),
        ("hotkeys start metrics 0", "-ERR METRICS count must be > 0 and <= 2"),
        ("hotkeys start metrics x cpu", "-ERR METRICS count must be > 0 and <= 2"),
        ("hotkeys start metrics 3 cpu net cpu", "-ERR METRICS count must be > 0 and <= 2"),
        ("hotkeys start metrics 2 cpu cpu", "-ERR METRICS CPU defined more than once!"),
        ("hotkeys start metrics 1 foo", "-ERR METRICS no valid metrics passed. Supported: CPU|NET"),
        ("hotkeys start metrics 1 cpu net", syntax),
        ("hotkeys start metrics 1 cpu count", syntax),
        ("hotkeys start metrics 1 cpu count 0", no_count),
        ("hotkeys start metrics 1 cpu count 65", no_count),
        ("hotkeys start metrics 1 cpu count x", no_count),
        ("hotkeys start metrics 1 cpu duration 0", no_duration),
        ("hotkeys start metrics 1 cpu duration 1000001", no_duration),
        ("hotkeys start metrics 1 cpu sample 0", "-ERR SAMPLE ratio must be positive"),
        ("hotkeys start metrics 1 cpu slots 1 5", "-ERR SLOTS parameter cannot be used in non-cluster mode"),
        ("hotkeys get", "$-1"),
        ("hotkeys start metrics 2 cpu foo count 64 duration 1000000", "+OK"),
        ("hotkeys start", "-ERR hotkey tracking session already in progress"),
        ("hotkeys reset", "-ERR hotkey tracking session in progress, stop tracking first"),
        ("hotkeys stop", "+OK"),
        ("hotkeys stop", "$-1"),
        ("hotkeys reset", "+OK"),
        ("hotkeys foo", "-ERR unknown subcommand 'foo'. Try HOTKEYS HELP."),
    ]);
}

#[test]
fn hotkeys_count_the_bytes_of_keys() {
    let mut session = session();
    session.hold_to(&[
        ("set before x", "+OK"),
        ("hotkeys start metrics 1 net count 2", "+OK"),
        ("ping", "+PONG"),
        ("set a 1", "+OK"),
        ("get a", "$1 1"),
        ("mget b c", "*2 $-1 $-1"),
        ("get b", "$-1"),
        ("hotkeys stop", "+OK"),
        ("get a", "$1 1"),
    ]);
    // SET 27 + 5, GET 20 + 7; MGET 28 + 14 shared by two, GET 20 + 5.
    let shown = session.ask("hotkeys get");
    assert!(shown.contains("$12 by-net-bytes *4 $1 a :59 $1 b :46"), "{shown}");
    assert!(shown.contains("$32 net-bytes-all-commands-all-slots :126 "), "{shown}");
    assert!(shown.starts_with("*1 *18 $15 tracking-active :0 $12 sample-ratio :1 "), "{shown}");
    assert!(session.ask("info hotkeys").contains("hotkeys-tracking-active:0"));
}
