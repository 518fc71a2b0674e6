"""Starting, restarting and stopping the two servers that are compared.

Knows how each server is started, and nothing of what is sent to it.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time

import wire

START_S = 30.0
EXIT_S = 5.0
PORTS = 5
"""Tries, as a port that was free may be taken before the server listens to it."""

USUAL_FLAGS = ["--save", "", "--enable-debug-command", "yes"]


def nearhit_flags(options):
    """How nearhit is started beside the peer that was chosen."""
    return [*USUAL_FLAGS, *options.against.nearhit_flags]


class Given:
    """A server that runs already; it cannot be restarted, nor started with other flags."""

    owned = False

    def __init__(self, name, address):
        self.name, self.address = name, address

    def has_exited(self):
        return False

    def restart(self):
        pass

    def stop(self):
        pass


class Started:
    """A server process of our own, in a folder of its own, on a free loopback port."""

    owned = True

    def __init__(self, name, binary, flags, extra=(), files=None):
        """`files` is a folder whose content the server is started on."""
        self.name, self.binary, self.files = name, binary, files
        self.flags = [*flags, *extra]
        self.process = None
        self.restart()

    def restart(self):
        """Starts the server with the data that it is given, or empty, ending the one that ran before."""
        for left in reversed(range(PORTS)):
            self.stop()
            self._launch()
            if self._becomes_ready():
                return
            with open(self.log_path, "rb") as log:
                tail = log.read()[-2000:].decode(errors="replace")
            if not left or "in use" not in tail:
                raise RuntimeError(f"{self.name} does not start: {' '.join(self.flags)}\n{tail}")

    def _launch(self):
        self.folder = tempfile.mkdtemp(prefix="compare-")
        if self.files:
            shutil.copytree(self.files, self.folder, dirs_exist_ok=True)
        self.address = ("127.0.0.1", free_port())
        self.log_path = os.path.join(self.folder, "log")
        command = [self.binary, "--port", str(self.address[1]), *self.flags]
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def stop(self):
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def has_exited(self):
        """True if the process ends by itself within a moment."""
        try:
            self.process.wait(EXIT_S)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _becomes_ready(self):
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.process.poll() is None:
            if answers(self.address):
                return True
            time.sleep(0.02)
        return False


def answers(address):
    """True if a server at this address answers a PING, be it with an error."""
    try:
        connection = wire.Connection(address)
    except OSError:
        return False
    replies = connection.exchange([wire.encode([b"PING"])], 1, silence_s=1.0)
    connection.close()
    return bool(replies)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Servers:
    """The peer and nearhit, side by side."""

    def __init__(self, peer, ours, own=()):
        """`own` are the deliberate differences from this peer alone."""
        self.peer, self.ours, self.own = peer, ours, own
        self.generation = 0
        """Grows with every restart, so that connections can be seen to be old."""

    @classmethod
    def start(cls, options, extra=()):
        """Starts both (or takes the running ones), with further flags for both."""
        if options.nearhit and options.peer:
            return cls(Given("peer", options.peer), Given("nearhit", options.nearhit), options.against.differences)
        peer = Started("peer", options.peer_binary, USUAL_FLAGS, extra)
        if options.peer_twice:
            return cls(peer, Started("second peer", options.peer_binary, USUAL_FLAGS, extra))
        ours = Started("nearhit", options.nearhit_binary, nearhit_flags(options), extra)
        return cls(peer, ours, options.against.differences)

    @property
    def owned(self):
        return self.peer.owned and self.ours.owned

    def restart(self):
        self.generation += 1
        self.peer.restart()
        self.ours.restart()

    def stop(self):
        self.peer.stop()
        self.ours.stop()

    def __iter__(self):
        return iter((self.peer, self.ours))
