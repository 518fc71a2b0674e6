"""redis-cli as people use it: one command, and scripts."""

import json
import os
import struct
import unittest

import command_line

CLI = os.environ["NEARHIT_CLI"]


def cli(*words, given=b""):
    return command_line.run(CLI, *words, given=given)


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

    def test_repeated(self):
        self.prints("1\n2\n3", "-r", "3", "INCR", "n")

    def test_info(self):
        shown, _ = cli("INFO", "server")
        self.assertIn("redis_version:", shown)


if __name__ == "__main__":
    unittest.main()
