"""Random commands of all families, reproducible from a seed: valid, nearly valid, and wrong in many ways.

Knows what commands look like and what each key is meant to hold, but not what any server answers.
"""

from collections import Counter

import bitmap_commands
import hash_commands
import key_commands
import string_commands
import vector_commands
from vocabulary import ELEMENTS, STRING_KEYS, VECTOR_KEYS

VARIADIC = {
    b"VREM", b"VISMEMBER", b"VGETATTR", b"VEMB", b"VSETATTR", b"DEBUG", b"FLUSHDB", b"FLUSHALL", b"SCAN", b"HSCAN",
}  # fmt: skip
"""Commands to which a further word would make a difference that is meant to be, or to which one is never added."""
ASKED_BESIDE = {b"VSIM", b"VRANDMEMBER", b"RANDOMKEY", b"HRANDFIELD", b"HELLO"}
"""Commands whose replies need another command's to be compared, or that change the protocol: not in a transaction."""


class Generator(
    vector_commands.VectorCommands, string_commands.StringCommands, bitmap_commands.BitmapCommands,
    hash_commands.HashCommands, key_commands.KeyCommands,
):
    """An endless source of commands; `step()` gives those that belong together.

    Commands that are not among `known` (`None` for all) are left out, and counted in `skipped`.
    """

    def __init__(self, seed, known=None):
        super().__init__(seed, known)
        self.skipped = Counter()
        self.steps, self.weights = zip(*FAMILIES, *TRANSACTIONS)
        self.families, self.family_weights = zip(*FAMILIES)
        self.nests = True
        """Whether transactions are begun within transactions; Valkey ends both."""

    def step(self):
        """One or a few commands that belong together; none if one of them is not known."""
        commands = self._of(self.steps, self.weights)
        if len(commands) == 1 and self._rarely(0.01):
            commands[0] = self._wrong_count(commands[0])
        unknown = [command[0] for command in commands if not self._is_known(command[0])]
        self.skipped.update(unknown)
        for command in commands:
            command[0] = self._case(command[0])
        return [] if unknown else commands

    def _of(self, steps, weights):
        return self.rng.choices(steps, weights)[0](self)

    def _wrong_count(self, command):
        """A word too few, or too many (only where the peer takes exactly so many)."""
        if self._rarely(0.5) and command[0] not in (b"SCAN", b"HSCAN"):
            return command[: self.rng.randrange(1, len(command) + 1)]
        return command if command[0] in VARIADIC else [*command, self.rng.choice(ELEMENTS)]

    def other_shape(self):
        """A vector set that is removed, or renamed, and looks otherwise from then on."""
        source, target = self.rng.sample(VECTOR_KEYS, 2)
        if self._rarely(0.5):
            self.shapes[source] = self._shape()
            return [[self.rng.choice([b"DEL", b"UNLINK"]), source]]
        self.shapes[source], self.shapes[target] = self.shapes[target], self.shapes[source]
        return [[self.rng.choice([b"RENAME", b"RENAME", b"RENAMENX"]), source, target]]

    # ---- transactions ------------------------------------------------------------------------------------------------

    def transaction(self):
        """MULTI, a few commands, EXEC or DISCARD."""
        commands = [command for _ in range(self.rng.randint(0, 5)) for command in self._queueable()]
        if self._rarely(0.1):
            commands.insert(self.rng.randint(0, len(commands)), self._mistake())
        end = [b"DISCARD"] if self._rarely(0.15) else [b"EXEC"]
        return [*self._watch(), [b"MULTI"], *commands, end]

    def _queueable(self):
        commands = self._of(self.families, self.family_weights)
        return [] if any(command[0] in ASKED_BESIDE for command in commands) else commands

    def _watch(self):
        """Watches keys, and perhaps changes one before the transaction begins."""
        if not self._rarely(0.3):
            return []
        key = self.rng.choice(STRING_KEYS)
        touched = self._one_of(0.4, [[b"SET", key, b"changed"]], [[b"GET", key]], [[b"DEL", key]], [[b"UNWATCH"]])
        return [[b"WATCH", key, self._any_key()], *touched]

    def _mistake(self):
        """What does not belong into a transaction, or cannot be queued."""
        nested = [[b"MULTI"], [b"WATCH", b"s0"]] if self.nests else []
        return self.rng.choice([*nested, [b"GET"], [b"NOSUCH", b"x"], [b"UNWATCH"], [b"EXEC", b"x"]])

    def stray(self):
        return [[self.rng.choice([b"EXEC", b"DISCARD", b"UNWATCH", b"WATCH"])]]


def _weighted(steps, share):
    """The steps with weights that come to `share` together."""
    total = sum(weight for _, weight in steps)
    return [(step, weight * share / total) for step, weight in steps]


FAMILIES = [
    *_weighted(vector_commands.STEPS, 40), *_weighted([(Generator.other_shape, 1)], 1),
    *_weighted(string_commands.STEPS, 20), *_weighted(bitmap_commands.STEPS, 6), *_weighted(hash_commands.STEPS, 22), *_weighted(key_commands.STEPS, 13),
]  # fmt: skip
TRANSACTIONS = [(Generator.transaction, 4), (Generator.stray, 0.1)]
