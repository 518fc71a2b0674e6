//! `nearhit ping`: does a server work? For probes in images and on machines without redis-cli.
//!
//! Blocking sockets and no runtime: a probe runs every few seconds, beside the server. The time
//! limit holds for all of it, name look-up included, since the work runs on a thread that is left
//! behind when the time is over.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;

use crate::config::{self, Ping, Settings};

/// Longest reply that is read; those to PING and AUTH are short.
const MAX_REPLY: u64 = 64 << 10;
/// Longest password that is read from a file.
const MAX_PASSWORD: u64 = 64 << 10;
/// Variables with a password; the second is that of redis-cli.
const PASSWORD_VARIABLES: [&str; 2] = ["NEARHIT_PASSWORD", "REDISCLI_AUTH"];

/// The exit code for a server that replies with an error. 2 is clap's, for a wrong command line.
const REPLIED_ERROR: u8 = 3;

/// Where the server listens.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Tcp(String, u16),
    Unix(PathBuf),
}

/// What is sent before PING.
#[derive(Debug, Default, PartialEq, Eq)]
struct Login {
    user: Option<String>,
    password: Option<Vec<u8>>,
}

/// Pings, and prints the reply or what is wrong.
pub fn run(ping: &Ping) -> ExitCode {
    match replied(ping) {
        Ok(reply) if reply == "+PONG" => {
            println!("PONG");
            ExitCode::SUCCESS
        }
        Ok(error) => {
            eprintln!("{}", error.trim_start_matches('-'));
            if ping.any_reply { ExitCode::SUCCESS } else { REPLIED_ERROR.into() }
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// The line that the server replies to PING.
fn replied(ping: &Ping) -> Result<String, String> {
    let settings = settings(ping)?;
    let place = place(ping, &settings)?;
    let login = login(ping, settings.requirepass, |name| std::env::var(name).ok())?;
    let (sender, receiver) = mpsc::channel();
    let shown = place.to_string();
    let thread = std::thread::Builder::new().name("ping".into());
    let started = thread.spawn(move || {
        let _ = sender.send(ask(&place, &login));
    });
    started.map_err(|error| format!("the system gives no thread: {error}"))?;
    match receiver.recv_timeout(ping.timeout) {
        Ok(asked) => asked.map_err(|error| format!("{shown}: {error}")),
        Err(_) => Err(format!("{shown}: no reply within {:?}", ping.timeout)),
    }
}

/// The options of the server: its file and the environment.
fn settings(ping: &Ping) -> Result<Settings, String> {
    let args = ["nearhit".into()].into_iter().chain(ping.file.iter().map(|file| file.clone().into()));
    let start = config::from_command_line(args, |name| std::env::var_os(name));
    start.map(|start| start.settings).map_err(|error| error.to_string())
}

fn place(ping: &Ping, settings: &Settings) -> Result<Place, String> {
    if let Some(socket) = &ping.socket {
        return Ok(Place::Unix(socket.clone()));
    }
    let configured = u16::try_from(settings.port).unwrap_or_default();
    let port = ping.port.unwrap_or(configured);
    let is_named = ping.host.is_some() || ping.port.is_some();
    match port {
        0 if is_named || settings.unixsocket.is_empty() => Err("the configuration names no TCP port".into()),
        // Its path begins in `dir`, as for the server.
        0 => Ok(Place::Unix(Path::new(&settings.dir).join(&settings.unixsocket))),
        port => Ok(Place::Tcp(ping.host.clone().unwrap_or_else(|| host(&settings.bind)), port)),
    }
}

/// An address of this machine on which the server listens.
fn host(bind: &[String]) -> String {
    match bind.first().map(|first| first.trim_start_matches('-')) {
        None | Some("*" | "0.0.0.0") => "127.0.0.1".to_owned(),
        Some("::*" | "::") => "::1".to_owned(),
        Some(address) => address.to_owned(),
    }
}

/// The password is that of the file, of a variable, or of the configuration.
fn login(
    ping: &Ping,
    configured: String,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Login, String> {
    let named = match &ping.password_file {
        Some(path) => Some(first_line(path).map_err(|error| format!("{}: {error}", path.display()))?),
        None => PASSWORD_VARIABLES.iter().find_map(|name| variable(name)).map(String::into_bytes),
    };
    let configured = Some(configured.into_bytes()).filter(|password| !password.is_empty());
    // The configuration has no password of other users.
    let password = named.or(configured.filter(|_| ping.user.is_none()));
    Ok(Login { user: ping.user.clone(), password })
}

fn first_line(path: &Path) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    BufReader::new(std::fs::File::open(path)?.take(MAX_PASSWORD)).read_until(b'\n', &mut line)?;
    let end = line.trim_ascii_end().len();
    line.truncate(end);
    Ok(line)
}

fn ask(place: &Place, login: &Login) -> io::Result<String> {
    match place {
        Place::Tcp(host, port) => talk(TcpStream::connect((host.as_str(), *port))?, login),
        Place::Unix(path) => talk(UnixStream::connect(path)?, login),
    }
}

/// A refused login is not the end: the reply to PING says whether the server works for this client.
fn talk<S: Read + Write>(mut socket: S, login: &Login) -> io::Result<String> {
    let auth = login.words();
    let mut requests = auth.as_deref().map(request).unwrap_or_default();
    requests.extend(request(&[b"PING"]));
    socket.write_all(&requests)?;
    let mut replies = BufReader::new(socket.take(MAX_REPLY));
    let mut reply = line(&mut replies)?;
    if auth.is_some() {
        reply = line(&mut replies)?;
    }
    Ok(reply)
}

impl Login {
    /// AUTH with its arguments, if there is a user or a password.
    fn words(&self) -> Option<Vec<&[u8]>> {
        let password = self.password.as_deref();
        match &self.user {
            Some(user) => Some(vec![b"AUTH", user.as_bytes(), password.unwrap_or_default()]),
            None => password.map(|password| vec![b"AUTH".as_slice(), password]),
        }
    }
}

fn request(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n", word.len()).into_bytes());
        bytes.extend_from_slice(word);
        bytes.extend(b"\r\n");
    }
    bytes
}

fn line(replies: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    replies.read_until(b'\n', &mut line)?;
    match line.strip_suffix(b"\r\n") {
        Some(line) => Ok(String::from_utf8_lossy(line).into_owned()),
        None => Err(io::Error::other("the connection was closed without a reply")),
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(host, port) if host.contains(':') => write!(out, "[{host}]:{port}"),
            Self::Tcp(host, port) => write!(out, "{host}:{port}"),
            Self::Unix(path) => path.display().fmt(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ping: Ping, change: impl FnOnce(&mut Settings)) -> Result<String, String> {
        let mut settings = Settings::defaults();
        change(&mut settings);
        place(&ping, &settings).map(|place| place.to_string())
    }

    fn bound_to(address: &str) -> Result<String, String> {
        of(Ping::default(), |settings| settings.bind = vec![address.to_owned(), "-::1".to_owned()])
    }

    #[test]
    fn the_configuration_says_where_the_server_is() {
        assert_eq!(of(Ping::default(), |_| ()), Ok("127.0.0.1:6379".into()));
        assert_eq!(bound_to("*"), Ok("127.0.0.1:6379".into()));
        assert_eq!(bound_to("-::1"), Ok("[::1]:6379".into()));
        assert_eq!(bound_to("::*"), Ok("[::1]:6379".into()));
        assert_eq!(bound_to("10.0.0.7"), Ok("10.0.0.7:6379".into()));
        let by_socket = |settings: &mut Settings| {
            (settings.port, settings.unixsocket) = (0, "a.sock".into());
            settings.dir = "/run/app".into();
        };
        assert_eq!(of(Ping::default(), by_socket), Ok("/run/app/a.sock".into()));
        assert!(of(Ping::default(), |settings| settings.port = 0).is_err());
    }

    #[test]
    fn flags_come_before_the_configuration() {
        let named = Ping { host: Some("cache".into()), ..Ping::default() };
        assert_eq!(of(named, |settings| settings.port = 7000), Ok("cache:7000".into()));
        let port = Ping { port: Some(7001), ..Ping::default() };
        assert_eq!(of(port, |settings| settings.port = 7000), Ok("127.0.0.1:7001".into()));
        let socket = Ping { socket: Some("/x".into()), port: Some(1), ..Ping::default() };
        assert_eq!(of(socket, |_| ()), Ok("/x".into()));
    }

    #[test]
    fn passwords_come_from_files_variables_and_the_configuration() {
        let words = |ping: &Ping, configured: &str, variables: &[(&str, &str)]| {
            let found = |name: &str| Some(variables.iter().find(|(known, _)| *known == name)?.1.to_owned());
            let login = login(ping, configured.to_owned(), found).expect("there is nothing to read");
            let words = login.words()?;
            Some(words.iter().map(|word| String::from_utf8_lossy(word)).collect::<Vec<_>>().join(" "))
        };
        let default = Ping::default();
        assert_eq!(words(&default, "", &[]), None);
        assert_eq!(words(&default, "a", &[]).as_deref(), Some("AUTH a"));
        assert_eq!(words(&default, "a", &[("REDISCLI_AUTH", "b")]).as_deref(), Some("AUTH b"));
        let both = [("REDISCLI_AUTH", "b"), ("NEARHIT_PASSWORD", "c")];
        assert_eq!(words(&default, "a", &both).as_deref(), Some("AUTH c"));
        let probe = Ping { user: Some("probe".into()), ..Ping::default() };
        assert_eq!(words(&probe, "a", &[]).as_deref(), Some("AUTH probe "));
        assert_eq!(words(&probe, "a", &both).as_deref(), Some("AUTH probe c"));
    }

    #[test]
    fn a_password_is_the_first_line_of_its_file() {
        let path = std::env::temp_dir().join(format!("nearhit-password-{}", std::process::id()));
        std::fs::write(&path, "se cret\r\nmore\n").expect("the folder is writable");
        let ping = Ping { password_file: Some(path.clone()), ..Ping::default() };
        let read = login(&ping, "a".into(), |_| Some("b".into())).expect("it is there");
        std::fs::remove_file(&path).expect("it is there");
        assert_eq!(read.password.as_deref(), Some(b"se cret".as_slice()));
        assert!(login(&ping, String::new(), |_| None).is_err());
    }

    /// Replies that are there before the requests are written.
    struct Replies<'a>(&'a [u8]);

    impl Read for Replies<'_> {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            self.0.read(room)
        }
    }

    impl Write for Replies<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_reply_to_ping_counts_and_is_bounded() {
        let said = |login: &Login, replies: &[u8]| talk(Replies(replies), login).ok();
        let nobody = Login::default();
        let user = Login { user: None, password: Some(b"x".to_vec()) };
        assert_eq!(said(&nobody, b"+PONG\r\n").as_deref(), Some("+PONG"));
        assert_eq!(said(&user, b"-ERR no password\r\n+PONG\r\n").as_deref(), Some("+PONG"));
        assert_eq!(said(&nobody, b"-LOADING x\r\n").as_deref(), Some("-LOADING x"));
        for broken in [&b""[..], b"+PONG", &[b'x'; 1 << 20]] {
            assert_eq!(said(&nobody, broken), None);
        }
    }
}
