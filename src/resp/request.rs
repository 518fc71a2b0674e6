//! One request: its own bytes, and its arguments as views of them.

use bytes::Bytes;
use smallvec::SmallVec;

use super::args::{Args, Range};

/// Arguments that are stored without an allocation; most commands have no more.
pub(super) type Ranges = SmallVec<[Range; 8]>;

/// A request as it was received: an array of bulk strings. Its bytes are cut from the read buffer
/// without a copy, and are also its record in the journal.
#[derive(Clone, Debug)]
pub struct Request {
    wire: Bytes,
    args: Ranges,
}

impl Request {
    /// `args` lie within `wire`.
    pub(super) fn new(wire: Bytes, args: Ranges) -> Self {
        Self { wire, args }
    }

    /// A request that was not read from a connection: an inline command, replay, tests.
    ///
    /// # Panics
    /// If it would be 4 GiB or longer.
    pub fn from_args<I: AsRef<[u8]>>(args: &[I]) -> Self {
        let mut wire = format!("*{}\r\n", args.len()).into_bytes();
        let mut ranges = Ranges::with_capacity(args.len());
        for arg in args {
            let arg = arg.as_ref();
            wire.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
            let offset = u32::try_from(wire.len()).expect("a request is shorter than 4 GiB");
            let len = u32::try_from(arg.len()).expect("a request is shorter than 4 GiB");
            ranges.push((offset, len));
            wire.extend_from_slice(arg);
            wire.extend_from_slice(b"\r\n");
        }
        Self::new(wire.into(), ranges)
    }

    /// A copy with bytes of its own, which may outlive the shared buffer that it was read into.
    pub fn detached(&self) -> Self {
        Self { wire: Bytes::copy_from_slice(&self.wire), args: self.args.clone() }
    }

    /// How many arguments there are, the command's name included.
    pub fn len(&self) -> usize {
        self.args.len()
    }

    /// True if there is not even a name; the parser makes no such request.
    pub fn is_empty(&self) -> bool {
        self.args.is_empty()
    }

    /// Argument `i`; 0 is the command's name.
    ///
    /// # Panics
    /// If there are no more than `i`.
    pub fn arg(&self, i: usize) -> &[u8] {
        let (at, len) = self.args[i];
        &self.wire[at as usize..][..len as usize]
    }

    /// A cursor over the arguments after the name.
    pub fn args(&self) -> Args<'_> {
        Args::new(&self.wire, self.args.get(1..).unwrap_or_default())
    }

    /// A cursor over all arguments, the name included.
    pub fn words(&self) -> Args<'_> {
        Args::new(&self.wire, &self.args)
    }

    /// The request's own bytes: always an array of bulk strings, also for an inline command.
    pub fn wire(&self) -> &Bytes {
        &self.wire
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_request_has_its_wire_form() {
        let request = Request::from_args(&["GET", "", "k"]);
        assert_eq!(request.wire().as_ref(), b"*3\r\n$3\r\nGET\r\n$0\r\n\r\n$1\r\nk\r\n");
        assert_eq!((request.len(), request.arg(0), request.arg(2)), (3, b"GET".as_slice(), b"k".as_slice()));
        assert_eq!(request.args().iter().collect::<Vec<_>>(), [b"".as_slice(), b"k"]);
        assert_eq!(request.words().remaining(), 3);
    }

    #[test]
    fn a_detached_request_is_the_same_elsewhere() {
        let request = Request::from_args(&["GET", "k"]);
        let detached = request.detached();
        assert_eq!((detached.len(), detached.arg(1), detached.wire()), (2, b"k".as_slice(), request.wire()));
        assert_ne!(detached.wire().as_ptr(), request.wire().as_ptr());
    }

    #[test]
    fn an_empty_request_has_no_arguments() {
        let request = Request::from_args::<&str>(&[]);
        assert!(request.is_empty() && request.args().is_empty());
    }
}
