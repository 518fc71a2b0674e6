"""What clients that do not read cost: resident memory while they stay, and how long after they left it is given back.
And what replies cost: requests answered for each second of the server's CPU, which other work on the machine blurs less
than requests a second."""

import os
import pathlib
import socket
import statistics
import time

from . import resp, servers, table

HELP = "resident memory of clients that do not read, and CPU time of GET by length of the value"
CLIENTS = 4
HOLD_S, GIVE_BACK_S = 3, 30
# Bytes of a value, requests in flight, requests in a round.
SHAPES = [(32, 64, 1_000_000), (10_000, 16, 100_000), (1 << 20, 8, 2_000)]
ROUNDS, QUICK_ROUNDS = 7, 1
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def add_arguments(_parser):
    """Nothing of its own."""


def run(args, programs):
    """Measures the servers in turn, round by round."""
    rounds = QUICK_ROUNDS if args.quick else ROUNDS
    figures = {name: {} for name in programs}
    for name, program in programs.items():
        with servers.running(program) as server:
            prepare(server)
            for title, hold in SCENES.items():
                figures[name].update({f"{title}/{key}": value for key, value in scene(server, hold).items()})
    for shape in SHAPES:
        found = {name: [] for name in programs}
        for _ in range(rounds):
            for name, program in programs.items():
                with servers.running(program) as server:
                    prepare(server)
                    found[name].append(rate(server, *shape))
        for name, rates in found.items():
            figures[name][f"GET of {shape[0]} B/per CPU second"] = statistics.median(rates)
    print(draw(programs, figures))
    return figures, True


def draw(programs, figures):
    """One row for each figure, one column for each server."""
    keys = list(next(iter(figures.values())))
    rows = [[key, *(table.number(figures[name][key]) for name in programs)] for key in keys]
    return table.markdown(["what", *(program.title for program in programs.values())], rows)


def connect(server):
    """A connection."""
    return socket.create_connection(("127.0.0.1", server.port), timeout=60)


def read(client, count):
    """So many bytes are read and forgotten."""
    buffer = bytearray(1 << 20)
    while count > 0:
        count -= client.recv_into(buffer, min(count, len(buffer)))


def prepare(server):
    """A value of each length."""
    with connect(server) as client:
        for length, _, _ in SHAPES:
            client.sendall(resp.encoded("SET", length, b"x" * length))
            read(client, len(b"+OK\r\n"))


def resident(server):
    """Megabytes."""
    for line in pathlib.Path(f"/proc/{server.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0


def pipelines(length, count):
    """Clients that send as many GETs as the sockets take, and read nothing."""

    def hold(server):
        clients = [connect(server) for _ in range(CLIENTS)]
        for client in clients:
            client.setblocking(False)
            client.send(resp.encoded("GET", length) * count)
        return clients

    return hold


def monitors(server):
    """Monitors that read nothing, and 25 MB of lines for each."""
    clients = [connect(server) for _ in range(CLIENTS)]
    for client in clients:
        client.sendall(resp.encoded("MONITOR"))
        read(client, len(b"+OK\r\n"))
    text = b"x" * 1000
    with connect(server) as other:
        for _ in range(500):
            other.sendall(resp.encoded("ECHO", text) * 50)
            read(other, 50 * len(b"$1000\r\n%s\r\n" % text))
    return clients


SCENES = {
    "GET of 1 MB, not read": pipelines(1 << 20, 2000),
    "GET of 10 KB, not read": pipelines(10_000, 20_000),
    "MONITOR, not read": monitors,
}


def scene(server, hold):
    """Memory for each client, and seconds until it is given back: as many as were waited where it is not."""
    before = resident(server)
    clients = hold(server)
    time.sleep(HOLD_S)
    held = resident(server) - before
    for client in clients:
        client.close()
    left = time.monotonic()
    while resident(server) > before + 5 and time.monotonic() < left + GIVE_BACK_S:
        time.sleep(0.02)
    return {"MB each": held / CLIENTS, "s to give back": time.monotonic() - left}


def cpu_seconds(server):
    """Of all threads of the server."""
    fields = pathlib.Path(f"/proc/{server.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def rate(server, length, depth, requests):
    """GETs for each second of CPU."""
    reply = len(b"$%d\r\n" % length) + length + 2
    before = cpu_seconds(server)
    with connect(server) as client:
        for _ in range(requests // depth):
            client.sendall(resp.encoded("GET", length) * depth)
            read(client, depth * reply)
    return requests // depth * depth / max(cpu_seconds(server) - before, 1 / TICKS_A_SECOND)
