"""What each command leaves in the log (AOF), on both servers: the same commands, in one form.

Either server may write a change down in its own words. They are made one before they are compared:

* a condition beside a time is left out, as it held;
* what ends in the past is removed, and so are all fields of a hash whose last one goes by itself;
* times may differ by what passes between two servers;
* several commands for one change (which Redis puts between MULTI and EXEC) are what they are without those;
* vectors are blobs, and `CAS` is left out.
"""

import glob
import os
import struct
import time

import notation
import wire
from commands import name_of
from pair import Pair
from report import Finding
from servers import Servers

PATH = os.path.join(os.path.dirname(__file__), "records.txt")
LOG_FLAGS = ["--appendonly", "yes", "--appendfsync", "always"]
MS = 1e-3
SOON_MS = 2000
TRANSACTION = (b"MULTI", b"EXEC", b"DISCARD")
CONDITIONS = {
    b"SET": ((b"NX", 1), (b"XX", 1), (b"GET", 1), (b"IFEQ", 2), (b"IFNE", 2)),
    b"MSETEX": ((b"NX", 1), (b"XX", 1)),
    b"HSETEX": ((b"FNX", 1), (b"FXX", 1)),
    b"PEXPIREAT": ((b"NX", 1), (b"XX", 1), (b"GT", 1), (b"LT", 1)),
    b"HPEXPIREAT": ((b"NX", 1), (b"XX", 1), (b"GT", 1), (b"LT", 1)),
}
"""Words of conditions, and how many words each takes."""


def run(_servers, report, options):
    if options.nearhit:
        return report.note("left out: it starts servers of its own")
    servers = Servers.start(options, LOG_FLAGS)
    try:
        for lines in notation.sections(PATH).values():
            run_section(lines, servers, report)
    finally:
        servers.stop()


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
    time_at = next((at for at, word in enumerate(words) if word.upper() == b"PXAT"), None)
    if name in CONDITIONS and (time_at or name.endswith(b"PEXPIREAT")):
        words = without_conditions(words)
    return words


def without_conditions(words):
    """Values are not looked at: those of the examples are no such words."""
    found, at = words[:2], 2
    taken = dict(CONDITIONS[words[0]])
    while at < len(words):
        count = taken.get(words[at].upper(), 0)
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
    if len(command) > 4 and command[-2].upper() == b"PXAT" or command[-2:-1] == [b"EXAT"]:
        if int(command[-1]) < SOON_MS and command[0] in (b"SET", b"MSETEX"):
            return [b"DEL", *(sorted(command[2:-2:2]) if command[0] == b"MSETEX" else command[1:2])]
    return command


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
