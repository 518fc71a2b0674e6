//! Tests of the rules; the expected texts are those of Redis.

use super::*;

fn users() -> Users {
    let named = |id, name: &str, parent, categories: &[&'static str]| Named {
        id,
        name: name.into(),
        parent,
        categories: categories.to_vec(),
    };
    let commands = vec![
        named(0, "get", None, &["read", "fast"]),
        named(1, "set", None, &["write"]),
        named(2, "mget", None, &["read", "fast"]),
        named(3, "config", None, &[]),
        named(4, "config|get", Some(3), &["admin"]),
        named(5, "config|set", Some(3), &["admin"]),
        named(6, "publish", None, &["fast"]),
    ];
    Users::new(Vocabulary::new(7, vec!["read", "write", "fast", "admin", "set"], commands))
}

fn set(users: &Users, name: &str, rules: &str) -> Result<(), String> {
    let rules: Vec<&[u8]> = rules.split(' ').map(str::as_bytes).collect();
    users.set_user(name.as_bytes(), &rules).map(drop).map_err(|error| match error {
        SetUserError::Name => "name".into(),
        SetUserError::Unmatched(rule) => format!("unmatched {}", String::from_utf8_lossy(&rule)),
        SetUserError::Rule(rule, why) => format!("{}: {why}", String::from_utf8_lossy(&rule)),
        SetUserError::TooManyUsers => "too many".into(),
    })
}

fn line(users: &Users, name: &str) -> String {
    let account = users.get(name.as_bytes()).expect("there is such a user");
    String::from_utf8(account.user().line(account.name(), users.vocabulary())).expect("text")
}

/// The line after these rules on a new user, without its first words.
#[track_caller]
fn after(rules: &str) -> String {
    let users = users();
    set(&users, "u", rules).unwrap_or_else(|why| panic!("{rules}: {why}"));
    line(&users, "u").strip_prefix("user u off sanitize-payload ").expect("a new user").to_owned()
}

#[test]
fn rules_on_commands_are_kept_short() {
    for (rules, expected) in [
        ("", "resetchannels -@all"),
        ("+GET -Config|GET", "resetchannels -@all +get -config|get"),
        ("+@read -mget +mget -@read", "resetchannels -@all +mget -@read"),
        ("+config|get +config", "resetchannels -@all +config"),
        ("+config -config|set +@admin", "resetchannels -@all +config -config|set +@admin"),
        ("+get|A +get|a +get|b", "resetchannels -@all +get|a +get|b"),
        ("+get|a +get", "resetchannels -@all +get"),
        ("+@read +get nocommands", "resetchannels -@all"),
        ("-get +@ALL", "resetchannels +@all"),
        ("allcommands -get +get|a", "resetchannels +@all -get +get|a"),
    ] {
        assert_eq!(after(rules), expected, "{rules}");
    }
}

#[test]
fn rules_on_keys_channels_and_databases() {
    for (rules, expected) in [
        ("%R~a %W~a", "~a resetchannels -@all"),
        ("%R~a ~b %W~*", "%R~a ~b %W~* resetchannels -@all"),
        ("~a allkeys", "~* resetchannels -@all"),
        ("~a %RW~*", "~a ~* resetchannels -@all"),
        ("%R~* %W~* %R~a", "~* %R~a resetchannels -@all"),
        ("&a &b* &a", "resetchannels &a &b* -@all"),
        ("&a allchannels", "&* -@all"),
        ("allchannels resetchannels &", "resetchannels & -@all"),
        ("db=3,1,3", "resetchannels db=1,3 -@all"),
        ("db=1 resetdbs", "resetchannels resetdbs -@all"),
        ("db=1 alldbs", "resetchannels -@all"),
        (
            "(~a +get) (  +set  )",
            "resetchannels -@all (~a resetchannels -@all +get) (resetchannels -@all +set)",
        ),
        ("( ~a ) clearselectors", "resetchannels -@all"),
    ] {
        assert_eq!(after(rules), expected, "{rules}");
    }
}

#[test]
fn wrong_rules_change_nothing() {
    let users = users();
    set(&users, "u", "on ~a +get").expect("they are right");
    let before = line(&users, "u");
    for (rules, expected) in [
        ("off foo", "foo: Syntax error"),
        ("+foo", "+foo: Unknown command or category name in ACL"),
        ("+@foo", "+@foo: Unknown command or category name in ACL"),
        ("-get|a", "-get|a: Unknown command or category name in ACL"),
        ("+config|foo", "+config|foo: Unknown command or category name in ACL"),
        ("+config|get|x", "+config|get|x: Allowing first-arg of a subcommand is not supported"),
        ("+get|a|b", "+get|a|b: Unknown command or category name in ACL"),
        ("+get|", "+get|: Syntax error"),
        ("<x", "<x: The password you are trying to remove from the user does not exist"),
        ("(on)", "(on): Syntax error"),
        ("(~a +get", "unmatched (~a"),
        ("db=x", "db=x: Syntax error"),
        ("db=1,", "db=1,: Syntax error"),
        ("db=-1", "db=-1: The provided database ID is out of range"),
        ("db=99999999999999999999", "db=99999999999999999999: The provided database ID is out of range"),
    ] {
        assert_eq!(set(&users, "u", rules).as_ref().map_err(String::as_str), Err(expected));
        assert_eq!(line(&users, "u"), before);
    }
    assert!(
        set(&users, "u", "allkeys ~b").is_err_and(|why| why.starts_with("~b: Adding a pattern after the *"))
    );
    assert_eq!(set(&users, "a b", "on"), Err("name".into()));
}

#[test]
fn users_log_in_with_any_of_their_passwords() {
    let users = users();
    let may = |name: &str, password: &str| users.log_in(name.as_bytes(), password.as_bytes()).is_some();
    set(&users, "u", ">a >b").expect("they are right");
    assert!(!may("u", "a"), "it is off");
    set(&users, "u", "on").expect("it is right");
    assert!(may("u", "a") && may("u", "b") && !may("u", "c") && !may("v", "a"));
    set(&users, "u", "<a").expect("it is right");
    assert!(!may("u", "a") && may("u", "b"));
    set(&users, "u", "nopass").expect("it is right");
    assert!(may("u", "anything"));
    set(&users, "u", "resetpass").expect("it is right");
    assert!(!may("u", "anything") && !may("u", "b"));
    assert!(may("default", "") && !users.require_login());
    users.set_default_password(b"p");
    assert!(users.require_login() && may("default", "p") && !may("default", ""));
    users.set_default_password(b"");
    assert!(!users.require_login());
}

fn question(command: usize, key: &[KeyUse<'static>]) -> Result<(), Denied> {
    let users = users();
    set(&users, "u", "+get ~a (+set +mget ~b %R~c) db=0").expect("they are right");
    let user = users.get(b"u").expect("it is there").user();
    user.check(&Question { command, keys: key, databases: Some(&[0]), ..Question::default() })
}

#[test]
fn one_selector_must_allow_everything() {
    let key = |key: &'static str, access| KeyUse { key: key.as_bytes(), access };
    let read = Access { reads: true, writes: false };
    assert_eq!(question(0, &[key("a", read)]), Ok(()));
    assert_eq!(question(0, &[key("b", read)]), Err(Denied::Key(0)), "set and mget may use it");
    assert_eq!(question(1, &[key("a", Access::ALL)]), Err(Denied::Key(0)));
    assert_eq!(question(1, &[key("b", Access::ALL)]), Ok(()));
    assert_eq!(question(1, &[key("c", Access::ALL)]), Err(Denied::Key(0)));
    assert_eq!(question(2, &[key("b", read), key("c", read), key("a", read)]), Err(Denied::Key(2)));
    assert_eq!(question(6, &[]), Err(Denied::Command));
}

#[test]
fn channels_match_and_patterns_must_be_equal() {
    let users = users();
    set(&users, "u", "+publish &news.* &x").expect("they are right");
    let user = users.get(b"u").expect("it is there").user();
    let asks = |channel: &str, is_pattern| user.allows_channel(channel.as_bytes(), is_pattern);
    assert!(asks("news.1", false) && asks("x", false) && !asks("y", false));
    assert!(asks("news.*", true) && !asks("news.1*", true) && !asks("*", true));
}

#[test]
fn databases_are_limited() {
    let users = users();
    set(&users, "u", "+@all ~* db=1").expect("they are right");
    let user = users.get(b"u").expect("it is there").user();
    let asks = |databases| user.check(&Question { databases, ..Question::default() });
    assert_eq!(asks(Some(&[1])), Ok(()));
    assert_eq!(asks(Some(&[1, 2])), Err(Denied::Database(Some(2))));
    assert_eq!(asks(None), Err(Denied::Database(None)));
    assert_eq!(asks(Some(&[])), Ok(()));
}

#[test]
fn a_login_sees_each_change() {
    let users = users();
    set(&users, "u", "on nopass +@all ~*").expect("they are right");
    let login = Login::new(users.log_in(b"u", b"").expect("it needs no password"));
    assert!(!login.is_unrestricted(), "it has no channels");
    set(&users, "u", "allchannels").expect("it is right");
    assert!(login.is_unrestricted());
    set(&users, "u", "-get").expect("it is right");
    let get = Question { databases: Some(&[]), ..Question::default() };
    assert!(!login.is_unrestricted() && login.user().check(&get) == Err(Denied::Command));
    users.delete(b"u").expect("it is there");
    assert!(login.account().is_deleted());
    assert_eq!(login.user().check(&Question { command: 1, ..get }), Err(Denied::Command));
    assert!(users.delete(b"default").is_none());
}

#[test]
fn a_file_is_read_as_a_whole_or_not_at_all() {
    let users = users();
    set(&users, "old", "on").expect("it is right");
    let broken = "user bob on >p ~a* +get\nuser x on +foo\nuser\nusr x\nuser bob off\nuser y (~a\n\
                  user z ~a ~* ~b\n\n \tuser l on\nuser a\\ b on\n";
    let error = users.read("u.acl", broken.as_bytes()).expect_err("it is broken");
    assert_eq!(
        String::from_utf8_lossy(&error.0),
        "u.acl:2: Error in applying operation '+foo': Unknown command or category name in ACL. u.acl:3 should start \
         with user keyword followed by the username. u.acl:4 should start with user keyword followed by the username. \
         WARNING: Duplicate user 'bob' found on line 5. u.acl:6: Unmatched parenthesis in selector definition.u.acl:7: \
         Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. Try \
         'resetkeys' to start with an empty list of patterns u.acl:10: Syntax error. WARNING: ACL errors detected, no \
         change to the previously active ACL rules was performed"
            .replace("patterns u.acl", "patterns. u.acl")
    );
    let account = users.get(b"old").expect("it is still there");
    let read =
        users.read("u.acl", b"user new on (~a +get) &c\nuser default on >p ~* &* +@all\n").expect("fine");
    let deleted = users.replace_all(read);
    assert!(deleted.len() == 1 && Arc::ptr_eq(&deleted[0], &account) && account.is_deleted());
    assert!(users.require_login());
    let text = text_of(&users.lines());
    assert_eq!(
        text_of(&{
            users.replace_all(users.read("u.acl", &text).expect("what is written is read"));
            users.lines()
        }),
        text
    );
    users.replace_all(Vec::new());
    assert_eq!(users.lines(), [b"user default on nopass sanitize-payload ~* &* +@all"]);
}

#[test]
fn the_number_of_rules_is_bounded() {
    let users = users();
    let rules: Vec<String> = (0..5000).map(|number| format!("~{number}")).collect();
    let error = set(&users, "u", &rules.join(" ")).expect_err("there are too many");
    assert_eq!(error, "~4096: The user has too many rules");
}

use std::sync::Arc;
