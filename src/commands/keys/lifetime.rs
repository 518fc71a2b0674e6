//! The forms in which commands give a deadline: seconds or milliseconds, from now or since 1970.

use crate::commands::Context;
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

/// The latest deadline of a part of a value, in the year 4199 (Redis' `HFE_MAX_ABS_TIME_MSEC`).
const LAST_OF_PART_MS: i64 = (1 << 46) - 1;

/// The deadline of a field of a hash, or of an element, in milliseconds since 1970. If it has
/// passed, the part has expired.
pub(in crate::commands) fn deadline_of_part_ms(
    command: &str,
    lifetime: Lifetime,
    number: i64,
    cx: &Context,
) -> Result<i64, Error> {
    if number < 0 {
        return Err(Error::new("ERR invalid expire time, must be >= 0"));
    }
    let deadline_ms = lifetime.deadline_ms(number, cx.now_ms());
    let deadline_ms = deadline_ms.filter(|deadline_ms| *deadline_ms <= LAST_OF_PART_MS);
    deadline_ms.ok_or_else(|| invalid_expire_time(command))
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
