"""Examines what was made.

    the binary      has a version, and is static if it was built so
    the package     holds what it should with the right modes, its configuration is valid, and systemd takes its unit
    the image       under 20 MB; the program starts in it as nobody, with a read-only root, and is pinged there
    the bill        names each crate of the program once, and each reference in it leads somewhere

What needs root, systemd or a static binary is skipped without, and said so. Ends with a line of the sums.
"""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

MAX_IMAGE = 20_000_000
NOBODY = 65534
START_S = 30
"""A server without data starts in far less."""
MAX_EXPOSURE = 2.0
"""What `systemd-analyze security` may give the unit, of 10."""


class Skipped(Exception):
    """Something that a check needs is not here; says what."""


class Results:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def run(self, check, *words):
        name = check.__name__.replace("_", " ")
        try:
            shown = check(*words)
        except Skipped as why:
            self.skipped += 1
            print(f"SKIP {name}: {why}")
        except (AssertionError, subprocess.SubprocessError, OSError) as why:
            self.failed += 1
            print(f"FAILED {name}: {why!r}")
        else:
            self.passed += 1
            print(f"ok {name}" + (f": {shown}" if shown else ""))


def all_of(top, out, program, version):
    """0 if all is as it should be."""
    results = Results()
    results.run(the_program_starts, program, version)
    if shutil.which("dpkg-deb"):
        results.run(the_package_is_complete, next(out.glob("*.deb")), version)
        results.run(the_packaged_configuration_is_valid, out / "debian", program)
        results.run(systemd_takes_the_unit, out / "debian")
    results.run(the_image_is_small, out / "image")
    results.run(the_image_serves_as_nobody, out / "image" / "rootfs", program)
    results.run(the_manifest_names_what_the_image_has, top, out / "image" / "rootfs", version)
    results.run(the_bill_is_whole, next(out.glob("*.cdx.json")))
    print(f"package: {results.passed} passed, {results.failed} failed, {results.skipped} skipped")
    return 1 if results.failed else 0


def shown(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=True, **options).stdout


def the_program_starts(program, version):
    assert shown(program.path, "--version").strip() == f"nearhit {version}"
    return "static" if program.is_static else "dynamic"


def the_package_is_complete(package, version):
    assert shown("dpkg-deb", "--field", package, "Version").strip() == version
    lines = shown("dpkg-deb", "--contents", package).splitlines()
    modes = {words[5].lstrip("."): (words[0], words[1]) for words in (line.split(None, 5) for line in lines)}
    for path, mode in {
        "/usr/bin/nearhit": "-rwxr-xr-x",
        "/etc/nearhit/nearhit.conf": "-rw-r-----",
        "/usr/lib/systemd/system/nearhit.service": "-rw-r--r--",
        "/usr/share/man/man1/nearhit.1.gz": "-rw-r--r--",
        "/usr/share/bash-completion/completions/nearhit": "-rw-r--r--",
        "/usr/share/zsh/vendor-completions/_nearhit": "-rw-r--r--",
        "/usr/share/fish/vendor_completions.d/nearhit.fish": "-rw-r--r--",
        "/usr/share/doc/nearhit/copyright": "-rw-r--r--",
    }.items():
        assert modes.get(path) == (mode, "root/root"), f"{path}: {modes.get(path)}"
    writable = [path for path, (mode, _) in modes.items() if "w" in mode[5] + mode[8]]
    assert not writable, writable


def the_packaged_configuration_is_valid(root, program):
    said = shown(program.path, "check-config", root / "etc/nearhit/nearhit.conf")
    assert said == "The configuration is valid.\n", said


def systemd_takes_the_unit(root):
    if not shutil.which("systemd-analyze"):
        raise Skipped("there is no systemd-analyze")
    with tempfile.TemporaryDirectory() as folder:
        # The program has to be where the unit says.
        unit = pathlib.Path(folder) / "nearhit.service"
        text = (root / "usr/lib/systemd/system/nearhit.service").read_text()
        unit.write_text(text.replace("ExecStart=/usr/bin/nearhit", f"ExecStart={root}/usr/bin/nearhit"))
        verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
        ours = [line for line in verified.stderr.splitlines() if "nearhit" in line and "nearhit(1)" not in line]
        assert not ours, ours
        judged = shown("systemd-analyze", "security", "--offline=true", "--no-pager", unit).splitlines()
    exposure = next(line for line in judged if "Overall exposure level" in line)
    level = float(exposure.split(": ")[1].split()[0])
    assert level <= MAX_EXPOSURE, exposure
    return f"exposure {level} of 10"


def the_image_is_small(image):
    size = sum(path.stat().st_size for path in image.rglob("*") if path.is_file())
    assert size < MAX_IMAGE, size
    return f"{size:,} bytes"


def the_image_serves_as_nobody(rootfs, program):
    """As a container engine would start it: the root is read-only, /data is a volume."""
    if not program.is_static:
        raise Skipped("the program is not static")
    if os.geteuid() != 0:
        raise Skipped("that takes root")
    with tempfile.TemporaryDirectory() as data:
        os.chown(data, NOBODY, NOBODY)
        inside = Inside(rootfs, data)
        server = inside.start("/etc/nearhit/container.conf", "--port", "0", "--unixsocket", "/data/n.sock")
        try:
            ping = ["ping", "-s", "/data/n.sock", "--timeout", "1"]
            deadline = time.monotonic() + START_S
            while (code := inside.start(*ping).wait()) and time.monotonic() < deadline and server.poll() is None:
                time.sleep(0.05)
            assert code == 0, "it is not pinged"
            assert inside.owner_of(server) == NOBODY
            assert (pathlib.Path(data) / "n.sock").stat().st_uid == NOBODY
        finally:
            server.terminate()
        assert server.wait(timeout=START_S) == 0


class Inside:
    """Programs in a folder that is their root, read-only but for /data."""

    SCRIPT = """\
set -e
mount --make-rprivate /
mount --bind "$1" "$1"
mount --bind "$2" "$1/data"
mount -o remount,bind,ro "$1"
shift 2
exec "$@"
"""

    def __init__(self, rootfs, data):
        self.rootfs, self.data = str(rootfs), data
        (rootfs / "data").mkdir(exist_ok=True)

    def start(self, *words):
        enter = ["chroot", f"--userspec={NOBODY}:{NOBODY}", "--groups=", self.rootfs, "/usr/bin/nearhit", *words]
        command = ["unshare", "--mount", "--", "sh", "-c", self.SCRIPT, "sh", self.rootfs, self.data, *enter]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @staticmethod
    def owner_of(process):
        return os.stat(f"/proc/{process.pid}").st_uid


def the_manifest_names_what_the_image_has(top, rootfs, version):
    text = (top / "configs/kubernetes.yaml").read_text()
    assert f"image: nearhit:{version}\n" in text, f"it is not of version {version}"
    for path in ("/usr/bin/nearhit", "/etc/nearhit/sidecar.conf"):
        assert path in text and (rootfs / path.lstrip("/")).is_file(), path


def the_bill_is_whole(path):
    bill = json.loads(path.read_text())
    components = [one["bom-ref"] for one in bill["components"]]
    assert len(components) == len(set(components)) > 30, len(components)
    known = {*components, bill["metadata"]["component"]["bom-ref"]}
    for one in bill["dependencies"]:
        assert {one["ref"], *one["dependsOn"]} <= known, one
    unlicensed = [one["name"] for one in bill["components"] if "licenses" not in one]
    assert not unlicensed, unlicensed
    required = sum(one["scope"] == "required" for one in bill["components"])
    return f"{required} crates in the program, {len(components) - required} that build it"
