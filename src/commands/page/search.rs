//! The search box: `VSIM`, as any client would send it, asked by the fields of a form.
//!
//! The command goes through [`dispatch()`], so that it is checked, counted and observed like those
//! of other clients. It is in the list of clients while it runs, and does not count as a use of
//! what it finds.

use std::net::IpAddr;
use std::time::Instant;

use crate::commands::client::Endpoints;
use crate::commands::metrics::label_of;
use crate::commands::{Client, Server, dispatch};
use crate::hex;
use crate::json::Json;
use crate::resp::{Protocol, Reply, Request, Row};

/// Most elements that are asked for.
const MAX_COUNT: u64 = 100;

/// The reply to a search, as JSON. `form`: the fields `key` or `hex` (the key in hexadecimal
/// digits), `db`, `count`, `element` or `vector` (numbers with blanks between them), and perhaps
/// `filter`, as HTML forms encode them.
///
/// # Errors
/// A field is missing, or has no possible value.
pub fn search(server: &Server, form: &[u8], peer: IpAddr) -> Result<String, &'static str> {
    let form = Form::read(form);
    let db = form.number("db", 0)?;
    let db = usize::try_from(db).ok().filter(|db| *db < server.keyspace.databases().len());
    let db = db.ok_or("there is no such database")?;
    let words = words(&form)?;
    let guest = Guest::arrive(server, peer).ok_or("too many clients")?;
    let mut client = Client::admitted(guest.info(), &server.acl.users);
    (client.db, client.protocol) = (db, Protocol::Resp3);
    let began = Instant::now();
    let reply = dispatch(server, &mut client, &Request::from_args(&words));
    let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    Ok(shown(reply, micros).to_string())
}

/// The words of the command.
fn words(form: &Form) -> Result<Vec<Vec<u8>>, &'static str> {
    let key = match form.field("hex") {
        Some(digits) => hex::decode(digits).ok_or("the key is not in hexadecimal digits")?,
        None => form.field("key").ok_or("the key is missing")?.to_vec(),
    };
    let count = form.number("count", 10)?;
    if !(1..=MAX_COUNT).contains(&count) {
        return Err("the count must be between 1 and 100");
    }
    let mut words = vec![b"VSIM".to_vec(), key];
    match (form.field("element"), form.field("vector")) {
        (Some(element), _) => words.extend([b"ELE".to_vec(), element.to_vec()]),
        (None, Some(vector)) => {
            let numbers: Vec<&[u8]> =
                vector.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty()).collect();
            words.extend([b"VALUES".to_vec(), numbers.len().to_string().into_bytes()]);
            words.extend(numbers.into_iter().map(<[u8]>::to_vec));
        }
        (None, None) => return Err("an element or a vector is missing"),
    }
    words.extend(["WITHSCORES", "WITHATTRIBS", "NOTOUCH", "COUNT"].map(|word| word.as_bytes().to_vec()));
    words.push(count.to_string().into_bytes());
    if let Some(filter) = form.field("filter") {
        words.extend([b"FILTER".to_vec(), filter.to_vec()]);
    }
    Ok(words)
}

fn shown(reply: Reply, micros: u64) -> Json {
    let hits = match reply {
        Reply::Rows(rows) => rows.iter().map(hit).collect(),
        Reply::Error(error) => return Json::Object(vec![("error", error.to_string().into())]),
        // The key is missing.
        _ => Json::List(Vec::new()),
    };
    Json::Object(vec![("micros", micros.into()), ("hits", hits)])
}

fn hit(row: &Row) -> Json {
    let mut hit =
        vec![("element", label_of(&row.key).into()), ("score", Json::Null), ("attributes", Json::Null)];
    for column in &row.columns {
        match column {
            Reply::Double(score) => hit[1].1 = (*score).into(),
            Reply::Bulk(attributes) => hit[2].1 = String::from_utf8_lossy(attributes).into_owned().into(),
            _ => {}
        }
    }
    Json::Object(hit)
}

/// The place of the search in the list of clients; given back on `Drop`.
struct Guest<'s> {
    server: &'s Server,
    info: std::sync::Arc<crate::commands::client::ClientInfo>,
}

impl<'s> Guest<'s> {
    fn arrive(server: &'s Server, peer: IpAddr) -> Option<Self> {
        let endpoints = Endpoints { address: format!("{peer}:0"), fd: -1, ..Endpoints::default() };
        let info = server.clients.connect(endpoints, usize::MAX, false)?;
        Some(Self { server, info })
    }

    fn info(&self) -> std::sync::Arc<crate::commands::client::ClientInfo> {
        std::sync::Arc::clone(&self.info)
    }
}

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        self.server.clients.leave(self.info.id);
    }
}

/// The fields of a form, as HTML encodes them.
struct Form(Vec<(Vec<u8>, Vec<u8>)>);

impl Form {
    fn read(text: &[u8]) -> Self {
        let pair = |pair: &[u8]| {
            let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            (decoded(&pair[..at]), decoded(pair.get(at + 1..).unwrap_or_default()))
        };
        Self(text.split(|byte| *byte == b'&').filter(|text| !text.is_empty()).map(pair).collect())
    }

    fn field(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(known, _)| known == name.as_bytes()).map(|(_, value)| value.as_slice())
    }

    fn number(&self, name: &str, default: u64) -> Result<u64, &'static str> {
        let Some(value) = self.field(name) else { return Ok(default) };
        std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).ok_or("a field is no number")
    }
}

/// `+` is a blank, and `%41` is `A`. A `%` without two digits stands for itself.
fn decoded(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        let escaped = match behind {
            [high, low, after @ ..] if *first == b'%' => hex::byte(*high, *low).map(|byte| (byte, after)),
            _ => None,
        };
        let (byte, after) = escaped.unwrap_or((if *first == b'+' { b' ' } else { *first }, behind));
        bytes.push(byte);
        rest = after;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::commands::testing::Session;

    fn session() -> Session {
        let mut session = Session::at(1_000_000);
        for line in [
            "vadd v values 2 1 0 a setattr {\"x\":1}",
            "vadd v values 2 0 1 b",
            "select 2",
            "vadd w values 1 1 c",
            "select 0",
        ] {
            session.ask(line);
        }
        session
    }

    fn asked(session: &Session, form: &str) -> Result<Value, &'static str> {
        let peer = IpAddr::from([127, 0, 0, 1]);
        let reply = search(&session.server, form.as_bytes(), peer)?;
        Ok(serde_json::from_str(&reply).expect("it is JSON"))
    }

    #[test]
    fn elements_and_vectors_are_searched_near() {
        let session = session();
        for query in ["element=a", "vector=1+0", "vector=%31%20%20.0%0A"] {
            let reply = asked(&session, &format!("key=v&{query}&count=2&db=0")).expect("it is well-formed");
            let hits = &reply["hits"];
            assert_eq!((&hits[0]["element"], hits[0]["score"].as_f64()), (&json!("a"), Some(1.0)), "{query}");
            assert_eq!((&hits[0]["attributes"], &hits[1]["attributes"]), (&json!("{\"x\":1}"), &Value::Null));
        }
        let reply = asked(&session, "hex=77&element=c&db=2").expect("it is well-formed");
        assert_eq!(reply["hits"].as_array().map(Vec::len), Some(1));
        let reply = asked(&session, "key=v&element=a&filter=.x+%3D%3D+1").expect("it is well-formed");
        assert_eq!(reply["hits"].as_array().map(Vec::len), Some(1));
        assert_eq!(session.server.clients.len(), 1);
    }

    #[test]
    fn errors_are_those_of_the_command() {
        let mut session = session();
        session.ask("set s v");
        let error = |form: &str| asked(&session, form).expect("it is well-formed")["error"].clone();
        assert_eq!(error("key=v&element=none"), "ERR element not found in set");
        assert!(
            error("key=v&vector=1").as_str().is_some_and(|text| text.starts_with("ERR Vector dimension"))
        );
        assert!(error("key=s&element=a").as_str().is_some_and(|text| text.starts_with("WRONGTYPE")));
        assert!(error("key=v&element=a&filter=(").as_str().is_some_and(|text| text.contains("FILTER")));
        assert_eq!(asked(&session, "key=none&element=a").expect("it is")["hits"], json!([]));
        session.server.loading.begin(10);
        assert!(error("key=v&element=a").as_str().is_some_and(|text| text.starts_with("LOADING")));
    }

    #[test]
    fn fields_that_are_missing_or_impossible_are_named() {
        let session = session();
        for (form, problem) in [
            ("", "the key is missing"),
            ("key=v", "an element or a vector is missing"),
            ("key=v&element=a&count=0", "the count must be between 1 and 100"),
            ("key=v&element=a&count=101", "the count must be between 1 and 100"),
            ("key=v&element=a&count=x", "a field is no number"),
            ("key=v&element=a&db=16", "there is no such database"),
            ("hex=7&element=a", "the key is not in hexadecimal digits"),
        ] {
            assert_eq!(asked(&session, form), Err(problem), "{form}");
        }
    }

    #[test]
    fn a_search_does_not_count_as_a_use_of_what_it_finds() {
        let mut session = session();
        session.ask("config set maxmemory-policy allkeys-lru");
        session.advance(50_000);
        let before = session.ask("vobject idletime v a");
        asked(&session, "key=v&element=a").expect("it is well-formed");
        assert_eq!(session.ask("vobject idletime v a"), before);
    }

    #[test]
    fn forms_are_decoded() {
        let form = Form::read(b"a=1+2&b=%C3%A4%2&&c&d==&%61b=x");
        let field = |name: &str| form.field(name).map(|value| String::from_utf8_lossy(value).into_owned());
        assert_eq!(field("a").as_deref(), Some("1 2"));
        assert_eq!(field("b").as_deref(), Some("ä%2"));
        assert_eq!((field("c").as_deref(), field("d").as_deref()), (Some(""), Some("=")));
        assert_eq!(field("ab").as_deref(), Some("x"));
    }
}
