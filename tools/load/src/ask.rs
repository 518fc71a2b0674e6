//! Encoded requests from a file, one at a time over one connection: what one caller waits for.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::Failure;
use crate::client::Client;
use crate::figures::Figures;
use crate::flags::Flags;
use crate::resp::Requests;

/// `--port P --requests FILE --replies FILE --seconds S`: sends all requests in order, again and
/// again for so long, once at least; whole passes only. Writes the replies to the first pass, as
/// they came, one after another, and prints `ask/rate` and the percentiles. An error reply ends it.
pub(crate) fn run(flags: &mut Flags) -> Result<(), Failure> {
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, flags.take("port")?));
    let requests = Requests::from_bytes(fs::read(flags.take::<PathBuf>("requests")?)?)?;
    let replies: PathBuf = flags.take("replies")?;
    let lasting = Duration::from_secs_f64(flags.take::<f64>("seconds")?.clamp(0.0, 3600.0));
    flags.finish()?;
    let mut client = Client::connect(server)?;
    let (mut figures, mut kept) = (Figures::default(), Vec::new());
    let began = Instant::now();
    pass(&mut client, &requests, &mut figures, |reply| kept.extend_from_slice(reply))?;
    while began.elapsed() < lasting {
        pass(&mut client, &requests, &mut figures, |_| {})?;
    }
    figures.lasted(began.elapsed());
    fs::write(replies, kept)?;
    figures.print("ask");
    Ok(())
}

fn pass(
    client: &mut Client,
    requests: &Requests,
    figures: &mut Figures,
    mut on_reply: impl FnMut(&[u8]),
) -> Result<(), Failure> {
    for number in 0..requests.len() {
        let sent = Instant::now();
        let reply = client.send(requests.get(number))?;
        figures.note(sent.elapsed());
        on_reply(reply.bytes());
    }
    Ok(())
}
