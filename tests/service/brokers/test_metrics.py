"""What Prometheus reads of a listener."""

from __future__ import annotations

from urllib.request import urlopen

import pytest

import seqae
from mosquitto import free_port
from seqae.service.brokers.metrics import ListenerMetrics
from seqae.service.http.metrics import ServerMetrics
from seqae.service.rejections import Rejection
from seqae.service.row_block import RowBlock
from seqae.service.watch import Watch
from seqae.service.watch_update import WatchUpdate


def test_numbers_are_those_of_a_server_by_the_same_names(detector: seqae.AnomalyDetector, today):
    watch, address = Watch(detector), f"127.0.0.1:{free_port()}"
    block = RowBlock(today.iloc[:, 1:].to_numpy(), today["time"].to_numpy(), "m")
    with ListenerMetrics("pump", watch, address) as metrics:
        metrics.observe(watch.take(block))
        metrics.observe(WatchUpdate("m", rejections=(Rejection("format", "no row"),)))
        lines = urlopen(f"http://{address}/metrics").read().decode().splitlines()
    found = {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")}
    of = '{machine="m",model="pump"}'
    assert found[f"seqae_rows_total{of}"] == 400 and found[f"seqae_alerts_total{of}"] >= 2
    assert found['seqae_rejected_rows_total{machine="m",model="pump",reason="format"}'] == 1
    assert found['seqae_judging_seconds_count{model="pump"}'] == 1
    assert found['seqae_judging_seconds_sum{model="pump"}'] > 0
    assert found['seqae_machines{model="pump"}'] == 1 and f"seqae_threshold_ratio{of}" in found
    of_server = ServerMetrics().watched.text()[0].decode().splitlines()
    helps = {line for line in lines if line.startswith("# HELP seqae_") and "_created" not in line}
    assert len(helps) >= 9 and helps < set(of_server)


def test_an_address_without_a_port_is_refused(detector: seqae.AnomalyDetector):
    with pytest.raises(ValueError, match="metrics='localhost'"):
        ListenerMetrics("pump", Watch(detector), "localhost")
