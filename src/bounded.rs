//! Files that should be short, read into memory up to a limit.

use std::io::{self, Read};

/// All bytes; none if there are more than `most`, of which no more are read than that shows.
pub(crate) fn read(from: impl Read, most: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    from.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= most).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_longer_is_not_returned() {
        for (len, is_read) in [(0, true), (9, true), (10, true), (11, false)] {
            let bytes = vec![b'x'; len];
            assert_eq!(read(&bytes[..], 10).ok(), Some(is_read.then_some(bytes)));
        }
        assert!(matches!(read(io::repeat(b'x'), 10), Ok(None)), "it has no end");
    }
}
