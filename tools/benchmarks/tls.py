"""What TLS costs: GET and VSIM by redis-benchmark, over plain TCP and over TLS 1.3, and handshakes a second.

The certificate is made by openssl, with a key of ECDSA (P-256). The servers run at the same time and are asked in turn; of
each figure the median of the rounds counts. Redis' own packages here are built without TLS, so the peer is Valkey.
"""

import contextlib
import csv
import dataclasses
import io
import pathlib
import random
import socket
import ssl
import statistics
import subprocess
import tempfile
import threading
import time

from . import Failure, build, resp, servers, table

HELP = "GET and VSIM with and without TLS, and new connections a second"
SERVERS = ("nearhit", "valkey")
KEYS, VALUE_BYTES = 100_000, 32
ELEMENTS, DIM = 10_000, 128
GET = ("GET", "key:__rand_int__")
VSIM = ("VSIM", "set", "ELE", "e:__rand_int__")
# Command, clients, requests in flight on each, requests in a round.
CASES = [(GET, 1, 1, 20_000), (GET, 50, 1, 100_000), (GET, 50, 16, 800_000), (VSIM, 1, 1, 5_000), (VSIM, 16, 1, 20_000)]
ROUNDS, QUICK_ROUNDS, QUICK_PART = 3, 1, 10
HANDSHAKE_SECONDS, HANDSHAKE_THREADS = 3, 2
LIMIT_S = 120


def add_arguments(parser):
    """How often."""
    parser.add_argument("--rounds", type=int, help=f"how often each is measured ({ROUNDS})")


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a server is asked: with TLS if there is an authority."""

    port: int
    authority: str = ""

    def flags(self):
        """Those of redis-benchmark."""
        return ["-p", self.port, *(["--tls", "--cacert", self.authority] if self.authority else [])]


def run(args, programs):
    """Measures all servers in turn."""
    benchmark = pathlib.Path(args.peers).resolve() / "bin" / "redis-benchmark"
    if not benchmark.exists():
        build.run(str(build.TOOLS / "peers"), args.peers)
    rounds = args.rounds or (QUICK_ROUNDS if args.quick else ROUNDS)
    figures = {}
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-tls-")))
        certify(folder)
        places = {}
        for name, program in programs.items():
            tls_port = servers.free_port()
            flags = ["--tls-port", str(tls_port), "--tls-auth-clients", "no", "--tls-cert-file", str(folder / "server.crt"),
                     "--tls-key-file", str(folder / "server.key"), "--tls-ca-cert-file", str(folder / "server.crt")]
            server = stack.enter_context(servers.running(program, flags))
            fill(server.port, name == "nearhit")
            places[program.title] = Place(server.port)
            places[f"{program.title}, TLS"] = Place(tls_port, str(folder / "server.crt"))
        for words, clients, depth, requests in CASES:
            requests //= QUICK_PART if args.quick else 1
            seen = {title: [] for title in places}
            for _ in range(rounds):
                for title, place in places.items():
                    if words == GET or title.startswith("nearhit"):
                        seen[title].append(ask(benchmark, place, words, clients, depth, requests))
            case = f"{words[0]}, {table.connections(clients)}" + (f", pipelines of {depth}" if depth > 1 else "")
            figures[case] = {title: statistics.median(rates) for title, rates in seen.items() if rates}
        figures["new connections, PING on each"] = {
            title: handshakes(place) for title, place in places.items() if place.authority
        }
    print(draw(places, figures))
    return figures, True


def certify(folder):
    """A certificate that signs itself, for the servers."""
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
             "-keyout", folder / "server.key", "-out", folder / "server.crt"]
    try:
        subprocess.run(words, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Failure(error) from error


def fill(port, has_vectors):
    """The keys and elements that are asked for."""
    noise = random.Random(1)
    with resp.Client(port, LIMIT_S) as client:
        for first in range(0, KEYS, 1000):
            client.accepted([resp.encoded("SET", b"key:%012d" % n, b"x" * VALUE_BYTES) for n in range(first, first + 1000)])
        for first in range(0, ELEMENTS if has_vectors else 0, 100):
            client.accepted([
                resp.encoded("VADD", "set", "VALUES", DIM, *(f"{noise.gauss(0, 1):.4f}" for _ in range(DIM)), b"e:%012d" % n)
                for n in range(first, first + 100)
            ])


def ask(benchmark, place, words, clients, depth, requests):
    """Requests a second of one run."""
    keys = ELEMENTS if words == VSIM else KEYS
    flags = [*place.flags(), "-c", clients, "-P", depth, "-n", requests, "-r", keys, "--csv", *words]
    try:
        ran = subprocess.run([str(word) for word in (benchmark, *flags)], check=True, capture_output=True, text=True,
                             timeout=LIMIT_S)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise Failure(error) from error
    return float(list(csv.DictReader(io.StringIO(ran.stdout)))[-1]["rps"])


def handshakes(place):
    """Connections a second that some threads open, use for one PING, and close; none of them resumes a session."""
    context = ssl.create_default_context(cafile=place.authority)
    ends, counts = time.monotonic() + HANDSHAKE_SECONDS, []

    def work():
        count = 0
        while time.monotonic() < ends:
            with socket.create_connection(("127.0.0.1", place.port)) as plain:
                with context.wrap_socket(plain, server_hostname="localhost") as client:
                    client.sendall(b"PING\r\n")
                    client.recv(16)
            count += 1
        counts.append(count)

    threads = [threading.Thread(target=work) for _ in range(HANDSHAKE_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / HANDSHAKE_SECONDS


def draw(places, figures):
    """One row for each case."""
    head = ["a second", *places]
    rows = [[case, *(table.number(found.get(title)) for title in places)] for case, found in figures.items()]
    return table.markdown(head, rows)
