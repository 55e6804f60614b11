"""A real MQTT broker on this machine, and clients of it, for tests."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
_CONFIG = """
listener {port} 127.0.0.1
persistence true
persistence_location {folder}/
max_queued_messages 100000
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def until(is_so: Callable[[], object], what: str, seconds: float = 300) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.01)


class Mosquitto:
    """A broker that can be stopped, and started again with what it kept."""

    def __init__(self, folder: Path, more: str = "allow_anonymous true\n"):
        folder.chmod(0o777)  # started by root, it becomes another user
        for above in [*folder.parents][:3]:
            above.chmod(above.stat().st_mode | 0o011)
        self.port = free_port()
        self.config = folder / "mosquitto.conf"
        self.config.write_text(_CONFIG.format(port=self.port, folder=folder) + more)
        self.log = folder / "log"
        self.start()

    def start(self) -> None:
        assert MOSQUITTO is not None
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([MOSQUITTO, "-v", "-c", self.config], stdout=log, stderr=log)
        until(self._answers, "mosquitto")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(300)

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        with socket.socket() as found:
            return found.connect_ex(("127.0.0.1", self.port)) == 0

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"


class Client:
    """Publishes, and collects what is published, also while it was away from the broker."""

    def __init__(self, broker: Mosquitto):
        self.messages: list[tuple[str, Any]] = []
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, uuid.uuid4().hex, protocol=paho.MQTTv5)
        self._client.on_message = lambda _client, _data, found: self.messages.append(
            (found.topic, json.loads(found.payload))
        )
        self._client.reconnect_delay_set(1, 1)
        kept = Properties(PacketTypes.CONNECT)
        kept.SessionExpiryInterval = 3600
        self._client.connect("127.0.0.1", broker.port, clean_start=False, properties=kept)
        self._client.loop_start()

    def publish(self, topic: str, payloads: Sequence[str | bytes]) -> None:
        """Publish messages, and wait until the broker has them."""
        until(self._client.is_connected, "the connection")
        sent = [self._client.publish(topic, payload, qos=1) for payload in payloads]
        for each in sent:
            each.wait_for_publish(300)

    def subscribe(self, topic: str) -> None:
        done: list[int] = []
        self._client.on_subscribe = lambda *_: done.append(1)
        self._client.subscribe(topic, qos=1)
        until(lambda: done, "the subscription")

    def records(self, topic: str) -> list[Any]:
        """Return what was published in a topic."""
        return [record for name, record in list(self.messages) if name == topic]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
