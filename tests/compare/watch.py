"""WATCH as seen by the client that watches, while another one changes something, or does not.

Each case sends `before` and `WATCH k j` over one connection, `meanwhile` over another, then a transaction over the first.
"""

from notation import words
from pair import Pair

BEFORE = [[], ["SET k v"], ["SET k v EX 100"], ["SET j 1", "SET k 2"]]
"""What there is when the watch begins."""
VECTORS = ["VADD k VALUES 2 1 0 e", "VADD k VALUES 2 0 1 f"]
MEANWHILE = [
    ["PING"],
    ["GET k", "TTL k", "TYPE k", "EXISTS k", "DBSIZE", "KEYS *", "SCAN 0"],
    ["SET k v"],
    ["SET k v NX"],
    ["SET k v XX"],
    ["SET other v"],
    ["MSET a 1 j 2"],
    ["APPEND k x"],
    ["INCR j"],
    ["DEL k"],
    ["UNLINK j"],
    ["DEL k", "SET k v"],
    ["SET k v", "DEL k"],
    ["RENAME k other"],
    ["SET other v", "RENAME other k"],
    ["SET other v", "RENAMENX other k"],
    ["SET other v", "COPY other j"],
    ["EXPIRE k 50"],
    ["EXPIRE k 50 GT"],
    ["EXPIRE k -1"],
    ["PERSIST k"],
    ["MOVE k 1"],
    ["SELECT 1", "SET k v"],
    ["SELECT 1", "SET k v", "SWAPDB 0 1"],
    ["SWAPDB 0 1"],
    ["SWAPDB 1 2"],
    ["FLUSHDB"],
    ["FLUSHALL"],
    ["SELECT 1", "FLUSHDB"],
    ["MULTI", "SET k v", "EXEC"],
    ["MULTI", "SET k v", "DISCARD"],
    ["MULTI", "GET k", "EXEC"],
    ["WATCH k", "MULTI", "SET j v", "EXEC"],
]
"""Commands of another client."""
HASH = ["HSET k f 1 g w"]
HASH_MEANWHILE = [
    ["HSET k f 1"],
    ["HSET k h x"],
    ["HSETNX k f x"],
    ["HDEL k f"],
    ["HDEL k f g"],
    ["HDEL k nope"],
    ["HGET k f", "HGETALL k", "HLEN k", "HKEYS k", "HTTL k FIELDS 1 f"],
    ["HINCRBY k f 1"],
    ["HINCRBY k g 1"],
    ["HEXPIRE k 100 FIELDS 1 f"],
    ["HEXPIRE k 100 FIELDS 1 nope"],
    ["HEXPIRE k 0 FIELDS 1 f"],
    ["HPERSIST k FIELDS 1 f"],
    ["HGETDEL k FIELDS 1 f"],
    ["HGETDEL k FIELDS 1 nope"],
    ["HGETEX k FIELDS 1 f"],
    ["HGETEX k EX 100 FIELDS 1 f"],
    ["HGETEX k EX 100 FIELDS 1 nope"],
    ["HSETEX k FIELDS 1 f 1"],
    ["HSETEX k FNX FIELDS 1 f 1"],
]
VECTORS_MEANWHILE = [
    ["VADD k VALUES 2 1 1 g"],
    ["VADD k VALUES 2 1 1 e"],
    ["VREM k e"],
    ["VREM k e", "VREM k f"],
    ["VSETATTR k e 1"],
    ["VSIM k ELE e", "VCARD k", "VINFO k", "VISMEMBER k e", "VGETATTR k e"],
]
AFTER = ["MULTI", "SET done 1", "GET k", "EXEC", "GET done"]


def run(servers, report, options):
    watcher, other = Pair(servers, report), Pair(servers, report)
    if options.against.common_only:
        watcher.leave_out_one_sided()
        other.leave_out_one_sided()
    cases = [(before, meanwhile) for before in [*BEFORE, HASH, VECTORS] for meanwhile in MEANWHILE]
    cases += [(HASH, meanwhile) for meanwhile in HASH_MEANWHILE]
    cases += [(VECTORS, meanwhile) for meanwhile in VECTORS_MEANWHILE]
    for before, meanwhile in cases:
        watcher.reset()
        other.connect()
        send(watcher, [*before, "WATCH k j"])
        send(other, meanwhile)
        send(watcher, AFTER)
    watcher.disconnect()
    other.disconnect()


def send(pair, lines):
    for line in lines:
        pair.check_common(*words(line))
