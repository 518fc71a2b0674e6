//! The program with existing files at its start: what it loads, what it refuses, and its replies
//! meanwhile.

use std::ffi::CString;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

#[path = "recovery/cold.rs"]
mod cold;
#[path = "support/folder.rs"]
mod folder;
#[path = "recovery/sealed.rs"]
mod sealed;

use folder::Folder;

impl Folder {
    fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.file(name);
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("it is ours");
        fs::write(path, bytes).expect("it is ours");
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.file(name)).expect("it is there")
    }

    /// The contents of the files whose names begin with `prefix`, in the order of the names.
    fn files(&self, prefix: &str) -> Vec<Vec<u8>> {
        let entries =
            fs::read_dir(self.path()).expect("it is there").map(|entry| entry.expect("it is readable"));
        let mut names: Vec<_> = entries.map(|entry| entry.file_name().into_string().expect("text")).collect();
        names.retain(|name| name.starts_with(prefix));
        names.sort();
        names.iter().map(|name| self.read(name)).collect()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nearhit"));
        command.args(["--port", "0", "--unixsocket", "socket", "--dir"]).arg(self.path()).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// The error output of a start that is refused.
    fn refusal(&self, args: &[&str]) -> String {
        let output = self.command(args).output().expect("it can be started");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).expect("it is text")
    }

    fn start(&self, args: &[&str]) -> Running {
        let mut child = self.command(args).spawn().expect("it can be started");
        let log = BufReader::new(child.stdout.take().expect("it is a pipe"));
        Running { child, log, socket: self.file("socket") }
    }
}

/// A server that is killed at the end of its test.
struct Running {
    child: Child,
    log: BufReader<ChildStdout>,
    socket: PathBuf,
}

impl Running {
    /// The log until it is ready.
    fn ready(&mut self) -> String {
        self.log_until(" ready on ")
    }

    /// The log until these words.
    fn log_until(&mut self, words: &str) -> String {
        let mut lines = String::new();
        while !lines.contains(words) {
            let read = self.log.read_line(&mut lines).expect("it is text");
            assert_ne!(read, 0, "it exited: {lines}");
        }
        lines
    }

    fn call(&self, request: &str) -> String {
        // It listens before it is ready.
        let mut client = loop {
            match UnixStream::connect(&self.socket) {
                Ok(client) => break client,
                Err(_) => std::thread::yield_now(),
            }
        };
        client.write_all(format!("{request}\r\nQUIT\r\n").as_bytes()).expect("it reads");
        let mut reply = String::new();
        client.read_to_string(&mut reply).expect("it replies");
        reply.strip_suffix("+OK\r\n").unwrap_or(&reply).trim_end().to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have exited by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A file of these parts, without a checksum.
fn rdb(parts: &[&[u8]]) -> Vec<u8> {
    [b"REDIS0013", parts.concat().as_slice(), b"\xff\0\0\0\0\0\0\0\0"].concat()
}

/// Two strings, and a list in another database.
const A: &[u8] = b"\0\x01a\x03one";
const B: &[u8] = b"\0\x01b\x03two";
const LIST: &[u8] = b"\xfe\x03\x01\x04list\x01\x01m";

/// The lines of requests as a log has them.
fn log(lines: &[&str]) -> Vec<u8> {
    let request = |line: &&str| {
        let words: Vec<&str> = line.split(' ').collect();
        let parts = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len()));
        format!("*{}\r\n{}", words.len(), parts.collect::<String>())
    };
    lines.iter().map(request).collect::<String>().into_bytes()
}

/// A log with this last increment.
fn write_log(folder: &Folder, increment: &[u8]) {
    let manifest =
        "file a.1.base.rdb seq 1 type b\nfile a.1.incr.aof seq 1 type i\nfile a.2.incr.aof seq 2 type i\n";
    folder.write("appendonlydir/appendonly.aof.manifest", manifest.as_bytes());
    folder.write("appendonlydir/a.1.base.rdb", &rdb(&[A, b"\xfc\x01\0\0\0\0\0\0\0\0\x01e\x01x"]));
    folder.write("appendonlydir/a.1.incr.aof", &log(&["SELECT 0", "PERSIST e", "APPEND a 1", "SELECT 5"]));
    folder.write("appendonlydir/a.2.incr.aof", increment);
}

const LAST: &str = "appendonlydir/a.2.incr.aof";
const WITH_LOG: [&str; 2] = ["--appendonly", "yes"];

#[test]
fn a_snapshot_is_loaded_and_its_keys_are_counted() {
    let folder = Folder::new("snapshot");
    folder.write("dump.rdb", &rdb(&[A, B]));
    let mut running = folder.start(&[]);
    let lines = running.ready();
    assert!(lines.contains("Done loading RDB, keys loaded: 2, keys expired: 0"), "{lines}");
    assert!(lines.contains("DB loaded from disk: "), "{lines}");
    assert_eq!(running.call("MGET a b"), "*2\r\n$3\r\none\r\n$3\r\ntwo");
    let info = running.call("INFO persistence");
    assert!(
        info.contains("\r\nloading:0\r\n") && info.contains("\r\nrdb_last_load_keys_loaded:2\r\n"),
        "{info}"
    );
}

#[test]
fn types_that_are_not_known_are_refused_or_counted() {
    let folder = Folder::new("types");
    let bytes = rdb(&[A, LIST]);
    folder.write("dump.rdb", &bytes);
    let refusal = folder.refusal(&[]);
    assert!(refusal.contains("dump.rdb: at offset 18: list: nearhit has no such thing"), "{refusal}");
    assert!(refusal.contains("of the key 'list'"), "{refusal}");
    let mut running = folder.start(&["--rdb-skip-unknown-types", "yes"]);
    assert!(running.ready().contains("1 list"));
    assert!(running.call("INFO persistence").contains("\r\nrdb_last_load_skipped_list:1\r\n"));
    assert_eq!(running.call("DBSIZE"), ":1");
}

/// The example files of other servers and of older releases, with their digests of each key: see
/// `tests/data/files/make`.
fn example_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/files");
    let entries = fs::read_dir(folder).expect("part of the repository");
    let paths = entries.map(|entry| entry.expect("it is readable").path());
    paths.filter(|path| path.is_dir()).collect()
}

/// Checks that the digest and the deadlines of a key are those of another server.
fn check_key(running: &Running, file: &str, line: &str) {
    let words: Vec<&str> = line.split(' ').collect();
    let [_, db, key, digest, deadline, field_deadline] = words[..] else { panic!("{file}: {line}") };
    let of = |request: &str| {
        let reply = running.call(&format!("SELECT {db}\r\n{request}"));
        reply.strip_prefix("+OK\r\n").map(str::to_owned).unwrap_or_else(|| panic!("{file}: {reply}"))
    };
    if digest != "-" {
        assert_eq!(of(&format!("DEBUG DIGEST-VALUE {key}")), format!("*1\r\n+{digest}"), "{file}: {line}");
    }
    assert_eq!(of(&format!("PEXPIRETIME {key}")), format!(":{deadline}"), "{file}: {line}");
    if field_deadline != "-" {
        let reply = of(&format!("HPEXPIRETIME {key} FIELDS 1 a"));
        assert_eq!(reply, format!("*1\r\n:{field_deadline}"), "{file}: {line}");
    }
}

#[test]
fn files_of_other_servers_and_releases_load_with_equal_digests() {
    let examples = example_files();
    assert!(examples.len() >= 4);
    for example in examples {
        let keys = fs::read_to_string(example.join("keys")).expect("part of the repository");
        let name = example.file_name().expect("it has one").to_str().expect("text");
        for form in ["rdb", "log"] {
            let folder = Folder::new(&format!("{name}-{form}"));
            copy_folder(&example, folder.path());
            let with_log = if form == "log" { "yes" } else { "no" };
            let options = ["--enable-debug-command", "yes", "--appendonly", with_log];
            let mut running = folder.start(&options);
            running.ready();
            let lines: Vec<&str> = keys.lines().filter(|line| line.starts_with(form)).collect();
            lines.iter().for_each(|line| check_key(&running, name, line));
            let keys_in = |db: &str| lines.iter().filter(|line| line.split(' ').nth(1) == Some(db)).count();
            assert_eq!(running.call("DBSIZE"), format!(":{}", keys_in("0")), "{name}");
            assert_eq!(running.call("DEBUG RELOAD"), "+OK");
            lines.iter().for_each(|line| check_key(&running, name, line));
            let output = tool(&["check-rdb"], &example.join("dump.rdb"));
            assert_eq!(output.status.code(), Some(0), "{name}: {output:?}");
        }
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the temporary folder is writable");
    for entry in fs::read_dir(from).expect("it is there") {
        let path = entry.expect("it is readable").path();
        let target = to.join(path.file_name().expect("it has one"));
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            fs::copy(&path, &target).expect("there is room");
        }
    }
}

/// Starts with a file with a list, which is skipped, and calls `save`: the file is kept beside the
/// new one.
fn saved_over_a_list(name: &str, save: impl Fn(&mut Running)) {
    let folder = Folder::new(name);
    let bytes = rdb(&[A, LIST]);
    folder.write("dump.rdb", &bytes);
    folder.write("dump.rdb.skipped-1", b"older");
    let options = ["--rdb-skip-unknown-types", "yes", "--enable-debug-command", "yes", "--save", "1 1"];
    let mut running = folder.start(&options);
    running.ready();
    save(&mut running);
    assert_ne!(folder.read("dump.rdb"), bytes, "{name}: it was saved");
    let kept = folder.files("dump.rdb.skipped-");
    assert_eq!(kept, [b"older".to_vec(), bytes], "{name}");
}

#[test]
fn a_file_with_skipped_types_is_kept_before_any_save_takes_its_place() {
    saved_over_a_list("skipped-save", |running| assert_eq!(running.call("SAVE"), "+OK"));
    saved_over_a_list("skipped-bgsave", |running| {
        assert_eq!(running.call("BGSAVE"), "+Background saving started");
        running.log_until("Background saving terminated with success");
    });
    saved_over_a_list("skipped-rule", |running| {
        assert_eq!(running.call("SET a 2"), "+OK");
        running.log_until("Background saving terminated with success");
    });
    saved_over_a_list("skipped-reload", |running| assert_eq!(running.call("DEBUG RELOAD"), "+OK"));
    saved_over_a_list("skipped-twice", |running| {
        assert_eq!(running.call("SAVE"), "+OK");
        assert_eq!(running.call("SAVE"), "+OK");
    });
    saved_over_a_list("skipped-shutdown", |running| {
        running.call("SHUTDOWN");
        assert!(running.child.wait().expect("it was started").success());
    });
    saved_over_a_list("skipped-sigterm", |running| {
        let process = i32::try_from(running.child.id()).expect("it is a process");
        // SAFETY: the call takes numbers only; the process has not been waited for.
        assert_eq!(unsafe { libc::kill(process, libc::SIGTERM) }, 0);
        let lines = running.log_until("that file is kept as dump.rdb.skipped-");
        assert!(lines.contains("Parts of dump.rdb were passed over"), "{lines}");
        assert!(running.child.wait().expect("it was started").success());
    });
}

#[test]
fn a_file_with_skipped_types_that_cannot_be_kept_is_not_replaced() {
    let folder = Folder::new("skipped-full");
    let bytes = rdb(&[A, LIST]);
    folder.write("long.rdb", &bytes);
    // With the suffix the name is longer than a file system allows.
    let name = format!("{}.rdb", "n".repeat(245));
    fs::rename(folder.file("long.rdb"), folder.file(&name)).expect("the folder is writable");
    let mut running = folder.start(&["--rdb-skip-unknown-types", "yes", "--dbfilename", &name]);
    running.ready();
    assert_eq!(running.call("SAVE"), "-ERR");
    assert_eq!(folder.read(&name), bytes);
}

#[test]
fn a_damaged_snapshot_is_refused_and_left_as_it_is() {
    let folder = Folder::new("damaged");
    let mut bytes = rdb(&[A, B]);
    bytes.truncate(20);
    folder.write("dump.rdb", &bytes);
    let refusal = folder.refusal(&[]);
    assert!(refusal.contains("Fatal error loading the DB from dump.rdb: at offset "), "{refusal}");
    assert!(refusal.contains("of the key 'b'"), "{refusal}");
    assert_eq!(folder.read("dump.rdb"), bytes);
    let output = tool(&["check-rdb"], &folder.file("dump.rdb"));
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("of the key 'b'"), "{output:?}");
}

#[test]
fn a_log_is_replayed_in_order_in_place_of_the_snapshot() {
    let folder = Folder::new("log");
    folder.write("dump.rdb", &rdb(&[B]));
    write_log(&folder, &log(&["SELECT 0", "APPEND a 2", "MULTI", "SET c 3", "EXEC"]));
    let mut running = folder.start(&WITH_LOG);
    assert!(running.ready().contains("DB loaded from append only file: "));
    assert_eq!(running.call("MGET a b c e"), "*4\r\n$5\r\none12\r\n$-1\r\n$1\r\n3\r\n$1\r\nx");
    assert_eq!(
        running.call("TTL e"),
        ":-1",
        "PERSIST in the log is replayed, though the key has expired since"
    );
}

#[test]
fn a_log_that_ends_in_the_middle_of_a_change_is_truncated_there() {
    let whole = log(&["SELECT 0", "SET c 3"]);
    for (name, rest) in
        [("request", &b"*3\r\n$3\r\nSET\r\n$1\r\nc"[..]), ("transaction", &log(&["MULTI", "SET c 4"]))]
    {
        let folder = Folder::new(name);
        write_log(&folder, &[&whole, rest].concat());
        let refusal = folder.refusal(&["--appendonly", "yes", "--aof-load-truncated", "no"]);
        assert!(
            refusal.contains("Unexpected end of file reading the append only file appendonlydir/a.2"),
            "{refusal}"
        );
        assert_eq!(folder.read(LAST), [&whole, rest].concat(), "it is as it was");
        let mut running = folder.start(&WITH_LOG);
        let lines = running.ready();
        assert!(lines.contains("!!! Truncating the AOF appendonlydir/a.2.incr.aof at offset "), "{lines}");
        assert_eq!(running.call("GET c"), "$1\r\n3");
        drop(running);
        assert!(folder.read(LAST).starts_with(&whole));
        assert!(!folder.read(LAST).starts_with(&[&whole, rest].concat()));
    }
}

#[test]
fn a_damaged_log_is_refused_unless_the_damage_is_short() {
    let folder = Folder::new("corrupt");
    let bytes = [log(&["SELECT 0", "SET c 3"]), b"\0\0\0\0\0".to_vec()].concat();
    write_log(&folder, &bytes);
    for size in ["0", "5"] {
        let refusal = folder.refusal(&["--appendonly", "yes", "--aof-load-corrupt-tail-max-size", size]);
        assert!(refusal.contains("Bad file format reading the append only file"), "{refusal}");
        assert!(refusal.contains("configuration option to 6"), "{refusal}");
        assert_eq!(folder.read(LAST), bytes, "it is as it was");
    }
    let checked = tool(&["check-aof"], &folder.file("appendonlydir/appendonly.aof.manifest"));
    assert_eq!(checked.status.code(), Some(1));
    let mut running = folder.start(&["--appendonly", "yes", "--aof-load-corrupt-tail-max-size", "6"]);
    running.ready();
    assert_eq!(running.call("GET c"), "$1\r\n3");
}

#[test]
fn damage_before_the_last_file_is_refused() {
    let folder = Folder::new("middle");
    write_log(&folder, b"");
    folder.write("appendonlydir/a.1.incr.aof", b"*1\r\n$3\r\nSE");
    let refusal = folder.refusal(&WITH_LOG);
    assert!(refusal.contains("the truncated file is not the last file"), "{refusal}");
    fs::remove_file(folder.file("appendonlydir/a.1.incr.aof")).expect("it is ours");
    assert!(folder.refusal(&WITH_LOG).contains("can't open appendonlydir/a.1.incr.aof"));
}

#[test]
fn an_unknown_command_in_a_log_is_refused() {
    let folder = Folder::new("unknown");
    write_log(&folder, &log(&["SELECT 0", "NOSUCH x"]));
    let refusal = folder.refusal(&WITH_LOG);
    assert!(refusal.contains("Unknown command 'NOSUCH' reading the append only file"), "{refusal}");
}

#[test]
fn an_unknown_option_in_a_log_is_refused_or_counted() {
    let folder = Folder::new("unknown-option");
    write_log(&folder, &log(&["SELECT 0", "SET b 2 NOSUCH", "VADD v VALUES 2 1 2 e NOSUCH", "SET c 3"]));
    let refusal = folder.refusal(&WITH_LOG);
    assert!(refusal.contains("Unknown form of a command 'SET' reading the append only file"), "{refusal}");
    let mut running = folder.start(&["--appendonly", "yes", "--rdb-skip-unknown-types", "yes"]);
    let lines = running.ready();
    assert!(lines.contains("1 set, 1 vadd"), "{lines}");
    assert_eq!(running.call("MGET b c"), "*2\r\n$-1\r\n$1\r\n3");
}

#[test]
fn the_log_of_an_old_redis_is_adopted() {
    let folder = Folder::new("old");
    folder.write("appendonly.aof", &[rdb(&[A]), log(&["SELECT 0", "SET b 2"])].concat());
    let mut running = folder.start(&WITH_LOG);
    assert!(running.ready().contains("Successfully migrated an old-style AOF file (appendonly.aof)"));
    assert_eq!(running.call("MGET a b"), "*2\r\n$3\r\none\r\n$1\r\n2");
    assert!(!folder.file("appendonly.aof").exists() && folder.file("appendonlydir/appendonly.aof").exists());
}

#[test]
fn a_log_is_repaired_by_the_tool() {
    let folder = Folder::new("repair");
    let whole = log(&["SELECT 0", "SET c 3"]);
    write_log(&folder, &[whole.as_slice(), b"*3\r\n$3"].concat());
    let manifest = folder.file("appendonlydir/appendonly.aof.manifest");
    let unconfirmed = tool(&["check-aof", "--fix"], &manifest);
    assert_eq!(unconfirmed.status.code(), Some(1), "not confirmed: {unconfirmed:?}");
    let fixed = tool(&["check-aof", "--fix", "--yes"], &manifest);
    assert!(fixed.status.success(), "{fixed:?}");
    assert_eq!(folder.read(LAST), whole);
    let report = String::from_utf8_lossy(&fixed.stdout).into_owned();
    assert!(report.contains("database 0: 2 keys") && report.contains("  APPEND: 1\n"), "{report}");
    assert!(tool(&["check-aof"], &manifest).status.success());
}

fn tool(args: &[&str], file: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nearhit"));
    command.args(args).arg(file).stdin(Stdio::null()).output().expect("it can be started")
}

/// A pipe in the place of the snapshot: loading lasts until the test writes to it.
fn make_pipe(path: &Path) {
    let path = CString::new(path.as_os_str().as_bytes()).expect("it has no zero");
    // SAFETY: the path lives through the call.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0, "the temporary folder is writable");
}

#[test]
fn requests_are_refused_while_data_are_loaded() {
    let folder = Folder::new("loading");
    make_pipe(&folder.file("dump.rdb"));
    let mut running = folder.start(&[]);
    let loading = "-LOADING Redis is loading the dataset in memory";
    assert_eq!(running.call("PING"), loading);
    assert_eq!(running.call("SET a 1"), loading);
    let info = running.call("INFO persistence");
    assert!(info.contains("\r\nloading:1\r\n") && info.contains("\r\nloading_eta_seconds:1"), "{info}");
    fs::write(folder.file("dump.rdb"), rdb(&[A])).expect("the server reads");
    running.ready();
    assert_eq!(running.call("PING"), "+PONG");
    assert_eq!(running.call("GET a"), "$3\r\none");
}

#[test]
fn a_server_that_loads_exits_on_sigterm() {
    let folder = Folder::new("term");
    make_pipe(&folder.file("dump.rdb"));
    let mut running = folder.start(&[]);
    assert!(running.call("PING").starts_with("-LOADING"));
    // SAFETY: kill takes plain numbers, and the child is ours.
    assert_eq!(unsafe { libc::kill(running.child.id() as i32, libc::SIGTERM) }, 0);
    assert!(running.child.wait().expect("it is ours").success());
}

#[test]
fn commands_of_other_types_in_a_log_are_refused_or_counted_and_its_files_are_kept() {
    let folder = Folder::new("log-types");
    let foreign = ["SELECT 0", "RPUSH l 1", "SET b 2", "MULTI", "ZADD z 1 a", "SET c 3", "EXEC", "rpush l 2"];
    write_log(&folder, &log(&foreign));
    let refusal = folder.refusal(&WITH_LOG);
    assert!(refusal.contains("Unknown command 'RPUSH' reading the append only file"), "{refusal}");
    let old = folder.files("appendonlydir/a.");
    let mut running = folder.start(&["--appendonly", "yes", "--rdb-skip-unknown-types", "yes"]);
    let lines = running.ready();
    assert!(lines.contains("2 rpush, 1 zadd"), "{lines}");
    let info = running.call("INFO persistence");
    assert!(info.contains("\r\nrdb_last_load_skipped_rpush:2\r\nrdb_last_load_skipped_zadd:1\r\n"), "{info}");
    assert_eq!(running.call("MGET b c"), "*2\r\n$1\r\n2\r\n$1\r\n3");
    running.call("BGREWRITEAOF");
    running.log_until("Background AOF rewrite finished successfully");
    let folder_names = |kept: bool| {
        let entries = fs::read_dir(folder.file("appendonlydir")).expect("it is there");
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("it is readable").file_name().into_string().expect("text"))
            .collect();
        names.retain(|name| name.contains(".skipped-") == kept);
        names.sort();
        names
    };
    let kept: Vec<_> =
        folder_names(true).iter().map(|name| folder.read(&format!("appendonlydir/{name}"))).collect();
    assert_eq!((kept.len(), old.len()), (3, 0), "{:?}", folder_names(true));
    assert!(kept[2].ends_with(&log(&["rpush l 2"])));
    running.call("BGREWRITEAOF");
    running.log_until("Background AOF rewrite finished successfully");
    assert_eq!(folder_names(true).len(), 3, "once");
    assert_eq!(folder_names(false).len(), 3, "a base, an increment and the manifest");
}

#[test]
fn a_log_that_is_truncated_is_kept_whole_if_commands_were_skipped() {
    let folder = Folder::new("log-types-cut");
    write_log(&folder, &[log(&["SELECT 0", "RPUSH l 1", "SET b 2"]), b"*2\r\n$3\r\nDEL".to_vec()].concat());
    let whole = folder.read(LAST);
    let mut running = folder.start(&["--appendonly", "yes", "--rdb-skip-unknown-types", "yes"]);
    let lines = running.ready();
    let name = lines.split("a copy is kept as ").nth(1).and_then(|rest| rest.split_whitespace().next());
    assert_eq!(folder.read(name.expect("the log has the name")), whole);
    assert!(folder.read(LAST).len() < whole.len());
}

const PERSISTENT: [&str; 4] = ["--appendonly", "yes", "--enable-debug-command", "yes"];

#[test]
fn a_log_that_was_switched_on_has_what_is_acknowledged_afterwards() {
    let folder = Folder::new("on");
    for round in 0..6 {
        let mut running = folder.start(&PERSISTENT);
        running.ready();
        let reply = running.call(&format!(
            "BGREWRITEAOF\r\nCONFIG SET appendonly no\r\nCONFIG SET appendonly yes\r\nSET k{round} 1"
        ));
        assert!(reply.ends_with("+OK\r\n+OK\r\n+OK"), "{reply}");
        assert!(running.call("INFO persistence").contains("aof_enabled:1\r\n"));
        let reply = running.call(&format!(
            "CONFIG SET appendonly no\r\nMULTI\r\nCONFIG SET appendonly yes\r\nEXEC\r\nSET m{round} 1"
        ));
        assert!(reply.ends_with("*1\r\n+OK\r\n+OK"), "{reply}");
        drop(running);
        let mut running = folder.start(&PERSISTENT);
        running.ready();
        assert_eq!(running.call(&format!("EXISTS k{round} m{round}")), ":2");
    }
}

#[test]
fn a_log_that_cannot_be_switched_on_is_reported() {
    let folder = Folder::new("not-on");
    folder.write("appendonlydir", b"a file in its place");
    let mut running = folder.start(&["--enable-debug-command", "yes"]);
    running.ready();
    let reply = running.call("CONFIG SET appendonly yes");
    assert!(reply.contains("argument 'appendonly') - Unable to turn on AOF. Check server logs."), "{reply}");
    assert!(running.call("INFO persistence").contains("aof_enabled:0\r\n"));
    assert!(
        running
            .call("MULTI\r\nCONFIG SET appendonly yes\r\nEXEC")
            .contains("-ERR the transaction was carried out, but")
    );
    fs::remove_file(folder.file("appendonlydir")).expect("it is ours");
    assert_eq!(
        running.call("CONFIG SET appendonly no\r\nCONFIG SET appendonly yes\r\nSET a 1"),
        "+OK\r\n+OK\r\n+OK"
    );
    drop(running);
    let mut running = folder.start(&PERSISTENT);
    running.ready();
    assert_eq!(running.call("EXISTS a"), ":1");
}

/// Numbers that look random.
struct Draws(u64);

impl Draws {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

#[test]
fn after_any_steps_a_log_that_is_on_has_all_that_was_acknowledged() {
    for seed in 0..10 {
        let folder = Folder::new(&format!("steps-{seed}"));
        let mut draws = Draws(seed);
        let mut steps = Vec::new();
        let mut running = folder.start(&PERSISTENT);
        running.ready();
        let mut is_on = true;
        let mut keys = std::collections::BTreeSet::new();
        let mut is_blocked = false;
        for step in 0..12 {
            let draw = draws.below(12);
            steps.push(draw);
            match draw {
                0..=2 => is_on = running.call("CONFIG SET appendonly yes") == "+OK",
                3 => is_on = running.call("CONFIG SET appendonly no") != "+OK",
                4 | 5 => drop(running.call("BGREWRITEAOF")),
                6 => drop(running.call("BGSAVE")),
                7 => drop(running.call("SAVE")),
                8 => {
                    assert_eq!(running.call("FLUSHALL"), "+OK");
                    keys.clear();
                }
                9 => drop(
                    running
                        .call(["CONFIG SET appendfsync always", "CONFIG SET appendfsync everysec"][step % 2]),
                ),
                10 => assert_eq!(running.call("DEBUG RELOAD"), "+OK", "{steps:?}"),
                // The folder is replaced by a file, or put back.
                _ if !is_blocked && folder.file("appendonlydir").is_dir() => {
                    fs::rename(folder.file("appendonlydir"), folder.file("aside")).expect("it is ours");
                    folder.write("appendonlydir", b"");
                    is_blocked = true;
                }
                _ if is_blocked => {
                    fs::remove_file(folder.file("appendonlydir")).expect("it is ours");
                    fs::rename(folder.file("aside"), folder.file("appendonlydir")).expect("it is ours");
                    is_blocked = false;
                }
                _ => {}
            }
            if running.call(&format!("SET k{step} 1")) == "+OK" {
                keys.insert(format!("k{step}"));
            }
        }
        drop(running);
        if is_blocked {
            fs::remove_file(folder.file("appendonlydir")).expect("it is ours");
            fs::rename(folder.file("aside"), folder.file("appendonlydir")).expect("it is ours");
        }
        if !is_on {
            continue;
        }
        let mut running = folder.start(&PERSISTENT);
        running.ready();
        for key in &keys {
            assert_eq!(running.call(&format!("EXISTS {key}")), ":1", "{key} after {steps:?} of seed {seed}");
        }
        assert_eq!(running.call("DBSIZE"), format!(":{}", keys.len()), "{steps:?}");
    }
}

#[test]
fn debug_loadaof_loads_the_data_from_the_log() {
    let folder = Folder::new("loadaof");
    let mut running = folder.start(&PERSISTENT);
    running.ready();
    assert_eq!(
        running.call("SET a 1\r\nHSET h f 1\r\nINCR n\r\nDEBUG LOADAOF\r\nINCR n"),
        "+OK\r\n:1\r\n:1\r\n+OK\r\n:2"
    );
    assert_eq!(running.call("SET b 1\r\nDEBUG LOADAOF\r\nDBSIZE\r\nGET n"), "+OK\r\n+OK\r\n:4\r\n$1\r\n2");
    drop(running);
    let mut running = folder.start(&PERSISTENT);
    running.ready();
    assert_eq!(running.call("DBSIZE\r\nGET n"), ":4\r\n$1\r\n2");
}

#[test]
fn after_a_reload_of_an_older_snapshot_the_log_has_the_data_of_that() {
    let folder = Folder::new("older");
    let mut running = folder.start(&PERSISTENT);
    running.ready();
    assert_eq!(
        running.call("SET a 1\r\nSAVE\r\nSET b 1\r\nDEBUG RELOAD NOSAVE\r\nSET c 1"),
        "+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK"
    );
    drop(running);
    let mut running = folder.start(&PERSISTENT);
    running.ready();
    assert_eq!(running.call("EXISTS a c\r\nEXISTS b"), ":2\r\n:0");
}

/// The folder of a sealed backup is a log that a server starts with.
#[test]
fn a_backup_taken_under_writes_is_loaded_by_another_server() {
    for appendonly in ["no", "yes"] {
        let folder = Folder::new(&format!("backup-{appendonly}"));
        let mut server = folder.start(&["--compat", "8.10", "--appendonly", appendonly]);
        server.ready();
        assert_eq!(server.call("SET before 1"), "+OK");
        assert_eq!(server.call("VADD set VALUES 2 1 0 e"), ":1");
        assert_eq!(server.call("BACKUP START"), "+OK");
        while !server.call("BACKUP STATUS").contains("incrementing") {
            std::thread::yield_now();
        }
        assert_eq!(server.call("SET during 2"), "+OK");
        assert_eq!(server.call("BACKUP SEAL"), "+OK");
        let digest = server.call("DEBUG DIGEST");
        assert_eq!(server.call("SET after 3"), "+OK");
        assert!(server.call("BACKUP LIST").contains("appendonly.aof.manifest"));
        let restored = Folder::new(&format!("restored-{appendonly}"));
        fs::rename(folder.file("backupdir"), restored.file("appendonlydir")).expect("the same file system");
        let mut other = restored.start(&["--appendonly", "yes"]);
        other.ready();
        assert_eq!(other.call("DEBUG DIGEST"), digest);
        assert_eq!(other.call("MGET before during after"), "*3\r\n$1\r\n1\r\n$1\r\n2\r\n$-1");
    }
}

#[test]
fn a_log_with_timestamps_is_replayed() {
    let folder = Folder::new("dated");
    let dated = ["--appendonly", "yes", "--aof-timestamp-enabled", "yes"];
    let mut running = folder.start(&dated);
    running.ready();
    assert_eq!(running.call("SET a 1\r\nMULTI\r\nSET b 1\r\nINCR a\r\nEXEC").lines().next(), Some("+OK"));
    drop(running);
    assert!(folder.read("appendonlydir/appendonly.aof.1.incr.aof").starts_with(b"#TS:"));
    let mut running = folder.start(&PERSISTENT);
    running.ready();
    assert_eq!(running.call("MGET a b"), "*2\r\n$1\r\n2\r\n$1\r\n1");
}

/// The replies about a vector set, without the numbers that files do not store.
fn seen_of(running: &Running, set: &str) -> String {
    let seen = running.call(&format!(
        "VCARD {set}\r\nVINFO {set}\r\nVEMB {set} e7\r\nVSIM {set} ELE e3 WITHSCORES WITHATTRIBS TRUTH COUNT 10000"
    ));
    let not_stored = [
        "+vset-uid",
        "+hnsw-max-node-uid",
        "+bytes-per-element",
        "+reusable-bytes",
        "+memory-vectors",
        "+memory-graph",
        "+memory-names",
        "+memory-attributes",
        "+memory-indexes",
        "+memory-expiry",
    ];
    let mut lines: Vec<_> = seen.lines().collect();
    while let Some(at) = lines.iter().position(|line| not_stored.contains(line)) {
        lines.drain(at..at + 2);
    }
    // Elements with equal scores may have any order; the digest covers which element has which
    // vector.
    lines.sort_unstable();
    lines.join("\n")
}

const SETS: [(&str, &str); 9] = [
    ("plain", "VADD {s} VALUES 4 {v} {e} SETATTR {n}"),
    ("float", "VADD {s} VALUES 4 {v} {e} NOQUANT M 8"),
    ("bits", "VADD {s} VALUES 4 {v} {e} BIN"),
    ("projected", "VADD {s} REDUCE 3 VALUES 4 {v} {e}"),
    ("projected:l2", "VADD {s} REDUCE 3 VALUES 4 {v} {e} METRIC L2"),
    ("half", "VADD {s} VALUES 4 {v} {e} METRIC IP QUANT F16"),
    ("rq", "VADD {s} VALUES 4 {v} {e} METRIC L2 QUANT RQ2 RERANK F16"),
    ("pq", "VADD {s} VALUES 4 {v} {e} QUANT PQ"),
    ("created", "VADD {s} VALUES 4 {v} {e}"),
];

fn fill_sets(running: &Running) {
    assert_eq!(
        running.call("VCREATE created DIM 4 QUANT RQ4 M 9 EF 77\r\nVCREATE empty DIM 9"),
        "+OK\r\n+OK"
    );
    for (set, form) in SETS {
        let add = |n: usize| {
            let vector = format!("0.{} 0.{} -0.{} {}", n * 7 % 100, n * 13 % 90, n * n % 97, n % 3);
            let form = form.replace("{s}", set).replace("{v}", &vector);
            form.replace("{e}", &format!("e{n}")).replace("{n}", &n.to_string())
        };
        let replies = running.call(&(0..40).map(add).collect::<Vec<_>>().join("\r\n"));
        assert_eq!(replies, [":1"; 40].join("\r\n"), "{set}");
    }
}

fn fill_keys(running: &Running) {
    let fields = |range: std::ops::Range<usize>| range.map(|n| format!(" f{n} {n}")).collect::<String>();
    let expire = |n: usize| format!("\r\nHPEXPIRE large {} FIELDS 2 f{n} f{}", 10_000_000 + n, n + 1000);
    running.call(&format!(
        "SET a one PX 90000000\r\nSET n 17\r\nHSET small x y\r\nPEXPIRE small 80000000\r\nHSET large{}{}\r\nPEXPIRE large 99999999",
        fields(0..3000),
        (0..200).map(expire).collect::<String>(),
    ));
    running.call("SELECT 5\r\nSET a five\r\nHSET h f v\r\nHPEXPIRE h 70000000 FIELDS 1 f");
}

fn rewrite_under_writes(running: &Running) {
    assert!(running.call("BGREWRITEAOF").starts_with("+Background append only file rewriting"));
    let is_done = || {
        let info = running.call("INFO persistence");
        info.contains("aof_rewrite_in_progress:0") && info.contains("aof_rewrite_scheduled:0")
    };
    for round in 0.. {
        running.call(&format!(
            "INCR n\r\nHSET large f{} new\r\nVADD plain VALUES 4 1 2 3 {round} e{round}",
            round % 3000
        ));
        if is_done() {
            return;
        }
    }
}

/// The name of the log's base file.
fn base_of(folder: &Folder) -> String {
    let manifest = String::from_utf8(folder.read("appendonlydir/appendonly.aof.manifest")).expect("text");
    manifest.split(' ').nth(1).expect("a base is first").to_owned()
}

#[test]
fn a_log_whose_base_is_commands_loads_equal_data() {
    let folder = Folder::new("commands");
    let options = [&PERSISTENT[..], &["--aof-use-rdb-preamble", "no"]].concat();
    let mut running = folder.start(&options);
    running.ready();
    assert_eq!(base_of(&folder), "appendonly.aof.1.base.aof");
    fill_sets(&running);
    fill_keys(&running);
    rewrite_under_writes(&running);
    assert_eq!(base_of(&folder), "appendonly.aof.2.base.aof");
    let base = folder.read("appendonlydir/appendonly.aof.2.base.aof");
    assert!(base.starts_with(b"*2\r\n$6\r\nSELECT\r\n"), "{}", base[..40].escape_ascii());
    let output = tool(&["check-aof"], &folder.file("appendonlydir/appendonly.aof.manifest"));
    assert!(output.status.success(), "{output:?}");
    let sets = || SETS.iter().map(|(set, _)| *set).chain(["empty"]);
    let seen = |running: &Running| {
        let keys =
            "PEXPIRETIME a\r\nPEXPIRETIME small\r\nPEXPIRETIME large\r\nHPEXPIRETIME large FIELDS 2 f7 f1007";
        let of_sets: Vec<_> = sets().map(|set| seen_of(running, set)).collect();
        (running.call("DEBUG DIGEST"), running.call("DBSIZE"), running.call(keys), of_sets)
    };
    let before = seen(&running);
    drop(running);
    let mut running = folder.start(&options);
    running.ready();
    assert_eq!(seen(&running), before);
}

#[test]
fn a_change_of_the_form_of_the_base_applies_from_the_next_rewrite_on() {
    let folder = Folder::new("form");
    let mut running = folder.start(&WITH_LOG);
    running.ready();
    assert_eq!(running.call("SET n 1"), "+OK");
    for (round, (choice, end)) in [("no", "aof"), ("yes", "rdb"), ("no", "aof")].into_iter().enumerate() {
        assert_eq!(running.call(&format!("CONFIG SET aof-use-rdb-preamble {choice}")), "+OK");
        rewrite_under_writes(&running);
        assert_eq!(base_of(&folder), format!("appendonly.aof.{}.base.{end}", round + 2));
    }
    assert!(running.call("CONFIG GET aof-use-rdb-preamble").ends_with("no"));
    let n = running.call("GET n");
    drop(running);
    let mut running = folder.start(&WITH_LOG);
    running.ready();
    assert_eq!(running.call("GET n"), n);
}

/// The keys that BLESS protects in databases 0 and 5, in alphabetical order.
fn blessed(running: &Running) -> String {
    let reply = running.call("BLESS SCAN 0 NO-EVICT\r\nSELECT 5\r\nBLESS SCAN 0 NO-EVICT");
    let is_key = |line: &&str| !line.is_empty() && !line.starts_with(['*', '$', '+', '0']);
    let mut keys: Vec<&str> = reply.split("\r\n").filter(is_key).collect();
    keys.sort_unstable();
    keys.join(" ")
}

#[test]
fn blessings_are_in_snapshots_and_in_logs() {
    for (name, options) in [
        ("snapshot", &["--save", "", "--enable-debug-command", "yes"][..]),
        ("log", &PERSISTENT),
        ("commands", &[&PERSISTENT[..], &["--aof-use-rdb-preamble", "no"]].concat()),
    ] {
        let folder = Folder::new(&format!("blessed-{name}"));
        let mut running = folder.start(options);
        running.ready();
        fill_sets(&running);
        fill_keys(&running);
        let replies = running.call(
            "BLESS SET a NO-EVICT\r\nBLESS SET n NO-EVICT\r\nBLESS SET large NO-EVICT\r\nBLESS SET plain NO-EVICT\r\n\
             BLESS SET small NO-EVICT\r\nBLESS CLEAR small NO-EVICT\r\nRENAME n m\r\nCOPY plain copied\r\nSELECT 5\r\n\
             BLESS SET h NO-EVICT",
        );
        assert_eq!(replies, ":1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n+OK\r\n:1\r\n+OK\r\n:1", "{name}");
        let expected = "a copied h large m plain";
        assert_eq!(blessed(&running), expected, "{name}");
        let steps: &[&str] = match name {
            "snapshot" => &["DEBUG RELOAD", "SAVE"],
            _ => &["DEBUG LOADAOF", "rewrite", "DEBUG LOADAOF", "DEBUG RELOAD"],
        };
        for step in steps {
            match *step {
                "rewrite" => rewrite_under_writes(&running),
                command => assert_eq!(running.call(command), "+OK", "{name} {command}"),
            }
            assert_eq!(blessed(&running), expected, "{name} {step}");
        }
        drop(running);
        let mut running = folder.start(options);
        running.ready();
        assert_eq!(blessed(&running), expected, "{name}, restarted");
        assert!(running.call("INFO stats").contains("blessed_keys:6"), "{name}");
    }
}
