//! Which release of Redis the server behaves like, where releases contradict each other: the option
//! `compat`.

/// A release of Redis whose commands, replies and errors are given.
///
/// It is the same for all clients from the start of the server to its end (`Server::compat`), so
/// reading it costs a load and it cannot change between a client's `HELLO` and its next command.
/// Hence `CONFIG SET` refuses it.
///
/// How code uses it:
///
/// - *A command newer than 8.6* has its release in `Spec::since`, and nowhere else: a command since
///   8.8.0 is unknown under `compat 8.6` (with the error of that release), and left out of
///   `COMMAND`. Logs are replayed with every command, whichever release is chosen. The same holds
///   for subcommands.
/// - *An argument* has its release in `Spec::syntax`, *a change in history* in `history.txt`:
///   `COMMAND DOCS` shows what the chosen release has. A command that must refuse the argument
///   under 8.6 compares, as for a reply:
/// - *A reply or an error that differs*: `if cx.is_like(Compat::V8_10) { … }`, which a replay of a
///   log never is; where there is no context, `server.compat >= Compat::V8_10`.
/// - *What came with Valkey alone* (`since: "9.0.0"`, or `"8.1.0"`, which Redis never had) or with
///   a release of Redis that is not complete here (`since: "8.12.0"`) is there in any case, like
///   nearhit's own commands: no release here gives the name another meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Compat {
    /// Redis 8.6.
    V8_6,
    /// Redis 8.10.
    #[default]
    V8_10,
    /// Redis 8.12 as far as its source was known when it was not yet released: as 8.10, but for the
    /// language of `VSIM`'s `FILTER`, whose strings have escapes there.
    V8_12,
}

impl Compat {
    /// Every release, oldest first; the last one has all commands.
    pub const ALL: [Compat; 3] = [Compat::V8_6, Compat::V8_10, Compat::V8_12];

    /// The words of the option, in the order of [`ALL`](Self::ALL).
    pub(super) const NAMES: &'static [&'static str] = &["8.6", "8.10", "8.12"];

    /// The last release of which each command is here.
    const LAST_COMPLETE: Compat = Compat::V8_10;

    /// The release of this name.
    pub(super) fn named(name: &str) -> Self {
        let named = Self::NAMES.iter().position(|known| *known == name);
        named.map_or_else(Self::default, |index| Self::ALL[index])
    }

    /// The version in `HELLO`, `INFO` and saved files: the patch release that the behaviour
    /// was compared with (8.12: the first one).
    pub const fn redis_version(self) -> &'static str {
        match self {
            Compat::V8_6 => "8.6.2",
            Compat::V8_10 => "8.10.2",
            Compat::V8_12 => "8.12.0",
        }
    }

    /// True if something of version `since` is available: versions of Redis up to the last complete
    /// release are compared with this release; those of other servers and of later releases always
    /// are.
    pub fn has(self, since: &str) -> bool {
        let mut numbers = since.split('.').map(str::parse::<u64>);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(8)), Some(Ok(minor))) => minor <= self.minor() || minor > Self::LAST_COMPLETE.minor(),
            _ => true,
        }
    }

    const fn minor(self) -> u64 {
        match self {
            Compat::V8_6 => 6,
            Compat::V8_10 => 10,
            Compat::V8_12 => 12,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_has_what_came_until_then_and_what_redis_never_had() {
        let has = |since| Compat::ALL.map(|release| release.has(since));
        for since in ["1.0.0", "7.4.0", "8.0.0", "8.6.0", "8.12.0", "9.0.0", "1.0.1"] {
            assert_eq!(has(since), [true; 3], "{since}");
        }
        assert_eq!((has("8.8.0"), has("8.10.0")), ([false, true, true], [false, true, true]));
    }

    #[test]
    fn each_word_of_the_option_is_a_release() {
        let named: Vec<_> = Compat::NAMES.iter().map(|name| Compat::named(name)).collect();
        assert_eq!(named, Compat::ALL);
        let versions: Vec<_> = Compat::ALL.iter().map(|release| release.redis_version()).collect();
        assert!(versions.iter().zip(Compat::NAMES).all(|(version, name)| version.starts_with(name)));
    }
}
