//! Reads all data of a database.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::connection::{Connection, Reply, Request};
use crate::model::{Key, Seen, SeenElement, Value, Window};

pub(crate) fn now_ms() -> u64 {
    let since: Duration = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that is right");
    since.as_millis() as u64
}

/// All data of a database.
pub(crate) fn observe(connection: &mut Connection, database: usize) -> Seen {
    connection.must(&format!("SELECT {database}"));
    let names = texts(connection.must("KEYS *"));
    let types = connection.call_all(&names.iter().map(|name| request(&["TYPE", name])).collect::<Vec<_>>());
    let mut seen = Seen::default();
    let of = |kind: &str| {
        let is_kind = |reply: &Reply| *reply == Reply::Simple(kind.to_owned());
        let both = names.iter().zip(&types);
        both.filter(|(_, reply)| is_kind(reply)).map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    read_strings(connection, of("string"), &mut seen);
    read_hashes(connection, of("hash"), &mut seen);
    of("vectorset").iter().for_each(|set| read_set(connection, set, &mut seen));
    seen.until_ms = now_ms();
    seen
}

fn read_strings(connection: &mut Connection, names: Vec<String>, seen: &mut Seen) {
    let requests = |name: &String| [request(&["GET", name]), request(&["PEXPIRETIME", name])];
    let mut replies = connection.call_all(&names.iter().flat_map(requests).collect::<Vec<_>>()).into_iter();
    for name in names {
        let value = next(&mut replies).bulk();
        let deadline = moment(next(&mut replies).integer());
        // It may have expired since it was listed.
        if let Some(value) = value {
            seen.keys.insert(name, Key { value: Value::String(value), deadline });
        }
    }
}

fn read_hashes(connection: &mut Connection, names: Vec<String>, seen: &mut Seen) {
    for name in names {
        let pairs = texts_of_bytes(connection.must(&format!("HGETALL {name}")));
        let fields: Vec<_> = pairs.iter().step_by(2).map(|field| text(field.clone())).collect();
        let listed = format!("FIELDS {} {}", fields.len(), fields.join(" "));
        let deadlines = connection.must(&format!("HPEXPIRETIME {name} {listed}")).array();
        let deadlines = deadlines.iter().map(|reply| moment(reply.integer()));
        let values = pairs.iter().skip(1).step_by(2).cloned();
        let hash = fields.into_iter().zip(values.zip(deadlines)).collect();
        let deadline = moment(connection.must(&format!("PEXPIRETIME {name}")).integer());
        seen.keys.insert(name, Key { value: Value::Hash(hash), deadline });
    }
}

fn read_set(connection: &mut Connection, set: &str, seen: &mut Seen) {
    let names = texts(connection.must(&format!("VRANGE {set} - +")));
    let count = connection.must(&format!("VCARD {set}")).integer();
    assert_eq!(count, names.len() as i64, "VCARD of {set} is wrong");
    let requests = |name: &String| [request(&["VEMB", set, name]), request(&["VGETATTR", set, name])];
    let mut replies = connection.call_all(&names.iter().flat_map(requests).collect::<Vec<_>>()).into_iter();
    for name in &names {
        let numbers = texts(next(&mut replies));
        let vector = numbers.iter().map(|number| number.parse().expect("a number")).collect();
        let attribute = next(&mut replies).bulk();
        seen.elements.insert((set.to_owned(), name.clone()), SeenElement { vector, attribute });
    }
    search(connection, set, &names);
}

/// Most elements must be found by their own vectors: a graph that fell apart finds few.
fn search(connection: &mut Connection, set: &str, names: &[String]) {
    const SEARCHES: usize = 30;
    let searched: Vec<_> = names.iter().step_by(names.len().div_ceil(SEARCHES).max(1)).collect();
    let found = |name: &String, reply: Reply| texts(reply).contains(name);
    let requests: Vec<_> =
        searched.iter().map(|name| request(&["VSIM", set, "ELE", name, "COUNT", "10"])).collect();
    let replies = connection.call_all(&requests);
    let hits = searched.iter().zip(replies).filter(|(name, reply)| found(name, reply.clone())).count();
    assert!(hits * 10 >= searched.len() * 9, "{set}: only {hits} of {} elements are found", searched.len());
}

fn request(words: &[&str]) -> Request {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

fn next(replies: &mut impl Iterator<Item = Reply>) -> Reply {
    replies.next().expect("a reply to each request")
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("a name that was given")
}

fn texts(reply: Reply) -> Vec<String> {
    texts_of_bytes(reply).into_iter().map(text).collect()
}

fn texts_of_bytes(reply: Reply) -> Vec<Vec<u8>> {
    reply.array().into_iter().filter_map(Reply::bulk).collect()
}

/// A moment in ms as PEXPIRETIME returns it: negative is never.
fn moment(ms: i64) -> Option<Window> {
    u64::try_from(ms).ok().map(|ms| (ms, ms))
}
