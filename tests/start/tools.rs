//! The program as a tool: `ping`, `check-config` and `generate`.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::folder::Folder;
use crate::{Running, free_port, program};

/// How a tool ends, and what it prints and complains of.
fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let output = command.stdin(Stdio::null()).output().expect("it can be started");
    let text = |bytes| String::from_utf8(bytes).expect("it is text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn ping(args: &[&str]) -> (Option<i32>, String) {
    let (code, out, errors) = run(program(&["ping"]).args(args));
    (code, out + &errors)
}

fn pong() -> (Option<i32>, String) {
    (Some(0), "PONG\n".to_owned())
}

/// A server that replies to the first client with this, and says what that had sent.
fn replying(reply: &'static str) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it listens").port().to_string();
    let thread = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("it connects");
        let mut request = [0; 1024];
        let len = client.read(&mut request).expect("it asks");
        client.write_all(reply.as_bytes()).expect("it reads");
        String::from_utf8_lossy(&request[..len]).into_owned()
    });
    (port, thread)
}

#[test]
fn a_server_that_works_is_pinged() {
    let folder = Folder::new("ping");
    let socket = folder.path().join("a.sock");
    let socket = socket.to_str().expect("the path is text");
    let port = free_port();
    let running = Running::start(&mut program(&["--port", &port, "--unixsocket", socket]), "");
    assert_eq!(ping(&["-p", &port]), pong());
    assert_eq!(ping(&["-h", "localhost", "-p", &port]), pong());
    assert_eq!(ping(&["-s", socket]), pong());
    let (code, out, _) = run(program(&["ping"]).env("NEARHIT_PORT", &port));
    assert_eq!((code, out.as_str()), (Some(0), "PONG\n"));
    running.ask("SHUTDOWN NOSAVE");
}

#[test]
fn passwords_are_not_on_the_command_line() {
    let folder = Folder::new("ping-password");
    let port = free_port();
    let file = write(folder.path(), "a.conf", &format!("port {port}\nrequirepass secret\n"));
    let password = write(folder.path(), "password", "secret\n");
    let _running = Running::start(&mut program(&[&file]), "");
    let (code, said) = ping(&["-p", &port]);
    assert_eq!((code, said.starts_with("NOAUTH")), (Some(3), true), "{said}");
    assert_eq!(ping(&["-p", &port, "--any-reply"]).0, Some(0));
    assert_eq!(ping(&[&file]), pong());
    assert_eq!(ping(&["-p", &port, "--password-file", &password]), pong());
    assert_eq!(ping(&["-p", &port, "--user", "default", "--password-file", &password]), pong());
    for variable in ["NEARHIT_PASSWORD", "REDISCLI_AUTH", "NEARHIT_REQUIREPASS"] {
        let (code, out, errors) = run(program(&["ping", "-p", &port]).env(variable, "secret"));
        assert_eq!((code, out.as_str()), (Some(0), "PONG\n"), "{variable}: {errors}");
    }
}

#[test]
fn a_server_that_does_not_work_is_told_from_one_that_refuses() {
    let (code, said) = ping(&["-p", &free_port()]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("refused"), "{said}");
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = silent.local_addr().expect("it listens").port().to_string();
    let (code, said) = ping(&["-p", &port, "--timeout", "0.2"]);
    assert_eq!((code, said.contains("no reply within 200ms")), (Some(1), true), "{said}");
    let (port, asked) = replying("-LOADING the data\r\n");
    assert_eq!(ping(&["-p", &port]), (Some(3), "LOADING the data\n".to_owned()));
    assert_eq!(asked.join().expect("it replied"), "*1\r\n$4\r\nPING\r\n");
    let (port, _) = replying("HTTP/1.1 400 Bad Request\r\n\r\n");
    assert_eq!(ping(&["-p", &port]).0, Some(3));
    assert_eq!(ping(&["--password", "secret"]).0, Some(2), "there is no such flag");
    assert_eq!(ping(&["--password-file", "/no/such/file"]).0, Some(1));
    let (code, said) = ping(&["--help"]);
    assert!(code == Some(0) && said.contains("NEARHIT_PASSWORD"), "{said}");
}

#[test]
fn a_configuration_is_checked_without_a_start() {
    let folder = Folder::new("check-config");
    let valid = write(folder.path(), "valid.conf", "port 7000\nhz 20\n");
    let wrong = write(folder.path(), "wrong.conf", "port 7000\ndaemonize yes\ntimeout soon\n");
    let check = |args: &[&str]| run(program(&["check-config"]).args(args));
    let (code, out, errors) = check(&[&valid]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert!(out.starts_with("Warning: ") && out.ends_with("hz\nThe configuration is valid.\n"), "{out}");
    let (code, _, errors) = check(&[&wrong]);
    assert_eq!(code, Some(1));
    for fault in ["line 2\n>>> 'daemonize yes'\nmust be 'no' here", "line 3\n>>> 'timeout soon'"] {
        assert!(errors.contains(fault), "{fault}: {errors}");
    }
    for (args, fault) in [
        (&["--port", "0"][..], "nowhere to listen"),
        (&["--bind", "localhorst"], "'bind' takes IP addresses"),
        (&["/no/such/file"], "cannot read the configuration"),
        (&[&valid, "--port", "x"], "Reading the flags"),
    ] {
        let (code, _, errors) = check(args);
        assert!(code == Some(1) && errors.contains(fault), "{args:?}: {errors}");
    }
    // The port may be taken: that is no matter of the text.
    assert_eq!(check(&["--port", "1", "--dir", "/no/such/folder"]).0, Some(0));
}

#[test]
fn pages_are_printed() {
    let (code, out, _) = run(&mut program(&["generate", "man"]));
    assert!(code == Some(0) && out.starts_with(".TH NEARHIT 1 "), "{out}");
    let (code, script, _) = run(&mut program(&["generate", "bash"]));
    assert_eq!(code, Some(0));
    let completed = |line: &str| {
        let words = line.split(' ').map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
        let last = line.split(' ').count() - 1;
        let program =
            format!("{script}\nCOMP_WORDS=({words}) COMP_CWORD={last}; _nearhit; echo \"${{COMPREPLY[@]}}\"");
        run(Command::new("bash").args(["-c", &program]).current_dir("/")).1.trim_end().to_owned()
    };
    assert_eq!(completed("nearhit --appendfs"), "--appendfsync");
    assert_eq!(completed("nearhit --port 1 --appendfsync "), "everysec always no");
    assert_eq!(completed("nearhit ping --ti"), "--timeout");
    assert_eq!(completed("nearhit check-"), "check-config check-rdb check-aof check-tier");
    assert_eq!(completed("nearhit generate z"), "zsh");
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("the folder is writable");
    path.to_str().expect("the path is text").to_owned()
}
