"""Random vectors of many dimensions: what is stored must be equal to the bit, what is scored within 1e-6."""

import random
import struct
from collections import Counter

from commands import vsim_options
from pair import Inspector, Pair
from rules import rows_of

DIMENSIONS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 96, 100, 127, 128, 129, 200, 255, 256, 300, 384,
              511, 512, 768, 1000, 1024, 1536, 1600]  # fmt: skip
QUANTISATIONS = ("NOQUANT", "Q8", "BIN")
ELEMENTS = 12
QUERIES = 6
LARGEST_AS_TEXT = 300


def run(servers, report, options):
    rng = random.Random(options.seed)
    pair, exact, total = Pair(servers, report), Counter(), Counter()
    for dimension in DIMENSIONS:
        for quantisation in QUANTISATIONS:
            pair.reset(rng.choice((2, 3)))
            for query in _fill(pair, rng, dimension, quantisation):
                replies = pair.check("VSIM", "k", *query, "WITHSCORES", "COUNT", ELEMENTS)
                same, seen = _exact(replies)
                exact[quantisation] += same
                total[quantisation] += seen
            Inspector(pair).compare()
    for quantisation in QUANTISATIONS:
        report.note(f"{quantisation}: {exact[quantisation]} of {total[quantisation]} scores equal to the last bit")
    pair.disconnect()


def _fill(pair, rng, dimension, quantisation):
    """Adds elements, compares what is stored, and returns the queries to make."""
    spread = rng.choice((1e-3, 1.0, 1e4))
    for number in range(ELEMENTS):
        vector = _vector(rng, dimension, spread)
        pair.check("VADD", "k", *vector, f"e{number}", quantisation)
    for number in range(ELEMENTS):
        pair.check("VEMB", "k", f"e{number}")
        pair.check("VEMB", "k", f"e{number}", "RAW")
    queries = [_vector(rng, dimension, spread) for _ in range(QUERIES)]
    return queries + [("ELE", f"e{number}") for number in range(ELEMENTS)]


def _vector(rng, dimension, spread):
    """A random vector as the words of a command, as text or as a blob."""
    values = [rng.gauss(0, spread) for _ in range(dimension)]
    if rng.random() < 0.1:
        values = [round(value) for value in values]
    if dimension <= LARGEST_AS_TEXT and rng.random() < 0.5:
        return ("VALUES", dimension, *map(repr, values))
    return ("FP32", struct.pack(f"<{dimension}f", *values))


def _exact(replies):
    """How many of the scores of two VSIM replies are the same double, and how many there are."""
    if any(not reply.is_aggregate for reply in replies):
        return 0, 0
    options = vsim_options([b"VSIM", b"k", b"ELE", b"e", b"WITHSCORES"])
    peer, ours = ({row[0]: row[1] for row in rows_of(options, reply)} for reply in replies)
    return sum(ours.get(element) == score for element, score in peer.items()), len(peer)
