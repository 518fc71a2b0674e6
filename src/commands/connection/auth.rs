//! `AUTH [username] password`: logs the client in, as the user `default` if no name is given.

use crate::acl::{DEFAULT, Denial, Reason};
use crate::commands::client::Client;
use crate::commands::{Arity, Context, Group, REDACTED, Run, Scope, Server, Spec, Weight};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "auth",
    arity: Arity::AtLeast(2),
    flags: super::HANDSHAKE,
    keys: &[],
    scope: Scope::NoKeys,
    redact: Some(redact),
    group: Group::Connection,
    since: "1.0.0",
    complexity: "O(N) for N passwords of the user",
    summary: "Log in: check the password, and run commands as this user from now on",
    syntax: "[username@6.0.0] password",
    tips: &[],
    weight: Weight::Light,
    run: Run::Read(auth),
};

fn redact(words: &mut [&[u8]]) {
    words[1..].fill(REDACTED);
}

const NO_PASSWORD_SET: Error = Error::new(
    "ERR AUTH <password> called without any password configured for the default user. \
     Are you sure your configuration is correct?",
);

fn auth(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let first = args.bytes()?;
    let second = args.take();
    args.finish()?;
    let (user, password) = match second {
        Some(password) => (first, password),
        None if cx.server.acl.users.default_has_no_password() => return Err(NO_PASSWORD_SET),
        None => (DEFAULT, first),
    };
    authenticate(cx, user, password, SPEC.name)?;
    Ok(Reply::OK)
}

impl Server {
    /// Logs in a client whose certificate has this name (`tls-auth-clients-user`). If there is no
    /// such user, or it is off, the client stays as any other that has just connected.
    pub fn log_in_by_certificate(&self, client: &mut Client, name: &[u8]) {
        let account = self.acl.users.get(name).filter(|account| account.user().is_on);
        if account.is_some_and(|account| client.log_in(account)) {
            return;
        }
        self.traffic.mine().denied_certificates.add(1);
        let denial = Denial {
            reason: Reason::Certificate,
            is_in_transaction: false,
            object: Vec::new(),
            user: name.to_vec(),
        };
        self.note_denial(denial, client);
    }
}

/// Logs the client in, or returns the error. `command` is for the log.
pub(super) fn authenticate(
    cx: &mut Context,
    user: &[u8],
    password: &[u8],
    command: &str,
) -> Result<(), Error> {
    let account = cx.server.acl.users.log_in(user, password);
    if account.is_some_and(|account| cx.client.log_in(account)) {
        return Ok(());
    }
    cx.server.traffic.mine().wrong_passwords.add(1);
    cx.client.note_failed_login();
    let denial = Denial {
        reason: Reason::Auth,
        is_in_transaction: cx.is_in_exec(),
        object: command.into(),
        user: user.to_vec(),
    };
    cx.server.note_denial(denial, cx.client);
    Err(Error::wrong_password())
}
