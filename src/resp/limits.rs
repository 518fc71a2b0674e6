//! How long a request may be, and how many arguments it may have: checked before allocation.

/// Most arguments of a client that has not authenticated (Redis: `authRequired` in
/// `processMultibulkBuffer`): HELLO with AUTH and SETNAME needs seven.
pub(super) const ANONYMOUS_ARGS: usize = 10;
/// The longest argument of a client that has not authenticated.
pub(super) const ANONYMOUS_BULK_LEN: usize = 16 * 1024;
/// The longest incomplete request of a client that has not authenticated.
pub(super) const ANONYMOUS_QUERY_BUFFER: usize = 1024 * 1024;

/// Ranges in a request are 32 bits wide, so no request is longer, whatever the configuration says.
const LARGEST_REQUEST: usize = u32::MAX as usize;

/// The bounds of one request. Beyond them is a [`ProtocolError`](super::ProtocolError), which
/// closes the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest argument, in bytes (`proto-max-bulk-len`).
    pub max_bulk_len: usize,
    /// The most arguments, the command's name included.
    pub max_args: usize,
    /// The longest request, in bytes (`client-query-buffer-limit`).
    pub max_query_buffer: usize,
    /// The longest inline command, and the longest line that announces a count or a length, in
    /// bytes.
    pub max_inline: usize,
    /// False until a client on a protected server has authenticated: the `ANONYMOUS_…` bounds then
    /// hold as well.
    pub authenticated: bool,
}

impl Default for Limits {
    /// The defaults of Redis 8.6.
    fn default() -> Self {
        Self {
            max_bulk_len: 512 * 1024 * 1024,
            max_args: i32::MAX as usize,
            max_query_buffer: 1024 * 1024 * 1024,
            max_inline: 64 * 1024,
            authenticated: true,
        }
    }
}

impl Limits {
    /// The same bounds for a client that has not authenticated.
    pub fn anonymous(self) -> Self {
        Self { authenticated: false, ..self }
    }

    /// The longest argument, in bytes, that this client may send.
    pub fn bulk_len(&self) -> usize {
        let anonymous = if self.authenticated { usize::MAX } else { ANONYMOUS_BULK_LEN };
        self.max_bulk_len.min(anonymous)
    }

    /// The longest request, in bytes, that this client may have in flight.
    pub fn request_len(&self) -> usize {
        let anonymous = if self.authenticated { usize::MAX } else { ANONYMOUS_QUERY_BUFFER };
        self.max_query_buffer.min(anonymous).min(LARGEST_REQUEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_anonymous_client_gets_less() {
        let limits = Limits::default();
        assert_eq!(limits.request_len(), 1 << 30);
        assert_eq!(limits.anonymous().request_len(), ANONYMOUS_QUERY_BUFFER);
        let unbounded = Limits { max_query_buffer: usize::MAX, ..limits };
        assert_eq!(unbounded.request_len(), LARGEST_REQUEST);
    }
}
