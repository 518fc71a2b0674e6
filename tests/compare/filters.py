"""The FILTER expressions of `tests/data/filter-vectors.jsonl`, on both servers and against what is written there."""

import json
import os

from pair import Pair

PATH = os.path.join(os.path.dirname(__file__), "..", "data", "filter-vectors.jsonl")
BASE = (
    '{"n":25,"f":2.5,"s":"Alice","t":true,"b":false,"z":null,"a":[1,"x",3.5],"e":"","neg":-3,"num":"42",'
    '"o":{"y":1},"ea":[],"big":1e300}'
)
NEAR = b"-ERR syntax error in FILTER expression near: "


def run(servers, report, options):
    pair = Pair(servers, report)
    pair.reset()
    with open(PATH, encoding="utf-8") as file:
        vectors = [json.loads(line) for line in file]
    for number, vector in enumerate(vectors):
        _check(pair, report, b"k%d" % number, vector)
    report.note(f"{len(vectors)} expressions")
    pair.disconnect()


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
            if not expected(vector, reply):
                args = [word if isinstance(word, bytes) else word.encode() for word in words]
                wanted = json.dumps({k: v for k, v in vector.items() if k not in ("attr", "expr")})
                pair.found(args, *(r.raw for r in replies), f"expected by the table, not by {server.name}: {wanted}")


def expected(vector, reply):
    """True if the reply is what the table says."""
    if "error_near" in vector:
        return reply.raw == NEAR + vector["error_near"].encode() + b"\r\n"
    return reply.is_aggregate and bool(reply.value) == vector["match"]
