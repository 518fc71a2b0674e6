//! Strings.

use std::io::{self, Read, Write};

use super::fault::ReadError;
use super::format::{MAX_STRING_LEN, ValueType};
use super::reader::Reader;
use super::save::commands;
use super::value::Written;
use super::writer::Writer;
use crate::keyspace::{Deadline, StringRef, StringValue};

impl Written for StringRef<'_> {
    fn value_type(self) -> ValueType {
        ValueType::String
    }

    fn write<W: Write>(self, out: &mut Writer<W>) -> io::Result<()> {
        out.string(&self.text())
    }

    fn write_commands<W: Write>(self, out: &mut Writer<W>, key: &[u8], deadline: Deadline) -> io::Result<()> {
        commands::command(out, &[b"SET", key, &self.text()])?;
        commands::end(out, key, deadline)
    }
}

pub(super) fn read<R: Read>(input: &mut Reader<R>) -> Result<StringValue, ReadError> {
    let mut text = input.string(MAX_STRING_LEN)?;
    text.shrink_to_fit();
    Ok(StringValue::of_vec(text))
}
