//! A whole file, part by part: what comes before each value is understood here, the value itself is
//! for the caller.

use std::io::Read;

use super::fault::ReadError;
use super::format::{NEXT_COLD, NEXT_KEY, NEXT_SEALED, NO_EVICT, ValueType, module, opcode};
use super::reader::{Checksum, Reader};
use super::skip;
use super::templates::Templates;

/// The first version with a checksum at the end.
const FIRST_WITH_CHECKSUM: u16 = 5;
/// The longest key: that of a string. And the longest name or value of an AUX field.
const MAX_KEY_LEN: usize = super::format::MAX_STRING_LEN;
const MAX_AUX_LEN: usize = 1024 * 1024;

/// One after the other, the parts of a file.
#[derive(Debug)]
pub struct Walk<R> {
    /// Where the file is read. After a [`Part::Key`] its value is read here, or passed over.
    pub input: Reader<R>,
    /// What its values refer to.
    pub templates: Templates,
    version: u16,
}

/// What stands between two values.
#[derive(Debug)]
pub enum Part {
    /// Something about the file.
    Aux {
        /// Its name.
        name: Vec<u8>,
        /// What it says.
        value: Vec<u8>,
    },
    /// Keys of this database follow.
    Database(u64),
    /// What was passed over, as it has no place here: a function library, or what a module keeps
    /// beside its keys.
    Foreign(String),
    /// A key, whose value is next.
    Key(Head),
    /// The end, and what the checksum said.
    End(Checksum),
}

/// What is known of a key before its value.
#[derive(Debug)]
pub struct Head {
    /// Where the type of the value stands.
    pub offset: u64,
    /// The type.
    pub kind: ValueType,
    /// The key.
    pub key: Vec<u8>,
    /// What was written before its type.
    pub ahead: Ahead,
}

/// What may be written of a key before its type.
#[derive(Debug, Default)]
pub struct Ahead {
    /// When it ends, in Unix milliseconds.
    pub ends_ms: Option<i64>,
    /// For how long it has not been used, if that was written.
    pub idle_s: Option<u64>,
    /// The counter of its uses, if that was written.
    pub frequency: Option<u8>,
    /// True if it is never evicted.
    pub is_blessed: bool,
    /// In which cold file its value is too, if that was written.
    pub cold: Option<Vec<u8>>,
    /// In which sealed files its value is too, if that was written.
    pub sealed: Option<Vec<u8>>,
    /// True if modules had attached something to the key, which was passed over.
    pub had_metadata: bool,
}

impl<R: Read> Walk<R> {
    /// Reads what the file begins with.
    pub fn begin(mut input: Reader<R>) -> Result<Self, ReadError> {
        let version = input.header()?;
        Ok(Self { input, templates: Templates::default(), version })
    }

    /// The version of the format.
    pub fn version(&self) -> u16 {
        self.version
    }

    /// The next part. The value of a key must have been read. Nothing comes after the end.
    pub fn next_part(&mut self) -> Result<Part, ReadError> {
        let mut ahead = Ahead::default();
        loop {
            let offset = self.input.offset();
            let byte = self.input.u8()?;
            if self.note_ahead(byte, &mut ahead)? {
                continue;
            }
            return match byte {
                opcode::AUX => match self.aux()? {
                    Part::Aux { name, value } if name == NEXT_KEY => {
                        ahead.is_blessed |= value == NO_EVICT;
                        continue;
                    }
                    Part::Aux { name, value } if name == NEXT_COLD => {
                        ahead.cold = Some(value);
                        continue;
                    }
                    Part::Aux { name, value } if name == NEXT_SEALED => {
                        ahead.sealed = Some(value);
                        continue;
                    }
                    other => Ok(other),
                },
                opcode::SELECTDB => self.input.length().map(Part::Database),
                opcode::FUNCTION2 => {
                    self.input.skip_string()?;
                    Ok(Part::Foreign("function".into()))
                }
                opcode::MODULE_AUX => self.module_aux(),
                opcode::EOF => self.end(),
                byte => self.key(offset, byte, ahead),
            };
        }
    }

    /// Takes what is said of the next key, and passes over hints; false if it is something else.
    fn note_ahead(&mut self, byte: u8, ahead: &mut Ahead) -> Result<bool, ReadError> {
        let input = &mut self.input;
        match byte {
            opcode::EXPIRETIME_MS => ahead.ends_ms = Some(i64::from_le_bytes(input.array()?)),
            opcode::EXPIRETIME => {
                ahead.ends_ms = Some(i64::from(i32::from_le_bytes(input.array()?)) * 1000);
            }
            opcode::IDLE => ahead.idle_s = Some(input.length()?),
            opcode::FREQ => ahead.frequency = Some(input.u8()?),
            opcode::HASH_TEMPLATE => self.templates.read(input)?,
            opcode::KEY_META => {
                skip::skip_key_metadata(input)?;
                ahead.had_metadata = true;
            }
            opcode::RESIZEDB => (0..2).try_for_each(|_| input.length().map(drop))?,
            opcode::SLOT_INFO => (0..3).try_for_each(|_| input.length().map(drop))?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn aux(&mut self) -> Result<Part, ReadError> {
        Ok(Part::Aux { name: self.input.string(MAX_AUX_LEN)?, value: self.input.string(MAX_AUX_LEN)? })
    }

    /// The module's id is followed by when it was written, as a field of its own.
    fn module_aux(&mut self) -> Result<Part, ReadError> {
        let id = self.input.length()?;
        skip::skip_module_fields(&mut self.input)?;
        Ok(Part::Foreign(format!("{} (beside keys)", module::name(id))))
    }

    fn end(&mut self) -> Result<Part, ReadError> {
        if self.version < FIRST_WITH_CHECKSUM {
            return Ok(Part::End(Checksum::Unchecked));
        }
        self.input.checksum().map(Part::End)
    }

    fn key(&mut self, offset: u64, byte: u8, ahead: Ahead) -> Result<Part, ReadError> {
        let Some(kind) = ValueType::from_byte(byte, self.version) else {
            return Err(ReadError::invalid(offset, format!("neither a type nor an opcode: {byte}")));
        };
        let key = self.input.string(MAX_KEY_LEN)?;
        Ok(Part::Key(Head { offset, kind, key, ahead }))
    }
}
