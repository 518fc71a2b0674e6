"""A program that takes a request a line, words with spaces between them, and answers each with a
line of JSON. What it imports may print, so what is printed goes to stderr.
"""

import json
import os
import sys


def replies():
    """Where answers go; to be called once, before anything is printed."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return out


def reply(out, answer):
    """Writes an answer."""
    print(json.dumps(answer), file=out, flush=True)


def serve(out, commands):
    """Answers until there are no more requests. `commands`: functions by name, which take words."""
    for line in sys.stdin:
        command, *words = line.split()
        reply(out, commands[command](*words))
