//! How many PINGs one thread of the driver gets answered: what the load generator itself can do.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use crate::Failure;
use crate::driver::Fleet;
use crate::flags::Flags;
use crate::resp::Requests;

/// `--port P --seconds S --connections N --depth D`: prints `ping/rate` and the percentiles.
pub(crate) fn run(flags: &mut Flags) -> Result<(), Failure> {
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, flags.take("port")?));
    let length = Duration::from_secs_f64(flags.take::<f64>("seconds")?.clamp(0.0, 3600.0));
    let connections: usize = flags.take("connections")?;
    let depth: usize = flags.take("depth")?;
    flags.finish()?;
    let mut requests = Requests::default();
    requests.push(&[b"PING"]);
    let deadline = Instant::now() + length;
    let plan = std::iter::repeat_n(0, usize::MAX).take_while(|_| Instant::now() < deadline);
    Fleet::connect(server, connections)?.drive(&requests, plan, depth, |_, _| {})?.print("ping");
    Ok(())
}
