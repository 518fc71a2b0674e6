"""Files and dumps of newer servers, where they are installed beside the peer: nearhit has what they say that it is.

Redis 8.10 writes hashes that share their names; Valkey 9 has files of its own, and other digests of hashes whose fields
end.
"""

import os
import shutil
import tempfile

import interop_data as data
from interop import LOG_FLAGS, Client, Refused, copy_files, judge, start, wait_for
from report import Finding
from servers import USUAL_FLAGS, Started

NEWER = ("redis810-server", "valkey9-server")
LONG = b"v" * 100

TEMPLATES = [
    ["HIMPORT", "PREPARE", "person", "name", "email", "age"],
    ["HIMPORT", "PREPARE", "long", "7", b"n" * 70, ""],
    *[["HIMPORT", "SET", f"person:{n}", "person", f"name {n}", "a@example.com", n] for n in range(200)],
    ["HIMPORT", "SET", "person:long", "person", "bob", LONG, "41"],
    ["HIMPORT", "SET", "named", "long", "one", "-2", "3"],
    ["HIMPORT", "SET", "named:long", "long", "one", LONG, "3"],
    ["HIMPORT", "SET", "person:timed", "person", "carol", "c@example.com", "7"],
    ["HPEXPIREAT", "person:timed", data.FAR_MS, "FIELDS", "1", "age"],
    ["HIMPORT", "SET", "person:0", "person", "again", "g@example.com", "50"],
    ["HDEL", "person:1", "age"],
]


def run(_servers, report, options):
    if options.nearhit or options.peer_twice:
        return report.note("left out: it starts servers of its own")
    for name in NEWER:
        binary = os.path.join(os.path.dirname(options.peer_binary), name)
        if not os.path.exists(binary):
            report.note(f"left out: {name} is not installed beside the peer")
            continue
        for form in ("rdb", "log", "base"):
            exchange(name, binary, form, report, options)


def exchange(name, binary, form, report, options):
    found = len(report.findings)
    flags = [] if form == "rdb" else LOG_FLAGS
    writer = Started(name, binary, USUAL_FLAGS, flags)
    folder, reader = tempfile.mkdtemp(prefix="compare-files-"), None
    try:
        wait_for(Client(writer).is_loaded)
        fill(writer, form, "redis" in name, options)
        copy_files(writer.folder, folder)
        reader = start("nearhit", flags, options, folder)
        compare(writer, reader, f"{form} from {name}", report)
    except (RuntimeError, Refused) as refused:
        report.differs(Finding([b"(start)"], b"", str(refused).encode(), 2, [], f"{form} from {name}"))
    finally:
        for server in filter(None, (writer, reader)):
            server.stop()
        shutil.rmtree(folder)
    report.note(f"{form} from {name} to nearhit: {len(report.findings) - found} differences")


def fill(server, form, is_redis, options):
    client, rng = Client(server), data.seeded(options.seed, "newer")
    for database in data.DATABASES:
        client.ask_all([["SELECT", database], *data.strings(rng), *data.hashes(rng)])
        if is_redis:
            client.ask_all([*TEMPLATES, *data.vector_set(rng, data.SHAPES[0], 50)])
    client.ask("SELECT", 0)
    if form == "rdb":
        client.ask("SAVE")
    if form == "base":
        client.ask("BGREWRITEAOF")
        wait_for(lambda: client.info("aof_rewrite_in_progress") == "0")
        client.ask_all(TEMPLATES[:6] if is_redis else [["SET", "more", "v"]])
    client.close()


def compare(writer, reader, note, report):
    theirs, ours = Client(writer), Client(reader)
    for database in data.DATABASES:
        sizes = [client.ask_all([["SELECT", database], ["DBSIZE"]])[1] for client in (theirs, ours)]
        judge(report, sizes, sizes[0].raw == sizes[1].raw, [b"DBSIZE"], note)
        for key in sorted(theirs.ask("KEYS", "*").texts()):
            compare_key(theirs, ours, key, note, report)
    theirs.close()
    ours.close()


def compare_key(theirs, ours, key, note, report):
    """Every key by its digest, its deadline, and by its dump; hashes with field deadlines of Valkey by their fields."""
    both = lambda *words: [client.ask(*words) for client in (theirs, ours)]  # noqa: E731
    is_valkey = note.endswith(NEWER[1])
    if is_valkey and both("TYPE", key)[0].value == b"hash":
        pairs = [dict(zip(texts[::2], texts[1::2])) for texts in (reply.texts() for reply in both("HGETALL", key))]
        replies = both("HPEXPIRETIME", key, "FIELDS", len(pairs[0]), *pairs[0])
        judge(report, replies, pairs[0] == pairs[1] and replies[0].raw == replies[1].raw, [b"HGETALL", key], note)
    else:
        replies = both("DEBUG", "DIGEST-VALUE", key)
        judge(report, replies, replies[0].raw == replies[1].raw, [b"DEBUG", b"DIGEST-VALUE", key], note)
    replies = both("PEXPIRETIME", key)
    judge(report, replies, replies[0].raw == replies[1].raw, [b"PEXPIRETIME", key], note)
    restored(theirs, ours, key, note, report)


def restored(theirs, ours, key, note, report):
    """A dump of the newer server becomes the same value."""
    copy = key + b" copy"
    dump = theirs.ask("DUMP", key).value
    ends_ms = max(int(ours.ask("PEXPIRETIME", key).value), 0)
    ours.ask("RESTORE", copy, ends_ms, dump, "ABSTTL")
    digests = [ours.ask("DEBUG", "DIGEST-VALUE", name) for name in (key, copy)]
    judge(report, digests, digests[0].raw == digests[1].raw, [b"RESTORE", key], note)
    ours.ask("DEL", copy)
