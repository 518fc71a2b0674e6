"""Runs nearhit, or any server at --port, against the clients and frameworks that people use.

    python3 tests/clients                        builds nearhit and starts it on free ports
    python3 tests/clients --binary PATH          starts this one
    python3 tests/clients --port 6379            a server that runs already: its data is flushed!
    python3 tests/clients --only redis-py-8      one of the clients below

Needs Python 3.11 and, the first time, PyPI, npm and crates.io: everything is installed into tests/clients/installed
and tests/clients/node_modules, which git ignores. What cannot be had is skipped, and said so.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

from clients import CLIENTS, prepared
from counting import Counts, checked, sums
from installing import HERE, Missing
from servers import serving

# No client takes a fraction of this; it ends one that waits for a reply which never comes.
PATIENCE_S = 300


def main():
    args = parse()
    binary = None if args.port else args.binary or build()
    outcomes = [tested(client, binary, args.port) for client in args.only]
    total = sums(outcomes)
    print(f"clients: {total}")
    return 1 if total.failed else 0


def parse():
    parser = argparse.ArgumentParser(
        prog="tests/clients", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--binary", type=Path, help="the nearhit to start")
    which.add_argument("--port", type=int, help="where a server listens already")
    names = [*CLIENTS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="CLIENT", help="of %(choices)s")
    return parser.parse_args()


def build():
    top = HERE.parent.parent
    subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=top, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", top / "target")) / "release" / "nearhit"


def tested(client, binary, port):
    """Runs the tests of one client, against a server of its own if one can be started."""
    try:
        run = prepared(client)
    except Missing as missing:
        print(f"SKIP {client}: {missing}", flush=True)
        return Counts(skipped=1)
    began = time.monotonic()
    with contextlib.nullcontext(port) if port else serving(binary) as where:
        ended = outcome_of(run, where)
    counts = checked(run.count(ended), ended)
    if counts.failed:
        print(ended.stdout, ended.stderr, sep="\n")
    print(f"{client}: {counts} ({time.monotonic() - began:.1f} s)", flush=True)
    return counts


def outcome_of(run, port):
    environment = os.environ | {"NEARHIT_PORT": str(port)} | run.environment
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    started = subprocess.Popen(run.command, cwd=run.folder, env=environment, text=True, errors="replace", **pipes)
    try:
        out, errors = started.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        started.kill()
        out, errors = started.communicate()
        errors += f"\nended after {PATIENCE_S} s"
    return subprocess.CompletedProcess(run.command, started.returncode, out, errors)


if __name__ == "__main__":
    sys.exit(main())
