"""`seqae listen` with a server of OPC-UA, in this process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pandas as pd
import pytest
from asyncua import Server, ua
from asyncua.server.user_managers import User, UserManager, UserRole

import seqae
from listening import Listening
from mosquitto import free_port, until
from seqae.service.brokers.address import Access

NODES = {"flow": "ns=2;s=Pump.flow", "pressure": "ns=2;s=Pump.pressure"}


class Users(UserManager):
    """One user, and nobody else."""

    def get_user(self, iserver: object, username: object = None, password: object = None, certificate: object = None):
        return User(UserRole.Admin) if (username, password) == ("joe", "secret") else None


class Machine:
    """A server with two nodes of numbers and one of words, for one user."""

    def __init__(self) -> None:
        self.url = f"opc.tcp://127.0.0.1:{free_port()}"
        self.is_up, self.is_ended = threading.Event(), threading.Event()
        self.values: dict[str, ua.DataValue] = {}
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        assert self.is_up.wait(300)

    async def _run(self) -> None:
        server = Server(user_manager=Users())
        await server.init()
        server.set_endpoint(self.url)
        space = await server.register_namespace("plant")
        nodes = {
            name: await server.nodes.objects.add_variable(ua.NodeId(f"Pump.{name}", space), name, value)
            for name, value in (("flow", 0.0), ("pressure", 0.0), ("mode", "automatic"))
        }
        async with server:
            self.is_up.set()
            while not self.is_ended.is_set():
                for name in [*self.values]:
                    await nodes[name].write_value(self.values.pop(name))
                await asyncio.sleep(0.02)

    def set(self, name: str, value: float, is_good: bool = True) -> None:
        status = ua.StatusCode(ua.StatusCodes.Good if is_good else ua.StatusCodes.BadSensorFailure)
        self.values[name] = ua.DataValue(ua.Variant(value, ua.VariantType.Double), StatusCode=status)

    def end(self) -> None:
        self.is_ended.set()
        self._thread.join(300)


@pytest.fixture(scope="module")
def plant() -> Iterator[Machine]:
    """A server, which takes seconds to start; the last test ends it."""
    machine = Machine()
    yield machine
    machine.end()


def test_words_are_rejected_and_a_wrong_password_is_told(plant: Machine, detector: seqae.AnomalyDetector):
    nodes = NODES | {"flow": "ns=2;s=Pump.mode"}
    with Listening(detector, plant.url, nodes=nodes, period=0.2, access=Access("joe", "secret")) as listening:
        until(lambda: any("holds text: 'automatic'" in each.message for each in listening.rejections), "the word")
    with Listening(detector, plant.url, nodes=NODES, period=0.2, access=Access("joe", "other")) as listening:
        until(lambda: any("BadUserAccessDenied" in note for note in listening.notes), "the refusal")
    assert not any("connected" in note for note in listening.notes)


def test_current_values_are_rows_each_period_until_the_server_goes(plant: Machine, detector: seqae.AnomalyDetector):
    plant.set("flow", 0.5)
    plant.set("pressure", 21.0)
    rows: list[pd.Series] = []
    with Listening(detector, plant.url, nodes=NODES, period=0.2, access=Access("joe", "secret")) as listening:
        taken = listening.watch.take

        def take(block, entity=""):
            rows.extend(pd.Series(values, ["flow", "pressure"]) for values in block.values)
            return taken(block, entity)

        listening.watch.take = take
        until(lambda: rows and rows[-1].tolist() == [0.5, 21.0], "both values")
        plant.set("pressure", 22.0)  # and the flow stays as it is
        until(lambda: rows[-1].tolist() == [0.5, 22.0], "the new value")
        plant.set("pressure", 22.0, is_good=False)
        until(lambda: rows[-1].isna().tolist() == [False, True], "the bad value")
        plant.end()
        until(lambda: any("no connection" in note for note in listening.notes), "the end")
    assert not listening.rejections and not listening.error
