//! The drawing of the bytes. Numbers of several bytes are little-endian, but for those of a length.
//!
//! ```text
//! file      "REDIS" version: 4 digits | "VALKEY" version: 3 digits   part …   EOF   CRC64 of all before: 8 (0: not computed)
//! part      AUX name: string, value: string
//!         | SELECTDB number: length
//!         | RESIZEDB keys: length, of them with a deadline: length
//!         | FUNCTION2 source: string
//!         | MODULE_AUX id: length, module fields
//!         | SLOT_INFO slot: length, keys: length, of them with a deadline: length
//!         | HASH_TEMPLATE id: length, fields: length, name: string …
//!         | [AUX "nearhit-next-key" "no-evict"]
//!           [EXPIRETIME_MS unix ms: 8 | EXPIRETIME unix s: 4] [IDLE seconds: length | FREQ counter: 1]
//!           [KEY_META …] type: 1   key: string   value
//! dump      type: 1   value   version: 2   CRC64 of all before: 8
//!
//! length    00xxxxxx                      6 bits
//!         | 01xxxxxx + 1                  14 bits, big-endian
//!         | 10000000 + 4, 10000001 + 8    32 and 64 bits, big-endian
//! string    length, bytes
//!         | 11000000 + 1, 11000001 + 2, 11000010 + 4      the decimal form of a signed integer
//!         | 11000011, length of compressed, length, compressed (LZF)
//!
//! module    id: length, field …, END
//! id        nine characters of six bits, ten bits of version; the first character on top
//! field     SINT length (of two's complement) | UINT length | FLOAT 4 | DOUBLE 8 | STRING string
//! ```
//!
//! Opcodes and types are one byte; those of module fields have the form of a length.
//!
//! Blessed keys: Redis 8.12 has an opcode of its own for them, and a version of the format that
//! older releases refuse. Here an auxiliary field stands before the key instead: every Redis and
//! Valkey passes over fields that it does not have, so such a file loads there, without the
//! blessings. The opcode of Redis 8.12 is not read.

/// What every file begins with, before its version.
pub const MAGIC: &[u8; 5] = b"REDIS";

/// What the files of a Valkey begin with that has a format of its own.
pub const VALKEY_MAGIC: &[u8; 6] = b"VALKEY";

/// The version that is written: Redis 8.6's.
pub const VERSION: u16 = 13;

/// The last version of Redis whose files are read: what is new in it and not known here is refused
/// where it stands.
pub const LAST_REDIS_VERSION: u16 = 16;

/// The last version of Redis whose dumped values are taken: Redis 8.10's.
pub const LAST_REDIS_DUMP_VERSION: u16 = 15;

/// The version of Valkey 9. Types from 22 on mean other things there than in Redis.
pub const VALKEY_VERSION: u16 = 80;

/// The name of an auxiliary field about the next key.
pub const NEXT_KEY: &[u8] = b"nearhit-next-key";

/// The name of an auxiliary field that says in which cold file the value of the next key is too.
pub const NEXT_COLD: &[u8] = b"nearhit-next-cold";

/// The name of an auxiliary field that says in which sealed files the value of the next key is too,
/// and by which token they know this snapshot.
pub const NEXT_SEALED: &[u8] = b"nearhit-next-sealed";

/// The value of [`NEXT_KEY`] for a key that is blessed.
pub const NO_EVICT: &[u8] = b"no-evict";

/// Bytes of a CRC64.
pub const CHECKSUM_LEN: usize = 8;

/// The longest string in a file, and the longest a value may have (Redis' default for
/// `proto-max-bulk-len`).
pub const MAX_STRING_LEN: usize = 512 * 1024 * 1024;

/// What may stand where the type of a value is expected.
pub mod opcode {
    /// Names of fields that hashes share, before all keys.
    pub const HASH_TEMPLATE: u8 = 242;
    /// The source of a function library.
    pub const FUNCTION2: u8 = 245;
    /// Metadata that modules attached to the next key.
    pub const KEY_META: u8 = 243;
    /// How many keys a slot of a cluster has.
    pub const SLOT_INFO: u8 = 244;
    /// What a module keeps beside its keys.
    pub const MODULE_AUX: u8 = 247;
    /// For how many seconds the next key has not been used.
    pub const IDLE: u8 = 248;
    /// How often the next key was used.
    pub const FREQ: u8 = 249;
    /// A name and a value that describe the file.
    pub const AUX: u8 = 250;
    /// How many keys the database has.
    pub const RESIZEDB: u8 = 251;
    /// When the next key expires, in Unix milliseconds.
    pub const EXPIRETIME_MS: u8 = 252;
    /// When the next key expires, in Unix seconds.
    pub const EXPIRETIME: u8 = 253;
    /// To which database the next keys belong.
    pub const SELECTDB: u8 = 254;
    /// The end.
    pub const EOF: u8 = 255;
}

/// What a module's fields are.
pub mod module {
    /// No more fields.
    pub const END: u64 = 0;
    /// A signed integer.
    pub const SINT: u64 = 1;
    /// An unsigned integer.
    pub const UINT: u64 = 2;
    /// A float of four bytes.
    pub const FLOAT: u64 = 3;
    /// A float of eight bytes.
    pub const DOUBLE: u64 = 4;
    /// A string.
    pub const STRING: u64 = 5;

    /// The alphabet of names of module types, by value.
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const NAME_LEN: usize = 9;
    const VERSION_BITS: u32 = 10;

    /// The id of the module type of this name, with the version of its encoding.
    ///
    /// # Panics
    /// If a character is not of the alphabet: at compile time, as names are constants.
    pub const fn id(name: &[u8; NAME_LEN], version: u64) -> u64 {
        let mut id = 0;
        let mut at = 0;
        while at < NAME_LEN {
            let mut value = 0;
            while ALPHABET[value] != name[at] {
                value += 1;
            }
            id = id << 6 | value as u64;
            at += 1;
        }
        id << VERSION_BITS | version
    }

    /// The name of a module type.
    pub fn name(id: u64) -> String {
        let characters = (0..NAME_LEN as u32).rev().map(|place| id >> (VERSION_BITS + 6 * place) & 63);
        characters.map(|value| char::from(ALPHABET[value as usize])).collect()
    }

    /// The version of a module type's encoding.
    pub fn version(id: u64) -> u64 {
        id & ((1 << VERSION_BITS) - 1)
    }
}

/// The first byte of a length, or of what stands in its place.
pub(super) mod length {
    /// The first bits: six more are the length.
    pub(in super::super) const BITS_6: u8 = 0;
    /// The first bits: six more and the next byte are the length.
    pub(in super::super) const BITS_14: u8 = 1;
    /// The first bits: a special form of a string.
    pub(in super::super) const SPECIAL: u8 = 3;
    /// The whole byte: four more are the length.
    pub(in super::super) const BITS_32: u8 = 0x80;
    /// The whole byte: eight more are the length.
    pub(in super::super) const BITS_64: u8 = 0x81;
}

/// The first byte of a string that is not a length and its bytes.
pub(super) mod string {
    pub(in super::super) const INT8: u8 = 0xc0;
    pub(in super::super) const INT16: u8 = 0xc1;
    pub(in super::super) const INT32: u8 = 0xc2;
    pub(in super::super) const LZF: u8 = 0xc3;
}

/// What kind of value follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "Redis' names for its types")]
pub enum ValueType {
    String = 0,
    List = 1,
    Set = 2,
    Zset = 3,
    Hash = 4,
    Zset2 = 5,
    ModulePreGa = 6,
    Module2 = 7,
    HashZipmap = 9,
    ListZiplist = 10,
    SetIntset = 11,
    ZsetZiplist = 12,
    HashZiplist = 13,
    ListQuicklist = 14,
    StreamListpacks = 15,
    HashListpack = 16,
    ZsetListpack = 17,
    ListQuicklist2 = 18,
    StreamListpacks2 = 19,
    SetListpack = 20,
    StreamListpacks3 = 21,
    HashMetadataPreGa = 22,
    HashListpackExPreGa = 23,
    HashMetadata = 24,
    HashListpackEx = 25,
    StreamListpacks4 = 26,
    StreamListpacks5 = 27,
    Array = 28,
    HashTemplateListpack = 29,
    HashTemplateListpackRef = 30,
    HashTemplateArray = 31,
    HashTemplateArrayRef = 32,
    /// Byte 22 in the files of Valkey, so this number stands in none.
    ValkeyHash = 0x80 | 22,
}

impl ValueType {
    /// All types of Redis; the byte of each is its number.
    const ALL: [Self; 32] = [
        Self::String,
        Self::List,
        Self::Set,
        Self::Zset,
        Self::Hash,
        Self::Zset2,
        Self::ModulePreGa,
        Self::Module2,
        Self::HashZipmap,
        Self::ListZiplist,
        Self::SetIntset,
        Self::ZsetZiplist,
        Self::HashZiplist,
        Self::ListQuicklist,
        Self::StreamListpacks,
        Self::HashListpack,
        Self::ZsetListpack,
        Self::ListQuicklist2,
        Self::StreamListpacks2,
        Self::SetListpack,
        Self::StreamListpacks3,
        Self::HashMetadataPreGa,
        Self::HashListpackExPreGa,
        Self::HashMetadata,
        Self::HashListpackEx,
        Self::StreamListpacks4,
        Self::StreamListpacks5,
        Self::Array,
        Self::HashTemplateListpack,
        Self::HashTemplateListpackRef,
        Self::HashTemplateArray,
        Self::HashTemplateArrayRef,
    ];

    /// The last type that Valkey has in common with Redis.
    const LAST_COMMON: u8 = Self::StreamListpacks3 as u8;

    /// The type of this byte in a file of this version; none for an opcode, and for what was never
    /// written.
    pub fn from_byte(byte: u8, version: u16) -> Option<Self> {
        match byte {
            22 if version == VALKEY_VERSION => Some(Self::ValkeyHash),
            _ if version == VALKEY_VERSION && byte > Self::LAST_COMMON => None,
            _ => Self::ALL.into_iter().find(|kind| *kind as u8 == byte),
        }
    }

    /// What TYPE says of a key with such a value; `module` for those whose name is in the value.
    pub fn family(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::List | Self::ListZiplist | Self::ListQuicklist | Self::ListQuicklist2 => "list",
            Self::Set | Self::SetIntset | Self::SetListpack => "set",
            Self::Zset | Self::Zset2 | Self::ZsetZiplist | Self::ZsetListpack => "zset",
            Self::ModulePreGa | Self::Module2 => "module",
            Self::StreamListpacks | Self::StreamListpacks2 => "stream",
            Self::StreamListpacks3 | Self::StreamListpacks4 | Self::StreamListpacks5 => "stream",
            Self::Array => "array",
            Self::Hash | Self::HashZipmap | Self::HashZiplist | Self::HashListpack => "hash",
            Self::HashMetadataPreGa | Self::HashListpackExPreGa => "hash",
            Self::HashMetadata | Self::HashListpackEx | Self::ValkeyHash => "hash",
            Self::HashTemplateListpack | Self::HashTemplateListpackRef => "hash",
            Self::HashTemplateArray | Self::HashTemplateArrayRef => "hash",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_id_tells_name_and_version() {
        const ID: u64 = module::id(b"vectorset", 0);
        assert_eq!(ID, 0xbde7_2da2_bb1e_b400);
        assert_eq!(module::name(ID), "vectorset");
        assert_eq!(module::version(module::id(b"aB3-_zZ09", 1023)), 1023);
        assert_eq!(module::name(module::id(b"aB3-_zZ09", 1023)), "aB3-_zZ09");
        assert_eq!(module::name(u64::MAX), "_________");
    }

    #[test]
    fn every_byte_is_one_type_or_none() {
        let types = |version| (0..=u8::MAX).filter_map(move |byte| ValueType::from_byte(byte, version));
        assert_eq!(types(VERSION).collect::<Vec<_>>(), ValueType::ALL);
        assert_eq!(ValueType::from_byte(8, VERSION), None);
        let of_valkey: Vec<_> = types(VALKEY_VERSION).collect();
        assert_eq!(of_valkey.last(), Some(&ValueType::ValkeyHash));
        assert_eq!(of_valkey[..21], ValueType::ALL[..21]);
    }
}
