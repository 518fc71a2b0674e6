//! nearhit: a Redis-protocol compatible in-memory vector cache.
//!
//! ```text
//! server/          who is connected?        the only folder that awaits the network
//! resp/            what was said?           bytes ⇄ requests and replies; knows no command
//! commands/        what should be done?     one file per command
//! acl/             who may do what?         users, rules, passwords; knows no command
//! keyspace/        which value has this key?  knows values, not what is in them
//! vector_set/      which elements are there?  names, attributes, filters; knows no key
//! field_index/     which slots have this value?  numbers, words, places; knows no filters
//! vector_index/    which slots are nearest?  codes, links, training, search; knows no names
//! index/           which slots are near?    links only; knows no names and no vector bytes
//! quantization/    how is a vector kept?    encode, decode, score; knows no graph
//! kernels/         arithmetic over slices   safe outside; the only SIMD, and prefetching
//! arena/           where are a slot's bytes?  blocks that readers share with writers
//! tier/            which bytes need not be in memory?  mapped files; knows no slot
//! memory/          leaf: bytes in use, and for what; knows the allocator, no structure
//! system/          leaf: what the operating system says of machine and process
//! epoch            leaf: when may such memory be used again?
//! hex              leaf: bytes as hexadecimal digits
//! bounded          leaf: short files, read up to a limit
//! hex_float        leaf: a number form that two readers need
//! glob             leaf: Redis' patterns, for keys, options and files
//! rate             leaf: how many commands a second
//! words            leaf: a line of text as words, with quotes as Redis has them
//! long_double      leaf: the 80-bit floating point in which Redis sums
//! compressed       leaf: values in less room, by LZ4
//! certainty/       leaf: how likely is a cached answer right?  knows no set
//! eviction         leaf: what should be evicted first: rules, scores, a pool of candidates
//! json             leaf: values as JSON text, only written
//! splitmix         leaf: numbers that look random, the same for the same seed
//! frequency        leaf: how often something is used, in 8 bits
//! log              edge: what a line of the log looks like, and where it goes
//! check            edge: `check-rdb`, `check-aof`, `check-tier` and `check-config`, for people
//! ping             edge: `nearhit ping`, for probes
//! supervisor       edge: messages to the service manager, pid file; not in the library
//! config/          edge: one table of options → flags, file, CONFIG GET/SET
//! counters         leaf: counters and their macro
//! persistence/     how does data come to files, and back?  knows values, no command
//! thread_signal    leaf: how a thread that works in rounds is woken and stopped
//! wake             leaf: tasks that are woken when a condition may have changed
//! journal/         leaf: the right to change data once, the stream of changes, and cuts through it
//! ```
//!
//! # Glossary
//!
//! Words of this code. Those of the papers (`M`, `ef`, recall) mean what they mean there.
//!
//! - *slot*: a small number that stands for one element of a vector set; codes, links, name and
//!   attribute are found by it, and it is used again after its element was removed.
//! - *code*: the bytes in which one vector is stored; the *kind* of a set (`Q8`, `RQ4`) says how.
//! - *plain*, *coarse* and *finer* code: plain codes are what searches use, unless there are coarse
//!   ones; then the plain codes, if there are any, are the finer copy by which only candidates are
//!   compared (`RERANK`). A set whose kind has to be *trained* has plain codes until then.
//! - *probe*: a query vector, encoded once for all the distances of its search.
//! - *graph*, *layer*, *link*: the HNSW index; in each layer, links lead from a slot to neighbours.
//! - *field*, *field index*: a value in the attributes of a set, by its path; which slots have what
//!   there. A search reads it once, and then has the slots that may match.
//! - *plan*, *bridge*: the way a filtered search takes, such as a scan of what may match; a slot
//!   that does not match, over whose links a search reaches others that may.
//! - *shard*: one of the parts of a database, each with its own lock; the hash of a key chooses it.
//! - *binding*: proof that a key still holds the vector set that a command has looked up; it is
//!   compared before the command's effect, and *revoked* when the key gets another value.
//! - *blessed key*: one that is never evicted (`BLESS`).
//! - *reservation*: the shards that one transaction has for itself until its `EXEC` has ended.
//! - *record*: the right to change data once, together with the bytes that the log gets for it.
//! - *gate* and *passage*: each write passes the gate before it changes data and holds its passage
//!   until it is done, so that closing the gate waits for a moment without half-done changes.
//! - *cut*: such a moment, at which a snapshot begins: each change is before it or after it.
//! - *before-image*: the state at the cut of something that a snapshot has not read yet (that is
//!   *pending*); a write keeps it for the snapshot before it makes a change.
//! - *epoch* and *grace period*: a counter that advances when readers have left; memory that was
//!   taken out of sight is freed a grace period later, when no reader can still see it.
//! - *pin*: what a reader holds during a command, and by which epochs wait for it.
//! - *limbo*: the list of what was taken out of sight and is not yet freed.
//! - *light*, *heavy* and *blocking* command: it runs on the network thread that read it, on the
//!   compute pool, or on threads for commands that wait.
//! - *log*: of changes, the AOF (`persistence::aof`); the server's own messages are `crate::log`.
//!   `commands::aof` decides when it is begun and rewritten, `server::aof_thread` runs that.
//! - *save*: to write a snapshot into a file (`persistence::saving`, of the keyspace's snapshot, in
//!   the format of `persistence::rdb`). `commands::snapshots` decides when,
//!   `server::snapshot_thread` runs it.
//!
//! # Layers
//!
//! Each layer may name only what is right of it; `tests/layers.rs` holds them to it:
//!
//! ```text
//! server → commands → keyspace → vector_set → vector_index → index → quantization → kernels
//! server, commands → resp            commands → persistence → keyspace, vector_set, resp
//! ```

// Public is what the program, the tests, the tools and the fuzz targets use, so that the compiler
// finds dead code in the rest. `vector_index` is for programs that need an index and no server.
pub mod acl;
pub mod arena;
mod bounded;
pub mod certainty;
pub mod check;
pub mod commands;
pub mod compressed;
pub mod config;
mod counters;
pub mod epoch;
pub mod eviction;
pub mod field_index;
mod frequency;
mod glob;
mod hex;
mod hex_float;
pub mod index;
pub mod journal;
mod json;
pub mod kernels;
pub mod keyspace;
pub mod log;
mod long_double;
pub mod memory;
pub mod persistence;
pub mod ping;
mod quantization;
mod rate;
pub mod resp;
pub mod server;
pub mod splitmix;
pub mod system;
mod thread_signal;
pub mod tier;
pub mod vector_index;
pub mod vector_set;
mod wake;
mod words;
