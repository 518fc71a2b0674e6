"""Differential test: the same bytes to Redis (or Valkey) and to nearhit, the replies compared.

    tools/compare [--against PEER] [--only PART] [--seed N] [--count N] [--verbose] [--nearhit HOST:PORT --peer HOST:PORT]
"""

import argparse
import os
import signal
import sys
import time
import traceback

import acl
import example_files
import events
import filters
import generated
import interop
import metadata
import newer
import protocol
import pubsub
import records
import scores
import self_test
import tracking
import watch
from pair import Broken
from peers import PEERS
from report import Finding, Report
from servers import Servers

PARTS = {
    "acl": acl.run,
    "events": events.run,
    "examples": example_files.run,
    "filters": filters.run,
    "generated": generated.run,
    "interop": interop.run,
    "metadata": metadata.run,
    "newer": newer.run,
    "protocol": protocol.run,
    "pubsub": pubsub.run,
    "records": records.run,
    "scores": scores.run,
    "tracking": tracking.run,
    "watch": watch.run,
}


def address(text):
    host, _, port = text.rpartition(":")
    return host or "127.0.0.1", int(port)


def arguments(words):
    parser = argparse.ArgumentParser(prog="tools/compare", description=__doc__.split("\n")[0])
    parser.add_argument("--against", choices=PEERS, default="redis8", help="the peer (default redis8, which is Redis 8.6)")
    parser.add_argument("--only", action="append", choices=PARTS, help="only this part (may be repeated)")
    parser.add_argument("--seed", type=int, default=1, help="of the generated commands and vectors (default 1)")
    parser.add_argument("--count", type=int, default=60_000, help="how many commands to generate (default 60000)")
    parser.add_argument("--verbose", action="store_true", help="each difference as it is found, deliberate ones too")
    parser.add_argument("--nearhit", type=address, metavar="HOST:PORT", help="a nearhit that runs already")
    parser.add_argument("--peer", type=address, metavar="HOST:PORT", help="a peer that runs already")
    parser.add_argument("--nearhit-binary", help="start this nearhit")
    parser.add_argument("--peer-binary", help="start this peer instead of that of --peers")
    parser.add_argument("--peers", default="/tmp/peers", metavar="FOLDER", help="where tools/peers has installed them")
    parser.add_argument("--save", metavar="FOLDER", help="write each finding there, to be sent again")
    parser.add_argument("--replay", metavar="FILE", help="send the commands of a file like those in examples/ instead")
    parser.add_argument("--peer-twice", action="store_true", help="the peer in both places, to test the test")
    parser.add_argument("--self-test", action="store_true", help="test the test: its own parts, and that it can fail")
    options = parser.parse_args(words)
    options.against = PEERS[options.against]
    options.peer_binary = options.peer_binary or options.against.binary(options.peers)
    for binary in ("nearhit_binary", "peer_binary"):
        if getattr(options, binary):
            setattr(options, binary, os.path.abspath(getattr(options, binary)))
    if bool(options.nearhit) != bool(options.peer):
        parser.error("--nearhit and --peer go together")
    return options


def replay(servers, report, options):
    """Sends a file of commands, such as `--save` writes."""
    example_files.run_file(options.replay, servers, report)


def run_part(name, part, options):
    """Runs one part on servers of its own and prints its report."""
    started = time.monotonic()
    report, servers = Report(name, verbose=options.verbose), None
    try:
        servers = Servers.start(options)
        report.ours_name = servers.ours.name
        part(servers, report, options)
    except Broken as broken:
        report.note(f"given up: {broken}")
    except Exception:  # so that the other parts are run, and the sum tells of this one
        traceback.print_exc(file=sys.stdout)
        report.differs(Finding([b"(the part itself)"], b"", b"", 2, [], traceback.format_exc(limit=-1)))
    finally:
        if servers:
            servers.stop()
    report.note(f"{time.monotonic() - started:.0f} s")
    report.print()
    if options.save:
        report.save(options.save)
    sys.stdout.flush()
    return report


def chosen(options):
    """The parts that are run: those that are asked for, or all that have a meaning with this peer."""
    return options.only or [name for name in PARTS if options.against.has(name)]


def main(words):
    options = arguments(words)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped
    if options.self_test:
        return self_test.run(options)
    parts = {"replay": replay} if options.replay else {name: PARTS[name] for name in chosen(options)}
    print(f"with {options.against.title}")
    reports = [run_part(name, part, options) for name, part in parts.items()]
    failed = sum(len(report.findings) for report in reports)
    print(f"{sum(report.passed for report in reports)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
