//! The short sections.

use super::row::{Name, Rows, Value};
use crate::commands::Server;
use crate::config;
use crate::keyspace::Census;
use crate::system;

pub(super) fn replication(server: &Server, rows: &mut Rows) {
    rows.field("role", "master");
    rows.zeros(&["connected_slaves"]);
    rows.field("master_failover_state", "no-failover");
    rows.field("master_replid", server.replication_id.digits());
    rows.field("master_replid2", "0".repeat(40));
    rows.zeros(&["master_repl_offset"]);
    rows.field("second_repl_offset", -1i64);
    rows.zeros(&["repl_backlog_active"]);
    rows.field("repl_backlog_size", backlog_size(server));
    rows.zeros(&["repl_backlog_first_byte_offset", "repl_backlog_histlen"]);
}

/// The size that the option names: as in Redis, which has no backlog either without replicas.
fn backlog_size(server: &Server) -> u64 {
    let settings = server.config.settings();
    let shown = config::find("repl-backlog-size").map(|option| option.kind.show(settings.as_ref().clone()));
    shown.and_then(|shown| shown.parse().ok()).unwrap_or(0)
}

pub(super) fn cpu(_: &Server, rows: &mut Rows) {
    let used = system::cpu_time();
    rows.field("used_cpu_sys", Value::Decimal(used.system.as_secs_f64(), 6));
    rows.field("used_cpu_user", Value::Decimal(used.user.as_secs_f64(), 6));
    let children = system::cpu_time_of_children();
    rows.field("used_cpu_sys_children", Value::Decimal(children.system.as_secs_f64(), 6));
    rows.field("used_cpu_user_children", Value::Decimal(children.user.as_secs_f64(), 6));
    // It accepts connections; commands run on other threads.
    if let Some(main) = system::cpu_time_of_main_thread() {
        rows.field("used_cpu_sys_main_thread", Value::Decimal(main.system.as_secs_f64(), 6));
        rows.field("used_cpu_user_main_thread", Value::Decimal(main.user.as_secs_f64(), 6));
    }
}

/// The entry of the module of vector sets, which clients look for.
const MODULE: [(&str, &str); 7] = [
    ("name", "vectorset"),
    ("ver", "1"),
    ("api", "1"),
    ("filters", "0"),
    ("usedby", "[]"),
    ("using", "[]"),
    ("options", "[handle-io-errors|handle-repl-async-load]"),
];

pub(super) fn modules(_: &Server, rows: &mut Rows) {
    rows.field("module", Value::Record(MODULE.map(|(name, value)| (name.into(), value.into())).into()));
}

pub(super) fn cluster(_: &Server, rows: &mut Rows) {
    rows.field("cluster_enabled", false);
}

/// Empty unless there is a session of `HOTKEYS`, or the results of one.
pub(super) fn hot_keys(server: &Server, rows: &mut Rows) {
    if let Some((session, is_active)) = server.observers.hot_keys.get() {
        rows.field("hotkeys-tracking-active", is_active);
        rows.field("hotkeys-cmd-cpu-time", session.millis_of_all());
    }
}

pub(super) fn keyspace(server: &Server, rows: &mut Rows) {
    for (number, db) in server.keyspace.databases().iter().enumerate() {
        let census = db.census();
        if census.keys > 0 {
            rows.field(Name::of("db", number.to_string(), ""), record(&census));
        }
    }
}

fn record(census: &Census) -> Value {
    Value::Record(vec![
        ("keys".into(), census.keys.into()),
        ("expires".into(), census.expires.into()),
        ("avg_ttl".into(), census.mean_ttl_ms.into()),
        ("subexpiry".into(), census.subexpiry.into()),
    ])
}
