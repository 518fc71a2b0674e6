"""`COMMAND INFO` and `COMMAND DOCS` of every command that both know, in RESP2 and in RESP3; what only one knows is told."""

from pair import Pair, known_names

PROTOCOLS = (2, 3)
FAMILIES = {b"generic", b"string", b"hash", b"connection", b"server", b"transactions", b"module"}
"""Groups of the documentation; of other groups nearhit has nothing but refusals."""


def run(servers, report, options):
    pair = Pair(servers, report)
    peer, ours = (set(known_names(reply)) for reply in pair.ask("COMMAND"))
    for protocol in PROTOCOLS:
        pair.reset(protocol)
        for name in sorted(peer & ours):
            for kind in ("INFO", "DOCS"):
                pair.check("COMMAND", kind, name)
    missing = [name for name in sorted(peer - ours) if _group(pair, name) in FAMILIES]
    report.note("not known to nearhit: " + b" ".join(missing).decode())
    report.note("known to nearhit alone: " + b" ".join(sorted(ours - peer)).decode())
    pair.disconnect()


def _group(pair, name):
    """The family of a command of the peer."""
    (docs, _) = pair.ask("COMMAND", "DOCS", name)
    fields = docs.value[1].value
    return dict(zip((field.value for field in fields[::2]), fields[1::2]))[b"group"].value
