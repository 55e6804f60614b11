"""IDX files: a magic number, the sizes, and then all values. MNIST is published in them.

http://yann.lecun.com/exdb/mnist/. torchvision has a reader, too. It wants the files unpacked beside the packed
ones, which a folder that may only be read does not allow, and its errors do not name the file.
"""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np

from seqae._files import read_file
from seqae.data._files.archives import gunzipped
from seqae.data._files.text_files import GZIP

_BYTES = b"\0\0\x08"  # two zeros, and the number of the type: unsigned bytes, as in all sets of this kind


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Return the bytes in a file, gzipped or not, as an array of the sizes that it names.

    Args:
        path: The file.
        dimensions: The expected number of sizes: 3 for images `(image, height, width)`, 1 for labels `(image,)`.

    Raises:
        ValueError: The file is damaged, cut, or something else.
    """
    data = read_file(path)
    if data.startswith(GZIP):
        data = gunzipped(data, str(path))
    if data[:4] != _BYTES + bytes([dimensions]):
        raise ValueError(
            f"not an IDX file of bytes in {dimensions} dimensions ({path}, begins with {data[:4]!r}). "
            "Expected an official file of the set. Get it again"
        )
    start = 4 + 4 * dimensions
    if len(data) < start:
        raise ValueError(f"the IDX file ends within its sizes ({path}). Get it again")
    sizes = struct.unpack(f">{dimensions}I", data[4:start])
    if len(data) - start != math.prod(sizes):
        raise ValueError(
            f"the IDX file holds {len(data) - start:,} values ({path}). Expected {math.prod(sizes):,} for the sizes "
            f"{' x '.join(map(str, sizes))} that it names. Get it again"
        )
    return np.frombuffer(data, dtype=np.uint8, offset=start).reshape(sizes)
