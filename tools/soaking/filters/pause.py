"""What is compared while no client changes anything: answers by indexes with those without, and with attributes that are read
here.
"""

import time

from benchmarks import resp

from .words import SURE, fields_of, random_expression

READY_S = 60
EXPRESSIONS = 40
COPY = "copy"
AFRESH = "afresh"
LARGE = 1_000_000


class Wrong(Exception):
    """An answer that cannot be."""


def scan(client, key, *words):
    """All elements that a VSCAN returns, each once."""
    cursor, found = "0", []
    while True:
        cursor, names = client.ask("VSCAN", key, cursor, *words)
        found += names
        if cursor == b"0":
            break
    if len(set(found)) < len(found):
        raise Wrong(f"VSCAN {key} {words}: an element came twice")
    return found


def listed(client, key):
    """VINDEX LIST by field."""
    rows = [dict(zip(row[::2], row[1::2])) for row in client.ask("VINDEX", key, "LIST")]
    return {row[b"field"]: row for row in rows}


def wait_until_built(client, key):
    """Until no index is being built."""
    until = time.monotonic() + READY_S
    while any(row[b"state"] != b"ready" for row in listed(client, key).values()):
        if time.monotonic() > until:
            raise Wrong(f"an index of {key} is not built within {READY_S} s")
        time.sleep(0.01)


def keys(client):
    """The vector sets of this database, in order."""
    return sorted(key for key in client.ask("KEYS", "*") if client.ask("TYPE", key) == b"vectorset")


def compare(client, key, rng):
    """Everything that is asked of one set."""
    wait_until_built(client, key)
    names = client.ask("VRANGE", key, "-", "+")
    if not names:
        return 0
    attributes = dict(zip(names, client.many([resp.encoded("VGETATTR", key, name) for name in names])))
    client.ask("DEL", COPY)
    client.ask("COPY", key, COPY)
    try:
        wait_until_built(client, COPY)
        compare_entries(client, key)
        for field in listed(client, COPY):
            client.ask("VINDEX", COPY, "DROP", field)
        compare_sure(client, key, attributes)
        for _ in range(EXPRESSIONS):
            compare_with_copy(client, key, random_expression(rng), rng)
        compare_facets(client, key)
    finally:
        client.ask("DEL", COPY)
    return len(names)


def compare_entries(client, key):
    """The indexes have what they would have if they were made now."""
    kept = listed(client, key)
    client.ask("DEL", AFRESH)
    client.ask("COPY", key, AFRESH)
    for field, row in kept.items():
        client.ask("VINDEX", AFRESH, "DROP", field)
        language = ("STEM", row[b"language"]) if row[b"language"] else ()
        client.ask("VINDEX", AFRESH, "CREATE", field, row[b"kind"], *language)
    wait_until_built(client, AFRESH)
    for of, fresh in ((AFRESH, listed(client, AFRESH)), (COPY, listed(client, COPY))):
        for field, row in kept.items():
            for figure in (b"kind", b"language", b"cardinality", b"entries", b"others"):
                if row[figure] != fresh[field][figure]:
                    raise Wrong(f"{key} {field}: {figure} is {row[figure]}, in {of} {fresh[field][figure]}")
    client.ask("DEL", AFRESH)


def compare_sure(client, key, attributes):
    """Expressions whose meaning is known here."""
    for expression, says in SURE:
        said = {name: says(fields_of(attribute)) for name, attribute in attributes.items()}
        found = set(scan(client, key, "FILTER", expression, "COUNT", 1000))
        wrong = [name for name, holds in said.items() if holds is not None and holds != (name in found)]
        if wrong or not found <= set(said):
            raise Wrong(f"{key} {expression}: {[(name, attributes[name]) for name in wrong[:3]]} of {len(wrong)}")


def compare_with_copy(client, key, expression, rng):
    """Any expression: by indexes, and by reading attributes."""
    by_index, read = (scan(client, of, "FILTER", expression, "COUNT", rng.choice([3, 100, 5000])) for of in (key, COPY))
    if by_index != read:
        raise Wrong(f"{key} {expression}: VSCAN finds {len(by_index)} by indexes, {len(read)} without, "
                    f"{sorted(set(by_index) ^ set(read))[:3]}")
    for of in (key, COPY):
        count = client.ask("VCOUNT", of, "FILTER", expression)
        if count != len(read):
            raise Wrong(f"{of} {expression}: VCOUNT is {count} of {len(read)}")
        query = ("ELE", rng.choice(client.ask("VRANGE", of, "-", "+", 50)))
        (found,) = client.ask("VSEARCH", of, *query, "FILTER", expression, "COUNT", len(read) + 10, "FILTER-EF", LARGE, "EF", 1000)
        if sorted(found) != sorted(read):
            raise Wrong(f"{of} {expression}: VSEARCH finds {len(found)} of {len(read)}, others {sorted(set(found) - set(read))[:3]}, "
                        f"not {sorted(set(read) - set(found))[:3]}; {client.ask('VEXPLAIN', of, *query, 'FILTER', expression)}")


def compare_facets(client, key):
    """Values of fields, by indexes and without."""
    for field in ("group", "tags", "n", "o.q"):
        for words in ((), ("FILTER", '.group in ["a", "stay"]'), ("FILTER", ".n > 3")):
            by_index, read = (client.ask("VFACET", of, field, *words, "LIMIT", 1000) for of in (key, COPY))
            if by_index != read:
                raise Wrong(f"VFACET {key} {field} {words}: {by_index} by indexes, {read} without")


def answers(client, databases, expressions):
    """What is asked before and after a restart."""
    found = {}
    for database in range(databases):
        client.ask("SELECT", database)
        for key in keys(client):
            wait_until_built(client, key)
            figures = {field: [row[name] for name in (b"kind", b"language", b"cardinality", b"entries", b"others")]
                       for field, row in listed(client, key).items()}
            scans = [scan(client, key, "FILTER", expression, "COUNT", 5000) for expression in expressions]
            found[database, key] = figures, scans
    client.ask("SELECT", 0)
    return found
