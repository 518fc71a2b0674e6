//! A hint to the memory: these bytes are read soon.

/// The unit in which memory is brought in, in bytes, on the machines this runs on.
#[cfg(target_arch = "x86_64")]
const CACHE_LINE: usize = 64;

/// Asks for the cache lines that `bytes` lies in, down to the nearest cache, and does not wait for
/// them.
///
/// A CPU follows a dozen or so such requests at a time, so ask for the head of a long vector and
/// let the hardware see the rest coming. Does nothing where the standard library has no such
/// instruction.
#[inline]
pub fn prefetch(bytes: &[u8]) {
    prefetch_at(bytes.as_ptr(), bytes.len());
}

/// The same, of bytes that need not be readable, or there at all.
#[inline]
pub fn prefetch_at(start: *const u8, len: usize) {
    #[cfg(target_arch = "x86_64")]
    for line in lines(start, len) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint; it reads nothing that the program could see, and faults at no address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (start, len);
}

/// Where the cache lines begin that these bytes have a part in.
#[cfg(target_arch = "x86_64")]
#[inline]
fn lines(start: *const u8, len: usize) -> impl Iterator<Item = *const u8> {
    let into_line = start.addr() % CACHE_LINE;
    let first = start.wrapping_sub(into_line);
    let end = if len == 0 { 0 } else { into_line + len };
    (0..end).step_by(CACHE_LINE).map(move |offset| first.wrapping_add(offset))
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_asked_for_once() {
        let memory = [0; 4 * CACHE_LINE];
        for start in 0..CACHE_LINE {
            for end in start..memory.len() {
                let bytes = &memory[start..end];
                let mut expected: Vec<_> =
                    bytes.iter().map(|byte| std::ptr::from_ref(byte).addr() / CACHE_LINE).collect();
                expected.dedup();
                assert!(
                    lines(bytes.as_ptr(), bytes.len()).map(|line| line.addr() / CACHE_LINE).eq(expected),
                    "{start}..{end}"
                );
                prefetch(bytes);
            }
        }
    }
}
