"""What each command leaves in the log (AOF), on both servers: the same commands, in one form. And the log of random commands,
loaded by both.

Either server may write a change down in its own words. They are made one before they are compared:

* a condition beside a time is left out, as it held, and so is `GET`;
* what is given an end in the past is removed, and if it was not there, nothing need be said of it;
* times may differ by what passes between two servers;
* several commands for one change (which Redis puts between MULTI and EXEC) are what they are without those;
* vectors are blobs, and `CAS` is left out.
"""

import glob
import os
import shutil
import struct
import tempfile
import time

import interop
import notation
import wire
from commands import name_of
from generator import Generator
from pair import Inspector, Pair, known_names
from report import Finding
from servers import Servers
from vocabulary import DATABASES

PATH = os.path.join(os.path.dirname(__file__), "records.txt")
LOG_FLAGS = ["--appendonly", "yes", "--appendfsync", "always"]
MOST_RANDOM = 20_000
STEPS = 50
"""So many go in one pipeline: they wait for the disk together."""
MUTE_S = 2.0
"""Some commands are not answered."""
MS = 1e-3
SOON_MS = 2000
TRANSACTION = (b"MULTI", b"EXEC", b"DISCARD")
GET = {b"GET": 1}
"""Options, and how many words each takes."""
ENDS = {b"NX": 1, b"XX": 1, b"GT": 1, b"LT": 1}
CONDITIONS = {
    b"SET": GET | {b"NX": 1, b"XX": 1, b"IFEQ": 2, b"IFNE": 2},
    b"MSETEX": {b"NX": 1, b"XX": 1},
    b"HSETEX": {b"FNX": 1, b"FXX": 1},
    b"PEXPIREAT": ENDS,
    b"HPEXPIREAT": ENDS,
}


def run(_servers, report, options):
    if options.nearhit:
        return report.note("left out: it starts servers of its own")
    servers = Servers.start(options, LOG_FLAGS)
    try:
        for lines in notation.sections(PATH).values():
            run_section(lines, servers, report)
    finally:
        servers.stop()
    load_random(report, options)


def load_random(report, options):
    """Our log of random commands gives the same data in Redis and in nearhit."""
    folder = tempfile.mkdtemp(prefix="compare-files-")
    writer = interop.start("nearhit", LOG_FLAGS, options)
    try:
        sent = send_random(writer, options)
        interop.copy_files(writer.folder, folder)
        for name in ("peer", "nearhit"):
            reader = interop.start(name, LOG_FLAGS, options, folder)
            pair = Pair(Servers(reader, writer, options.against.differences), report)
            Inspector(pair, DATABASES, fields_expire=True).compare()
            pair.disconnect()
            reader.stop()
    except RuntimeError as refused:
        report.differs(Finding([b"(start)"], b"", str(refused).encode(), 2, [], "the log of random commands"))
    finally:
        writer.stop()
        shutil.rmtree(folder)
    report.note(f"the log of {sent} random commands was loaded by both")


def send_random(server, options):
    """Sends commands, whatever the replies are; returns how many."""
    connection = wire.Connection(server.address)
    [names] = connection.exchange([wire.encode([b"COMMAND"])], 1)
    generator = Generator(options.seed, {name.lower() for name in known_names(names)})
    sent, most = 0, min(options.count, MOST_RANDOM)
    while sent < most:
        commands = [command for _ in range(STEPS) for command in generator.step()]
        connection.exchange([b"".join(map(wire.encode, commands))], len(commands), MUTE_S)
        sent += len(commands)
        if connection.closed:
            connection = wire.Connection(server.address)
    connection.close()
    return sent


def run_section(lines, servers, report):
    pair = Pair(servers, report)
    pair.reset()
    # Otherwise either may remove what has ended at any time.
    pair.ask("DEBUG", "SET-ACTIVE-EXPIRE", 0)
    logs = [Log(server) for server in servers]
    for line in lines:
        words = notation.words(line)
        if words[0] == b"WAIT":
            time.sleep(int(words[1]) * MS)
            continue
        pair.check(*words)
        compare(words, [log.take() for log in logs], pair, report)
    pair.disconnect()


def compare(words, both, pair, report):
    peer, ours = ([canonical(command) for command in commands] for commands in both)
    if name_of(words) not in TRANSACTION:
        peer, ours = ([command for command in commands if command[0] not in TRANSACTION] for commands in (peer, ours))
    peer, ours = joined(peer), joined(ours)
    if len(peer) == len(ours) and all(map(same, peer, ours)):
        return report.same()
    if not peer and ours == [ended(words)] and ours[0][0] == b"DEL" != name_of(words):
        return report.same()
    shown = (b" | ".join(map(b" ".join, commands)) for commands in (peer, ours))
    return report.differs(Finding(words, *shown, 2, list(pair.history), "in the log"))


def canonical(command):
    """A record in the one form."""
    name = command[0].upper()
    words = [name, *command[1:]]
    if name == b"VADD":
        return canonical_vadd(words)
    if name in (b"MULTI", b"EXEC", b"SELECT"):
        return words
    if name in CONDITIONS and (name.endswith(b"PEXPIREAT") or b"PXAT" in words):
        return without(CONDITIONS[name], words)
    return without(GET, words) if name == b"SET" else words


def without(options, words):
    """A record without some options. Keys and values of the examples are no such words."""
    found, at = words[:2], 2
    while at < len(words):
        count = options.get(words[at], 0)
        found += words[at : at + 1] if count == 0 else []
        at += count or 1
    return found


def canonical_vadd(words):
    """Numbers as text become a blob."""
    words = [word for word in words if word.upper() != b"CAS"]
    if b"VALUES" in words:
        at = words.index(b"VALUES")
        count = int(words[at + 1])
        values = words[at + 2 : at + 2 + count]
        words[at : at + 2 + count] = [b"FP32", struct.pack(f"<{count}f", *map(float, values))]
    head, options = words[: words.index(b"FP32") + 3], words[words.index(b"FP32") + 3 :]
    return head + sorted_options(options)


def sorted_options(options):
    """The order of options says nothing."""
    groups, at = [], 0
    while at < len(options):
        count = 2 if options[at].upper() in (b"EF", b"M", b"SETATTR") else 1
        groups.append(options[at : at + count])
        at += count
    return [word for group in sorted(groups) for word in group]


def joined(commands):
    """Removals in a row as one, and those of what ends in the past."""
    result = []
    for command in map(ended, commands):
        if result and command[:2] == result[-1][:2] and command[0] == b"HDEL":
            result[-1] = [*result[-1][:2], *sorted({*result[-1][2:], *command[2:]})]
        elif result and command[0] == result[-1][0] == b"DEL":
            result[-1] = [b"DEL", *sorted({*result[-1][1:], *command[1:]})]
        else:
            result.append(command)
    return result


def ended(command):
    """A record of keys that are given an end in the past, as what it does."""
    keys = {b"SET": command[1:2], b"MSETEX": command[2:-2:2]}.get(command[0])
    is_past = keys and command[-2] in (b"PXAT", b"EXAT") and int(command[-1]) < SOON_MS
    return [b"DEL", *sorted(keys)] if is_past else command


def same(peer, ours):
    return len(peer) == len(ours) and all(map(same_word, peer, ours))


def same_word(peer, ours):
    if peer == ours:
        return True
    times = peer.isdigit() and ours.isdigit() and len(peer) == len(ours) == len(str(int(time.time() * 1000)))
    return times and abs(int(peer) - int(ours)) <= SOON_MS


class Log:
    """The end of a server's log. Every reply has come after its record."""

    def __init__(self, server):
        [self.path] = glob.glob(os.path.join(server.folder, "appendonlydir", "*.incr.aof"))
        self.at = os.path.getsize(self.path)

    def take(self):
        """The commands that were added."""
        with open(self.path, "rb") as file:
            file.seek(self.at)
            added = file.read()
        self.at += len(added)
        records, rest = wire.parse_all(added)
        assert not rest, "half a record"
        return [record.texts() for record in records]
