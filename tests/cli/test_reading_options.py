"""Reading options in the shell: every command takes them, and the advice of its errors can be followed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, Unpack

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import seqae
from generators import machine
from seqae.cli import read_tables
from seqae.cli.messages import in_shell_words
from seqae.cli.reading import ReadingParser, reading_words
from seqae.cli.signature import call
from seqae.data import ReadingKeywords

COMMANDS = ["fit", "encode", "reconstruct", "score", "stream", "recalibrate", "peek"]


def fail(message: str) -> NoReturn:
    raise AssertionError(message)


def taken(words: list[str], *prefixes: str) -> dict[str, Any]:
    found, others = ReadingParser(["", *prefixes], fail).take(words)
    assert others == []
    return found[""] if not prefixes else found


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("--time-column stamp", {"time_column": "stamp"}),
        ("--time-column year month day", {"time_column": ["year", "month", "day"]}),
        ("--missing -999 'Bad Input' -1e3 -.5 - n/a", {"missing": [-999, "Bad Input", -1000.0, -0.5, "-", "n/a"]}),
        ("--missing -- --- --sort", {"missing": ["--", "---"], "sort": True}),
        ("--missing=-- --missing NaN 007", {"missing": ["--", "NaN", 7]}),
        ("--states ON=1 OFF=0 a=b=0.5", {"states": {"ON": 1, "OFF": 0, "a=b": 0.5}}),
        ("--by site unit --no-day-first", {"by": ["site", "unit"], "day_first": False}),
        ("--ignore a --ignore b c", {"ignore": ["a", "b", "c"]}),
        ("--skip-lines 3 --separator ';' --decimal , --comment '#'",
         {"skip_lines": 3, "separator": ";", "decimal": ",", "comment": "#"}),
        ("--separator '\\t' --fill hold --transposed", {"separator": "\t", "fill": "hold", "transposed": True}),
    ],
)  # fmt: skip
def test_words_are_options_of_python(line: str, options: dict[str, object]):
    assert taken(shlex.split(line)) == options


def test_options_of_one_table_have_its_prefix():
    words = shlex.split("--normal.time-column stamp --sort --live.separator ';' --live.no-sort")
    assert taken(words, "normal.", "live.") == {
        "": {"sort": True},
        "normal.": {"time_column": "stamp"},
        "live.": {"separator": ";", "sort": False},
    }


@pytest.mark.parametrize(
    "words", ["--states ON", "--states =1", "--skip-lines x", "--fill last", "--live.time-colum x"]
)
def test_a_mistake_is_named(words: str):
    with pytest.raises(AssertionError, match=words.split()[0].lstrip("-")):
        taken(words.split(), "live.")


TEXT = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1) | st.sampled_from(
    ["Bad Input", "-", "--", "---", "-x", "--sort", "it's", '"', "[a]", "a, b", "{}", "temp [°C]", "#", "(x)", "a=b"]
)
NUMBER = st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6).filter(lambda number: not number.is_integer())
VALUES = {
    "time_column": TEXT,
    "ignore": st.lists(TEXT, min_size=1, max_size=3),
    "missing": st.lists(NUMBER, min_size=1, max_size=3),
    "states": st.dictionaries(TEXT.filter(lambda text: not text.startswith("-")), NUMBER, min_size=1, max_size=3),
    "skip_lines": st.integers(1, 10**6),
    "separator": st.sampled_from([";", "|", "\t", "blank"]),
    "sort": st.booleans(),
}


@given(st.data())
def test_an_advice_in_the_words_of_python_is_one_in_the_shell(data: st.DataObject):
    name = data.draw(st.sampled_from(sorted(VALUES)))
    value = data.draw(VALUES[name])
    message = f"no such thing (a.csv, line 3). Say so: {name}={value!r}"
    told = in_shell_words(message, reading_words()).partition("Say so: ")[2]
    assert taken(shlex.split(told)) == {name: value}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_that_reads_tables_takes_all_options_with_their_texts(name: str, command: Callable):
    text = command(name, "--help").out
    assert "reading tables: How tables are read" in " ".join(text.split())
    for option in [*reading_words().values(), "--reading"]:
        assert f"{option} " in text or f"{option}, " in text
    assert "%d-%b-%y %H:%M:%S" in text  # of the docstring of ReadingOptions


def test_a_file_gives_options_and_those_of_the_command_line_win(tmp_path: Path):
    file = tmp_path / "pump.toml"
    file.write_text('time-column = "stamp"\nmissing = [-999, "Bad Input"]\nsort = true\n[states]\nON = 1\n')

    def show(*, out: str = "", **reading: Unpack[ReadingKeywords]) -> tuple[str, dict[str, object]]:
        return out, dict(reading)

    words = ["--reading", str(file), "--out", "x", "--no-sort", "--missing", "7"]
    expected = {"time_column": "stamp", "missing": [7], "sort": False, "states": {"ON": 1}}
    assert call(show, words, prog="show") == ("x", expected)


def frame(seed: int, rows: int = 400) -> pd.DataFrame:
    return machine(rows, seed=seed)


def shifted(frame: pd.DataFrame, above: str) -> str:
    return above + frame.to_csv(index=False)


REFUSED: dict[str, Callable[[pd.DataFrame], str]] = {
    "a column of text": lambda frame: frame.assign(operator="anne").to_csv(index=False),
    "a name with a blank": lambda frame: frame.assign(**{"who's on": "anne"}).to_csv(index=False),
    "states": lambda frame: frame.assign(valve=["OPEN", "CLOSED"] * (len(frame) // 2)).to_csv(index=False),
    "words for missing values": lambda frame: frame.assign(
        flow=frame["flow"].astype(object).where(frame.index % 50 != 7, "Bad Input")
    ).to_csv(index=False),
    "newest first": lambda frame: frame[::-1].to_csv(index=False),
    "machines": lambda frame: (
        pd.concat([frame.assign(unit="A"), frame.assign(unit="B")])
        .sort_values("time", kind="stable")
        .to_csv(index=False)
    ),
    "one value a row": lambda frame: (
        frame.melt("time", var_name="tag").sort_values("time", kind="stable").to_csv(index=False)
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_an_error_advises_works(name: str, tmp_path: Path, command: Callable, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("normal.csv").write_text(REFUSED[name](frame(0)))
    words = ["fit", "--detector", "normal.csv", "--epochs", "0", "-o", "pump"]
    refused = command(*words)
    assert refused.code == 2 and "normal.csv" in refused.err
    assert re.search(r"\b\w+=['\[({]", refused.err) is None, "words of Python"
    followed = command(*words, *advised(refused.err))
    assert followed.code == 0, followed.err
    assert Path("pump/seqae.json").exists()


def advised(message: str) -> list[str]:
    """Return the first options that a message names, up to where its sentence goes on."""
    found = re.search(r"(--[a-z-]+(?: (?:'[^']*'|\"[^\"]*\"|[^\s'\"]+?(?=[,.;]?(?:\s|$)))+)*)", message)
    assert found is not None, message
    first = re.split(r", or |; |\. |, if | for | to ", message[found.start() :])[0].strip().rstrip(".")
    return shlex.split(first.replace(", --", " --"))


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    stamped = frame(0).rename(columns={"time": "recorded"}).assign(other_time=frame(0)["time"], state="run")
    stamped.to_csv(folder / "normal.csv", index=False)
    frame(1).to_csv(folder / "live.csv", sep=";", index=False)
    return folder


def test_two_tables_are_read_by_common_options_and_by_their_own(tables: Path):
    found = read_tables(
        {
            "normal": (tables / "normal.csv", {"time_column": "recorded", "ignore": ["state", "other_time"]}),
            "live": (tables / "live.csv", {"separator": ";"}),
        },
        {},
    )
    assert [runs[0].channels for runs in found] == [("flow", "pressure")] * 2
    common: ReadingKeywords = {"ignore": ["state", "other_time"], "time_column": "recorded"}
    found = read_tables({"normal": (tables / "normal.csv", None), "live": (tables / "live.csv", None)}, common)
    assert [runs[0].times is not None for runs in found] == [True, True]


def test_a_name_that_no_table_has_is_refused(tables: Path):
    with pytest.raises(ValueError, match=r"no column 'stat' .*'normal', 'live'.*Did you mean 'state'"):
        read_tables(
            {"normal": (tables / "normal.csv", {"ignore": ["state", "other_time"]}), "live": (tables / "live.csv", {})},
            {"ignore": "stat"},
        )


def test_an_error_names_the_option_of_its_table(tables: Path):
    with pytest.raises(ValueError, match=r"normal\.(ignore|states|missing|time_column)="):
        read_tables({"normal": (tables / "normal.csv", None), "live": (tables / "live.csv", None)}, {})
    told = in_shell_words("Leave it out: normal.ignore=['state']", reading_words(["", "normal."]))
    assert told == "Leave it out: --normal.ignore state"


def test_a_detector_is_fitted_and_remembers_how_tables_are_read(
    tables: Path, tmp_path: Path, command: Callable, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    words = ["--ignore", "state", "other_time", "--time-column", "recorded", "--missing", "-999"]
    done = command("fit", "--detector", str(tables / "normal.csv"), *words, "--epochs", "0", "-o", "pump")
    assert done.code == 0, done.err
    assert "data tables: 1 of 400 rows and 2 channels (flow, pressure)" in done.out
    assert "on held-out normal rows" in done.out and "next seqae score pump FILES" in done.out
    later = frame(2).rename(columns={"time": "recorded"}).assign(state="run", extra_clock=range(400))
    later.loc[5, "flow"] = -999
    later.to_csv("today.csv", index=False)
    assert command("score", "pump", "today.csv").code == 0
    scores = pd.read_csv("today_scores.csv")
    assert pd.to_datetime(scores["time"]).tolist() == later["recorded"].tolist()
    assert scores["flow score"].isna()[5]
    assert "reading --time-column recorded --ignore state other_time --missing -999\n" in command("inspect", "pump").out
    refused = command("fit", "--detector", str(tables / "normal.csv"), "--code-size", "3", "-o", "other")
    assert "unrecognized arguments: --code-size" in refused.err


def test_results_of_machines_are_files_of_their_own(tmp_path: Path, command: Callable, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    fleet = pd.concat([frame(seed, 600).assign(unit=unit) for seed, unit in enumerate(["A/1", "B"])])
    fleet.sort_values("time", kind="stable").to_csv("fleet.csv", index=False)
    done = command("fit", "--detector", "fleet.csv", "--by", "unit", "--epochs", "0", "-o", "model")
    assert done.code == 0, done.err
    assert "by 2 machines: A/1, B" in done.out
    for name, words in {"scores": ["score"], "reconstruction": ["reconstruct"], "codes": ["encode"]}.items():
        assert command(*words, "model", "fleet.csv").code == 0
        table = pd.read_csv(f"fleet_A_1_{name}.csv")
        assert set(table["entity"]) == {"A/1"}
        assert set(pd.read_csv(f"fleet_B_{name}.csv")["entity"]) == {"B"}
    assert Path("fleet_B_events.csv").exists()
    clash = fleet.replace({"unit": {"B": "a 1"}}).sort_values("time", kind="stable")
    clash.to_csv("clash.csv", index=False)
    refused = command("encode", "model", "clash.csv", "--entity", "B")
    assert refused.code == 2


def test_options_of_tables_are_refused_for_other_files(tmp_path: Path, command: Callable):
    (tmp_path / "reviews.txt").write_text("good\nbad\n" * 20)
    done = command("fit", str(tmp_path / "reviews.txt"), "--by", "unit", "-o", str(tmp_path / "model"))
    assert done.err == "error: --by is for tables, and these are texts. Leave it out\n"
    assert not (tmp_path / "model").exists()


def test_a_name_in_a_file_of_options_is_not_so_long_that_no_error_can_hold_it(tmp_path: Path):
    (tmp_path / "pump.toml").write_text(f'ignore = ["state", "{"x" * 501}"]\n')
    with pytest.raises(ValueError, match=r"ignore has a text of 501 characters \(pump\.toml\)\. Expected 500 or fewer"):
        seqae.data.read_options(tmp_path / "pump.toml")


def test_options_of_a_file_serve_python_too(tables: Path, tmp_path: Path):
    (tmp_path / "pump.toml").write_text('ignore = ["state", "other_time"]\ntime-column = "recorded"\n')
    options = seqae.data.read_options(tmp_path / "pump.toml")
    (recording,) = seqae.as_recordings(tables / "normal.csv", **options)
    assert recording.channels == ("flow", "pressure")
