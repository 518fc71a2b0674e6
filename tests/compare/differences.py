"""The differences from the peer that are meant to be; `differences.md` is the same table for
people.

Each entry has an id, a reason, and a predicate over the command's words, both replies, the
earlier writes to its keys, and the replies to the witness of its rule.
"""

import math
import struct

import wire
from commands import name_of, vsim_options
from difference import Difference
from own_filters import is_marked
from prose import docs_structure, help_structure, info_structure
from rules import count_of, docs_entries, equal, info_rows, rows_of, same_kind, same_ranking, scored_rows

REFUSED = b"-ERR invalid vector specification\r\n"
NEAR = b"-ERR syntax error in FILTER expression near: "
BEHIND_FILTER = (b"-ERR syntax error in VSIM command\r\n", b"-ERR invalid ")
"""How another option than the filter is refused."""
VARIADIC = {b"VREM", b"VISMEMBER", b"VGETATTR"}
"""Commands that take more words here than on the peer, where these words are a wrong number of
arguments."""
VADD_WORDS = {b"CAS": 1, b"NOQUANT": 1, b"Q8": 1, b"BIN": 1, b"EF": 2, b"M": 2, b"SETATTR": 2}
"""What the peer knows after the element of a VADD, and how many words it takes."""
VADD_EXTENSIONS = {b"FP32", b"FP16", b"VALUES", b"METRIC", b"QUANT", b"RERANK", b"F16", b"PQ", *(b"RQ%d" % bits for bits in range(1, 9))}
EXTENDED = {b"VADD", b"VREM", b"VISMEMBER", b"VGETATTR", b"VEMB", b"VSIM", b"VINFO"}
"""Commands that take more than on the peer."""
REFUSED_COMMANDS = {b"asking", b"readonly", b"readwrite", b"module|load", b"module|loadex", b"module|unload"}
DESCRIPTIVE = {
    b"summary", b"complexity", b"arguments", b"history", b"doc_flags", b"deprecated_since", b"replaced_by",
}  # fmt: skip
HASH_ENCODINGS = [b"listpack", b"listpackex", b"hashtable"]
"""Each is what the peer makes of the one before when it does not do any more."""


def explain(args, peer, ours, history, witness=None, own=()):
    """The deliberate difference that these replies show, or None. `own` are those from this peer
    alone."""
    for difference in (*DIFFERENCES, *own):
        if not difference.is_raw and difference.matches(args, peer, ours, history, witness):
            return difference
    return None


def explain_raw(sent, peer, ours, own=()):
    """The same for raw bytes; `peer` and `ours` are what came back, and what became of the
    connection."""
    for difference in (*RAW_DIFFERENCES, *own):
        if difference.is_raw and difference.matches(sent, peer, ours):
            return difference.id
    return None


def vector_words(args):
    """Where the vector of a VADD or VSIM is: its format word's index and whether it is projected;
    None if not found."""
    at = 2
    if name_of(args) == b"VADD" and len(args) > 4 and args[2].upper() == b"REDUCE":
        at = 4
    return at if len(args) > at + 1 and args[at].upper() in (b"FP32", b"VALUES") else None


def vector_of(args):
    """The components a VADD or VSIM sends, as float32 sees them; empty if they cannot be read."""
    at = vector_words(args)
    if at is None:
        return []
    if args[at].upper() == b"FP32":
        blob = args[at + 1]
        return list(struct.unpack(f"<{len(blob) // 4}f", blob)) if len(blob) % 4 == 0 else []
    try:
        count = int(args[at + 1])
        words = args[at + 2 : at + 2 + count]
        return [to_float32(_number(word)) for word in words] if len(words) == count else []
    except ValueError:
        return []


def to_float32(value):
    try:
        return struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)


def _number(word):
    text = word.decode("latin-1").lower()
    return float.fromhex(text) if "0x" in text else float(text)


def is_extreme(vector):
    """True if a component, or the float32 sum of the squares, is not finite."""
    return any(not math.isfinite(x) for x in vector) or math.isinf(to_float32(math.fsum(x * x for x in vector)))


def _refused_vector(args, peer, ours, history, witness):
    return ours.raw == REFUSED and name_of(args) in (b"VADD", b"VSIM") and is_extreme(vector_of(args))


def _attribute_count(args, peer, ours, history, witness):
    if name_of(args) != b"VINFO" or not (peer.is_aggregate and ours.is_aggregate):
        return False
    names = [item.value for item in peer.value[::2]]
    if names != [item.value for item in ours.value[::2]]:
        return False
    differing = {name for name, a, b in zip(names, peer.value[1::2], ours.value[1::2]) if a.raw != b.raw}
    differing -= {b"max-level", b"vset-uid", b"hnsw-max-node-uid"}
    return differing == {b"attributes-count"} and any(_counts_wrongly(earlier) for earlier in history)


def _counts_wrongly(args):
    words = [word.upper() for word in args]
    return words[0] == b"VADD" and b"SETATTR" in words and (b"CAS" in words or _sets_nothing(words))


def _sets_nothing(words):
    return any(a == b"SETATTR" and b == b"" for a, b in zip(words, words[1:]))


def _empty_attribute(args, peer, ours, history, witness):
    """The peer shows an attribute of no bytes where there is none here."""
    if name_of(args) not in (b"VGETATTR", b"VSIM"):
        return False
    if not any(_sets_nothing([w.upper() for w in earlier]) for earlier in history):
        return False
    as_ours = peer.raw.replace(b"$0\r\n\r\n", b"_\r\n" if b"_\r\n" in ours.raw else b"$-1\r\n")
    return equal(args, wire.parse(as_ours)[0], ours, witness)


def _reduce_to_same(args, peer, ours, history, witness):
    if name_of(args) != b"VSIM" or vector_words(args) is None or not ours.is_aggregate:
        return False
    return any(
        name_of(earlier) == b"VADD"
        and earlier[2].upper() == b"REDUCE"
        and earlier[3] == b"%d" % len(vector_of(earlier))
        for earlier in history
        if len(earlier) > 4
    )


def _filter_ef(args, peer, ours, history, witness):
    if name_of(args) != b"VSIM" or not (peer.is_aggregate and ours.is_aggregate):
        return False
    value = vsim_options(args).get(b"FILTER-EF")
    return value is not None and value.isdigit() and int(value) >= 2**32


def _own_filter(args, peer, ours, history, witness):
    """Refused by the peer where our language, which has all of what marks it, takes it."""
    expression = vsim_options(args).get(b"FILTER") if name_of(args) == b"VSIM" else None
    is_taken = ours.is_aggregate or ours.raw.startswith(BEHIND_FILTER) and not ours.raw.startswith(NEAR)
    return expression is not None and peer.raw.startswith(NEAR) and is_taken and is_marked(expression)


def _variadic(args, peer, ours, history, witness):
    if name_of(args) == b"VEMB":
        return _several_vembs(args, peer, ours)
    arity = b"-ERR wrong number of arguments for '%s' command\r\n" % name_of(args)
    return name_of(args) in VARIADIC and peer.raw == arity and not ours.is_error


def _several_vembs(args, peer, ours):
    """As many answers as there are words after the key, `RAW` at the end not counted."""
    elements = args[2:]
    while len(elements) > 1 and elements[-1].upper() == b"RAW":
        elements = elements[:-1]
    answered = ours.is_aggregate and len(ours.value) == len(elements) or ours.raw.startswith(b"-WRONGTYPE ")
    return peer.raw == b"-ERR invalid option\r\n" and len(elements) > 1 and answered


def _vadd_extension(args, peer, ours, history, witness):
    """The first word after the element that the peer does not know is one that we know."""
    if name_of(args) != b"VADD" or peer.raw != b"-ERR invalid option after element\r\n":
        return False
    at = _after_element(args)
    while at is not None and at < len(args) and args[at].upper() in VADD_WORDS:
        at += VADD_WORDS[args[at].upper()]
    return at is not None and at < len(args) and args[at].upper() in VADD_EXTENSIONS


def _after_element(args):
    at = vector_words(args)
    if at is None:
        return None
    return at + 3 if args[at].upper() == b"FP32" else at + 3 + len(vector_of(args))


def _described(args, kind, names):
    """True if this asks COMMAND INFO or DOCS (`kind`) for one command, one of `names`."""
    return name_of(args) == b"COMMAND" and len(args) == 3 and args[1].upper() == kind and args[2] in names


def _extended_docs(args, peer, ours, history, witness):
    """The peer's arguments, and more of them; or a least arity in place of an exact one."""
    if _described(args, b"INFO", EXTENDED):
        (theirs,), (mine,) = info_rows(peer), info_rows(ours)
        theirs[1] = (b":", theirs[1][1].replace(b":", b":-"))
        return theirs == mine
    if not _described(args, b"DOCS", EXTENDED):
        return False
    (kind, theirs), (our_kind, mine) = docs_structure(peer)[args[2]], docs_structure(ours)[args[2]]
    if kind != our_kind or [name for name, _ in theirs] != [name for name, _ in mine]:
        return False
    return {name for (name, a), (_, b) in zip(theirs, mine) if a != b} == {b"arguments"} and peer.kind == ours.kind


def _vector_categories(args, peer, ours, history, witness):
    """The peer has no categories for commands on vector sets; its own rows are ours but for them."""
    if name_of(args) == b"ACL":
        return [word.upper() for word in args] == [b"ACL", b"CAT"] and peer.texts() + [b"vectorset"] == ours.texts()
    name = args[2].upper() if len(args) == 3 else b""
    if not name.startswith(b"V") or not _described(args, b"INFO", {args[2]}):
        return False
    (theirs,), (mine,) = info_rows(peer), info_rows(ours)
    if name in EXTENDED and theirs[1] != mine[1]:
        theirs[1] = (b":", theirs[1][1].replace(b":", b":-"))
    is_ours = b"@vectorset" in repr(mine[6]).encode() and theirs[6][1] == ()
    return is_ours and theirs[:6] + theirs[7:] == mine[:6] + mine[7:]


def _vector_readers(args, peer, ours, history, witness):
    """Commands that only read vector sets need no right to write."""
    is_dry_run = [word.upper() for word in args[:2]] == [b"ACL", b"DRYRUN"] and len(args) > 4
    return is_dry_run and args[3].upper().startswith(b"V") and ours.raw == b"+OK\r\n" and b"to access the '" in peer.raw


def _refused_docs(args, peer, ours, history, witness):
    """Commands that do nothing but refuse say so."""
    name = args[2] if len(args) == 3 else b""
    names = {name} if name.startswith(b"cluster|") else REFUSED_COMMANDS
    if _described(args, b"INFO", names):
        return [row[:7] + row[8:] for row in info_rows(peer)] == [row[:7] + row[8:] for row in info_rows(ours)]
    return _described(args, b"DOCS", names) and _undescribed(peer) == _undescribed(ours)


def _undescribed(reply):
    entries = docs_entries(reply).items()
    return {name: [field for field in fields if field[0] not in DESCRIPTIVE] for name, (_, fields) in entries}


def _own_prose(args, peer, ours, history, witness):
    """The same but for what explains: documentation, notes on keys, the lines of HELP that are not
    grammar."""
    words = [word.upper() for word in args[:2]]
    structure = {b"DOCS": docs_structure, b"INFO": info_structure}.get(words[-1]) if words[:1] == [b"COMMAND"] else None
    if words[1:] == [b"HELP"]:
        structure = help_structure
    return structure is not None and same_kind(peer, ours) and structure(peer) == structure(ours)


def _hash_encoding(args, peer, ours, history, witness):
    """The peer's representation only ever grows."""
    if [word.upper() for word in args[:2]] != [b"OBJECT", b"ENCODING"] or ours.value not in HASH_ENCODINGS:
        return False
    return peer.value in HASH_ENCODINGS[HASH_ENCODINGS.index(ours.value) + 1 :]


def _unchanged_encoding(args, peer, ours, history, witness):
    """SETBIT and BITFIELD of the peer prepare a change before it is known whether there is one."""
    if [word.upper() for word in args[:2]] != [b"OBJECT", b"ENCODING"] or peer.value != b"raw":
        return False
    return ours.value in (b"int", b"embstr") and any(name_of(earlier) in (b"SETBIT", b"BITFIELD") for earlier in history)


def _config_value(args, peer, ours, history, witness):
    """CONFIG SET of an option that has one value here."""
    refused = b"-ERR CONFIG SET failed (possibly related to argument '%s') - " % args[2].lower() if len(args) == 4 else b""
    reasons = (b"must be '", b"must be empty here: ")
    reason = ours.raw.removeprefix(refused)
    is_config_set = [word.upper() for word in args[:2]] == [b"CONFIG", b"SET"] and len(args) == 4
    return is_config_set and reason != ours.raw and reason.startswith(reasons)


def _default_limit(args, peer, ours, history, witness):
    """CONFIG GET maxmemory, which is 'auto' here if nothing else was set: some bytes."""
    if [word.upper() for word in args] != [b"CONFIG", b"GET", b"MAXMEMORY"]:
        return False
    pairs = [[item.value for item in reply.value] if reply.is_aggregate else [] for reply in (peer, ours)]
    return pairs[0] == [b"maxmemory", b"0"] and pairs[1][:1] == [b"maxmemory"] and pairs[1][1].isdigit()


def _config_bounds(args, peer, ours, history, witness):
    """Lengths of requests are 31 bits here, so the bound that an error names is lower."""
    return [word.upper() for word in args[:2]] == [b"CONFIG", b"SET"] and ours.raw == peer.raw.replace(
        b"and 9223372036854775807 inclusive", b"and 2147483647 inclusive"
    )


def _nul_in_label(args, peer, ours, history, witness):
    """Refused here; for the peer the label ends at the NUL when it is checked, and does not when it
    is shown."""
    labels = name_of(args) == b"HELLO" or [word.upper() for word in args[:2]] in ([b"CLIENT", b"SETNAME"], [b"CLIENT", b"SETINFO"])
    refused = ours.is_error and ours.raw.endswith(b" cannot contain spaces, newlines or special characters.\r\n")
    return labels and b"\0" in args[-1] and refused and not peer.is_error


def _inline_nul(sent, peer, ours):
    """For the peer the line of an inline command ends never, for us at its end."""
    line = sent.partition(b"\n")[0]
    return sent[:1] != b"*" and b"\0" in line and peer == (b"", "waiting") and ours[1] == "open"


def _endless_length(sent, peer, ours):
    """A line of digits after `$` that is longer than any line may be."""
    refused = b"-ERR Protocol error: too big bulk count string\r\n"
    digits = sent.removeprefix(b"*1\r\n$")
    return len(digits) > 64 * 1024 and digits.isdigit() and peer == (b"", "waiting") and ours == (refused, "closed")


def _better_recall(args, peer, ours, history, witness):
    """The peer's graph did not lead to all that it should have; ours is what the peer's own exact
    search says."""
    if name_of(args) != b"VSIM" or not same_kind(peer, ours) or not witness or not witness[0].is_aggregate:
        return False
    options = vsim_options(args)
    scored = {**options, b"WITHSCORES": None, b"TRUTH": None}
    truth, found = rows_of(scored, witness[0]), scored_rows(options, ours, witness[0])
    return b"TRUTH" not in options and found is not None and same_ranking(truth, found, count_of(options))


def _expired_digest(args, peer, ours, history, witness):
    """The last write to the key has set a deadline in the past."""
    if len(args) != 3 or [word.upper() for word in args[:2]] != [b"DEBUG", b"DIGEST-VALUE"] or not history:
        return False
    nothing = b"*1\r\n+" + 40 * b"0" + b"\r\n"
    words = [word.upper() for word in history[-1]]
    deadlines = {b"EXAT": 1, b"PXAT": 1000}
    options = [(word, words[at + 1]) for at, word in enumerate(words[:-1]) if at > 2 and word in deadlines]
    is_past = any(number.isdigit() and int(number) < deadlines[word] * 1_000_000_000 for word, number in options)
    return words[0] == b"SET" and is_past and ours.raw == nothing and peer.raw.startswith(b"*1\r\n+")


DIFFERENCES = [
    Difference("non-finite", "a vector that is not finite can be near to nothing; it is refused", _refused_vector),
    Difference("attribute-count", "the peer does not count attributes set with CAS, and counts empty ones", _attribute_count),
    Difference("empty-attribute", "an empty attribute is none, whichever command set it", _empty_attribute),
    Difference("reduce-to-same", "the peer projects on VADD but not on VSIM when REDUCE keeps the dimension", _reduce_to_same),
    Difference("filter-ef", "the peer takes FILTER-EF modulo 2^32", _filter_ef),
    Difference("own-filter", "what the peer refuses may be an expression of our own language", _own_filter),
    Difference("expired-digest", "what has expired when it is set is not stored", _expired_digest),
    Difference("better-recall", "the peer's graph falls to pieces when many vectors are alike and M is small", _better_recall),
    Difference("variadic", "several elements in one command, which the peer does not know", _variadic),
    Difference("vadd-extension", "formats, metrics and further elements, which the peer does not know", _vadd_extension),
    Difference("extended-docs", "commands that take more than on the peer say so", _extended_docs),
    Difference("vector-categories", "commands on vector sets have categories", _vector_categories),
    Difference("vector-readers", "who may read a vector set may search it", _vector_readers),
    Difference("refused-docs", "commands that do nothing but refuse say so", _refused_docs),
    Difference("own-prose", "what explains is in our own words", _own_prose),
    Difference("hash-encoding", "the peer remembers what a hash once held", _hash_encoding),
    Difference("unchanged-encoding", "a string that is not changed keeps its form", _unchanged_encoding),
    Difference("config-value", "an option that would keep no promise is refused", _config_value),
    Difference("default-limit", "the memory is limited to a part of what there is unless it is set otherwise", _default_limit),
    Difference("config-bounds", "requests are no longer than 2 GB", _config_bounds),
    Difference("nul-in-label", "a label with a NUL is one with a special character", _nul_in_label),
]

RAW_DIFFERENCES = [
    Difference("inline-nul", "the peer waits for ever for the end of a line that has a NUL", _inline_nul, is_raw=True),
    Difference("endless-length", "the peer waits for more of a line that is already too long", _endless_length, is_raw=True),
]
