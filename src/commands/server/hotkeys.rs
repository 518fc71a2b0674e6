//! `HOTKEYS START METRICS count [CPU] [NET] [COUNT k] [DURATION seconds] [SAMPLE ratio]`, `HOTKEYS
//! GET`, `HOTKEYS STOP`, `HOTKEYS RESET`: the keys with most command time or traffic.

use std::time::Duration;

use crate::commands::observers::hot_keys::{HotKeyOptions, Session};
use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight, help};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    arity: Arity::AtLeast(2),
    flags: Flags::NONE,
    complexity: "That of the subcommand",
    summary: "Commands that find the keys with most work or most traffic",
    tips: &[],
    run: Run::Container(SUBCOMMANDS),
    ..SUBCOMMAND
};

/// Shared fields of the subcommands.
const SUBCOMMAND: Spec = Spec {
    name: "hotkeys",
    arity: Arity::Exactly(2),
    flags: Flags::ADMIN.and(Flags::NOSCRIPT),
    keys: &[],
    scope: Scope::AllKeys,
    redact: None,
    group: Group::Server,
    since: "8.6.0",
    complexity: "O(1)",
    summary: "",
    syntax: "",
    tips: &["request_policy:special"],
    weight: Weight::Light,
    run: Run::Container(&[]),
};

const SUBCOMMANDS: &[&Spec] = &[&HELP, &START, &GET, &RESET, &STOP];

const START: Spec = Spec {
    name: "hotkeys|start",
    arity: Arity::AtLeast(2),
    summary: "Begin to count the time and the traffic of each key",
    syntax: "METRICS metrics(count:integer [CPU] [NET]) [COUNT k:integer] [DURATION seconds:integer] \
        [SAMPLE ratio:integer] [SLOTS slots(count:integer slot:integer...)]",
    run: Run::Read(start),
    ..SUBCOMMAND
};

const GET: Spec = Spec {
    name: "hotkeys|get",
    complexity: "O(K) for K keys in the reply",
    summary: "Keys with the highest counts so far, by each metric",
    tips: &["nondeterministic_output", "request_policy:special", "response_policy:special"],
    run: Run::Read(|_, cx| Ok(cx.server.observers.hot_keys.get().map_or(Reply::Null, shown))),
    ..SUBCOMMAND
};

const STOP: Spec = Spec {
    name: "hotkeys|stop",
    summary: "End the count and keep its result",
    run: Run::Read(|_, cx| Ok(if cx.server.observers.hot_keys.stop() { Reply::OK } else { Reply::Null })),
    ..SUBCOMMAND
};

const RESET: Spec = Spec {
    name: "hotkeys|reset",
    summary: "Drop the result of a count that has ended",
    run: Run::Read(|_, cx| match cx.server.observers.hot_keys.reset() {
        Ok(()) => Ok(Reply::OK),
        Err(_) => Err(Error::new("ERR hotkey tracking session in progress, stop tracking first")),
    }),
    ..SUBCOMMAND
};

const HELP: Spec = Spec {
    name: "hotkeys|help",
    flags: Flags::LOADING.and(Flags::STALE),
    since: "8.6.1",
    summary: "List the subcommands, one or more lines for each",
    tips: &[],
    run: Run::Read(|_, _| Ok(help::lines("HOTKEYS", HELP_LINES))),
    ..SUBCOMMAND
};

const HELP_LINES: &[&str] = &[
    "START METRICS <count> [CPU] [NET] [COUNT <k>] [DURATION <seconds>] [SAMPLE <ratio>]",
    "    Count, for each key, the time of its commands (CPU) or the bytes of their requests and",
    "    replies (NET), or both. GET then shows the <k> keys with most (10 unless said, at most 64).",
    "    Counting stops by itself after <seconds>, if given, and looks at one key in <ratio>.",
    "GET",
    "    Show what was counted so far.",
    "STOP",
    "    Stop counting; GET still answers.",
    "RESET",
    "    Drop what was counted and free its memory.",
];

/// The default of `COUNT`.
const DEFAULT_COUNT: usize = 10;
const MAX_COUNT: usize = 64;
const MAX_SECONDS: u64 = 1_000_000;

fn start(args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let in_progress = Error::new("ERR hotkey tracking session already in progress");
    let hot_keys = &cx.server.observers.hot_keys;
    if hot_keys.get().is_some_and(|(_, is_active)| is_active) {
        return Err(in_progress);
    }
    let options = options(args)?;
    hot_keys.start(options).map(|()| Reply::OK).map_err(|_| in_progress)
}

#[derive(Clone, Copy)]
enum Word {
    Count,
    Duration,
    Sample,
    Slots,
}

const WORDS: [(&str, Word); 4] =
    [("COUNT", Word::Count), ("DURATION", Word::Duration), ("SAMPLE", Word::Sample), ("SLOTS", Word::Slots)];

fn options(mut args: Args) -> Result<HotKeyOptions, Error> {
    let (cpu, net) = metrics(&mut args)?;
    let mut options = HotKeyOptions { cpu, net, count: DEFAULT_COUNT, sample_ratio: 1, duration: None };
    while !args.is_empty() {
        let word = args.keyword_of(&WORDS).filter(|_| !args.is_empty()).ok_or(Error::syntax())?;
        match word {
            Word::Count => options.count = count(&mut args)?,
            Word::Duration => options.duration = Some(duration(&mut args)?),
            Word::Sample => options.sample_ratio = sample_ratio(&mut args)?,
            Word::Slots => {
                return Err(Error::new("ERR SLOTS parameter cannot be used in non-cluster mode"));
            }
        }
    }
    Ok(options)
}

/// `METRICS count word…`: as in Redis, one of two words may be unknown, but not both.
fn metrics(args: &mut Args) -> Result<(bool, bool), Error> {
    let count = if args.keyword("METRICS") { args.take() } else { None };
    let count = count.ok_or(Error::new("ERR METRICS parameter is required"))?;
    let count = crate::resp::parse_integer(count).filter(|count| (1..=2).contains(count));
    let count = count.ok_or(Error::new("ERR METRICS count must be > 0 and <= 2"))? as usize;
    if args.remaining() < count {
        return Err(Error::new("ERR METRICS count does not match number of metric types provided"));
    }
    let mut cpu = false;
    let mut net = false;
    for word in args.split_off(count).iter() {
        if word.eq_ignore_ascii_case(b"CPU") {
            once(&mut cpu, "ERR METRICS CPU defined more than once!")?;
        } else if word.eq_ignore_ascii_case(b"NET") {
            once(&mut net, "ERR METRICS NET defined more than once!")?;
        }
    }
    if !cpu && !net {
        return Err(Error::new("ERR METRICS no valid metrics passed. Supported: CPU|NET"));
    }
    Ok((cpu, net))
}

fn once(metric: &mut bool, twice: &'static str) -> Result<(), Error> {
    if std::mem::replace(metric, true) { Err(Error::new(twice)) } else { Ok(()) }
}

fn count(args: &mut Args) -> Result<usize, Error> {
    let out_of_range = Error::new("ERR COUNT must be between 1 and 64");
    let count: usize = args.integer_or(out_of_range.clone())?;
    (1..=MAX_COUNT).contains(&count).then_some(count).ok_or(out_of_range)
}

fn duration(args: &mut Args) -> Result<Duration, Error> {
    let out_of_range = Error::new("ERR DURATION must be between 1 and 1000000");
    let seconds: u64 = args.integer_or(out_of_range.clone())?;
    let in_range = (1..=MAX_SECONDS).contains(&seconds);
    in_range.then_some(Duration::from_secs(seconds)).ok_or(out_of_range)
}

fn sample_ratio(args: &mut Args) -> Result<u64, Error> {
    let not_positive = Error::new("ERR SAMPLE ratio must be positive");
    let ratio: u64 = args.integer_or(not_positive.clone())?;
    if ratio == 0 { Err(not_positive) } else { Ok(ratio) }
}

/// The last slot of a cluster. Without a cluster, keys of all slots are counted.
const LAST_SLOT: i64 = 16_383;

fn shown((session, is_active): (std::sync::Arc<Session>, bool)) -> Reply {
    let lasted = session.session_time();
    let all_slots = Reply::Array(vec![Reply::Integer(0), Reply::Integer(LAST_SLOT)]);
    let mut fields = vec![
        field("tracking-active", number(u64::from(is_active))),
        field("sample-ratio", number(session.options.sample_ratio)),
        field("selected-slots", Reply::Array(vec![all_slots])),
        field("all-commands-all-slots-us", number(session.micros_of_all())),
        field("net-bytes-all-commands-all-slots", number(session.net_bytes_of_all())),
        field("collection-start-time-unix-ms", number(session.started_unix_ms)),
        field("collection-duration-ms", number(lasted.time.as_millis() as u64)),
    ];
    if session.options.cpu {
        fields.push(field("total-cpu-time-user-ms", number(lasted.user.as_millis() as u64)));
        fields.push(field("total-cpu-time-sys-ms", number(lasted.system.as_millis() as u64)));
    }
    if session.options.net {
        fields.push(field("total-net-bytes", number(session.net_bytes_of_sampled())));
    }
    if session.options.cpu {
        fields.push(field("by-cpu-time-us", keys(session.by_micros())));
    }
    if session.options.net {
        fields.push(field("by-net-bytes", keys(session.by_net_bytes())));
    }
    Reply::Array(vec![Reply::Map(fields)])
}

fn field(name: &'static str, value: Reply) -> (Reply, Reply) {
    (Reply::bulk(name), value)
}

fn number(value: u64) -> Reply {
    Reply::Integer(i64::try_from(value).unwrap_or(i64::MAX))
}

fn keys(largest: Vec<(Box<[u8]>, u64)>) -> Reply {
    let pairs = largest.into_iter().flat_map(|(key, amount)| [Reply::bulk(Vec::from(key)), number(amount)]);
    Reply::Array(pairs.collect())
}
