"""One library's index over one set, in a process of its own: takes a request a line, answers with a line of JSON.

    python -m benchmarks.index.serve_library --library NAME --threads N --set FOLDER --dim N

    build               {"seconds": …}
    search EF SECONDS   asks all queries again and again for so long, once at least: {"qps": of the best pass, "recall": the
                        mean, "worst": the worst query's, "low": the mean of the worst hundredth}
    memory              {"resident": what the process has grown by since before the build; files that it maps do not count}

tools/index serves nearhit in the same way.
"""

import argparse
import ctypes
import gc
import json
import os
import pathlib
import sys
import time

import numpy as np

from .libraries import COUNT, LIBRARIES

TRUTH_ROW = 100


class Served:
    """An index, and the vectors that it is made of and asked for."""

    def __init__(self, library, threads, folder, dim):
        self.library, self.threads = library, threads
        # Mapped: what the library keeps of it, it has to copy.
        self.base = np.asarray(np.memmap(folder / "base.f32", "<f4", "r").reshape(-1, dim))
        self.queries = np.fromfile(folder / "queries.f32", "<f4").reshape(-1, dim)
        self.nearest = np.fromfile(folder / "groundtruth.i32", "<i4").reshape(-1, TRUTH_ROW)[:, :COUNT, None]
        self.before = self.index = None

    def build(self):
        self.before = resident()
        began = time.perf_counter()
        self.index = self.library.make(self.base, self.threads, **self.library.options)
        return {"seconds": time.perf_counter() - began}

    def search(self, ef, seconds):
        best, ends = float("inf"), time.perf_counter() + float(seconds)
        while True:
            began = time.perf_counter()
            found = self.index.search(self.queries, int(ef))
            now = time.perf_counter()
            best = min(best, now - began)
            if now >= ends:
                return {"qps": len(self.queries) / best, **self.quality(np.asarray(found))}

    def quality(self, found):
        """How many of the nearest were found."""
        recalls = np.sort((self.nearest == found.astype(np.int64)[:, None, :]).any(axis=2).mean(axis=1))
        low = recalls[:-(-len(recalls) // 100)]
        return {"recall": recalls.mean(), "worst": recalls[0], "low": low.mean()}

    def memory(self):
        return {"resident": resident() - self.before}


def resident():
    """Bytes of memory that are no file's, after what was freed is given back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    status = pathlib.Path("/proc/self/status").read_text(encoding="ascii")
    sizes = dict(line.split(":", 1) for line in status.splitlines())
    return sum(int(sizes[name].split()[0]) * 1024 for name in ("RssAnon", "RssShmem"))


def main():
    # Some libraries print: their words go to stderr.
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    parser = argparse.ArgumentParser()
    parser.add_argument("--library", required=True, choices=LIBRARIES)
    parser.add_argument("--threads", required=True, type=int)
    parser.add_argument("--set", required=True, type=pathlib.Path)
    parser.add_argument("--dim", required=True, type=int)
    args = parser.parse_args()
    served = Served(LIBRARIES[args.library], args.threads, args.set, args.dim)
    commands = {"build": served.build, "search": served.search, "memory": served.memory}
    for line in sys.stdin:
        command, *words = line.split()
        print(json.dumps(commands[command](*words)), file=replies, flush=True)


if __name__ == "__main__":
    main()
