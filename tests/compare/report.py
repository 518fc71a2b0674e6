"""What was sent and what came of it, in figures and in words."""

import os
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from commands import context, name_of, show

SHOWN_PER_KIND = 3
SHOWN_KINDS = 40
CONTEXT_LINES = 25
LINE = 240
UNKNOWN = b"-ERR unknown command "
RAW = b"(raw)"
"""Stands for the command's name in findings of raw bytes."""


@dataclass
class Finding:
    """One unexplained difference, with what is needed to see it again."""

    args: list
    peer: bytes
    ours: bytes
    protocol: int
    history: list = field(default_factory=list)
    note: str = ""

    def text(self):
        """The command as a line, or the line of `protocol.txt` as it is."""
        return self.args[1].decode() if self.is_raw else show(self.args)

    @property
    def is_raw(self):
        return self.args[:1] == [RAW]

    @property
    def is_unknown(self):
        """True if the command is known to the peer alone."""
        return not self.is_raw and UNKNOWN in self.ours and UNKNOWN not in self.peer

    def kind(self):
        """Findings of one kind are most likely one fault."""
        name = self.args[0].upper() if self.args else b""
        return name, self.note.split(":")[0], self.peer[:24].split(b"\r")[0], self.ours[:24].split(b"\r")[0]

    def lines(self, ours_name):
        history = context(self.history, self.args)
        if len(history) > CONTEXT_LINES:
            yield f"      … {len(history) - CONTEXT_LINES} earlier writes"
        for earlier in history[-CONTEXT_LINES:]:
            yield f"      {cut(show(earlier), LINE)}"
        yield f"    > {cut(self.text(), LINE)}      (RESP{self.protocol}) {self.note}"
        yield f"      {'peer':>11}: {cut(raw_text(self.peer))}"
        yield f"      {ours_name:>11}: {cut(raw_text(self.ours))}"

    def script(self):
        """Context and command in full, as a section that `--replay` takes."""
        commands = [*context(self.history, self.args), self.args]
        return "\n".join([f"= {self.note or 'found'}", *map(show, commands)]) + "\n"


def raw_text(raw):
    return repr(raw)[2:-1]


def cut(text, limit=600):
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


class Report:
    """The figures of one part of the test."""

    def __init__(self, part, ours_name="nearhit", verbose=False):
        self.part, self.ours_name, self.verbose = part, ours_name, verbose
        self.sent = self.equal = self.errors = 0
        self.deliberate, self.one_sided = Counter(), Counter()
        self.findings = []
        self.notes = []

    def same(self, is_error=False):
        """Equal replies; `is_error` is true if they were errors."""
        self.sent += 1
        self.equal += 1
        self.errors += is_error

    def meant(self, difference, args, peer, ours):
        self.sent += 1
        self.deliberate[difference] += 1
        if self.verbose:
            print(f"    [{difference}] {cut(show(args), LINE)}\n      {cut(raw_text(peer))}\n      {cut(raw_text(ours))}")

    def differs(self, finding):
        self.sent += 1
        self.findings.append(finding)
        if self.verbose:
            print("\n".join(finding.lines(self.ours_name)), flush=True)

    def left_out(self, name):
        """A command that only one server knows."""
        self.one_sided[name] += 1

    def note(self, text):
        """A remark on what is neither equal nor different."""
        self.notes.append(text)

    @property
    def passed(self):
        return self.equal + sum(self.deliberate.values())

    def print(self):
        """The part's line, its notes, and its findings, kind by kind."""
        deliberate = "".join(f", {id} ×{n}" for id, n in sorted(self.deliberate.items()))
        print(
            f"{self.part}: {self.sent} compared, {self.equal} equal ({self.errors} of them errors), "
            f"{sum(self.deliberate.values())} deliberate"
            f"{deliberate}, {len(self.findings)} different"
        )
        if self.one_sided:
            names = (f"{name.decode(errors='replace')} ×{n}" for name, n in self.one_sided.most_common())
            self.note("left out, since one of the two does not know them: " + ", ".join(names))
        unknown = Counter(name_of(finding.args).decode(errors="replace") for finding in self.findings if finding.is_unknown)
        if unknown:
            self.note(f"not known to {self.ours_name}: " + ", ".join(f"{name} ×{n}" for name, n in unknown.most_common()))
        for note in self.notes:
            print(f"  {note}")
        self._print_findings()

    def save(self, folder):
        """Writes every finding in full to a file of its own, to be sent again with `--replay`.

        Findings of raw bytes are lines of `protocol.txt` and stand there already.
        """
        os.makedirs(folder, exist_ok=True)
        for number, finding in enumerate(finding for finding in self.findings if not finding.is_raw):
            with open(os.path.join(folder, f"{self.part}-{number}.txt"), "w", encoding="utf-8") as file:
                file.write(finding.script())

    def _print_findings(self):
        kinds = defaultdict(list)
        for finding in self.findings:
            kinds[finding.kind()].append(finding)
        for findings in list(kinds.values())[:SHOWN_KINDS]:
            print(f"  --- {len(findings)} × of this kind")
            for finding in sorted(findings, key=lambda f: len(f.history))[:SHOWN_PER_KIND]:
                print("\n".join(finding.lines(self.ours_name)))
        if len(kinds) > SHOWN_KINDS:
            print(f"  --- and {len(kinds) - SHOWN_KINDS} kinds more")
