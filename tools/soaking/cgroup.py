"""A control group for the server, version 1 or 2, whose limit of memory goes down in steps and up
at once.
"""

import contextlib
import os
import pathlib
import time

V2 = pathlib.Path("/sys/fs/cgroup")
V1 = V2 / "memory"
# Parts of the highest limit. Each step leaves more than the server may have over its own limit,
# which is four fifths.
STEPS = (1, 0.94, 0.88, 0.83, 0.78, 0.73, 0.69, 0.65)
STEP_S = 6


class Group:
    """A group that was made."""

    def __init__(self, folder, limit, usage):
        self.folder, self.limit, self.usage = folder, folder / limit, folder / usage

    def enter(self, argv):
        """The command line that runs a program within the group."""
        return ("/bin/sh", "-c", f'echo $$ > {self.folder}/cgroup.procs && exec "$0" "$@"', *argv)

    def set_limit(self, bytes_):
        """Raises OSError where the group uses more and cannot be made to use less (version 1)."""
        self.limit.write_text(str(bytes_), encoding="ascii")

    def killed(self):
        """How many of its processes the kernel has killed for want of memory."""
        for name in ("memory.events", "memory.oom_control"):
            if (self.folder / name).exists():
                pairs = (line.split() for line in (self.folder / name).read_text().splitlines())
                return next((int(pair[1]) for pair in pairs if pair[0] == "oom_kill"), 0)
        return 0


@contextlib.contextmanager
def group(bytes_):
    """A group with that limit, for the time of a `with` block; None where none can be made."""
    made = None
    for top, limit, usage in ((V2, "memory.max", "memory.current"), (V1, "memory.limit_in_bytes", "memory.usage_in_bytes")):
        folder = top / f"nearhit-soak-{os.getpid()}"
        try:
            folder.mkdir()
        except OSError:
            continue
        if (folder / limit).exists():
            made = Group(folder, limit, usage)
            break
        folder.rmdir()
    if made:
        made.set_limit(bytes_)
    try:
        yield made
    finally:
        if made:
            remove(made.folder)


def remove(folder):
    """As soon as its last process has ended."""
    for _ in range(100):
        try:
            folder.rmdir()
            return
        except OSError:
            time.sleep(0.1)


class Moves:
    """The limit over time."""

    def __init__(self, group_, highest):
        self.group, self.highest = group_, highest
        self.step, self.next, self.refused = 0, time.monotonic() + STEP_S, 0

    def tick(self):
        """Moves the limit if it is time."""
        if time.monotonic() < self.next:
            return
        self.next += STEP_S
        self.step = (self.step + 1) % len(STEPS)
        try:
            self.group.set_limit(int(self.highest * STEPS[self.step]))
        except OSError:
            # Version 1 refuses a limit below what is used: then the server was too slow to follow
            # the one before.
            self.refused += 1
