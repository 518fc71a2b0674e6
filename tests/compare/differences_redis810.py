"""Deliberate differences from Redis 8.10 alone; `differences.md` has the same table for people."""

from commands import name_of
from difference import Difference
from operators import same_info
from rules import info_rows

INFO_NEWER = {
    b"Memory": b"mem_clients_normal_shared mem_clients_normal_unshared",
    b"Stats": b"eventloop_cycles_with_clients_processing total_client_processing_events",
}
"""Fields that came after 8.6 and have no meaning here, by section."""
DUMP_TAIL = 10
"""Version and checksum, which a dumped value ends with."""


def _info_newer(args, peer, ours, history, witness):
    return name_of(args) == b"INFO" and same_info(args, peer, ours, witness, INFO_NEWER)


def _dump_version(args, peer, ours, history, witness):
    """The same value, said to be of another version."""
    if name_of(args) != b"DUMP" or not peer.kind == ours.kind == b"$" or peer.value is None or ours.value is None:
        return False
    (peer, peer_tail), (ours, our_tail) = ((value[:-DUMP_TAIL], value[-DUMP_TAIL:]) for value in (peer.value, ours.value))
    return peer == ours and (peer_tail[:2], our_tail[:2]) == (b"\x0f\0", b"\x0d\0")


def _cluster_loading(args, peer, ours, history, witness):
    """The peer's flags have `loading`, and what `refused-docs` covers."""
    if name_of(args) != b"COMMAND" or len(args) != 3 or args[1].upper() != b"INFO" or not args[2].startswith(b"cluster|"):
        return False
    (theirs,), (mine,) = info_rows(peer), info_rows(ours)
    kind, flags = theirs[2]
    theirs[2] = kind, tuple(flag for flag in flags if flag[1] != b"+loading\r\n")
    return theirs[:7] + theirs[8:] == mine[:7] + mine[8:]


DIFFERENCES = [
    Difference("info-newer", "fields whose value would be made up", _info_newer),
    Difference("dump-version", "what is written is read by 8.6 too", _dump_version),
    Difference("cluster-loading", "commands that do nothing but refuse", _cluster_loading),
]
