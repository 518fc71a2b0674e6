//! `HELLO [2|3 [AUTH user password] [SETNAME name]]`: chooses the protocol, and may authenticate.

use super::{auth, client};
use crate::commands::server::module;
use crate::commands::{Arity, Context, Group, REDACTED, Run, Scope, Spec, Weight};
use crate::resp::{Args, Error, Protocol, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "hello",
    arity: Arity::AtLeast(1),
    flags: super::HANDSHAKE,
    keys: &[],
    scope: Scope::NoKeys,
    redact: Some(redact),
    group: Group::Connection,
    since: "6.0.0",
    complexity: "O(1)",
    summary: "Choose RESP2 or RESP3, and optionally log in and name the connection",
    syntax: "[arguments(protover:integer [AUTH auth(username password)] [SETNAME clientname])]",
    tips: &[],
    weight: Weight::Light,
    run: Run::Read(|args, cx| Hello::parse(args)?.execute(cx)),
};

const NOT_AUTHENTICATED: Error = Error::new(
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> \
     <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
);

/// Replaces both words after each `AUTH`.
fn redact(words: &mut [&[u8]]) {
    let mut at = 2;
    while at < words.len() {
        let is_auth = words[at].eq_ignore_ascii_case(b"AUTH") && at + 2 < words.len();
        if is_auth {
            words[at + 1..at + 3].fill(REDACTED);
        }
        at += if is_auth { 3 } else { 1 };
    }
}

#[derive(Default)]
struct Hello<'r> {
    protocol: Option<Protocol>,
    user_and_password: Option<(&'r [u8], &'r [u8])>,
    name: Option<&'r str>,
}

impl<'r> Hello<'r> {
    fn parse(mut args: Args<'r>) -> Result<Self, Error> {
        let mut hello = Hello::default();
        if args.is_empty() {
            return Ok(hello);
        }
        hello.protocol = Some(protocol(&mut args)?);
        while let Some(option) = args.take() {
            if option.eq_ignore_ascii_case(b"AUTH") && args.remaining() >= 2 {
                hello.user_and_password = Some((args.bytes()?, args.bytes()?));
            } else if option.eq_ignore_ascii_case(b"SETNAME") && args.remaining() >= 1 {
                hello.name = Some(client::checked_name(args.bytes()?)?);
            } else {
                let option = String::from_utf8_lossy(option);
                return Err(Error::from(format!("ERR Syntax error in HELLO option '{option}'")));
            }
        }
        Ok(hello)
    }

    fn execute(self, cx: &mut Context) -> Result<Reply, Error> {
        if let Some((user, password)) = self.user_and_password {
            auth::authenticate(cx, user, password, SPEC.name)?;
        }
        if !cx.client.authenticated && cx.server.acl.users.require_login() {
            return Err(NOT_AUTHENTICATED);
        }
        if let Some(name) = self.name {
            name.clone_into(&mut cx.client.info.labels.lock().name);
        }
        if let Some(protocol) = self.protocol {
            cx.client.set_protocol(protocol);
        }
        Ok(server_properties(cx))
    }
}

fn protocol(args: &mut Args) -> Result<Protocol, Error> {
    let not_a_number = Error::new("ERR Protocol version is not an integer or out of range");
    match args.integer_or::<i64>(not_a_number)? {
        2 => Ok(Protocol::Resp2),
        3 => Ok(Protocol::Resp3),
        _ => Err(Error::no_protocol()),
    }
}

/// The reply. Its keys and texts are bulk strings, since redis-cli aborts on simple strings here.
fn server_properties(cx: &Context) -> Reply {
    let version = if cx.client.protocol == Protocol::Resp3 { 3 } else { 2 };
    let pair = |key: &'static str, value: Reply| (Reply::bulk(key), value);
    Reply::Map(vec![
        pair("server", Reply::bulk("redis")),
        pair("version", Reply::bulk(cx.server.compat.redis_version())),
        pair("proto", Reply::Integer(version)),
        pair("id", Reply::Integer(cx.client.info.id as i64)),
        pair("mode", Reply::bulk("standalone")),
        pair("role", Reply::bulk("master")),
        pair("modules", module::modules()),
    ])
}
