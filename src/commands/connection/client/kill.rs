//! `CLIENT KILL addr:port` and `CLIENT KILL filter value …`: disconnects clients.

use super::filter::Filter;
use super::{ADMIN, SUBCOMMAND};
use crate::commands::{Arity, Context, Run, Spec};
use crate::resp::{Args, Error, Reply};

pub(super) const KILL: Spec = Spec {
    name: "client|kill",
    arity: Arity::AtLeast(3),
    flags: ADMIN,
    since: "2.4.0",
    complexity: "O(N) for N connections",
    summary: "Close the connections with this address, or those that meet all conditions",
    syntax: "filter(old-format'ip:port'!2.8.12|\
        new-format([ID client-id:integer@2.8.12]|\
        [TYPE client-type(NORMAL|MASTER@3.2.0|SLAVE|REPLICA@5.0.0|PUBSUB)@2.8.12]|[USER username]|\
        [ADDR addr'ip:port']|[LADDR laddr'ip:port'@6.2.0]|[SKIPME skipme(YES|NO)]|\
        [MAXAGE maxage:integer@7.4.0])...)",
    run: Run::Read(kill),
    ..SUBCOMMAND
};

fn kill(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    if args.remaining() == 1 {
        return match kill_matching(&Filter::by_address(args.bytes()?), cx) {
            0 => Err(Error::new("ERR No such client")),
            _ => Ok(Reply::OK),
        };
    }
    let filter = Filter::of_kill(args, &cx.server.acl.users)?;
    Ok(Reply::count(kill_matching(&filter, cx)))
}

/// The connection of the command itself closes after the reply, as with `QUIT`.
fn kill_matching(filter: &Filter, cx: &mut Context) -> usize {
    let me = cx.client.info.id;
    let victims: Vec<_> =
        cx.server.clients.list().into_iter().filter(|info| filter.admits(info, me)).collect();
    for victim in &victims {
        if victim.id == me {
            cx.client.closing = true;
        } else {
            victim.kill();
        }
    }
    victims.len()
}
