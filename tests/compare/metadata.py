"""`COMMAND INFO` and `COMMAND DOCS` of every command that both know, in RESP2 and in RESP3; what
only one knows is noted.

Their structure is compared, not their prose: that must be another than the peer's.
"""

from pair import Pair, known_names
from prose import repeated, texts_of_docs, texts_of_help, texts_of_info

PROTOCOLS = (2, 3)
FAMILIES = {b"generic", b"string", b"hash", b"connection", b"server", b"transactions", b"module"}
"""Groups of the documentation; of other groups nearhit has nothing but refusals."""


def run(servers, report, options):
    pair = Pair(servers, report)
    peer, ours = (set(known_names(reply)) for reply in pair.ask("COMMAND"))
    if not options.against.common_only:
        compare(pair, peer & ours)
        missing = [name for name in sorted(peer - ours) if _group(pair, name) in FAMILIES]
        report.note("not known to nearhit: " + b" ".join(missing).decode())
        report.note("known to nearhit alone: " + b" ".join(sorted(ours - peer)).decode())
    if not options.peer_twice:
        compare_prose(pair, peer & ours)
    pair.disconnect()


def compare(pair, names):
    """The structure of what is said of these commands."""
    for protocol in PROTOCOLS:
        pair.reset(protocol)
        for name in sorted(names):
            for kind in ("INFO", "DOCS"):
                pair.check("COMMAND", kind, name)


def compare_prose(pair, names):
    """Sentences about these commands, and those of the HELP of containers: a finding for each that
    is the peer's."""
    pair.reset(2)
    asked = [([b"COMMAND", b"DOCS", name], texts_of_docs) for name in sorted(names)]
    asked += [([b"COMMAND", b"INFO", name], texts_of_info) for name in sorted(names)]
    asked += [(name.upper().split(b"|"), texts_of_help) for name in sorted(names) if name.endswith(b"|help")]
    for args, texts_of in asked:
        replies = pair.ask(*args)
        if all(reply.is_aggregate for reply in replies):
            peer, ours = (list(texts_of(reply)) for reply in replies)
            judge(pair, args, peer, ours)


def judge(pair, args, peer, ours):
    """Counts the texts of ours that are our own, and reports the others."""
    found = list(repeated(peer, ours))
    for theirs, mine in found:
        pair.found(args, theirs, mine, "prose that is the peer's")
    for _ in range(len(ours) - len(found)):
        pair.report.same()


def _group(pair, name):
    """The family of a command of the peer."""
    (docs, _) = pair.ask("COMMAND", "DOCS", name)
    fields = docs.value[1].value
    return dict(zip((field.value for field in fields[::2]), fields[1::2]))[b"group"].value
