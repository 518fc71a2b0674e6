"""Processes that work beside a measurement, forked: each ends with the `with` block that it was
started in.
"""

import contextlib
import multiprocessing
import os
import time

from .. import resp
from ..servers import die_with_parent

FORK = multiprocessing.get_context("fork")


@contextlib.contextmanager
def running(work, *args, nice=0):
    """Runs work(stop, *args) in a process, until the block ends; yields a list that holds what it
    returned, from then on.
    """
    stop = FORK.Event()
    ours, theirs = FORK.Pipe(duplex=False)
    found = []

    def body():
        die_with_parent()
        os.nice(nice)
        theirs.send(work(stop, *args))

    process = FORK.Process(target=body, daemon=True)
    process.start()
    theirs.close()
    try:
        yield found
    finally:
        stop.set()
        with contextlib.suppress(EOFError):
            found.append(ours.recv())
        process.join()


def longest_ping_ms(stop, port):
    """The longest wait of one PING after another."""
    longest, ping = 0.0, resp.encoded("PING")
    with resp.Client(port) as client:
        while not stop.is_set():
            began = time.perf_counter()
            client.one(ping)
            longest = max(longest, time.perf_counter() - began)
    return longest * 1e3
