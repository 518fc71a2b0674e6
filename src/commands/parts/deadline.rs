//! Deadlines of parts: their bounds, and conditions on the present one.

use crate::commands::Context;
use crate::commands::keys::lifetime::{Lifetime, invalid_expire_time};
use crate::resp::Error;

/// The latest deadline of a part, in the year 4199 (Redis' `HFE_MAX_ABS_TIME_MSEC`).
const LAST_MS: i64 = (1 << 46) - 1;

/// The deadline of a field of a hash, or of an element, in milliseconds since 1970. If it has
/// passed, the part has expired.
///
/// # Errors
/// The number is negative, or the deadline is beyond the latest one.
pub(in crate::commands) fn deadline_ms(
    command: &str,
    lifetime: Lifetime,
    number: i64,
    cx: &Context,
) -> Result<i64, Error> {
    if number < 0 {
        return Err(Error::new("ERR invalid expire time, must be >= 0"));
    }
    let deadline_ms = lifetime.deadline_ms(number, cx.now_ms());
    deadline_ms.filter(|deadline_ms| *deadline_ms <= LAST_MS).ok_or_else(|| invalid_expire_time(command))
}

/// Seconds of a time or deadline of a part: rounded up, unlike those of TTL.
pub(in crate::commands) fn seconds(ms: i64) -> i64 {
    ms / 1000 + i64::from(ms % 1000 > 0)
}

/// A condition on the present deadline of a part. No deadline counts as later than any.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::commands) enum Condition {
    NeverEnds,
    Ends,
    Sooner,
    Later,
}

impl Condition {
    pub(super) const ALL: [(&'static str, Self); 4] =
        [("NX", Self::NeverEnds), ("XX", Self::Ends), ("GT", Self::Sooner), ("LT", Self::Later)];

    /// True if a part with the deadline `before` may get the deadline `after`, both in milliseconds
    /// since 1970.
    pub(in crate::commands) fn allows(self, before: Option<i64>, after: i64) -> bool {
        match self {
            Self::NeverEnds => before.is_none(),
            Self::Ends => before.is_some(),
            Self::Sooner => before.is_some_and(|before| before < after),
            Self::Later => before.is_none_or(|before| before > after),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_deadline_counts_as_later_than_any() {
        let allowed = |before| Condition::ALL.map(|(_, condition)| condition.allows(before, 5));
        assert_eq!(allowed(None), [true, false, false, true]);
        assert_eq!(allowed(Some(4)), [false, true, true, false]);
        assert_eq!(allowed(Some(5)), [false, true, false, false]);
        assert_eq!(allowed(Some(6)), [false, true, false, true]);
    }
}
