"""The Debian package, made by dpkg-deb alone: the program is static, so nothing has to be found out about libraries.

    /usr/bin/nearhit, its manual page and completions
    /etc/nearhit/nearhit.conf                   configs/nearhit.conf; changes of the administrator are kept
    /usr/lib/systemd/system/nearhit.service     configs/nearhit.service
    /var/lib/nearhit                            snapshots and logs, of the user nearhit (made by postinst)
"""

import datetime
import hashlib
import os
import pathlib
import platform
import subprocess

from . import binary, tree

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
SCRIPTS = pathlib.Path(__file__).resolve().parent / "debian"
IN_CONFIGURATION = {"# dir .\n": "dir /var/lib/nearhit\n"}
"""What a packaged server has otherwise than one that is started by hand."""

MAINTAINER = "the nearhit project <packages@nearhit.invalid>"

COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: nearhit
Comment: The program contains works of others: see THIRD-PARTY-NOTICES.gz beside this file.

Files: *
Copyright: the authors of nearhit
License: MIT or Apache-2.0

License: MIT
{mit}

License: Apache-2.0
 On Debian systems the text is in /usr/share/common-licenses/Apache-2.0.
"""

CHANGELOG = """\
nearhit ({version}) unstable; urgency=medium

  * README.md.gz beside this file has the changes.

 -- {maintainer}  {moment}
"""

CONTROL = """\
Package: nearhit
Version: {version}
Architecture: {architecture}
Maintainer: {maintainer}
Installed-Size: {kilobytes}
Depends: {depends}
Section: database
Priority: optional
Description: in-memory vector cache that speaks the Redis protocol
 Vector sets, strings and hashes in one small server that uses all cores.
 Clients of Redis work with it as they are.
"""


def package(top, out, program, version, pages, documents):
    """The path of the package."""
    root = tree.fresh(out / "debian")
    fill(top, root, program, version, pages, documents)
    control(root, program, version)
    architecture = ARCHITECTURES[program.machine]
    path = out / f"nearhit_{version}_{architecture}.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zxz", "--build", root, path], check=True, stdout=subprocess.DEVNULL)
    return path


def fill(top, root, program, version, pages, documents):
    tree.copy(root / "usr/bin/nearhit", program.path, 0o755)
    tree.put(root / "etc/nearhit/nearhit.conf", configuration((top / "configs/nearhit.conf").read_text()), 0o640)
    tree.copy(root / "usr/lib/systemd/system/nearhit.service", top / "configs/nearhit.service")
    share = root / "usr/share"
    tree.put(share / "man/man1/nearhit.1.gz", binary.packed(pages["man"]))
    tree.put(share / "bash-completion/completions/nearhit", pages["bash"])
    tree.put(share / "zsh/vendor-completions/_nearhit", pages["zsh"])
    tree.put(share / "fish/vendor_completions.d/nearhit.fish", pages["fish"])
    doc = share / "doc/nearhit"
    tree.put(doc / "copyright", COPYRIGHT.format(mit=indented((top / "LICENSE-MIT").read_text())))
    tree.put(doc / "changelog.gz", binary.packed(changelog(version).encode()))
    tree.put(doc / "README.md.gz", binary.packed((top / "README.md").read_bytes()))
    for name in ("sidecar.conf", "kubernetes.yaml"):
        tree.copy(doc / "examples" / name, top / "configs" / name)
    for document in documents:
        tree.put(doc / f"{document.name}.gz", binary.packed(document.read_bytes()))


def indented(text):
    """As the format has it: a dot for an empty line."""
    return "\n".join(f" {line or '.'}" for line in text.strip().splitlines())


def changelog(version):
    moment = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.timezone.utc)
    return CHANGELOG.format(version=version, maintainer=MAINTAINER, moment=moment.strftime("%a, %d %b %Y %H:%M:%S +0000"))


def configuration(text):
    for line, replacement in IN_CONFIGURATION.items():
        if text.count(line) != 1:
            raise SystemExit(f"configs/nearhit.conf has not just one line {line!r}")
        text = text.replace(line, replacement)
    return text


def control(root, program, version):
    files = sorted(path for path in root.rglob("*") if path.is_file())
    sums = [f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(root)}\n" for path in files]
    bytes_in_all = sum(path.stat().st_size for path in files)
    depends = ["adduser", "init-system-helpers (>= 1.54~)"]
    if not program.is_static:
        depends.append(f"libc6 (>= {platform.libc_ver()[1]})")
    words = {"version": version, "architecture": ARCHITECTURES[program.machine], "depends": ", ".join(depends)}
    folder = root / "DEBIAN"
    tree.put(folder / "control", CONTROL.format(maintainer=MAINTAINER, kilobytes=-(-bytes_in_all // 1024), **words))
    tree.put(folder / "conffiles", "/etc/nearhit/nearhit.conf\n")
    tree.put(folder / "md5sums", "".join(sums))
    for script in ("postinst", "prerm", "postrm"):
        tree.copy(folder / script, SCRIPTS / script, 0o755)
