//! Does growing, or a snapshot, hold anybody up? The longest that one request took while keys or
//! fields come by the million, and while a hash of so many fields is changed during a snapshot.
//!
//! Beside the writer another client reads what is there all the time. Both have their longest
//! latency printed; that of a reader beside an idle server comes first, which is what the
//! machine itself does.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::Failure;
use crate::client::Client;
use crate::driver::Fleet;
use crate::figures::{self, Figures};
use crate::flags::Flags;
use crate::persistence::memory;
use crate::resp::Requests;

/// Requests in flight while something is filled, and how many are encoded at once.
const DEPTH: usize = 16;
const PORTION: usize = 10_000;
const HASH: &[u8] = b"bench:hash";
const VALUE: &[u8] = &[b'v'; 16];
/// Between two reads.
const PAUSE: Duration = Duration::from_micros(200);
/// For how long a reader watches an idle server.
const IDLE: Duration = Duration::from_secs(3);
/// Snapshots during which the hash is changed.
const SNAPSHOTS: usize = 5;
/// A snapshot that takes longer is given up.
const PATIENCE: Duration = Duration::from_secs(300);

/// `--port P --pid PID --n N`: prints `idle/…`, `keys/…`, `fields/…` and `snapshot/…`.
pub(crate) fn run(flags: &mut Flags) -> Result<(), Failure> {
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, flags.take("port")?));
    let (pid, n): (u32, usize) = (flags.take("pid")?, flags.take("n")?);
    flags.finish()?;
    Client::connect(server)?.call(&[b"SET", b"key:0", VALUE])?;
    let get: [&[u8]; 2] = [b"GET", b"key:0"];
    figures::print("idle/reader_ms", beside(server, &get, || sleep(IDLE))?.1);
    let set = |number: usize, requests: &mut Requests| {
        requests.push(&[b"SET", format!("key:{number}").as_bytes(), VALUE]);
    };
    grow("keys", server, n, &get, set)?;
    Client::connect(server)?.call(&[b"FLUSHALL"])?;
    Client::connect(server)?.call(&[b"HSET", HASH, b"field:0", VALUE])?;
    let hset = |number: usize, requests: &mut Requests| {
        requests.push(&[b"HSET", HASH, format!("field:{number}").as_bytes(), VALUE]);
    };
    grow("fields", server, n, &[b"HGET", HASH, b"field:0"], hset)?;
    snapshots(server, pid, n)
}

fn sleep(time: Duration) -> Result<(), Failure> {
    std::thread::sleep(time);
    Ok(())
}

/// Adds `n` things, and prints how long an addition took at most, and a read meanwhile.
fn grow(
    name: &str,
    server: SocketAddr,
    n: usize,
    read: &[&[u8]],
    add: impl Fn(usize, &mut Requests) + Sync,
) -> Result<(), Failure> {
    let fill = || {
        let (mut fleet, mut all) = (Fleet::connect(server, 1)?, Figures::default());
        for first in (0..n).step_by(PORTION) {
            let mut requests = Requests::default();
            (first..n.min(first + PORTION)).for_each(|number| add(number, &mut requests));
            all.extend(fleet.drive(&requests, 0..requests.len(), DEPTH, |_, _| {})?);
        }
        Ok(all)
    };
    let (writer, reader) = beside(server, read, fill)?;
    figures::print(format_args!("{name}/writer_ms"), writer.longest_ms());
    figures::print(format_args!("{name}/reader_ms"), reader);
    writer.print(name);
    Ok(())
}

/// Has snapshots made, each with a change of the hash at its beginning and further ones until it is
/// done.
fn snapshots(server: SocketAddr, pid: u32, n: usize) -> Result<(), Failure> {
    let (mut first, mut any, mut extra) = (0_f64, 0_f64, 0_f64);
    let change = || {
        let mut client = Client::connect(server)?;
        for round in 0..SNAPSHOTS {
            let before = memory::of_tree(pid)?;
            client.call(&[b"BGSAVE"])?;
            let (mut number, began) = (round, Instant::now());
            first = first.max(set_field(&mut client, number % n)?);
            while is_running(&mut client)? {
                for _ in 0..50 {
                    number += 7919;
                    any = any.max(set_field(&mut client, number % n)?);
                }
                extra = extra.max(memory::of_tree(pid)? as f64 - before as f64);
                if began.elapsed() > PATIENCE {
                    return Err("the snapshot does not end".into());
                }
            }
        }
        Ok(())
    };
    let ((), reader) = beside(server, &[b"HGET", HASH, b"field:0"], change)?;
    figures::print("snapshot/first_ms", first);
    figures::print("snapshot/writer_ms", any);
    figures::print("snapshot/reader_ms", reader);
    figures::print("snapshot/memory_before", memory::of_tree(pid)? as f64);
    figures::print("snapshot/memory_extra", extra);
    Ok(())
}

/// How many milliseconds the change of one field takes.
fn set_field(client: &mut Client, number: usize) -> Result<f64, Failure> {
    let (name, began) = (format!("field:{number}"), Instant::now());
    client.call(&[b"HSET", HASH, name.as_bytes(), format!("{number:016}").as_bytes()])?;
    Ok(began.elapsed().as_secs_f64() * 1e3)
}

fn is_running(client: &mut Client) -> Result<bool, Failure> {
    let reply = client.call(&[b"INFO", b"persistence"])?;
    let text = reply.bulks().next().unwrap_or_default();
    if text.windows(26).any(|words| words == b"rdb_last_bgsave_status:err") {
        return Err("the snapshot failed".into());
    }
    Ok(text.windows(24).any(|words| words == b"rdb_bgsave_in_progress:1"))
}

/// Runs `work` while another client reads; with it comes how many milliseconds a read took at most.
fn beside<R: Send>(
    server: SocketAddr,
    read: &[&[u8]],
    work: impl FnOnce() -> Result<R, Failure>,
) -> Result<(R, f64), Failure> {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| longest_read(server, read, &stop));
        let outcome = work();
        stop.store(true, Ordering::Relaxed);
        let longest = reader.join().map_err(|_| "the reader panicked")??;
        Ok((outcome?, longest))
    })
}

fn longest_read(server: SocketAddr, read: &[&[u8]], stop: &AtomicBool) -> Result<f64, Failure> {
    let (mut client, mut longest) = (Client::connect(server)?, 0_f64);
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        client.call(read)?;
        longest = longest.max(began.elapsed().as_secs_f64() * 1e3);
        std::thread::sleep(PAUSE);
    }
    Ok(longest)
}
