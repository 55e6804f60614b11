"""The line protocol of InfluxDB, as Telegraf and many gateways write it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from seqae._extras import require
from seqae.data.signals.options import ReadingOptions
from seqae.service.brokers.cells import Cell
from seqae.service.brokers.interface import Message

_UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


class LineProtocol:
    """Reads lines such as `pump,machine=press-1 flow=1.5,pressure=20 1700000000000000000`.

    A channel is a field by its name, or `measurement.field`; other fields and the tags are left out, but for those tags
    that name the machine.

    Args:
        channels: The names of the channels.
        options: `by`: the tags that name the machine. `time_unit`: what the times count, by default ns. `states`: the
            number for each word.
    """

    def __init__(self, channels: Sequence[str], options: ReadingOptions):
        self._parser = require("line_protocol_parser", extra="influx", purpose="the line protocol of InfluxDB")
        self.channels = frozenset(channels)
        self.options = options
        self._unit = _UNITS[options.time_unit or "ns"]

    def cells(self, message: Message) -> Iterator[Cell]:
        """Yield the values of channels in a message.

        Raises:
            ValueError: A line is not of this protocol; names it.
        """
        for number, line in enumerate(message.payload.decode().splitlines(), start=1):
            where = f"{message.topic}, line {number}"
            if not line.strip():
                continue
            try:
                point = self._parser.parse_line(line)
            except self._parser.LineFormatError as error:
                raise ValueError(
                    f"not the line protocol of InfluxDB ({where}: {error}) Expected measurement,tag=a field=1.5 TIME"
                ) from error
            if point is not None:  # a comment
                yield from self._of_point(point, where)

    def _of_point(self, point: Mapping[str, Any], where: str) -> Iterator[Cell]:
        machine = "_".join(point["tags"][name] for name in self.options.by if name in point["tags"])
        time = None if point["time"] is None else self._time(point["time"], where)
        for name, value in point["fields"].items():
            for channel in (name, f"{point['measurement']}.{name}"):
                if channel in self.channels:
                    yield Cell(channel, self._number(value, channel, where), time, machine)

    def _time(self, count: int, where: str) -> np.datetime64:
        try:
            return np.datetime64(count * self._unit, "ns")
        except OverflowError as error:
            raise ValueError(f"the time {count} ({where}). Expected a time after 1677 and before 2262") from error

    def _number(self, value: object, channel: str, where: str) -> float:
        if isinstance(value, str):
            if value in self.options.missing:
                return np.nan
            if value not in self.options.states:
                raise ValueError(
                    f"channel {channel!r} holds text: {value[:50]!r} ({where}). Expected a number. Give states=... for "
                    "the words of a state"
                )
            return self.options.states[value]
        number = float(value)  # type: ignore[arg-type]
        return np.nan if number in self.options.missing else number
