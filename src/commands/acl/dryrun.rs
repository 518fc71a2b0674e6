//! `ACL DRYRUN username command [arg …]`: whether a user may run a command.

use super::ADMIN;
use crate::acl::Denied;
use crate::commands::permissions::Needs;
use crate::commands::registry::{self, Command};
use crate::commands::{Arity, Context, REDACTED, Run, Spec};
use crate::config::Compat;
use crate::resp::{Args, Error, Reply};

pub(super) const DRYRUN: Spec = Spec {
    name: "acl|dryrun",
    arity: Arity::AtLeast(4),
    // The command may be AUTH.
    redact: Some(|words| words[4..].fill(REDACTED)),
    since: "7.0.0",
    complexity: "O(N) for N words",
    summary: "Whether a user may run a command with these arguments, which is not run",
    syntax: "username command [arg...]",
    run: Run::Read(dry_run),
    ..ADMIN
};

fn dry_run(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let name = args.bytes()?;
    let words: Vec<&[u8]> = args.iter().collect();
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let account = cx.server.acl.users.get(name);
    let account = account.ok_or_else(|| Error::from(format!("ERR User '{}' not found", lossy(name))))?;
    let command = find(&words, cx.server.compat)
        .ok_or_else(|| Error::from(format!("ERR Command '{}' not found", lossy(words[0]))))?;
    if !command.spec.arity.accepts(words.len()) {
        return Err(Error::wrong_arity(command.spec.name));
    }
    let needs = Needs::of(command, &words, cx.client.db);
    let Err(denied) = needs.ask(&account.user()) else { return Ok(Reply::OK) };
    let (what, object) = match denied {
        Denied::Command => ("run", [b"the '", command.spec.name.as_bytes(), b"' command"].concat()),
        Denied::Key(_) => ("access", [b"the '", needs.object(denied), b"' key"].concat()),
        Denied::Channel(_) => ("access", [b"the '", needs.object(denied), b"' channel"].concat()),
        Denied::Database(Some(db)) => ("access", format!("database {db}").into_bytes()),
        Denied::Database(None) => ("access", b"all databases".to_vec()),
    };
    let text = [b"User ", name, b" has no permissions to ", what.as_bytes(), b" ", &object].concat();
    Ok(Reply::bulk(bytes::Bytes::from(text)))
}

/// The command, or the subcommand if the words name one.
fn find(words: &[&[u8]], release: Compat) -> Option<&'static Command> {
    let name = words.first().filter(|name| !name.contains(&b'|'))?;
    let command = registry::find_of(release, name)?;
    match words.get(1) {
        Some(subcommand) if !command.spec.subcommands().is_empty() => {
            command.subcommand(subcommand).filter(|command| command.is_in(release))
        }
        _ => Some(command),
    }
}
