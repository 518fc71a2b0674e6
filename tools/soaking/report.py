"""The table of minutes and the verdict."""

from benchmarks import table

MB = 1e6
HEAD = ["minute", "writes/s", "MB written", "searches/s", "p99 ms", "quiet p99", "recall@10", "worst query", "RSS MB", "÷ limit",
        "used MB", "elements", "evicted", "expired", "errors"]
WIDTHS = [6, 9, 10, 10, 7, 9, 9, 11, 7, 7, 8, 9, 9, 9, 7]


def percentile(waits, share):
    """Of a list, in milliseconds; None of an empty one."""
    return sorted(waits)[min(len(waits) - 1, int(len(waits) * share))] * 1e3 if waits else None


def head():
    """The line above the minutes."""
    print("  ".join(title.rjust(width) for title, width in zip(HEAD, WIDTHS)), flush=True)


def row(cells):
    """One minute."""
    words = [cell if isinstance(cell, str) else table.number(cell) for cell in cells]
    print("  ".join(word.rjust(width) for word, width in zip(words, WIDTHS)), flush=True)


class Verdict:
    """Checks, each printed with what was found."""

    def __init__(self):
        self.passed, self.failed, self.skipped = 0, 0, 0

    def check(self, what, holds, found):
        """One check."""
        self.passed, self.failed = self.passed + bool(holds), self.failed + (not holds)
        print(f"{'ok    ' if holds else 'FAILED'}  {what}: {found}")

    def skip(self, what, why):
        """A check that is left out."""
        self.skipped += 1
        print(f"SKIP    {what}: {why}")

    def close(self):
        """The line of sums; whether nothing failed."""
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped", flush=True)
        return not self.failed
