//! Replies, and their bytes in RESP2 and in RESP3.

use bytes::Bytes;
use smallvec::SmallVec;

use super::double::double_text;
use super::encoded::{Encoded, MIN_REFERRED_LEN};
use super::error::Error;

/// The protocol a client has chosen with `HELLO`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// The protocol of a new connection.
    #[default]
    Resp2,
    /// With maps, sets, booleans and doubles.
    Resp3,
}

/// One reply. Types that RESP2 lacks are written as Redis writes them there.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// `+text`, without line ends.
    Simple(&'static str),
    /// `+text`; line ends become blanks.
    SimpleOwned(String),
    /// `-text`; line ends become blanks.
    Error(Error),
    /// `:1`.
    Integer(i64),
    /// A string of any bytes.
    Bulk(Bytes),
    /// The same in pieces: for what is too long to be put together.
    Pieces(Vec<Bytes>),
    /// No value: `$-1`, in RESP3 `_`.
    Null,
    /// No array: `*-1`, in RESP3 `_`.
    NullArray,
    /// `:1` or `:0`, in RESP3 `#t` or `#f`.
    Bool(bool),
    /// A string of digits, in RESP3 `,digits`.
    Double(f64),
    /// The same for a number that is given by its digits, since it may be more precise than a
    /// double.
    Digits(String),
    /// Replies in order.
    Array(Vec<Reply>),
    /// Pairs; in RESP2 an array of keys and values in turn.
    Map(Vec<(Reply, Reply)>),
    /// Replies without order; in RESP2 an array.
    Set(Vec<Reply>),
    /// Text for people, in RESP3 with its format: `txt` or `mkd`. In RESP2 a string.
    Verbatim {
        /// Three letters.
        format: [u8; 3],
        /// The text.
        text: Bytes,
    },
    /// Search results. In RESP2 an array of key, column, column … in turn; in RESP3 a map from the
    /// key to its column, or to an array of its columns if they are not one.
    Rows(Vec<Row>),
    /// A push of RESP3; in RESP2 an array.
    Push(Vec<Reply>),
    /// Replies that were encoded when they were made, in the protocol of that moment. Written as
    /// they are, also where `CLIENT REPLY` suppresses replies.
    Encoded(Box<Encoded>),
    /// Nothing is written.
    None,
}

/// One of [`Reply::Rows`]. All rows of a reply have the same number of columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The key of the row.
    pub key: Vec<u8>,
    /// Its columns: a score, attributes.
    pub columns: SmallVec<[Reply; 3]>,
}

impl From<Error> for Reply {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<Result<Reply, Error>> for Reply {
    fn from(result: Result<Reply, Error>) -> Self {
        result.unwrap_or_else(Self::Error)
    }
}

impl Reply {
    /// `+OK`.
    pub const OK: Self = Self::Simple("OK");

    /// A string of any bytes.
    pub fn bulk(bytes: impl Into<Bytes>) -> Self {
        Self::Bulk(bytes.into())
    }

    /// A count or a length. A count of things in memory always fits.
    pub fn count(count: usize) -> Self {
        Self::Integer(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// Appends the reply's bytes to `out`, long texts without a copy. Recurses as deep as the reply
    /// is nested, which commands decide, not clients.
    pub fn encode(self, protocol: Protocol, out: &mut Encoded) {
        Encoder { resp3: protocol == Protocol::Resp3, out }.reply(self);
    }

    /// Appends the beginning of an array, whose items are to follow. The same in both protocols.
    pub fn encode_array_header(items: usize, out: &mut Encoded) {
        Encoder { resp3: false, out }.header(b'*', items as u64);
    }

    /// Appends a push of texts, long ones without a copy; in RESP2 an array.
    pub fn encode_push(texts: &[Bytes], protocol: Protocol, out: &mut Encoded) {
        let mut encoder = Encoder { resp3: protocol == Protocol::Resp3, out };
        encoder.header(encoder.push_kind(), texts.len() as u64);
        texts.iter().for_each(|text| encoder.text(text.clone()));
    }

    /// Bytes that [`encode_push`](Self::encode_push) appends: as many in both protocols.
    pub fn push_len(texts: &[Bytes]) -> usize {
        let header_len = |number: usize| NUMBER_LINE_LEN - number_line(b'$', false, number as u64).1;
        let text_len = |text: &Bytes| header_len(text.len()) + text.len() + "\r\n".len();
        header_len(texts.len()) + texts.iter().map(text_len).sum::<usize>()
    }
}

struct Encoder<'a> {
    resp3: bool,
    out: &'a mut Encoded,
}

impl Encoder<'_> {
    fn reply(&mut self, reply: Reply) {
        match reply {
            Reply::Simple(text) => self.line(b'+', text.as_bytes()),
            Reply::SimpleOwned(text) => self.cleaned_line(b'+', text.as_bytes()),
            Reply::Error(error) => self.cleaned_line(b'-', error.as_bytes()),
            Reply::Integer(value) => self.integer(value),
            Reply::Bulk(bytes) => self.text(bytes),
            Reply::Pieces(pieces) => self.pieces(pieces),
            Reply::Null => self.raw(if self.resp3 { b"_\r\n" } else { b"$-1\r\n" }),
            Reply::NullArray => self.raw(if self.resp3 { b"_\r\n" } else { b"*-1\r\n" }),
            Reply::Bool(value) => self.boolean(value),
            Reply::Double(value) => self.double(value),
            Reply::Digits(digits) if self.resp3 => self.line(b',', digits.as_bytes()),
            Reply::Digits(digits) => self.bulk(digits.as_bytes()),
            Reply::Array(items) => self.sequence(b'*', items),
            Reply::Set(items) => self.sequence(if self.resp3 { b'~' } else { b'*' }, items),
            Reply::Map(pairs) => self.map(pairs),
            Reply::Verbatim { format, text } => self.verbatim(format, text),
            Reply::Rows(rows) => self.rows(rows),
            Reply::Push(items) => self.sequence(self.push_kind(), items),
            Reply::Encoded(replies) => self.out.append(*replies),
            Reply::None => {}
        }
    }

    fn push_kind(&self) -> u8 {
        if self.resp3 { b'>' } else { b'*' }
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.out.put(bytes);
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        self.out.put_all([&[kind], text, b"\r\n"]);
    }

    fn cleaned_line(&mut self, kind: u8, text: &[u8]) {
        if memchr::memchr2(b'\r', b'\n', text).is_none() {
            return self.line(kind, text);
        }
        let clean = |byte: &u8| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte };
        self.line(kind, &text.iter().map(clean).collect::<Vec<_>>());
    }

    /// `kind`, digits, line end, in one append.
    fn header(&mut self, kind: u8, magnitude: u64) {
        self.number(kind, false, magnitude);
    }

    fn integer(&mut self, value: i64) {
        self.number(b':', value < 0, value.unsigned_abs());
    }

    fn number(&mut self, kind: u8, negative: bool, magnitude: u64) {
        let (text, at) = number_line(kind, negative, magnitude);
        self.raw(&text[at..]);
    }

    fn text(&mut self, bytes: Bytes) {
        if bytes.len() < MIN_REFERRED_LEN {
            return self.bulk(&bytes);
        }
        self.header(b'$', bytes.len() as u64);
        self.out.put_text(bytes);
        self.raw(b"\r\n");
    }

    fn pieces(&mut self, pieces: Vec<Bytes>) {
        let len: usize = pieces.iter().map(Bytes::len).sum();
        self.header(b'$', len as u64);
        pieces.into_iter().for_each(|piece| self.out.put_text(piece));
        self.raw(b"\r\n");
    }

    fn bulk(&mut self, bytes: &[u8]) {
        let (header, at) = number_line(b'$', false, bytes.len() as u64);
        self.out.put_all([&header[at..], bytes, b"\r\n"]);
    }

    fn boolean(&mut self, value: bool) {
        self.raw(match (self.resp3, value) {
            (false, false) => b":0\r\n",
            (false, true) => b":1\r\n",
            (true, false) => b"#f\r\n",
            (true, true) => b"#t\r\n",
        });
    }

    fn double(&mut self, value: f64) {
        let text = double_text(value);
        if self.resp3 { self.line(b',', text.as_bytes()) } else { self.bulk(text.as_bytes()) }
    }

    fn sequence(&mut self, kind: u8, items: Vec<Reply>) {
        self.header(kind, items.len() as u64);
        for item in items {
            self.reply(item);
        }
    }

    fn map(&mut self, pairs: Vec<(Reply, Reply)>) {
        self.map_header(pairs.len(), 1);
        for (key, value) in pairs {
            self.reply(key);
            self.reply(value);
        }
    }

    /// A map of `len` keys, which in RESP2 is an array where `columns` values follow each key.
    fn map_header(&mut self, len: usize, columns: usize) {
        let (kind, len) = if self.resp3 { (b'%', len) } else { (b'*', len * (columns + 1)) };
        self.header(kind, len as u64);
    }

    fn verbatim(&mut self, format: [u8; 3], text: Bytes) {
        if !self.resp3 {
            return self.text(text);
        }
        self.header(b'=', (format.len() + 1 + text.len()) as u64);
        self.raw(&format);
        self.raw(b":");
        self.out.put_text(text);
        self.raw(b"\r\n");
    }

    fn rows(&mut self, rows: Vec<Row>) {
        let columns = rows.first().map_or(0, |row| row.columns.len());
        self.map_header(rows.len(), columns);
        for row in rows {
            debug_assert_eq!(row.columns.len(), columns, "rows of one reply are alike");
            self.bulk(&row.key);
            if self.resp3 && columns != 1 {
                self.header(b'*', columns as u64);
            }
            for column in row.columns {
                self.reply(column);
            }
        }
    }
}

/// `$-18446744073709551615` and a line end.
const NUMBER_LINE_LEN: usize = "$-18446744073709551615\r\n".len();

/// `kind`, digits, line end; and where in the array they begin.
fn number_line(kind: u8, negative: bool, mut magnitude: u64) -> ([u8; NUMBER_LINE_LEN], usize) {
    const LEN: usize = NUMBER_LINE_LEN;
    let mut text = [0u8; LEN];
    text[LEN - 2..].copy_from_slice(b"\r\n");
    let mut at = LEN - 2;
    loop {
        at -= 1;
        text[at] = b'0' + (magnitude % 10) as u8;
        magnitude /= 10;
        if magnitude == 0 {
            break;
        }
    }
    if negative {
        at -= 1;
        text[at] = b'-';
    }
    text[at - 1] = kind;
    (text, at - 1)
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;

    use super::*;

    fn encoded(reply: &Reply, protocol: Protocol) -> String {
        let mut out = Encoded::default();
        reply.clone().encode(protocol, &mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    fn check(reply: Reply, resp2: &str, resp3: &str) {
        assert_eq!(encoded(&reply, Protocol::Resp2), resp2);
        assert_eq!(encoded(&reply, Protocol::Resp3), resp3);
    }

    fn check_same(reply: Reply, both: &str) {
        check(reply, both, both);
    }

    #[test]
    fn plain_replies() {
        check_same(Reply::OK, "+OK\r\n");
        check_same(Reply::SimpleOwned("a\r\nb".into()), "+a  b\r\n");
        check_same(Reply::Error(Error::from("ERR a\nb".to_owned())), "-ERR a b\r\n");
        check_same(Reply::Integer(0), ":0\r\n");
        check_same(Reply::Integer(i64::MIN), ":-9223372036854775808\r\n");
        check_same(Reply::count(usize::MAX), ":9223372036854775807\r\n");
        check_same(Reply::bulk("a\r\nb"), "$4\r\na\r\nb\r\n");
        check_same(Reply::bulk(""), "$0\r\n\r\n");
        check_same(Reply::None, "");
        let mut encoded = Encoded::default();
        encoded.put(b":1\r\n_\r\n");
        check_same(Reply::Encoded(Box::new(encoded)), ":1\r\n_\r\n");
    }

    #[test]
    fn replies_that_differ() {
        check(Reply::Null, "$-1\r\n", "_\r\n");
        check(Reply::NullArray, "*-1\r\n", "_\r\n");
        check(Reply::Bool(true), ":1\r\n", "#t\r\n");
        check(Reply::Bool(false), ":0\r\n", "#f\r\n");
        check(Reply::Double(0.5), "$3\r\n0.5\r\n", ",0.5\r\n");
        check(Reply::Double(f64::NEG_INFINITY), "$4\r\n-inf\r\n", ",-inf\r\n");
        check(Reply::Digits("0.125".into()), "$5\r\n0.125\r\n", ",0.125\r\n");
        let text = Reply::Verbatim { format: *b"txt", text: "hello".into() };
        check(text, "$5\r\nhello\r\n", "=9\r\ntxt:hello\r\n");
    }

    #[test]
    fn a_long_text_is_not_copied_into_a_reply() {
        let text = Bytes::from(vec![b'x'; 1 << 20]);
        let items = Reply::Array(vec![Reply::Bulk(text.clone()), Reply::Integer(1)]);
        let mut out = Encoded::default();
        Reply::Map(vec![(Reply::Simple("a"), items)]).encode(Protocol::Resp3, &mut out);
        assert!(out.pieces().any(|piece| piece.as_ptr() == text.as_ptr()));
        assert_eq!(out.to_vec(), [b"%1\r\n+a\r\n*2\r\n$1048576\r\n", &*text, b"\r\n:1\r\n"].concat());
    }

    #[test]
    fn collections() {
        let items = || vec![Reply::Integer(1), Reply::Null];
        check(Reply::Array(items()), "*2\r\n:1\r\n$-1\r\n", "*2\r\n:1\r\n_\r\n");
        check(Reply::Set(items()), "*2\r\n:1\r\n$-1\r\n", "~2\r\n:1\r\n_\r\n");
        let map = Reply::Map(vec![(Reply::Simple("a"), Reply::Bool(true))]);
        check(map, "*2\r\n+a\r\n:1\r\n", "%1\r\n+a\r\n#t\r\n");
        check_same(Reply::Array(vec![]), "*0\r\n");
        check(Reply::Push(items()), "*2\r\n:1\r\n$-1\r\n", ">2\r\n:1\r\n_\r\n");
    }

    #[test]
    fn pushes_are_as_long_as_they_are_said_to_be() {
        for len in [0, 9, 10, 99, 100_000] {
            let texts = vec![Bytes::from_static(b"message"); 10].into_iter();
            let texts: Vec<Bytes> = texts.chain([vec![b'x'; len].into()]).collect();
            for (protocol, kind) in [(Protocol::Resp2, b'*'), (Protocol::Resp3, b'>')] {
                let mut out = Encoded::default();
                Reply::encode_push(&texts, protocol, &mut out);
                assert_eq!((out.len(), out.to_vec()[0]), (Reply::push_len(&texts), kind));
            }
        }
    }

    #[test]
    fn rows_of_one_column_are_a_map() {
        let row = |key: &str, score| Row { key: key.into(), columns: smallvec![Reply::Double(score)] };
        check(
            Reply::Rows(vec![row("a", 1.0), row("b", 0.5)]),
            "*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$3\r\n0.5\r\n",
            "%2\r\n$1\r\na\r\n,1\r\n$1\r\nb\r\n,0.5\r\n",
        );
        check(Reply::Rows(vec![]), "*0\r\n", "%0\r\n");
    }

    #[test]
    fn rows_of_two_columns_are_a_map_of_arrays() {
        let row = Row { key: b"a".to_vec(), columns: smallvec![Reply::Double(1.0), Reply::Null] };
        check(
            Reply::Rows(vec![row]),
            "*3\r\n$1\r\na\r\n$1\r\n1\r\n$-1\r\n",
            "%1\r\n$1\r\na\r\n*2\r\n,1\r\n_\r\n",
        );
    }
}
