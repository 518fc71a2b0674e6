//! The expected replies are those of Redis 8.6.2 to the same requests.

use crate::commands::Client;
use crate::commands::client::Unblock;
use crate::commands::testing::Session;
use crate::resp::Request;

const NOW_MS: i64 = 1_790_000_000_000;

fn request(line: &str) -> Request {
    Request::from_args(&line.split(' ').collect::<Vec<_>>())
}

fn id(client: &Client) -> u64 {
    client.info.id
}

#[test]
fn wrong_requests_are_refused_and_others_have_a_reply_when_they_run() {
    Session::at(NOW_MS).hold_to(&[
        ("waitaof 0 0 1", "*2 :0 :0"),
        ("set a b", "+OK"),
        ("waitaof 0 0 1", "*2 :0 :0"),
        ("waitaof 1 0 1", "-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."),
        ("waitaof 2 0 1", "-ERR value is out of range, value must between 0 and 1"),
        ("waitaof -1 0 1", "-ERR value is out of range, value must between 0 and 1"),
        ("waitaof x 0 1", "-ERR value is not an integer or out of range"),
        ("waitaof 0 x 1", "-ERR value is out of range, must be positive"),
        ("waitaof 0 -1 1", "-ERR value is out of range, must be positive"),
        ("waitaof 0 1 -1", "-ERR timeout is negative"),
        ("waitaof 0 1 x", "-ERR timeout is not an integer or out of range"),
        ("waitaof 0 1 1.5", "-ERR timeout is not an integer or out of range"),
        ("waitaof 0 1 1", "*2 :0 :0"),
        ("waitaof 0 0", "-ERR wrong number of arguments for 'waitaof' command"),
        ("wait 0 0", ":0"),
        ("wait 1 1", ":0"),
        ("wait -1 1", ":0"),
        ("wait x 1", "-ERR value is not an integer or out of range"),
        ("wait 1 -1", "-ERR timeout is negative"),
        ("wait 1 x", "-ERR timeout is not an integer or out of range"),
        ("wait -1 x", "-ERR timeout is not an integer or out of range"),
        ("wait 1 9223372036854775807", "-ERR timeout is out of range"),
        ("wait 1", "-ERR wrong number of arguments for 'wait' command"),
        ("multi", "+OK"),
        ("wait 1 0", "+QUEUED"),
        ("waitaof 0 1 0", "+QUEUED"),
        ("waitaof 1 0 0", "+QUEUED"),
        (
            "exec",
            "*3 :0 *2 :0 :0 -ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
        ),
    ]);
}

#[test]
fn only_what_is_not_there_yet_is_waited_for() {
    let mut session = Session::at(NOW_MS);
    for (line, waits) in [
        ("wait 0 0", false),
        ("wait -1 0", false),
        ("wait 1 x", false),
        ("wait x 1", false),
        ("waitaof 0 0 0", false),
        ("waitaof 1 0 0", false),
        ("waitaof 1 1 0", false),
        ("waitaof 0 1 0", true),
        ("wait 1 0", true),
        ("wait 1 1000000", true),
    ] {
        assert_eq!(session.is_held(&request(line)), waits, "{line}");
        session.client.end_wait();
    }
    session.ask("multi");
    assert!(!session.is_held(&request("wait 1 0")), "it is queued");
    assert_eq!(session.ask("wait 1 0"), "+QUEUED");
    assert!(!session.is_held(&request("exec")));
    assert_eq!(session.ask("exec"), "*1 :0");
}

#[test]
fn a_wait_is_ended_by_another_client() {
    let mut session = Session::at(NOW_MS);
    let mut other = session.connect();
    let waiting = id(&session.client);
    let mut unblock =
        |session: &Session, how: &str| session.ask_as(&mut other, &format!("client unblock {waiting}{how}"));
    assert_eq!(unblock(&session, ""), ":0");
    assert!(session.is_held(&request("wait 1 0")));
    assert_eq!(unblock(&session, " error"), ":1");
    assert_eq!(unblock(&session, " timeout"), ":0", "its wait has ended");
    assert!(!session.is_held(&request("wait 1 0")));
    assert_eq!(session.ask("wait 1 0"), "-UNBLOCKED client unblocked via CLIENT UNBLOCK");
    assert!(session.is_held(&request("wait 1 0")), "it is another wait");
    assert!(session.client.info.unblock(Unblock::Timeout));
    assert_eq!(session.ask("wait 1 0"), ":0");
    assert_eq!(unblock(&session, ""), ":0");
}
