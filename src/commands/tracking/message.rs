//! The messages of tracking, in the forms in which clients get them.

use std::cell::OnceCell;
use std::sync::Arc;

use bytes::Bytes;

use crate::commands::client::PushForm;
use crate::resp::{Encoded, Protocol, Reply};

/// The channel of the messages to clients of RESP2.
const CHANNEL: &str = "__redis__:invalidate";

/// A message that keys, or all of them, have changed. Each form is made once.
pub(super) struct Invalidation {
    /// None for all keys.
    keys: Option<Vec<Bytes>>,
    /// By the form, and whether the client that tracks uses RESP3.
    forms: [OnceCell<Arc<PushForm>>; 4],
}

impl Invalidation {
    pub(super) fn of<'k>(keys: impl IntoIterator<Item = &'k [u8]>) -> Self {
        let keys = keys.into_iter().map(Bytes::copy_from_slice).collect();
        Self { keys: Some(keys), forms: Default::default() }
    }

    pub(super) fn of_everything() -> Self {
        Self { keys: None, forms: Default::default() }
    }

    /// For a client of RESP3. `is_resp3`: whether the one that tracks uses RESP3, whose null it is.
    pub(super) fn push(&self, is_resp3: bool) -> Arc<PushForm> {
        let form = self.forms[usize::from(is_resp3)].get_or_init(|| {
            let head = [b'>', b'2', b'\r', b'\n'];
            self.encoded(&head, &["invalidate"], is_resp3, true)
        });
        Arc::clone(form)
    }

    /// For a client of RESP2, which has subscribed to some channel.
    pub(super) fn message(&self, is_resp3: bool) -> Arc<PushForm> {
        let form = self.forms[2 + usize::from(is_resp3)]
            .get_or_init(|| self.encoded(b"*3\r\n", &["message", CHANNEL], is_resp3, false));
        Arc::clone(form)
    }

    fn encoded(
        &self,
        head: &[u8],
        words: &[&'static str],
        is_resp3: bool,
        needs_resp3: bool,
    ) -> Arc<PushForm> {
        let protocol = if is_resp3 { Protocol::Resp3 } else { Protocol::Resp2 };
        let mut out = Encoded::default();
        out.put_text(Bytes::copy_from_slice(head));
        words.iter().for_each(|word| Reply::bulk(*word).encode(protocol, &mut out));
        let keys = self.keys.as_ref().map_or(Reply::Null, |keys| {
            Reply::Array(keys.iter().map(|key| Reply::bulk(key.clone())).collect())
        });
        keys.encode(protocol, &mut out);
        PushForm::new(out.to_vec().into(), needs_resp3)
    }
}

/// Tells a client of RESP3 that the client with this id, to which its messages are redirected, is
/// not connected any more.
pub(super) fn redirection_broken(id: u64) -> Arc<PushForm> {
    let mut out = Encoded::default();
    let reply = Reply::Push(vec![Reply::bulk("tracking-redir-broken"), Reply::Integer(id as i64)]);
    reply.encode(Protocol::Resp3, &mut out);
    PushForm::new(out.to_vec().into(), true)
}
