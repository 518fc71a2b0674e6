//! What one client tracks.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use super::Tracking;
use crate::commands::Flags;
use crate::commands::client::ClientInfo;
use crate::commands::registry::Command;
use crate::commands::transactions::named_keys;
use crate::resp::{Error, Request};

/// Bytes counted for a prefix, besides its own: its places here and in the table of all.
const PREFIX_BYTES: usize = 320;

/// A set of modes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::commands) struct Modes(u8);

impl Modes {
    pub(in crate::commands) const OFF: Self = Self(0);
    pub(in crate::commands) const ON: Self = Self(1);
    pub(in crate::commands) const BCAST: Self = Self(1 << 1);
    pub(in crate::commands) const OPTIN: Self = Self(1 << 2);
    pub(in crate::commands) const OPTOUT: Self = Self(1 << 3);
    pub(in crate::commands) const NOLOOP: Self = Self(1 << 4);
    /// The client to which messages are redirected was not connected.
    pub(in crate::commands) const BROKEN: Self = Self(1 << 5);

    pub(in crate::commands) const fn of_bits(bits: u8) -> Self {
        Self(bits)
    }

    pub(in crate::commands) const fn bits(self) -> u8 {
        self.0
    }

    pub(in crate::commands) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(in crate::commands) const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Why tracking cannot begin like this; the texts are those of Redis.
#[derive(Debug)]
pub(in crate::commands) enum TrackingError {
    /// A prefix overlaps with one that the client has.
    OverlapsWithOwn(Bytes, Bytes),
    /// Two of the new prefixes overlap.
    Overlap(Bytes, Bytes),
    /// Too many prefixes.
    Full,
}

impl From<TrackingError> for Error {
    fn from(error: TrackingError) -> Self {
        let overlap = |one: Bytes, which: &str, other: Bytes| {
            let [one, other] = [one, other].map(|prefix| String::from_utf8_lossy(&prefix).into_owned());
            Error::from(format!(
                "ERR Prefix '{one}' overlaps with {which} prefix '{other}'. Prefixes for a single client must not overlap."
            ))
        };
        match error {
            TrackingError::OverlapsWithOwn(one, other) => overlap(one, "an existing", other),
            TrackingError::Overlap(one, other) => overlap(one, "another provided", other),
            TrackingError::Full => Error::new("ERR too many prefixes: they exceed client-query-buffer-limit"),
        }
    }
}

/// What one client tracks, until `CLIENT TRACKING OFF`, RESET, or until it disconnects.
pub(in crate::commands) struct Tracked {
    all: Arc<Tracking>,
    info: Arc<ClientInfo>,
    prefixes: BTreeSet<Bytes>,
    /// What `CLIENT CACHING` has said of the next command.
    caching: Option<bool>,
}

impl Tracked {
    /// Begins, without prefixes.
    pub(in crate::commands) fn begin(all: &Arc<Tracking>, info: &Arc<ClientInfo>) -> Self {
        all.join(info);
        Self { all: Arc::clone(all), info: Arc::clone(info), prefixes: BTreeSet::new(), caching: None }
    }

    /// Adds prefixes. With an error, nothing is changed.
    pub(in crate::commands) fn check_prefixes(
        own: Option<&Self>,
        prefixes: &[&[u8]],
        max_bytes: u64,
    ) -> Result<(), TrackingError> {
        let overlap = |one: &[u8], other: &[u8]| one.starts_with(other) || other.starts_with(one);
        let copied = Bytes::copy_from_slice;
        let known = || own.into_iter().flat_map(|own| &own.prefixes);
        for (number, prefix) in prefixes.iter().enumerate() {
            if let Some(other) = known().find(|other| overlap(other, prefix)) {
                return Err(TrackingError::OverlapsWithOwn(copied(prefix), other.clone()));
            }
            if let Some(other) = prefixes[number + 1..].iter().find(|other| overlap(other, prefix)) {
                return Err(TrackingError::Overlap(copied(prefix), copied(other)));
            }
        }
        let all = known().map(|prefix| prefix.len()).chain(prefixes.iter().map(|prefix| prefix.len()));
        let bytes: usize = all.map(|len| PREFIX_BYTES + len).sum();
        if bytes as u64 > max_bytes { Err(TrackingError::Full) } else { Ok(()) }
    }

    /// Adds a prefix, if it is new.
    pub(in crate::commands) fn add_prefix(&mut self, prefix: &[u8]) {
        if !self.prefixes.contains(prefix) {
            self.prefixes.insert(self.all.prefixes.add(prefix, &self.info));
        }
    }

    /// The prefixes in order.
    pub(in crate::commands) fn prefixes(&self) -> impl Iterator<Item = &Bytes> {
        self.prefixes.iter()
    }

    /// What `CLIENT CACHING` has said of the next command.
    pub(in crate::commands) fn caching(&self) -> Option<bool> {
        self.caching
    }

    /// `CLIENT CACHING`.
    pub(in crate::commands) fn set_caching(&mut self, caching: Option<bool>) {
        self.caching = caching;
    }

    /// Notes the keys of a command that reads, before it does.
    pub(in crate::commands) fn before(&self, command: &Command, request: &Request) {
        let modes = self.info.tracking_modes();
        let is_left_out = modes.has(Modes::OPTIN) && self.caching != Some(true)
            || modes.has(Modes::OPTOUT) && self.caching == Some(false);
        if modes.has(Modes::BCAST) || is_left_out || !command.spec.flags.has(Flags::READONLY) {
            return;
        }
        named_keys(command, request).for_each(|key| self.all.remember(key, self.info.id));
        self.all.shrink();
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.info.set_tracking(Modes::OFF, 0);
        self.prefixes.iter().for_each(|prefix| self.all.prefixes.remove(prefix, self.info.id));
        self.all.leave(self.info.id);
    }
}
