"""Qdrant's engine, in a process of its own without a server (serve_qdrant.py).

Building takes minutes, so shards are kept in a folder that git ignores, under a name that says what
they are made of.
"""

import contextlib
import hashlib
import shutil

from .. import Failure, build
from ..index.contestant import Gone, started
from .left_out import LeftOut

PACKAGES = ("qdrant-edge-py==0.9.0", "numpy")
TITLE = "Qdrant edge 0.9.0"
CACHE = build.TOOLS / ".cache" / "filters"
MODULE = f"{__package__}.serve_qdrant"
# To be raised when serve_qdrant.py makes shards in another way.
FORM = 1


def python():
    """The Python that has the engine; LeftOut where it cannot be installed."""
    try:
        return build.venv("qdrant", *PACKAGES)
    except Failure as failure:
        raise LeftOut(f"{PACKAGES[0]} cannot be installed here") from failure


class Engine:
    """A shard that is asked in process. It has the parts of wire.Wire that entrants need."""

    # Whether a caller waits for the network too.
    WIRE = False

    def __init__(self, work, int8=False, indexed=True):
        self.work, self.int8, self.indexed = work, int8, indexed
        self.python = python()
        self.order = list(range(work.n))
        self.stack = contextlib.ExitStack()
        self.process = None

    def fill(self):
        """Loads the shard that every element was added to."""
        self.load(self.made(replaced=False))

    def replace(self):
        """Loads the shard in which half of the elements have the vectors and attributes of each
        other.
        """
        self.order = self.work.replaced
        self.load(self.made(replaced=True))

    def made(self, replaced):
        """A shard, made if it is not kept."""
        shard = CACHE / self.name(replaced)
        if not shard.exists():
            parent = self.made(replaced=False) if replaced else None
            build.say(f"{self.title()}: making a shard of {self.work.n:,}{', half replaced' * replaced} (once)")
            CACHE.mkdir(parents=True, exist_ok=True)
            unfinished = shard.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            if parent:
                shutil.copytree(parent, unfinished)
            flags = ["--replace"] * replaced + ["--indexed"] * self.indexed + ["--int8"] * self.int8
            words = (self.python, "-m", MODULE, "make", "--work", self.work.folder, "--shard", unfinished, *flags)
            build.run(*map(str, words), cwd=build.TOOLS)
            unfinished.rename(shard)
        return shard

    def name(self, replaced):
        """Of what the shard is made: vectors and attributes, how, and by which version."""
        parts = (FORM, self.work.digest(), PACKAGES, self.int8, self.indexed, replaced)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    def title(self):
        """As tables have it."""
        return f"{TITLE}, int8" if self.int8 else TITLE

    def load(self, shard):
        """Starts a process that serves this shard, in place of the one before."""
        self.close()
        words = (self.python, "-m", MODULE, "serve", "--work", self.work.folder, "--shard", shard)
        self.process = self.stack.enter_context(started(words))

    def ask(self, case, setting, seconds):
        """As wire.Wire.ask does; all that a caller waits for is inside."""
        found = self.send("search", self.work.cases.index(case), setting.ef, seconds)
        found["found"] = [[self.order[element] for element in answer] for answer in found["found"]]
        return {**found, "inside": found["rate"]}

    def memory(self):
        """Bytes by which the process has grown."""
        return self.send("memory")

    def send(self, *words):
        """The reply to one request."""
        try:
            return self.process.ask(*words)
        except Gone as reason:
            raise Failure(f"{self.title()}: {reason}") from reason

    def close(self):
        """Ends the process."""
        self.stack.close()
