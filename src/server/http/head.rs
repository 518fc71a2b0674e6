//! The head of a request: its first line, and the headers that matter here.

use std::str::from_utf8;

use httparse::{EMPTY_HEADER, Error as ParseError, Request, Status};

/// Longest head.
pub(super) const MAX_LEN: usize = 16 << 10;
/// Most headers.
const MAX_HEADERS: usize = 64;

/// The end of a head.
pub(super) const END: &[u8] = b"\r\n\r\n";

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// The resource is to be sent.
    Get,
    /// Only the head of the response is to be sent.
    Head,
    /// The body of the request is to be worked on.
    Post,
    /// Nothing that is known here.
    Other,
}

/// A head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) method: Method,
    /// Without what stands behind `?`.
    pub(super) path: String,
    /// The host that the client names, without a port.
    pub(super) host: Option<String>,
    pub(super) authorization: Option<Vec<u8>>,
    /// Bytes of the body.
    pub(super) body_len: u64,
    /// It has the header of the page's script, which a page of another site cannot make a browser
    /// send.
    pub(super) is_of_page: bool,
    /// The client sends the body after a `100 Continue`.
    pub(super) expects_continue: bool,
    /// More requests may follow.
    pub(super) stays_open: bool,
}

/// Why a head is refused: the status of the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) u16);

const BAD_REQUEST: Malformed = Malformed(400);
pub(super) const TOO_LARGE: Malformed = Malformed(431);
const NO_LENGTH: Malformed = Malformed(411);
const OTHER_VERSION: Malformed = Malformed(505);

impl Head {
    /// Reads a head, which ends with `END`.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut headers = [EMPTY_HEADER; MAX_HEADERS];
        let mut request = Request::new(&mut headers);
        match request.parse(bytes) {
            Ok(Status::Complete(_)) => {}
            Err(ParseError::TooManyHeaders) => return Err(TOO_LARGE),
            Err(ParseError::Version) => return Err(OTHER_VERSION),
            Ok(Status::Partial) | Err(_) => return Err(BAD_REQUEST),
        }
        let method = match request.method {
            Some("GET") => Method::Get,
            Some("HEAD") => Method::Head,
            Some("POST") => Method::Post,
            _ => Method::Other,
        };
        let target = request.path.unwrap_or_default();
        let path = target.split_once('?').map_or(target, |(path, _)| path).to_owned();
        let stays_open = request.version == Some(1);
        let mut head = Self {
            method,
            path,
            host: None,
            authorization: None,
            body_len: 0,
            is_of_page: false,
            expects_continue: false,
            stays_open,
        };
        let mut has_length = false;
        for header in request.headers.iter() {
            has_length |= head.take(header.name, header.value, has_length)?;
        }
        Ok(head)
    }

    /// Takes a header; true if it says how long the body is.
    fn take(&mut self, name: &str, value: &[u8], has_length: bool) -> Result<bool, Malformed> {
        let word = || from_utf8(value).unwrap_or_default().trim().to_ascii_lowercase();
        match name.to_ascii_lowercase().as_str() {
            "host" => self.host = Some(host_of(&word())),
            "authorization" => self.authorization = Some(value.to_vec()),
            "connection" => self.stays_open &= word() != "close",
            "x-nearhit" => self.is_of_page = true,
            "expect" => self.expects_continue = word() == "100-continue",
            // A body of unknown length is not read.
            "transfer-encoding" => return Err(NO_LENGTH),
            "content-length" => {
                let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
                let len = word().parse().ok().filter(|_| is_number).ok_or(BAD_REQUEST)?;
                // Two different lengths are how one request is hidden in another.
                if has_length && len != self.body_len {
                    return Err(BAD_REQUEST);
                }
                self.body_len = len;
                return Ok(true);
            }
            _ => {}
        }
        Ok(false)
    }
}

/// `[::1]:80` → `::1`, `localhost:80` → `localhost`.
fn host_of(text: &str) -> String {
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    bracketed.map_or_else(|| text.split(':').next().unwrap_or_default(), |(host, _)| host).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Head, u16> {
        Head::parse(text.as_bytes()).map_err(|Malformed(status)| status)
    }

    #[test]
    fn what_matters_is_read() {
        let head = parse(
            "POST /api/search?x=1 HTTP/1.1\r\nHost: [::1]:9121\r\nAUTHORIZATION: Bearer x\r\n\
             X-Nearhit: 1\r\nContent-Length: 12\r\nExpect: 100-continue\r\n\r\n",
        )
        .expect("it is well-formed");
        assert_eq!(
            head,
            Head {
                method: Method::Post,
                path: "/api/search".into(),
                host: Some("::1".into()),
                authorization: Some(b"Bearer x".to_vec()),
                body_len: 12,
                is_of_page: true,
                expects_continue: true,
                stays_open: true,
            }
        );
        let head = parse("HEAD / HTTP/1.1\r\nHost: Localhost:1\r\nConnection: close\r\n\r\n").expect("it is");
        assert_eq!(
            (head.method, head.host.as_deref(), head.stays_open),
            (Method::Head, Some("localhost"), false)
        );
        assert!(!parse("GET / HTTP/1.0\r\n\r\n").expect("it is").stays_open);
        assert_eq!(parse("BREW / HTTP/1.1\r\n\r\n").expect("it is").method, Method::Other);
    }

    #[test]
    fn what_is_malformed_is_refused() {
        for (text, status) in [
            ("GET /\r\n\r\n", 400),
            ("\x16\x03\x01\r\n\r\n", 400),
            ("PING\r\n\r\n", 400),
            ("GET / HTTP/2.0\r\n\r\n", 505),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
            ("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        ] {
            assert_eq!(parse(text), Err(status), "{text}");
        }
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(MAX_HEADERS + 1));
        assert_eq!(parse(&many), Err(431));
    }
}
