"""The programs that a measurement needs: nearhit and the load generator built, the peer installed."""

import json
import pathlib
import subprocess
import sys

from . import Failure
from .servers import Program

TOOLS = pathlib.Path(__file__).resolve().parent.parent


def say(text):
    """Progress, away from the results."""
    print(text, file=sys.stderr, flush=True)


def run(*words, stdout=sys.stderr, cwd=None):
    """Runs a program to its end; what it printed, if stdout is a pipe."""
    try:
        return subprocess.run(words, check=True, stdout=stdout, text=True, cwd=cwd).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise Failure(error) from error


def cargo_build(crate, binary):
    """Builds a crate in release mode; where its binary then is."""
    manifest = ["--manifest-path", str(crate / "Cargo.toml")]
    say(f"building {binary}")
    run("cargo", "build", "--quiet", "--release", "--bin", binary, *manifest)
    metadata = run("cargo", "metadata", "--no-deps", "--format-version", "1", *manifest, stdout=subprocess.PIPE)
    return pathlib.Path(json.loads(metadata)["target_directory"]) / "release" / binary


def venv(name, *packages):
    """The Python of a virtual environment of that name, which has those packages from now on."""
    folder = TOOLS / f".venv-{name}"
    python = folder / "bin" / "python"
    if not python.exists():
        run(sys.executable, "-m", "venv", str(folder))
    run(str(python), "-m", "pip", "install", "--quiet", *map(str, packages))
    return python


def servers(args):
    """The programs asked for, by name, in the order they were asked for; without what a subcommand makes itself."""
    make = {"nearhit": nearhit, "baseline": baseline, "redis": redis, "valkey": valkey}
    return {name: make[name](args) for name in args.servers if name in make}


def nearhit(args):
    """nearhit as it is built from this repository, or as --nearhit-bin names it; nothing is saved to disk unasked."""
    binary = args.nearhit_bin or cargo_build(TOOLS.parent, "nearhit")
    return Program("nearhit", (str(pathlib.Path(binary).resolve()), "--save", ""))


def baseline(args):
    """Another nearhit, as --baseline-bin names it."""
    if not args.baseline_bin:
        raise Failure("--servers baseline needs --baseline-bin")
    return Program("baseline", (str(pathlib.Path(args.baseline_bin).resolve()), "--save", ""))


def redis(args):
    """Redis 8.6."""
    return peer(args, "Redis", "redis8-server")


def valkey(args):
    """Valkey 8.1."""
    return peer(args, "Valkey", "valkey-server")


def peer(args, title, name):
    """A peer, installed where it is not yet; nothing is saved to disk."""
    binary = pathlib.Path(args.peers).resolve() / "bin" / name
    if not binary.exists():
        say(f"installing the peers into {args.peers}")
        run(str(TOOLS / "peers"), args.peers)
    version = run(str(binary), "--version", stdout=subprocess.PIPE)
    number = next((word[2:] for word in version.split() if word.startswith("v=")), "")
    return Program(f"{title} {number}", (str(binary), "--save", "", "--appendonly", "no", "--bind", "127.0.0.1"))
