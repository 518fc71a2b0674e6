"""A client of the protocol, RESP2: requests as bytes, replies as Python values; one request, or
many in flight.
"""

import socket

from . import Failure

TIMEOUT_S = 60


class Refused(Exception):
    """An error reply. It is returned, not raised, where requests are in flight together."""


def encoded(*words):
    """A request's bytes."""
    words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


class Client:
    """One connection to a server of this machine."""

    # Where all clients of a run come over TLS, and what they say first.
    tls, greeting = None, ()

    def __init__(self, port, timeout_s=TIMEOUT_S):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls:
            self.socket = self.tls.wrap_socket(self.socket, server_hostname="localhost")
        self.replies = self.socket.makefile("rb", 1 << 16)
        if self.greeting:
            self.ask(*self.greeting)

    def close(self):
        """Ends the connection."""
        self.replies.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def ask(self, *words):
        """The reply to one command; raises where it is an error."""
        self.socket.sendall(encoded(*words))
        reply = self.reply()
        if isinstance(reply, Refused):
            raise reply
        return reply

    def many(self, requests):
        """The replies to encoded requests, all in flight together; errors are among them."""
        self.socket.sendall(b"".join(requests))
        return [self.reply() for _ in requests]

    def accepted(self, requests):
        """As many; raises where the server refused one."""
        replies = self.many(requests)
        if refused := next((reply for reply in replies if isinstance(reply, Refused)), None):
            raise Failure(f"the server refused a request: {refused}")
        return replies

    def one(self, request):
        """The reply to one encoded request, also if it is an error."""
        self.socket.sendall(request)
        return self.reply()

    def reply(self):
        """The next reply."""
        return parsed(self.replies)


def parsed(replies):
    """The next reply of a file of them."""
    line = replies.readline()
    if not line:
        raise ConnectionError("the server closed the connection")
    kind, rest = line[:1], line[1:-2]
    if kind == b"$":
        length = int(rest)
        return None if length < 0 else replies.read(length + 2)[:-2]
    if kind == b"*":
        return None if rest == b"-1" else [parsed(replies) for _ in range(int(rest))]
    if kind == b":":
        return int(rest)
    if kind == b"-":
        return Refused(rest.decode(errors="replace"))
    return rest


def info(client, section="everything"):
    """INFO by name; numbers where they are whole."""
    pairs = (line.split(":", 1) for line in client.ask("INFO", section).decode().splitlines() if ":" in line)
    return {name: int(value) if value.isdigit() else value for name, value in pairs}
