"""Which texts in replies are prose: what `COMMAND DOCS`, `COMMAND INFO` and `… HELP` explain in
sentences.

Prose is written anew here, so it is never compared; `structure` is what is left without it: names,
groups, versions, arguments, lines of grammar. `repeated` finds sentences that are the peer's all
the same.
"""

import re
from difflib import SequenceMatcher

from rules import docs_of, unordered

PROSE = {b"summary", b"complexity", b"replaced_by"}
"""Fields of COMMAND DOCS whose values are prose; in `history` it is what follows each version."""
NOTES = {b"summary", b"notes"}
"""Fields of arguments and of key specifications that are prose."""
NEAR = 0.85
"""Texts of more than `FEW_WORDS` words that are so alike are the same sentence."""
FEW_WORDS = 4
OPTION = re.compile(rb"\* [A-Z-]+( [<(\[].*[>)\]])?")
"""A line of HELP with an option, which is grammar too."""


def docs_structure(reply):
    """The entries of COMMAND DOCS: name → fields in order, without prose; subcommands are left
    out."""
    return {name: (kind, [(field, _structure(field, value)) for field, value in fields]) for name, kind, fields in docs_of(reply)}


def _structure(field, value):
    if field in PROSE:
        return value.kind
    if field == b"history":
        return value.kind, sorted(change.value[0].raw for change in value.value)
    return unordered(value, NOTES)


def info_structure(reply):
    """The rows of COMMAND INFO without their subcommands and without prose."""
    return [[unordered(field, NOTES) for field in row.value[:9]] if row.is_aggregate else [] for row in reply.value]


def help_structure(reply):
    """The lines of HELP that are grammar: the first one, and those that are not indented. Which
    options are shown is free."""
    return [line for line in reply.texts() if not line.startswith(b"  ")]


def texts_of_docs(reply):
    """The prose of COMMAND DOCS of one command."""
    for _, _, fields in docs_of(reply):
        for field, value in fields:
            if field in PROSE:
                yield value.value
            elif field == b"history":
                yield from (change.value[1].value for change in value.value)


def texts_of_info(reply):
    """The notes of COMMAND INFO of one command on its keys."""
    for row in reply.value:
        for spec in row.value[8].value:
            fields = [field.value for field in spec.value]
            yield from (value for name, value in zip(fields[::2], fields[1::2]) if name == b"notes")


def texts_of_help(reply):
    """The prose of HELP: what follows each line of grammar, line by line and as a whole."""
    paragraph = []
    for line in [*reply.texts(), b""]:
        if OPTION.fullmatch(line.strip()):
            continue
        if line.startswith(b"  "):
            paragraph.append(line.strip())
            yield paragraph[-1]
            continue
        if len(paragraph) > 1:
            yield b" ".join(paragraph)
        paragraph = []


def repeated(peer, ours):
    """Pairs of a text of the peer's and one of ours that says it with (nearly) the same words."""
    plain_peer = {_plain(text): text for text in peer}
    for text in ours:
        plain = _plain(text)
        found = next((other for other in plain_peer if _is_repeated(other, plain)), None)
        if found is not None:
            yield plain_peer[found], text


def _plain(text):
    return " ".join(text.decode(errors="replace").lower().strip(" .*-:").split())


def _words(plain):
    return re.findall(r"[a-z]{2,}", plain)


def _is_repeated(peer, ours):
    """A name, or a cost such as `O(1)`, is no sentence."""
    if min(len(_words(peer)), len(_words(ours))) < 2:
        return False
    if peer == ours:
        return True
    long = min(len(peer.split()), len(ours.split())) > FEW_WORDS
    matcher = SequenceMatcher(None, peer, ours, autojunk=False)
    return long and matcher.real_quick_ratio() > NEAR and matcher.quick_ratio() > NEAR and matcher.ratio() > NEAR
