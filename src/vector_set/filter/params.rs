//! Values given beside an expression (`PARAMS`), so that they need no quoting.

/// The values of `$1`, `$2`, …: byte strings, as they came from a client. None by default.
///
/// Each is a *text*, whatever it looks like, so that it equals a text of the same bytes and no
/// other (`"01234"` is not `"1234"`). Where a number is wanted, it is converted as any text of the
/// language: compared with a number, or in arithmetic, `"25"` is 25.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params<'p> {
    values: Vec<&'p [u8]>,
}

impl<'p> Params<'p> {
    /// The values of `$1` and following, in order.
    pub fn new(values: impl IntoIterator<Item = &'p [u8]>) -> Self {
        Self { values: values.into_iter().collect() }
    }

    /// The value of `$number`; they are numbered from 1.
    pub(super) fn get(&self, number: usize) -> Option<&'p [u8]> {
        self.values.get(number.checked_sub(1)?).copied()
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }
}
