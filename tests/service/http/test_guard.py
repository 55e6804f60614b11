"""Who may ask, how often, how much and how slowly."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace

import httpx
import pytest

from seqae.service.http.application import application_of
from seqae.service.http.guard import ClientRates
from seqae.service.http.service import DetectorService
from seqae.service.http.settings import ServerLimits, ServerSettings, allowed_hosts, is_loopback, read_token

CSV = {"content-type": "text/csv"}
TOKEN = "a-token-of-many-letters"


def refused(answer, status: int, word: str) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert word in answer.json()["detail"], answer.text


def test_with_a_token_all_that_tells_of_machines_asks_for_it(served, detector):
    client = served({"pump": detector}, token=TOKEN)
    for path in ("/metrics", "/models", "/models/pump", "/models/pump/machines", "/models/pump/machines/m", "/none"):
        refused(client.get(path), 401, "no token")
        assert client.get(path).headers["www-authenticate"].startswith("Bearer")
        refused(client.get(path, headers={"authorization": "Bearer another"}), 401, "another token")
        refused(client.get(path, headers={"authorization": f"Basic {TOKEN}"}), 401, "another token")
    right = {"authorization": f"Bearer {TOKEN}"}
    assert client.get("/models", headers=right).status_code == 200
    for path in ("/", "/docs", "/openapi.json", "/healthz", "/readyz", "/assets/live.js"):
        assert client.get(path).status_code == 200
        assert "pump" not in client.get(path).text.replace("pump.parquet", "") or path == "/readyz"


def test_a_socket_asks_for_the_token_too(served, detector):
    from starlette.testclient import WebSocketDenialResponse

    client, path = served({"pump": detector}, token=TOKEN), "/models/pump/machines/m/stream"
    with pytest.raises(WebSocketDenialResponse) as denied, client.websocket_connect(path):
        pass
    assert denied.value.status_code == 401
    with client.websocket_connect(path, headers={"authorization": f"Bearer {TOKEN}"}) as socket:
        assert socket.receive_json() == {"machine": "m", "rows": 0}


def test_another_name_of_the_server_is_refused_against_pages_that_rebind_names(served, detector):
    client = served({"pump": detector}, hosts=allowed_hosts("127.0.0.1", "", ()))
    for host in ("evil.example", "evil.example:8080", "localhost.evil.example", ""):
        refused(client.get("/models", headers={"host": host}), 421, "not called")
    for host in ("localhost:8080", "127.0.0.1", "[::1]:8080", "LOCALHOST"):
        assert client.get("/models", headers={"host": host}).status_code == 200


def test_a_page_of_another_site_may_not_ask(served, detector):
    from starlette.testclient import WebSocketDenialResponse

    client, path = served({"pump": detector}), "/models/pump/machines/m"
    for origin in ("https://evil.example", "null", "http://testserver.evil.example", "http://[", ""):
        refused(client.post(f"{path}/rows", content="x", headers=CSV | {"origin": origin}), 403, "may not ask")
        with (
            pytest.raises(WebSocketDenialResponse),
            client.websocket_connect(f"{path}/stream", headers={"origin": origin}),
        ):
            pass
    assert client.get("/models", headers={"origin": "http://testserver"}).status_code == 200


def test_a_body_that_is_too_large_is_refused_whether_it_tells_its_size_or_not(served, detector):
    client = served({"pump": detector}, {"max_body": 1000})
    refused(client.post("/models/pump/score", content=b"x" * 1001, headers=CSV), 413, "1,000 bytes")
    pieces = (b"time,flow,pressure\n" for _ in range(100))
    refused(client.post("/models/pump/score", content=pieces, headers=CSV), 413, "1,000 bytes")


def test_more_requests_than_the_rate_wait(served, detector, monkeypatch):
    clock = SimpleNamespace(monotonic=lambda: 0.0, perf_counter=lambda: 0.0)
    monkeypatch.setattr("seqae.service.http.guard.time", clock)  # no time passes
    client = served({"pump": detector}, {"rate": 2})
    answers = [client.get("/models") for _ in range(8)]
    assert [answer.status_code for answer in answers][:4] == [200] * 4
    refused(answers[-1], 429, "2 requests")
    assert answers[-1].headers["retry-after"] == "1"
    assert client.get("/healthz").status_code == 200


def test_rates_are_counted_for_each_client_and_forgotten_in_time():
    rates = ClientRates(10)
    assert [rates.wait("a", 0.0) == 0 for _ in range(25)] == [True] * 20 + [False] * 5
    assert rates.wait("b", 0.0) == 0
    assert 0 < rates.wait("a", 0.05) <= 0.1 and rates.wait("a", 1.0) == 0
    for client in range(5000):
        rates.wait(str(client), 2.0)
    assert len(rates.buckets) == 4096


def asked(service: DetectorService, *requests, base: str = "http://localhost") -> list[httpx.Response]:
    """Answer requests together, each a method, a path and its content."""

    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(application_of(service))
        async with httpx.AsyncClient(transport=transport, base_url=base) as client:
            sent = [client.request(method, path, content=body, headers=CSV) for method, path, body in requests]
            return await asyncio.gather(*sent)

    return asyncio.run(ask())


def test_a_body_that_comes_slowly_is_given_up(detector):
    async def slow():
        yield b"time,flow,pressure\n"
        await asyncio.sleep(300)

    service = DetectorService({"pump": detector}, ServerSettings(limits=ServerLimits(body_seconds=0.1)))
    (answer,) = asked(service, ("POST", "/models/pump/score", slow()))
    refused(answer, 408, "0.1 s")


def test_requests_beyond_the_limit_are_told_to_come_again(detector):
    service = DetectorService({"pump": detector}, ServerSettings(limits=ServerLimits(concurrency=2)))

    async def ask():
        go_on, begun = asyncio.Event(), []

        async def held():
            begun.append(1)
            yield b"time,flow,pressure\n"
            await go_on.wait()

        transport = httpx.ASGITransport(application_of(service))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            path = "/models/pump/score"
            running = [asyncio.create_task(client.post(path, content=held(), headers=CSV)) for _ in range(2)]
            while len(begun) < 2:
                await asyncio.sleep(0.01)
            beyond = [await client.post(path, content=b"x", headers=CSV), await client.get("/healthz")]
            go_on.set()
            return [*await asyncio.gather(*running), *beyond]

    answers = asyncio.run(ask())
    assert [answer.status_code for answer in answers] == [400, 400, 503, 200]
    assert answers[2].headers["retry-after"] == "1"


def test_health_is_answered_while_a_file_is_scored(detector, monkeypatch):
    from seqae.service.http import scoring

    is_asked = threading.Event()
    read = scoring.read_recordings

    def slow(*arguments):
        assert is_asked.wait(300)
        return read(*arguments)

    monkeypatch.setattr(scoring, "read_recordings", slow)
    service = DetectorService({"pump": detector}, ServerSettings())

    async def ask():
        transport = httpx.ASGITransport(application_of(service))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            scoring_it = asyncio.create_task(client.post("/models/pump/score", content=b"x,y\n1,2\n", headers=CSV))
            while not service.workers.running:
                await asyncio.sleep(0.01)
            health = await client.get("/healthz")
            is_asked.set()
            return health, await scoring_it

    health, scored = asyncio.run(ask())
    assert (health.status_code, scored.status_code) == (200, 400)


def test_a_bug_is_answered_without_its_traceback(served, detector, monkeypatch):
    from seqae.service.http import endpoints

    monkeypatch.setattr(endpoints, "live_data", lambda *arguments: 1 / 0)
    client = served({"pump": detector})
    client.post("/models/pump/machines/m/rows", content="flow,pressure\n1,2\n2,3\n", headers=CSV)
    answer = client.get("/models/pump/machines/m/live")
    refused(answer, 500, "bug")
    assert "ZeroDivision" not in answer.text and "/" not in answer.json()["detail"]


def test_addresses_and_tokens(tmp_path, monkeypatch):
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "127.8.1.1")] == [True] * 4
    assert [is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.1", "127.evil.example")] == [False] * 4
    assert allowed_hosts("0.0.0.0", TOKEN, ()) == () and "plant" in allowed_hosts("0.0.0.0", TOKEN, ("plant",))
    monkeypatch.delenv("SEQAE_TOKEN", raising=False)
    assert read_token(None) == ""
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    with pytest.raises(ValueError, match="everybody may read"):
        file.chmod(0o644)
        read_token(file)
    file.chmod(0o600)
    assert read_token(file) == TOKEN
    monkeypatch.setenv("SEQAE_TOKEN", "short")
    with pytest.raises(ValueError, match="5 letters"):
        read_token(None)


@pytest.mark.parametrize("limits", [{"max_body": 0}, {"machines": 0}, {"body_seconds": 0}, {"rate": -1}])
def test_limits_out_of_range_are_refused_by_name(limits):
    with pytest.raises(ValueError, match=next(iter(limits))):
        ServerLimits(**limits)
