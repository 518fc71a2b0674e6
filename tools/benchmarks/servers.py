"""One server, started on a free loopback port in a folder of its own, and stopped whatever happens."""

import contextlib
import ctypes
import dataclasses
import pathlib
import signal
import socket
import subprocess
import tempfile
import time

from . import Failure

START_S = 20
STOP_S = 10
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


@dataclasses.dataclass(frozen=True)
class Program:
    """A server that can be started: the title it has in tables, and its command line without the port."""

    title: str
    argv: tuple


@dataclasses.dataclass(frozen=True)
class Running:
    """A server that answers."""

    port: int
    pid: int


def free_port():
    """A free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def die_with_parent():
    """In the child: be killed when the parent ends, even if that is killed itself."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def answers(port):
    """Does a server answer PING?"""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as client:
            client.sendall(b"PING\r\n")
            return client.recv(64).startswith(b"+PONG")
    except OSError:
        return False


def wait_until_ready(process, port, log, limit_s=START_S):
    """Returns when the server answers; raises with the end of its log where it does not."""
    deadline = time.monotonic() + limit_s
    while not answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise Failure(f"{process.args[0]} does not answer: {log.read_text(errors='replace')[-500:].strip()}")
        time.sleep(0.05)


def stop(process):
    """Asks the process to end, and ends it if it does not."""
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def running(program, flags=(), within=None):
    """Starts a server for the time of a `with` block, in a new folder, within another if that is said."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=within) as folder:
        with running_in(folder, program, flags) as server:
            yield server


@contextlib.contextmanager
def running_in(folder, program, flags=(), limit_s=START_S):
    """Starts a server on what lies in a folder, for the time of a `with` block."""
    port, log = free_port(), pathlib.Path(folder) / "log"
    with log.open("wb") as out:
        process = subprocess.Popen([*program.argv, *flags, "--port", str(port)], cwd=folder, stdin=subprocess.DEVNULL,
                                   stdout=out, stderr=out, preexec_fn=die_with_parent)
    try:
        wait_until_ready(process, port, log, limit_s)
        yield Running(port, process.pid)
    finally:
        stop(process)
