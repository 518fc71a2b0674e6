"""Runs the load generator (tools/load) against a server that runs."""

import subprocess
import threading

from .servers import die_with_parent, stop


def measure(binary, command, limit_s, **flags):
    """The figures it printed, by name, and whether it came to its end. It is stopped after limit_s."""
    words = [str(binary), command]
    for name, value in flags.items():
        words += [f"--{name}", str(value)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
    timer = threading.Timer(limit_s, process.kill)
    timer.start()
    try:
        lines = [line.split() for line in process.stdout]
        complete = process.wait() == 0
    finally:
        timer.cancel()
        stop(process)
    return {name: float(value) for name, value in lines}, complete
