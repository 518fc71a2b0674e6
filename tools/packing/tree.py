"""Folders of files with the modes that they have once installed."""

import shutil

FOLDER = 0o755


def put(path, content, mode=0o644):
    """Writes a file, and the folders above it."""
    folder(path.parent)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)


def copy(path, source, mode=0o644):
    put(path, source.read_bytes(), mode)


def folder(path, mode=FOLDER):
    if path.is_dir():
        return
    folder(path.parent)
    path.mkdir()
    path.chmod(mode)


def fresh(path):
    """An empty folder in place of what was there."""
    shutil.rmtree(path, ignore_errors=True)
    folder(path)
    return path
