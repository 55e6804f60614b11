"""What Prometheus reads."""

from __future__ import annotations

import re

from seqae.service import metrics

CSV = {"content-type": "text/csv"}


def numbers(client) -> dict[str, float]:
    lines = client.get("/metrics").text.splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")}


def test_rows_alarms_events_drift_ratio_and_versions_are_counted(served, detector, today):
    client = served({"pump": detector})
    today.loc[300:, "pressure [bar]"] += 20
    client.post("/models/pump/machines/m/rows", content=today[:200].to_csv(index=False), headers=CSV)
    before = numbers(client)
    client.post("/models/pump/machines/m/rows", content=today[200:].to_csv(index=False), headers=CSV)
    found, of = numbers(client), '{machine="m",model="pump"}'
    assert found[f"seqae_rows_total{of}"] == 600 and before[f"seqae_rows_total{of}"] == 200
    assert found[f"seqae_alerts_total{of}"] >= 2 and found[f"seqae_events_total{of}"] >= 1
    assert found[f"seqae_alarm_rows_total{of}"] >= 100 and found[f"seqae_drifts_total{of}"] >= 1
    assert before[f"seqae_threshold_ratio{of}"] < 1 < found[f"seqae_threshold_ratio{of}"]
    assert found['seqae_machines{model="pump"}'] == 1
    (info,) = (name for name in found if name.startswith("seqae_model_info"))
    assert re.search(r'fingerprint="[0-9a-f]{16}".*version="\d+\.\d+', info)
    route = 'route="/models/{model}/machines/{entity}/rows",status="200"'
    assert found[f"seqae_request_seconds_count{{{route}}}"] == 2
    assert found["process_resident_memory_bytes"] > 0


def test_machines_beyond_a_number_share_their_labels_and_none_outlives_its_machine(
    served, detector, today, monkeypatch
):
    monkeypatch.setattr(metrics, "MAX_MACHINES", 2)
    client, body = served({"pump": detector}), today[:40].to_csv(index=False)
    for name in ("a", "b", "c", "d"):
        client.post(f"/models/pump/machines/{name}/rows", content=body, headers=CSV)
    found = numbers(client)
    assert found['seqae_rows_total{machine="(others)",model="pump"}'] == 80
    assert 'seqae_rows_total{machine="c",model="pump"}' not in found
    client.request("DELETE", "/models/pump/machines/a")
    client.post("/models/pump/machines/c/rows", content=today[40:80].to_csv(index=False), headers=CSV)
    found = numbers(client)
    assert 'seqae_rows_total{machine="a",model="pump"}' not in found
    assert found['seqae_rows_total{machine="c",model="pump"}'] == 40


def test_requests_that_lead_nowhere_have_one_label(served, detector):
    client = served({"pump": detector})
    for number in range(20):
        client.get(f"/nowhere/{number}")
        client.get(f"/models/none-{number}")
    names = [name for name in numbers(client) if name.startswith("seqae_request_seconds_count")]
    assert len(names) == 2
