//! `SAVE`, `BGSAVE [SCHEDULE]`, `LASTSAVE`: saves the data to a file.

use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight};
use crate::persistence::saving::{Requested, Saver};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SAVE: Spec = Spec {
    name: "save",
    arity: Arity::Exactly(1),
    flags: Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::NO_ASYNC_LOADING).and(Flags::NO_MULTI),
    keys: &[],
    scope: Scope::AllKeys,
    redact: None,
    group: Group::Server,
    since: "1.0.0",
    complexity: "O(N) for N keys",
    summary: "Write a snapshot and reply when it is on disk",
    syntax: "",
    tips: &[],
    weight: Weight::Blocking,
    run: Run::Read(save),
};

pub(in crate::commands) const BGSAVE: Spec = Spec {
    name: "bgsave",
    arity: Arity::AtLeast(1),
    flags: Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::NO_ASYNC_LOADING),
    complexity: "O(1)",
    summary: "Start to write a snapshot in the background",
    syntax: "[SCHEDULE@3.2.2]",
    weight: Weight::Light,
    run: Run::Read(bgsave),
    ..SAVE
};

pub(in crate::commands) const LASTSAVE: Spec = Spec {
    name: "lastsave",
    flags: Flags::LOADING.and(Flags::STALE).and(Flags::FAST).and(Flags::ADMIN_CATEGORY).and(Flags::DANGEROUS),
    complexity: "O(1)",
    summary: "When the last good snapshot was written, in seconds since 1970",
    tips: &["nondeterministic_output"],
    weight: Weight::Light,
    run: Run::Read(lastsave),
    ..SAVE
};

const IN_PROGRESS: Error = Error::new("ERR Background save already in progress");

/// Other clients are not blocked, unlike in Redis: the file has the data as they were when the save
/// began.
fn save(_: Args, cx: &mut Context) -> Result<Reply, Error> {
    if matches!(cx.server.saving.status().running, Some((Saver::Background, _))) {
        return Err(IN_PROGRESS);
    }
    // The reason is in the log.
    cx.server.save().map(|_| Reply::OK).map_err(|_| Error::new("ERR"))
}

fn bgsave(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let may_wait = !args.is_empty();
    if may_wait && args.keyword_of(&[("schedule", ())]).is_none() || !args.is_empty() {
        return Err(Error::syntax());
    }
    match cx.server.save_in_background(may_wait, cx.is_in_exec()) {
        Requested::Started => Ok(Reply::Simple("Background saving started")),
        Requested::Scheduled => Ok(Reply::Simple("Background saving scheduled")),
        Requested::AlreadyRunning => Err(IN_PROGRESS),
        Requested::Busy => Err(Error::new(
            "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to \
             schedule a BGSAVE whenever possible.",
        )),
    }
}

fn lastsave(_: Args, cx: &mut Context) -> Result<Reply, Error> {
    Ok(Reply::Integer(cx.server.saving.status().history.last_save_s as i64))
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::time::{Duration, Instant};

    use crate::commands::recovery;
    use crate::commands::testing::Session;
    use crate::config::{SaveRule, Settings};
    use crate::persistence::saving::{Requested, Saver};

    struct File(PathBuf);

    impl File {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("nearhit-save-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
            Self(folder.join("dump.rdb"))
        }

        fn session(&self) -> Session {
            let save = vec![SaveRule { seconds: 1_000_000, changes: 1 }];
            let dbfilename = self.0.to_str().expect("the path is text").to_owned();
            let settings = Settings { dbfilename, save, enable_debug_command: "yes", ..Settings::defaults() };
            Session::with(settings, 1_000_000)
        }
    }

    impl Drop for File {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(self.0.parent().expect("it is in a folder"));
        }
    }

    /// Does the work of the server's thread for snapshots.
    fn save_in_background(session: &Session) {
        let server = &session.server;
        let outcome = server.saving.carry_out(&server.keyspace, &server.snapshot_file());
        assert!(outcome.expect("it was requested").is_ok());
    }

    fn info(session: &mut Session, field: &str) -> String {
        let text = session.ask("info persistence");
        let field = format!("{field}:");
        let value = text.split(' ').find_map(|word| word.strip_prefix(&field));
        value.unwrap_or_else(|| panic!("no {field} in {text}")).to_owned()
    }

    #[test]
    fn the_data_come_back_from_the_file() {
        let file = File::new("reload");
        let mut session = file.session();
        session.create_set("vectors");
        session.hold_to(&[
            ("set a 1", "+OK"),
            ("hset h f v g w", ":2"),
            ("hexpire h 100 fields 1 f", "*1 :1"),
            ("select 3", "+OK"),
            ("set b 2 ex 100", "+OK"),
        ]);
        let digest = session.ask("debug digest");
        let before = session.ask("lastsave");
        session.hold_to(&[
            ("save", "+OK"),
            ("set c 3", "+OK"),
            ("debug reload nosave", "+OK"),
            ("exists b c", ":1"),
        ]);
        assert_eq!(session.ask("debug digest"), digest);
        assert!(session.ask("lastsave") >= before);
        session.hold_to(&[
            ("set c 3", "+OK"),
            ("debug reload", "+OK"),
            ("exists b c", ":2"),
            ("ttl b", ":100"),
        ]);
        assert_eq!(info(&mut session, "rdb_changes_since_last_save"), "0");
        assert_eq!(info(&mut session, "rdb_saves"), "2");
    }

    #[test]
    fn no_snapshot_begins_while_debug_reload_has_only_a_part_of_the_data() {
        let file = File::new("partial");
        let mut session = file.session();
        session.hold_to(&[("set a 1", "+OK"), ("save", "+OK")]);
        let dump = std::fs::read(&file.0).expect("it was saved");
        std::fs::remove_file(&file.0).expect("it is ours");
        let made = std::process::Command::new("mkfifo").arg(&file.0).status();
        assert!(made.is_ok_and(|status| status.success()), "its reader waits for a writer");
        let server = &session.server;
        std::thread::scope(|scope| {
            let reloading = scope.spawn(|| recovery::reload(server, false, true).is_ok());
            let deadline = Instant::now() + Duration::from_secs(60);
            while !server.loading.is_on() || server.keyspace.db(0).census().keys > 0 {
                assert!(Instant::now() < deadline, "the data are not flushed");
                std::thread::yield_now();
            }
            let outcome = server.saving.request(false, false);
            std::fs::write(&file.0, &dump).expect("its reader waits");
            assert!(reloading.join().expect("it does not panic"));
            assert_eq!(outcome, Requested::Busy);
        });
        assert_eq!(server.saving.request(false, false), Requested::Started);
        session.hold_to(&[("get a", "$1 1")]);
    }

    #[test]
    fn debug_reload_in_a_transaction_is_refused_and_writes_go_on() {
        let file = File::new("reload-in-exec");
        let mut session = file.session();
        session.hold_to(&[
            ("multi", "+OK"),
            ("debug reload", "+QUEUED"),
            ("exec", "*1 -ERR DEBUG RELOAD is not allowed inside a transaction here"),
        ]);
        assert!(session.server.pause.in_force().is_none(), "no write is held");
    }

    #[test]
    fn one_background_save_at_a_time() {
        let file = File::new("background");
        let mut session = file.session();
        session.hold_to(&[
            ("set a 1", "+OK"),
            ("bgsave now", "-ERR syntax error"),
            ("bgsave schedule now", "-ERR syntax error"),
            ("bgsave", "+Background saving started"),
            ("bgsave", "-ERR Background save already in progress"),
            ("bgsave schedule", "-ERR Background save already in progress"),
            ("save", "-ERR Background save already in progress"),
        ]);
        assert_eq!(info(&mut session, "rdb_bgsave_in_progress"), "1");
        save_in_background(&session);
        assert_eq!(info(&mut session, "rdb_bgsave_in_progress"), "0");
        assert_eq!(info(&mut session, "rdb_changes_since_last_save"), "0");
        assert_eq!(info(&mut session, "rdb_last_bgsave_time_sec"), "0");
        assert!(file.0.is_file());
    }

    #[test]
    fn within_a_transaction_a_save_is_scheduled() {
        let file = File::new("transaction");
        let mut session = file.session();
        session.hold_to(&[
            ("multi", "+OK"),
            ("save", "-ERR Command not allowed inside a transaction"),
            ("discard", "+OK"),
            ("multi", "+OK"),
            ("bgsave", "+QUEUED"),
            ("exec", "*1 +Background saving scheduled"),
        ]);
        assert!(session.server.saving.status().running.is_none());
        session.server.follow_save_rules();
        assert!(matches!(session.server.saving.status().running, Some((Saver::Background, _))));
        save_in_background(&session);
    }

    #[test]
    fn writes_are_refused_while_data_that_are_to_be_saved_cannot_be() {
        let file = File::new("refused");
        let mut session = file.session();
        std::fs::remove_dir_all(file.0.parent().expect("it is in a folder")).expect("it is ours");
        // A failed SAVE is an error reply; a failed background save is not.
        session.hold_to(&[("set a 1", "+OK"), ("save", "-ERR"), ("ping", "+PONG"), ("set a 1", "+OK")]);
        assert!(session.ask("shutdown").starts_with("-ERR Errors trying to SHUTDOWN"));
        session.hold_to(&[("ping", "+PONG"), ("set a 1", "+OK")]);
        assert_eq!(info(&mut session, "rdb_saves_consecutive_failures"), "0");
        session.hold_to(&[("bgsave", "+Background saving started")]);
        let server = &session.server;
        assert!(
            server
                .saving
                .carry_out(&server.keyspace, &server.snapshot_file())
                .is_some_and(|saved| saved.is_err())
        );
        server.update_write_refusal();
        assert!(session.ask("ping").starts_with("-MISCONF Redis is configured to save RDB snapshots"));
        assert!(session.ask("set a 2").starts_with("-MISCONF Redis is configured to save RDB snapshots"));
        assert_eq!(info(&mut session, "rdb_last_bgsave_status"), "err");
        assert_eq!(info(&mut session, "rdb_saves_consecutive_failures"), "1");
        assert!(session.ask("shutdown").starts_with("-ERR Errors trying to SHUTDOWN"));
        assert!(!session.server.stop.is_requested());
        session.hold_to(&[
            ("get a", "$1 1"),
            ("config set stop-writes-on-bgsave-error no", "+OK"),
            ("set a 2", "+OK"),
            ("config set stop-writes-on-bgsave-error yes", "+OK"),
            ("config set save ''", "+OK"),
            ("set a 3", "+OK"),
            ("shutdown", ""),
        ]);
        assert!(session.server.stop.is_requested());
    }

    #[test]
    fn shutdown_saves_unless_nosave_is_given() {
        let file = File::new("end");
        for (words, is_saved) in [("shutdown nosave", false), ("shutdown", true), ("shutdown save now", true)]
        {
            let _ = std::fs::remove_file(&file.0);
            let mut session = file.session();
            session.hold_to(&[("set a 1", "+OK"), (words, "")]);
            assert_eq!(Path::is_file(&file.0), is_saved, "{words}");
        }
    }
}
