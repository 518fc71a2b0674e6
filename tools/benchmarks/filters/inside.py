"""nearhit in a process without a server (tools/index), asked as Qdrant's engine is."""

import contextlib

from .. import Failure, build
from ..index.contestant import Gone, started
from ..index.libraries import EF_CONSTRUCTION, M

KIND, THREADS = "Q8", 2


class Inside:
    """A vector set with indexes. It has the parts of wire.Wire that entrants need."""

    # Whether a caller waits for the network too.
    WIRE = False

    def __init__(self, work):
        self.work = work
        self.order = list(range(work.n))
        self.stack = contextlib.ExitStack()
        binary = build.cargo_build(build.TOOLS / "index", "nearhit-index")
        words = (binary, "filters", "--work", work.folder, "--dim", work.dim, "--kind", KIND, "--m", M)
        words += ("--ef-construction", EF_CONSTRUCTION, "--threads", THREADS)
        self.process = self.stack.enter_context(started(words))

    def fill(self):
        """Adds every element, and indexes all fields."""
        self.send("fill")
        for field, kind in self.work.kinds.items():
            self.send("index", field, kind)

    def replace(self):
        """Gives half of the elements the vectors and attributes of each other."""
        self.send("replace")
        self.order = self.work.replaced

    def ask(self, case, setting, seconds):
        """As wire.Wire.ask does; all that a caller waits for is inside."""
        file = self.work.folder / "filters"
        file.write_text("".join(f"{text}\n" for text in case["filters"]), encoding="utf-8")
        found = self.send("search", file, setting.ef, seconds)
        found["found"] = [[self.order[element] for element in answer] for answer in found["found"]]
        return {**found, "inside": found["rate"]}

    def send(self, *words):
        """The reply to one request."""
        try:
            return self.process.ask(*words)
        except Gone as reason:
            raise Failure(f"nearhit-index: {reason}") from reason

    def close(self):
        """Ends the process."""
        self.stack.close()
