"""An index in a process of its own: asked by a line of words, answers with a line of JSON; and the search for its EF."""

import contextlib
import json
import os
import subprocess
import tempfile
import threading

from .. import build
from ..servers import die_with_parent, stop

# For one request; a build is the longest.
LIMIT_S = 30 * 60
# The candidates that a search may keep: from, and at most. The smallest that does is found to a part in GRAIN.
LEAST_EF, MOST_EF, GRAIN = 10, 2560, 32
# Idle threads sleep, instead of waiting busily beside whoever is being measured.
ENVIRONMENT = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}


class Gone(Exception):
    """The process ended before it answered."""


class Contestant:
    """A process that has been started, and what it has told of each EF."""

    def __init__(self, process, log):
        self.process, self.log, self.told = process, log, {}

    def ask(self, *words):
        """The reply to one request; Gone with the last words on stderr where there is none."""
        timer = threading.Timer(LIMIT_S, self.process.kill)
        timer.start()
        try:
            with contextlib.suppress(BrokenPipeError):
                print(*words, file=self.process.stdin, flush=True)
            line = self.process.stdout.readline()
        finally:
            timer.cancel()
        if not line:
            raise Gone(self.last_words())
        return json.loads(line)

    def last_words(self):
        """Why it ended."""
        status = self.process.wait()
        self.log.seek(0)
        lines = self.log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"ended with status {status}"

    def search(self, ef, seconds=0):
        """Asks all queries for so long; the best of all times that this EF was asked for."""
        reply = self.ask("search", ef, seconds)
        best = max(reply["qps"], self.told.get(ef, reply)["qps"])
        self.told[ef] = {**reply, "ef": ef, "qps": best}
        return self.told[ef]

    def reaches(self, ef, recall):
        """True if that EF finds so many."""
        return (self.told.get(ef) or self.search(ef))["recall"] >= recall

    def smallest_ef(self, recall):
        """The smallest EF that reaches a recall, or None if even the largest does not."""
        missed, ef = LEAST_EF - 1, LEAST_EF
        while not self.reaches(ef, recall):
            missed, ef = ef, 2 * ef
            if ef > MOST_EF:
                return None
        while ef - missed > max(1, ef // GRAIN):
            middle = (missed + ef) // 2
            missed, ef = (missed, middle) if self.reaches(middle, recall) else (middle, ef)
        return ef

    def best_recall(self):
        """Of all that was asked."""
        return max(told["recall"] for told in self.told.values())


@contextlib.contextmanager
def started(words):
    """Starts a process for the time of a `with` block, in the folder from where Python finds its module."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(list(map(str, words)), cwd=build.TOOLS, env=ENVIRONMENT, text=True, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=log, preexec_fn=die_with_parent)
        try:
            yield Contestant(process, log)
        finally:
            stop(process)
