"""Until when each element may be seen, in memory that the writers and the searcher share.

Each element belongs to one writer. Before a writer sends what may prolong an element's life it
enters the longest life that may come of it; once the reply is there, it enters what came of it. So
no entry is ever too early, and an element in the reply to a request that was sent after its entry
is an error of the server. All times are milliseconds of this machine's clock.
"""

import time
from multiprocessing.sharedctypes import RawArray

FOR_EVER = 1 << 62
# Elements of each writer; their names are used again and again.
ELEMENTS = 200_000
# How long a request may be under way.
SLACK_MS = 60_000


def now():
    """Milliseconds since 1970, as the server counts them."""
    return time.time_ns() // 1_000_000


class Ledger:
    """The entries of all writers."""

    def __init__(self, writers):
        self.until = RawArray("q", writers * ELEMENTS)

    def at(self, writer, number):
        """Where an element's entry is."""
        return writer * ELEMENTS + number

    def at_name(self, name):
        """Where the entry of the element of that name is."""
        writer, number = name[1:].split(b":")
        return int(writer) * ELEMENTS + int(number)

    def may_become(self, at, until):
        """Before the request."""
        self.until[at] = max(self.until[at], until)

    def became(self, at, until):
        """After the reply."""
        self.until[at] = until

    def dead(self, name, sent):
        """Milliseconds since which an element that was asked for at a time must not be seen, or 0.
        """
        return max(0, sent - self.until[self.at_name(name)])


def name(writer, number):
    """An element's name."""
    return b"w%d:%d" % (writer, number)
