"""Writing files so that nobody ever meets half of one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside this one, which takes its place at the end; after an error nothing is left.

    The folders above it are made, the content is on the disk before the name is, and others may read the
    file as far as the umask lets them.

    Raises:
        IsADirectoryError: `path` is a folder.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder. Expected the name of a file; add one, for example report.html")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Beside the target, since a rename across file systems copies; with its ending, by which formats are told.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".part-", suffix=path.suffix)
    os.close(descriptor)
    staged = Path(name)
    try:
        yield staged
        with staged.open("rb+") as file:
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        staged.chmod(0o666 & ~umask)  # temporary files are for their owner alone
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)


def write_atomically(path: str | Path, content: bytes) -> Path:
    """Put a file in place in one step: whoever looks sees the old content or the new, never a part."""
    with replacing(path) as staged:
        staged.write_bytes(content)
    return Path(path)
