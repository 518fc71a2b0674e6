//! `ACL SETUSER username [rule …]`, `ACL DELUSER username …`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{ADMIN, redact};
use crate::acl::{Account, DEFAULT, SetUserError};
use crate::commands::client::ClientInfo;
use crate::commands::{Arity, Context, Run, Spec, Weight};
use crate::resp::{Args, Error, Reply};

pub(super) const SETUSER: Spec = Spec {
    name: "acl|setuser",
    arity: Arity::AtLeast(3),
    redact: Some(redact),
    complexity: "O(N) for N rules, and for N subscriptions if some may have to end",
    summary: "Change what a user may do, or add a user: all rules hold, or none if one is wrong",
    syntax: "username [rule...]",
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    // It may look at all subscriptions.
    weight: Weight::Heavy,
    run: Run::Read(set_user),
    ..ADMIN
};

pub(super) const DELUSER: Spec = Spec {
    name: "acl|deluser",
    arity: Arity::AtLeast(3),
    redact: Some(redact),
    complexity: "O(N) for N connections",
    summary: "Remove users and close their connections; 'default' stays",
    syntax: "username...",
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    run: Run::Read(delete_users),
    ..ADMIN
};

fn set_user(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let name = args.bytes()?;
    let rules: Vec<&[u8]> = args.iter().collect();
    let changed = cx.server.acl.users.set_user(name, &rules).map_err(|error| explain(&error))?;
    if changed.may_have_lost_channels {
        close_those_without_channels(&[changed.account], cx);
    }
    Ok(Reply::OK)
}

/// The error for rules that were refused.
pub(super) fn explain(error: &SetUserError) -> Error {
    match error {
        SetUserError::Name => Error::new("ERR Usernames can't contain spaces or null characters"),
        SetUserError::TooManyUsers => Error::new("ERR there are too many users"),
        SetUserError::Unmatched(rule) => Error::from(
            [b"ERR Unmatched parenthesis in acl selector starting at '", shown(rule), b"'."].concat(),
        ),
        SetUserError::Rule(rule, why) => {
            let why = format!("': {why}");
            Error::from([b"ERR Error in ACL SETUSER modifier '", shown(rule), why.as_bytes()].concat())
        }
    }
}

/// As much of a rule as errors repeat: as in Redis up to a NUL, and not without bound.
fn shown(rule: &[u8]) -> &[u8] {
    const MAX_SHOWN: usize = 4096;
    let end = rule.iter().position(|byte| *byte == 0).unwrap_or(rule.len());
    &rule[..end.min(MAX_SHOWN)]
}

fn delete_users(args: Args, cx: &mut Context) -> Result<Reply, Error> {
    if args.iter().any(|name| name == DEFAULT) {
        return Err(Error::new("ERR The 'default' user cannot be removed"));
    }
    let deleted: Vec<_> = args.iter().filter_map(|name| cx.server.acl.users.delete(name)).collect();
    close_connections(&deleted, cx);
    Ok(Reply::count(deleted.len()))
}

/// Closes the connections of these users.
pub(super) fn close_connections(deleted: &[Arc<Account>], cx: &mut Context) {
    if !deleted.is_empty() {
        let is_one = |info: &Arc<ClientInfo>| deleted.iter().any(|account| info.is_user(account));
        let victims: Vec<_> = cx.server.clients.list().into_iter().filter(is_one).collect();
        close(victims, cx);
    }
}

/// Closes the connections of these users that have subscriptions which their users may not have.
pub(super) fn close_those_without_channels(accounts: &[Arc<Account>], cx: &mut Context) {
    let is_candidate = |account: &&Arc<Account>| !account.is_unrestricted();
    let candidates: Vec<_> =
        accounts.iter().filter(is_candidate).map(|account| (account, account.user())).collect();
    let clients = cx.server.clients.list();
    let has_subscriber =
        |account: &Arc<Account>| clients.iter().any(|info| info.is_subscribed() && info.is_user(account));
    let subscribed: Vec<_> = candidates.into_iter().filter(|(account, _)| has_subscriber(account)).collect();
    if subscribed.is_empty() {
        return;
    }
    let mut victims = BTreeMap::new();
    cx.server.pubsub.for_each(|name, is_pattern, info| {
        let user = subscribed.iter().find(|(account, _)| info.is_user(account));
        if user.is_some_and(|(_, user)| !user.allows_channel(name, is_pattern)) {
            victims.insert(info.id, Arc::clone(info));
        }
    });
    close(victims.into_values(), cx);
}

/// The connection of the command itself closes after the reply.
fn close(victims: impl IntoIterator<Item = Arc<ClientInfo>>, cx: &mut Context) {
    for victim in victims {
        if victim.id == cx.client.info.id { cx.client.closing = true } else { victim.kill() }
    }
}
