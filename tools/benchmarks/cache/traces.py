"""Streams of requests for items that are small numbers, and the vectors of the items."""

import bisect
import itertools
import random
import struct

DIM = 24


def zipf(rng, items, alpha, count):
    """Requests whose frequencies fall with the rank; which item has which rank is random."""
    heights = list(itertools.accumulate((rank + 1) ** -alpha for rank in range(items)))
    order = rng.sample(range(items), items)
    return [order[min(items - 1, bisect.bisect(heights, rng.random() * heights[-1]))] for _ in range(count)]


def scans(rng, items, alpha, count):
    """The same, and three times in it a quarter as many items as fit, one after the other, that are
    asked for once.
    """
    trace = zipf(rng, items, alpha, count)
    length, first = items // 8, items
    for at in (count // 4, count // 2, count * 3 // 4):
        trace[at:at + length] = range(first, first + length)
        first += length
    return trace


def moving(rng, items, count):
    """Nine of ten requests go to a hot set, a quarter of what fits, which is another one after each
    eighth of the stream.
    """
    hot, trace = items // 8, []
    for at in range(count):
        if at % (count // 8) == 0:
            chosen = rng.sample(range(items), hot)
        trace.append(rng.choice(chosen) if rng.random() < 0.9 else rng.randrange(items))
    return trace


def fitting(rng, items, count):
    """Nineteen of twenty requests go to a hot set that takes three fifths of what fits."""
    chosen = rng.sample(range(items), items * 3 // 10)
    return [rng.choice(chosen) if rng.random() < 0.95 else rng.randrange(items) for _ in range(count)]


def all_of(items, count, seed):
    """Each stream by its title."""
    rng = random.Random(seed)
    return {
        "Zipf 0.9": zipf(rng, items, 0.9, count),
        "Zipf 1.0": zipf(rng, items, 1.0, count),
        "Zipf 1.0 with scans": scans(rng, items, 1.0, count),
        "hot set that moves": moving(rng, items, count),
        "hot set that fits": fitting(rng, items, count),
    }


def vectors(count, seed):
    """A vector for each item, as single precision; random, so that no two are near."""
    rng = random.Random(seed)
    return [struct.pack(f"<{DIM}f", *(rng.gauss(0, 1) for _ in range(DIM))) for _ in range(count)]
