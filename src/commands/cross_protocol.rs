//! A guard against web pages that make a browser send requests to this server.
//!
//! A request of HTTP is read as inline commands, of which the first or a later one fails. Its body
//! could hold commands that succeed, so the client is disconnected before they are read, as in
//! Redis.

use super::client::Client;

/// True if this is the first word of a `POST` request or of the header that all requests have.
pub(super) fn is_http(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"post") || name.eq_ignore_ascii_case(b"host:")
}

/// Disconnects the client. It gets no reply, and replies that are not yet sent are dropped.
pub(super) fn abandon(client: &mut Client) {
    tracing::warn!(
        client = client.info.id,
        address = client.info.address,
        "possible attack: a client sent 'POST' or 'Host:', as a browser does for a web page; disconnected"
    );
    client.abandoned = true;
    client.closing = true;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_is_known_by_whole_words_in_any_case() {
        assert!([&b"POST"[..], b"post", b"Host:", b"hOST:"].into_iter().all(is_http));
        assert!(![&b"GET"[..], b"Host", b"Host:x", b"POSTS", b""].into_iter().any(is_http));
    }
}
