"""Users and their rights: the steps of `acl.txt`, random rules with what they allow, and the
commands of each category. With Valkey its rules on databases, by `acl_databases.txt`.

Each line of a script is a connection's name and one command, which has one reply. Passwords are not
random, so that what shows their hashes is equal.
"""

import os
import random

import notation
import wire
from commands import show
from differences import explain
from pair import known_names
from report import Finding
from rules import equal

PATH, DATABASES_PATH = (os.path.join(os.path.dirname(__file__), name) for name in ("acl.txt", "acl_databases.txt"))
ROUNDS_SHARE = 150
"""One random user for so many commands that are generated elsewhere."""
DRYRUNS_PER_USER = 25
GONE = b"(closed)"


def run(servers, report, options):
    if options.against.common_only:
        # Users are shown in other words there, and rules on databases are only there.
        return run_scripts(DATABASES_PATH, servers, report)
    run_scripts(PATH, servers, report)
    script = Script(servers, report, "categories")
    common = common_commands(script)
    compare_categories(script, common)
    script.end()
    rng = random.Random(options.seed)
    script = Script(servers, report, f"random, seed {options.seed}")
    for _ in range(max(1, options.count // ROUNDS_SHARE)):
        random_user(script, rng, common)
    random_transactions(script, rng, max(1, options.count // ROUNDS_SHARE // 4))
    script.end()


def run_scripts(path, servers, report):
    for title, lines in notation.sections(path).items():
        script = Script(servers, report, title)
        for line in lines:
            name, _, command = line.partition(" ")
            script.step(name, notation.words(command))
        script.end()


class Script:
    """Connections to both servers by name, each made when it is first used."""

    def __init__(self, servers, report, title):
        self.servers, self.report, self.title = servers, report, title
        self.connections, self.history = {}, []
        for command in ("ACL LOG RESET", "ACL SETUSER default on nopass ~* &* +@all", "FLUSHALL"):
            self.ask("admin", command.encode().split())

    def ask(self, name, words):
        """Both replies; None for a connection that is closed."""
        if name not in self.connections:
            self.connections[name] = [wire.Connection(server.address) for server in self.servers]
        replies = []
        for connection in self.connections[name]:
            got = [] if connection.closed else connection.exchange([wire.encode(words)], 1)
            replies.append(got[0] if got else None)
        return replies

    def step(self, name, words):
        self.history.append(f"{name} {show(words)}")
        peer, ours = self.ask(name, words)
        if peer is None and ours is None:
            self.connections.pop(name)
            return self.report.same()
        if peer is None or ours is None:
            raw = [GONE if reply is None else reply.raw for reply in (peer, ours)]
            return self._differs(words, *raw)
        if peer.raw == ours.raw or equal(words, peer, ours) or same_replies(words, peer, ours):
            return self.report.same(peer.is_error)
        difference = explain(words, peer, ours, [], own=self.servers.own)
        if difference:
            return self.report.meant(difference.id, words, peer.raw, ours.raw)
        return self._differs(words, peer.raw, ours.raw)

    def _differs(self, words, peer, ours):
        note = f"{self.title}; after: {' // '.join(self.history[-12:])}"
        self.report.differs(Finding(words, peer, ours, 2, note=note))

    def end(self):
        """Only the user `default` is left, as it was."""
        users = self.ask("admin", [b"ACL", b"USERS"])
        names = {name for reply in users for name in reply.texts()} - {b"default"}
        if names:
            self.ask("admin", [b"ACL", b"DELUSER", *sorted(names)])
        for pair in self.connections.values():
            for connection in pair:
                connection.close()


# ---- what is compared loosely --------------------------------------------------------------------

CLIENT_COMPARED = {b"name", b"db", b"user", b"resp", b"sub", b"psub"}
LOG_KINDS = {b"age-seconds", b"timestamp-created", b"timestamp-last-updated"}


def same_replies(words, peer, ours):
    """ACL LOG by what does not depend on time and process, ACL CAT in any order, ACL GENPASS by
    length."""
    subcommand = words[1].upper() if words[0].upper() == b"ACL" and len(words) > 1 else b""
    if peer.kind != ours.kind:
        return False
    if subcommand == b"LOG" and peer.is_aggregate:
        logs = [[log_entry(entry) for entry in reply.value] for reply in (peer, ours)]
        return logs[0] == logs[1]
    if subcommand == b"GENPASS":
        return not peer.is_error and not ours.is_error and len(peer.value) == len(ours.value)
    return False


def log_entry(entry):
    """The fields of an entry; of those that depend on time, only the kind."""
    shown = []
    for name, value in zip(entry.value[::2], entry.value[1::2]):
        if name.value in LOG_KINDS:
            shown.append((name.raw, value.kind))
        elif name.value == b"client-info":
            fields = [field.split(b"=", 1) for field in value.value.split(b" ")]
            shown.append((name.raw, [field for field in fields if field[0] in CLIENT_COMPARED]))
        else:
            # The peer has a failed login with the word that was sent, AUTH or auth.
            shown.append((name.raw, value.raw.lower() if name.value == b"object" else value.raw))
    return shown


# ---- categories ----------------------------------------------------------------------------------


def common_commands(script):
    """The commands and subcommands that both have, but for those on vector sets, whose categories and
    whose rights differ."""
    peer, ours = (set(known_names(reply)) for reply in script.ask("admin", [b"COMMAND"]))
    return sorted(name.lower() for name in peer & ours if not name.startswith(b"V"))


def compare_categories(script, common):
    peer, _ = script.ask("admin", [b"ACL", b"CAT"])
    for category in peer.texts():
        names = [
            sorted(name.lower() for name in reply.texts() if name.lower() in common)
            for reply in script.ask("admin", [b"ACL", b"CAT", category])
        ]
        if names[0] == names[1]:
            script.report.same()
        else:
            script._differs([b"ACL", b"CAT", category], *(b" ".join(listed) for listed in names))


# ---- random users --------------------------------------------------------------------------------

CATEGORIES = b"""all keyspace read write hash string bitmap pubsub admin fast slow dangerous connection transaction list
    READ Write nonsense""".split()
PATTERNS = [b"*", b"a", b"b", b"a*", b"?", b"[ab]", b"", b"1", b"x y", b"\\*"]
KEYS = [b"a", b"b", b"ab", b"1", b"", b"c"]
SUBCOMMANDS = [b"config|get", b"CONFIG|set", b"client|id", b"object|help", b"config|nonsense", b"get|a", b"select|1", b"ping|A"]
CONTAINERS = [b"config", b"client", b"object", b"acl"]
PLAIN_RULES = b"""on off nopass resetpass allkeys resetkeys allchannels resetchannels allcommands nocommands
    sanitize-payload skip-sanitize-payload reset clearselectors >p >q <p <q nonsense + - ~ & % %R %RW~ ON %~a""".split()
PLAIN_RULES.append(b"#" + 64 * b"0")
PLAIN_RULES.append(b"!" + 64 * b"0")
PLAIN_RULES.append(b"#" + 64 * b"F")


def random_user(script, rng, common):
    """Some rules in one or several requests, what they make, and what they allow."""
    for _ in range(rng.randint(1, 3)):
        rules = [rule for _ in range(rng.randint(0, 6)) for rule in random_rules(rng, common)]
        script.step("admin", [b"ACL", b"SETUSER", b"u", *rules])
        script.step("admin", [b"ACL", b"GETUSER", b"u"])
    script.step("admin", [b"ACL", b"LIST"])
    for _ in range(DRYRUNS_PER_USER):
        script.step("admin", [b"ACL", b"DRYRUN", b"u", *random_command(rng, common)])
    if rng.random() < 0.5:
        script.step("admin", [b"ACL", b"DELUSER", b"u"])


def random_rules(rng, common):
    """One rule, or a selector, whose words are several arguments or one."""
    if rng.random() > 0.15:
        return [random_rule(rng, common)]
    inner = [random_rule(rng, common) for _ in range(rng.randint(0, 3))]
    text = b"(" + b" ".join(inner) + (b")" if rng.random() < 0.95 else b"")
    return [text] if rng.random() < 0.5 else [word for word in text.split(b" ") if word]


def random_rule(rng, common):
    sign = rng.choice([b"+", b"-"])
    return rng.choice(
        [
            lambda: sign + rng.choice(common),
            lambda: sign + rng.choice(common).upper(),
            lambda: sign + rng.choice(SUBCOMMANDS),
            lambda: sign + rng.choice(CONTAINERS),
            lambda: sign + b"@" + rng.choice(CATEGORIES),
            lambda: sign + b"@" + rng.choice(CATEGORIES),
            lambda: rng.choice([b"~", b"~", b"%R~", b"%W~", b"%RW~"]) + rng.choice(PATTERNS),
            lambda: rng.choice([b"~", b"~", b"%R~", b"%w~"]) + rng.choice(PATTERNS),
            lambda: b"&" + rng.choice(PATTERNS),
            lambda: rng.choice(PLAIN_RULES),
        ]
    )()


def random_command(rng, common):
    """Words that may or may not be a command's arguments."""
    name = rng.choice([*common, b"nonsense", b"get", b"set", b"mget", b"copy", b"bitfield", b"publish", b"psubscribe"])
    words = [rng.choice([*KEYS, b"GET", b"EX", b"u8", b"0", b"2"]) for _ in range(rng.randint(0, 5))]
    return [*name.split(b"|"), *words]


def random_transactions(script, rng, count):
    """A user whose commands and channels change between MULTI and EXEC. Its keys stay: the peer does
    not check those again (see `exec-keys`)."""
    for number in range(count):
        name = f"t{number}"
        script.step("admin", b"ACL SETUSER t reset on nopass +@all ~* &*".split())
        script.step(name, b"AUTH t x".split())
        script.step(name, [b"MULTI"])
        for _ in range(rng.randint(1, 5)):
            script.step(name, random_simple(rng))
        change = rng.choice([b"-get", b"-@write", b"resetchannels", b"&a resetchannels &b", b"nocommands", b"-publish", b"+get"])
        script.step("admin", [b"ACL", b"SETUSER", b"t", *change.split()])
        script.step(name, rng.choice([[b"EXEC"], [b"EXEC"], random_simple(rng), [b"DISCARD"]]))
        script.step(name, [b"EXEC"])
        script.step("admin", b"ACL LOG 3".split())
        if rng.random() < 0.3:
            script.step("admin", b"ACL DELUSER t".split())
            script.step(name, [b"PING"])


def random_simple(rng):
    return rng.choice([b"GET a", b"SET a 1", b"PUBLISH a x", b"PUBLISH b x", b"PING", b"MGET a b", b"DEL a", b"HGET h f"]).split()
