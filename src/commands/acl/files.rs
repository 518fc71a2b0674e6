//! `ACL LOAD`, `ACL SAVE`: the users in `aclfile`.

use std::fs::File;
use std::path::Path;

use super::change::{close_connections, close_those_without_channels};
use super::{ADMIN, Acl};
use crate::acl::{self, DEFAULT, User};
use crate::bounded;
use crate::commands::{Arity, Context, Run, Spec, Weight};
use crate::config::{self, Settings};
use crate::resp::{Args, Error, Reply};

/// Longest file; a longer one is surely no list of users.
const MAX_FILE_LEN: u64 = 16 << 20;

pub(super) const LOAD: Spec = Spec {
    name: "acl|load",
    arity: Arity::Exactly(2),
    summary: "Replace all users by those in 'aclfile'; if the file is wrong, nothing changes",
    // It waits for the disk.
    weight: Weight::Blocking,
    run: Run::Read(load),
    ..ADMIN
};

pub(super) const SAVE: Spec = Spec {
    name: "acl|save",
    arity: Arity::Exactly(2),
    summary: "Write all users into 'aclfile'",
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    weight: Weight::Blocking,
    run: Run::Read(save),
    ..ADMIN
};

const NO_FILE: Error = Error::new(
    "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER \
     command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store \
     users in the Redis configuration.",
);

const NOT_SAVED: Error = Error::new(
    "ERR There was an error trying to save the ACLs. Please check the server logs for more information",
);

fn load(_: Args, cx: &mut Context) -> Result<Reply, Error> {
    let settings = cx.server.config.settings();
    if settings.aclfile.is_empty() {
        return Err(NO_FILE);
    }
    let users = read(&cx.server.acl, &settings).map_err(|why| Error::from([b"ERR ", &why[..]].concat()))?;
    let deleted = cx.server.acl.users.replace_all(users);
    close_connections(&deleted, cx);
    close_those_without_channels(&cx.server.acl.users.list(), cx);
    Ok(Reply::OK)
}

/// The users in `aclfile`, or what is wrong with it. If it has no user `default`, that is what
/// `requirepass` says; in Redis it would need no password then, whatever `requirepass` is.
pub(super) fn read(acl: &Acl, settings: &Settings) -> Result<Vec<(Vec<u8>, User)>, Vec<u8>> {
    let path = &settings.aclfile;
    let failed = |error: std::io::Error| {
        let why = error.to_string();
        let why = why.split(" (os error").next().unwrap_or_default();
        format!("Error loading ACLs, opening file '{path}': {why}").into_bytes()
    };
    let text = File::open(path).and_then(|file| bounded::read(file, MAX_FILE_LEN)).map_err(failed)?;
    let text = text.ok_or_else(|| {
        format!("Error loading ACLs, file '{path}' is longer than {MAX_FILE_LEN} bytes").into_bytes()
    })?;
    let mut users = acl.users.read(path, &text).map_err(|error| error.0)?;
    if !users.iter().any(|(name, _)| name == DEFAULT) {
        users.push((DEFAULT.to_vec(), acl.users.default_with(settings.requirepass.as_bytes())));
    }
    Ok(users)
}

fn save(_: Args, cx: &mut Context) -> Result<Reply, Error> {
    let settings = cx.server.config.settings();
    if settings.aclfile.is_empty() {
        return Err(NO_FILE);
    }
    let text = acl::text_of(&cx.server.acl.users.lines());
    config::replace_file(Path::new(&settings.aclfile), &text).map_err(|error| {
        tracing::warn!(path = settings.aclfile, %error, "ACL SAVE failed");
        NOT_SAVED
    })?;
    Ok(Reply::OK)
}
