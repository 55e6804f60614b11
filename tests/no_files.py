"""What may have the name of a file and is none."""

from __future__ import annotations

import os
import socket
from pathlib import Path

NO_FILES = ("pipe", "socket", "device", "dangling link", "folder")


def make(kind: str, path: Path) -> Path:
    """Put something in place of a file; a reader that opens it as a file waits, or never ends."""
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listener:
            here = Path.cwd()
            os.chdir(path.parent)  # the name of a socket is short
            listener.bind(path.name)
            os.chdir(here)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if kind == "device" else path.with_name("absent"))
    return path
