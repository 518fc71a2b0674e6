//! Requests into bytes, beforehand; replies out of bytes, as little as is needed (RESP2).

use crate::Failure;

/// The longest reply waited for; a longer one means that the stream is out of step.
const MAX_REPLY_LEN: usize = 64 << 20;
/// The most elements a reply may still owe, nested arrays included.
const MAX_ELEMENTS: usize = 1 << 20;

/// Appends one request.
pub(crate) fn encode(args: &[&[u8]], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("*{}\r\n", args.len()).as_bytes());
    for arg in args {
        out.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
}

/// Requests encoded one after another, so that sending one is copying a slice.
#[derive(Default)]
pub(crate) struct Requests {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Requests {
    /// Encoded requests, one after another. A request has the form of a reply: an array of bulk
    /// strings.
    pub(crate) fn from_bytes(bytes: Vec<u8>) -> Result<Self, Failure> {
        let (mut ends, mut end) = (Vec::new(), 0);
        while end < bytes.len() {
            end += Reply::first(&bytes[end..])?.ok_or("the last request is cut short")?.len();
            ends.push(end);
        }
        Ok(Self { bytes, ends })
    }

    /// Adds a request; its number is the count of those before it.
    pub(crate) fn push(&mut self, args: &[&[u8]]) {
        encode(args, &mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    /// The bytes of request `number`.
    pub(crate) fn get(&self, number: usize) -> &[u8] {
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.bytes[start..self.ends[number]]
    }

    /// How many requests there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }
}

/// One whole reply, as it came.
#[derive(Clone, Copy)]
pub(crate) struct Reply<'b>(&'b [u8]);

impl<'b> Reply<'b> {
    /// Cuts the first reply from `bytes`, or reports that there is not all of it yet. Scans without
    /// recursion.
    pub(crate) fn first(bytes: &'b [u8]) -> Result<Option<Self>, Failure> {
        let (mut at, mut owed) = (0, 1_usize);
        while owed > 0 {
            let Some(line) = line(&bytes[at..]) else { return unfinished(bytes) };
            at += line.len() + 2;
            owed -= 1;
            match line.first() {
                Some(b'+' | b'-' | b':') => {}
                Some(b'$') => at += number(line)?.map_or(0, |len| len + 2),
                Some(b'*') => owed += number(line)?.unwrap_or(0),
                _ => return Err(format!("not a RESP2 reply: {:?}", String::from_utf8_lossy(line)).into()),
            }
            if at > bytes.len() {
                return unfinished(bytes);
            }
            if owed > MAX_ELEMENTS {
                return Err(format!("a reply of more than {MAX_ELEMENTS} elements").into());
            }
        }
        Ok(Some(Self(&bytes[..at])))
    }

    /// As it came.
    pub(crate) fn bytes(self) -> &'b [u8] {
        self.0
    }

    /// How many bytes it takes on the wire.
    pub(crate) fn len(self) -> usize {
        self.0.len()
    }

    /// Passes anything but an error on.
    pub(crate) fn ok(self) -> Result<Self, Failure> {
        match self.0 {
            [b'-', text @ ..] => {
                Err(format!("the server answered -{}", String::from_utf8_lossy(text).trim()).into())
            }
            _ => Ok(self),
        }
    }

    /// The number of an integer reply.
    pub(crate) fn integer(self) -> Result<i64, Failure> {
        let digits = self.0.strip_prefix(b":").ok_or("not an integer reply")?;
        Ok(std::str::from_utf8(digits)?.trim_end().parse()?)
    }

    /// The bulk strings in it, in order, however deep.
    pub(crate) fn bulks(self) -> impl Iterator<Item = &'b [u8]> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            while let Some(line) = line(rest) {
                rest = &rest[line.len() + 2..];
                if let (b'$', Ok(Some(len))) = (line[0], number(line)) {
                    let (bulk, after) = rest.split_at(len);
                    rest = &after[2..];
                    return Some(bulk);
                }
            }
            None
        })
    }
}

fn unfinished<T>(bytes: &[u8]) -> Result<Option<T>, Failure> {
    if bytes.len() > MAX_REPLY_LEN {
        return Err(format!("a reply of more than {MAX_REPLY_LEN} bytes").into());
    }
    Ok(None)
}

/// The bytes before the first CRLF.
fn line(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.iter().position(|&byte| byte == b'\r')?;
    (bytes.get(end + 1) == Some(&b'\n')).then(|| &bytes[..end])
}

/// The length that a line like `$12` or `*3` states; a negative one is null.
fn number(line: &[u8]) -> Result<Option<usize>, Failure> {
    let text = std::str::from_utf8(&line[1..])?;
    match text.parse::<i64>()? {
        stated if stated < 0 => Ok(None),
        stated if stated as usize <= MAX_REPLY_LEN => Ok(Some(stated as usize)),
        stated => Err(format!("a reply that states a length of {stated}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLIES: [&[u8]; 8] = [
        b"+OK\r\n",
        b"-ERR no\r\n",
        b":12\r\n",
        b"$-1\r\n",
        b"$3\r\na\r\n\r\n",
        b"*0\r\n",
        b"*2\r\n$1\r\na\r\n*2\r\n$2\r\nbc\r\n:1\r\n",
        b"$0\r\n\r\n",
    ];

    #[test]
    fn cuts_whole_replies_only() {
        for reply in REPLIES {
            for end in 0..reply.len() {
                assert!(Reply::first(&reply[..end]).unwrap().is_none(), "{reply:?} up to {end}");
            }
            let more = [reply, b"+next\r\n"].concat();
            assert_eq!(Reply::first(&more).unwrap().unwrap().len(), reply.len());
        }
    }

    #[test]
    fn finds_bulks_and_errors() {
        let bulks = |bytes| Reply::first(bytes).unwrap().unwrap().bulks().collect::<Vec<_>>();
        assert_eq!(bulks(REPLIES[6]), [&b"a"[..], b"bc"]);
        assert_eq!(bulks(REPLIES[4]), [b"a\r\n"]);
        assert_eq!(bulks(REPLIES[3]), [&b""[..]; 0]);
        assert_eq!(Reply(REPLIES[2]).integer().unwrap(), 12);
        assert!(Reply(REPLIES[0]).integer().is_err());
        assert!(Reply(REPLIES[1]).ok().is_err());
        assert!(Reply(REPLIES[0]).ok().is_ok());
    }

    #[test]
    fn refuses_what_is_out_of_step() {
        assert!(Reply::first(b"%1\r\n").is_err());
        assert!(Reply::first(b"$99999999999\r\n").is_err());
        assert!(Reply::first(b"*9999999\r\n").is_err());
        assert!(Reply::first(b"\r\n").is_err());
    }

    #[test]
    fn keeps_requests_apart() {
        let mut requests = Requests::default();
        requests.push(&[b"PING"]);
        requests.push(&[b"GET", b"k"]);
        assert_eq!(requests.len(), 2);
        assert_eq!(requests.get(0), b"*1\r\n$4\r\nPING\r\n");
        assert_eq!(requests.get(1), b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
    }

    #[test]
    fn cuts_encoded_requests() {
        let mut made = Requests::default();
        made.push(&[b"PING"]);
        made.push(&[b"GET", b"*1\r\n"]);
        let read = Requests::from_bytes(made.bytes.clone()).unwrap();
        assert_eq!((&read.bytes, &read.ends), (&made.bytes, &made.ends));
        assert!(Requests::from_bytes(made.bytes[..made.bytes.len() - 1].to_vec()).is_err());
        assert_eq!(Requests::from_bytes(Vec::new()).unwrap().len(), 0);
    }
}
