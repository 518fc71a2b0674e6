"""What prepare.py made of a set, as the servers need it."""

import hashlib
import json
import mmap
import pathlib

from .. import build, datasets

# How many elements a search asks for.
COUNT = 10


class Work:
    """Vectors as bytes, attributes as JSON, kinds of fields, and cases."""

    def __init__(self, folder):
        self.folder = folder
        found = json.loads((folder / "work.json").read_text(encoding="utf-8"))
        self.n, self.dim, self.cases = found["n"], found["dim"], found["cases"]
        self.kinds, self.optional, self.replaced = found["kinds"], found["optional"], found["replaced"]
        self.attributes = (folder / "attrs.jsonl").read_bytes().splitlines()
        with (folder / "base.f32").open("rb") as base:
            self.base = mmap.mmap(base.fileno(), 0, access=mmap.ACCESS_READ)
        self.asked = (folder / "queries.f32").read_bytes()
        self.queries = len(self.asked) // self.width

    @property
    def width(self):
        """Bytes of a vector."""
        return self.dim * 4

    def vector(self, row):
        """The bytes of a row."""
        return self.base[row * self.width:(row + 1) * self.width]

    def query(self, number):
        """The bytes of a query."""
        return self.asked[number * self.width:(number + 1) * self.width]

    def digest(self):
        """Differs where vectors or attributes do."""
        return hashlib.sha256(self.base[:] + b"\n".join(self.attributes) + repr(self.replaced).encode()).hexdigest()


def prepare(found, n, queries, out):
    """The work of a set, or of an even spread of its elements."""
    python = build.venv("data", "-r", datasets.DATA / "requirements.txt")
    words = ("--set", found.folder, "--out", out, "--n", n, "--queries", queries)
    build.run(str(python), "-m", f"{__package__}.prepare", *map(str, words), cwd=build.TOOLS)
    return Work(pathlib.Path(out))
