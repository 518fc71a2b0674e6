//! What should be done? One table of commands, one file per command, and the way from a request to its reply.
//!
//! Knows no socket: a command gets its arguments and a [`Context`], and returns a reply.

pub mod client;
mod connection;
mod context;
mod cross_protocol;
mod dispatch;
pub mod glob;
mod help;
mod keys;
pub mod registry;
mod server;
mod spec;
pub mod statistics;
mod strings;
#[cfg(test)]
mod testing;
mod vectors;

pub use client::Client;
pub use context::{Context, Server, Stop, Traffic};
pub use dispatch::{Call, dispatch};
pub use spec::{Arity, Flags, Group, Keys, Run, Spec, Weight};

/// Every command, in the order of `COMMAND`. Containers bring their subcommands along.
pub static COMMANDS: &[&Spec] = &[
    // connection
    &connection::auth::SPEC,
    &connection::client::SPEC,
    &connection::echo::SPEC,
    &connection::hello::SPEC,
    &connection::ping::SPEC,
    &connection::quit::SPEC,
    &connection::reset::SPEC,
    &connection::select::SPEC,
    // keys
    &keys::copy::SPEC,
    &keys::dbsize::SPEC,
    &keys::del::DEL,
    &keys::exists::EXISTS,
    &keys::expire::EXPIRE,
    &keys::expire::EXPIREAT,
    &keys::ttl::EXPIRETIME,
    &keys::flush::FLUSHALL,
    &keys::flush::FLUSHDB,
    &keys::keys::SPEC,
    &keys::memory::SPEC,
    &keys::r#move::SPEC,
    &keys::object::SPEC,
    &keys::persist::SPEC,
    &keys::expire::PEXPIRE,
    &keys::expire::PEXPIREAT,
    &keys::ttl::PEXPIRETIME,
    &keys::ttl::PTTL,
    &keys::randomkey::SPEC,
    &keys::rename::RENAME,
    &keys::rename::RENAMENX,
    &keys::scan::SPEC,
    &keys::swapdb::SPEC,
    &keys::exists::TOUCH,
    &keys::ttl::TTL,
    &keys::r#type::SPEC,
    &keys::del::UNLINK,
    // server
    &server::cluster::ASKING,
    &server::cluster::CLUSTER,
    &server::command::SPEC,
    &server::config::SPEC,
    &server::debug::SPEC,
    &server::info::SPEC,
    &server::lolwut::SPEC,
    &server::module::SPEC,
    &server::cluster::READONLY,
    &server::cluster::READWRITE,
    &server::shutdown::SPEC,
    &server::time::SPEC,
    // strings
    &strings::append::SPEC,
    &strings::incr::DECR,
    &strings::incr::DECRBY,
    &strings::get::GET,
    &strings::get::GETDEL,
    &strings::incr::INCR,
    &strings::incr::INCRBY,
    &strings::mget::SPEC,
    &strings::mset::MSET,
    &strings::mset::MSETNX,
    &strings::setex::PSETEX,
    &strings::set::SPEC,
    &strings::setex::SETEX,
    &strings::setex::SETNX,
    &strings::strlen::SPEC,
    // vector sets
    &vectors::VADD,
    &vectors::VCARD,
    &vectors::VCREATE,
    &vectors::VDIM,
    &vectors::VEMB,
    &vectors::VGETATTR,
    &vectors::VINFO,
    &vectors::VISMEMBER,
    &vectors::VLINKS,
    &vectors::VRANDMEMBER,
    &vectors::VRANGE,
    &vectors::VREM,
    &vectors::VSEARCH,
    &vectors::VSETATTR,
    &vectors::VSIM,
];
