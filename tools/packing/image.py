"""The files of the container image: the program, its configurations and the folder /data; nothing else is in it.

configs/Containerfile copies them. What belongs to the user of the container (65534, nobody) does so in the image: the
engine takes owners from there.
"""

from . import tree


def files(top, out, program, documents):
    """The folder that a container engine is given to build the image of."""
    folder = tree.fresh(out / "image")
    root = folder / "rootfs"
    tree.copy(root / "usr/bin/nearhit", program.path, 0o755)
    for name in ("container.conf", "sidecar.conf"):
        tree.copy(root / "etc/nearhit" / name, top / "configs" / name)
    # For programs that look for the name of a user or of this machine.
    tree.put(root / "etc/passwd", "nobody:x:65534:65534:nobody:/data:/nonexistent\n")
    tree.put(root / "etc/group", "nobody:x:65534:\n")
    for name in ("LICENSE-MIT", "LICENSE-APACHE"):
        tree.copy(root / "usr/share/doc/nearhit" / name, top / name)
    for document in documents:
        tree.copy(root / "usr/share/doc/nearhit" / document.name, document)
    tree.put(folder / "volume/data/.keep", "")
    return folder
