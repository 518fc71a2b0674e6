use crate::commands::testing::Session;

fn session() -> Session {
    Session::at(1_000)
}

#[test]
fn information_is_per_command_and_null_for_unknown_ones() {
    session().hold_to(&[
        (
            "COMMAND INFO strlen nosuch",
            "*2 *10 $6 strlen :2 *2 +readonly +fast :1 :1 :1 *3 +@read +@fast +@string *0 \
             *1 *6 $5 flags *1 +RO $12 begin_search *4 $4 type $5 index $4 spec *2 $5 index :1 \
             $9 find_keys *4 $4 type $5 range $4 spec *6 $7 lastkey :0 $7 keystep :1 $5 limit :0 *0 $-1",
        ),
        ("COMMAND COUNT x", "-ERR wrong number of arguments for 'command|count' command"),
        ("COMMAND BLAH", "-ERR unknown subcommand 'BLAH'. Try COMMAND HELP."),
    ]);
}

#[test]
fn documentation_shows_the_tree_of_arguments() {
    session().hold_to(&[
        ("COMMAND DOCS nosuch", "*0"),
        (
            "COMMAND DOCS quit",
            "*2 $4 quit *14 $7 summary $34 Reply OK and close this connection $5 since $5 1.0.0 $5 group $10 connection \
             $10 complexity $4 O(1) $9 doc_flags *1 +deprecated $16 deprecated_since $5 7.2.0 \
             $11 replaced_by $39 closing the socket on the client's side",
        ),
    ]);
    let docs = session().ask("COMMAND DOCS expire");
    let arguments = "$9 arguments *3 \
        *8 $4 name $3 key $4 type $3 key $12 display_text $3 key $14 key_spec_index :0 \
        *6 $4 name $7 seconds $4 type $7 integer $12 display_text $7 seconds \
        *10 $4 name $9 condition $4 type $5 oneof $5 since $5 7.0.0 $5 flags *1 +optional $9 arguments *4 \
        *8 $4 name $2 nx $4 type $10 pure-token $12 display_text $2 nx $5 token $2 NX";
    assert!(docs.contains(arguments), "{docs}");
}

#[test]
fn documentation_is_that_of_the_release_that_is_given() {
    let docs = |release, command| Session::like_redis(release, 1_000).ask(&format!("COMMAND DOCS {command}"));
    let change = "8.10.0 $58 Entries have the number of arguments that the command had.";
    assert_eq!(["8.6", "8.10"].map(|release| docs(release, "slowlog|get").contains(change)), [false, true]);
    let digest = |kind| format!("$4 name $12 ifdeq-digest $4 type {kind} $12");
    assert!(docs("8.6", "delex").contains(&digest("$7 integer")), "{}", docs("8.6", "delex"));
    assert!(docs("8.10", "delex").contains(&digest("$6 string")), "{}", docs("8.10", "delex"));
}

#[test]
fn lists_are_filtered() {
    session().hold_to(&[
        ("COMMAND LIST FILTERBY PATTERN STRL*", "*1 $6 strlen"),
        ("COMMAND LIST FILTERBY MODULE nosuch", "*0"),
        ("COMMAND LIST FILTERBY ACLCAT", "-ERR syntax error"),
        ("COMMAND LIST x", "-ERR syntax error"),
    ]);
}

#[test]
fn keys_are_found_and_wrong_requests_refused() {
    let invalid_count = "-ERR Invalid number of arguments specified for command";
    session().hold_to(&[
        ("COMMAND GETKEYS mset a 1 b 2", "*2 $1 a $1 b"),
        ("COMMAND GETKEYS object encoding k", "*1 $1 k"),
        ("COMMAND GETKEYS object nosuch k", "-ERR Invalid command specified"),
        ("COMMAND GETKEYS object|encoding k", "-ERR Invalid command specified"),
        ("COMMAND GETKEYS object", "-ERR The command has no key arguments"),
        ("COMMAND GETKEYS get", invalid_count),
        ("COMMAND GETKEYS get a b", invalid_count),
        ("COMMAND GETKEYS vsearch k ELE a ALSO 2 l m", "*3 $1 k $1 l $1 m"),
        ("COMMAND GETKEYS vsearch k ELE a ALSO x l", "-ERR Invalid arguments specified for command"),
        ("COMMAND GETKEYSANDFLAGS set k v", "*1 *2 $1 k *2 +OW +update"),
        ("COMMAND GETKEYSANDFLAGS set k v EX 1 gEt", "*1 *2 $1 k *3 +RW +access +update"),
    ]);
}
