"""What the tool has to know of a command's words: its keys, whether it reads, where a VSIM's options are."""

READS = {
    b"VSIM", b"VCARD", b"VDIM", b"VEMB", b"VLINKS", b"VINFO", b"VGETATTR", b"VRANDMEMBER", b"VISMEMBER", b"VRANGE",
    b"GET", b"TYPE", b"EXISTS", b"TTL", b"PTTL", b"EXPIRETIME", b"PEXPIRETIME", b"OBJECT", b"DEBUG", b"MEMORY",
    b"LCS", b"GETBIT", b"BITCOUNT", b"BITPOS", b"BITFIELD_RO", b"STRLEN", b"TOUCH", b"MGET", b"GETRANGE", b"SUBSTR", b"DIGEST", b"HGET", b"HMGET", b"HGETALL", b"HKEYS", b"HVALS", b"HLEN",
    b"HEXISTS", b"HSTRLEN", b"HRANDFIELD", b"HSCAN", b"HTTL", b"HPTTL", b"HEXPIRETIME", b"HPEXPIRETIME",
}  # fmt: skip
SEVERAL_KEYS = {b"DEL", b"UNLINK", b"EXISTS", b"TOUCH", b"RENAME", b"RENAMENX", b"COPY", b"MGET", b"WATCH", b"LCS"}
PAIRS = {b"MSET": 1, b"MSETNX": 1, b"MSETEX": 2}
"""Commands on pairs of key and value, and where the first key stands."""
SUBCOMMANDS = {b"OBJECT", b"DEBUG", b"MEMORY"}
NO_KEY = {
    b"PING", b"ECHO", b"HELLO", b"AUTH", b"CLIENT", b"CONFIG", b"COMMAND", b"INFO", b"KEYS", b"SCAN", b"DBSIZE",
    b"RANDOMKEY", b"QUIT", b"RESET", b"TIME", b"MODULE", b"SLOWLOG", b"LATENCY", b"ROLE", b"MONITOR",
    b"UNWATCH",
}  # fmt: skip
EVERY_KEY = {b"FLUSHDB", b"FLUSHALL", b"SELECT", b"SWAPDB", b"HELLO", b"RESET", b"MULTI", b"EXEC", b"DISCARD"}
"""Commands that every later one depends on."""

VSIM_WITH_VALUE = {b"COUNT", b"EPSILON", b"EF", b"FILTER", b"FILTER-EF"}


def name_of(args):
    return args[0].upper() if args else b""


def keys_of(args):
    """The keys a command names, as far as context is concerned."""
    name = name_of(args)
    if name in SEVERAL_KEYS:
        return set(args[1:])
    if name in PAIRS:
        return set(args[PAIRS[name] :: 2])
    if name in SUBCOMMANDS:
        return set(args[2:3])
    if name == b"BITOP":
        return set(args[2:])
    if name in NO_KEY or name in EVERY_KEY:
        return set()
    return set(args[1:2])


def context(history, args):
    """The earlier writes that a command's reply can depend on, oldest first."""
    keys, kept, same_database, overtaken = keys_of(args), [], True, set()
    for earlier in reversed(history):
        name = name_of(earlier)
        if name in EVERY_KEY:
            same_database = False
            if name not in overtaken:
                kept.append(earlier)
            overtaken.add(name)
        elif name not in READS and keys & keys_of(earlier):
            kept.append(earlier)
            overtaken.clear()
            if name in (b"RENAME", b"RENAMENX"):
                keys |= keys_of(earlier)
            if same_database and name in (b"DEL", b"UNLINK") and keys <= keys_of(earlier):
                break
    return kept[::-1]


def vsim_options(args):
    """The options of a VSIM, name → last value (None for plain words); unknown words are skipped."""
    options, at = {}, _after_query(args)
    while at < len(args):
        word = args[at].upper()
        if word in VSIM_WITH_VALUE and at + 1 < len(args):
            options[word] = args[at + 1]
            at += 1
        else:
            options[word] = None
        at += 1
    return options


def _after_query(args):
    if len(args) > 3 and args[2].upper() == b"VALUES":
        try:
            return 4 + max(int(args[3]), 0)
        except ValueError:
            return 4
    return 4


def show(args):
    """A command as a line in the notation of `examples/*.txt`."""
    return " ".join(map(_show_word, args))


def _show_word(word):
    text = "".join(map(_show_byte, word))
    return text if text and not set(text) & set(" \"\\(*") else f'"{text}"'


def _show_byte(byte):
    if byte in b'"\\':
        return "\\" + chr(byte)
    return chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}"
