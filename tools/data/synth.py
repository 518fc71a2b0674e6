#!/usr/bin/env python3
"""Makes synth-768-100k, or others of its kind: vectors that behave as text embeddings do, for scale. The same command makes the same set.

About sqrt(n) Gaussian clusters of uneven sizes in a latent space whose spectrum falls by a power law; in them small
families of near kin, as real texts have them; projected at random into many dimensions, noise added. Queries are drawn from
the same mixture, a little wider and without kin. The constants were tuned until hnswlib found the set as hard as minilm-384.
"""

import argparse
import pathlib

import numpy as np

import vecset

LATENT = 64
# The j-th latent axis has scale j ** -POWER.
POWER = 0.25
# A cluster's scale against that of the centres, how much it varies, and how fast the clusters' sizes fall.
SPREAD, SPREAD_SIGMA, SHARE_POWER = 1.2, 0.3, 0.7
# The scatter within a family against its cluster's.
KIN = 0.4
# The lengths of the noise outside the latent space, and of what all vectors have in common.
NOISE, SHARED = 0.4, 0.4
# How much wider queries scatter about their cluster.
WIDER = 1.2
SEED, CHUNK = 7, 20_000
# Streams of random numbers: one for the queries, then one for each chunk of the base.
QUERIES, BASE = 0, 1


class Mixture:
    """What a set is drawn from."""

    def __init__(self, n, dim):
        self.dim = dim
        random = np.random.default_rng([SEED, 0])
        self.clusters = max(8, int(np.sqrt(n)))
        scale = np.arange(1, LATENT + 1) ** -POWER
        self.scale = (scale / np.linalg.norm(scale)).astype(np.float32)
        self.centres = random.standard_normal((self.clusters, LATENT), np.float32) * self.scale
        self.spread = (SPREAD * random.lognormal(0, SPREAD_SIGMA, self.clusters)).astype(np.float32)
        share = random.permutation(np.arange(1, self.clusters + 1) ** -SHARE_POWER)
        self.share = share / share.sum()
        self.projection = random.standard_normal((LATENT, dim), np.float32) / np.float32(np.sqrt(dim))
        self.shared = (random.standard_normal(dim) * SHARED / np.sqrt(dim)).astype(np.float32)

    def draw(self, n, stream, wider=1.0, alone=False):
        """n unit vectors, each of a family of about two, or of its own; a stream always gives the same."""
        random = np.random.default_rng([SEED, 1, stream])
        family = np.arange(n) if alone else random.integers(0, max(1, n // 2), n)
        cluster = random.choice(self.clusters, n, p=self.share)[family]
        of_family = random.standard_normal((n, LATENT), np.float32)[family]
        own = random.standard_normal((n, LATENT), np.float32)
        scatter = np.sqrt(1 - KIN**2) * of_family + KIN * own
        latent = self.centres[cluster] + scatter * self.scale * (wider * self.spread[cluster])[:, None]
        noise = random.standard_normal((n, self.dim), np.float32) * np.float32(wider * NOISE / np.sqrt(self.dim))
        return vecset.unit(latent @ self.projection + self.shared + noise)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="/tmp/data", help="the folder of sets (%(default)s)")
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=768)
    parser.add_argument("--queries", type=int, default=1_000)
    args = parser.parse_args()
    mixture = Mixture(args.n, args.dim)
    starts = range(0, args.n, CHUNK)
    base = np.vstack([mixture.draw(min(CHUNK, args.n - at), BASE + at // CHUNK) for at in starts])
    queries = mixture.draw(args.queries, QUERIES, WIDER, alone=True)
    folder = pathlib.Path(args.out) / f"synth-{args.dim}-{args.n // 1000}k"
    vecset.write(folder, base, queries, [f"v{row}" for row in range(args.n)], "made by synth.py")


if __name__ == "__main__":
    main()
