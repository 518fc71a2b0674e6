//! A response.

use std::borrow::Cow;
use std::fmt::Write;

use tokio::sync::OwnedSemaphorePermit;

/// What is sent back.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    content_type: &'static str,
    headers: Vec<(&'static str, Cow<'static, str>)>,
    body: Cow<'static, [u8]>,
    /// The right to be long; given back when it was written.
    _held: Option<OwnedSemaphorePermit>,
}

const TEXT: &str = "text/plain; charset=utf-8";
/// Nothing is stored by anyone: figures are of one moment, and may be secret.
const ALWAYS: &str =
    "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n";

impl Response {
    /// With a body.
    pub(super) fn new(status: u16, content_type: &'static str, body: impl Into<Cow<'static, [u8]>>) -> Self {
        Self { status, content_type, headers: Vec::new(), body: body.into(), _held: None }
    }

    /// With a line of text, for people and for logs of probes.
    pub(super) fn text(status: u16, line: impl std::fmt::Display) -> Self {
        Self::new(status, TEXT, format!("{line}\n").into_bytes())
    }

    /// The name of the status alone.
    pub(super) fn status(status: u16) -> Self {
        Self::text(status, reason(status))
    }

    /// With a further header.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Holds the right to be long until it is dropped.
    pub(super) fn holding(self, permit: OwnedSemaphorePermit) -> Self {
        Self { _held: Some(permit), ..self }
    }

    /// Status line and headers.
    pub(super) fn head(&self, stays_open: bool) -> String {
        let Self { status, content_type, body, .. } = self;
        let reason = reason(*status);
        let connection = if stays_open { "keep-alive" } else { "close" };
        let len = body.len();
        let mut head = format!(
            "HTTP/1.1 {status} {reason}\r\nContent-Type: {content_type}\r\nContent-Length: {len}\r\n\
             Connection: {connection}\r\n{ALWAYS}"
        );
        for (name, value) in &self.headers {
            let written = write!(head, "{name}: {value}\r\n");
            debug_assert!(written.is_ok(), "a string takes any text");
        }
        head.push_str("\r\n");
        head
    }

    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }
}

/// The name of a status.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        411 => "Length Required",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Internal Server Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_says_how_long_the_body_is() {
        let response = Response::text(503, "loading").with("Retry-After", "1");
        let head = response.head(true);
        assert!(head.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{head}");
        assert!(head.contains("\r\nContent-Length: 8\r\nConnection: keep-alive\r\n"), "{head}");
        assert!(head.ends_with("\r\nRetry-After: 1\r\n\r\n"), "{head}");
        assert_eq!(response.body(), b"loading\n");
    }
}
