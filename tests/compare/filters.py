"""The FILTER expressions of `tests/data/filter-vectors.jsonl`, on both servers and against what is written there; and those of
our own language, which the peer refuses, and random ones of both.
"""

import json
import os
import random

from differences import NEAR
from own_filters import EXPRESSIONS, WRONG, is_marked, random_expression
from pair import Pair

PATH = os.path.join(os.path.dirname(__file__), "..", "data", "filter-vectors.jsonl")
BASE = (
    '{"n":25,"f":2.5,"s":"Alice","t":true,"b":false,"z":null,"a":[1,"x",3.5],"e":"","neg":-3,"num":"42",'
    '"o":{"y":1},"ea":[],"big":1e300}'
)
RANDOM_SHARE = 10
"""Of the commands to generate, one in so many is a random expression here."""


def run(servers, report, options):
    pair = Pair(servers, report)
    pair.reset()
    with open(PATH, encoding="utf-8") as file:
        vectors = [json.loads(line) for line in file]
    for number, vector in enumerate(vectors):
        _check(pair, report, b"k%d" % number, vector)
    own = _Own(pair, options)
    for expression, matches in EXPRESSIONS:
        own.check(expression, matches)
    for expression in WRONG:
        own.check(expression, None)
    rng = random.Random(options.seed)
    for _ in range(options.count // RANDOM_SHARE):
        own.check(random_expression(rng))
    report.note(f"{len(vectors)} expressions, {len(EXPRESSIONS)} of our own, {options.count // RANDOM_SHARE} random, "
                f"{own.own} of those of our own")
    pair.disconnect()


class _Own:
    """Expressions that may be valid in our language, in the language of the peer, in both or in none."""

    def __init__(self, pair, options):
        self.pair, self.own = pair, 0
        self.has_ours = not options.peer_twice
        pair.reset()
        pair.check("VADD", "own", "VALUES", 2, 1, 2, "e", "SETATTR", BASE)

    def check(self, expression, wanted=...):
        """`wanted`: whether it matches, or None if it is refused by both; nothing if that is not known.

        What the peer refuses has the meaning of `VCOUNT`, which knows our language alone.
        """
        # Searches change nothing: what came before is the element.
        del self.pair.history[1:]
        words = [b"VSIM", b"own", b"ELE", b"e", b"FILTER", expression]
        peer, ours = self.pair.check(*words)
        if not (self.has_ours and peer.is_error):
            return
        _, count = self.pair.ask("VCOUNT", "own", "FILTER", expression)
        found = None if ours.is_error else len(ours.value)
        self.own += not ours.is_error
        if (None if count.is_error else int(count.value)) != found:
            self.pair.found(words, peer.raw, ours.raw, f"VCOUNT says {count.raw!r}")
        if wanted is not ... and found != wanted:
            self.pair.found(words, peer.raw, ours.raw, f"expected: {wanted}")


def _check(pair, report, key, vector):
    attribute = BASE if vector["attr"] == "BASE" else vector["attr"]
    expression = vector["expr"].encode()
    pair.check("VADD", key, "VALUES", 2, 1, 2, "e")
    if attribute is not None:
        pair.check("VSETATTR", key, "e", attribute.encode())
    for extra in ((), ("TRUTH",), ("WITHSCORES", "WITHATTRIBS")):
        words = ("VSIM", key, "ELE", "e", "FILTER", expression, *extra)
        replies = pair.check(*words)
        for server, reply in zip(pair.servers, replies):
            is_own = server is pair.servers.ours and "error_near" in vector and is_marked(expression)
            if not expected(vector, reply) and not is_own:
                args = [word if isinstance(word, bytes) else word.encode() for word in words]
                wanted = json.dumps({k: v for k, v in vector.items() if k not in ("attr", "expr")})
                pair.found(args, *(r.raw for r in replies), f"expected by the table, not by {server.name}: {wanted}")


def expected(vector, reply):
    """True if the reply is what the table says."""
    if "error_near" in vector:
        return reply.raw == NEAR + vector["error_near"].encode() + b"\r\n"
    return reply.is_aggregate and bool(reply.value) == vector["match"]
