//! `CLIENT SETNAME name`, `CLIENT GETNAME`, `CLIENT SETINFO LIB-NAME|LIB-VER value`: names of a
//! client and its library.

use super::SUBCOMMAND;
use crate::commands::{Arity, Context, Run, Spec};
use crate::resp::{Args, Error, Reply};

pub(super) const SETNAME: Spec = Spec {
    name: "client|setname",
    arity: Arity::Exactly(3),
    since: "2.6.9",
    summary: "Name this connection, for CLIENT LIST and the slow log",
    syntax: "connection-name",
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    run: Run::Read(set_name),
    ..SUBCOMMAND
};

pub(super) const GETNAME: Spec = Spec {
    name: "client|getname",
    since: "2.6.9",
    summary: "Name given by CLIENT SETNAME, or null",
    run: Run::Read(get_name),
    ..SUBCOMMAND
};

pub(super) const SETINFO: Spec = Spec {
    name: "client|setinfo",
    arity: Arity::Exactly(4),
    since: "7.2.0",
    summary: "Record the name or the version of the client library, for CLIENT LIST",
    syntax: "attr(LIB-NAME libname|LIB-VER libver)",
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    run: Run::Read(set_info),
    ..SUBCOMMAND
};

/// The text, if it is printable and without blanks, so that `CLIENT LIST` can be parsed.
fn checked(text: &[u8]) -> Option<&str> {
    let printable = text.iter().all(|byte| (b'!'..=b'~').contains(byte));
    std::str::from_utf8(text).ok().filter(|_| printable)
}

/// A name that a client may have.
pub(in crate::commands::connection) fn checked_name(name: &[u8]) -> Result<&str, Error> {
    checked(name).ok_or(Error::new("ERR Client names cannot contain spaces, newlines or special characters."))
}

fn set_name(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let name = checked_name(args.bytes()?)?;
    name.clone_into(&mut cx.client.info.labels.lock().name);
    Ok(Reply::OK)
}

fn get_name(_: Args, cx: &mut Context) -> Result<Reply, Error> {
    let labels = cx.client.info.labels.lock();
    Ok(if labels.name.is_empty() { Reply::Null } else { Reply::bulk(labels.name.clone()) })
}

fn set_info(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let option = args.bytes()?;
    let value = args.bytes()?;
    let is_name = option.eq_ignore_ascii_case(b"LIB-NAME");
    if !is_name && !option.eq_ignore_ascii_case(b"LIB-VER") {
        let option = String::from_utf8_lossy(option);
        return Err(Error::from(format!("ERR Unrecognized option '{option}'")));
    }
    let refused = || {
        let option = String::from_utf8_lossy(option);
        Error::from(format!("ERR {option} cannot contain spaces, newlines or special characters."))
    };
    let value = checked(value).ok_or_else(refused)?;
    let mut labels = cx.client.info.labels.lock();
    value.clone_into(if is_name { &mut labels.library } else { &mut labels.library_version });
    Ok(Reply::OK)
}
