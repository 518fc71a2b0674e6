"""What the tests of redis-cli and redis-benchmark share: running a program to its end, or at a terminal."""

import os
import pty
import select
import subprocess
import time

PORT = os.environ["NEARHIT_PORT"]
# No program takes a fraction of this; it ends one that waits for a reply which never comes.
PATIENCE_S = 60
# More than any reply of a session is long.
CHUNK = 65536


def run(program, *words, given=b""):
    """What a program prints, with its complaints if it prints nothing or fails, and how it ends."""
    command = [program, "-p", PORT, *words]
    ended = subprocess.run(command, input=given, capture_output=True, timeout=PATIENCE_S, check=False)
    complaints = ended.stderr if ended.returncode or not ended.stdout else b""
    return (ended.stdout + complaints).decode().rstrip("\n"), ended.returncode


class Terminal:
    """A program at a terminal that cannot move its cursor, as a context."""

    def __init__(self, program, *words):
        self.command = [program, "-p", PORT, *words]
        self.shown = ""

    def __enter__(self):
        ours, theirs = pty.openpty()
        environment = os.environ | {"TERM": "dumb", "REDISCLI_HISTFILE": os.devnull}
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), theirs)
        self.program = subprocess.Popen(self.command, env=environment, start_new_session=True, **streams)
        os.close(theirs)
        self.terminal = ours
        return self

    def __exit__(self, *_):
        self.program.kill()
        self.program.wait()
        os.close(self.terminal)

    def until(self, text):
        """All that is shown up to this text, which must come."""
        deadline = time.monotonic() + PATIENCE_S
        while text not in self.shown:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.terminal], [], [], left)[0]:
                raise AssertionError(f"{text!r} is not in {self.shown!r}")
            self.shown += self.read()
        before, _, self.shown = self.shown.partition(text)
        return before

    def read(self):
        try:
            return os.read(self.terminal, CHUNK).decode().replace("\r", "")
        except OSError as error:
            # The program has ended.
            raise AssertionError(f"no more comes after {self.shown!r}") from error

    def type(self, line):
        os.write(self.terminal, f"{line}\n".encode())
        self.until(f"{line}\n")
