"""How much memory Arrow data in a file will take, by what its messages say, before any of it is unpacked.

The layout is that of https://arrow.apache.org/docs/format/Columnar.html, the messages are FlatBuffers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from seqae._extras import require

_HEADER, _DATA = 2, 1  # fields of a message and of a batch of dictionary values
_LENGTH, _NODES, _BUFFERS, _COMPRESSION = 0, 1, 2, 3  # fields of a batch of rows
_START = 8  # bytes before the first message of a file with an index


def unpacked_bytes(data: Any) -> int:
    """Return how many bytes the batches in a file of Arrow take when they are unpacked, at least 8 a value.

    Args:
        data: The content of the file, a pyarrow buffer.

    Raises:
        Exception: The file is damaged.
    """
    ipc = require("pyarrow.ipc", extra="tables", purpose="reading Arrow files")
    start = _START if data[:6].to_pybytes() == b"ARROW1" else 0
    return sum(_bytes_of(message) for message in ipc.MessageReader.open_stream(data.slice(start)))


def _bytes_of(message: Any) -> int:
    if message.type not in ("record batch", "dictionary"):
        return 0
    metadata, body = message.metadata.to_pybytes(), message.body
    batch = _table(metadata, _field(metadata, _table(metadata, 0), _HEADER))
    if message.type == "dictionary":
        batch = _table(metadata, _field(metadata, batch, _DATA))
    length_at, nodes_at = _field(metadata, batch, _LENGTH), _field(metadata, batch, _NODES)
    rows = struct.unpack_from("<q", metadata, length_at)[0] if length_at else 0
    columns = sum(1 for _ in _structs(metadata, nodes_at)) if nodes_at else 0
    size = 8 * rows * columns
    if not _field(metadata, batch, _COMPRESSION):
        return size + body.size
    for offset, length in _structs(metadata, _field(metadata, batch, _BUFFERS)):
        if length >= 8:
            told = int.from_bytes(body[offset : offset + 8].to_pybytes(), "little", signed=True)
            size += length if told < 0 else told  # -1: as it is
    return size


def _table(data: bytes, at: int) -> int:
    """Return the position of the table that an offset points to."""
    return at + struct.unpack_from("<I", data, at)[0]


def _field(data: bytes, table: int, number: int) -> int:
    """Return the position of a field of a table; 0 if it has none."""
    fields = table - struct.unpack_from("<i", data, table)[0]
    if 4 + 2 * number >= struct.unpack_from("<H", data, fields)[0]:
        return 0
    offset = struct.unpack_from("<H", data, fields + 4 + 2 * number)[0]
    return table + offset if offset else 0


def _structs(data: bytes, at: int) -> Iterator[tuple[int, int]]:
    """Yield the pairs of numbers in the vector that an offset points to."""
    start = _table(data, at)
    for number in range(struct.unpack_from("<I", data, start)[0]):
        yield struct.unpack_from("<qq", data, start + 4 + 16 * number)
