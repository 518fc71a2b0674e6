"""Puts clients and frameworks into folders that git ignores, where they stay for the next run."""

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Python environments and source archives; a folder for each client.
INSTALLED = HERE / "installed"
# No installation takes a fraction of this; it ends one whose registry does not answer.
PATIENCE_S = 300


class Missing(Exception):
    """Something that a client needs cannot be had here; says what."""


def program(name):
    """The path of a program."""
    return shutil.which(name) or missing(f"there is no {name}")


def missing(what):
    raise Missing(what)


def python_with(name, *wanted):
    """The Python of an environment of its own that has what pip is asked for, made where it is missing."""
    folder = INSTALLED / name / "venv"
    python = folder / "bin" / "python"

    def install():
        run([sys.executable, "-m", "venv", "--clear", folder])
        run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted])

    once(folder / "installed", " ".join(wanted), install)
    return python


def source_of(name, wanted):
    """The unpacked source archive of a project on PyPI, tests and all."""
    folder = INSTALLED / name / "source"

    def install():
        shutil.rmtree(folder, ignore_errors=True)
        run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "-d", folder, wanted])
        with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
            archive.extractall(folder, filter="data")

    once(folder / "installed", wanted, install)
    return next(path for path in folder.iterdir() if path.is_dir())


def node_modules():
    """What the lock file says."""
    program("npm")
    lock = (HERE / "package-lock.json").read_text()
    once(HERE / "node_modules" / "installed", lock, lambda: run(["npm", "ci", "--no-audit", "--no-fund", "--silent"]))


def crate(folder):
    """What the lock file of a test crate says."""
    program("cargo")
    run(["cargo", "fetch", "--locked"], cwd=folder)


def once(stamp, wanted, install):
    """Installs unless the stamp says that just this has been installed."""
    if stamp.exists() and stamp.read_text() == wanted:
        return
    install()
    stamp.write_text(wanted)


def run(command, cwd=HERE):
    try:
        subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True, timeout=PATIENCE_S)
    except subprocess.CalledProcessError as error:
        told = (error.stderr or error.stdout).strip().splitlines()
        raise Missing(f"{Path(command[0]).name} failed: {told[-1] if told else error}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(str(error)) from error
