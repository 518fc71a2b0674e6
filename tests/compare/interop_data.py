"""What is written before files are exchanged: every kind of value that both servers have, in
several databases.

Yields commands as lists of words; knows neither files nor servers.
"""

import random
import struct

DATABASES = (0, 3, 15)
FAR_MS = 4_000_000_000_000
"""A deadline, in ms since 1970, that none of us will see."""
FAMILIES = 60
"""Vectors come in so many clusters, as real ones do."""
KIN = 0.35


def all_databases(rng, elements):
    """All of it."""
    for database in DATABASES:
        yield ["SELECT", database]
        yield from strings(rng)
        yield from hashes(rng)
        for shape in SHAPES if database == 0 else SHAPES[:2]:
            yield from vector_set(rng, shape, elements if database == 0 else 20)
        yield from arithmetic()


def strings(rng):
    """Encodings that differ in files: integers, short, long, compressible, binary, empty; and
    deadlines."""
    values = [b"", b"0", b"-1", b"127", b"-129", b"32768", b"2147483648", b"9223372036854775807", b"007", b"x" * 20, b"x" * 21,
              b"ab" * 5000, rng.randbytes(30), rng.randbytes(70_000), b"\0\xff\r\n", "ünïcödé".encode()]  # fmt: skip
    for number, value in enumerate(values):
        yield ["SET", f"s:{number}", value]
        yield ["SET", f"ends:{number}", value, "PXAT", FAR_MS + number]
    yield ["SET", b"\0binary \xff key", "v"]
    yield ["SET", "", "the key is empty"]
    for number in range(300):
        yield ["SET", f"many:{number}", number]


def hashes(rng):
    """Small and large ones, with and without deadlines of fields."""
    for name, count, length in (("small", 5, 10), ("long", 3, 100), ("large", 700, 8), ("both", 150, 100)):
        fields = [word for n in range(count) for word in (f"f{n}", rng.choice((rng.randbytes(length), str(n))))]
        yield ["HSET", f"h:{name}", *fields]
        yield ["HSET", f"h:{name}:ends", *fields, "7", "-12345", b"\0\xff", b""]
        yield ["HPEXPIREAT", f"h:{name}:ends", FAR_MS + count, "FIELDS", 2, "f1", "7"]
        yield ["PEXPIREAT", f"h:{name}:ends", FAR_MS]


SHAPES = [
    {"name": "q8", "dim": 64, "options": ["Q8"]},
    {"name": "none", "dim": 100, "options": ["NOQUANT"]},
    {"name": "bin", "dim": 200, "options": ["BIN"]},
    {"name": "q8-M4", "dim": 33, "options": ["Q8", "M", 4]},
    {"name": "none-M40", "dim": 24, "options": ["NOQUANT", "M", 40]},
    {"name": "reduced-q8", "dim": 96, "reduce": 32, "options": ["Q8"]},
    {"name": "reduced-none", "dim": 96, "reduce": 24, "options": ["NOQUANT"]},
    {"name": "reduced-bin", "dim": 300, "reduce": 128, "options": ["BIN"]},
]


def vector_set(rng, shape, elements):
    """A set that grew, with attributes, of which elements were removed, and some with odd names and
    vectors."""
    key, dim = f"v:{shape['name']}", shape["dim"]
    centres = [[rng.gauss(0, 1) for _ in range(dim)] for _ in range(FAMILIES)]
    for number in range(elements):
        attribute = ["SETATTR", f'{{"n":{number},"odd":{number % 2}}}'] if number % 3 == 0 else []
        yield vadd(shape, near(rng, centres), f"e{number}", attribute)
    for number in range(0, elements, 7):
        yield ["VREM", key, f"e{number}"]
    for name in ("7", "-12", b"\0\xff", "long" * 100, ""):
        yield vadd(shape, near(rng, centres), name)
    yield vadd(shape, [0.0] * dim, "zero")
    yield ["VSETATTR", key, "e1", '{"year":1999}']
    yield ["VSETATTR", key, "e3", ""]
    for number in range(elements // 20):
        yield vadd(shape, near(rng, centres), f"again{number}")
    yield vadd({**shape, "name": shape["name"] + "-one"}, near(rng, centres), "alone")
    yield ["PEXPIREAT", f"v:{shape['name']}-one", FAR_MS]


def updates(rng):
    """Elements that get another vector: Redis forgets those in its log."""
    for shape in SHAPES:
        for number in range(1, 12, 3):
            yield vadd(shape, [rng.gauss(0, 1) for _ in range(shape["dim"])], f"e{number}")


def near(rng, centres):
    return [value + KIN * rng.gauss(0, 1) for value in rng.choice(centres)]


def vadd(shape, vector, name, more=(), cas=False):
    reduce = ["REDUCE", shape["reduce"]] if "reduce" in shape else []
    words = ["VADD", f"v:{shape['name']}", *reduce, "FP32", blob(vector), name, *shape["options"], *more]
    return [*words, "CAS"] if cas else words


def blob(vector):
    return struct.pack(f"<{len(vector)}f", *vector)


def compare_and_set(rng):
    """VADD … CAS for sets that exist: Redis' log has the word, on which Redis itself aborts."""
    for shape in SHAPES:
        yield vadd(shape, [rng.gauss(0, 1) for _ in range(shape["dim"])], "cas", cas=True)


def arithmetic(first=0):
    """Commands of which a log must have the outcome, not the words: times from now on, sums of
    floats. Each `first` has keys of its own."""
    yield ["INCRBYFLOAT", "float", "0.1"]
    yield ["INCRBYFLOAT", "float", "1e20"]
    yield ["HINCRBYFLOAT", "h:float", "f", "0.1"]
    yield ["SET", "soon", "v", "EX", 1_000_000]
    yield ["EXPIRE", f"many:{first + 1}", 1_000_000]
    yield ["GETEX", f"many:{first + 2}", "PX", 1_000_000_000]
    yield ["GETDEL", f"many:{first + 3}"]
    yield ["RENAME", f"many:{first + 4}", "renamed"]
    yield ["APPEND", f"many:{first + 5}", "and more"]
    yield ["SETRANGE", f"many:{first + 6}", 10, "x"]
    yield ["PERSIST", "ends:1"]
    yield ["HEXPIRE", "h:small", 1_000_000, "FIELDS", 1, "f0"]
    yield ["MULTI"]
    yield ["INCR", "counter"]
    yield ["HINCRBY", "h:small", "counter", 5]
    yield ["EXEC"]
    yield ["MSET", "m:1", 1, "m:2", 2]
    yield ["DEL", f"many:{first + 7}", f"many:{first + 8}"]


FOREIGN = [
    ["RPUSH", "a list", "x", "y"],
    ["SADD", "a set", "x", "y"],
    ["SADD", "a set of integers", 1, 2],
    ["ZADD", "a sorted set", 1, "x"],
    ["XADD", "a stream", "1-1", "f", "v"],
]
"""Values of types that nearhit does not have."""


def queries(rng, count):
    """Random vectors for each of the shapes."""
    for shape in SHAPES:
        yield f"v:{shape['name']}", [blob([rng.gauss(0, 1) for _ in range(shape["dim"])]) for _ in range(count)]


def later(rng):
    """Elements to be added and removed when the files have been loaded: set, command, and by how
    many it then has grown."""
    for shape in SHAPES:
        key = f"v:{shape['name']}"
        for number in range(40):
            yield key, vadd(shape, [rng.gauss(0, 1) for _ in range(shape["dim"])], f"later{number}"), 1
        for number in range(1, 60, 2):
            yield key, ["VREM", key, f"e{number}"], -1


def seeded(seed, part):
    """Random numbers of their own for each part."""
    return random.Random(f"{seed} {part}")
