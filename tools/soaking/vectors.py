"""Vectors without end: real ones, of which each is changed a little, so that no two are alike."""

import pathlib
import struct

TOOLS = pathlib.Path(__file__).resolve().parent.parent
SLICE = TOOLS.parent / "tests" / "data" / "minilm-3k"
DIM = 384
BYTES = 4 * DIM
# Components that come from another vector: neighbours stay near each other, at a cosine of about
# 0.9.
FOREIGN = 40


def floats(halves):
    """Half precision as single precision."""
    count = len(halves) // 2
    return struct.pack(f"<{count}f", *struct.unpack(f"<{count}e", halves))


def rows(whole):
    """Each vector's bytes."""
    return [whole[at:at + BYTES] for at in range(0, len(whole), BYTES)]


class Source:
    """The real vectors, the queries and the attributes."""

    def __init__(self, data):
        folder = pathlib.Path(data) / "minilm-384"
        if (folder / "meta.json").exists():
            self.name = "minilm-384"
            self.base = rows((folder / "base.f32").read_bytes())
            self.queries = rows((folder / "queries.f32").read_bytes())
        else:
            self.name = "minilm-3k"
            self.base = rows(floats((SLICE / "base.f16").read_bytes()))
            self.queries = rows(floats((SLICE / "queries.f16").read_bytes()))
        self.attributes = [line.strip() for line in (SLICE / "attributes.jsonl").read_bytes().splitlines()]

    def vector(self, rng):
        """A new vector."""
        at = 4 * rng.randrange(DIM - FOREIGN)
        own, other = rng.choice(self.base), rng.choice(self.base)
        return own[:at] + other[at:at + 4 * FOREIGN] + own[at + 4 * FOREIGN:]

    def attribute(self, rng, element):
        """A JSON object that names its element."""
        return b'{"id":"%s",' % element + rng.choice(self.attributes)[1:]
