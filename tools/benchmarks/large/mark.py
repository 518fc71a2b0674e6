"""The mark in a snapshot that says a vector set is warm, taken away: so the set can be demoted."""

import os

from .. import Failure

# As src/persistence/rdb/vector_set/own.rs draws the head of a set: a number of the module's kind,
# and the flags as a length of fourteen bits, which may be more than it needs.
UINT, FOURTEEN, WARM = 2, 0x40, 512
METRIC = b"COSINE"
HEAD_BYTES, CHECKSUM_BYTES = 4096, 8


def take_away(path):
    """Changes the first set of a snapshot. Its checksum becomes 0, which says that there is none."""
    with open(path, "r+b") as file:
        head = file.read(HEAD_BYTES)
        at = head.find(METRIC) + len(METRIC)
        # M and EF are before the flags.
        for _ in range(2):
            at = behind(head, at)
        flags = (head[at + 1] & 0x3F) << 8 | head[at + 2]
        if head[at] != UINT or head[at + 1] & 0xC0 != FOURTEEN or not flags & WARM:
            raise Failure(f"{path} does not begin with a warm set")
        flags &= ~WARM
        file.seek(at + 1)
        file.write(bytes([FOURTEEN | flags >> 8, flags & 0xFF]))
        file.seek(-CHECKSUM_BYTES, os.SEEK_END)
        file.write(bytes(CHECKSUM_BYTES))


def behind(head, at):
    """Where a number ends that begins here."""
    if head[at] != UINT:
        raise Failure("a snapshot of another form")
    return at + (3 if head[at + 1] & 0xC0 == FOURTEEN else 2)
