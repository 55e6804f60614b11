"""Messages that the state holds and the broker may not know of yet."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from seqae._files import read_file, reason, write_atomically
from seqae.data._files.text_files import json_value
from seqae.service.brokers.interface import Message
from seqae.service.watch import Watch

_FILE = "unacknowledged.json"  # beside the states


class Journal:
    """Tells, after a kill, which messages that come again were judged before.

    Rows with times of their own need none: a watch leaves out those that the state holds. For other machines it is
    written before the state, and says of each message which saving of the state is the first to hold it. So it is true
    whatever was killed between the two.

    A broker holds back messages as long as `limit` ones are not acknowledged for all that it knows. So those that may
    come again, because their acknowledgement was lost with the connection, are among the last so many.

    Args:
        watch: Whose state it is about.
        limit: How many messages may wait for their acknowledgement.
    """

    def __init__(self, watch: Watch, limit: int):
        self.watch = watch
        self.limit = limit
        folder = watch.options.state
        self.path = None if folder is None else folder / _FILE
        self._noted: dict[str, tuple[str, int]] = {}  # by key: machine and saving; no saving if it needs none
        self._is_written = True

    def write(self, messages: Iterable[Message]) -> None:
        """Note messages that have been judged since the state was saved; the next saving is to hold them.

        Raises:
            OSError: It cannot be written; an older one stays.
        """
        if self.path is None:
            return
        for message in messages:
            if message.key and not (message.is_held or message.is_noted):
                self._note(message)
        if not self._is_written:
            found: dict[str, dict[int, list[str]]] = {}
            for key, (name, saving) in self._noted.items():
                if saving:
                    found.setdefault(name, {}).setdefault(saving, []).append(key)
            write_atomically(self.path, json.dumps(found).encode())
            self._is_written = True

    def judged(self) -> list[str]:
        """Return the keys of messages that the state holds, and that were not acknowledged for all that is known.

        Raises:
            ValueError: The file is damaged.
        """
        if self.path is None or not self.path.exists():
            return []
        for name, savings in self._read().items():
            machine = self.watch.machine(name)
            machine.order.expect_no_repeats()
            for saving, keys in savings.items():
                if saving <= machine.savings:
                    self._noted |= dict.fromkeys(keys, (name, saving))
        return list(self._noted)

    def _note(self, message: Message) -> None:
        message.is_noted = True
        machine = self.watch.machines.get(message.machine)
        needs_it = machine is not None and not machine.order.has_own_times
        saving = machine.savings + 1 if machine is not None and needs_it else 0
        self._noted.pop(message.key, None)  # of an earlier message, whose number was given again
        self._noted[message.key] = message.machine, saving
        if len(self._noted) > self.limit:
            del self._noted[next(iter(self._noted))]
        self._is_written = self._is_written and not needs_it

    def _read(self) -> dict[str, dict[int, list[str]]]:
        assert self.path is not None, "there is a folder of states"
        try:
            read: dict[str, dict[str, list[Any]]] = json_value(read_file(self.path))
            return {
                name: {int(saving): list(map(str, keys)) for saving, keys in savings.items()}
                for name, savings in read.items()
            }
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(
                f"{self.path} is damaged ({reason(error)}). Delete it, and go on with the states beside it"
            ) from error
