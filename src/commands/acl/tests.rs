//! Tests of users and their rights; the expected replies are those of Redis.
//!
//! The security tests walk the command table, so that a new command cannot be forgotten.

use crate::commands::permissions::vocabulary;
use crate::commands::registry::{self, Command};
use crate::commands::testing::Session;
use crate::commands::{Arity, Flags, Group, Keys};
use crate::config::{Compat, Settings, UserLine};
use crate::resp::Request;

fn session() -> Session {
    Session::at(1_790_000_000_000)
}

/// A session, and another client of it that has logged in as a user with these rules.
fn with_user(rules: &str) -> (Session, crate::commands::Client) {
    let mut session = session();
    assert_eq!(session.ask(&format!("acl setuser u on >p {rules}")), "+OK");
    let mut client = session.connect();
    assert_eq!(session.ask_as(&mut client, "auth u p"), "+OK");
    (session, client)
}

/// All commands and subcommands that run, without containers.
fn all_commands() -> Vec<&'static Command> {
    let all = registry::all().into_iter().flat_map(|command| [vec![command], command.subcommands()].concat());
    all.filter(|command| !matches!(command.spec.run, crate::commands::Run::Container(_))).collect()
}

/// The words of a request that the arity accepts, all arguments of which are `1`: that is a key as
/// well as a count of one key. A command with subcommands stands alone.
fn request(command: &Command) -> Vec<String> {
    let mut words: Vec<String> = command.spec.name.split('|').map(str::to_owned).collect();
    let (Arity::Exactly(len) | Arity::AtLeast(len)) = command.spec.arity;
    // Counted keys need a count and a key, pairs a second word.
    let is_exact = command.spec.arity == Arity::Exactly(len) || !command.spec.subcommands().is_empty();
    let len = if is_exact { len } else { len + 4 };
    words.resize(len.max(words.len()), "1".into());
    for keys in command.spec.keys {
        if let crate::commands::key_spec::Begin::Behind(keyword, _) = keys.begin {
            words.extend([keyword.to_owned(), "1".into(), "1".into()]);
        }
    }
    words
}

#[test]
fn a_user_without_rights_may_run_nothing() {
    let (session, mut client) = with_user("allkeys allchannels");
    for command in all_commands() {
        let line = request(command).join(" ");
        let reply = session.ask_as(&mut client, &line);
        let expected = match command.spec.flags.has(Flags::NO_AUTH) {
            false => format!("NOPERM User u has no permissions to run the '{}' command", command.spec.name),
            true => {
                assert!(["auth", "hello", "quit", "reset"].contains(&command.spec.name), "{line}");
                client = session.connect();
                session.ask_as(&mut client, "auth u p");
                continue;
            }
        };
        // In front of that, EXEC says what becomes of its transaction.
        assert!(reply.starts_with('-') && reply.ends_with(&expected), "{line}: {reply}");
    }
}

#[test]
fn without_a_login_only_a_login_is_possible() {
    let mut session = session();
    session.ask("config set requirepass p");
    for command in all_commands() {
        let mut client = session.connect();
        let reply = session.ask_as(&mut client, &request(command).join(" "));
        assert_eq!(
            reply.starts_with('-') && reply.ends_with("NOAUTH Authentication required."),
            !command.spec.flags.has(Flags::NO_AUTH),
            "{}: {reply}",
            command.spec.name
        );
    }
}

fn positions(command: &Command, words: &[String]) -> Vec<usize> {
    let words: Vec<&[u8]> = words.iter().map(String::as_bytes).collect();
    let are_keys = command.spec.keys.iter().filter(|keys| keys.are_keys());
    let mut all: Vec<usize> = are_keys.flat_map(|keys: &Keys| keys.all_positions(&words)).collect();
    all.sort_unstable();
    all
}

/// For each key that a command names, one at a time, the user lacks just that one.
#[test]
fn each_key_of_each_command_is_checked() {
    let (session, mut client) = with_user("+@all ~mine allchannels");
    let mut commands = 0;
    for command in all_commands() {
        let mut words = request(command);
        let keys = positions(command, &words);
        if keys.is_empty() {
            assert!(!command.spec.keys.iter().any(Keys::are_keys), "no keys found: {words:?}");
            continue;
        }
        commands += 1;
        keys.iter().for_each(|at| words[*at] = "mine".into());
        for at in &keys {
            words[*at] = "other".into();
            let line = words.join(" ");
            assert_eq!(
                session.ask_as(&mut client, &line),
                "-NOPERM No permissions to access a key",
                "{line}"
            );
            words[*at] = "mine".into();
        }
    }
    assert!(commands > 80, "only {commands}");
}

/// Only the end of a subscription, and what is known of all, need no channel.
#[test]
fn each_command_with_a_channel_is_checked() {
    let (session, mut client) = with_user("+@all allkeys");
    let is_checked =
        |command: &&&Command| !command.spec.name.contains("unsubscribe") && !command.spec.name.contains('|');
    let pubsub: Vec<_> =
        all_commands().into_iter().filter(|command| command.spec.group == Group::PubSub).collect();
    for command in pubsub.iter().filter(is_checked) {
        let line = request(command).join(" ");
        assert_eq!(
            session.ask_as(&mut client, &line),
            "-NOPERM No permissions to access a channel",
            "{line}"
        );
    }
    assert_eq!(pubsub.iter().filter(is_checked).count(), 5);
}

/// A command whose grammar has a key has a key spec, so that the checks know of it.
#[test]
fn every_key_in_a_grammar_has_a_key_spec() {
    let has_key = |syntax: &str| {
        let words = syntax.split(|letter: char| " []()|.@!".contains(letter));
        words.into_iter().any(|word| word == "key" || word.ends_with(":key"))
    };
    let without: Vec<_> = all_commands()
        .into_iter()
        .filter(|command| has_key(command.spec.syntax) && !command.spec.keys.iter().any(Keys::are_keys))
        .map(|command| command.spec.name)
        .collect();
    // Redis has no key specs for DEBUG either: who may use it may do anything.
    assert!(without.iter().all(|name| name.starts_with("debug")), "{without:?}");
}

/// What reads only needs no right to write, on vector sets too; what writes needs it.
#[test]
fn readers_of_vector_sets_need_no_right_to_write() {
    let (session, mut client) = with_user("+@all %R~* allchannels");
    for command in all_commands().into_iter().filter(|command| command.spec.flags.has(Flags::MODULE)) {
        let line = request(command).join(" ");
        let reply = session.ask_as(&mut client, &line);
        assert_eq!(reply.starts_with("-NOPERM"), command.spec.flags.has(Flags::WRITE), "{line}: {reply}");
    }
}

#[test]
fn every_vector_command_is_in_its_category() {
    let vocabulary = vocabulary(Compat::default());
    let named = vocabulary.in_category("vectorset");
    for command in all_commands().into_iter().filter(|command| command.spec.name.starts_with('V')) {
        assert!(named.contains(&command.id), "{}", command.spec.name);
        let category = if command.spec.flags.has(Flags::WRITE) { "write" } else { "read" };
        assert!(vocabulary.in_category(category).contains(&command.id), "{}", command.spec.name);
    }
}

#[test]
fn a_monitoring_user_sees_but_does_not_change() {
    let (session, mut client) = with_user("-@all +@connection +info +@read ~*");
    for (line, expected) in [
        ("ping", "+PONG"),
        ("get a", "$-1"),
        ("VCARD a", ":0"),
        ("set a 1", "-NOPERM User u has no permissions to run the 'set' command"),
        ("config get x", "-NOPERM User u has no permissions to run the 'config|get' command"),
        ("config x", "-ERR unknown subcommand 'x'. Try CONFIG HELP."),
        ("acl whoami", "-NOPERM User u has no permissions to run the 'acl|whoami' command"),
        ("client setname n", "+OK"),
    ] {
        assert_eq!(session.ask_as(&mut client, line), expected, "{line}");
    }
    assert!(session.ask_as(&mut client, "info clients").contains("connected_clients"));
    assert!(session.ask_as(&mut client, "client info").contains(" user=u "));
}

#[test]
fn rights_are_asked_again_by_exec() {
    let (mut session, mut client) = with_user("+@all ~a ~b &c");
    for line in ["multi", "set a 1", "get b", "publish c x", "ping"] {
        session.ask_as(&mut client, line);
    }
    session.ask("acl setuser u resetkeys ~a resetchannels -ping");
    let why = |why| {
        format!(
            "-NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This \
             command is no longer allowed for the following reason: {why}"
        )
    };
    let expected = [
        "*4 +OK".to_owned(),
        why("no permission to touch the specified keys"),
        why("no permission to access one of the channels used as arguments"),
        why("no permission to execute the command or subcommand"),
    ];
    assert_eq!(session.ask_as(&mut client, "exec"), expected.join(" "));
    assert_eq!(session.ask("get a"), "$1 1");
    session.ask_as(&mut client, "multi");
    assert_eq!(session.ask_as(&mut client, "get b"), "-NOPERM No permissions to access a key");
    let aborted = "-EXECABORT Transaction discarded because of previous errors.";
    assert_eq!(session.ask_as(&mut client, "exec"), aborted);
}

#[test]
fn connections_of_deleted_users_end() {
    let (mut session, mut client) = with_user("+@all ~* &*");
    assert_eq!(session.ask("acl deluser u nobody"), ":1");
    assert!(client.info.is_killed());
    let denied = "-NOPERM User u has no permissions to run the 'ping' command";
    assert_eq!(session.ask_as(&mut client, "ping"), denied, "until the connection has ended");
    assert_eq!(session.ask("acl deluser default"), "-ERR The 'default' user cannot be removed");
    let own = session.ask("acl setuser me on nopass +@all ~* &*");
    assert_eq!((own.as_str(), session.ask("auth me x").as_str()), ("+OK", "+OK"));
    assert_eq!(session.ask("acl deluser me"), ":1");
    assert!(session.client.closing && !session.client.info.is_killed(), "it gets the reply");
}

#[test]
fn subscribers_end_when_they_lose_a_channel() {
    let (mut session, mut client) = with_user("+@all &a &n*");
    session.ask_as(&mut client, "subscribe a");
    session.ask_as(&mut client, "psubscribe n*");
    session.ask("acl setuser u &b");
    assert!(!client.info.is_killed());
    session.ask("acl setuser u resetchannels &a &news*");
    assert!(client.info.is_killed(), "the pattern is not literally among those allowed");
    drop(client);
    assert_eq!(session.ask("pubsub numpat"), ":0");
}

#[test]
fn databases_can_be_closed_to_a_user() {
    let (mut session, mut client) = with_user("+@all ~* &* db=0");
    let refused = "-NOPERM No permissions to access database";
    for line in ["select 1", "swapdb 0 1", "move k 1", "copy a b db 1", "flushall"] {
        assert_eq!(session.ask_as(&mut client, line), refused, "{line}");
    }
    for line in ["get a", "select 0", "copy a b", "flushdb", "ping", "dbsize"] {
        assert!(!session.ask_as(&mut client, line).starts_with("-NOPERM"), "{line}");
    }
    let mut elsewhere = session.connect();
    session.ask_as(&mut elsewhere, "select 1");
    session.ask_as(&mut elsewhere, "auth u p");
    assert_eq!(session.ask_as(&mut elsewhere, "get a"), refused);
    assert_eq!(session.ask_as(&mut elsewhere, "select 0"), "+OK");
    assert!(session.ask("acl getuser u").contains("$9 databases $4 db=0 "));
    assert!(!session.ask("acl getuser default").contains("databases"), "as in Redis");
}

#[test]
fn failed_logins_are_slowed_counted_and_logged_without_secrets() {
    let (mut session, mut client) = with_user("+@all");
    for _ in 0..20 {
        let reply = session.ask_as(&mut client, "auth u secret-word");
        assert_eq!(reply, "-WRONGPASS invalid username-password pair or user is disabled.");
    }
    assert!(client.penalty.as_millis() >= 200, "the replies are held back for so long");
    session.ask_as(&mut client, "hello 3 auth nobody secret-word");
    let log = session.ask("acl log");
    assert!(log.contains("$5 count :20 $6 reason $4 auth") && log.contains("$6 object $5 hello"), "{log}");
    assert!(!log.contains("secret-word"));
    assert!(session.ask("info stats").contains("acl_access_denied_auth:21"));
    assert_eq!(client.login.account().name(), b"u", "it stays who it was");
}

#[test]
fn refusals_are_logged_and_counted_by_reason() {
    let (mut session, mut client) = with_user("+@all -get ~a &c");
    for line in ["get a", "set b 1", "publish d x", "multi", "get a", "exec"] {
        session.ask_as(&mut client, line);
    }
    let log = session.ask("acl log");
    for entry in [
        "reason $7 command $7 context $5 multi $6 object $3 get",
        "reason $7 channel $7 context $8 toplevel $6 object $1 d",
        "reason $3 key $7 context $8 toplevel $6 object $1 b",
        "reason $7 command $7 context $8 toplevel $6 object $3 get",
    ] {
        assert!(log.contains(entry), "{entry}: {log}");
    }
    let stats = session.ask("info stats");
    for field in ["cmd:2", "key:1", "channel:1", "auth:0", "db:0"] {
        assert!(stats.contains(&format!("acl_access_denied_{field}")), "{field}");
    }
    session.hold_to(&[
        ("acl log x", "-ERR value is not an integer or out of range"),
        ("acl log -1", "*0"),
        ("acl log reset x", "-ERR unknown subcommand or wrong number of arguments for 'log'. Try ACL HELP."),
        ("acl log reset", "+OK"),
        ("acl log", "*0"),
    ]);
}

#[test]
fn the_password_option_is_that_of_the_default_user() {
    let mut session = session();
    session.hold_to(&[
        ("acl setuser default >other", "+OK"),
        ("config set requirepass p", "+OK"),
        ("auth other", "-WRONGPASS invalid username-password pair or user is disabled."),
        ("auth p", "+OK"),
        ("acl setuser default >other", "+OK"),
        ("config set requirepass p", "+OK"),
        ("auth other", "+OK"),
        ("config set requirepass ''", "+OK"),
        ("acl list", "*1 $51 user default on nopass sanitize-payload ~* &* +@all"),
    ]);
}

#[test]
fn users_of_the_configuration_are_there_from_the_start() {
    let user = |name: &str, rules: &str| UserLine {
        name: name.into(),
        rules: rules.split(' ').map(str::to_owned).collect(),
    };
    let start = |users: Vec<UserLine>| {
        let settings = Settings { users, requirepass: "p".into(), ..Settings::defaults() };
        let session = Session::with(settings, 0);
        super::load_users(&session.server).map(|()| session)
    };
    let mut session =
        start(vec![user("bob", "on >b ~a (+get ~c)"), user("default", "on >d +ping")]).expect("fine");
    assert_eq!(session.ask("auth p"), "-WRONGPASS invalid username-password pair or user is disabled.");
    assert_eq!(session.ask("auth d"), "+OK", "a line wins over requirepass");
    assert_eq!(session.ask("get a"), "-NOPERM User default has no permissions to run the 'get' command");
    assert_eq!(session.ask("auth bob b"), "+OK");
    let lines = session.server.acl.config_lines(&session.server.config.settings()).expect("they are text");
    assert!(
        lines.len() == 2
            && lines[0].starts_with("user bob on ")
            && lines[0].ends_with(" (~c resetchannels -@all +get)")
    );
    let wrong = |users| start(users).map(drop).expect_err("it is wrong");
    assert_eq!(
        wrong(vec![user("x", "on +nonsense")]),
        "Error loading ACL rule '+nonsense' for the user named 'x': Unknown command or category name in ACL"
    );
    let implied = start(Vec::new()).expect("fine");
    assert!(implied.server.acl.config_lines(&implied.server.config.settings()).expect("text").is_empty());
}

#[test]
fn passwords_are_redacted_in_all_subcommands() {
    for (line, expected) in [
        ("acl setuser u >p", "acl setuser (redacted) (redacted)"),
        ("acl getuser u", "acl getuser (redacted)"),
        ("acl deluser u", "acl deluser (redacted)"),
        ("acl dryrun u auth p", "acl dryrun u auth (redacted)"),
    ] {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let request = Request::from_args(&words);
        let command =
            registry::resolve(&request, None, Compat::default()).unwrap_or_else(|_| panic!("{line}"));
        let mut shown = words.clone();
        command.spec.redact.expect("it has secrets")(&mut shown);
        assert_eq!(shown.join(&b' '), expected.as_bytes());
    }
}

#[test]
fn a_generated_password_has_the_bits_that_were_asked_for() {
    let mut session = session();
    assert_eq!(session.ask("acl genpass").len(), "$64 ".len() + 64);
    assert_eq!(session.ask("acl genpass 5").len(), "$2 ".len() + 2);
    assert_ne!(session.ask("acl genpass"), session.ask("acl genpass"));
    for line in ["acl genpass 0", "acl genpass 4097", "acl genpass -1"] {
        assert!(session.ask(line).starts_with("-ERR ACL GENPASS argument must be"), "{line}");
    }
}
