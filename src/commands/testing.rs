//! For tests: a server without sockets, and its replies to a script.

use std::sync::Arc;

use bytes::BytesMut;

use super::client::Endpoints;
use super::{Call, Client, Context, Place, Server, dispatch};
use crate::config::{Config, Settings};
use crate::journal::{Batch, Reader, Record};
use crate::keyspace::{Clock, Keyspace};
use crate::resp::{Encoded, Limits, Request, RequestParser};
use crate::vector_set::{Hold, Lifetime, Params, Put, VectorSet};

/// One client of a server with a fixed clock.
pub(super) struct Session {
    pub(super) server: Server,
    pub(super) client: Client,
    /// A reader of the stream of changes, if the server has one.
    reader: Option<Reader>,
}

impl Session {
    /// An empty server at this time.
    pub(super) fn at(now_ms: i64) -> Self {
        Self::with(Settings::defaults(), now_ms)
    }

    /// The same, and DEBUG is allowed.
    pub(super) fn debugging(now_ms: i64) -> Self {
        Self::with(Settings { enable_debug_command: "yes", ..Settings::defaults() }, now_ms)
    }

    /// The same, like this release of Redis.
    pub(super) fn like_redis(release: &'static str, now_ms: i64) -> Self {
        Self::with(Settings { compat: release, ..Settings::defaults() }, now_ms)
    }

    /// The same, with these options.
    pub(super) fn with(settings: Settings, now_ms: i64) -> Self {
        let server = Server::new(Config::new(settings), Keyspace::new(Clock::manual(now_ms)));
        let shown = server.clients.connect(Endpoints::default(), 1, false).expect("there is room for one");
        let client = Client::new(shown, &server.acl.users);
        Self { server, client, reader: None }
    }

    /// Another client, to be given to [`ask_as`](Self::ask_as).
    pub(super) fn connect(&self) -> Client {
        let shown = self.server.clients.connect(Endpoints::default(), usize::MAX, false);
        Client::new(shown.expect("there is room"), &self.server.acl.users)
    }

    /// The reply to a line of words, with blanks in place of line ends. `''` is an empty word.
    pub(super) fn ask(&mut self, line: &str) -> String {
        ask(&self.server, &mut self.client, line)
    }

    /// The bytes of the reply to these words.
    pub(super) fn reply_to<W: AsRef<[u8]>>(&mut self, words: &[W]) -> Vec<u8> {
        reply_to(&self.server, &mut self.client, words)
    }

    /// The reply to another client.
    pub(super) fn ask_as(&self, client: &mut Client, line: &str) -> String {
        ask(&self.server, client, line)
    }

    /// True if the request is not to run on a network thread.
    pub(super) fn is_heavy(&mut self, request: &Request) -> bool {
        self.place(request) != Place::Network
    }

    /// The threads on which the request is to run.
    pub(super) fn place(&mut self, request: &Request) -> Place {
        Call::new(&self.server, &self.client, request).place(&self.server, &mut self.client, request)
    }

    /// True if the request is held back.
    pub(super) fn is_held(&self, request: &Request) -> bool {
        let call = Call::new(&self.server, &self.client, request);
        call.hold(&self.server, &self.client, request).is_some()
    }

    /// Moves the clock.
    pub(super) fn advance(&self, by_ms: i64) {
        self.server.keyspace.clock().advance(by_ms);
    }

    /// Runs `work` as a command of the client could.
    pub(super) fn with_context<R>(&mut self, work: impl FnOnce(&Context) -> R) -> R {
        work(&Context::new(&self.server, &mut self.client))
    }

    /// Makes a small vector set in database 0.
    pub(super) fn create_set(&self, key: &str) {
        let set = VectorSet::new(Params::new(2).expect("a small dimension"), 1);
        let put = Put { element: b"e", vector: vec![1.0, 2.0], attribute: None, lifetime: Lifetime::Endless };
        assert!(set.untimed().upsert(Hold::Exclusive, &[put], 10, Record::unlogged()).is_ok());
        let db = self.server.keyspace.db(0);
        assert!(db.create_vector_set(key.as_bytes(), Arc::new(set), Record::unlogged()).is_ok());
    }

    /// The same server with a stream of changes.
    pub(super) fn streaming(mut self) -> Self {
        let reader = self.server.keyspace.journal().reader();
        reader.begin();
        self.reader = Some(reader);
        self
    }

    /// The requests added to that stream since the last call.
    pub(super) fn stream(&self) -> Vec<Request> {
        let mut batch = Batch::default();
        let mut parser = RequestParser::new();
        self.reader.as_ref().expect("it streams").take(&mut batch);
        let mut bytes = BytesMut::from(&batch.to_vec()[..]);
        let mut next = || parser.next(&mut bytes, &Limits::default()).expect("well formed requests");
        let requests = std::iter::from_fn(&mut next).collect();
        assert!(bytes.is_empty(), "half a request");
        requests
    }

    /// The same as a line.
    pub(super) fn streamed(&self) -> String {
        self.stream().iter().map(shown).collect::<Vec<_>>().join(" | ")
    }

    /// Runs each request of a script, and compares what is logged of it with the commands beside
    /// it.
    #[track_caller]
    pub(super) fn hold_stream_to(&mut self, script: &[(&str, &str)]) {
        for (line, commands) in script {
            let reply = self.ask(line);
            assert_eq!(self.streamed(), *commands, "{line}: {reply}");
        }
    }

    /// Runs each request of a script, and compares the reply with the one beside it.
    #[track_caller]
    pub(super) fn hold_to(&mut self, script: &[(&str, &str)]) {
        for (request, reply) in script {
            assert_eq!(self.ask(request), *reply, "{request}");
        }
    }
}

fn shown(request: &Request) -> String {
    let word = |word: &[u8]| if word.is_empty() { "''".into() } else { word.escape_ascii().to_string() };
    request.words().iter().map(word).collect::<Vec<_>>().join(" ")
}

/// The reply to a client of this server, as [`Session::ask`] has it: for several threads.
pub(super) fn ask(server: &Server, client: &mut Client, line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().map(|word| if word == "''" { "" } else { word }).collect();
    String::from_utf8_lossy(&reply_to(server, client, &words)).trim_end().replace("\r\n", " ")
}

fn reply_to<W: AsRef<[u8]>>(server: &Server, client: &mut Client, words: &[W]) -> Vec<u8> {
    let reply = dispatch(server, client, &Request::from_args(words));
    let mut bytes = Encoded::default();
    reply.encode(client.protocol, &mut bytes);
    bytes.to_vec()
}
