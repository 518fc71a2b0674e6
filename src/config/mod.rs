//! What did the operator ask for? One table of options feeds flags, file, environment and `CONFIG GET`/`SET`.
//!
//! Knows nothing of what the values are for; nobody below the commands knows this folder.

mod file;
mod kind;
mod options;
mod settings;
mod sources;
mod words;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

pub use kind::{InvalidValue, Kind};
pub use options::{OPTIONS, OptionSpec, find};
pub use settings::{DebugAccess, OutputLimit, Settings};
pub use sources::{StartError, from_command_line};

/// The options in force. Readers take a snapshot; who reads often keeps it and looks at the generation.
pub struct Config {
    current: RwLock<Arc<Settings>>,
    generation: AtomicU64,
}

impl Default for Config {
    fn default() -> Self {
        Self::new(Settings::default())
    }
}

/// Why `CONFIG SET` changed nothing.
#[derive(Debug, PartialEq, Eq)]
pub enum SetError {
    /// There is no such option.
    Unknown(String),
    /// It can only be set at start.
    Immutable(&'static str),
    /// It is named twice.
    Duplicate(&'static str),
    /// Its value is not one.
    Invalid(&'static str, InvalidValue),
}

impl Config {
    /// Begins with these values.
    pub fn new(settings: Settings) -> Self {
        Self { current: RwLock::new(Arc::new(settings)), generation: AtomicU64::new(0) }
    }

    /// The values now.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.current.read())
    }

    /// Grows with every change: a snapshot taken at the same generation is still in force.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Changes several options, all or none.
    ///
    /// # Errors
    /// The first pair that cannot be set.
    pub fn set(&self, pairs: &[(&str, &str)]) -> Result<(), SetError> {
        let mut current = self.current.write();
        let mut changed = Settings::clone(&current);
        let mut seen: Vec<&'static str> = Vec::with_capacity(pairs.len());
        for (name, value) in pairs {
            let option = find(name).ok_or_else(|| SetError::Unknown((*name).to_owned()))?;
            check_settable(option, &seen)?;
            seen.push(option.name);
            option.kind.set(&mut changed, value).map_err(|why| SetError::Invalid(option.name, why))?;
        }
        *current = Arc::new(changed);
        self.generation.fetch_add(1, Ordering::Release);
        Ok(())
    }
}

fn check_settable(option: &OptionSpec, seen: &[&'static str]) -> Result<(), SetError> {
    if !option.mutable {
        return Err(SetError::Immutable(option.name));
    }
    if seen.contains(&option.name) {
        return Err(SetError::Duplicate(option.name));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_options_are_set_together_or_not_at_all() {
        let config = Config::default();
        let refused = config.set(&[("timeout", "7"), ("maxclients", "none")]);
        assert!(matches!(refused, Err(SetError::Invalid("maxclients", _))));
        assert_eq!((config.settings().timeout, config.generation()), (0, 0));
        config.set(&[("TIMEOUT", "7"), ("maxclients", "5")]).expect("both are valid");
        assert_eq!((config.settings().timeout, config.settings().maxclients), (7, 5));
        assert_eq!(config.generation(), 1);
    }

    #[test]
    fn unknown_fixed_and_repeated_options_are_refused() {
        let set = |pairs: &[(&str, &str)]| Config::default().set(pairs).expect_err("it must be refused");
        assert_eq!(set(&[("nonsense", "1")]), SetError::Unknown("nonsense".into()));
        assert_eq!(set(&[("port", "1")]), SetError::Immutable("port"));
        assert_eq!(set(&[("timeout", "1"), ("Timeout", "2")]), SetError::Duplicate("timeout"));
    }
}
