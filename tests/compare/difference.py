"""What a deliberate difference is."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """A deliberate difference: how it is recognised, and why it is.

    `matches` takes what `explain` takes, or what `explain_raw` takes.
    """

    id: str
    reason: str
    matches: Callable
    is_raw: bool = False
    """True if it takes what `explain_raw` takes."""
    diverges: bool = False
    """True if the servers hold other data afterwards: what the command names is removed from both."""
