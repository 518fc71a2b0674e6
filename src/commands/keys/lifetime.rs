//! The forms in which commands give a deadline: seconds or milliseconds, from now or since 1970;
//! and in which replies show one.

use crate::resp::Error;

/// A form of deadlines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) struct Lifetime {
    unit_ms: i64,
    from_now: bool,
}

impl Lifetime {
    /// Seconds from now.
    pub(in crate::commands) const EX: Self = Self { unit_ms: 1000, from_now: true };
    /// Milliseconds from now.
    pub(in crate::commands) const PX: Self = Self { unit_ms: 1, from_now: true };
    /// Seconds since 1970.
    pub(in crate::commands) const EXAT: Self = Self { unit_ms: 1000, from_now: false };
    /// Milliseconds since 1970.
    pub(in crate::commands) const PXAT: Self = Self { unit_ms: 1, from_now: false };

    /// The deadline in milliseconds since 1970; none if it overflows.
    pub(in crate::commands) fn deadline_ms(self, number: i64, now_ms: i64) -> Option<i64> {
        let base_ms = if self.from_now { now_ms } else { 0 };
        number.checked_mul(self.unit_ms)?.checked_add(base_ms)
    }
}

/// The number for what is not there, in a reply of deadlines.
pub(in crate::commands) const NO_SUCH: i64 = -2;
const NEVER: i64 = -1;

/// The number of a deadline in a reply: of a key, a field or an element. None is one that is not
/// there, and within it one without a deadline. `to_number` gets milliseconds since 1970.
pub(in crate::commands) fn expiry_number(
    deadline_ms: Option<Option<i64>>,
    to_number: impl FnOnce(i64) -> i64,
) -> i64 {
    match deadline_ms {
        None => NO_SUCH,
        Some(None) => NEVER,
        Some(Some(deadline_ms)) => to_number(deadline_ms),
    }
}

/// Milliseconds until a deadline. Not negative: the clock may have passed it since the lookup.
pub(in crate::commands) fn remaining_ms(deadline_ms: i64, now_ms: i64) -> i64 {
    deadline_ms.saturating_sub(now_ms).max(0)
}

/// The error for a deadline that overflows, or that the command does not accept.
pub(in crate::commands) fn invalid_expire_time(command: &str) -> Error {
    Error::from(format!("ERR invalid expire time in '{command}' command"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_out_of_range_are_refused() {
        assert_eq!(Lifetime::EX.deadline_ms(2, 500), Some(2500));
        assert_eq!(Lifetime::PXAT.deadline_ms(2, 500), Some(2));
        assert_eq!(Lifetime::EXAT.deadline_ms(i64::MAX / 1000 + 1, 0), None);
        assert_eq!(Lifetime::PX.deadline_ms(i64::MAX, 1), None);
        assert_eq!(Lifetime::PX.deadline_ms(i64::MIN, 1), Some(i64::MIN + 1));
    }
}
