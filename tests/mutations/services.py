"""Faults of what watches rows while they come."""

from __future__ import annotations

from mutations.mutation import Mutation

MUTATIONS = (
    # Rows in the order of time.
    Mutation(
        "service/row_order.py",
        "while len(self.held) > self.depth:",
        "while len(self.held) >= max(self.depth, 1):",
        "service/test_row_order.py",
    ),
    Mutation(
        "service/row_order.py",
        "if len(self.doubtful) < RESTART_ROWS:",
        "if len(self.doubtful) <= RESTART_ROWS:",
        "service/test_row_order.py",
    ),
    Mutation(
        "service/row_order.py",
        "for each in [*self.held, *self.doubtful]:",
        "for each in self.doubtful:",
        "service/test_row_order.py",
    ),
    Mutation(
        "service/row_order.py",
        "elif self.latest is not None and row.moment < self.latest:",
        "elif self.latest is not None and row.moment <= self.latest:",
        "service/test_row_order.py",
    ),
    Mutation(
        "service/row_order.py",
        "self._judged.update({moment: self.at_latest for moment in latest})",
        "self._judged.update(latest)",
        "service/test_row_order.py",
    ),
    Mutation(
        "service/row_order.py",
        'for name in ("waiting", "held", "doubtful"):\n            times = state',
        'for name in ("waiting", "doubtful"):\n            times = state',
        "service/test_row_order.py",
    ),
    Mutation(
        "service/row_order.py",
        "self.latest, self.at_latest = _moment(times), 1",
        "self.latest = _moment(times)",
        "service/test_row_order.py",
    ),
    Mutation(
        "service/row_order.py",
        "self.may_repeat = Sampling.of(self.times_of(self.waiting)).is_coarse",
        "self.may_repeat = False",
        "service/test_row_order.py",
    ),
    # The watch and its states.
    Mutation(
        "service/machine_watch.py",
        "write_state(self.folder, self.online.state() | order | savings, self.owner)",
        "write_state(self.folder, self.online.state() | savings, self.owner)",
        "service/test_watch.py",
    ),
    Mutation(
        "service/machine_watch.py",
        "self.order.go_on(times)\n        self._is_saved = False",
        "self.order.go_on(times)",
        "service/test_watch.py",
    ),
    Mutation(
        "service/machine_watch.py",
        'self.owner = " ".join(filter(None, (owner, entity)))',
        "self.owner = owner",
        "service/test_watch.py",
    ),
    Mutation("service/machine_watch.py", "late <= DISORDER * count", "late <= 0 * count", "service/test_watch.py"),
    Mutation(
        "service/machine_watch.py",
        "update.scores > self.threshold))",
        "update.scores >= 0))",
        "service/test_watch.py::test_it_finds_what_the_detector_finds_in_the_whole",
    ),
    Mutation(
        "service/watch.py",
        "self.options.reorder,\n",
        "0,\n",
        "service/test_watch.py::test_late_rows_are_put_in_order_if_rows_wait_for_them",
    ),
    Mutation(
        "service/watch.py",
        "if error is None or isinstance(error, ValueError):\n",
        "if True:\n",
        "service/test_watch.py",
    ),
    Mutation(
        "service/watch.py",
        "return state / (name if name == entity else",
        "return state / (name if name else",
        "service/test_watch.py",
    ),
    Mutation("service/watch.py", "machine.online.use(detector)", "pass", "anomaly/feedback/test_streams.py"),
    Mutation(
        "service/sampling_watch.py",
        "self.last = times[-1] if len(times) else self.last",
        "pass",
        "service/test_watch.py",
    ),
    # Text in pieces.
    Mutation(
        "service/row_splitter.py",
        "while stop > 0 and marks % 2:",
        "if stop > 0 and marks % 2:",
        "service/test_row_splitter.py",
    ),
    Mutation(
        "service/row_splitter.py",
        'text, self._open = self._open + text, b""',
        'text, self._open = text, b""',
        "service/test_row_splitter.py",
    ),
    Mutation("service/row_splitter.py", " and len(text) <= MAX_ROW:", ":", "service/test_row_splitter.py"),
    Mutation(
        "service/row_splitter.py",
        'self._open + b"".join(self._pieces)',
        'b"".join(self._pieces)',
        "service/test_row_splitter.py",
    ),
    Mutation(
        "service/row_splitter.py",
        "self._pieces, self._size, self._is_too_long = [], 0, False",
        "self._pieces, self._is_too_long = [], False",
        "service/test_row_splitter.py",
    ),
    # Messages of brokers.
    Mutation("service/brokers/payloads.py", "self._readers.pop(key, None)", "pass", "service/brokers/test_payloads.py"),
    Mutation(
        "service/brokers/cells.py", "time <= self._latest:", "time < self._latest:", "service/brokers/test_payloads.py"
    ),
    Mutation(
        "service/brokers/cells.py",
        "now - row.opened >= self.wait",
        "now - row.opened > self.wait",
        "service/brokers/test_payloads.py",
    ),
    Mutation(
        "service/brokers/cells.py", "exact // period * period)", "exact // period)", "service/brokers/test_payloads.py"
    ),
    # Messages of MQTT: acknowledged when the state holds them, judged once.
    Mutation(
        "service/brokers/listener.py",
        "list(takewhile(lambda message: not message.is_held, self._pending))",
        "[message for message in self._pending if not message.is_held]",
        "service/brokers/test_listener.py",
    ),
    Mutation(
        "service/brokers/listener.py",
        "if not self.sink.is_flushed(_FLUSH):",
        "if self.sink.is_flushed(_FLUSH) is None:",
        "service/brokers/test_listener.py",
    ),
    Mutation(
        "service/brokers/listener.py",
        "if len(self._pending) <= self.source.limit // 2:\n",
        "if True:\n",
        "service/brokers/test_listener.py",
    ),
    Mutation(
        "service/brokers/listener.py",
        "            self._journal.write(self._pending)\n",
        "            return self.watch.save()\n",
        "service/brokers/test_listener.py",
    ),
    Mutation(
        "service/brokers/journal.py",
        "if saving <= machine.savings:",
        "if saving < machine.savings:",
        "service/brokers/test_listener.py",
    ),
    Mutation(
        "service/brokers/journal.py",
        "if saving <= machine.savings:",
        "if saving:",
        "service/brokers/test_listener.py",
    ),
    Mutation(
        "service/brokers/journal.py",
        "saving = machine.savings + 1 if",
        "saving = machine.savings if",
        "service/brokers/test_listener.py",
    ),
    Mutation(
        "service/brokers/journal.py",
        "not (message.is_held or message.is_noted)",
        "not message.is_noted",
        "service/brokers/test_listener.py",
    ),
    Mutation(
        "service/brokers/journal.py",
        "self._noted.pop(message.key, None)  #",
        "pass  #",
        "service/brokers/test_journal.py",
    ),
    Mutation(
        "service/brokers/mqtt.py",
        "self._flushed.wait_for(lambda: not self._unflushed, seconds)",
        "True",
        "service/brokers/test_listener.py service/brokers/test_mqtt.py",
    ),
    Mutation(
        "service/brokers/mqtt.py",
        "if is_repeat and message.key in self._judged}",
        "if message.key in self._judged}",
        "service/brokers/test_listener.py service/brokers/test_mqtt.py",
    ),
    Mutation(
        "service/brokers/mqtt.py",
        "self._delivered[key] = first, self._connection, packet.mid",
        "self._delivered.setdefault(key, (first, self._connection, packet.mid))",
        "service/brokers/test_listener.py service/brokers/test_mqtt.py",
    ),
    Mutation(
        "service/brokers/mqtt.py",
        "self._judged.pop(key, None)",
        "pass",
        "service/brokers/test_mqtt.py",
    ),
    Mutation(
        "service/brokers/cells.py",
        "message.waiting -= 1",
        "message.waiting = 0",
        "service/brokers/test_payloads.py",
    ),
    Mutation(
        "service/brokers/mqtt.py",
        "self._judged.clear()",
        "pass",
        "service/brokers/test_listener.py service/brokers/test_mqtt.py",
    ),
)
