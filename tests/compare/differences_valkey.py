"""Deliberate differences from Valkey 9.1 alone; `differences.md` has the same table for people."""

from difference import Difference

DIFFERENCES = []
