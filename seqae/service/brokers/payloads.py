"""What a message holds: rows as JSON or CSV, or the value of one channel."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from seqae.data._files.text_files import json_object, json_value
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.timestamps import TimeReader
from seqae.service.brokers.cells import Cell
from seqae.service.brokers.interface import Message, refused
from seqae.service.brokers.kept_formats import KeptFormats
from seqae.service.line_reader import LineReader, RowBlock
from seqae.service.rejections import Rejection

_VALUES, _TIMES = ("value", "val", "v"), ("time", "timestamp", "ts", "t")  # names of members
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_STAMP = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_BEGINNING, _DELIMITERS = re.compile(rb"[+-]?[.,]?\d"), re.compile(rb"[,;\t|]")
_EMPTY = ("", "nan", "null", "none")


class RowPayloads:
    """Reads rows in messages: a JSON object, an array or lines of them, or CSV with the columns that were first read.

    Args:
        options: How rows are read, as in a stream.
        remembered: Options of the table that the detector learnt from.
        folder: Where is kept what the first messages have shown, which do not come again after a restart; None to keep
            nothing.
    """

    def __init__(self, options: ReadingOptions, remembered: ReadingOptions | None, folder: Path | None = None):
        self.options = options
        self.remembered = remembered
        self._readers: dict[tuple[str, bool], LineReader] = {}  # by machine, and whether it is JSON
        self._kept = KeptFormats(folder)

    def take(self, messages: Sequence[Message]) -> Iterator[tuple[str, RowBlock | Rejection]]:
        """Yield the rows in messages, with the machine that the topic names, and what is no row."""
        texts: dict[tuple[str, bool], list[tuple[Message, bytes]]] = {}
        for message in messages:
            text = message.payload.strip(b"\r\n")
            is_json = text.lstrip().startswith((b"{", b"["))
            try:
                text = lines_of_payload(text, message.topic) if is_json else self._without_header(message.machine, text)
            except ValueError as error:
                yield message.machine, refused(message, error)
            else:
                texts.setdefault((message.machine, is_json), []).append((message, text))
        for key, found in texts.items():
            yield from ((key[0], item) for item in self._read(key, found))
        self._kept.save()

    def ready(self, now: float) -> tuple[RowBlock, ...]:
        """Return none: no row is held."""
        return ()

    def _read(self, key: tuple[str, bool], texts: Sequence[tuple[Message, bytes]]) -> Iterator[RowBlock | Rejection]:
        """Yield the rows in texts of one machine and kind, read together, which takes much less time."""
        message = texts[0][0]
        reader = self._readers.get(key) or self._begun(key, message.topic)
        waiting = reader.waiting
        try:
            items = [*reader.feed(b"".join(text + b"\n" for _, text in texts)), *reader.end()]
        except ValueError as error:  # not of a line, but of all that was read
            self._readers.pop(key, None)
            before, header = self._kept.of(key)[0], self._header_of(texts[0][1])
            if len(texts) > 1:
                self._readers[key] = self._begun(key, message.topic, waiting)
                for each in texts:
                    yield from self._read(key, [each])
            elif waiting.strip() not in (b"", before):  # which of the two is bad?
                items = list(self._read(key, texts))
                if any(isinstance(item, Rejection) for item in items):
                    self._readers[key] = self._begun(key, message.topic, waiting)
                else:
                    yield refused(replace(message, payload=waiting), error)
                yield from items
            elif not key[1] and before and header not in (b"", before):  # other columns than before
                self._kept.forget(key)
                yield from self._read(key, texts)
            else:
                yield refused(message, error)
            return
        self._readers[key] = reader
        self._kept.keep(key, b"" if key[1] else self._header_of(texts[0][1]), reader.day_first)
        yield from items

    def _begun(self, key: tuple[str, bool], topic: str, waiting: bytes = b"") -> LineReader:
        """Return a new reader that knows what the one before it was shown, or has the text that waited there."""
        header, day_first = self._kept.of(key)
        given = self.options.day_first
        options = replace(self.options, day_first=day_first if given is None else given)
        reader = LineReader(options, self.remembered, topic)
        text = waiting or header
        list(reader.feed(text.rstrip(b"\n") + b"\n") if text else ())  # no row yet
        return reader

    def _without_header(self, machine: str, text: bytes) -> bytes:
        """Return the lines of CSV after a header that each message repeats."""
        header = self._header_of(text)
        return text.partition(b"\n")[2] if header and header == self._kept.of((machine, False))[0] else text

    def _header_of(self, text: bytes) -> bytes:
        """Return the first line of CSV if it names a channel, and holds nothing else that begins as a number does."""
        line = text.partition(b"\n")[0]
        names = [name.encode() for name in self.options.channels or ()]
        fields = [field.strip(b" \r\"'") for field in _DELIMITERS.split(line)]
        is_header = any(name in line for name in names) and all(
            field in names or not _BEGINNING.match(field) for field in fields
        )
        return line if is_header else b""


def lines_of_payload(text: bytes, name: str) -> bytes:
    """Return an object, an array of objects or lines of objects as lines of objects.

    Args:
        text: JSON that begins with a brace or a bracket.
        name: Where it comes from, for error messages.

    Raises:
        ValueError: It is an array that holds something else, or is damaged.
    """
    if text.lstrip().startswith(b"{"):
        try:
            return json.dumps(json_object(text, name)).encode() if b"\n" in text else text
        except ValueError:
            return text  # several lines, each of which is read by itself
    try:
        objects = json_value(text)
    except ValueError as error:
        raise ValueError(f"not JSON ({name}: {error}). Expected an array of objects, one a row") from error
    for number, each in enumerate(objects):
        if not isinstance(each, dict):
            raise ValueError(f"element {number} is no object ({name}). Expected an array of objects, one a row")
    return "\n".join(map(json.dumps, objects)).encode()


class ChannelPayloads:
    """Reads the value of a channel: a number or a word for a state, or a JSON object of value and time.

    Args:
        channels: The names of the channels; messages of others are left out.
        options: `time_column`: the member of the time. `time_unit` and others that say how times are written. `states`,
            `missing` and `decimal`, as in tables.
    """

    def __init__(self, channels: Sequence[str], options: ReadingOptions):
        self.channels = frozenset(channels)
        self.options = options
        self._times: dict[str, TimeReader] = {}  # by topic
        self._is_plain = options.time_format is None and options.time_zone is None

    def cells(self, message: Message) -> Iterator[Cell]:
        """Yield the value in a message, if it is of a channel.

        Raises:
            ValueError: It cannot be read.
        """
        if message.channel not in self.channels:
            return
        text = message.payload.decode().strip()
        if not text.startswith("{"):
            yield Cell(message.channel, self._number(text, message.topic))
            return
        members = json_object(text, message.topic)
        value = next((members[name] for name in _VALUES if name in members), ...)
        if value is ... or isinstance(value, dict | list):
            raise ValueError(f"an object without a value ({message.topic}). Expected a member {', '.join(_VALUES)}")
        yield Cell(
            message.channel,
            self._number("" if value is None else str(value), message.topic),
            self._time(members, message.topic),
        )

    def _time(self, members: dict[str, object], topic: str) -> np.generic | None:
        column = self.options.time_column
        names = _TIMES if column is None else (column,) if isinstance(column, str) else column
        stamp = next((members[name] for name in names if members.get(name) is not None), None)
        if stamp is None:
            return None
        if isinstance(stamp, str) and self._is_plain and _STAMP.fullmatch(stamp):
            return _utc(stamp)
        reader = self._times.setdefault(topic, TimeReader(self.options))
        return reader.read(pd.Series([stamp]), "", names[0], lambda _: topic)[0]

    def _number(self, text: str, topic: str) -> float:
        if self.options.decimal is not None:
            text = text.replace(self.options.decimal, ".")
        if text in self.options.states:
            return self.options.states[text]
        if text.lower() in _EMPTY or text in self.options.missing:
            return np.nan
        if text in ("true", "false", "True", "False"):
            return float(text.lower() == "true")
        if len(text) > 50 or not _NUMBER.fullmatch(text):
            raise ValueError(
                f"{text[:50]!r} is no number ({topic}). Expected one. Give states=... for the words of a state"
            )
        number = float(text)
        return np.nan if number in self.options.missing else number


def _utc(stamp: str) -> np.datetime64:
    """Return a time of ISO 8601 in UTC, as `TimeReader` does, which takes a hundred times as long for a single one."""
    moment = datetime.fromisoformat(stamp)
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment, "ns")
