"""How many tests passed, failed and were skipped, read from the closing lines of each kind of test runner."""

import re
from typing import NamedTuple


class Counts(NamedTuple):
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def sums(counts):
    return Counts(*(sum(column) for column in zip(Counts(), *counts)))


def of_unittest(ended):
    """`Ran 9 tests in 1s`, then `FAILED (failures=1, skipped=2)`; Django writes more lines below."""
    ran = re.search(r"^Ran (\d+) tests? in", ended.stderr, re.MULTILINE)
    if not ran:
        return None
    numbers = named(r"(failures|errors|skipped)=(\d+)", ended.stderr[ran.end() :], name_first=True)
    failed = numbers.get("failures", 0) + numbers.get("errors", 0)
    skipped = numbers.get("skipped", 0)
    return Counts(max(0, int(ran[1]) - failed - skipped), failed, skipped)


def of_node(ended):
    """TAP: `# pass 9`."""
    numbers = named(r"^# (pass|fail|cancelled|skipped) (\d+)", ended.stdout, name_first=True)
    failed = numbers.get("fail", 0) + numbers.get("cancelled", 0)
    return Counts(numbers.get("pass", 0), failed, numbers.get("skipped", 0))


def of_cargo(ended):
    """`test result: ok. 9 passed; 0 failed; 0 ignored`, once for each binary."""
    lines = re.findall(r"^test result: .*?(\d+) passed; (\d+) failed; (\d+) ignored", ended.stdout, re.MULTILINE)
    return sums([int(n) for n in line] for line in lines) if lines else None


def of_pytest(ended):
    """`9 passed, 1 skipped, 2 warnings in 1.00s`."""
    last = ended.stdout.rstrip().rpartition("\n")[2]
    numbers = named(r"(\d+) (passed|failed|errors?|skipped|deselected)", last)
    failed = numbers.get("failed", 0) + numbers.get("error", 0) + numbers.get("errors", 0)
    return Counts(numbers.get("passed", 0), failed, numbers.get("skipped", 0))


def checked(counts, ended):
    """A run that did not come to its closing lines has failed, and so has one of no tests or of a bad end."""
    if counts is None:
        return Counts(failed=1)
    if not counts.failed and (ended.returncode or not counts.passed):
        return counts._replace(failed=1)
    return counts


def named(pattern, text, name_first=False):
    pairs = re.findall(pattern, text, re.MULTILINE)
    return {pair[not name_first]: int(pair[name_first]) for pair in pairs}
