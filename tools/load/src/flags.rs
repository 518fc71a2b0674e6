//! `--name value` pairs of the command line.

use std::collections::HashMap;
use std::str::FromStr;

use crate::Failure;

/// The flags not yet taken.
pub(crate) struct Flags(HashMap<String, String>);

impl Flags {
    /// Reads pairs of words; a word that is no flag, or a flag without a value, is an error.
    pub(crate) fn read(mut words: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut flags = HashMap::new();
        while let Some(word) = words.next() {
            let name = word.strip_prefix("--").ok_or_else(|| format!("'{word}' is not a flag"))?;
            let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
            flags.insert(name.to_owned(), value);
        }
        Ok(Self(flags))
    }

    /// Takes a flag that must be there.
    pub(crate) fn take<T: FromStr>(&mut self, name: &str) -> Result<T, Failure> {
        let value = self.0.remove(name).ok_or_else(|| format!("--{name} is missing"))?;
        value.parse().map_err(|_| format!("--{name} cannot be '{value}'").into())
    }

    /// Refuses flags that nobody took.
    pub(crate) fn finish(&self) -> Result<(), Failure> {
        match self.0.keys().next() {
            Some(name) => Err(format!("--{name} is not known here").into()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(line: &str) -> Result<Flags, Failure> {
        Flags::read(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn takes_typed_values() {
        let mut flags = flags("--port 7000 --set a/b").unwrap();
        assert_eq!(flags.take::<u16>("port").unwrap(), 7000);
        assert!(flags.finish().is_err());
        assert_eq!(flags.take::<String>("set").unwrap(), "a/b");
        assert!(flags.finish().is_ok());
    }

    #[test]
    fn refuses_what_it_cannot_read() {
        assert!(flags("port 7000").is_err());
        assert!(flags("--port").is_err());
        assert!(flags("--port x").unwrap().take::<u16>("port").is_err());
        assert!(flags("").unwrap().take::<u16>("port").is_err());
    }
}
