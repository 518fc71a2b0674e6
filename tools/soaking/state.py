"""What all processes of a run share: what they are to do now, their counters, their errors."""

import enum
import multiprocessing
from multiprocessing.sharedctypes import RawArray, RawValue

from .ledger import Ledger


class Phase(enum.IntEnum):
    """What the processes do."""

    STORM = 0  # the writers write, the searcher searches
    PAUSE = 1  # the writers stop
    QUIET = 2  # the searcher compares searches with exact ones, and then searches alone
    END = 3


class State:
    """Made before the processes are forked."""

    def __init__(self, port, sets, writers, can):
        self.port, self.sets, self.writers, self.can = port, sets, writers, can
        self.ledger = Ledger(writers)
        self.phase = RawValue("i", Phase.PAUSE)
        self.paused = RawArray("b", writers)
        # Of each writer: requests answered, bytes sent.
        self.requests = RawArray("q", writers)
        self.bytes = RawArray("q", writers)
        self.errors = multiprocessing.SimpleQueue()
        self.results, self.found = multiprocessing.Pipe(duplex=False)


def key(number):
    """The name of a vector set."""
    return b"v:%d" % number
