#!/usr/bin/env python3
"""Cuts a small set for tests out of a large one: elements and queries evenly spread, vectors rounded to float16.

Needs nothing beyond Python. `tests/data/minilm-3k` was cut from minilm-384 with the defaults.
"""

import argparse
import array
import json
import pathlib
import struct
import sys

FLOAT = 4


def spread(total, wanted):
    """`wanted` numbers below `total`, at even distances."""
    return [number * total // wanted for number in range(wanted)]


def rows(path, dim, numbers):
    """Those rows of a file of little-endian float32, as little-endian float16."""
    with path.open("rb") as floats:
        for number in numbers:
            floats.seek(number * dim * FLOAT)
            row = array.array("f", floats.read(dim * FLOAT))
            if sys.byteorder == "big":
                row.byteswap()
            yield struct.pack(f"<{dim}e", *row)


def lines(path, numbers):
    """Those lines of a text file."""
    text = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(text[number] for number in numbers)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default="/tmp/data/minilm-384", type=pathlib.Path, help="the large set (%(default)s)")
    parser.add_argument("--out", default="tests/data/minilm-3k", type=pathlib.Path, help="the small set (%(default)s)")
    parser.add_argument("--elements", default=3000, type=int)
    parser.add_argument("--queries", default=200, type=int)
    args = parser.parse_args()
    meta = json.loads((args.set / "meta.json").read_text(encoding="utf-8"))
    elements, queries = spread(meta["n"], args.elements), spread(meta["nq"], args.queries)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "base.f16").write_bytes(b"".join(rows(args.set / "base.f32", meta["dim"], elements)))
    (args.out / "queries.f16").write_bytes(b"".join(rows(args.set / "queries.f32", meta["dim"], queries)))
    (args.out / "names.txt").write_text(lines(args.set / "ids.txt", elements), encoding="utf-8")
    (args.out / "attributes.jsonl").write_text(lines(args.set / "attrs.jsonl", elements), encoding="utf-8")


if __name__ == "__main__":
    main()
