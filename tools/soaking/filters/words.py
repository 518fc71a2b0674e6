"""Attributes of elements, and expressions over them.

The names of elements say what is true of them whatever happens: `stay:…` always has the group "stay", all others never have it,
`gone:…` always has the group "gone". All else of an attribute changes.
"""

import json
import math

GROUPS = ["a", "b", "c", "d"]
TEXTS = ["the quick brown fox", "brown bread and butter", "Quick thinking", "foxes run quickly", "bread", "", "Ärger über Brot"]
TAGS = ["red", "green", "blue", "x", 1, 2.5]
FIELDS = [("group", "KEYWORD"), ("n", "NUMERIC"), ("tags", "KEYWORD"), ("text", "TEXT"), ("place", "GEO"), ("o.p", "NUMERIC"),
          ("o.q", "KEYWORD"), ("lat,lon", "GEO")]  # fmt: skip
STEMMED = ("words", "TEXT", "STEM", "english")


def attribute(rng, name):
    """The bytes of a JSON object; for other elements than those that stay now and then none, or no JSON."""
    owner = name.split(":")[0]
    group = owner if owner in ("stay", "gone") else rng.choice(GROUPS)
    if owner not in ("stay", "gone") and rng.random() < 0.06:
        return rng.choice([b"", b"no json", b"{", b"[1]", b"5"])
    fields = {"group": group, "n": _number(rng), "id": name}
    maker = {
        "tags": lambda: rng.choice([rng.sample(TAGS, rng.randint(0, 4)), rng.choice(TAGS), [["red"]], None]),
        "text": lambda: rng.choice([rng.choice(TEXTS), rng.choice(TEXTS), rng.sample(TEXTS, 2), 5]),
        "words": lambda: rng.choice(TEXTS),
        "place": lambda: rng.choice([_place(rng, "lat", "lon"), _place(rng, "lat", "lon"), {"lat": 1}, "x", {"lat": 95, "lon": 0}]),
        "o": lambda: rng.choice([{"p": _number(rng), "q": rng.choice(GROUPS)}, {"p": rng.randint(0, 9)}, 3]),
    }
    for field, make in maker.items():
        if rng.random() < 0.8:
            fields[field] = make()
    if rng.random() < 0.5:
        fields |= _place(rng, "lat", "lon")
    keys = list(fields)
    rng.shuffle(keys)
    return json.dumps({key: fields[key] for key in keys}, ensure_ascii=False).encode()


def _number(rng):
    return rng.choice([rng.randint(0, 9), rng.randint(0, 9), rng.randint(0, 99), rng.uniform(-5, 5), -0.0, 1e300, None, "7", True, [3, 4]])


def _place(rng, lat, lon):
    return {lat: rng.uniform(50, 54), lon: rng.uniform(11, 15)}


# ---- expressions, and what each says, by Python ---------------------------------------------------


def _field(name):
    def get(fields):
        for part in name.split("."):
            fields = fields.get(part) if isinstance(fields, dict) else None
        return fields

    return get


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _numbers(name, compare):
    """True of numbers that compare so; None where other types would be converted."""
    get = _field(name)

    def says(fields):
        value = get(fields)
        if value is None:
            return False
        return compare(value) if _is_number(value) else None

    return says


def _words(text):
    return set("".join(c if c.isalnum() else " " for c in text.lower()).split())


def _matches(name, wanted):
    get = _field(name)

    def says(fields):
        value = get(fields)
        texts = value if isinstance(value, list) else [value]
        return wanted <= set().union(*(_words(text) for text in texts if isinstance(text, str)))

    return says


def _within(lat, lon, centre, radius_km):
    def says(fields):
        place = _field(lat)(fields), _field(lon)(fields)
        if not all(map(_is_number, place)) or abs(place[0]) > 90 or abs(place[1]) > 180:
            return False
        (a, b), (c, d) = (map(math.radians, point) for point in (place, centre))
        chord = math.sin((c - a) / 2) ** 2 + math.cos(a) * math.cos(c) * math.sin((d - b) / 2) ** 2
        distance = 2 * 6371.0088 * math.asin(math.sqrt(chord))
        return None if abs(distance - radius_km) < 0.01 * radius_km else distance < radius_km

    return says


def _exists(name):
    get = _field(name)
    return lambda fields: _readable(get(fields), fields, name)


def _readable(value, fields, name):
    if value is None:
        parent, _, last = name.rpartition(".")
        of = _field(parent)(fields) if parent else fields
        return isinstance(of, dict) and last in of
    nested = isinstance(value, list) and any(isinstance(item, dict) for item in value)
    return not isinstance(value, dict) and not nested


SURE = [
    ('.group == "stay"', lambda f: f.get("group") == "stay"),
    ('.group != "stay" and exists(.group)', lambda f: "group" in f and f["group"] != "stay"),
    ('.group in ["a", "b", "gone"]', lambda f: f.get("group") in ("a", "b", "gone")),
    ('.group not in ["a", "stay"] and exists(.group)', lambda f: "group" in f and f["group"] not in ("a", "stay")),
    ('prefix(.group, "st") or prefix(.group, "go")', lambda f: f.get("group") in ("stay", "gone")),
    ('contains(.group, "a")', lambda f: "a" in f.get("group", "")),
    (".n >= 3 and .n < 7", _numbers("n", lambda n: 3 <= n < 7)),
    (".n == 0", _numbers("n", lambda n: n == 0)),
    (".o.p > 4", _numbers("o.p", lambda p: p > 4)),
    ('.o.q == "c"', lambda f: _field("o.q")(f) == "c"),
    ("exists(.o.q)", _exists("o.q")),
    ("not exists(.o.p) and exists(.id)", lambda f: "id" in f and not _exists("o.p")(f)),
    ("exists(.tags)", _exists("tags")),
    ("exists(.o)", _exists("o")),
    ('match(.text, "quick brown")', _matches("text", {"quick", "brown"})),
    ('match(.text, "BREAD")', _matches("text", {"bread"})),
    ('match(.text, "über")', _matches("text", {"über"})),
    ("geo(.place.lat, .place.lon, 52, 13, 100)", _within("place.lat", "place.lon", (52, 13), 100)),
    ("geo(.lat, .lon, 53, 12, 60)", _within("lat", "lon", (53, 12), 60)),
]
"""Expressions, and functions that say of the fields of an attribute whether each holds; None if that is not said here."""

_ATOMS = [text for text, _ in SURE] + [
    ".n > 2", ".n <= 5.5", '.n == "7"', ".n == 7", ".n == null", ".n != 3", ".n", ".n + 1 > 4", ".n % 2 == 0", "-.n < -3", ".n < .o.p",
    '.tags == "red"', '"red" in .tags', "2.5 in .tags", '.tags in ["red", 1]', 'contains(.tags, "ee")', ".tags == null", ".tags > 0",
    'match(.words, "running fox", "english")', 'match(.words, "quickly")', 'match(.tags, "red")', ".missing == null", "exists(.missing)",
    '.o == 3', ".o.p in [1, 2, 3]", '.o.q != "a"', '.group > "b"', '.group >= "a" and .group < "c"', "true", "false", "null",
    "geo(.place.lat, .place.lon, 51, 14, 250)", "geo(.lat, .lon, 52, 13, 0)", "geo(.n, .o.p, 3, 3, 500)", '.id >= "stay"',
]  # fmt: skip


def random_expression(rng):
    """Of some of these."""
    words = _negated(rng)
    for _ in range(rng.choice([0, 0, 1, 1, 2, 3])):
        words = f"({words}) {rng.choice(['and', 'or'])} {_negated(rng)}"
    return words


def _negated(rng):
    atom = rng.choice(_ATOMS)
    return f"not ({atom})" if rng.random() < 0.2 else atom


def fields_of(attribute):
    """The fields of an attribute; none if it is no object."""
    try:
        fields = json.loads(attribute) if attribute else {}
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}
