//! What memory is for.

/// What tracked bytes are for. Each byte is in one category; bytes of mappings and of free slots
/// are in [`Mappings`](Self::Mappings) and [`Reusable`](Self::Reusable) as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// Codes of vectors, codebooks and projections.
    Vectors,
    /// Links between slots and the states of slots, and what a vector set takes when it is empty.
    Graph,
    /// Names of elements, and the maps from names to slots.
    Names,
    /// Attributes of elements.
    Attributes,
    /// Payloads of entries of caches, and what is known of the entries.
    Payloads,
    /// Indexes of fields of attributes.
    AttributeIndexes,
    /// Names and attributes that were replaced or removed, until the last reader that may hold them
    /// has gone.
    Retired,
    /// Deadlines of keys, fields and elements, and when elements were used last.
    Expiry,
    /// The table of keys: index and slots, and the blocks of keys whose value is no bytes.
    Keys,
    /// Strings, with their keys where both are in one block.
    Strings,
    /// Hashes, with their keys where both are in one block.
    Hashes,
    /// Connections and their buffers.
    Clients,
    /// Changes that wait to be written to the log, or that are kept for followers.
    Log,
    /// What a snapshot keeps in memory while it runs.
    Snapshot,
    /// Marks of the slots that searches have visited, and lists of candidates; kept by each thread.
    SearchMarks,
    /// Vectors from which codebooks are being learnt.
    Training,
    /// Large segments of arenas. Mapped, so they are not in the allocator's figures; counted as far
    /// as their slots are in use.
    Mappings,
    /// Of arenas, the slots that are free and will be used again before memory is taken anew.
    Reusable,
}

impl Category {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 18] = [
        Self::Vectors,
        Self::Graph,
        Self::Names,
        Self::Attributes,
        Self::Payloads,
        Self::AttributeIndexes,
        Self::Retired,
        Self::Expiry,
        Self::Keys,
        Self::Strings,
        Self::Hashes,
        Self::Clients,
        Self::Log,
        Self::Snapshot,
        Self::SearchMarks,
        Self::Training,
        Self::Mappings,
        Self::Reusable,
    ];

    /// Its name in the replies of commands.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vectors => "vectors",
            Self::Graph => "graph",
            Self::Names => "names",
            Self::Attributes => "attributes",
            Self::Payloads => "payloads",
            Self::AttributeIndexes => "attribute-indexes",
            Self::Retired => "retired",
            Self::Expiry => "expiry",
            Self::Keys => "keys",
            Self::Strings => "strings",
            Self::Hashes => "hashes",
            Self::Clients => "clients",
            Self::Log => "log",
            Self::Snapshot => "snapshot",
            Self::SearchMarks => "search-marks",
            Self::Training => "training",
            Self::Mappings => "mappings",
            Self::Reusable => "reusable",
        }
    }

    /// True if its bytes are in another category too.
    pub fn is_overlay(self) -> bool {
        matches!(self, Self::Mappings | Self::Reusable)
    }
}
