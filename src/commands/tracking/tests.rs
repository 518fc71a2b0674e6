//! Tracking as clients see it, without sockets.

use crate::commands::Client;
use crate::commands::testing::Session;
use crate::config::Settings;
use crate::resp::Encoded;

fn session() -> Session {
    Session::at(1_000_000)
}

/// What is pushed to a client, with blanks in place of line ends.
fn pushed(client: &Client) -> String {
    let mut out = Encoded::default();
    client.info.take_pushes(usize::MAX, &mut out);
    String::from_utf8_lossy(&out.to_vec()).trim_end().replace("\r\n", " ")
}

fn changed(keys: &[&str]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| format!(" ${} {key}", key.len())).collect();
    format!(">2 $10 invalidate *{}{}", keys.len(), keys.concat())
}

/// A client of RESP3 that tracks with these options.
fn tracker(session: &Session, options: &str) -> Client {
    let mut client = session.connect();
    session.ask_as(&mut client, "hello 3");
    assert_eq!(session.ask_as(&mut client, format!("client tracking on {options}").trim()), "+OK");
    client
}

#[test]
fn a_key_that_was_read_is_named_once_when_it_changes() {
    let mut session = session();
    let mut reader = tracker(&session, "");
    for read in ["get k", "strlen k", "exists k", "ttl k", "mget x k"] {
        session.ask_as(&mut reader, read);
        session.ask("set k v");
        assert_eq!(pushed(&reader), changed(&["k"]), "{read}");
        session.ask("set k w");
        assert_eq!(pushed(&reader), "", "it is read again first");
    }
    assert_eq!((session.server.tracking.keys(), session.server.tracking.items()), (1, 1));
    session.ask("set x v");
    assert_eq!(pushed(&reader), changed(&["x"]));
}

#[test]
fn every_kind_of_change_is_told() {
    let mut session = session();
    let mut reader = tracker(&session, "");
    session.ask("set k v ex 100");
    session.ask("set l v");
    for (write, keys) in [
        ("expire k 100", vec!["k"]),
        ("persist k", vec!["k"]),
        ("append k x", vec!["k"]),
        ("rename k l", vec!["k", "l"]),
        ("copy l k replace", vec!["k"]),
        ("move k 1", vec!["k"]),
        ("del l nope", vec!["l"]),
        ("hset h f 1", vec!["h"]),
        ("hpexpire h 100 fields 1 f", vec!["h"]),
        ("VADD v VALUES 2 1 0 e", vec!["v"]),
        ("VADD v VALUES 2 0 1 e", vec!["v"]),
        ("VSETATTR v e {}", vec!["v"]),
        ("VREM v e", vec!["v"]),
        ("mset k 1 l 2", vec!["k", "l"]),
    ] {
        for key in ["k", "l", "h", "v", "nope"] {
            session.ask_as(&mut reader, &format!("type {key}"));
        }
        session.ask(write);
        let expected: Vec<String> = keys.iter().map(|key| changed(&[key])).collect();
        assert_eq!(pushed(&reader), expected.join(" "), "{write}");
        session.ask("set k v ex 100");
        session.ask("set l v");
        pushed(&reader);
    }
    session.ask("set k v px 10");
    session.ask_as(&mut reader, "get k");
    session.advance(100);
    session.ask("get k");
    assert_eq!(pushed(&reader), changed(&["k"]), "it has expired");
    for flush in ["flushall", "flushdb", "swapdb 0 1"] {
        session.ask_as(&mut reader, "get k");
        session.ask(flush);
        assert_eq!(pushed(&reader), ">2 $10 invalidate _", "{flush}");
        assert_eq!(session.server.tracking.keys(), 0);
    }
}

#[test]
fn searches_read_the_keys_of_their_sets() {
    let mut session = session();
    let mut reader = tracker(&session, "");
    for read in ["VSIM v ELE e", "VSEARCH v ELE e", "VCARD v", "VEMB v e", "VSEARCH w ELE e ALSO 1 v"] {
        session.ask("VADD v VALUES 2 1 0 e");
        pushed(&reader);
        session.ask_as(&mut reader, read);
        session.ask("VADD v VALUES 2 0 1 f");
        assert_eq!(pushed(&reader), changed(&["v"]), "{read}");
        session.ask("del v");
    }
}

#[test]
fn noloop_leaves_out_what_the_client_changes_itself() {
    let mut session = session();
    let mut own = tracker(&session, "noloop");
    session.ask_as(&mut own, "get k");
    session.ask_as(&mut own, "set k v");
    assert_eq!(pushed(&own), "");
    session.ask("set k w");
    assert_eq!(pushed(&own), "", "its own change has ended it");
    session.ask_as(&mut own, "set k v px 10");
    session.ask_as(&mut own, "get k");
    session.advance(100);
    session.ask_as(&mut own, "get k");
    assert_eq!(pushed(&own), changed(&["k"]), "time has changed it");
    let mut loops = tracker(&session, "");
    session.ask_as(&mut loops, "get k");
    session.ask_as(&mut loops, "set k v");
    assert_eq!(pushed(&loops), changed(&["k"]));
}

#[test]
fn broadcasts_have_all_keys_of_a_command_in_order() {
    let mut session = session();
    let mut all = tracker(&session, "bcast");
    let mut some = tracker(&session, "bcast prefix x prefix y noloop");
    session.ask("mset y1 1 x1 1 x0 2 z 2 x1 3");
    assert_eq!(pushed(&all), changed(&["x0", "x1", "y1", "z"]));
    assert_eq!(pushed(&some), format!("{} {}", changed(&["x0", "x1"]), changed(&["y1"])));
    session.ask_as(&mut some, "mset x1 1 z 2");
    assert_eq!((pushed(&all), pushed(&some)), (changed(&["x1", "z"]), String::new()));
    for queued in ["multi", "set x1 1", "del z", "exec"] {
        session.ask(queued);
    }
    assert_eq!((pushed(&all), pushed(&some)), (changed(&["x1", "z"]), changed(&["x1"])));
    assert_eq!(session.server.tracking.prefixes(), 3);
    session.ask_as(&mut all, "client tracking off");
    session.ask_as(&mut some, "reset");
    session.ask("set x1 5");
    assert_eq!((pushed(&all), pushed(&some)), (String::new(), String::new()));
    assert_eq!((session.server.tracking.prefixes(), session.server.tracking.clients()), (0, 0));
}

#[test]
fn many_keys_of_one_command_are_told_in_parts() {
    let mut session = session();
    let all = tracker(&session, "bcast");
    let keys: Vec<String> = (0..3_000).map(|number| format!("{number:04} v")).collect();
    session.ask(&format!("mset {}", keys.join(" ")));
    let told = pushed(&all);
    assert_eq!(told.matches("invalidate").count(), 3_000usize.div_ceil(super::MAX_PENDING));
    assert!(keys.iter().all(|key| told.contains(&key[..4])));
}

#[test]
fn optin_and_optout_are_for_one_command_or_transaction() {
    let mut session = session();
    let mut client = tracker(&session, "optin");
    let is_told = |session: &mut Session, client: &mut Client, requests: &[&str]| {
        requests.iter().for_each(|request| _ = session.ask_as(client, request));
        session.ask("set k v");
        !pushed(client).is_empty()
    };
    assert!(!is_told(&mut session, &mut client, &["get k"]));
    assert!(is_told(&mut session, &mut client, &["client caching yes", "get k"]));
    assert!(is_told(&mut session, &mut client, &["client caching yes", "client id", "get k"]));
    assert!(!is_told(&mut session, &mut client, &["client caching yes", "ping", "get k"]));
    assert!(is_told(&mut session, &mut client, &["client caching yes", "multi", "get k", "exec"]));
    assert!(!is_told(&mut session, &mut client, &["get k"]));
    let mut client = tracker(&session, "optout");
    assert!(is_told(&mut session, &mut client, &["get k"]));
    assert!(!is_told(&mut session, &mut client, &["client caching no", "get k"]));
    assert!(is_told(&mut session, &mut client, &["get k"]));
}

#[test]
fn messages_go_to_another_connection() {
    let mut session = session();
    let mut target = session.connect();
    let id = target.info.id;
    let mut client = session.connect();
    assert_eq!(session.ask_as(&mut client, &format!("client tracking on redirect {id}")), "+OK");
    let told = |session: &mut Session, client: &mut Client, target: &Client| {
        session.ask_as(client, "get k");
        session.ask("set k v");
        pushed(target)
    };
    assert_eq!(told(&mut session, &mut client, &target), "", "it has not subscribed");
    session.ask_as(&mut target, "subscribe __redis__:invalidate");
    let expected = "*3 $7 message $20 __redis__:invalidate *1 $1 k";
    assert_eq!(told(&mut session, &mut client, &target), expected);
    session.ask("flushall");
    assert_eq!(pushed(&target), "*3 $7 message $20 __redis__:invalidate $-1");
    session.ask_as(&mut target, "reset");
    session.ask_as(&mut target, "hello 3");
    assert_eq!(told(&mut session, &mut client, &target), changed(&["k"]));
    session.ask_as(&mut client, "get k");
    session.ask("set k v");
    session.ask_as(&mut target, "hello 2");
    assert_eq!(pushed(&target), "", "RESP2 has no such messages");
    session.server.clients.leave(id);
    assert_eq!(told(&mut session, &mut client, &target), "");
    let shown = format!("*6 $5 flags *2 $2 on $15 broken_redirect $8 redirect :{id} $8 prefixes *0");
    assert_eq!(session.ask_as(&mut client, "client trackinginfo"), shown);
    assert!(session.ask_as(&mut client, "client info").contains(" flags=tR "));
    session.ask_as(&mut client, "hello 3");
    session.ask_as(&mut client, "get k");
    session.ask("set k v");
    assert_eq!(pushed(&client), format!(">2 $21 tracking-redir-broken :{id}"));
}

#[test]
fn the_table_forgets_keys_beyond_its_limit_and_says_so() {
    let settings = Settings { tracking_table_max_keys: 10, ..Settings::defaults() };
    let session = Session::with(settings, 1_000_000);
    let mut reader = tracker(&session, "");
    for number in 0..100 {
        session.ask_as(&mut reader, &format!("get {number}"));
    }
    assert_eq!(session.server.tracking.keys(), 10);
    assert_eq!(pushed(&reader).matches("invalidate").count(), 90);
    let mut readers: Vec<Client> = (0..400).map(|_| tracker(&session, "")).collect();
    for reader in &mut readers {
        session.ask_as(reader, "mget a b c");
    }
    assert!(session.server.tracking.items() <= 10 * super::READERS_PER_KEY);
    drop((reader, readers));
    let tracking = &session.server.tracking;
    assert_eq!((tracking.clients(), tracking.keys(), tracking.items()), (0, 0, 0));
}

#[test]
fn modes_cannot_be_changed_while_tracking_is_on() {
    let mut session = session();
    session.hold_to(&[
        ("client tracking maybe", "-ERR syntax error"),
        ("client tracking on redirect", "-ERR syntax error"),
        ("client tracking on redirect 99", "-ERR The client ID you want redirect to does not exist"),
        ("client tracking on redirect -1", "-ERR The client ID you want redirect to does not exist"),
        ("client tracking on prefix a", "-ERR PREFIX option requires BCAST mode to be enabled"),
        ("client tracking on optin optout", "-ERR You can't specify both OPTIN mode and OPTOUT mode"),
        ("client tracking on bcast optin", "-ERR OPTIN and OPTOUT are not compatible with BCAST"),
        (
            "client tracking on bcast prefix ab prefix a",
            "-ERR Prefix 'ab' overlaps with another provided prefix 'a'. Prefixes for a single client must not \
             overlap.",
        ),
        ("client trackinginfo", "*6 $5 flags *1 $3 off $8 redirect :-1 $8 prefixes *0"),
        ("client tracking on bcast prefix a prefix b", "+OK"),
        (
            "client tracking on bcast prefix ax",
            "-ERR Prefix 'ax' overlaps with an existing prefix 'a'. Prefixes for a single client must not overlap.",
        ),
        ("client tracking on bcast", "+OK"),
        ("client trackinginfo", "*6 $5 flags *2 $2 on $5 bcast $8 redirect :0 $8 prefixes *3 $0  $1 a $1 b"),
        ("client getredir", ":0"),
        ("client tracking off", "+OK"),
        ("client getredir", ":-1"),
        (
            "client caching yes",
            "-ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode \
             enabled",
        ),
        ("client tracking on optin", "+OK"),
        ("client caching no", "-ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode."),
        ("client caching yes", "+OK"),
        (
            "client trackinginfo",
            "*6 $5 flags *3 $2 on $5 optin $11 caching-yes $8 redirect :0 $8 prefixes *0",
        ),
    ]);
    assert!(session.ask("client tracking on bcast").starts_with("-ERR You can't switch BCAST mode on/off"));
    assert!(session.ask("client tracking on optout").starts_with("-ERR You can't switch OPTIN/OPTOUT mode"));
}
