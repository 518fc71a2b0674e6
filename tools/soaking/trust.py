"""A server with TLS, users and events of keys: all clients of the soak come over TLS as a user of their own, a listener
takes every event, and a user who may only read tries to write.
"""

import contextlib
import dataclasses
import multiprocessing
import pathlib
import ssl
import subprocess
import tempfile
import time

from benchmarks import resp, servers

USER, READER, PASSWORD = "soak", "reader", "a secret of the soak"
# All letters: every channel of every event.
EVENTS = "KESTVAnmv"
# Between two tries of the reader.
PAUSE_S = 0.02


@contextlib.contextmanager
def certificate():
    """Files of a certificate and its key."""
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        made, key = pathlib.Path(folder) / "server.crt", pathlib.Path(folder) / "server.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", made],
            check=True, capture_output=True,
        )  # fmt: skip
        yield made, key


@contextlib.contextmanager
def flags():
    """What the server is started with, and the port for TLS."""
    with certificate() as (made, key):
        port = servers.free_port()
        resp.Client.tls = ssl.create_default_context(cafile=made)
        try:
            yield ("--tls-port", str(port), "--tls-cert-file", str(made), "--tls-key-file", str(key), "--tls-auth-clients", "no",
                   "--notify-keyspace-events", EVENTS), port
        finally:
            resp.Client.tls, resp.Client.greeting = None, ()


class Guards:
    """The listener and the reader, from when the server answers."""

    def __init__(self, server, port):
        tls, resp.Client.tls = resp.Client.tls, None
        with resp.Client(server.port) as admin:
            admin.ask("ACL", "SETUSER", USER, "on", f">{PASSWORD}", "~*", "&*", "+@all")
            admin.ask("ACL", "SETUSER", READER, "on", f">{PASSWORD}", "%R~*", "+@read", "+@vectorset", "+@connection")
        resp.Client.tls, resp.Client.greeting = tls, ("AUTH", USER, PASSWORD)
        self.server = dataclasses.replace(server, port=port)
        fork = multiprocessing.get_context("fork")
        self.events, self.refused, self.wrong = (fork.Value("Q", 0) for _ in range(3))
        self.processes = [fork.Process(target=run, args=(self,), daemon=True) for run in (listen, read)]
        for process in self.processes:
            process.start()

    def stop(self):
        """Ends them, and notes whether both still did what they are for."""
        self.lasted = all(process.is_alive() for process in self.processes)
        for process in self.processes:
            process.terminate()
            process.join()


def listen(guards):
    """Takes all events, as fast as it can."""
    with resp.Client(guards.server.port) as client:
        client.ask("PSUBSCRIBE", "__key*", "__subkey*")
        while True:
            guards.events.value += client.reply()[0] == b"pmessage"


def read(guards):
    """Reads what it may, writes what it may not, and gives a wrong password now and then."""
    count = 0
    while True:
        with resp.Client(guards.server.port) as client:
            client.ask("AUTH", READER, PASSWORD)
            for _ in range(50):
                count += 1
                tries = [("VADD", "set:0", "VALUES", "1", "1", "x"), ("DEL", "set:0"), ("FLUSHALL",), ("CONFIG", "GET", "*")]
                for words in tries:
                    reply = client.one(resp.encoded(*words))
                    is_refused = isinstance(reply, resp.Refused) and str(reply).startswith("NOPERM")
                    (guards.refused if is_refused else guards.wrong).value += 1
                if isinstance(client.one(resp.encoded("EXISTS", "set:0")), resp.Refused):
                    guards.wrong.value += 1
                time.sleep(PAUSE_S)
            if not isinstance(client.one(resp.encoded("AUTH", READER, "x")), resp.Refused):
                guards.wrong.value += 1
