//! The options: one table feeds flags, file, environment and `CONFIG GET`/`SET`.
//!
//! Knows nothing of what the values are for; no layer below the commands knows this folder.

mod client_memory;
mod compat;
mod directive;
mod events;
mod file;
mod flags;
mod help;
mod include;
mod inert;
mod kind;
mod manual;
mod max_memory;
mod names;
mod options;
mod rewrite;
mod settings;
mod sources;
#[cfg(test)]
mod testing;
mod tls;
mod tools;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};

pub use crate::words::NotWords;
pub use client_memory::ClientMemory;
pub use compat::Compat;
pub use directive::{Fault, Place, Refusal, Source};
pub use kind::{InvalidValue, Kind, Shape};
pub use manual::Page;
pub use max_memory::MaxMemory;
pub use names::ALIASES;
pub use options::{OPTIONS, OptionSpec, find, names};
pub use rewrite::{RewriteError, replace as replace_file};
pub use settings::{ClientClass, DebugAccess, OutputLimit, OutputLimits, SaveRule, Settings, UserLine};
pub use sources::{Start, StartError, from_command_line};
pub use tls::{ClientCertificates, Tls};
pub use tools::{Check, Ping, Tool, tool};

/// The options in force. Readers take a snapshot; frequent ones keep it and compare the generation.
pub struct Config {
    current: RwLock<Arc<Settings>>,
    generation: AtomicU64,
    /// Locked while options change, which may take long and does not block readers.
    changing: Mutex<Vec<Applier>>,
    file: Option<PathBuf>,
}

/// Applies a change outside of the settings; takes those before and after. On an error they stay as
/// before.
type Applier = Box<dyn Fn(&Settings, &Settings) -> Result<(), NotApplied> + Send + Sync>;

/// Why a change could not be applied.
#[derive(Debug, PartialEq, Eq)]
pub struct NotApplied {
    /// The option.
    pub option: &'static str,
    /// Why not.
    pub reason: String,
}

impl Default for Config {
    fn default() -> Self {
        Self::new(Settings::default())
    }
}

impl From<Settings> for Config {
    fn from(settings: Settings) -> Self {
        Self::new(settings)
    }
}

/// Why `CONFIG SET` changed nothing.
#[derive(Debug, PartialEq, Eq)]
pub enum SetError {
    /// There is no such option.
    Unknown(String),
    /// It can only be set at start.
    Immutable(String),
    /// It says where files are written, and can be set at start only.
    Protected(String),
    /// It is named twice.
    Duplicate(String),
    /// The text is no value of the option.
    Invalid(String, InvalidValue),
    /// The value could not be applied.
    NotApplied(NotApplied),
}

impl Config {
    /// Options with these values, and no configuration file.
    pub fn new(settings: Settings) -> Self {
        Self::from_file(settings, None)
    }

    /// Options with these values; `file` is what [`rewrite`](Self::rewrite) writes.
    pub fn from_file(settings: Settings, file: Option<PathBuf>) -> Self {
        let current = RwLock::new(Arc::new(settings));
        Self { current, generation: AtomicU64::new(0), changing: Mutex::default(), file }
    }

    /// The configuration file, if there is one.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The values in force.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.current.read())
    }

    /// Grows with every change: a snapshot taken at the same generation is still in force.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Registers code that applies changes; it is called before they are visible.
    pub fn when_changed(
        &self,
        applier: impl Fn(&Settings, &Settings) -> Result<(), NotApplied> + Send + Sync + 'static,
    ) {
        self.changing.lock().push(Box::new(applier));
    }

    /// Lowers `maxclients`, before the first connection is accepted.
    pub fn lower_max_clients(&self, to: u64) {
        let mut current = self.current.write();
        *current = Arc::new(Settings { maxclients: to, ..Settings::clone(&current) });
    }

    /// Changes several options, all or none. Names are checked before values, as in Redis.
    ///
    /// # Errors
    /// The first pair that cannot be set.
    pub fn set(&self, pairs: &[(&str, &str)]) -> Result<(), SetError> {
        let options = settable(pairs)?;
        self.change(|before, after| {
            for (option, (name, value)) in options.into_iter().zip(pairs) {
                let set = option.kind.set(after, value);
                let kept = set.and_then(|()| keep_constant(option, before, after));
                kept.map_err(|why| SetError::Invalid(name.to_ascii_lowercase(), why))?;
            }
            Ok(())
        })
    }

    /// Reads the files again that options name.
    ///
    /// # Errors
    /// One cannot be used: what was read before stays in force.
    pub fn reload(&self) -> Result<(), SetError> {
        self.change(|_, after| {
            after.tls.readings += 1;
            Ok(())
        })
    }

    fn change(
        &self,
        edit: impl FnOnce(&Settings, &mut Settings) -> Result<(), SetError>,
    ) -> Result<(), SetError> {
        let appliers = self.changing.lock();
        let before = self.settings();
        let mut after = Settings::clone(&before);
        edit(&before, &mut after)?;
        after.check().map_err(SetError::NotApplied)?;
        apply(&appliers, &before, &after).map_err(SetError::NotApplied)?;
        *self.current.write() = Arc::new(after);
        self.generation.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// Writes the values to the configuration file, and these `user` lines.
    ///
    /// # Errors
    /// There is none, or it cannot be read or written.
    pub fn rewrite(&self, users: &[String]) -> Result<(), RewriteError> {
        let _unchanging = self.changing.lock();
        let path = self.file.as_deref().ok_or(RewriteError::NoFile)?;
        rewrite::rewrite(path, &self.settings(), users)
    }
}

/// The options of these names; an error names the first that cannot be set.
fn settable(pairs: &[(&str, &str)]) -> Result<Vec<&'static OptionSpec>, SetError> {
    let mut options: Vec<&'static OptionSpec> = Vec::with_capacity(pairs.len());
    for (name, _) in pairs {
        // Also for directives that only a file may have: as in Redis.
        let option = find(name).ok_or_else(|| SetError::Unknown((*name).to_owned()))?;
        if names::PROTECTED.contains(&option.name) {
            return Err(SetError::Protected((*name).to_owned()));
        }
        if !option.mutable {
            return Err(SetError::Immutable((*name).to_owned()));
        }
        if options.iter().any(|earlier| earlier.name == option.name) {
            return Err(SetError::Duplicate((*name).to_owned()));
        }
        options.push(option);
    }
    Ok(options)
}

/// An option that has no effect keeps its value.
fn keep_constant(option: &OptionSpec, before: &Settings, after: &Settings) -> Result<(), InvalidValue> {
    match inert::constant(option, before) {
        Some(value) if inert::constant(option, after).as_ref() != Some(&value) => {
            Err(InvalidValue::NoEffect(value))
        }
        _ => Ok(()),
    }
}

/// Calls every applier; after an error those called before get the old settings again.
fn apply(appliers: &[Applier], before: &Settings, after: &Settings) -> Result<(), NotApplied> {
    for (done, applier) in appliers.iter().enumerate() {
        if let Err(refusal) = applier(before, after) {
            // The old settings were possible a moment ago; if not now, the applier logs it.
            appliers[..done].iter().rev().for_each(|applier| drop(applier(after, before)));
            return Err(refusal);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_options_are_set_together_or_not_at_all() {
        let config = Config::default();
        let refused = config.set(&[("timeout", "7"), ("MaxClients", "none")]);
        assert!(matches!(refused, Err(SetError::Invalid(name, _)) if name == "maxclients"));
        assert_eq!((config.settings().timeout, config.generation()), (0, 0));
        config.set(&[("TIMEOUT", "7"), ("maxclients", "5")]).expect("both are valid");
        assert_eq!((config.settings().timeout, config.settings().maxclients), (7, 5));
        assert_eq!(config.generation(), 1);
    }

    #[test]
    fn options_without_effect_are_constants_while_the_server_runs() {
        let config = Config::default();
        let refused = |pairs: &[(&str, &str)]| match config.set(pairs) {
            Err(SetError::Invalid(name, why)) => format!("{name}: {why}"),
            other => panic!("{pairs:?}: {other:?}"),
        };
        assert_eq!(refused(&[("HZ", "20")]), "hz: must be '10' here: the option has no effect");
        assert_eq!(refused(&[("hz", "x")]), "hz: argument couldn't be parsed into an integer");
        let text = "repl-backlog-size: must be '1048576' here: the option has no effect";
        assert_eq!(refused(&[("timeout", "5"), ("repl-backlog-size", "2mb")]), text);
        assert_eq!(
            refused(&[("replica-announce-ip", "x")]),
            "replica-announce-ip: must be empty here: the option has no effect"
        );
        assert_eq!(config.settings().timeout, 0);
        config.set(&[("hz", "10"), ("repl-backlog-size", "1mb"), ("activedefrag", "NO")]).expect("as it is");
        config.set(&[("sanitize-dump-payload", "yes")]).expect("it is always done");
    }

    #[test]
    fn unknown_fixed_and_repeated_options_are_refused() {
        let set = |pairs: &[(&str, &str)]| Config::default().set(pairs).expect_err("it must be refused");
        assert_eq!(set(&[("timeout", "x"), ("nonsense", "1")]), SetError::Unknown("nonsense".into()));
        assert_eq!(set(&[("User", "a")]), SetError::Unknown("User".into()));
        assert_eq!(set(&[("Cluster-Port", "1")]), SetError::Immutable("Cluster-Port".into()));
        assert_eq!(set(&[("timeout", "x"), ("Unixsocket", "1")]), SetError::Immutable("Unixsocket".into()));
        assert_eq!(set(&[("timeout", "x"), ("Dir", "1")]), SetError::Protected("Dir".into()));
        assert_eq!(set(&[("timeout", "1"), ("Timeout", "2")]), SetError::Duplicate("Timeout".into()));
    }

    #[test]
    fn what_does_not_come_true_is_not_set_and_taken_back() {
        let config = Config::default();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&seen);
        config.when_changed(move |_, after| {
            told.lock().push(after.timeout);
            Ok(())
        });
        config.when_changed(|_, after| match after.timeout {
            2 => Err(NotApplied { option: "timeout", reason: "not two".into() }),
            _ => Ok(()),
        });
        config.set(&[("timeout", "1")]).expect("one is fine");
        assert!(matches!(config.set(&[("timeout", "2")]), Err(SetError::NotApplied(_))));
        assert_eq!((config.settings().timeout, seen.lock().as_slice()), (1, &[1, 2, 1][..]));
    }
}
