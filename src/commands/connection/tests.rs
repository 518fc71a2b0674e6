//! Tests of the commands about connections; the expected replies are those of Redis.

use crate::commands::testing::Session;

fn session() -> Session {
    Session::at(1_790_000_000_000)
}

#[test]
fn pauses_are_given_in_milliseconds() {
    session().hold_to(&[
        ("client pause x", "-ERR timeout is not an integer or out of range"),
        ("client pause -1", "-ERR timeout is negative"),
        ("client pause 9223372036854775807", "-ERR timeout is out of range"),
        ("client pause x nonsense", "-ERR CLIENT PAUSE mode must be WRITE or ALL"),
        (
            "client pause 1 write x",
            "-ERR unknown subcommand or wrong number of arguments for 'pause'. Try CLIENT HELP.",
        ),
        ("client pause 0 all", "+OK"),
        ("client unpause", "+OK"),
    ]);
}

#[test]
fn unblock_finds_no_blocked_client() {
    session().hold_to(&[
        ("client unblock 1", ":0"),
        ("client unblock 1 timeout", ":0"),
        ("client unblock x", "-ERR value is not an integer or out of range"),
        ("client unblock x nonsense", "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"),
    ]);
}

#[test]
fn a_monitor_gets_commands_until_it_is_reset() {
    session().hold_to(&[
        ("set a 1", "+OK"),
        ("monitor", "+OK"),
        ("monitor", ""),
        ("get a", "-ERR Replica can't interact with the keyspace"),
        ("ping", "+PONG"),
        ("reset", "+RESET"),
        ("get a", "$1 1"),
        ("multi", "+OK"),
        ("monitor", "+QUEUED"),
        ("exec", "*1 -ERR MONITOR isn't allowed for DENY BLOCKING client"),
    ]);
}

#[test]
fn flags_show_the_state_of_a_client() {
    let mut session = session();
    session.hold_to(&[("client no-touch on", "+OK"), ("client no-evict on", "+OK")]);
    assert!(session.ask("client info").contains(" flags=eT "));
    session.hold_to(&[("monitor", "+OK")]);
    assert!(session.ask("client info").contains(" flags=OeT "));
    session.hold_to(&[("reset", "+RESET")]);
    assert!(session.ask("client info").contains(" flags=N "));
}
