#!/usr/bin/env python3
"""Replays streams of requests through caches of a fixed number of items: exact ones of libCacheSim,
and Redis' kind of samples and counters, written here. Reads jobs as JSON, [trace, capacity,
requests to warm up] each; writes a table of hit rates each.

Runs in a virtual environment that has libcachesim (build.venv).
"""

import heapq
import json
import random
import sys

import libcachesim

EXACT = {"LRU": "LRU", "LFU": "LFU", "S3-FIFO": "S3FIFO", "SIEVE": "Sieve", "W-TinyLFU": "WTinyLFU", "ARC": "ARC"}
SAMPLES, POOL, LOG_FACTOR, NEW = 5, 16, 10, 5


def rate(hits, warm):
    """The share of hits after the warm-up."""
    counted = hits[warm:]
    return sum(counted) / len(counted)


def exact(kind, trace, capacity):
    """Hits of one of libCacheSim's policies."""
    cache = getattr(libcachesim, kind)(cache_size=capacity, hashpower=17)
    request = libcachesim.Request()
    request.obj_size = 1
    hits = []
    for item in trace:
        request.obj_id = item + 1
        hits.append(bool(cache.get(request)))
    return hits


class Uses:
    """When each item was used last, and a counter that grows the slower the larger it is."""

    def __init__(self, by_counter, rng):
        self.by_counter, self.random, self.last, self.counters = by_counter, rng, {}, {}

    def use(self, item, at):
        """A hit, or a new item."""
        counter = self.counters.get(item)
        if counter is None:
            counter = NEW
        elif self.random.random() < 1 / (max(0, counter - NEW) * LOG_FACTOR + 1):
            counter = min(255, counter + 1)
        self.last[item], self.counters[item] = at, counter

    def rank(self, item):
        """The least is evicted first."""
        return (self.counters[item] if self.by_counter else 0, self.last[item])

    def forget(self, item):
        """The item is evicted."""
        del self.last[item], self.counters[item]


def ranked(by_counter, trace, capacity, rng):
    """Hits where the item of the lowest rank of all is evicted. Ranks only rise, so old entries of
    the heap are too low.
    """
    uses, heap, hits = Uses(by_counter, rng), [], []
    for at, item in enumerate(trace):
        hit = item in uses.last
        hits.append(hit)
        if not hit and len(uses.last) >= capacity:
            while True:
                rank, lowest = heap[0]
                if lowest in uses.last and uses.rank(lowest) == rank:
                    break
                heapq.heappop(heap)
                if lowest in uses.last:
                    heapq.heappush(heap, (uses.rank(lowest), lowest))
            heapq.heappop(heap)
            uses.forget(lowest)
        uses.use(item, at)
        if not hit:
            heapq.heappush(heap, (uses.rank(item), item))
    return hits


def sampled(by_counter, trace, capacity, rng):
    """Hits where a few random items are ranked for each eviction, and the best of them remembered
    in a pool.
    """
    uses, items, place, pool, hits = Uses(by_counter, rng), [], {}, {}, []
    for at, item in enumerate(trace):
        hit = item in uses.last
        hits.append(hit)
        if not hit and len(items) >= capacity:
            for candidate in rng.choices(items, k=SAMPLES):
                pool[candidate] = uses.rank(candidate)
            # The ranks in the pool are those at the time of the sample, as in Redis; the highest
            # are pushed out.
            chosen = sorted(pool, key=pool.get)[:POOL]
            lowest = chosen[0]
            pool = {one: pool[one] for one in chosen[1:]}
            hole, moved = place.pop(lowest), items.pop()
            if moved != lowest:
                items[hole], place[moved] = moved, hole
            uses.forget(lowest)
        if not hit:
            place[item] = len(items)
            items.append(item)
        uses.use(item, at)
    return hits


def replay(trace, capacity, warm):
    """The hit rate of each policy."""
    rates = {title: rate(exact(kind, trace, capacity), warm) for title, kind in EXACT.items()}
    for title, how, by_counter in (("log LFU", ranked, True), ("LRU, 5 samples", sampled, False),
                                   ("log LFU, 5 samples", sampled, True)):
        rates[title] = rate(how(by_counter, trace, capacity, random.Random(1)), warm)
    return rates


if __name__ == "__main__":
    json.dump([replay(*job) for job in json.load(sys.stdin)], sys.stdout)
