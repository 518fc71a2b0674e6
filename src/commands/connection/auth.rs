//! `AUTH [username] password`: authenticates the client. The only user is `default`.

use sha1::{Digest, Sha1};

use crate::commands::{Arity, Context, Group, REDACTED, Run, Scope, Spec, Weight};
use crate::resp::{Args, Error, Reply};

/// The only user there is.
pub(super) const USER: &[u8] = b"default";

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "auth",
    arity: Arity::AtLeast(2),
    flags: super::HANDSHAKE,
    keys: &[],
    scope: Scope::NoKeys,
    redact: Some(redact),
    group: Group::Connection,
    since: "1.0.0",
    complexity: "O(N) for N passwords; the one user here has one",
    summary: "Check a password; if it is right, this connection may run commands",
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
        None if !cx.server.config.settings().has_password() => return Err(NO_PASSWORD_SET),
        None => (USER, first),
    };
    authenticate(cx, user, password)?;
    Ok(Reply::OK)
}

/// Authenticates the client, or returns the error.
pub(super) fn authenticate(cx: &mut Context, user: &[u8], password: &[u8]) -> Result<(), Error> {
    let settings = cx.server.config.settings();
    let is_right = !settings.has_password() || same(settings.requirepass.as_bytes(), password);
    if user != USER || !is_right {
        cx.server.traffic.mine().wrong_passwords.add(1);
        return Err(Error::wrong_password());
    }
    cx.client.authenticate();
    Ok(())
}

/// Compares digests, so that the time does not depend on where the texts differ.
fn same(password: &[u8], given: &[u8]) -> bool {
    Sha1::digest(password) == Sha1::digest(given) && password == given
}
