"""The page in a browser. Needs Debian's chromium and Python's playwright; skipped without them."""

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from seqae.report import write_report
from seqae.report.html.scatter3d import write_scatter3d
from seqae.report.summary import largest_departure

CHROMIUM = shutil.which("chromium")
FLAGS = ("no-sandbox", "disable-gpu", "disable-background-networking", "disable-component-update", "disable-sync")

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium")


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=[f"--{flag}" for flag in FLAGS])
        yield browser
        browser.close()


@dataclass
class Visit:
    """An open page, and what went wrong on it."""

    page: object
    troubles: list[str] = field(default_factory=list)

    def state(self) -> dict:
        """Return the visible range of time and the name of the drawn channel."""
        return self.page.evaluate("""() => {
            const find = (name) => Bokeh.documents[0].get_model_by_name(name);
            const [time, channel, shown] = ["time", "channel", "shown"].map(find);
            return { left: time.start, right: time.end, channel: channel.left[0].axis_label,
                     points: shown.data.x.length };
        }""")


def visit(browser, path: Path, width: int = 1280, ready: str = "body[data-ready]") -> Visit:
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.set_default_timeout(300_000)  # milliseconds
    opened = Visit(page)
    page.on("pageerror", lambda error: opened.troubles.append(str(error)))
    page.on("console", lambda message: message.type in ("error", "warning") and opened.troubles.append(message.text))
    page.on(
        "request",
        lambda request: request.url.split(":")[0] in ("file", "data", "blob") or opened.troubles.append(request.url),
    )
    page.goto(path.as_uri())
    page.wait_for_selector(ready)
    return opened


@pytest.fixture(scope="module")
def opened(browser, report, tmp_path_factory):
    opened = visit(browser, write_report(report, tmp_path_factory.mktemp("browser") / "report.html"))
    yield opened
    assert opened.troubles == []


def milliseconds(report, row: int) -> float:
    return report.recording.times[row].astype("datetime64[ms]").astype(float)


def test_the_page_opens_on_the_event_and_channel_that_depart_most_from_the_reconstruction(opened, report):
    state, (event, channel) = opened.state(), largest_departure(report.recording, report.reconstruction, report.events)
    assert state["left"] < milliseconds(report, event.start) < milliseconds(report, event.stop) < state["right"]
    assert state["right"] - state["left"] < milliseconds(report, 5999) - milliseconds(report, 5000)
    assert state["channel"] == ["pressure [bar]", "flow", "speed"][channel]
    assert opened.page.evaluate("window.scrollY") == 0
    assert opened.troubles == []


def test_a_click_on_an_alarm_moves_the_plots_to_it_and_shows_its_channel(opened, report):
    opened.page.locator("[data-event]").nth(0).click()
    state, event = opened.state(), report.events[0]
    length = milliseconds(report, event.stop) - milliseconds(report, event.start)
    assert milliseconds(report, event.start) - 1.1 * length < state["left"] < milliseconds(report, event.start)
    assert milliseconds(report, event.stop) < state["right"] < milliseconds(report, event.stop) + 1.1 * length
    assert state["channel"] == "pressure [bar]"
    assert "to alarm 1" in opened.page.inner_text("aside")


def test_the_buttons_go_from_alarm_to_alarm_and_back_to_the_whole(opened, report):
    opened.page.click("#whole")
    lefts = []
    for button in ("#next", "#next", "#next", "#previous"):
        opened.page.click(button)
        lefts.append(opened.state()["left"])
    assert lefts[0] < lefts[1] < lefts[2]
    assert lefts[3] == lefts[1]
    opened.page.click("#whole")
    assert opened.state()["left"] == milliseconds(report, 0) - 500


def test_the_keyboard_chooses_an_alarm_too(opened, report):
    opened.page.locator("[data-event]").nth(2).press("Enter")
    assert opened.state()["left"] > milliseconds(report, 5400)


def test_a_fault_without_alarm_can_be_looked_at(opened, report):
    opened.page.locator("[data-left]").first.click()
    assert milliseconds(report, 4660) < opened.state()["left"] < milliseconds(report, 4700)


def test_the_select_box_shows_another_channel(opened, report):
    opened.page.select_option("#channels", label="speed")
    assert opened.state()["channel"] == "speed"
    opened.page.select_option("#channels", index=3)
    assert opened.state()["channel"] == report.recording.channels[3]


def test_lines_break_at_a_pause_and_the_extremes_of_an_event_are_drawn(opened, report):
    opened.page.select_option("#channels", label="pressure [bar]")
    drawn = opened.page.evaluate("""() => {
        const { x, signal } = Bokeh.documents[0].get_model_by_name("shown").data;
        return [Array.from(x, String), Array.from(signal, String)];
    }""")
    x, signal = (np.array(column, dtype=float) for column in drawn)
    assert np.isnan(x).sum() == 1
    assert np.nanmax(signal) == pytest.approx(np.nanmax(report.recording.values[:, 0]), rel=1e-6)
    gap = (x > milliseconds(report, 2405)) & (x < milliseconds(report, 2495))
    assert np.isnan(signal[gap]).all()
    assert gap.any()


def test_the_plots_are_drawn_in_their_colours(opened):
    opened.page.click("#whole")
    opened.page.wait_for_function(
        """wanted => {
        const counts = {};
        const walk = (node) => {
            for (const canvas of node.querySelectorAll("canvas")) {
                const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
                for (let at = 0; at < data.length; at += 4) {
                    const colour = data.slice(at, at + 3).join();
                    if (data[at + 3] === 255) counts[colour] = (counts[colour] || 0) + 1;
                }
            }
            for (const child of node.querySelectorAll("*")) if (child.shadowRoot) walk(child.shadowRoot);
        };
        walk(document.getElementById("timeline"));
        return wanted.every((colour) => counts[colour] > 50);
    }""",
        arg=["0,114,178", "230,159,0", "213,94,0", "86,180,233"],
    )  # signal, reconstruction, alarm, fault


def test_a_phone_shows_the_page_without_sideways_scrolling(browser, report, tmp_path):
    phone = visit(browser, write_report(report, tmp_path / "report.html"), width=390)
    assert phone.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert phone.troubles == []


@pytest.mark.parametrize(("leaves", "height"), [(500.0, (6.5, 12.5)), (0.0, (4, 6.5))])
def test_a_signal_keeps_its_height_where_its_reconstruction_leaves(browser, report, tmp_path, leaves, height):
    """The signal reaches from -1 to 4."""
    reconstruction = report.reconstruction.copy()
    reconstruction[1500:1560, 0] += leaves
    path = write_report(replace(report, reconstruction=reconstruction), tmp_path / "report.html")
    far = visit(browser, path)
    far.page.click("#whole")
    far.page.select_option("#channels", label="pressure [bar]")
    low, high = height
    far.page.wait_for_function(
        """([low, high]) => {
            const { start, end } = Bokeh.documents[0].get_model_by_name("channel").y_range;
            return low < end - start && end - start < high;
        }""",
        arg=[low, high],
    )
    drawn = far.page.evaluate("Array.from(Bokeh.documents[0].get_model_by_name('shown').data.reconstruction)")
    assert np.nanmax(np.array(drawn, dtype=float)) > leaves  # what one reads off is the whole
    assert far.troubles == []


def test_a_page_without_times_and_alarms_works(browser, bare_report, tmp_path):
    bare = visit(browser, write_report(bare_report, tmp_path / "report.html"))
    bare.page.click("#next")
    assert bare.state()["left"] == -0.5
    assert bare.troubles == []


def test_codes_in_space_turn_zoom_and_hide_classes(browser, tmp_path):
    codes = np.random.default_rng(0).normal(size=(300, 3)) + np.repeat([[0, 0, 0], [4, 0, 2], [0, 5, 1]], 100, axis=0)
    names = np.repeat(["</script><b>", "two", "three"], 100)
    scatter = visit(browser, write_scatter3d(tmp_path / "space.html", codes, names, "Codes <i>"), ready="canvas")

    def drawn():
        return scatter.page.evaluate("document.querySelector('canvas').toDataURL()")

    seen = [drawn()]
    scatter.page.mouse.move(400, 300)
    scatter.page.mouse.down()
    scatter.page.mouse.move(500, 340)
    scatter.page.mouse.up()
    seen.append(drawn())
    scatter.page.mouse.wheel(0, -300)
    scatter.page.wait_for_function("before => document.querySelector('canvas').toDataURL() != before", arg=seen[-1])
    seen.append(drawn())
    scatter.page.locator("input").nth(1).uncheck()
    seen.append(drawn())
    assert len(set(seen)) == 4  # each of them changed the picture
    assert scatter.page.locator("label").all_inner_texts()[0].strip() in names
    assert scatter.page.title() == "Codes <i>"
    assert scatter.troubles == []
