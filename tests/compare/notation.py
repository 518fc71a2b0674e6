"""The notation of `examples/*.txt` and `protocol.txt`: commands and raw bytes as text.

    words       separated by blanks, taken as they are
    "…"         a word with the escapes of Python: \\r \\n \\t \\\\ \\" \\x00
    f32(1,2)    a word: these float32 values, little-endian
    *N(word)    the word N times
    <x*N>       in `protocol.txt`: the character N times
"""

import re
import struct

WORD = re.compile(r'\s*(?:(\*\d+)\((\S+?)\)(?=\s|$)|f32\(([^)]*)\)|"((?:[^"\\]|\\.)*)"|([^\s"]\S*))')
REPEATED = re.compile(r"<(.)\*(\d+)>")
PIECE = re.compile(r"\{((?:[^{}\"]|\"(?:[^\"\\]|\\.)*\")*)\}")


def unescape(text):
    """Text with Python's escapes as bytes."""
    return text.encode("utf-8").decode("unicode_escape").encode("latin-1")


def expand(line):
    """A line with its repeated characters written out."""
    return REPEATED.sub(lambda match: match.group(1) * int(match.group(2)), line)


def words(line):
    """The words of a line."""
    found, at, line = [], 0, line.rstrip()
    while at < len(line):
        match = WORD.match(line, at)
        if not match:
            raise ValueError(f"not understood: {line[at:]}")
        found += _word(match)
        at = match.end()
    return found


def _word(match):
    times, repeated, floats, quoted, plain = match.groups()
    if times:
        return [repeated.encode()] * int(times[1:])
    if floats is not None:
        values = [float(value) for value in floats.split(",") if value.strip()]
        return [struct.pack(f"<{len(values)}f", *values)]
    return [unescape(quoted)] if quoted is not None else [plain.encode()]


def sections(path):
    """The sections of a file, title → lines; blank lines and lines starting with `# ` are left out."""
    found, lines = {}, None
    with open(path, encoding="utf-8") as file:
        for line in file:
            line = line.rstrip("\n")
            if line.startswith("= "):
                lines = found.setdefault(line[2:].strip(), [])
            elif line.strip() and not line.startswith("# "):
                lines.append(line)
    return found
