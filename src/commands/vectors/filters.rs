//! Filters in commands: `FILTER expression`, with `PARAMS n value …` for what it names as `$1` …
//! `$n`.

use super::elements::are_many;
use crate::commands::Context;
use crate::config::Compat;
use crate::resp::{Args, Error};
use crate::vector_set::filter::{Dialect, Filter, FilterError, Params};

/// Values of one command at most.
const MAX_PARAMS: usize = 1024;

/// The words of a command that concern its filter.
#[derive(Default)]
pub(super) struct FilterWords<'r> {
    expression: Option<&'r [u8]>,
    params: Vec<&'r [u8]>,
}

/// Words of [`FilterWords`].
#[derive(Clone, Copy)]
pub(super) enum Word {
    Filter,
    Params,
}

pub(super) const WORDS: [(&str, Word); 2] = [("FILTER", Word::Filter), ("PARAMS", Word::Params)];

impl<'r> FilterWords<'r> {
    /// Takes the arguments of a word that was taken.
    pub(super) fn take(&mut self, word: Word, args: &mut Args<'r>) -> Result<(), Error> {
        match word {
            Word::Filter => self.expression = Some(args.bytes()?),
            Word::Params => {
                let count = args.integer_or::<usize>("ERR invalid number of PARAMS")?;
                if count > MAX_PARAMS || count > args.remaining() {
                    return Err(Error::new("ERR invalid number of PARAMS"));
                }
                self.params = (0..count).map(|_| args.bytes()).collect::<Result<_, _>>()?;
            }
        }
        Ok(())
    }

    /// The filter, if there is one.
    pub(super) fn compile(&self) -> Result<Option<Filter>, Error> {
        let params = Params::new(self.params.iter().copied());
        let compile = |expression| Filter::compile(expression, Dialect::Nearhit, &params).map_err(refusal);
        self.expression.map(compile).transpose()
    }
}

fn refusal(error: FilterError) -> Error {
    Error::from(format!("ERR syntax error in FILTER expression at {error}"))
}

/// The filter of `VSIM`: in Redis' language, or else in ours. So no expression that Redis accepts
/// has another meaning, and those that both refuse get the reply of Redis.
pub(super) fn compile_like_redis(expression: &[u8], release: Compat) -> Result<Filter, Error> {
    let dialect = if release >= Compat::V8_12 { Dialect::Redis8_12 } else { Dialect::Redis };
    let none = Params::default();
    Filter::compile(expression, dialect, &none).or_else(|error| {
        Filter::compile(expression, Dialect::Nearhit, &none).map_err(|_| {
            let mut text = b"ERR syntax error in FILTER expression near: ".to_vec();
            text.extend_from_slice(error.near());
            Error::from(text)
        })
    })
}

/// True if a command reads many attributes: those of a set that is not small.
pub(super) fn reads_many(mut args: Args, cx: &Context) -> bool {
    let key = args.bytes().unwrap_or_default();
    let has_filter = args.iter().any(|word| word.eq_ignore_ascii_case(b"FILTER"));
    has_filter
        && matches!(cx.db().vector_set(key), Ok(Some(handle)) if are_many(handle.set.approximate_len()))
}
