//! The bytes that stand for a vector: stored in two parts, or made ready to be compared with many.

/// A stored vector.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Code<'a> {
    /// What is rarely read: the norm, and for `Int8` the range. A walk that reads no more than
    /// bodies finds them aligned.
    pub head: &'a [u8],
    /// The components.
    pub body: &'a [u8],
}

/// A [`Code`] of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CodeBuf {
    bytes: Box<[u8]>,
    head: usize,
}

impl CodeBuf {
    /// Zeroed, of these sizes in bytes.
    pub(super) fn new(head: usize, body: usize) -> Self {
        Self { bytes: vec![0; head + body].into(), head }
    }

    /// Its two parts.
    pub fn as_code(&self) -> Code<'_> {
        let (head, body) = self.bytes.split_at(self.head);
        Code { head, body }
    }

    pub(super) fn parts_mut(&mut self) -> (&mut [u8], &mut [u8]) {
        self.bytes.split_at_mut(self.head)
    }
}

/// A vector made ready to be compared with many codes of one format. What is in it, the format's
/// codec says.
#[derive(Clone, Debug)]
pub struct Query {
    pub(super) body: Box<[u8]>,
    pub(super) numbers: [f32; 4],
}

impl Query {
    /// Components that the codec's kernels read, and nothing else.
    pub(super) fn of(body: impl Into<Box<[u8]>>) -> Self {
        Self { body: body.into(), numbers: [0.0; 4] }
    }
}
