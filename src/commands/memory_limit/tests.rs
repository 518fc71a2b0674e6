//! The limit as clients see it. No test here changes what the process really uses: limits are set
//! far below it or far above it.

use std::time::Instant;

use super::keeper::Keeper;
use super::{InForce, Server};
use crate::commands::testing::Session;
use crate::config::{MaxMemory, Settings};
use crate::memory::Level;
use crate::system::{Bound, Total};

const OOM: &str = "-OOM command not allowed when used memory > 'maxmemory'.";

fn round(server: &Server) {
    Keeper::default().round(server, Instant::now());
}

fn info(session: &mut Session, name: &str) -> String {
    let text = String::from_utf8(session.reply_to(&["info", "everything"])).expect("INFO is text");
    let line = text.split("\r\n").find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no field {name}")).to_owned()
}

#[test]
fn the_limit_follows_from_the_options_and_the_memory_that_there_is() {
    let settings = |maxmemory| Settings { maxmemory, ..Settings::defaults() };
    let of = |maxmemory, total| InForce::of(&settings(maxmemory), total);
    let machine = Some(Total { bytes: 1000, bound: Bound::Machine });
    let group = Some(Total { bytes: 500, bound: Bound::ControlGroup });
    for (maxmemory, total, bytes, source) in [
        (MaxMemory::Auto, machine, 800, "auto: 80% of the machine's memory 1000"),
        (MaxMemory::Auto, group, 400, "auto: 80% of the control group's limit 500"),
        (MaxMemory::Percent(35), group, 175, "percent: 35% of the control group's limit 500"),
        (MaxMemory::Bytes(7), group, 7, "bytes"),
        (MaxMemory::Bytes(0), group, 0, "none"),
        (MaxMemory::Auto, None, 0, "auto: none, since the system does not say how much memory there is"),
    ] {
        assert_eq!(of(maxmemory, total), InForce { bytes, source: source.into() });
    }
    let tiny = Some(Total { bytes: 1, bound: Bound::ControlGroup });
    assert_eq!(of(MaxMemory::Auto, tiny).bytes, 1, "0 would be no limit");
    let odd = Settings { maxmemory_ratio: 0.333, ..Settings::defaults() };
    assert_eq!(InForce::of(&odd, machine).source, "auto: 33.3% of the machine's memory 1000");
}

#[test]
fn the_bytes_in_force_are_shown_and_what_was_asked_for_stays() {
    let mut session = Session::at(0);
    let auto = session.server.memory.bytes();
    assert!(auto > 0);
    let shown = format!("*2 $9 maxmemory ${} {auto}", auto.to_string().len());
    assert_eq!(session.ask("config get maxmemory"), shown);
    assert_eq!(info(&mut session, "maxmemory"), auto.to_string());
    assert!(info(&mut session, "maxmemory_source").starts_with("auto: 80% of the "));
    session.hold_to(&[("config set maxmemory-ratio 0.4", "+OK")]);
    assert_eq!(session.server.memory.bytes(), auto / 2);
    session.hold_to(&[
        ("config set maxmemory 100gb", "+OK"),
        ("config get maxmemory", "*2 $9 maxmemory $12 107374182400"),
    ]);
    assert_eq!(info(&mut session, "maxmemory_source"), "bytes");
    session.hold_to(&[("config set maxmemory 80%", "+OK")]);
    assert_eq!(session.server.memory.bytes(), auto);
    assert_eq!(session.server.config.settings().maxmemory, MaxMemory::Percent(80));
    session.hold_to(&[("config set maxmemory 0", "+OK"), ("config get maxmemory", "*2 $9 maxmemory $1 0")]);
    assert_eq!(info(&mut session, "maxmemory_source"), "none");
}

#[test]
fn values_that_are_no_limits_are_refused() {
    let refused = |option: &str, why: &str| {
        format!("-ERR CONFIG SET failed (possibly related to argument '{option}') - {why}")
    };
    let mut session = Session::at(0);
    for (line, why) in [
        ("maxmemory x", "argument must be a memory value"),
        ("maxmemory -1", "argument must be a memory value"),
        ("maxmemory 101%", "argument must be a percentage between 1% and 100%"),
        ("maxmemory-ratio 0", "argument must be between 0.01 and 1 inclusive"),
        ("maxmemory-ratio x", "argument couldn't be parsed into a number"),
        ("mem-threshold-warn 0", "argument must be between 1 and 100 inclusive"),
        ("mem-pressure-some-avg10 101", "argument must be between 0 and 100 inclusive"),
    ] {
        let option = line.split(' ').next().expect("a name");
        assert_eq!(session.ask(&format!("config set {line}")), refused(option, why));
    }
    let folderless = "argument demote needs a folder for the files: 'tier-dir'";
    assert_eq!(session.ask("config set tier-policy demote"), refused("tier-policy", folderless));
    assert_eq!(session.ask("config set tier-policy off"), "+OK");
    let below = "argument 50 must not be below 'mem-threshold-warn', which is 75";
    assert_eq!(session.ask("config set mem-threshold-high 50"), refused("mem-threshold-high", below));
    session.hold_to(&[("config set mem-threshold-high 50 mem-threshold-warn 50", "+OK")]);
}

#[test]
fn over_the_limit_commands_that_may_take_memory_are_refused_and_others_run() {
    let mut session = Session::at(0);
    session.hold_to(&[
        ("set a 1", "+OK"),
        ("config set maxmemory 1", "+OK"),
        ("set b 2", OOM),
        ("vadd v values 2 1 1 e", OOM),
        ("vcreate v dim 2", OOM),
        ("himport set h f v", OOM),
        ("get a", "$1 1"),
        ("expire a 100", ":1"),
        ("incr a b", "-ERR wrong number of arguments for 'incr' command"),
        ("del a", ":1"),
        ("config set maxmemory 0", "+OK"),
        ("set a 1", "+OK"),
    ]);
    let errors = info(&mut session, "errorstat_OOM");
    assert_eq!(errors, "count=4");
    assert!(info(&mut session, "cmdstat_set").contains("rejected_calls=1"));
}

#[test]
fn over_the_limit_there_are_no_more_subscriptions_since_8_10() {
    let over_limit = ("config set maxmemory 1", "+OK");
    for request in ["subscribe a", "psubscribe a", "ssubscribe a"] {
        Session::like_redis("8.10", 0).hold_to(&[over_limit, (request, OOM), ("publish a x", ":0")]);
        let mut session = Session::like_redis("8.6", 0);
        session.hold_to(&[over_limit]);
        assert!(session.ask(request).starts_with("*3 "));
    }
}

#[test]
fn a_transaction_that_may_take_memory_is_refused_as_a_whole() {
    let mut session = Session::at(0);
    let mut operator = session.connect();
    let mut limit = |session: &Session, to: &str| {
        let line = format!("config set maxmemory {to}");
        assert_eq!(session.ask_as(&mut operator, &line), "+OK");
    };
    limit(&session, "1");
    session.hold_to(&[
        ("multi", "+OK"),
        ("get a", "+QUEUED"),
        ("set a 1", OOM),
        ("exec", "-EXECABORT Transaction discarded because of previous errors."),
        ("multi", "+OK"),
        ("get a", "+QUEUED"),
        ("del a", "+QUEUED"),
        ("exec", "*2 $-1 :0"),
    ]);
    limit(&session, "0");
    session.hold_to(&[("multi", "+OK"), ("set a 5", "+QUEUED"), ("get a", "+QUEUED")]);
    limit(&session, "1");
    session.hold_to(&[
        (
            "exec",
            "-EXECABORT Transaction discarded because of: OOM command not allowed when used memory > 'maxmemory'.",
        ),
        ("get a", "$-1"),
        ("set a 1", OOM),
    ]);
    limit(&session, "0");
    session.hold_to(&[
        ("multi", "+OK"),
        ("set a 1", "+QUEUED"),
        ("config set maxmemory 1", "+QUEUED"),
        ("set b 2", "+QUEUED"),
        ("exec", "*3 +OK +OK +OK"),
        ("set a 2", OOM),
    ]);
}

#[test]
fn nothing_is_refused_while_nothing_may_be_evicted() {
    let mut session = Session::at(0);
    session.hold_to(&[
        ("config set maxmemory 1", "+OK"),
        ("set a 1", OOM),
        ("client pause 100000 write", "+OK"),
    ]);
    session.hold_to(&[("set a 1", "+OK"), ("client unpause", "+OK"), ("set a 1", OOM)]);
}

#[test]
fn the_level_is_shown_and_new_vector_sets_are_refused_above_high() {
    let refused = format!("-{}", crate::commands::vectors::errors::NO_NEW_SETS);
    let mut session = Session::at(0);
    session.create_set("v");
    round(&session.server);
    assert_eq!(info(&mut session, "mem_threshold"), "normal");
    session.hold_to(&[("config set maxmemory 1", "+OK")]);
    round(&session.server);
    assert_eq!(info(&mut session, "mem_threshold"), "critical");
    // The level is that of the last round: the limit is far away, and the level not yet.
    session.hold_to(&[
        ("config set maxmemory 100gb", "+OK"),
        ("vadd v values 2 1 1 e2", ":1"),
        ("vadd w values 2 1 1 e", &refused),
        ("vcreate w dim 2", &refused),
        ("exists w", ":0"),
    ]);
    round(&session.server);
    assert_eq!(session.server.memory.level(), Level::Normal);
    session.hold_to(&[("vadd w values 2 1 1 e", ":1"), ("vcreate x dim 2", "+OK")]);
}

#[test]
fn the_time_above_the_limit_is_counted() {
    let mut session = Session::at(0);
    session.hold_to(&[("config set maxmemory 1", "+OK")]);
    let mut keeper = Keeper::default();
    let began = Instant::now();
    keeper.round(&session.server, began);
    while began.elapsed().as_millis() < 2 {
        std::hint::spin_loop();
    }
    keeper.round(&session.server, Instant::now());
    let now: u64 = info(&mut session, "current_eviction_exceeded_time").parse().expect("a number");
    assert!(now >= 2, "{now}");
    session.hold_to(&[("config set maxmemory 0", "+OK")]);
    keeper.round(&session.server, Instant::now());
    assert_eq!(info(&mut session, "current_eviction_exceeded_time"), "0");
    let total: u64 = info(&mut session, "total_eviction_exceeded_time").parse().expect("a number");
    assert!(total >= now, "{total}");
}
