//! Filters in commands: `FILTER expression`, with `PARAMS n value …` for `$1` … `$n` in it.

use super::elements::are_many;
use super::vadd::bounded;
use crate::commands::Context;
use crate::config::Compat;
use crate::resp::{Args, Error};
use crate::vector_set::filter::{Dialect, Filter, FilterError, Params, Path};

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

    /// The filter of a command with these arguments left. `own` takes a word of the command itself,
    /// with its arguments; false if the next word is none.
    pub(super) fn parse(
        mut args: Args<'r>,
        mut own: impl FnMut(&mut Args<'r>) -> Result<bool, Error>,
    ) -> Result<Option<Filter>, Error> {
        let mut words = Self::default();
        while !args.is_empty() {
            if !own(&mut args)? {
                let word = args.keyword_of(&WORDS).ok_or(Error::syntax())?;
                words.take(word, &mut args)?;
            }
        }
        words.compile()
    }

    /// The filter, if there is one. Values without an expression that names them are an error.
    pub(super) fn compile(&self) -> Result<Option<Filter>, Error> {
        if self.expression.is_none() && !self.params.is_empty() {
            return Err(Error::syntax());
        }
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

/// Takes `LIMIT n`, if it is next.
pub(super) fn limit(args: &mut Args, limit: &mut usize) -> Result<bool, Error> {
    let is_next = args.keyword("LIMIT");
    if is_next {
        *limit = bounded(args, 1, usize::MAX, "ERR invalid LIMIT")?;
    }
    Ok(is_next)
}

/// Takes the path of a field.
pub(super) fn field(args: &mut Args) -> Result<Path, Error> {
    Path::parse(args.bytes()?).map_err(|_| Error::new("ERR invalid field"))
}

/// True if a command reads many attributes: those of a set that is not small.
pub(super) fn reads_many(mut args: Args, cx: &Context) -> bool {
    let key = args.bytes().unwrap_or_default();
    let has_filter = args.iter().any(|word| word.eq_ignore_ascii_case(b"FILTER"));
    has_filter
        && matches!(cx.db().vector_set(key), Ok(Some(handle)) if are_many(handle.set.approximate_len()))
}
