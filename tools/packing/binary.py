"""The program: built for a target, or given."""

import gzip
import os
import pathlib
import shutil
import struct
import subprocess
import sys
from dataclasses import dataclass

PT_INTERP = 3
"""A program that names a loader is not static."""
HEADERS_AT = {1: ("<I", 28, 42), 2: ("<Q", 32, 54)}
"""By ELF class: how an offset is written, where that of the program headers is, and where their size."""


@dataclass
class Program:
    path: pathlib.Path
    target: str
    is_static: bool

    @property
    def machine(self):
        return self.target.split("-")[0]

    @property
    def name(self):
        """Such as x86_64-linux-musl."""
        libc = self.target.rsplit("-", 1)[-1]
        return f"{self.machine}-linux-{libc}" + ("" if self.is_static else "-dynamic")


def target_folder(top):
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", top / "target"))


def given(path, target):
    return Program(path.resolve(), target or host(), is_static(path))


def build(top, target):
    target = target or static_target()
    environment = dict(os.environ)
    if not target.endswith("-musl"):
        flags = f"{environment.get('RUSTFLAGS', '')} -C target-feature=+crt-static".strip()
        environment["RUSTFLAGS"] = flags
    # The target is always named: flags then hold for the program alone, not for macros that the
    # compiler loads.
    command = ["cargo", "build", "--release", "--locked", "--bin", "nearhit", "--target", target]
    subprocess.run(command, cwd=top, env=environment, check=True)
    path = target_folder(top) / target / "release" / "nearhit"
    return Program(path, target, is_static(path))


def host():
    shown = subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=True).stdout
    return next(line.split(": ")[1] for line in shown.splitlines() if line.startswith("host: "))


def static_target():
    """musl if it can be had: its binaries run on any Linux and take names from DNS without glibc's plug-ins."""
    machine = host().split("-")[0]
    musl = f"{machine}-unknown-linux-musl"
    if not shutil.which("musl-gcc"):
        reason = "there is no musl-gcc: apt-get install musl-tools"
    elif not has_standard_library(musl):
        reason = f"there is no standard library: rustup target add {musl}"
    else:
        return musl
    print(f"Linked with glibc, not with musl: {reason}", file=sys.stderr)
    return host()


def has_standard_library(target):
    shown = subprocess.run(["rustc", "--print", "sysroot"], capture_output=True, text=True, check=True).stdout
    return (pathlib.Path(shown.strip()) / "lib" / "rustlib" / target / "lib").is_dir()


def is_static(path):
    """True if the program names no loader."""
    with path.open("rb") as file:
        head = file.read(64)
        if head[:4] != b"\x7fELF":
            raise SystemExit(f"{path} is no program for Linux")
        shape, offset_at, size_at = HEADERS_AT[head[4]]
        (offset,) = struct.unpack_from(shape, head, offset_at)
        size, count = struct.unpack_from("<HH", head, size_at)
        file.seek(offset)
        headers = file.read(size * count)
    kinds = [struct.unpack_from("<I", headers, number * size)[0] for number in range(count)]
    return PT_INTERP not in kinds


def pages(program):
    """The manual page and the completions, by name: of the program itself, so that they fit it."""
    texts = {}
    for name in ("man", "bash", "zsh", "fish"):
        shown = subprocess.run([program, "generate", name], capture_output=True, check=True)
        texts[name] = shown.stdout
    return texts


def packed(text):
    """gzip without a time, so that the same text gives the same bytes."""
    return gzip.compress(text, mtime=0)
