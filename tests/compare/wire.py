"""RESP as it stands on the wire: encoding commands, reading RESP2 and RESP3 replies with their raw bytes kept.

Knows no command and no server.
"""

import select
import socket
import time

LINE_KINDS = b"+-:,#_("
TEXT_KINDS = b"$=!"
LIST_KINDS = b"*~>"
MAP_KINDS = b"%|"
AGGREGATES = LIST_KINDS + MAP_KINDS

SILENCE_S = 20.0
"""How long a server may leave a reply out before it counts as hanging."""


class Incomplete(Exception):
    """The buffer ends inside a reply."""


class Malformed(Exception):
    """The bytes are no reply at all."""


class Reply:
    """One reply: its type sign, its value, and exactly the bytes it was made of.

    The value is bytes for texts and lines, None for nulls, and a flat list of replies for aggregates (a map has its
    keys and values in turn).
    """

    __slots__ = ("kind", "value", "raw")

    def __init__(self, kind, value, raw):
        self.kind, self.value, self.raw = kind, value, raw

    @property
    def is_error(self):
        return self.kind in b"-!"

    @property
    def is_aggregate(self):
        return self.kind in AGGREGATES and self.value is not None

    def texts(self):
        """The values of the items of an aggregate."""
        return [item.value for item in self.value]


def encode(args):
    """A command as a client sends it: an array of bulk strings."""
    parts = [b"*%d\r\n" % len(args)]
    parts += [b"$%d\r\n%s\r\n" % (len(arg), arg) for arg in args]
    return b"".join(parts)


def encode_inline(args):
    """The same as a line for people, every word in quotes."""
    return b" ".join(map(_quoted, args)) + b"\r\n"


def _quoted(word):
    return b'"%s"' % b"".join(b"\\x%02x" % c if c in b'"\\' or not 32 <= c < 127 else b"%c" % c for c in word)


def parse(buffer, at=0):
    """Reads one reply at a position; returns it and the position behind it."""
    end = buffer.find(b"\r\n", at)
    if end < 0:
        raise Incomplete
    kind, head = bytes(buffer[at : at + 1]), bytes(buffer[at + 1 : end])
    after = end + 2
    if kind in LINE_KINDS and kind:
        return Reply(kind, None if kind == b"_" else head, bytes(buffer[at:after])), after
    try:
        count = int(head)
    except ValueError:
        raise Malformed(bytes(buffer[at : at + 80])) from None
    if kind in TEXT_KINDS:
        return _parse_text(buffer, at, kind, count, after)
    if kind in AGGREGATES:
        return _parse_items(buffer, at, kind, count, after)
    raise Malformed(bytes(buffer[at : at + 80]))


def _parse_text(buffer, at, kind, length, after):
    if length < 0:
        return Reply(kind, None, bytes(buffer[at:after])), after
    end = after + length + 2
    if len(buffer) < end:
        raise Incomplete
    return Reply(kind, bytes(buffer[after : end - 2]), bytes(buffer[at:end])), end


def _parse_items(buffer, at, kind, count, after):
    if count < 0:
        return Reply(kind, None, bytes(buffer[at:after])), after
    items = []
    for _ in range(count * 2 if kind in MAP_KINDS else count):
        item, after = parse(buffer, after)
        items.append(item)
    return Reply(kind, items, bytes(buffer[at:after])), after


def parse_all(buffer):
    """All whole replies of a buffer, and what is left behind them."""
    replies, at = [], 0
    while at < len(buffer):
        try:
            reply, at = parse(buffer, at)
        except Incomplete:
            break
        replies.append(reply)
    return replies, bytes(buffer[at:])


class Connection:
    """A client connection that can write in pieces while it reads."""

    def __init__(self, address):
        self.socket = socket.create_connection(address, timeout=SILENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.buffer = bytearray()
        self.closed = False

    def close(self):
        self.socket.close()
        self.closed = True

    def exchange(self, pieces, expected, silence_s=SILENCE_S):
        """Sends the pieces as packets of their own and returns up to `expected` replies.

        Fewer come back when the server closes the connection (`closed` is then set) or stays silent.
        """
        replies = []
        self._pump(list(pieces), lambda: self._take(replies, expected), silence_s)
        return replies

    def converse(self, pieces, sentinel, silence_s):
        """Sends the pieces and returns all bytes up to `sentinel`, or those that came before the end or a silence."""
        self._pump(list(pieces), lambda: sentinel in self.buffer, silence_s)
        return bytes(self.buffer)

    def _take(self, replies, expected):
        at = 0
        while len(replies) < expected:
            try:
                reply, at = parse(self.buffer, at)
            except Incomplete:
                break
            replies.append(reply)
        del self.buffer[:at]
        return len(replies) >= expected

    def _pump(self, pieces, done, silence_s):
        last = time.monotonic()
        while not self.closed:
            if not pieces and done():
                return
            wanted = [self.socket] if pieces else []
            readable, writable, _ = select.select([self.socket], wanted, [], silence_s)
            if not readable and not writable and time.monotonic() - last >= silence_s:
                return
            last = time.monotonic()
            if writable:
                self._write(pieces)
            if readable:
                self._read()
        done()

    def _write(self, pieces):
        try:
            sent = self.socket.send(pieces[0])
        except BlockingIOError:
            return
        except OSError:
            pieces.clear()
            return
        if sent == len(pieces[0]):
            pieces.pop(0)
        else:
            pieces[0] = pieces[0][sent:]

    def _read(self):
        try:
            data = self.socket.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self.buffer += data
        else:
            self.close()
