//! Random bytes for secrets.

use std::io;

/// Fills `bytes` with random ones, which cannot be predicted.
///
/// # Errors
/// The system has none.
pub fn fill_with_random(bytes: &mut [u8]) -> io::Result<()> {
    getrandom::fill(bytes).map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_are_filled() {
        let mut drawn = [[0u8; 64]; 2];
        drawn.iter_mut().for_each(|bytes| fill_with_random(bytes).expect("the system has some"));
        assert_ne!(drawn[0], drawn[1]);
        assert!(drawn.iter().all(|bytes| bytes[56..] != [0; 8]));
    }
}
