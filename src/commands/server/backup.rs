//! `BACKUP START|SEAL|ABORT|CLEANUP|STATUS|LIST`: a copy of the log for other programs, made while
//! the server runs.

use std::os::unix::ffi::OsStringExt;

use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight, help};
use crate::persistence::aof::BackupError;
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    flags: Flags::NONE,
    complexity: "That of the subcommand",
    summary: "Commands that put a complete copy of the log into a folder",
    weight: Weight::Light,
    run: Run::Container(SUBCOMMANDS),
    ..SUBCOMMAND
};

/// Shared fields of the subcommands. Some of them remove or link files, which may take long.
const SUBCOMMAND: Spec = Spec {
    name: "backup",
    arity: Arity::Exactly(2),
    flags: Flags::ADMIN.and(Flags::NOSCRIPT),
    keys: &[],
    scope: Scope::AllKeys,
    redact: None,
    group: Group::Server,
    since: "8.10.0",
    complexity: "O(1)",
    summary: "",
    syntax: "",
    tips: &[],
    weight: Weight::Blocking,
    run: Run::Container(&[]),
};

const SUBCOMMANDS: &[&Spec] = &[&LIST, &START, &SEAL, &HELP, &STATUS, &ABORT, &CLEANUP];

const START: Spec = Spec {
    name: "backup|start",
    summary: "Begin a backup; its base is written in the background",
    run: Run::Read(|_, cx| done(cx.server.aof.start_backup())),
    ..SUBCOMMAND
};

const SEAL: Spec = Spec {
    name: "backup|seal",
    summary: "Complete the backup with all changes made until now",
    run: Run::Read(seal),
    ..SUBCOMMAND
};

const ABORT: Spec = Spec {
    name: "backup|abort",
    summary: "Drop a backup that is not sealed",
    run: Run::Read(|_, cx| match cx.server.aof.abort_backup() {
        Ok(()) => Ok(Reply::OK),
        Err(_) => Err(Error::new("ERR No backup in progress")),
    }),
    ..SUBCOMMAND
};

const CLEANUP: Spec = Spec {
    name: "backup|cleanup",
    summary: "Remove the files of a sealed or failed backup",
    run: Run::Read(|_, cx| match cx.server.aof.clean_up_backup() {
        Ok(()) => Ok(Reply::OK),
        Err(_) => Err(Error::new("ERR Backup is in progress")),
    }),
    ..SUBCOMMAND
};

const STATUS: Spec = Spec {
    name: "backup|status",
    flags: Flags::ADMIN.and(Flags::STALE),
    summary: "State of the backup, its error, when it began and ended",
    weight: Weight::Light,
    run: Run::Read(status),
    ..SUBCOMMAND
};

const LIST: Spec = Spec {
    name: "backup|list",
    flags: Flags::ADMIN.and(Flags::STALE),
    summary: "Paths of the files that will not change any more",
    weight: Weight::Light,
    run: Run::Read(list),
    ..SUBCOMMAND
};

const HELP: Spec = Spec {
    name: "backup|help",
    flags: Flags::LOADING.and(Flags::STALE),
    summary: "List the subcommands, one or more lines for each",
    weight: Weight::Light,
    run: Run::Read(|_, _| Ok(help::lines("BACKUP", HELP_LINES))),
    ..SUBCOMMAND
};

const HELP_LINES: &[&str] = &[
    "START",
    "    Have a base made, and link it into the folder 'backupdirname'.",
    "SEAL",
    "    Add all that was changed until now: the folder then holds a complete log that does not change.",
    "ABORT",
    "    Give up a backup that is not sealed yet.",
    "CLEANUP",
    "    Remove the files of a sealed backup, or of a failed one.",
    "STATUS",
    "    Show the state: idle, snapshotting, incrementing, sealed or failed.",
    "LIST",
    "    Show the paths of the files that do not change any more.",
];

/// Waits until no change is under way and until the log's writer has written all changes. Not
/// allowed within a transaction.
fn seal(_: Args, cx: &mut Context) -> Result<Reply, Error> {
    if cx.is_in_exec() {
        return Err(Error::new("ERR BACKUP SEAL is not allowed in a transaction"));
    }
    done(cx.server.aof.seal_backup())
}

fn status(_: Args, cx: &mut Context) -> Result<Reply, Error> {
    let status = cx.server.aof.backup_status();
    let time = |seconds: u64| Reply::Integer(i64::try_from(seconds).unwrap_or(i64::MAX));
    Ok(Reply::Map(vec![
        (Reply::bulk("state"), Reply::bulk(status.phase.name())),
        (Reply::bulk("error"), Reply::bulk(status.error)),
        (Reply::bulk("start_time"), time(status.started_s)),
        (Reply::bulk("end_time"), time(status.ended_s)),
    ]))
}

fn list(_: Args, cx: &mut Context) -> Result<Reply, Error> {
    let files = cx.server.aof.backup_files().into_iter();
    Ok(Reply::Array(files.map(|path| Reply::bulk(path.into_os_string().into_vec())).collect()))
}

fn done(outcome: Result<(), BackupError>) -> Result<Reply, Error> {
    outcome.map(|()| Reply::OK).map_err(|error| match error {
        BackupError::InProgress => Error::new("ERR A backup is already in progress, ABORT it first"),
        BackupError::IsSealed => Error::new("ERR A sealed backup exists, CLEANUP it first"),
        BackupError::NotIncrementing => {
            Error::new("ERR No backup ready to seal (must be in the incrementing state)")
        }
        BackupError::NotEmpty(folder) => {
            Error::from(format!("ERR Backup directory {} is not empty, CLEANUP it first", folder.display()))
        }
        BackupError::None => Error::new("ERR No backup in progress"),
        BackupError::NoLog => Error::new("ERR The append-only file cannot be written now, see the log"),
        BackupError::Io(error) => Error::from(format!("ERR Backup failed: {error}")),
    })
}
