"""Deliberate differences from Valkey 9.1 alone; `differences.md` has the same table for people.

Where the two part (one refuses what the other takes), the keys of the command are removed from both afterwards, so that
what follows is compared again.
"""

from commands import name_of
from difference import Difference
from rules import masked

FIELD_COMMANDS = {
    b"HEXPIRE", b"HPEXPIRE", b"HEXPIREAT", b"HPEXPIREAT", b"HTTL", b"HPTTL", b"HEXPIRETIME", b"HPEXPIRETIME", b"HPERSIST",
    b"HGETEX", b"HSETEX", b"HGETDEL",
}  # fmt: skip
"""Commands on fields and their times, which Valkey built by itself."""
OWN_WORDS = FIELD_COMMANDS | {b"MSETEX", b"GETEX", b"SET", b"MULTI", b"WATCH", b"SHUTDOWN", b"CLIENT"}
"""Commands that both refuse in the same cases, but for these, with other words or for another one of several reasons."""
COMPARISONS = {b"IFNE", b"IFDEQ", b"IFDNE"}
HELLO_MASKED = {b"server", b"version", b"id", b"modules"}
NARROWER = (b"-ERR numfields should be greater than 0 and match the provided number of fields\r\n", b"-ERR syntax error\r\n")
WIDER = (
    b"-ERR invalid expire time", b"-ERR Only one of ", b"-ERR Multiple condition flags specified\r\n", b"-ERR unknown argument: NX\r\n",
    b"-ERR unknown argument: XX\r\n",
)  # fmt: skip


def _own_words(args, peer, ours, history, witness):
    """Both refuse."""
    unknown = all(reply.raw.startswith(b"-ERR unknown command ") for reply in (peer, ours))
    return unknown or peer.is_error and ours.is_error and name_of(args) in OWN_WORDS


def _fields_last(args, peer, ours, history, witness):
    """Options behind the fields."""
    return name_of(args) in FIELD_COMMANDS and peer.raw in NARROWER and not ours.is_error


def _field_options(args, peer, ours, history, witness):
    """Ends beyond 2^46 ms, an option said twice, conditions side by side."""
    return name_of(args) in FIELD_COMMANDS and ours.raw.startswith(WIDER) and not peer.is_error


def _comparisons(args, peer, ours, history, witness):
    """Conditions of SET that are Redis' alone, and the one that both have said twice."""
    refused = peer.raw == b"-ERR syntax error\r\n" and not ours.is_error
    words = [word.upper() for word in args[3:]]
    return refused and name_of(args) == b"SET" and (bool(COMPARISONS & set(words)) or words.count(b"IFEQ") > 1)


def _missing_first(args, peer, ours, history, witness):
    """GETEX of a key that is not there: its time is looked at all the same."""
    return name_of(args) == b"GETEX" and peer.is_error and ours.value is None and not ours.is_error


def _hello(args, peer, ours, history, witness):
    return name_of(args) == b"HELLO" and masked(HELLO_MASKED)(args, peer, ours, witness)


def _field_digest(args, peer, ours, history, witness):
    """Of hashes whose fields end; their fields and times are compared beside it."""
    asked = [word.upper() for word in args[:2]] == [b"DEBUG", b"DIGEST-VALUE"]
    return asked and peer.is_aggregate and ours.is_aggregate and len(peer.value) == len(ours.value)


def _client(args, peer, ours, history, witness):
    """CLIENT LIST and HELP know further filters; what follows UNBLOCK and PAUSE is not looked at."""
    words = [word.upper() for word in args[:2]]
    helps = words == [b"CLIENT", b"HELP"] and peer.is_aggregate and ours.is_aggregate
    return helps or words[0] == b"CLIENT" and words[1:] in ([b"LIST"], [b"UNBLOCK"], [b"PAUSE"]) and peer.is_error != ours.is_error


def _embedded(args, peer, ours, history, witness):
    asked = [word.upper() for word in args[:2]] == [b"OBJECT", b"ENCODING"]
    return asked and (peer.value, ours.value) == (b"embstr", b"raw")


def _type_name(args, peer, ours, history, witness):
    return name_of(args) == b"SCAN" and peer.raw.startswith(b"-ERR unknown type name ") and ours.is_aggregate


def _nested(args, peer, ours, history, witness):
    """MULTI and WATCH within a transaction end it."""
    return name_of(args) == b"EXEC" and peer.raw.startswith(b"-EXECABORT ") and ours.is_aggregate


def _start_alone(args, peer, ours, history, witness):
    """BITCOUNT from a position on."""
    return name_of(args) == b"BITCOUNT" and len(args) == 3 and ours.raw == b"-ERR syntax error\r\n"


DIFFERENCES = [
    Difference("own-words", "each refuses in its own words", _own_words),
    Difference("fields-last", "Redis takes options behind the fields", _fields_last, diverges=True),
    Difference("field-options", "Redis refuses what contradicts itself, and ends beyond its range", _field_options, diverges=True),
    Difference("comparisons", "Redis has more conditions", _comparisons, diverges=True),
    Difference("missing-first", "the time for a missing key is not checked", _missing_first),
    Difference("hello", "it introduces itself as Redis", _hello),
    Difference("field-digest", "digests of fields that expire are made differently", _field_digest),
    Difference("client", "Redis has fewer filters, and refuses words behind the last", _client),
    Difference("embedded", "a short string is in one block with its key up to another length", _embedded),
    Difference("type-name", "Redis finds no key of an unknown type", _type_name),
    Difference("start-alone", "Redis' BITCOUNT has both positions or none", _start_alone),
    Difference("nested", "Redis refuses the nested command alone", _nested, diverges=True),
]
