//! The same where memory is short all the time: finer codes of elements move between memory and
//! files while writers change the set, snapshots and rewrites run, and the server is killed. And
//! where the whole set is put into a cold file again and again, from which the next write takes it.
//! And where the set is warm, so that each snapshot and rewrite seals it, and the next server maps
//! what the last one that was whole has left, and replays the log on top. And where a set goes into
//! files and comes back as a whole, while writers go on. The last two with caches too, whose
//! payloads have to be those of their vectors.
//!
//! No element may be evicted: the disk has room, and what a server needs for a moment is less than
//! the finer codes in memory (which are demoted first, until hardly any is left). So each write
//! that was acknowledged is there after a restart, as without files, whatever was on its way
//! between the tiers.

use std::collections::BTreeMap;
use std::sync::RwLock;

use super::given;
use crate::client::{EndWaits, Progress};
use crate::connection::{Connection, Reply, Request, words};
use crate::process::{Process, Site};
use crate::random::Random;

const CLIENTS: usize = 4;
/// Names that a client uses.
const NAMES: u64 = 300;
/// Bytes of a finer code are twice as many.
const DIM: usize = 4096;
/// Of the finer codes, so many bytes have to lie in files.
const IN_FILES: u64 = CLIENTS as u64 * NAMES * 2 * DIM as u64 / 3;
/// Kills in a row on the same files.
const LIVES: usize = 10;
/// A score from which on an element has the vector that was searched for.
const SAME: f64 = 0.999;

/// What an element has, by the numbers that it is made of.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Element {
    vector: u64,
    attribute: Option<u64>,
}

/// The elements of a client.
type Elements = BTreeMap<u64, Element>;

/// What a client has written: the elements that were acknowledged, and a write that was not, as an
/// element's state after it.
struct Written {
    elements: Elements,
    pending: Option<(u64, Option<Element>)>,
}

/// Why parts of the set are in files.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Cause {
    /// Memory is short.
    Limit,
    /// A client says so, of the whole set.
    VTier,
    /// It was made so.
    Warm,
    /// A client says so, of a set that moves as a whole.
    Moved,
}

/// Counts over all kills.
#[derive(Default, Debug)]
struct Tally {
    kills: usize,
    stored: u64,
    opened: u64,
    /// Kills after which the set was in its file at once.
    cold_at_start: usize,
    /// Kills after which the set was mapped.
    mapped_at_start: usize,
    /// Times that what was mapped took the place of what was in memory.
    exchanged: u64,
    /// Times that the whole set moved, and that its writers were faster.
    moved: [usize; 2],
    in_snapshot: usize,
    in_rewrite: usize,
    writes: usize,
    searches: usize,
    demoted: u64,
    promoted: u64,
    compared: usize,
}

/// What is tried.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Trial {
    cause: Cause,
    /// The set is a cache, whose entries have payloads.
    is_cache: bool,
}

struct Client {
    number: usize,
    is_cache: bool,
    random: Random,
    connection: Connection,
    written: Written,
    writes: usize,
    searches: usize,
}

fn name(client: usize, number: u64) -> Vec<u8> {
    format!("e{client}:{number}").into_bytes()
}

fn blob(vector: u64) -> Vec<u8> {
    let mut random = Random::new(vector, 0);
    (0..DIM).flat_map(|_| random.unit().to_le_bytes()).collect()
}

/// What an entry answers that has this vector: some kilobytes, or nothing.
fn payload(vector: u64) -> Vec<u8> {
    format!("the answer {vector}, ").repeat((vector % 200) as usize).into_bytes()
}

/// Gives an element a vector, and, in a cache, the payload of that.
fn put(is_cache: bool, name: Vec<u8>, vector: u64) -> Request {
    let mut request = words(if is_cache { "VCACHE.SET s" } else { "VADD s" });
    let (format, blob) = (b"FP32".to_vec(), blob(vector));
    if is_cache {
        request.extend([name, format, blob, payload(vector)]);
    } else {
        request.extend([format, blob, name]);
    }
    request
}

/// What a cache answers to a question with this vector.
fn question(vector: u64) -> Request {
    let mut request = words("VCACHE.GET s FP32");
    request.extend([blob(vector), b"MINSCORE".to_vec(), SAME.to_string().into_bytes()]);
    request
}

/// The strings of a reply.
fn texts(reply: Reply) -> Vec<Vec<u8>> {
    let text = |part| if let Reply::Bulk(text) = part { text } else { None };
    reply.array().into_iter().filter_map(text).collect()
}

fn attribute(number: u64) -> Vec<u8> {
    format!("{{\"n\":{number}}}").into_bytes()
}

fn search(vector: u64, more: &str) -> Request {
    let mut request = words("VSIM s FP32");
    request.push(blob(vector));
    request.extend(words("WITHSCORES COUNT 1"));
    request.extend(more.split_ascii_whitespace().map(|word| word.as_bytes().to_vec()));
    request
}

/// True if the nearest element has this name and is the same vector.
fn is_found(reply: Reply, name: &[u8]) -> bool {
    let parts: Vec<_> = reply.array().into_iter().filter_map(Reply::bulk).collect();
    let score = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<f64>().ok();
    matches!(&parts[..], [found, text] if found == name && score(text).is_some_and(|score| score > SAME))
}

impl Client {
    /// Draws a write, and sends it. False if the server has gone.
    fn write(&mut self) -> bool {
        // Some names are used more than others.
        let number = self.random.below(NAMES);
        let number = self.random.below(number + 1);
        let before = self.written.elements.get(&number).copied();
        let mut request;
        let after = match (self.random.below(8), before) {
            (0 | 1, Some(_)) => {
                request = words("VREM s");
                request.push(name(self.number, number));
                None
            }
            (2, Some(element)) => {
                let chosen = self.random.next();
                request = words("VSETATTR s");
                request.extend([name(self.number, number), attribute(chosen)]);
                Some(Element { attribute: Some(chosen), ..element })
            }
            _ => {
                let vector = self.random.next();
                request = put(self.is_cache, name(self.number, number), vector);
                Some(Element { vector, attribute: before.and_then(|element| element.attribute) })
            }
        };
        self.written.pending = Some((number, after));
        let Ok(reply) = self.connection.call(request) else { return false };
        assert!(reply.error().is_none(), "{reply:?}");
        self.written.pending = None;
        match after {
            Some(element) => _ = self.written.elements.insert(number, element),
            None => _ = self.written.elements.remove(&number),
        }
        self.writes += 1;
        true
    }

    /// Searches for an element of its own, as one that is used often comes up. False if the server
    /// has gone.
    fn search(&mut self) -> bool {
        let number = self.random.below(NAMES);
        let number = self.random.below(number + 1);
        let Some(&Element { vector, .. }) = self.written.elements.get(&number) else { return true };
        self.searches += 1;
        if self.is_cache {
            return self.ask(number, vector);
        }
        let Ok(reply) = self.connection.call(search(vector, "")) else { return false };
        assert!(reply.error().is_none(), "{reply:?}");
        true
    }

    /// Asks for the answer of an entry of its own, and says whether it was right.
    fn ask(&mut self, number: u64, vector: u64) -> bool {
        let Ok(reply) = self.connection.call(question(vector)) else { return false };
        let parts = texts(reply);
        // A walk may miss the entry.
        let [verdict, element, .., text, token] = &parts[..] else { return true };
        if *element != name(self.number, number) {
            return true;
        }
        assert!(verdict == b"hit" && *text == payload(vector), "{number}: {vector}");
        let mut request = words("VCACHE.FEEDBACK s");
        request.extend([token.clone(), vec![b'0' + u8::from(self.random.once_in(2))]]);
        let Ok(reply) = self.connection.call(request) else { return false };
        assert!(reply.error().is_none(), "{reply:?}");
        true
    }

    /// One search or write, while `quiet` is not taken for a moment without any.
    fn step(&mut self, quiet: &RwLock<()>) -> bool {
        let _noisy = quiet.read();
        if self.random.once_in(2) { self.search() } else { self.write() }
    }

    fn run(mut self, progress: &Progress, quiet: &RwLock<()>) -> Self {
        let _end_waits = EndWaits(progress);
        while self.step(quiet) {
            progress.add(1);
        }
        self
    }
}

/// Makes the set with all elements, and may limit the memory so that most finer codes have to go.
fn begin(site: &mut Site, process: &Process, Trial { cause, is_cache }: Trial) -> Vec<Written> {
    let mut connection = process.connect();
    let how = match cause {
        Cause::Warm => "QUANT RQ1 RERANK F16 TIER warm",
        Cause::Moved => "QUANT F16",
        Cause::Limit | Cause::VTier => "QUANT RQ1 RERANK F16",
    };
    let made = connection.must(&format!("VCREATE s DIM {DIM} {how}{}", if is_cache { " CACHE" } else { "" }));
    assert!(made.error().is_none(), "{made:?}");
    let written = (0..CLIENTS).map(|client| {
        let element = |number| {
            let vector = client as u64 * NAMES + number;
            let reply = connection.call(put(is_cache, name(client, number), vector));
            assert!(reply.expect("the server replies").error().is_none());
            (number, Element { vector, attribute: None })
        };
        Written { elements: (0..NAMES).map(element).collect(), pending: None }
    });
    let written = written.collect();
    if cause != Cause::Limit {
        return written;
    }
    let used: u64 = connection.info("used_memory").parse().expect("a number");
    let limit = (used - IN_FILES).to_string();
    site.flags.extend(["--maxmemory", &limit].map(str::to_owned));
    assert_eq!(connection.must(&format!("CONFIG SET maxmemory {limit}")), Reply::Simple("OK".to_owned()));
    written
}

/// Lets clients write, kills the server, and returns what they have written.
fn live(
    process: Process,
    Trial { cause, is_cache }: Trial,
    random: &mut Random,
    written: Vec<Written>,
    tally: &mut Tally,
) -> Vec<Written> {
    let progress = Progress::default();
    let quiet = RwLock::new(());
    let mut ended = Vec::new();
    std::thread::scope(|scope| {
        let clients: Vec<_> = written
            .into_iter()
            .enumerate()
            .map(|(number, written)| {
                let random = Random::new(random.next(), number as u64);
                let connection = process.connect();
                let client = Client { number, is_cache, random, connection, written, writes: 0, searches: 0 };
                let (progress, quiet) = (&progress, &quiet);
                scope.spawn(move || client.run(progress, quiet))
            })
            .collect();
        let mut control = process.connect();
        progress.wait_for(50 + random.below(1000));
        if cause == Cause::VTier {
            store(&mut control, random, &progress, &quiet);
        }
        if cause == Cause::Moved {
            move_whole(&mut control, random, &progress, tally);
        }
        if random.below(3) > 0 {
            control.must(if random.once_in(2) { "BGREWRITEAOF" } else { "BGSAVE" });
            progress.wait_for(random.below(150));
        }
        if cause == Cause::Warm && random.once_in(2) {
            // What goes on being changed is brought up to date before.
            let without_writes = random.once_in(2).then(|| quiet.write());
            exchange(&mut control);
            drop(without_writes);
            progress.wait_for(random.below(60));
        }
        let mut without_writes = None;
        if cause == Cause::VTier && random.once_in(2) {
            // The kill may come while the file is written.
            let (mut other, quiet) = (process.connect(), &quiet);
            scope.spawn(move || {
                let _without_writes = quiet.write();
                other.call(words("VTIER s COLD")).is_ok()
            });
        } else if cause == Cause::VTier {
            // The next server goes on with the file.
            without_writes = Some(quiet.write());
            control.must("VTIER s COLD");
            rewrite(&mut control);
        }
        tally.in_snapshot += usize::from(control.info("rdb_bgsave_in_progress") == "1");
        tally.in_rewrite += usize::from(control.info("aof_rewrite_in_progress") == "1");
        assert_eq!(control.info("evicted_elements"), "0", "there is room in files");
        let mut number = |field| control.info(field).parse::<u64>().expect("a number");
        tally.demoted += number("tier_demoted_elements");
        tally.promoted += number("tier_promoted_elements");
        assert_eq!(number("tier_warm_elements") > 0, cause == Cause::Limit);
        tally.exchanged += number("tier_sealed_exchanged");
        assert_eq!(number("tier_sealed_wrong_blocks") + number("tier_sealed_not_written"), 0);
        tally.stored += number("tier_cold_stored");
        tally.opened += number("tier_cold_opened");
        assert_eq!(number("tier_cold_unreadable"), 0);
        process.kill();
        drop(without_writes);
        ended.extend(clients.into_iter().map(|client| client.join().expect("no reply is wrong")));
    });
    tally.kills += 1;
    tally.writes += ended.iter().map(|client| client.writes).sum::<usize>();
    tally.searches += ended.iter().map(|client| client.searches).sum::<usize>();
    ended.into_iter().map(|client| client.written).collect()
}

/// Moves the set into files and back, some times.
fn move_whole(control: &mut Connection, random: &mut Random, progress: &Progress, tally: &mut Tally) {
    for _ in 0..1 + random.below(5) {
        let reply = control.must(if random.once_in(2) { "VTIER s WARM" } else { "VTIER s HOT" });
        let was_outrun = reply.error().is_some_and(|words| words.contains("it is changed faster"));
        assert!(was_outrun || reply == Reply::Simple("OK".to_owned()), "{reply:?}");
        tally.moved[usize::from(was_outrun)] += 1;
        progress.wait_for(random.below(60));
    }
}

/// A whole rewrite of the log, one that runs or a new one.
fn rewrite(control: &mut Connection) {
    control.must("BGREWRITEAOF");
    while ["aof_rewrite_in_progress", "aof_rewrite_scheduled"].iter().any(|field| control.info(field) == "1")
    {
        std::thread::yield_now();
    }
}

/// What a rewrite has sealed takes the place of what is in memory.
fn exchange(control: &mut Connection) {
    let before = control.info("tier_sealed_exchanged");
    // Clients may be faster than that, and the next one does it.
    while control.info("tier_sealed_exchanged") == before {
        rewrite(control);
    }
}

/// Puts the set into a file some times, from which others bring it back. It stays if it is changed
/// meanwhile, so the first tries are in vain.
fn store(control: &mut Connection, random: &mut Random, progress: &Progress, quiet: &RwLock<()>) {
    for attempt in 0..2 + random.below(3) {
        let without_writes = (attempt > 0).then(|| quiet.write());
        let reply = control.must("VTIER s COLD");
        let stays = reply.error().is_some_and(|words| words.contains("the set was changed meanwhile"));
        assert!(stays && attempt == 0 || reply == Reply::Simple("OK".to_owned()), "{reply:?}");
        drop(without_writes);
        progress.wait_for(random.below(60));
    }
}

/// What the server has of an element that may be there, compared with what may have survived.
fn survivor(
    connection: &mut Connection,
    is_cache: bool,
    name: &[u8],
    states: &[Option<Element>],
) -> Option<Element> {
    let mut call = |mut request: Request, last: Option<&[u8]>| {
        request.extend(last.map(<[u8]>::to_vec));
        connection.call(request).expect("the server replies")
    };
    let is_there = call(words("VISMEMBER s"), Some(name)).integer() == 1;
    let kept = is_there.then(|| call(words("VGETATTR s"), Some(name)).bulk());
    let is_like = |state: &&Option<Element>| match (state, &kept) {
        (Some(element), Some(kept)) => element.attribute.map(attribute) == *kept,
        (state, kept) => state.is_none() && kept.is_none(),
    };
    let mut is_this = |state: &&Option<Element>| {
        let Some(element) = state else { return true };
        if is_cache {
            let parts = texts(call(question(element.vector), None));
            if let [_, found, .., text, _] = &parts[..]
                && found == name
            {
                return *text == payload(element.vector);
            }
        }
        // A walk may miss an element; a search that reads all does not.
        ["", "TRUTH"].iter().any(|more| is_found(call(search(element.vector, more), None), name))
    };
    let survived = states.iter().filter(is_like).find(|state| is_this(state));
    let shown = String::from_utf8_lossy(name);
    *survived.unwrap_or_else(|| panic!("{shown} is none of {states:?}; there with {kept:?}"))
}

/// Compares all elements, and returns them.
fn judge(process: &Process, is_cache: bool, written: Vec<Written>, tally: &mut Tally) -> Vec<Written> {
    let mut connection = process.connect();
    let is_cold = connection.info("tier_cold_vector_sets") == "1";
    tally.cold_at_start += usize::from(is_cold);
    tally.mapped_at_start += usize::from(connection.info("tier_sealed_mapped") == "1");
    let mut judged = Vec::new();
    for (client, Written { elements, pending }) in written.into_iter().enumerate() {
        let mut survived = Elements::new();
        for number in 0..NAMES {
            let after = pending.filter(|(pending, _)| *pending == number).map(|(_, after)| after);
            let states: Vec<_> = [elements.get(&number).copied()].into_iter().chain(after).collect();
            let state = survivor(&mut connection, is_cache, &name(client, number), &states);
            survived.extend(state.map(|element| (number, element)));
            tally.compared += 1;
        }
        judged.push(Written { elements: survived, pending: None });
    }
    let there: usize = judged.iter().map(|written| written.elements.len()).sum();
    assert_eq!(connection.must("VCARD s").integer(), there as i64);
    judged
}

#[test]
fn demotion_loses_nothing_when_the_process_is_killed() {
    let tally =
        run("tiers", plain(Cause::Limit), &["--maxmemory-policy", "allkeys-lru", "--tier-policy", "demote"]);
    assert!(tally.demoted > 0 && tally.promoted > 0, "codes have moved both ways");
}

#[test]
fn cold_files_lose_nothing_when_the_process_is_killed() {
    let tally = run("cold", plain(Cause::VTier), &["--maxmemory", "0"]);
    assert!(
        tally.stored > 0 && tally.opened > 0 && tally.cold_at_start > 0,
        "it went, came and stayed: {tally:?}"
    );
}

#[test]
fn sealed_files_lose_nothing_when_the_process_is_killed() {
    let tally = run("sealed", plain(Cause::Warm), &["--maxmemory", "0"]);
    assert!(tally.mapped_at_start > 0, "it was mapped: {tally:?}");
}

#[test]
fn sets_that_move_as_a_whole_lose_nothing_when_the_process_is_killed() {
    let tally = run("moved", plain(Cause::Moved), &["--maxmemory", "0"]);
    assert!(tally.moved[0] > 0, "it moved: {tally:?}");
}

#[test]
fn caches_in_files_lose_nothing_when_the_process_is_killed() {
    let of_cause = |cause| Trial { cause, is_cache: true };
    let tally = run("sealed-cache", of_cause(Cause::Warm), &["--maxmemory", "0"]);
    assert!(tally.mapped_at_start > 0, "it was mapped: {tally:?}");
    let tally = run("moved-cache", of_cause(Cause::Moved), &["--maxmemory", "0"]);
    assert!(tally.moved[0] > 0, "it moved: {tally:?}");
}

fn plain(cause: Cause) -> Trial {
    Trial { cause, is_cache: false }
}

fn run(name: &str, trial: Trial, flags: &[&str]) -> Tally {
    let kills = given("NEARHIT_CRASH_ROUNDS").unwrap_or(4) as usize;
    let seed = given("NEARHIT_CRASH_SEED").unwrap_or(1);
    let mut tally = Tally::default();
    let mut number = 0;
    while tally.kills < kills {
        println!("{name}: campaign {number} of seed {seed}");
        let fsync = if number % 2 == 0 { "everysec" } else { "always" };
        let mut site = Site::new(
            &format!("crash-{name}-{number}"),
            &["--save", "", "--appendonly", "yes", "--appendfsync", fsync],
        );
        let tier = site.beside("tier").to_string_lossy().into_owned();
        site.flags.extend(["--tier-dir", &tier].iter().chain(flags).map(|flag| (*flag).to_owned()));
        let mut random = Random::new(seed, number);
        let mut process = site.start();
        let mut written = begin(&mut site, &process, trial);
        for _ in 0..LIVES.min(kills - tally.kills) {
            written = live(process, trial, &mut random, written, &mut tally);
            process = site.start();
            written = judge(&process, trial.is_cache, written, &mut tally);
        }
        process.kill();
        number += 1;
    }
    println!("{name}: {tally:?}");
    tally
}
