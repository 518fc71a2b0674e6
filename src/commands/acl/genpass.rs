//! `ACL GENPASS [bits]`: a random password.

use super::SUBCOMMAND;
use crate::commands::{Context, Run, Spec};
use crate::resp::{Args, Error, Reply};
use crate::{hex, system};

const DEFAULT_BITS: usize = 256;
const MAX_BITS: usize = 4096;

pub(super) const GENPASS: Spec = Spec {
    name: "acl|genpass",
    complexity: "O(1)",
    summary: "Random password in hexadecimal digits, of 256 bits or as many as are asked for",
    syntax: "[bits:integer]",
    run: Run::Read(generate),
    ..SUBCOMMAND
};

fn generate(mut args: Args, _: &mut Context) -> Result<Reply, Error> {
    if args.remaining() > 1 {
        return Err(Error::unknown_subcommand_or_arity("ACL", b"genpass"));
    }
    let bits = if args.is_empty() { DEFAULT_BITS as i64 } else { args.integer::<i64>()? };
    let bits = usize::try_from(bits).ok().filter(|bits| (1..=MAX_BITS).contains(bits)).ok_or(Error::new(
        "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096",
    ))?;
    let mut random = [0; MAX_BITS / 8];
    system::fill_with_random(&mut random)
        .map_err(|error| Error::from(format!("ERR no random bytes: {error}")))?;
    let mut digits = hex::encode(&random);
    digits.truncate(bits.div_ceil(4));
    Ok(Reply::bulk(digits))
}
