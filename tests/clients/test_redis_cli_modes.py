"""redis-cli's other modes: the prompt, mass insertion, and those that look after a server."""

import os
import re
import struct
import unittest

import command_line
from command_line import PORT, Terminal

CLI = os.environ["NEARHIT_CLI"]
# How much of an output that went wrong is worth reading.
SHOWN = 2000
PROMPT, IN_TRANSACTION = f"127.0.0.1:{PORT}> ", f"127.0.0.1:{PORT}(TX)> "


def cli(*words, given=b""):
    return command_line.run(CLI, *words, given=given)


class Filled(unittest.TestCase):
    """A server with a page, a session and two answers."""

    def setUp(self):
        self.assertEqual(cli("FLUSHALL"), ("OK", 0))
        cli("SET", "page:/", "x" * 1000)
        cli("HSET", "session:8c1f", "user", "17", "views", "3")
        for name, vector in {"refund": (1, 0), "late parcel": (0, 1)}.items():
            cli("-x", "VADD", "answers", "VALUES", "2", *map(str, vector), given=name.encode())

    def shows(self, *words, mode, given=b""):
        shown, code = cli(*mode, given=given)
        self.assertEqual(code, 0, shown[-SHOWN:])
        # redis-cli 7.0 puts more quotes around names.
        shown = shown.replace("'\"", '"').replace("\"'", '"')
        for text in words:
            self.assertIn(text, shown)
        return shown


class Prompt(Filled):
    def test_the_prompt_knows_every_command(self):
        """It asks for COMMAND DOCS at the start."""
        for flags in ((), ("-3",)):
            with self.subTest(flags=flags), Terminal(CLI, *flags) as terminal:
                terminal.until(PROMPT)
                for command in ("GET", "HSET", "VSIM", "CONFIG GET", "EXEC"):
                    terminal.type(f"HELP {command}")
                    helped = terminal.until(PROMPT)
                    self.assertIn(f"\x1b[1m{command}\x1b[0m", helped)
                    self.assertRegex(helped, r"summary:\x1b\[0m \S.*\n.*since:\x1b\[0m \d+\.\d+\.\d+")
                terminal.type("HELP @hash")
                self.assertIn("HGETALL", terminal.until(PROMPT))

    def test_a_transaction_at_the_prompt(self):
        with Terminal(CLI) as terminal:
            terminal.until(PROMPT)
            terminal.type("MULTI")
            self.assertEqual(terminal.until(IN_TRANSACTION), "OK\n")
            for command in ("INCR served", "HGET session:8c1f user", "VCARD answers"):
                terminal.type(command)
                self.assertEqual(terminal.until(IN_TRANSACTION), "QUEUED\n")
            terminal.type("EXEC")
            self.assertEqual(terminal.until(PROMPT), '1) (integer) 1\n2) "17"\n3) (integer) 2\n')
            terminal.type("MULTI")
            terminal.until(IN_TRANSACTION)
            terminal.type("NOSUCH")
            self.assertTrue(terminal.until(IN_TRANSACTION).startswith("(error) ERR unknown command 'NOSUCH'"))
            terminal.type("EXEC")
            refused = "(error) EXECABORT Transaction discarded because of previous errors.\n"
            self.assertEqual(terminal.until(PROMPT), refused)

    def test_another_database_shows_in_the_prompt(self):
        with Terminal(CLI, "-n", "2") as terminal:
            terminal.until(f"127.0.0.1:{PORT}[2]> ")
            terminal.type("SELECT 0")
            self.assertEqual(terminal.until(PROMPT), "OK\n")
            terminal.type("HGETALL session:8c1f")
            self.assertEqual(terminal.until(PROMPT), '1) "user"\n2) "17"\n3) "views"\n4) "3"\n')

    def test_monitor_at_the_prompt(self):
        with Terminal(CLI) as terminal:
            terminal.until(PROMPT)
            terminal.type("MONITOR")
            terminal.until("OK\n")
            cli("SET", "watched", "a\x01b")
            self.assertRegex(terminal.until('"SET" "watched" "a\\x01b"\n'), r"\d+\.\d{6} \[0 127\.0\.0\.1:\d+\] $")

    def test_a_transaction_in_a_script(self):
        script = b"MULTI\nSET served 1\nINCR served\nHGETALL session:8c1f\nEXEC\n"
        self.shows("QUEUED", '1) OK\n2) (integer) 2\n3) 1) "user"', mode=["--no-raw"], given=script)
        self.shows('3) 1# "user" => "17"\n   2# "views" => "3"', mode=["-3", "--no-raw"], given=script)


class MassInsertion(Filled):
    def test_inline_commands(self):
        commands = b"".join(b"HSET session:%d user %d\r\n" % (i, i) for i in range(1000))
        self.shows("errors: 0, replies: 1000", mode=["--pipe"], given=commands)
        self.assertEqual(cli("HGET", "session:999", "user"), ("999", 0))

    def test_requests_of_the_protocol(self):
        blob = struct.pack("<4f", 1, 2, 3, 4)
        adding = b"".join(request(b"VADD", b"embeddings", b"FP32", blob, b"e%d" % i) for i in range(500))
        self.shows("errors: 0, replies: 500", mode=["--pipe"], given=adding)
        self.assertEqual(cli("VCARD", "embeddings"), ("500", 0))

    def test_errors_are_counted(self):
        shown, code = cli("--pipe", given=request(b"HGET", b"page:/", b"f") + request(b"PING"))
        self.assertIn("errors: 1, replies: 2", shown)
        self.assertEqual(code, 1)


class Keyspace(Filled):
    def test_scan(self):
        cli("MSET", "page:1", "x", "page:2", "x")
        shown = self.shows(mode=["--scan", "--pattern", "page:*"])
        self.assertEqual(sorted(shown.split("\n")), ["page:/", "page:1", "page:2"])
        self.assertEqual(len(self.shows(mode=["--scan"]).split("\n")), 5)

    def test_bigkeys(self):
        self.shows(
            "Sampled 3 keys in the keyspace!",
            'Biggest string found "page:/" has 1000 bytes',
            'Biggest   hash found "session:8c1f" has 2 fields',
            "1 vectorsets with 0 ?",
            mode=["--bigkeys"],
        )

    def test_memkeys(self):
        shown = self.shows("Sampled 3 keys in the keyspace!", mode=["--memkeys"])
        for kind in ("string", "hash", "vectorset"):
            self.assertRegex(shown, rf'Biggest +{kind} found "[^"]+" has \d+ bytes')

    def test_keystats(self):
        if version() < 8:
            self.skipTest("not in this redis-cli")
        self.shows("session:8c1f has 2 fields", "vectorset  answers is", "Total key length", mode=["--keystats"])

    def test_hotkeys_need_a_policy_that_counts(self):
        shown, code = cli("--hotkeys")
        self.assertIn("An LFU maxmemory policy is not selected", shown)
        self.assertEqual(code, 1)

    def test_recall_of_a_vector_set(self):
        if version() < 8:
            self.skipTest("not in this redis-cli")
        with Terminal(CLI, "--vset-recall", "answers", "--vset-recall-count", "1") as terminal:
            terminal.until("(dimension: 2)")
            terminal.until("Queries: ")
            self.assertRegex(terminal.until("%"), r"^[1-9]\d* \| Avg recall: 100.00$")


class Watching(Filled):
    def test_stat(self):
        with Terminal(CLI, "--stat", "-i", "0.01") as terminal:
            terminal.until("keys       mem      clients blocked requests            connections")
            for _ in range(3):
                terminal.until("\n")
                line = terminal.until("(+")
                self.assertRegex(line.split("\n")[-1], r"^3 +[\d.]+[KMG] +[1-9]\d* +0 +\d+ $")

    def test_latency(self):
        shown = self.shows(mode=["--latency", "--raw", "-i", "0.05"])
        self.assertRegex(shown, r"^\d+ \d+ \d+\.\d+ \d+$")

    def test_a_cache_workload(self):
        with Terminal(CLI, "--lru-test", "1000") as terminal:
            self.assertRegex(terminal.until("Hits: "), r"\d+ Gets/sec \| $")


def request(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def version():
    shown, _ = cli("--version")
    return int(re.search(r"redis-cli (\d+)", shown)[1])


if __name__ == "__main__":
    unittest.main()
