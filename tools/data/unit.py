#!/usr/bin/env python3
"""Writes a set, or an even spread of its rows, with every vector at length one: so that any metric ranks as cosine does."""

import argparse
import json
import pathlib

import numpy as np

import vecset


def spread(rows, most):
    """At most so many rows, at even distances (a file may be in order of frequency)."""
    count = min(most, len(rows))
    return rows[np.arange(count) * len(rows) // count]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", required=True, type=pathlib.Path, help="the folder of the set")
    parser.add_argument("--out", required=True, type=pathlib.Path, help="the folder to be made")
    parser.add_argument("--n", type=int, default=1_000_000_000, help="at most so many rows")
    parser.add_argument("--queries", type=int, default=1_000_000_000, help="at most so many queries")
    args = parser.parse_args()
    meta = json.loads((args.set / "meta.json").read_text(encoding="utf-8"))
    read = {name: np.fromfile(args.set / f"{name}.f32", "<f4").reshape(-1, meta["dim"]) for name in ("base", "queries")}
    base, queries = vecset.unit(spread(read["base"], args.n)), vecset.unit(spread(read["queries"], args.queries))
    vecset.write(args.out, base, queries, range(len(base)), f"{meta['name']}, unit length")


if __name__ == "__main__":
    main()
