"""The live page in a browser. Needs Debian's chromium and Python's playwright; skipped without them."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable

import httpx
import pandas as pd
import pytest

import seqae
from generators import machine

CHROMIUM = shutil.which("chromium")
FLAGS = ("no-sandbox", "disable-gpu", "disable-background-networking", "disable-component-update", "disable-sync")
CSV = {"content-type": "text/csv"}
TOKEN = "a-token-of-many-letters"
PATIENCE = 300_000  # milliseconds that the browser is waited for
SOURCES = """() => Object.fromEntries(["signal", "score", "provisional", "alarms"].map((name) =>
    [name, Object.fromEntries(Object.entries(Bokeh.documents.at(-1).get_model_by_name(name).data)
        .map(([column, values]) => [column, Array.from(values)]))]))"""

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium")


@pytest.fixture
def address(tmp_path):
    """The address of a server with a token, and a detector that is kept in a folder and raises few false alarms."""
    import uvicorn

    from seqae.service.http import server
    from seqae.service.http.service import DetectorService
    from seqae.service.http.settings import ServerSettings

    detector = seqae.AnomalyDetector(false_alarm_rate=0.001).fit(machine(1200, seed=0))
    folders = {"pump": seqae.save(detector, tmp_path / "model")}
    running = uvicorn.Server(server._config(DetectorService({"pump": detector}, ServerSettings(TOKEN), folders)))
    with server.listening("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=running.run, args=([listener],))
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        running.should_exit = True
        thread.join(300)


def until(is_so: Callable[[], bool]) -> None:
    """Wait; the page's own policy does not let playwright evaluate conditions in it."""
    end = time.monotonic() + 300
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


def say_what_the_alarms_were(page, send: Callable, today, expect) -> None:
    """Name a fault, see a later event compared with it, accept this one as normal, and take that back."""
    page.click("text=name fault…")
    page.fill("#fault", "worn <b>seal</b>")
    page.click("text=Save")  # nobody says it yet
    assert page.is_visible("#saying")
    page.fill("#author", "Ana")
    page.click("text=Save")
    expect(page.locator("#said li")).to_contain_text("is 'worn <b>seal</b>', says Ana")
    expect(page.locator("#found")).to_contain_text("is 'worn <b>seal</b>', says Ana")
    assert page.is_hidden("#saying")
    again = today[100:300].assign(time=today["time"] + pd.Timedelta("400s"))
    send("line 1%2F<b>press</b>", again)
    found = page.locator("#found tbody", has_text="like 'worn <b>seal</b>' (0.")
    expect(found).to_have_count(1)
    found.locator("text=was normal").click()
    assert page.input_value("#author") == "Ana"
    page.click("text=Save")
    expect(page.locator("#said li")).to_have_count(2)
    page.locator("#said li", has_text="was normal").get_by_text("take back").click()
    page.fill("#author", "Bo")
    page.click("text=Save")
    expect(page.locator("#said .undone")).to_contain_text("taken back by Bo")


def test_the_live_page_shows_machines_alarms_signals_and_contributions_as_rows_come(address, today):
    troubles: list[str] = []
    expect = playwright.expect
    expect.set_options(timeout=PATIENCE)
    right = {"authorization": f"Bearer {TOKEN}"}
    with (
        playwright.sync_playwright() as driver,
        httpx.Client(base_url=address, headers=CSV | right, timeout=300) as client,
    ):

        def send(machine: str, rows) -> None:
            sent = client.post(f"/models/pump/machines/{machine}/rows", content=rows.to_csv(index=False))
            assert sent.status_code == 200

        send("line 1%2F<b>press</b>", today[:400])
        send("calm", today[:140])
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=[f"--{flag}" for flag in FLAGS])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on(
            "request",
            lambda request: request.url.startswith((address, "data:", "blob:")) or troubles.append(request.url),
        )
        page.goto(address)
        page.wait_for_selector("#gate:not([hidden])")
        page.fill("#token", TOKEN)
        page.click("#gate button")
        page.wait_for_selector("body[data-ready]")
        page.click("text=line 1/<b>press</b>")
        expect(page.locator("#title")).to_have_text("line 1/<b>press</b>")
        assert page.locator("#found tbody").count() == 1  # the fault
        assert "ended" in page.inner_text("#found")
        names = page.locator("#contributions span").all_inner_texts()
        assert sorted(names) == ["flow", "pressure"]
        page.select_option("#channels", "pressure")
        until(lambda: max(page.evaluate(SOURCES)["signal"]["signal"]) == 35)
        drawn = page.evaluate(SOURCES)
        assert len(drawn["signal"]["x"]) == 400 and max(drawn["signal"]["signal"]) == 35
        assert max(drawn["signal"]["reconstruction"]) < 30  # what was expected
        assert len(drawn["alarms"]["left"]) >= 1
        page.select_option("#channels", "flow")
        send("line 1%2F<b>press</b>", today[400:500])
        expect(page.locator("#facts")).to_contain_text("500 rows")
        until(lambda: len(page.evaluate(SOURCES)["signal"]["x"]) == 500)
        assert max(page.evaluate(SOURCES)["signal"]["signal"]) < 3  # of the flow
        say_what_the_alarms_were(page, send, today, expect)
        page.hover("text=calm")
        page.mouse.down()
        page.wait_for_timeout(2000)  # the page asks every second; what has come is not shown before the click
        page.mouse.up()
        expect(page.locator("#title")).to_have_text("calm")
        assert page.is_visible("#quiet")
        page.set_viewport_size({"width": 390, "height": 800})
        until(lambda: page.evaluate("document.documentElement.scrollWidth") <= 390)  # it is drawn again a moment later
        page.goto(f"{address}/docs")
        assert "/models/{model}/score" in page.inner_text("body")
        browser.close()
    assert troubles == []
