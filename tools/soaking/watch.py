"""The watch: samples what memory the server has and what limit it holds, and remembers the worst.
"""

import os
import pathlib
import threading
import time

from benchmarks import resp

PERIOD_S = 0.02
# How long the server may take to come under a limit that was lowered.
FOLLOW_S = 5
PAGE = os.sysconf("SC_PAGE_SIZE")


def resident(pid, without_files=False):
    """Bytes of a process in memory; without those of mapped files, which the system takes back as others need them."""
    pages = [int(field) for field in pathlib.Path(f"/proc/{pid}/statm").read_text().split()]
    return (pages[1] - (pages[2] if without_files else 0)) * PAGE


class Watch:
    """A thread for the time of a `with` block."""

    def __init__(self, pid, port, without_files=False):
        self.pid, self.port, self.without_files = pid, port, without_files
        self.most, self.worst, self.samples = 0, 0.0, 0
        # (when, bytes) of each limit seen in the last FOLLOW_S seconds.
        self.limits = []
        self.gone = False
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.loop, daemon=True)

    def __enter__(self):
        self.client = resp.Client(self.port)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()

    def loop(self):
        """Until stopped, or until the server is gone."""
        try:
            while not self.stopped.wait(PERIOD_S):
                if self.samples % 10 == 0:
                    self.note_limit()
                self.sample()
        except (OSError, ConnectionError, IndexError):
            self.gone = not self.stopped.is_set()

    def note_limit(self):
        """The limit in force; those that are long past are forgotten."""
        now = time.monotonic()
        limit = int(self.client.ask("CONFIG", "GET", "maxmemory")[1])
        recent = [(at, bytes_) for at, bytes_ in self.limits if at > now - FOLLOW_S]
        self.limits = [*recent, (now, limit)]

    def sample(self):
        """One look at the server's memory."""
        now = resident(self.pid, self.without_files)
        self.samples += 1
        self.most = max(self.most, now)
        if limit := max(bytes_ for _, bytes_ in self.limits):
            self.worst = max(self.worst, now / limit)

    def take(self):
        """The most bytes, and the most as a multiple of the limit, since the last take."""
        taken = self.most, self.worst
        self.most, self.worst = 0, 0.0
        return taken
