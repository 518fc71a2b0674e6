//! `EX seconds`, `PX milliseconds`, `EXAT time`, `PXAT time`, or a word instead of a time: the
//! options of SET and similar commands on the deadline of a string.

use crate::commands::keys::lifetime::{Lifetime, invalid_expire_time};
use crate::journal::Record;
use crate::keyspace::{Deadline, Exclusive, Value, event};
use crate::resp::{Args, Error};

/// The options as given; the number is parsed after the syntax has been checked.
#[derive(Clone, Copy, Default)]
pub(super) struct ExpiryOptions<'r> {
    /// The word instead of a time (`KEEPTTL`, `PERSIST`) was given.
    pub(super) instead: bool,
    time: Option<(Lifetime, Args<'r>)>,
}

/// The deadline of a string that is written.
#[derive(Clone, Copy)]
pub(super) enum Expiry {
    /// No deadline.
    Never,
    /// The deadline stays as it was.
    Keep,
    /// This deadline, which may have passed.
    At {
        /// Milliseconds since 1970.
        deadline_ms: i64,
    },
}

impl<'r> ExpiryOptions<'r> {
    /// Takes a time, or the word `instead` of one, if it is the next argument. The same word may be
    /// repeated, but two different ones are not accepted.
    pub(super) fn take(&mut self, args: &mut Args<'r>, instead: &str) -> bool {
        if self.time.is_none() && args.keyword(instead) {
            self.instead = true;
            return true;
        }
        let Some((ahead, time)) = self.time_in(*args) else { return false };
        *args = ahead;
        self.time = Some(time);
        true
    }

    /// True if a time or the word instead of one was taken.
    pub(super) fn is_given(&self) -> bool {
        self.instead || self.time.is_some()
    }

    fn time_in(&self, mut args: Args<'r>) -> Option<(Args<'r>, (Lifetime, Args<'r>))> {
        let words =
            [("EX", Lifetime::EX), ("PX", Lifetime::PX), ("EXAT", Lifetime::EXAT), ("PXAT", Lifetime::PXAT)];
        let lifetime = args.keyword_of(&words)?;
        let number = args;
        args.take()?;
        let fits = !self.instead && self.time.is_none_or(|(before, _)| before == lifetime);
        fits.then_some((args, (lifetime, number)))
    }

    /// The deadline in milliseconds since 1970; none if no time was given.
    pub(super) fn deadline_ms(
        &self,
        command: &str,
        now_ms: impl FnOnce() -> i64,
    ) -> Result<Option<i64>, Error> {
        let Some((lifetime, mut at)) = self.time else { return Ok(None) };
        deadline_ms(command, lifetime, at.integer()?, now_ms()).map(Some)
    }

    /// The deadline of a string that is written with these options.
    pub(super) fn resolve(&self, command: &str, now_ms: impl FnOnce() -> i64) -> Result<Expiry, Error> {
        let otherwise = if self.instead { Expiry::Keep } else { Expiry::Never };
        Ok(self.deadline_ms(command, now_ms)?.map_or(otherwise, |deadline_ms| Expiry::At { deadline_ms }))
    }
}

/// The deadline for `number` in this form, in milliseconds since 1970.
pub(super) fn deadline_ms(command: &str, lifetime: Lifetime, number: i64, now_ms: i64) -> Result<i64, Error> {
    let deadline_ms = lifetime.deadline_ms(number, now_ms).filter(|_| number > 0);
    deadline_ms.ok_or_else(|| invalid_expire_time(command))
}

/// Makes the record set a key to a string that expires at `deadline_ms`.
pub(super) fn set_until<'a>(record: Record<'a>, key: &[u8], text: &[u8], deadline_ms: i64) -> Record<'a> {
    record
        .instead(|effects| effects.command(&[b"SET", key, text, b"PXAT", deadline_ms.to_string().as_bytes()]))
}

/// The same, but the record removes the key if the deadline has passed.
pub(super) fn set_or_remove<'a>(
    record: Record<'a>,
    key: &[u8],
    text: &[u8],
    deadline_ms: i64,
    now_ms: i64,
) -> Record<'a> {
    if deadline_ms <= now_ms {
        return record.instead(|effects| effects.command(&[b"DEL", key]));
    }
    set_until(record, key, text, deadline_ms)
}

impl Expiry {
    /// Sets the key to this value with this deadline. If the deadline has passed, the key is
    /// removed, and counted as expired: its time to live may have passed while the command waited
    /// for the lock. `notify` publishes the events of the command, before that of such a removal.
    pub(super) fn put(self, keys: &mut Exclusive, key: &[u8], value: Value, notify: impl FnOnce(&Exclusive)) {
        let before = keys.type_to_replace(key);
        keys.notify_replaced(key, before, value.view().type_name());
        self.change(keys, key, value, notify);
    }

    /// The same without the events of a value that is replaced.
    pub(super) fn change(
        self,
        keys: &mut Exclusive,
        key: &[u8],
        value: Value,
        notify: impl FnOnce(&Exclusive),
    ) {
        match self {
            Self::Never => keys.put(key, value, Deadline::NEVER),
            Self::Keep => keys.put_keeping_deadline(key, value),
            Self::At { deadline_ms } if deadline_ms <= keys.now_ms() => {
                if !keys.remove(key) {
                    keys.notify(event::NEW, key);
                }
                keys.count_expired();
                notify(keys);
                return keys.notify(event::EXPIRED, key);
            }
            Self::At { deadline_ms } => keys.put(key, value, Deadline::at(deadline_ms)),
        }
        notify(keys);
    }

    /// True for a deadline that has passed.
    pub(super) fn has_passed(self, now_ms: i64) -> bool {
        matches!(self, Self::At { deadline_ms } if deadline_ms <= now_ms)
    }

    /// True if it is a time.
    pub(super) fn is_time(self) -> bool {
        matches!(self, Self::At { .. })
    }
}
