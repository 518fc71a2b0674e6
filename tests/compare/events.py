"""Events of keys as messages: `events.txt`, and random commands with subscribers to all events.

After each step, what has come to every connection must be equal, in order.
"""

import os
import random
import time

import notation
import pubsub
import wire

PATH = os.path.join(os.path.dirname(__file__), "events.txt")
WAIT_S = 0.02
"""Until keys with a time to live of some milliseconds have expired."""
STEPS_SHARE = 20
STEPS_PER_ROUND = 200
ALL = b"KEAnocm"
OF_PARTS = b"STIV"
"""Channels with the fields of hashes, which Redis has since 8.8."""


def run(servers, report, options):
    has_parts = options.against.compat == "8.10"
    for title, lines in notation.sections(PATH).items():
        if has_parts and title.startswith("of 8.6"):
            continue
        prepare(servers, ALL + OF_PARTS * has_parts)
        talk = pubsub.Talk(servers, report, title)
        if has_parts:
            talk.step("s", [[b"PSUBSCRIBE", b"__subkey*"]])
        for line in lines:
            name, _, rest = line.partition(" ")
            if name == "wait":
                time.sleep(WAIT_S)
            else:
                talk.step(name, [notation.words(command) for command in rest.split(" | ")])
        talk.end()
    rng = random.Random(options.seed)
    for number in range(max(1, options.count // STEPS_SHARE // STEPS_PER_ROUND)):
        prepare(servers, (random_letters(rng) if number % 3 else ALL) + OF_PARTS * has_parts)
        talk = pubsub.Talk(servers, report, f"random, seed {options.seed}")
        if has_parts:
            talk.step("s", [[b"PSUBSCRIBE", b"__subkey*"]])
        talk.step("a", [[b"PSUBSCRIBE", b"__key*@*"]])
        talk.step("b", [[b"SUBSCRIBE", b"__keyevent@0__:set", b"__keyspace@0__:k1", b"__keyevent@0__:del"]])
        for _ in range(STEPS_PER_ROUND):
            random_step(talk, rng)
        talk.end()


def prepare(servers, letters):
    for server in servers:
        connection = wire.Connection(server.address)
        for words in ([b"FLUSHALL"], [b"CONFIG", b"SET", b"notify-keyspace-events", letters], [b"DEBUG", b"SET-ACTIVE-EXPIRE", b"0"]):
            pubsub.ask(connection, *words)
        connection.close()


def random_letters(rng):
    return b"".join(rng.sample([b"K", b"E", b"g", b"$", b"h", b"x", b"n", b"o", b"c", b"m", b"A"], rng.randint(2, 8)))


def random_step(talk, rng):
    if rng.random() < 0.05:
        # Keys that expire meanwhile are looked at one by one, as KEYS removes them in any order.
        commands = [[b"SET", random_key(rng), b"v", b"PX", b"5"] for _ in range(2)]
        talk.step("c", commands)
        return time.sleep(WAIT_S)
    commands = [random_command(rng) for _ in range(rng.choice((1, 1, 2, 5)))]
    if rng.random() < 0.15:
        commands = [[b"MULTI"], *commands, [b"EXEC"]]
    return talk.step(rng.choice("cd"), commands)


def random_key(rng):
    return b"k%d" % rng.randrange(5)


def random_command(rng):
    key, other = random_key(rng), random_key(rng)
    # Redis does not copy vector sets, which are never at these keys; nor do these expire. (Where
    # BITOP has nothing to write, and its destination has expired and was not removed yet, Redis'
    # event is `del`, and that of nearhit `expired`.)
    copied = b"c%d" % rng.randrange(3)
    field, number = b"f%d" % rng.randrange(3), b"%d" % rng.randrange(-3, 9)
    expiry = rng.choice(([], [], [b"EX", b"100"], [b"KEEPTTL"]))
    return rng.choice((
        [b"SET", key, number, *expiry],
        [b"SET", key, number, rng.choice((b"NX", b"XX", b"GET"))],
        [b"SETEX", key, b"100", number],
        [b"SETNX", key, number],
        [b"GETSET", key, number],
        [b"GETDEL", key],
        [b"GETEX", key, *rng.choice(([b"EX", b"100"], [b"PERSIST"], [b"PXAT", b"1"], []))],
        [b"APPEND", key, number],
        [b"SETRANGE", key, b"2", number],
        [b"INCRBY", key, number],
        [b"INCRBYFLOAT", key, number],
        [b"MSET", key, b"1", other, b"2"],
        [b"MSETNX", key, b"1", other, b"2"],
        [b"MSETEX", b"1", key, b"1", *expiry],
        [b"DELEX", key, b"IFEQ", number],
        [b"SETBIT", key, b"3", b"1"],
        [b"BITFIELD", key, b"SET", b"u8", b"0", b"7"],
        [b"BITOP", b"OR", copied, other],
        [b"GET", key],
        [b"MGET", key, other],
        [b"STRLEN", key],
        [b"HSET", key, field, number],
        [b"HSET", key, field, number, b"f1", b"x"],
        [b"HSETNX", key, field, number],
        [b"HDEL", key, field, b"f1"],
        [b"HINCRBY", key, field, number],
        [b"HINCRBYFLOAT", key, field, number],
        [b"HEXPIRE", key, rng.choice((b"100", b"0")), b"FIELDS", b"1", field],
        [b"HPERSIST", key, b"FIELDS", b"1", field],
        [b"HGETEX", key, b"EX", b"100", b"FIELDS", b"1", field],
        [b"HGETDEL", key, b"FIELDS", b"1", field],
        [b"HSETEX", key, b"EX", b"100", b"FIELDS", b"1", field, number],
        [b"HGET", key, field],
        [b"HLEN", key],
        [b"VADD", key, b"VALUES", b"2", number, b"1", field],
        [b"VREM", key, field],
        [b"VCARD", key],
        [b"DEL", key, other],
        [b"DEL", key],
        [b"UNLINK", key],
        [b"EXPIRE", key, rng.choice((b"100", b"-1")), *rng.choice(([], [b"NX"], [b"GT"]))],
        [b"PERSIST", key],
        [b"RENAME", key, other],
        [b"RENAMENX", key, other],
        [b"SET", copied, number, *expiry],
        [b"HSET", copied, field, number],
        [b"DEL", copied],
        [b"COPY", copied, other],
        [b"COPY", copied, other, b"DB", b"1", b"REPLACE"],
        [b"MOVE", key, b"1"],
        [b"EXISTS", key, other],
        [b"TYPE", key],
        [b"TTL", key],
        [b"TOUCH", key],
        [b"SWAPDB", b"0", b"1"],
        [b"FLUSHDB"] if rng.random() < 0.2 else [b"EXISTS", key],
    ))  # fmt: skip
