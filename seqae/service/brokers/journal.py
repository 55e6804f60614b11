"""Messages that the state holds and the broker does not know of yet."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable

from seqae._files import write_atomically
from seqae.service.brokers.interface import Message
from seqae.service.watch import Watch

_FILE = "unacknowledged.json"  # beside the states


class Journal:
    """Tells, after a kill, which messages that come again were judged before.

    Rows with times need none: a watch leaves out those that the state holds. For machines whose rows have no times it
    is written before the state, with the number of rows that the state will have: if the state has fewer, it was not
    written, and the messages are not in it.

    Args:
        watch: Whose state it is about.
    """

    def __init__(self, watch: Watch):
        self.watch = watch
        folder = watch.options.state
        self.path = None if folder is None else folder / _FILE
        self._is_empty = True
        self._before: dict[str, list[str]] = {}  # keys of messages from before the start, which may still come again

    def write(self, messages: Iterable[Message]) -> None:
        """Note messages that have been judged, and may come again."""
        if self.path is None:
            return
        keys = defaultdict(list, {name: list(found) for name, found in self._before.items()})
        for message in messages:
            machine = self.watch.machines.get(message.machine)
            if machine is not None and machine.online.rows and machine.order.dtype is None:
                keys[message.machine].append(message.key)
        if keys or not self._is_empty:
            noted = {name: [self.watch.rows_of(name), found] for name, found in keys.items()}
            write_atomically(self.path, json.dumps(noted).encode())
            self._is_empty = not keys

    def judged(self) -> list[str]:
        """Return the keys of messages that the state holds, and that were not acknowledged for all that is known.

        Raises:
            ValueError: The file is damaged.
        """
        if self.path is None or not self.path.exists():
            return []
        try:
            noted = {name: (int(rows), list(map(str, keys))) for name, (rows, keys) in self._read().items()}
        except (ValueError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{self.path} is damaged ({error}). Delete it, and go on with the states beside it"
            ) from error
        self._is_empty = not noted
        self._before = {name: keys for name, (rows, keys) in noted.items() if self.watch.rows_of(name) >= rows}
        return [key for keys in self._before.values() for key in keys]

    def _read(self) -> dict[str, tuple[int, list[str]]]:
        assert self.path is not None, "there is a folder of states"
        return json.loads(self.path.read_bytes())
