"""When are two replies to the same command equal?

Byte for byte, unless the table `RULES` has an entry for the command. Knows no server, and no
deliberate difference.
"""

from commands import name_of, vsim_options
from operators import same_info, same_latency, same_slow_log

SCORE_TOLERANCE = 1e-6
TIME_TOLERANCE = {b"TTL": 2, b"EXPIRETIME": 2, b"PTTL": 3000, b"PEXPIRETIME": 3000}
FIELD_TIMES = {b"HTTL": b"TTL", b"HEXPIRETIME": b"EXPIRETIME", b"HPTTL": b"PTTL", b"HPEXPIRETIME": b"PEXPIRETIME"}
"""Commands that reply about fields what others reply about keys."""
VINFO_MASKED = {b"max-level", b"vset-uid", b"hnsw-max-node-uid"}
HELLO_MASKED = {b"version", b"id"}
CLIENT_COMPARED = {b"name", b"db", b"sub", b"psub", b"multi", b"watch", b"user", b"resp", b"lib-name", b"lib-ver"}

EXACT_EF = 100
"""With EF (this is its default) or COUNT of at least this, a search of the small sets used here is
exact."""
EXACT_FILTER_EF = 1000


def equal(args, peer, ours, witness=None):
    """True if the replies are equal under the rule of their command.

    `witness` is the pair of replies to the command that `witness_of` asks for.
    """
    if peer.raw == ours.raw:
        return True
    rule = RULES.get(name_of(args))
    return bool(rule and rule(args, peer, ours, witness))


def witness_of(args):
    """A command to be sent right after this one, whose reply has what the rule needs and the first
    reply lacks."""
    name = name_of(args)
    if name == b"VSIM" and len(args) >= 4:
        return [*args, b"WITHSCORES", b"TRUTH"]
    if name == b"VRANDMEMBER" and len(args) >= 2:
        return [b"VRANGE", args[1], b"-", b"+"]
    if name == b"HRANDFIELD" and len(args) >= 2:
        return [b"HGETALL", args[1]]
    if name == b"RANDOMKEY":
        return [b"KEYS", b"*"]
    return None


# ---- search --------------------------------------------------------------------------------------


def similar(args, peer, ours, witness):
    """VSIM: scores by value, the order among equal scores free."""
    if not same_kind(peer, ours):
        return False
    options = vsim_options(args)
    peer_rows, ours_rows = (scored_rows(options, reply, witness and witness[0]) for reply in (peer, ours))
    if peer_rows is None or ours_rows is None:
        return False
    if is_approximate(options):
        return plausible(options, peer_rows, ours_rows)
    return same_ranking(peer_rows, ours_rows, count_of(options), _floor(options))


def count_of(options):
    return _integer(options.get(b"COUNT"), 10)


def scored_rows(options, reply, truth):
    """A VSIM reply as rows with scores, those that it lacks taken from the exact answer; None if
    they are not there."""
    rows = rows_of(options, reply)
    if b"WITHSCORES" in options:
        return rows
    if truth is None or not truth.is_aggregate:
        return None
    exact = rows_of({**options, b"WITHSCORES": None}, truth)
    scores = {element: score for element, score, _ in exact}
    # Where COUNT cuts through a run of equal scores, the exact answer may have others of them.
    last = exact[-1][1] if exact and len(exact) == count_of(options) else None
    rows = [(element, scores.get(element, last), attribute) for element, _, attribute in rows]
    return None if any(score is None for _, score, _ in rows) else rows


def is_approximate(options):
    """True if a VSIM asks for less effort than an exact answer needs."""
    if b"TRUTH" in options:
        return False
    ef = max(_integer(options.get(b"EF"), EXACT_EF), count_of(options))
    filter_ef = _integer(options.get(b"FILTER-EF"), EXACT_FILTER_EF)
    return ef < EXACT_EF or (b"FILTER" in options and filter_ef < EXACT_FILTER_EF)


def rows_of(options, reply):
    """A VSIM reply as (element, score or None, attribute bytes)."""
    scored, attributed = b"WITHSCORES" in options, b"WITHATTRIBS" in options
    items = reply.value
    if reply.kind != b"%":
        width = 1 + scored + attributed
        groups = [items[at : at + width] for at in range(0, len(items), width)]
    else:
        groups = [(items[at], *_columns(items[at + 1])) for at in range(0, len(items), 2)]
    return [_row(group, scored, attributed) for group in groups]


def _columns(reply):
    return reply.value if reply.is_aggregate else (reply,)


def _row(group, scored, attributed):
    score = float(group[1].value) if scored else None
    return group[0].value, score, group[-1].raw if attributed else b""


def plausible(options, peer, ours):
    """True if both lists could answer a search of little effort: as long, in order, and with equal
    scores for equal elements."""
    scores = {element: score for element, score, _ in peer}
    as_long = len(peer) == len(ours) or b"FILTER" in options or b"EPSILON" in options
    return as_long and descending(ours) and all(close(score, scores.get(name, score)) for name, score, _ in ours)


def descending(rows):
    return all(a[1] + SCORE_TOLERANCE >= b[1] for a, b in zip(rows, rows[1:]))


def same_ranking(peer, ours, count, floor=None):
    """True if both lists rank alike: scores pairwise close, and among (nearly) equal scores the
    same elements.

    Where COUNT cuts through a run of equal scores, or EPSILON ends on one, either choice is right.
    """
    cut = len(peer) == count or len(ours) == count
    if floor is not None:
        peer, ours = _without_border(peer, ours, floor), _without_border(ours, peer, floor)
    if len(peer) != len(ours):
        return False
    if not all(close(a[1], b[1]) for a, b in zip(peer, ours)):
        return False
    runs = list(_runs(peer))
    for start, end in runs:
        if sorted(_names(peer[start:end])) != sorted(_names(ours[start:end])):
            return cut and (start, end) == runs[-1]
    return True


def _without_border(rows, others, floor):
    """Rows without those that stand on the edge of EPSILON and that only one side has."""
    names = {row[0] for row in others}
    return [row for row in rows if row[0] in names or not close(row[1], floor)]


def _runs(rows):
    start = 0
    for at in range(1, len(rows) + 1):
        if at == len(rows) or not close(rows[at - 1][1], rows[at][1]):
            yield start, at
            start = at


def _names(rows):
    return [(element, attribute) for element, _, attribute in rows]


def close(a, b):
    return abs(a - b) <= SCORE_TOLERANCE or (a != a and b != b)


def _floor(options):
    try:
        return 1 - float(options[b"EPSILON"])
    except (KeyError, ValueError, TypeError):
        return None


def _integer(word, default):
    try:
        return int(word)
    except (ValueError, TypeError):
        return default


# ---- the other commands --------------------------------------------------------------------------


def same_kind(peer, ours):
    return peer.kind == ours.kind and peer.is_aggregate and ours.is_aggregate


def same_shape(args, peer, ours, witness):
    """VLINKS: layers of the right kind; which links there are is a matter of chance."""
    if not same_kind(peer, ours):
        return False
    kinds = {item.kind for item in peer.value} | {item.kind for item in ours.value}
    return len(kinds) <= 1


def random_members(args, peer, ours, witness):
    """VRANDMEMBER: members of the set, as many, as distinct."""
    if witness is None or not witness[0].is_aggregate:
        return False
    members = set(witness[0].texts())
    if len(args) == 2:
        return peer.kind == ours.kind == b"$" and ours.value in members
    if not same_kind(peer, ours) or len(peer.value) != len(ours.value):
        return False
    names = ours.texts()
    distinct = _integer(args[2], 0) < 0 or len(set(names)) == len(names)
    return distinct and set(names) <= members


def random_key(args, peer, ours, witness):
    """RANDOMKEY: one of the keys."""
    return peer.kind == ours.kind == b"$" and ours.value in witness[0].texts()


def same_items(args, peer, ours, witness):
    """KEYS: the same items in any order."""
    return same_kind(peer, ours) and sorted(i.raw for i in peer.value) == sorted(i.raw for i in ours.value)


def random_fields(args, peer, ours, witness):
    """HRANDFIELD: fields of the hash with their values, as many, as distinct."""
    if witness is None or not witness[0].is_aggregate:
        return False
    fields = dict(zip(witness[0].texts()[::2], witness[0].texts()[1::2]))
    if len(args) == 2:
        return peer.kind == ours.kind == b"$" and ours.value in fields
    if not same_kind(peer, ours) or len(peer.value) != len(ours.value):
        return False
    pairs = _pairs_of(ours) if len(args) > 3 else [(item.value, fields.get(item.value)) for item in ours.value]
    distinct = _integer(args[2], 0) < 0 or len(dict(pairs)) == len(pairs)
    return distinct and all(name in fields and fields[name] == value for name, value in pairs)


def _pairs_of(reply):
    """Fields and values, be they pairs or in turn."""
    if all(item.is_aggregate and len(item.value) == 2 for item in reply.value):
        return [tuple(item.texts()) for item in reply.value]
    return list(zip(reply.texts()[::2], reply.texts()[1::2]))


def same_pairs(args, peer, ours, witness):
    """HGETALL: the same fields with the same values, in any order."""
    return same_kind(peer, ours) and len(peer.value) == len(ours.value) and sorted(_pairs_of(peer)) == sorted(_pairs_of(ours))


def same_hash_scan(args, peer, ours, witness):
    """HSCAN: as SCAN; without NOVALUES the items are pairs."""
    if b"NOVALUES" in (word.upper() for word in args[3:]):
        return same_scan(args, peer, ours, witness)
    if not same_kind(peer, ours) or len(ours.value) != 2:
        return False
    return peer.value[0].raw == ours.value[0].raw and same_pairs(args, peer.value[1], ours.value[1], None)


def same_field_times(args, peer, ours, witness):
    """HTTL and its like: times as those of keys, one for each field."""
    if not same_kind(peer, ours) or len(peer.value) != len(ours.value):
        return False
    asked = [FIELD_TIMES[name_of(args)]]
    return all(a.raw == b.raw or same_time(asked, a, b, None) for a, b in zip(peer.value, ours.value))


def same_scan(args, peer, ours, witness):
    """SCAN: the same keys in any order, and the same cursor."""
    if not same_kind(peer, ours) or len(ours.value) != 2:
        return False
    return peer.value[0].raw == ours.value[0].raw and same_items(args, peer.value[1], ours.value[1], None)


def masked(names):
    """A table of keys and values of which the values of `names` are compared by type alone."""

    def rule(args, peer, ours, witness):
        if not same_kind(peer, ours) or len(peer.value) != len(ours.value):
            return False
        pairs = list(zip(peer.value, ours.value))
        keys, values = pairs[::2], pairs[1::2]
        return all(a.raw == b.raw for a, b in keys) and all(
            a.kind == b.kind if key.value in names else a.raw == b.raw for (key, _), (a, b) in zip(keys, values)
        )

    return rule


def same_type(args, peer, ours, witness):
    return peer.kind == ours.kind


def same_time(args, peer, ours, witness):
    """TTL and its like: equal but for the time between the two servers' clocks."""
    if not peer.kind == ours.kind == b":":
        return False
    a, b = int(peer.value), int(ours.value)
    return min(a, b) >= 0 and abs(a - b) <= TIME_TOLERANCE[name_of(args)]


def same_object(args, peer, ours, witness):
    """OBJECT IDLETIME: whole seconds, of clocks that do not turn at the same moment."""
    if args[1:2] == [] or args[1].upper() != b"IDLETIME" or not peer.kind == ours.kind == b":":
        return False
    return abs(int(peer.value) - int(ours.value)) <= 1


def same_client(args, peer, ours, witness):
    """CLIENT ID by type; CLIENT LIST and INFO by the fields that do not depend on process or
    time."""
    subcommand = args[1].upper() if len(args) > 1 else b""
    if subcommand == b"ID":
        return same_type(args, peer, ours, witness)
    if subcommand in (b"LIST", b"INFO") and peer.value is not None and ours.value is not None:
        # Connections that were closed a moment ago may still be listed; the last line is that of
        # the client itself.
        return peer.kind == ours.kind and _client_lines(peer)[-1:] == _client_lines(ours)[-1:]
    return False


def _client_lines(reply):
    lines = [line.split(b" ") for line in reply.value.rstrip(b"\n").split(b"\n")]
    return [[field for field in line if field.split(b"=")[0] in CLIENT_COMPARED] for line in lines]


def same_channels(args, peer, ours, witness):
    """PUBSUB CHANNELS and SHARDCHANNELS: in any order."""
    return len(args) > 1 and args[1].upper().endswith(b"CHANNELS") and same_items(args, peer, ours, witness)


def same_memory(args, peer, ours, witness):
    """MEMORY USAGE and MEMORY DOCTOR: by type."""
    kind = {b"USAGE": b":", b"DOCTOR": ours.kind}.get(args[1].upper() if len(args) > 1 else b"")
    return not ours.is_error and peer.kind == ours.kind == kind


def same_commands(args, peer, ours, witness):
    """COMMAND: sets in any order; subcommands only by their own names; how many commands there are
    is free."""
    subcommand = args[1].upper() if len(args) > 1 else b""
    if subcommand == b"COUNT":
        return peer.kind == ours.kind == b":"
    if subcommand == b"LIST":
        return same_items(args, peer, ours, witness)
    plain = {b"INFO": info_rows, b"DOCS": docs_entries}.get(subcommand)
    return bool(plain and same_kind(peer, ours)) and plain(peer) == plain(ours)


def info_rows(reply):
    """The rows of COMMAND INFO without their subcommands, what is a set sorted; a null is an empty
    row."""
    return [[unordered(field) for field in row.value[:9]] if row.is_aggregate else [] for row in reply.value]


def docs_entries(reply):
    """The entries of COMMAND DOCS: name → fields in order, each a name and a value; subcommands are
    left out."""
    return {name: (kind, [(field, unordered(value)) for field, value in fields]) for name, kind, fields in docs_of(reply)}


def docs_of(reply):
    """The same as they came: name, kind, and the fields as pairs of a name and a reply."""
    for name, entry in zip(reply.value[::2], reply.value[1::2]):
        fields = ((field.value, value) for field, value in zip(entry.value[::2], entry.value[1::2]))
        yield name.value, entry.kind, [(field, value) for field, value in fields if field != b"subcommands"]


def unordered(reply, omitted=frozenset()):
    """A reply as nested tuples; what is a set in RESP3, and what holds nothing but `+words` or
    pairs, is sorted.

    A word of `omitted` is left out with what follows it.
    """
    if not reply.is_aggregate:
        return reply.kind, reply.raw
    items = [unordered(item, omitted) for item in _without(reply.value, omitted)]
    kinds = {item.kind for item in reply.value}
    pairs = kinds == {b"*"} and all(len(item.value) == 2 for item in reply.value)
    is_set = reply.kind == b"~" or kinds == {b"+"} or pairs
    return reply.kind, tuple(sorted(items, key=repr) if is_set else items)


def _without(items, omitted):
    items = iter(items)
    for item in items:
        if not item.is_aggregate and item.value in omitted:
            next(items, None)
        else:
            yield item


RULES = {
    b"VSIM": similar,
    b"VLINKS": same_shape,
    b"VRANDMEMBER": random_members,
    b"VINFO": masked(VINFO_MASKED),
    b"PUBSUB": same_channels,
    b"HELLO": masked(HELLO_MASKED),
    b"CLIENT": same_client,
    b"OBJECT": same_object,
    b"COMMAND": same_commands,
    b"KEYS": same_items,
    b"SCAN": same_scan,
    b"HRANDFIELD": random_fields,
    b"HGETALL": same_pairs,
    b"HKEYS": same_items,
    b"HVALS": same_items,
    b"HSCAN": same_hash_scan,
    b"RANDOMKEY": random_key,
    b"MEMORY": same_memory,
    b"INFO": same_info,
    b"SLOWLOG": same_slow_log,
    b"LATENCY": same_latency,
    b"TIME": same_type,
    **dict.fromkeys(TIME_TOLERANCE, same_time),
    **dict.fromkeys(FIELD_TIMES, same_field_times),
}
