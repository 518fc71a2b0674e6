"""Made vectors of any number, chunk by chunk, so that no more than a chunk is ever in memory; and
the exact neighbours of queries among them.

A mixture of about sqrt(n) Gaussian clusters in a latent space of few dimensions, projected at
random into many, with a little noise in all of them, at unit length. The dimensions of the latent
space are those that decide how hard a search is: with few of them the nearest neighbours of a
query are much nearer than others even among ten million. Each chunk has a stream of random numbers
of its own, so that the same seed gives the same vectors in whichever order and process chunks are
drawn.

    python -m benchmarks.large.made --n N --dim D --queries Q --out FOLDER

writes queries.f32 and groundtruth.i32 as tools/data/README.md describes them, with K neighbours
for each query, and meta.json last. There is no base.f32.

Runs in a virtual environment that has numpy.
"""

import argparse
import itertools
import json
import pathlib

import numpy as np

SEED, CHUNK, K = 7, 20_000, 100
LATENT = 20
# The j-th latent axis has scale j ** -POWER.
POWER = 0.25
# The scale of a cluster against that of the centres, and how much it varies.
SPREAD, SPREAD_SIGMA = 1.0, 0.3
# The length of the noise in all dimensions, against a latent vector of about 1.
NOISE = 0.2
# Streams of random numbers: of the mixture, of queries, and of the first chunk.
MIXTURE, QUERIES, BASE = 0, 1, 2


class Mixture:
    """What n vectors are drawn from."""

    def __init__(self, n, dim):
        self.n, self.dim = n, dim
        random = np.random.default_rng([SEED, MIXTURE])
        self.clusters = max(8, int(np.sqrt(n)))
        scale = np.arange(1, LATENT + 1) ** -POWER
        self.scale = (scale / np.linalg.norm(scale)).astype(np.float32)
        self.centres = random.standard_normal((self.clusters, LATENT), np.float32) * self.scale
        self.spread = (SPREAD * random.lognormal(0, SPREAD_SIGMA, self.clusters)).astype(np.float32)
        self.projection = random.standard_normal((LATENT, dim), np.float32) / np.float32(np.sqrt(dim))

    def draw(self, n, stream):
        """n unit vectors; a stream always gives the same."""
        random = np.random.default_rng([SEED, stream])
        cluster = random.integers(0, self.clusters, n)
        own = random.standard_normal((n, LATENT), np.float32)
        latent = self.centres[cluster] + own * self.scale * self.spread[cluster][:, None]
        rows = random.standard_normal((n, self.dim), np.float32)
        rows *= np.float32(NOISE / np.sqrt(self.dim))
        rows += latent @ self.projection
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows

    def chunks(self, first=0):
        """(number of the first row, rows) of each chunk from the one on that begins at `first`."""
        for at in range(first, self.n, CHUNK):
            yield at, self.draw(min(CHUNK, self.n - at), BASE + at // CHUNK)

    def further(self):
        """(number of the first row, rows) of chunks behind the last, without end: vectors that are
        no elements yet.
        """
        for number in itertools.count(-(-self.n // CHUNK)):
            yield number * CHUNK, self.draw(CHUNK, BASE + number)

    def queries(self, n):
        """n vectors to be asked for."""
        return self.draw(n, QUERIES)


def nearest(mixture, queries, first):
    """Row numbers of each query's K nearest among the first so many, nearest first."""
    rows = np.full((len(queries), K), -1, np.int32)
    scores = np.full((len(queries), K), -np.inf, np.float32)
    for at, chunk in mixture.chunks():
        chunk = chunk[:max(0, first - at)]
        if not len(chunk):
            break
        found = queries @ chunk.T
        # Later chunks have something near enough for few queries only, and then little of it.
        nearer = found > scores[:, -1:]
        for query in np.nonzero(nearer.any(axis=1))[0]:
            few = np.nonzero(nearer[query])[0]
            every = np.concatenate([scores[query], found[query, few]])
            names = np.concatenate([rows[query], few.astype(np.int32) + at])
            order = np.argsort(-every, kind="stable")[:K]
            scores[query], rows[query] = every[order], names[order]
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, required=True)
    parser.add_argument("--dim", type=int, required=True)
    parser.add_argument("--first", type=int, help="only the first so many of them are there")
    parser.add_argument("--queries", type=int, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()
    mixture = Mixture(args.n, args.dim)
    queries = mixture.queries(args.queries)
    args.out.mkdir(parents=True, exist_ok=True)
    queries.astype("<f4").tofile(args.out / "queries.f32")
    nearest(mixture, queries, args.first or args.n).astype("<i4").tofile(args.out / "groundtruth.i32")
    meta = {"name": args.out.name, "n": args.n, "dim": args.dim, "nq": args.queries, "metric": "cosine",
            "source": f"benchmarks.large.made, seed {SEED}, latent {LATENT}, noise {NOISE}"}
    (args.out / "meta.json").write_text(json.dumps(meta, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
