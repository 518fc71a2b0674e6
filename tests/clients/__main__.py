"""Runs nearhit, or any server at --port, against the clients that people use.

    python3 tests/clients                        builds nearhit and starts it on a free port
    python3 tests/clients --binary PATH          starts this one
    python3 tests/clients --port 6379            a server that runs already: its data is flushed!
    python3 tests/clients --only redis-py-8      one of the clients below

Needs Python 3.11 and, the first time, PyPI and npm: each redis-py is installed into a folder of its own,
tools/.venv-…, and node-redis into tests/clients/node_modules. A redis-cli or Node that is not there is skipped, and
said so.
"""

import argparse
import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent
PEERS = Path(os.environ.get("NEARHIT_PEERS", "/tmp/peers"))

# redis-py: name → what pip is asked for.
LIBRARIES = {"redis-py-6": "redis==6.4.*", "redis-py-8": "redis>=8,<9"}
# The others: name → the program without which they are skipped.
PROGRAMS = {"node-redis": "npm", "redis-cli": "redis-cli", "redis8-cli": str(PEERS / "bin" / "redis8-cli")}
# How long a server may take to listen.
START_S = 30


def main():
    args = parse()
    with server(args) as port:
        outcomes = [run(client, port) for client in args.only]
    passed, failed, skipped = (sum(column) for column in zip(*outcomes, strict=True))
    print(f"clients: {passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


def parse():
    clients = [*LIBRARIES, *PROGRAMS]
    parser = argparse.ArgumentParser(
        prog="tests/clients", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--binary", type=Path, help="the nearhit to start")
    which.add_argument("--port", type=int, help="where a server listens already")
    parser.add_argument("--only", nargs="+", choices=clients, default=clients, metavar="CLIENT", help="of %(choices)s")
    return parser.parse_args()


@contextlib.contextmanager
def server(args):
    """The port of a server, which ends with the block if it was started here."""
    if args.port:
        yield args.port
        return
    binary, port = args.binary or build(), free_port()
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


def build():
    subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=TOP, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", TOP / "target")) / "release" / "nearhit"


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


def run(client, port):
    """Runs the tests of one client: how many passed, failed, and were skipped."""
    program = shutil.which(PROGRAMS.get(client, sys.executable))
    if not program:
        print(f"SKIP {client}: there is no {PROGRAMS[client]}")
        return 0, 0, 1
    environment = os.environ | {"NEARHIT_PORT": str(port), "NEARHIT_CLI": program}
    count = counts
    if client in LIBRARIES:
        command = [installed(client), "-W", "error::ResourceWarning", HERE / "test_redis_py.py"]
    elif client == "node-redis":
        install_node_redis()
        command, count = ["node", "--test", "--test-reporter=tap", HERE / "test_node_redis.mjs"], counts_of_node
    else:
        command = [sys.executable, HERE / "test_redis_cli.py"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace", check=False)
    passed, failed, skipped = count(ended)
    if failed:
        print(ended.stdout, ended.stderr, sep="\n")
    print(f"{client}: {passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return passed, failed, skipped


def counts(ended):
    """From unittest's closing lines; a run that did not come to them has failed."""
    ran = re.search(r"^Ran (\d+) tests? in", ended.stderr, re.MULTILINE)
    if not ran:
        return 0, 1, 0
    closing = ended.stderr.rsplit("\n\n", 1)[-1]
    numbers = {name: int(n) for name, n in re.findall(r"(failures|errors|skipped)=(\d+)", closing)}
    skipped = numbers.get("skipped", 0)
    failed = numbers.get("failures", 0) + numbers.get("errors", 0)
    if ended.returncode and not failed:
        failed = 1
    return max(0, int(ran[1]) - failed - skipped), failed, skipped


def counts_of_node(ended):
    """From the closing lines of TAP."""
    closing = re.findall(r"^# (pass|fail|cancelled|skipped) (\d+)", ended.stdout, re.MULTILINE)
    numbers = {name: int(n) for name, n in closing}
    passed, skipped = numbers.get("pass", 0), numbers.get("skipped", 0)
    failed = numbers.get("fail", 0) + numbers.get("cancelled", 0)
    if not failed and (ended.returncode or not passed):
        failed = 1
    return passed, failed, skipped


def install_node_redis():
    """As the lock file says."""
    if not (HERE / "node_modules" / "redis").exists():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=HERE, check=True)


def installed(library):
    """The Python of the library's own environment, made where it is missing."""
    folder = TOP / "tools" / f".venv-{library}"
    python = folder / "bin" / "python"
    done = folder / "installed"
    wanted = LIBRARIES[library]
    if not done.exists() or done.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", wanted], check=True)
        done.write_text(wanted)
    return python


if __name__ == "__main__":
    sys.exit(main())
