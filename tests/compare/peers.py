"""The servers that nearhit is compared with: their programs, what is compared with each, and what is meant to differ from
one alone.

Differences from all of them are in `differences.py`.
"""

import os
from dataclasses import dataclass, field

import differences_redis810
import differences_valkey


@dataclass(frozen=True)
class Peer:
    """One server, and how nearhit is started beside it."""

    title: str
    program: str
    """Its file in the folder of `tools/peers`."""
    compat: str
    """Like which release of Redis nearhit behaves meanwhile."""
    differences: list = field(default_factory=list)
    """Deliberate ones, besides those of `differences.py`."""
    parts: tuple = None
    """The parts that are run; `None` for all."""
    examples: tuple = None
    """The files that are sent of those in `examples/`; `None` for all that are not in a folder of it."""

    common_only: bool = False
    """True if commands that only one of the two knows are left out. Of Redis there must be none without a reason."""

    def binary(self, folder):
        """Where `tools/peers` has installed it."""
        return os.path.join(folder, "bin", self.program)

    def has(self, part):
        """True if this part is run."""
        return self.parts is None or part in self.parts

    @property
    def nearhit_flags(self):
        return ["--compat", self.compat]


PEERS = {
    "redis8": Peer("Redis 8.6.2", "redis8-server", "8.6"),
    "redis810": Peer("Redis 8.10.2", "redis810-server", "8.10", differences_redis810.DIFFERENCES),
    "valkey9": Peer(
        "Valkey 9.1.2",
        "valkey9-server",
        "8.10",
        differences_valkey.DIFFERENCES,
        common_only=True,
        parts=("acl", "examples", "generated", "metadata", "watch"),
        examples=("connection.txt", "hashes.txt", "keys.txt", "strings.txt", "transactions.txt", "valkey/delifeq.txt"),
    ),
}
"""By the names that `--against` takes. Of Valkey only what it has in common with Redis is compared: strings, hashes, keys and
connections. Its vector sets are a module's with commands of their own, and its files are not Redis' since 7.2."""
