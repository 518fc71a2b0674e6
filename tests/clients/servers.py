"""A server on a free port, for the tests of one client."""

import contextlib
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# How long a server may take to listen.
START_S = 30


@contextlib.contextmanager
def serving(binary):
    """The port of a server that ends with the block."""
    port = free_port()
    # Its own folder, so that a server which saves on exit leaves nothing behind.
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with log.open("wb") as out:
            started = subprocess.Popen([binary.resolve(), "--port", str(port)], cwd=folder, stdout=out, stderr=out)
        try:
            wait_until_it_listens(started, port, log)
            yield port
        finally:
            started.terminate()
            started.wait()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until_it_listens(started, port, log):
    """There is no event to wait for that every server would send."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and started.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    sys.exit(f"the server did not start:\n{log.read_text()}")
