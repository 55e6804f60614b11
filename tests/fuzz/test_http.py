"""Requests that nobody should send, of many kinds and in great number: they are answered with a reason, never with 500.

Some with a fixed seed are part of the tests. For more, with another seed, and the memory before and after:

    python tests/fuzz/test_http.py --minutes 30 --seed 7
    python tests/fuzz/test_http.py --count 10000
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import io
import json
import random
import resource
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from urllib.parse import quote

import pytest

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))  # as pytest is told to

import seqae
from generators import machine

httpx = pytest.importorskip("httpx", reason="needs httpx: pip install httpx")
pytest.importorskip("starlette", reason="needs starlette: pip install 'seqae[serve]'")
from seqae.service.http.application import application_of  # noqa: E402
from seqae.service.http.service import DetectorService  # noqa: E402
from seqae.service.http.settings import ServerLimits, ServerSettings  # noqa: E402

FRAME = machine(40, seed=1)
CSV = FRAME.to_csv(index=False).encode()
RECORDS = json.loads(FRAME.to_json(orient="records", date_format="iso"))
SCORE, ROWS = "/models/pump/score", "/models/pump/machines/m/rows"
Asked = tuple[str, str, object, dict[str, str]]  # method, path, body, headers
TYPES = [
    "text/csv",
    "application/json",
    "application/x-ndjson",
    "multipart/form-data; boundary=x",
    "image/png",
    "",
    "/",
]
WORDS = ["", "NaN", "inf", "1e999", "-", "ü", "\0", "\ud800", "9" * 400, "a" * 5000, "../../x", "%", "{}", "[]", "null"]


def parquet() -> bytes:
    buffer = io.BytesIO()
    FRAME.to_parquet(buffer)
    return buffer.getvalue()


PARQUET = parquet()
KEPT = tempfile.TemporaryDirectory()  # with the detector and what is said about it
JSON = {"content-type": TYPES[1]}


def mangled(data: bytes, dice: random.Random) -> bytes:
    """Return bytes with one to four things done to them."""
    for _ in range(dice.randint(1, 4)):
        start, stop = sorted((dice.randint(0, len(data)), dice.randint(0, len(data))))
        noise = bytes(dice.randrange(256) for _ in range(dice.randint(0, 5)))
        data = dice.choice([data[:start] + noise + data[stop:], data[:start], data[stop:] + data[:stop], data + noise])
    return data


def value(dice: random.Random, depth: int = 0) -> object:
    """Return anything that JSON can hold."""
    kinds: list[Callable[[], object]] = [
        lambda: None, lambda: dice.random() < 0.5, lambda: dice.choice([0, -1, 10**30, 1e308, 1.5]),
        lambda: dice.choice(WORDS).replace("\ud800", "?"),
    ]  # fmt: skip
    if depth < 3:
        kinds += [lambda: [value(dice, depth + 1) for _ in range(3)], lambda: record(dice, depth + 1)]
    return dice.choice(kinds)()


def record(dice: random.Random, depth: int = 1) -> dict[str, object]:
    names = ["time", "flow", "pressure [bar]", "rows", "entity", "", "x"]
    return {name: value(dice, depth) for name in dice.sample(names, dice.randint(0, 5))}


def word(dice: random.Random) -> str:
    return dice.choice(WORDS).encode(errors="replace").decode()


async def in_pieces(data: bytes, dice: random.Random) -> AsyncIterator[bytes]:
    while data:
        size = dice.randint(1, 500)
        yield data[:size]
        data = data[size:]


def typed(kind: str) -> dict[str, str]:
    return {"content-type": kind} if kind else {}


def form(name: str, data: bytes) -> bytes:
    head = f'--x\r\nContent-Disposition: form-data; name="f"; filename="{name}"\r\n\r\n'.encode(errors="replace")
    return head + data + b"\r\n--x--\r\n"


FORM = typed("multipart/form-data; boundary=x")
ENDINGS = ["mat", "h5", "npz", "xlsx", "edf", "tdms", "gz", "zip", "txt", "exe"]
OPTIONS = ["time_format", "sort", "skip_lines", "states", "by", "fill", "x", "time_column", "resample", "decimal"]


def odd_feedback(dice: random.Random) -> Asked:
    said = {"kind": dice.choice(["normal", "fault"]), "machine": "m", "start": RECORDS[3]["time"], "author": "Ana"}
    said |= {name: value(dice) for name in dice.sample(["fault", *said, "end", "note", "rows"], dice.randint(0, 2))}
    number = dice.choice(["", "", "", "/1/undo", f"/{word(dice)}/undo"])
    return posted(
        f"/models/pump/feedback{number}", json.dumps(said if dice.random() < 0.9 else value(dice)), JSON, dice
    )


def posted(path: str | list[str], body: object, headers: dict[str, str], dice: random.Random) -> Asked:
    return "POST", path if isinstance(path, str) else dice.choice(path), body, headers


def named(path: str, ending: str, data: bytes) -> Asked:
    return "POST", f"{path}?name=x.{ending}", data, {}


def odd_header(dice: random.Random) -> Asked:
    name = dice.choice(["host", "origin", "authorization", "content-length", "content-encoding"])
    return "GET", "/models", b"", {name: word(dice).encode("ascii", "replace").decode().replace("\0", "")}


def option(dice: random.Random) -> str:
    """Return a setting as the query writes it."""
    return f"{dice.choice(OPTIONS)}={quote(dice.choice(SETTINGS))}"


NDJSON = FRAME.to_json(orient="records", lines=True, date_format="iso").encode()
SETTINGS = [
    "",
    "true",
    "time",
    "flow",
    "10s",
    "-1",
    "1e9",
    "{}",
    "\0",
    "\n",
    "%",
    "x" * 900,
    "Europe/Berlin",
    ";",
    "1_0",
    "\u0661",
]
PAGES = ["/", "/models/pump", "/models/pump/machines", "/models/pump/machines/m", "/models/pump/feedback", "/metrics"]
BOTH, IS_CSV = [SCORE, ROWS], typed("text/csv")
KINDS: dict[str, Callable[[random.Random], Asked]] = {
    "mangled CSV": lambda d: posted(SCORE, mangled(CSV, d), IS_CSV, d),
    "mangled rows": lambda d: posted(ROWS, mangled(CSV, d), IS_CSV, d),
    "mangled Parquet": lambda d: named(SCORE, "parquet", mangled(PARQUET, d)),
    "another format": lambda d: named(SCORE, d.choice(ENDINGS), mangled(CSV, d)),
    "packed": lambda d: named(SCORE, "csv.gz", mangled(b"\x1f\x8b\x08" + CSV, d)),
    "any name": lambda d: named(SCORE, f"{word(d)}.csv", CSV),
    "mangled JSON": lambda d: posted(BOTH, mangled(json.dumps(RECORDS).encode(), d), typed(TYPES[1]), d),
    "any JSON": lambda d: posted(BOTH, json.dumps(value(d)), typed(TYPES[1]), d),
    "any records": lambda d: posted(BOTH, json.dumps([record(d) for _ in range(4)]), typed(TYPES[1]), d),
    "deep JSON": lambda d: posted(BOTH, d.choice(["[", '{"a":']) * d.randint(1, 9999), typed(TYPES[1]), d),
    "lines of anything": lambda d: posted(ROWS, "\n".join(json.dumps(value(d)) for _ in range(5)), typed(TYPES[2]), d),
    "another type": lambda d: posted(BOTH, CSV, typed(d.choice(TYPES)), d),
    "in pieces": lambda d: posted(SCORE, in_pieces(mangled(CSV, d), d), typed(d.choice(TYPES)), d),
    "too large": lambda d: posted(BOTH, b"1,2\n" * d.randint(20_000, 30_000), IS_CSV, d),
    "mangled form": lambda d: posted(SCORE, mangled(form("a.csv", CSV), d), FORM, d),
    "form of any name": lambda d: posted(SCORE, form(d.choice(WORDS), CSV), FORM, d),
    "any option": lambda d: posted(f"{SCORE}?{d.choice(OPTIONS)}={word(d)}", CSV, IS_CSV, d),
    "any machine": lambda d: posted(f"/models/pump/machines/{word(d)}/rows", CSV, IS_CSV, d),
    "another path": lambda d: (d.choice(["GET", "POST"]), f"/models/{word(d)}/{word(d)}", CSV, {}),
    "another method": lambda d: (
        d.choice(["PUT", "PATCH", "DELETE", "BREW"]),
        d.choice([*BOTH, "/", "/docs"]),
        CSV,
        {},
    ),
    "odd header": odd_header,
    "odd feedback": odd_feedback,
    "mangled lines": lambda d: posted(BOTH, mangled(NDJSON, d), typed(TYPES[2]), d),
    "packed body": lambda d: posted(
        BOTH, gzip.compress(CSV), IS_CSV | {"content-encoding": d.choice(["gzip", "br", word(d)])}, d
    ),
    "form of many": lambda d: posted(
        SCORE, b"".join(form(f"{n % 3}.csv", CSV) for n in range(d.randint(1, 80))), FORM, d
    ),
    "settings in the query": lambda d: posted(f"{SCORE}?{'&'.join(option(d) for _ in range(3))}", CSV, IS_CSV, d),
    "any query": lambda d: ("GET", f"{d.choice(PAGES)}?{option(d)}&scores={word(d)}", b"", {}),
    "end of a machine": lambda d: ("DELETE", f"/models/pump/machines/{d.choice(['m', word(d)])}?{option(d)}", b"", {}),
    "any channel": lambda d: ("GET", f"/models/pump/machines/{d.choice('mn')}/live?channel={word(d)}", b"", {}),
}


def service() -> DetectorService:
    detector = seqae.AnomalyDetector(resolutions=(1,), epochs=0).fit(machine(600, seed=0))
    limits = ServerLimits(max_body=2**16, rate=0, machines=16)
    return DetectorService({"pump": detector}, ServerSettings(limits=limits), {"pump": seqae.save(detector, KEPT.name)})


async def findings(asked: DetectorService, seeds: Iterable[int], counts: Counter | None = None) -> list[str]:
    """Return what went wrong, with the seed of the request that did it."""
    found = []
    transport = httpx.ASGITransport(application_of(asked), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for seed in seeds:
            dice = random.Random(seed)
            kind = list(KINDS)[seed % len(KINDS)]
            try:
                method, path, body, headers = KINDS[kind](dice)
                answer = await client.request(method, path, content=body, headers=headers)
            except (httpx.InvalidURL, httpx.LocalProtocolError, UnicodeEncodeError):
                continue  # the client itself does not send it
            if counts is not None:
                counts[f"{kind}: {answer.status_code}"] += 1
            if wrong := trouble(answer):
                found.append(f"seed {seed}, {kind}: {wrong}")
            if seed % 500 == 0:
                await client.delete("/models/pump/machines/m")
    return found


def trouble(answer: httpx.Response) -> str:
    """Return what is wrong with an answer, "" if nothing is."""
    if answer.status_code >= 500 and answer.status_code != 503:
        return f"{answer.status_code} {answer.text[:200]}"
    if answer.status_code < 400:
        return ""
    if answer.headers.get("content-type") != "application/problem+json":
        return f"no problem details: {answer.status_code} {answer.text[:200]}"
    detail = answer.json()["detail"]
    hidden = [text for text in (tempfile.gettempdir() + "/", "Traceback", "seqae-serve-", ".venv") if text in detail]
    return f"not one clear line: {detail[:200]!r}" if hidden or "\n" in detail or len(detail) < 10 else ""


@pytest.mark.filterwarnings("ignore")
def test_any_request_is_answered_or_refused_in_one_clear_line(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # others use the common one meanwhile
    assert asyncio.run(findings(service(), range(116))) == []
    assert not list(tmp_path.iterdir())


def resident() -> float:
    """Return the memory of this process in MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def main() -> None:
    """Ask until the time is over, or so often."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--count", type=int, default=0, help="so many requests, in place of --minutes")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    asked, counts, found, number = service(), Counter[str](), [], 0
    end, step, first = time.monotonic() + 60 * options.minutes, 500, options.seed * 10**9
    while number < options.count if options.count else time.monotonic() < end:
        found += asyncio.run(findings(asked, range(first + number, first + number + step), counts))
        number += step
        print(f"{number:6} requests, {resident():.1f} MiB", flush=True)
    print(*sorted(counts.items()), *found, sep="\n")
    print(f"{number} requests of {len(KINDS)} kinds, {len(found)} findings")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
