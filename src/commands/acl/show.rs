//! `ACL CAT [category]`, `ACL GETUSER username`, `ACL LIST`, `ACL USERS`, `ACL WHOAMI`.

use bytes::Bytes;

use super::{ADMIN, SUBCOMMAND, redact};
use crate::acl::{Selector, Vocabulary};
use crate::commands::registry;
use crate::commands::{Arity, Context, Run, Spec};
use crate::resp::{Args, Error, Reply};

pub(super) const CAT: Spec = Spec {
    name: "acl|cat",
    complexity: "O(N) for N commands",
    summary: "Categories of commands, or the commands in one of them",
    syntax: "[category]",
    run: Run::Read(categories),
    ..SUBCOMMAND
};

pub(super) const GETUSER: Spec = Spec {
    name: "acl|getuser",
    arity: Arity::Exactly(3),
    redact: Some(redact),
    complexity: "O(N) for N rules of the user",
    summary: "What a user may do, rule by rule, or null",
    syntax: "username",
    run: Run::Read(get_user),
    ..ADMIN
};

pub(super) const LIST: Spec = Spec {
    name: "acl|list",
    arity: Arity::Exactly(2),
    summary: "Line of each user as it would stand in a file",
    run: Run::Read(|_, cx| Ok(bulks(cx.server.acl.users.lines()))),
    ..ADMIN
};

pub(super) const USERS: Spec = Spec {
    name: "acl|users",
    arity: Arity::Exactly(2),
    summary: "Names of all users",
    run: Run::Read(|_, cx| {
        Ok(bulks(cx.server.acl.users.list().iter().map(|account| account.name().to_vec())))
    }),
    ..ADMIN
};

pub(super) const WHOAMI: Spec = Spec {
    name: "acl|whoami",
    arity: Arity::Exactly(2),
    complexity: "O(1)",
    summary: "Name of the user as which this connection runs commands",
    run: Run::Read(|_, cx| Ok(bulk(cx.client.login.account().name().to_vec()))),
    ..SUBCOMMAND
};

fn bulk(text: Vec<u8>) -> Reply {
    Reply::bulk(Bytes::from(text))
}

fn bulks(texts: impl IntoIterator<Item = Vec<u8>>) -> Reply {
    Reply::Array(texts.into_iter().map(bulk).collect())
}

fn categories(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let vocabulary = cx.server.acl.users.vocabulary();
    let Some(name) = args.take() else {
        return Ok(Reply::Array(vocabulary.categories().iter().copied().map(Reply::bulk).collect()));
    };
    args.finish_or(Error::unknown_subcommand_or_arity("ACL", b"cat"))?;
    let unknown = || Error::from([b"ERR Unknown category '", name, b"'"].concat());
    let category = vocabulary.category(name).ok_or_else(unknown)?;
    let names = vocabulary.in_category(category).into_iter().filter_map(registry::by_id);
    Ok(Reply::Array(names.map(|command| Reply::bulk(command.spec.name)).collect()))
}

fn get_user(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let Some(account) = cx.server.acl.users.get(args.bytes()?) else { return Ok(Reply::Null) };
    let user = account.user();
    let vocabulary = cx.server.acl.users.vocabulary();
    let flags = user.flags().into_iter().map(Reply::bulk).collect();
    let passwords = user.passwords.iter().map(|password| Reply::bulk(password.hex())).collect();
    let selectors = user.selectors.iter().map(|selector| Reply::Map(rules(selector, vocabulary))).collect();
    let mut fields =
        vec![(Reply::bulk("flags"), Reply::Set(flags)), (Reply::bulk("passwords"), Reply::Array(passwords))];
    fields.extend(rules(&user.root, vocabulary));
    fields.push((Reply::bulk("selectors"), Reply::Array(selectors)));
    Ok(Reply::Map(fields))
}

/// The rules of a selector. Those on databases, which Redis does not have, only if there are any.
fn rules(selector: &Selector, vocabulary: &Vocabulary) -> Vec<(Reply, Reply)> {
    let mut fields = vec![
        (Reply::bulk("commands"), bulk(selector.commands_text(vocabulary))),
        (Reply::bulk("keys"), bulk(selector.keys_text())),
        (Reply::bulk("channels"), bulk(selector.channels_text())),
    ];
    fields.extend(selector.databases_text().map(|text| (Reply::bulk("databases"), Reply::bulk(text))));
    fields
}
