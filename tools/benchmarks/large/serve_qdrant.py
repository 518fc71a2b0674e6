"""Qdrant's engine over made vectors, in a process of its own, with mapped storage.

    serve_qdrant make --n N --dim D --elements E --shard FOLDER [--ef EF]
    serve_qdrant serve --dim D --shard FOLDER --queries FILE

`make` fills a new shard with the first E of N made vectors and optimizes it: one segment, M 16, as
nearhit's graph; vectors and graph mapped (`Memory.Cold`, which is what `on_disk` was), the former
as Float16, as nearhit's finer codes are. Prints {"add_s", "optimize_s"}. `serve` loads it, takes a
request a line and answers with a line of JSON:

    first                       asks one query
    search EF SECONDS THREADS   asks all queries, again and again for so long; with 0 seconds each
                                once, and a part of them in each thread: {"rate", "p50_us",
                                "p99_us", "found": what the first thread found at first}

Runs in a virtual environment that has qdrant-edge-py and numpy.
"""

import argparse
import concurrent.futures
import pathlib
import sys
import time

import numpy as np
import qdrant_edge as qdrant

from .. import serving
from . import made

M, BATCH, COUNT, FULL_SCAN_THRESHOLD = 16, 1000, 10, 10_000
DATATYPE = qdrant.VectorStorageDatatype.Float16


def config(dim, ef=64):
    """What a shard is."""
    cold = qdrant.Memory.Cold
    vectors = qdrant.EdgeVectorParams(size=dim, distance=qdrant.Distance.Cosine, datatype=DATATYPE, memory=cold)
    return qdrant.EdgeConfig(
        vectors=vectors,
        hnsw_config=qdrant.HnswIndexConfig(M, ef, FULL_SCAN_THRESHOLD, memory=cold),
        optimizers=qdrant.EdgeOptimizersConfig(default_segment_number=1, max_segment_size=10**9),
        wal_enabled=False,
    )


def make(args):
    """Fills a shard."""
    args.shard.mkdir(parents=True)
    shard = qdrant.EdgeShard.create(str(args.shard), config(args.dim, args.ef))
    began = time.monotonic()
    for at, rows in made.Mixture(args.n, args.dim).chunks():
        rows = rows[:max(0, args.elements - at)]
        for first in range(0, len(rows), BATCH):
            some = rows[first:first + BATCH].tolist()
            points = [qdrant.Point(at + first + place, vector) for place, vector in enumerate(some)]
            shard.update(qdrant.UpdateOperation.upsert_points(points))
        if at + made.CHUNK >= args.elements:
            break
    added = time.monotonic()
    print(f"  added in {added - began:.0f} s", file=sys.stderr, flush=True)
    shard.optimize()
    shard.flush()
    done = time.monotonic()
    shard.close()
    return {"add_s": added - began, "optimize_s": done - added}


class Served:
    """A shard that has been loaded."""

    def __init__(self, args):
        queries = np.fromfile(args.queries, "<f4").reshape(-1, args.dim)
        self.queries = [vector.tolist() for vector in queries]
        self.dim = args.dim
        self.shard = qdrant.EdgeShard.load(str(args.shard), config(args.dim))

    def first(self):
        """Asks one query."""
        answer = self.shard.search(qdrant.SearchRequest(qdrant.Query.Nearest(self.queries[0]), COUNT))
        return {"found": len(answer)}

    def search(self, ef, seconds, threads):
        """What was found, and how fast."""
        params, seconds, threads = qdrant.SearchParams(hnsw_ef=int(ef)), float(seconds), int(threads)
        requests = [qdrant.SearchRequest(qdrant.Query.Nearest(vector), COUNT, params=params) for vector in self.queries]
        each = len(requests) // threads
        began = time.perf_counter()

        def ask(first):
            found, times = [], []
            mine = requests[first * each:] + requests[:first * each]
            mine = mine if seconds else mine[:each]
            while True:
                for request in mine:
                    asked = time.perf_counter()
                    answer = self.shard.search(request)
                    times.append(time.perf_counter() - asked)
                    if len(found) < len(mine) and first == 0:
                        found.append([point.id for point in answer])
                if time.perf_counter() - began >= seconds:
                    return found, times

        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            each_found = list(pool.map(ask, range(threads)))
        lasted = time.perf_counter() - began
        times = [took for _, some in each_found for took in some]
        p50, p99 = np.percentile(times, [50, 99]) * 1e6
        figures = {"rate": len(times) / lasted, "count": len(times), "p50_us": p50, "p99_us": p99}
        return {**figures, "found": each_found[0][0]}


def main():
    out = serving.replies()
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=("make", "serve"))
    parser.add_argument("--shard", required=True, type=pathlib.Path)
    parser.add_argument("--queries", type=pathlib.Path)
    parser.add_argument("--dim", type=int, required=True)
    for name, default in (("n", 0), ("elements", 0), ("ef", 64)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    if args.task == "make":
        serving.reply(out, make(args))
        return
    served = Served(args)
    serving.serve(out, {"first": served.first, "search": served.search})


if __name__ == "__main__":
    main()
