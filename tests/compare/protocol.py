"""`protocol.txt`: raw bytes, well-formed or not, each on a connection of its own.

Compared are all bytes that come back, and whether the connection is still of use afterwards: a sentinel is sent behind the
bytes, which is answered, swallowed as part of an unfinished command, or never read because the server hung up.
"""

import itertools
import os
from concurrent.futures import ThreadPoolExecutor

import notation
import wire
from differences import explain, explain_raw
from report import RAW, Finding
from rules import equal
from servers import Servers

PATH = os.path.join(os.path.dirname(__file__), "protocol.txt")
SENTINEL = b"-- end of case --"
SILENCE_S = 0.4
"""A server that answered nothing for so long is waiting for the rest of a command."""


def run(servers, report, options):
    for title, lines in notation.sections(PATH).items():
        flags = title_flags(title)
        if not flags:
            _run_section(servers, report, lines)
        elif servers.owned:
            own = Servers.start(options, flags)
            try:
                _run_section(own, report, lines)
            finally:
                own.stop()
        else:
            report.note(f"left out, since it needs servers with other flags: {title}")


def title_flags(title):
    """`name key=value …` as flags for both servers."""
    pairs = [word.split("=") for word in title.split() if "=" in word]
    return list(itertools.chain.from_iterable((f"--{key}", value) for key, value in pairs))


def _run_section(servers, report, lines):
    for line in lines:
        packets, commands = parse_case(line)
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda server: converse(server.address, packets), servers))
        _compare(servers.own, report, line, packets, commands, *answers)
        if servers.owned and any(not alive(server) for server in servers):
            report.differs(Finding([RAW, line.encode()], b"", b"", 2, note="a server is gone"))
            servers.restart()


def alive(server):
    return server.process.poll() is None


def parse_case(line):
    """A line as packets, and its commands if it is made of nothing else (else None)."""
    packets, commands = [], []
    for packet in notation.expand(line).split(" ~ "):
        data, at = b"", 0
        for match in notation.PIECE.finditer(packet):
            if packet[at : match.start()]:
                commands = None
            data += notation.unescape(packet[at : match.start()])
            words = notation.words(match.group(1))
            data += wire.encode(words)
            commands = commands if commands is None else [*commands, words]
            at = match.end()
        if packet[at:]:
            commands = None
        packets.append(data + notation.unescape(packet[at:]))
    return packets, commands


def converse(address, packets):
    """Sends a case and the sentinel: the bytes that came back, and what became of the connection."""
    connection = wire.Connection(address)
    pieces = [*packets[:-1], packets[-1] + wire.encode([b"ECHO", SENTINEL])]
    answer = connection.converse(pieces, b"$%d\r\n%s\r\n" % (len(SENTINEL), SENTINEL), SILENCE_S)
    data, found, _ = answer.partition(b"$%d\r\n%s\r\n" % (len(SENTINEL), SENTINEL))
    ending = "open" if found else "closed" if connection.closed else "waiting"
    connection.close()
    return data, ending


def _compare(own, report, line, packets, commands, peer, ours):
    note = "" if peer[1] == ours[1] else f"connection: peer {peer[1]}, {report.ours_name} {ours[1]}"
    if not note and (peer[0] == ours[0] or _equal_replies(commands, peer[0], ours[0])):
        return report.same()
    if commands and len(commands) == 1 and not note:
        replies = [wire.parse_all(data)[0] for data in (peer[0], ours[0])]
        difference = all(replies) and explain(commands[0], replies[0][0], replies[1][0], [], own=own)
        if difference:
            return report.meant(difference.id, commands[0], peer[0], ours[0])
    difference = explain_raw(b"".join(packets), peer, ours, own)
    if difference:
        return report.meant(difference, [RAW, line.encode()], peer[0], ours[0])
    return report.differs(Finding([RAW, line.encode()], peer[0], ours[0], 2, note=note))


def _equal_replies(commands, peer, ours):
    if not commands:
        return False
    try:
        (peer, peer_rest), (ours, ours_rest) = wire.parse_all(peer), wire.parse_all(ours)
    except wire.Malformed:
        return False
    if peer_rest or ours_rest or not len(peer) == len(ours) == len(commands):
        return False
    return all(equal(args, a, b) for args, a, b in zip(commands, peer, ours))
