//! Users: whose connections end, who waits for a failed login, and the file of users.

use super::*;

fn start_with_file(text: &str) -> (Running, Folder, std::path::PathBuf) {
    let folder = Folder::new("acl");
    let path = folder.path().join("users.acl");
    std::fs::write(&path, text).expect("the folder is writable");
    let settings = Settings { aclfile: path.display().to_string(), ..settings() };
    (start(settings), folder, path)
}

fn as_user(running: &Running, name: &str, password: &str) -> Client<TcpStream> {
    let mut client = running.connect();
    client.ask(&["AUTH", name, password], "+OK\r\n");
    client
}

#[test]
fn a_deleted_user_is_disconnected_whatever_it_does() {
    let running = start(settings());
    let mut operator = running.connect();
    operator.ask(&["ACL", "SETUSER", "u", "on", ">p", "+@all", "~*", "&*"], "+OK\r\n");
    let mut silent = as_user(&running, "u", "p");
    let mut subscriber = as_user(&running, "u", "p");
    subscriber.ask(&["SUBSCRIBE", "a"], "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
    let mut within = as_user(&running, "u", "p");
    within.ask(&["MULTI"], "+OK\r\n");
    within.ask(&["SET", "k", "v"], "+QUEUED\r\n");
    operator.ask(&["ACL", "DELUSER", "u"], ":1\r\n");
    [&mut silent, &mut subscriber, &mut within].into_iter().for_each(Client::expect_end);
    operator.ask(&["GET", "k"], "$-1\r\n");
    running
        .connect()
        .ask(&["AUTH", "u", "p"], "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
}

#[test]
fn a_user_that_deletes_itself_gets_the_reply() {
    let running = start(settings());
    running.connect().ask(&["ACL", "SETUSER", "u", "on", ">p", "+@all", "~*", "&*"], "+OK\r\n");
    let mut client = as_user(&running, "u", "p");
    client.ask(&["ACL", "DELUSER", "u"], ":1\r\n");
    client.expect_end();
}

#[test]
fn a_subscriber_that_loses_its_channel_is_disconnected() {
    let running = start(settings());
    let mut operator = running.connect();
    operator.ask(&["ACL", "SETUSER", "u", "on", ">p", "+@all", "&a", "&b"], "+OK\r\n");
    let mut loses = as_user(&running, "u", "p");
    loses.ask(&["SUBSCRIBE", "a"], "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
    let mut keeps = as_user(&running, "u", "p");
    keeps.ask(&["SUBSCRIBE", "b"], "*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:1\r\n");
    operator.ask(&["ACL", "SETUSER", "u", "resetchannels", "&b"], "+OK\r\n");
    loses.expect_end();
    keeps.ask(&["PING"], "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
}

/// While one connection of the only network thread waits for its replies, another is served.
#[test]
fn failed_logins_hold_nobody_else_up() {
    let running = start(support::settings(1, 1));
    let mut guesses = running.connect();
    let mut other = running.connect();
    let started = std::time::Instant::now();
    guesses.send(encode(&["AUTH", "default", "x"]).repeat(2));
    guesses.expect("+OK\r\n+OK\r\n");
    running.connect().ask(&["CONFIG", "SET", "requirepass", "p"], "+OK\r\n");
    guesses.send([encode(&["AUTH", "wrong"]).repeat(20), encode(&["AUTH", "p"])].concat());
    other.ask(&["PING"], "+PONG\r\n");
    for _ in 0..20 {
        guesses.expect("-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    }
    // The replies were held back: a lower bound, which no slow machine can break.
    assert!(started.elapsed().as_millis() >= 200);
    guesses.expect("+OK\r\n");
    guesses.ask(&["PING"], "+PONG\r\n");
}

#[test]
fn a_client_that_waits_for_a_failed_login_can_be_killed() {
    let running = start(Settings { requirepass: "p".into(), ..settings() });
    let mut guesses = running.connect();
    guesses.ask(&["AUTH", "p"], "+OK\r\n");
    let id = guesses.line_to(&["CLIENT", "ID"]);
    guesses.send(encode(&["MULTI"]));
    guesses.expect("+OK\r\n");
    // As many as are held back for more than a minute.
    let many = 6_000;
    for _ in 0..many / 1_000 {
        guesses.send(encode(&["AUTH", "wrong"]).repeat(1_000));
        guesses.expect("+QUEUED\r\n".repeat(1_000));
    }
    guesses.send(encode(&["EXEC"]));
    let mut operator = as_user(&running, "default", "p");
    while !operator.bulk(&["CLIENT", "LIST"]).contains(&format!("tot-cmds={}", many + 4)) {}
    operator.ask(&["CLIENT", "KILL", "ID", id.trim_start_matches(':')], ":1\r\n");
    guesses.expect_end();
}

#[test]
fn users_are_loaded_from_their_file_and_saved_there() {
    let (running, _folder, path) = start_with_file("user bob on >b ~a* +get +ping\n");
    let mut operator = running.connect();
    let mut bob = as_user(&running, "bob", "b");
    std::fs::write(&path, "user bob on >b +nonsense\nuser eve on\n").expect("it is writable");
    let broken = operator.line_to(&["ACL", "LOAD"]);
    assert!(
        broken.contains("Error in applying operation '+nonsense'") && broken.contains("no change"),
        "{broken}"
    );
    operator.ask(&["ACL", "USERS"], "*2\r\n$3\r\nbob\r\n$7\r\ndefault\r\n");
    bob.ask(&["PING"], "+PONG\r\n");
    std::fs::write(&path, "user bob on >b ~a* +get\n").expect("it is writable");
    operator.ask(&["ACL", "LOAD"], "+OK\r\n");
    bob.ask(&["PING"], "-NOPERM User bob has no permissions to run the 'ping' command\r\n");
    operator.ask(&["ACL", "SETUSER", "eve", "on", "nopass"], "+OK\r\n");
    operator.ask(&["ACL", "DELUSER", "bob"], ":1\r\n");
    bob.expect_end();
    operator.ask(&["ACL", "SAVE"], "+OK\r\n");
    let saved = std::fs::read_to_string(&path).expect("it is there");
    assert_eq!(
        saved,
        "user default on nopass sanitize-payload ~* &* +@all\nuser eve on nopass sanitize-payload resetchannels -@all\n"
    );
    let mut eve = as_user(&running, "eve", "");
    std::fs::remove_file(&path).expect("it is there");
    let missing = operator.line_to(&["ACL", "LOAD"]);
    assert!(missing.starts_with("-ERR Error loading ACLs, opening file '"), "{missing}");
    std::fs::write(&path, "user default on >p ~* &* +@all").expect("it is writable");
    operator.ask(&["ACL", "LOAD"], "+OK\r\n");
    eve.expect_end();
    operator.ask(&["PING"], "+PONG\r\n");
    running.connect().ask(&["PING"], "-NOAUTH Authentication required.\r\n");
}

#[test]
fn users_are_rewritten_into_the_configuration() {
    let folder = Folder::new("acl-rewrite");
    let path = folder.path().join("nearhit.conf");
    std::fs::write(&path, "user old on\nport 0\n").expect("the folder is writable");
    let running = Running::with(settings(), Some(path.clone()));
    let mut client = running.connect();
    client.ask(&["ACL", "SETUSER", "u", "on", ">p", "~a", "(+get ~b)"], "+OK\r\n");
    client.ask(&["CONFIG", "REWRITE"], "+OK\r\n");
    let text = std::fs::read_to_string(&path).expect("it is there");
    let hash = "148de9c5a7a44d19e56cd9ae1a554bf67847afb0c58f6e12fa29ac7ddfca9940";
    let line =
        format!("user u on sanitize-payload #{hash} ~a resetchannels -@all (~b resetchannels -@all +get)\n");
    assert!(
        text.starts_with(&line) && !text.contains("user old") && !text.contains("user default"),
        "{text}"
    );
}
