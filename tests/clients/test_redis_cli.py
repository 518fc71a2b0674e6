"""redis-cli as people use it: one command, scripts, pipes and its modes."""

import json
import os
import struct
import subprocess
import unittest

CLI = os.environ["NEARHIT_CLI"]
PORT = os.environ["NEARHIT_PORT"]
# No call takes a fraction of this; it ends one that waits for a reply which never comes.
PATIENCE_S = 60


def cli(*words, given=b""):
    """What redis-cli prints, and how it ends."""
    command = [CLI, "-p", PORT, *words]
    ended = subprocess.run(command, input=given, capture_output=True, timeout=PATIENCE_S, check=False)
    return ended.stdout.decode().rstrip("\n"), ended.returncode


class RedisCli(unittest.TestCase):
    def setUp(self):
        self.assertEqual(cli("FLUSHALL"), ("OK", 0))

    def prints(self, text, *words, given=b""):
        self.assertEqual(cli(*words, given=given), (text, 0))

    def test_one_command(self):
        self.prints("PONG", "PING")
        self.prints("1", "VADD", "k", "VALUES", "2", "1", "0", "right")
        self.prints("1", "VADD", "k", "VALUES", "2", "0", "1", "up", "SETATTR", '{"y":1}')
        self.prints("right\nup", "VSIM", "k", "VALUES", "2", "1", "0.5")
        self.prints("up", "VSIM", "k", "ELE", "right", "FILTER", ".y == 1")
        self.prints("vectorset", "TYPE", "k")

    def test_human_readable_replies_of_both_protocols(self):
        cli("VADD", "k", "VALUES", "2", "1", "0", "a")
        self.prints("(integer) 1", "--no-raw", "VISMEMBER", "k", "a")
        self.prints("(true)", "--no-raw", "-3", "VISMEMBER", "k", "a")
        self.prints('1) "a"\n2) "1"', "--no-raw", "VSIM", "k", "ELE", "a", "WITHSCORES")
        self.prints('1# "a" => (double) 1', "--no-raw", "-3", "VSIM", "k", "ELE", "a", "WITHSCORES")
        self.prints("(nil)", "--no-raw", "VEMB", "k", "missing")

    def test_json(self):
        cli("VADD", "k", "VALUES", "2", "1", "0", "a")
        shown, _ = cli("--json", "VINFO", "k")
        self.assertEqual(json.loads(shown)["vector-dim"], 2)

    def test_a_blob_from_standard_input(self):
        blob = struct.pack("<3f", 1, 2, 3)
        self.prints("OK", "-x", "SET", "blob", given=blob)
        self.prints("12", "STRLEN", "blob")

    def test_errors_are_printed_and_told_by_the_exit_code(self):
        text = "ERR wrong number of arguments for 'VCARD' command"
        self.assertEqual(cli("VCARD")[0], text)
        self.assertEqual(cli("-e", "VCARD")[1], 1)
        cli("SET", "s", "1")
        self.assertEqual(cli("VCARD", "s")[0], "WRONGTYPE Operation against a key holding the wrong kind of value")

    def test_a_script(self):
        lines = [f"VADD k VALUES 2 {i + 1} 1 e{i}" for i in range(100)] + ["VCARD k", "ECHO 'two words'"]
        shown, code = cli(given="\n".join(lines).encode())
        self.assertEqual((shown.split("\n"), code), (["1"] * 100 + ["100", "two words"], 0))

    def test_another_database(self):
        self.prints("OK", "-n", "7", "SET", "k", "v")
        self.prints("v", "-n", "7", "GET", "k")
        self.prints("", "GET", "k")

    def test_pipe(self):
        commands = b"".join(b"VADD k VALUES 2 %d 1 e%d\r\n" % (i + 1, i) for i in range(1000))
        shown, code = cli("--pipe", given=commands)
        self.assertEqual((shown.split("\n")[-1], code), ("errors: 0, replies: 1000", 0))
        self.prints("1000", "VCARD", "k")

    def test_scan(self):
        cli("MSET", "a1", "x", "a2", "x", "b1", "x")
        shown, code = cli("--scan", "--pattern", "a*")
        self.assertEqual((sorted(shown.split("\n")), code), (["a1", "a2"], 0))

    def test_bigkeys(self):
        cli("SET", "s", "x" * 100)
        cli("VADD", "k", "VALUES", "2", "1", "0", "a")
        shown, code = cli("--bigkeys")
        self.assertEqual(code, 0)
        self.assertIn("Sampled 2 keys", shown)
        self.assertIn("has 100 bytes", shown)

    def test_memkeys(self):
        cli("VADD", "k", "VALUES", "2", "1", "0", "a")
        shown, code = cli("--memkeys")
        self.assertEqual(code, 0)
        self.assertIn("Sampled 1 keys", shown)

    def test_repeated(self):
        self.prints("1\n2\n3", "-r", "3", "INCR", "n")

    def test_info(self):
        shown, _ = cli("INFO", "server")
        self.assertIn("redis_version:", shown)


if __name__ == "__main__":
    unittest.main()
